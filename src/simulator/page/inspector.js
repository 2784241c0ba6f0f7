// What went over the wire for a message: webhook, question to the agent, calls of the Graph API, statuses, session.

import { gist } from "./bubbles.js";
import { icon, node, time } from "./element.js";
import * as memory from "./memory.js";
import { names } from "./people.js";

const panel = document.getElementById("wire");
const KINDS = {
  webhook: ["Webhook", "the message goes to the endpoint"],
  agent: ["Agent", "the endpoint asks the agent"],
  graph: ["Graph API", "the endpoint calls Meta"],
  call: ["Call", "another system calls the endpoint"],
  status: ["Status", "what became of a reply goes to the endpoint"],
};

let shown;            // the message that is looked at
let isHeld = false;   // whether somebody chose it
const open = new Set();

/** Looks at this message; what somebody chose is only left for another choice or person. */
export function inspect(id, { unlessHeld = false } = {}) {
  const isSamePerson = memory.bubbles.get(shown)?.person === memory.bubbles.get(id)?.person;
  if (unlessHeld && isHeld && isSamePerson) return;
  isHeld = !unlessHeld && id !== undefined && memory.ofPerson(memory.bubbles.get(id)?.person).at(-1)?.id !== id;
  if (shown !== id) open.clear();
  shown = id;
  drawWire(memory.people.get(memory.bubbles.get(id)?.person));
}

/** Draws the panel again. */
export function drawWire(person) {
  if (!panel.offsetParent) return;
  const bubble = memory.bubbles.get(shown);
  const { scrollTop } = panel;
  panel.replaceChildren(...(bubble ? turn(bubble) : [node("p", { className: "empty" }, "Say something, and here you see what went over the wire for it.")]),
    ...about(person));
  panel.scrollTop = scrollTop;
}

function turn(bubble) {
  const { exchanges } = memory.turnOf(bubble);
  const begin = Math.min(...exchanges.map(({ at }) => Date.parse(at)));
  const length = Math.max(1, ...exchanges.map(({ at, took_ms: took }) => Date.parse(at) - begin + (took ?? 0)));
  return [
    node("div", { className: "looked-at" }, node("strong", {}, bubble.from === "person" ? "You" : "Agent"), " ",
      node("span", {}, gist(bubble) || bubble.type), node("code", {}, [bubble.type, bubble.status, bubble.id].filter(Boolean).join(" · "))),
    node("ol", { className: "exchanges" }, exchanges.map((wire) => exchange(wire, wire.message === bubble.id, { begin, length }))),
    kept("message", "Message as Meta writes it", bubble.message),
  ];
}

function exchange(wire, isOwn, { begin, length }) {
  const { id, kind, title, request = {}, response, error, took_ms: took, at } = wire;
  const [name, help] = KINDS[kind] ?? [kind, ""];
  const bad = error || (response && response.status >= 400);
  const bar = node("i", { className: "bar-of-time" });
  bar.style.insetInlineStart = `${Math.min(96, ((Date.parse(at) - begin) / length) * 100)}%`;
  bar.style.width = `${Math.max(2, Math.min(100, ((took ?? 0) / length) * 100))}%`;
  const summary = node("summary", {},
    node("span", { className: `kind ${kind}`, title: help }, name),
    node("span", { className: "title", title }, words(wire)),
    node("span", { className: bad ? "state bad" : "state" }, response?.status ?? (error ? "no answer" : "…")),
    node("span", { className: "took" }, duration(took)),
    node("span", { className: "track", ariaHidden: "true" }, bar));
  const details = node("details", { className: isOwn ? "exchange own" : "exchange", open: open.has(id) }, summary);
  const fill = () => {
    if (!details.open || details.children.length > 1) return;
    details.append(node("p", { className: "when" }, time(at), " ", title ?? ""),
      ...side("Request", request), ...(response ? side(`Answer ${response.status}`, response) : []),
      ...(error ? [node("p", { className: "lost" }, error)] : []));
  };
  details.addEventListener("toggle", () => {
    if (details.open) open.add(id);
    else open.delete(id);
    fill();
  });
  fill();
  return node("li", {}, details);
}

