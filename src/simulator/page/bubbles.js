// The thread: one list item per message, with tail, time, ticks, reactions, and why it failed.

import { contents } from "./contents.js";
import { dayName, icon, iconButton, node, time } from "./element.js";
import { bubbles } from "./memory.js";
import { openMenu } from "./menu.js";
import { plain } from "./markup.js";

const EMOJI = ["👍", "❤️", "😂", "😮", "😢", "🙏"];
const TICKS = {
  accepted: ["clock", "On its way"],
  sent: ["tick", "Sent"],
  delivered: ["ticks", "Delivered"],
  read: ["ticks", "Read"],
  played: ["ticks", "Played"],
  failed: ["fault", "Failed"],
};

const drawn = new Map();   // message id → what is on the page

/** Draws a whole conversation. */
export function drawThread(thread, lines, act) {
  drawn.clear();
  thread.replaceChildren();
  for (const line of lines) append(thread, line, act);
}

/** Draws a message or problem that is new at the end, or a message again that has changed. */
export function drawLine(thread, line, act) {
  const earlier = drawn.get(line.id);
  if (!earlier) return append(thread, line, act);
  const shape = shapeOf(line);
  if (earlier.shape === shape) {
    // Only what stands around the words has changed: sounds go on, a focus stays.
    earlier.item.querySelector(".meta")?.replaceWith(meta(line));
    return around(earlier.item, line, act);
  }
  const hadFocus = earlier.item.contains(document.activeElement);
  const item = drawBubble(line, act);
  earlier.item.replaceWith(item);
  drawn.set(line.id, { item, shape });
  if (hadFocus) act.focus();
}

/** Marks the message whose exchanges are shown. */
export function mark(id) {
  for (const [each, { item }] of drawn) item.classList.toggle("inspected", each === id);
}

function append(thread, line, act) {
  const day = new Date(line.at).toDateString();
  if (thread.lastElementChild?.dataset.day !== day) {
    thread.append(node("section", {}, node("h3", { className: "day" }, dayName(line.at))));
    thread.lastElementChild.dataset.day = day;
  }
  const section = thread.lastElementChild;
  if (!line.id) return section.append(drawProblem(line));
  // A problem closes the list, so that every list item is a message.
  if (section.lastElementChild?.tagName !== "OL") section.append(node("ol", { role: "list" }));
  const item = drawBubble(line, act);
  drawn.set(line.id, { item, shape: shapeOf(line) });
  section.lastElementChild.append(item);
}

function shapeOf({ message, tapped, quoted, text }) {
  return JSON.stringify([message, tapped, quoted, text]);
}

function drawProblem({ text, at }) {
  return node("div", { className: "problem", role: "alert" }, icon("fault"), node("span", {}, text), time(at));
}

function drawBubble(bubble, act) {
  const { inside, below = [], after = [], overlay, bare } = contents(bubble, act);
  const person = bubble.from === "person";
  const options = iconButton("more", "Message options", (event) => optionsMenu(event.currentTarget, bubbles.get(bubble.id) ?? bubble, act),
    { className: "icon options", ariaHasPopup: "menu", ariaExpanded: "false" });
  const box = node("div", { className: ["bubble", overlay && "overlay", bare && "bare"].filter(Boolean).join(" ") },
    node("span", { className: "unseen" }, person ? "You: " : "Agent: "),
    bubble.quoted && quote(bubble.quoted),
    node("div", { className: "inside" }, inside, meta(bubble)),
    below.some(Boolean) && node("div", { className: "below" }, below),
    options);
  box.addEventListener("click", ({ target }) => {
    // A finger has no pointer that could hover.
    const isFree = !target.closest("a, button, input, video") && getSelection().isCollapsed;
    if (isFree && matchMedia("(hover: none)").matches) options.click();
  });
  const item = node("li", { className: person ? "person" : "business" }, box, after);
  around(item, bubble, act);
  return item;
}

function meta({ from, status, at }) {
  const failed = status === "failed";
  const ticks = (from === "person" || failed) && TICKS[status];
  const tick = ticks && node("span", { className: `tick ${status}` }, icon(...ticks));
  return node("span", { className: "meta" }, time(at), tick);
}

/** What hangs on a bubble: reactions, and the reason of a failure. */
function around(item, { status, reason, reactions = [] }, act) {
  for (const old of item.querySelectorAll(":scope > .reactions, :scope > .failure")) old.remove();
  const shown = reactions.filter(({ emoji }) => emoji);
  item.classList.toggle("reacted", shown.length > 0);
  if (shown.length) {
    const words = shown.map(({ from, emoji }) => `${from === "person" ? "You" : "The agent"} reacted with ${emoji}`).join(", ");
    item.append(node("span", { className: "reactions", role: "img", ariaLabel: words, title: words }, shown.map(({ emoji }) => emoji).join("")));
  }
  if (status === "failed") item.append(failure(reason ?? "Meta gave no reason", act));
}

function failure(reason) {
  const words = node("span", { className: "reason" }, reason);
  const button = node("button", { type: "button", className: "failure", ariaExpanded: "false", title: reason },
    icon("fault"), node("span", {}, "Not delivered"), words);
  button.addEventListener("click", () => {
    button.ariaExpanded = String(button.ariaExpanded !== "true");
  });
  return button;
}

/** The message that is answered; a tap leads to it. */
function quote(id) {
  const quoted = bubbles.get(id);
  return node("button", {
    type: "button", className: quoted?.from === "person" ? "quote mine" : "quote",
    onclick: () => show(id),
  }, node("strong", {}, quoted?.from === "person" ? "You" : "Agent"),
  node("span", { dir: "auto" }, quoted ? gist(quoted) : "A message that is not here"));
}

/** What a message says in a line or two, without what it offers. */
export function gist({ text, message }) {
  return plain(message?.interactive?.body?.text ?? text).slice(0, 160);
}

function show(id) {
  const item = drawn.get(id)?.item;
  item?.scrollIntoView({ block: "center" });
  item?.animate([{ background: "color-mix(in srgb, var(--accent) 35%, transparent)" }, {}], 1200);
}

function optionsMenu(anchor, bubble, act) {
  const mine = (bubble.reactions ?? []).find(({ from }) => from === "person")?.emoji;
  const emoji = node("div", { className: "emoji", role: "group", ariaLabel: "Reactions" }, EMOJI.map((each) => node("button", {
    type: "button", role: "menuitemradio", ariaChecked: String(each === mine), ariaLabel: each === mine ? `Take back ${each}` : `React with ${each}`,
    onclick: () => act.react(bubble, each === mine ? "" : each),
  }, each)));
  openMenu(anchor, "Message options", [
    ...(bubble.from === "business" ? [emoji] : []),
    ["reply", "Reply", () => act.quote(bubble)],
    ["copy", "Copy text", () => navigator.clipboard?.writeText(bubble.text ?? "")],
    ["wire", "Inspect", () => act.inspect(bubble)],
  ]);
}