function duration(took) {
  if (took === null || took === undefined) return "";
  if (took < 1) return "< 1 ms";
  return took < 10_000 ? `${took} ms` : `${(took / 1000).toFixed(1)} s`;
}

/** The exchange in a few words: what matters of its address and body. */
function words({ kind, title, request }) {
  const body = request?.body ?? {};
  if (kind === "status") return body.entry?.[0]?.changes?.[0]?.value?.statuses?.map(({ status }) => status).join(", ") || title;
  if (kind === "graph" && body.status === "read") return body.typing_indicator ? "read, typing" : "read";
  if (kind === "graph" && body.type) return `send ${body.type}`;
  return String(title ?? "").replace(/https?:\/\/[^/\s]+/u, "");
}

function side(name, { headers, body }) {
  const lines = Object.entries(headers ?? {}).map(([header, value]) => `${header}: ${value}`);
  const isEmpty = body === undefined || body === null || body === "";
  return [node("h4", {}, name),
    ...(lines.length ? [node("pre", { className: "headers", tabIndex: 0 }, lines.join("\n"))] : []),
    ...(isEmpty ? [node("p", { className: "empty" }, "no body")] : [pretty(body)])];
}

function kept(id, name, value) {
  const details = node("details", { className: "exchange", open: open.has(id) }, node("summary", {}, node("span", { className: "title" }, name)));
  details.append(value === undefined || value === null ? node("p", { className: "empty" }, "nothing yet") : pretty(value));
  details.addEventListener("toggle", () => (details.open ? open.add(id) : open.delete(id)));
  return details;
}

const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gu;

/** JSON with its lines, indents and colours; other text as it is. */
function pretty(value) {
  if (typeof value === "string") return node("pre", { tabIndex: 0 }, value);
  const text = JSON.stringify(value, null, 2);
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    const kind = match[2] ? "key" : match[1] ? "string" : "value";
    parts.push(text.slice(end, match.index), node("span", { className: kind }, match[1] ?? match[0]), match[2] ?? "");
    end = match.index + match[0].length;
  }
  return node("pre", { tabIndex: 0 }, parts, text.slice(end));
}

function about(person) {
  if (!person) return [];
  const window = person.window_until && Date.parse(person.window_until);
  const until = !window ? "not open: nothing was said yet"
    : window < Date.now() ? "closed: only templates go out" : node("span", {}, "open until ", new Date(window).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
  const facts = [["Known by", names(person)], ["BSUID", person.user_id], ["24-hour window", until], ["Marketing messages", person.marketing_stopped ? "stopped" : ""]].filter(([, value]) => value);
  return [kept("session", "Session that the endpoint holds", memory.sessions.get(person.id)?.state),
    node("h3", {}, icon("contact"), person.name),
    node("dl", { className: "facts" }, facts.flatMap(([term, value]) => [node("dt", {}, term), node("dd", {}, value)])),
    node("a", { className: "record", href: `/api/recording?person=${encodeURIComponent(person.id)}`, download: `${person.id}.json` }, "Save this conversation's webhooks as events")];
}

// ── Tabs ────────────────────────────────────────────────────────────────────────────────────────

const tabs = ["wire", "faults"];

export function openTab(name) {
  for (const each of tabs) {
    const tab = document.getElementById(`tab-${each}`);
    tab.ariaSelected = String(each === name);
    tab.tabIndex = each === name ? 0 : -1;
    document.getElementById(each).hidden = each !== name;
  }
  drawWire(memory.people.get(memory.bubbles.get(shown)?.person));
}

for (const name of tabs) {
  const tab = document.getElementById(`tab-${name}`);
  tab.addEventListener("click", () => openTab(name));
  tab.addEventListener("keydown", ({ key }) => {
    if (key !== "ArrowLeft" && key !== "ArrowRight") return;
    const other = tabs.find((each) => each !== name);
    openTab(other);
    document.getElementById(`tab-${other}`).focus();
  });
}
