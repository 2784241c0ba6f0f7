// The chat page: draws what the simulator tells (server-sent events) and posts what the person says.
// The server is the only memory. Each time we connect it says `reset` and tells everything again,
// so a reload, a second tab and a lost connection are one case.

const [connection, log, thread, typing, composer, message] =
  ["connection", "conversation", "thread", "typing", "composer", "message"].map((id) => document.getElementById(id));

const bubbles = new Map();   // bubble id → its <li>
const read = new Set();      // ids the business has read

// ── What the server tells ───────────────────────────────────────────────────────────────────────

const told = {
  reset() {
    bubbles.clear();
    read.clear();
    thread.replaceChildren();
    typing.textContent = "";
    // What is told again is old news: a screen reader need not say it.
    log.ariaBusy = "true";
    setTimeout(() => { log.ariaBusy = "false"; }, 500);
  },

  bubble(bubble) {
    const drawn = drawBubble(bubble);
    const earlier = bubbles.get(bubble.id);
    bubbles.set(bubble.id, drawn);
    if (earlier) return earlier.replaceWith(drawn);
    if (bubble.from === "business") typing.textContent = "";
    openList().append(drawn);
  },

  read({ id }) {
    read.add(id);
    bubbles.get(id)?.querySelector(".tick")?.replaceWith(tick(true));
  },

  typing({ on }) {
    typing.textContent = on ? "typing…" : "";
  },

  problem({ text, at }) {
    thread.append(node("div", { className: "problem", role: "alert" },
      node("span", { className: "text" }, text), " ", node("span", { className: "meta" }, time(at))));
  },
};

function listen() {
  const events = new EventSource("/api/events");
  for (const [name, handle] of Object.entries(told)) {
    events.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  }
  events.onopen = () => connected(true);
  events.onerror = () => {
    connected(false);
    typing.textContent = "";
    // A browser that got an answer it did not like gives up; we do not.
    if (events.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
}

function connected(yes) {
  connection.textContent = yes ? "simulated number" : "reconnecting…";
  connection.classList.toggle("lost", !yes);
}

// ── What the person says ────────────────────────────────────────────────────────────────────────

let lastPost = Promise.resolve();

/** Posts one message after the one before it; what went wrong is an `Error` with words for the person. */
function post(body) {
  const posted = lastPost.then(async () => {
    const answer = await fetch("/api/messages", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(30_000),
    }).catch(() => { throw new Error("the simulator cannot be reached. Is it still running?"); });
    if (answer.ok) return;
    const { error } = await answer.json().catch(() => ({}));
    throw new Error(error ?? `the simulator answered ${answer.status}`);
  });
  lastPost = posted.catch(() => {});
  return posted;
}

function notSent(error) {
  told.problem({ text: `Not sent: ${error.message}` });
}

composer.addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = message.value;
  message.focus();
  if (!text.trim()) return;
  message.value = "";
  log.scrollTop = 0;
  try {
    await post({ text });
  } catch (error) {
    notSent(error);
    message.value = [text, message.value].filter(Boolean).join("\n");
  }
});

message.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  composer.requestSubmit();
});

async function tap(button, buttons, messageId) {
  choose(buttons, button);
  try {
    await post({ tap: { id: button.value, title: button.textContent, message_id: messageId } });
    message.focus();
  } catch (error) {
    notSent(error);
    choose(buttons, undefined);
  }
}

function choose(buttons, chosen) {
  for (const button of buttons) {
    button.disabled = Boolean(chosen);
    button.classList.toggle("chosen", button === chosen);
  }
}

// ── Drawing ─────────────────────────────────────────────────────────────────────────────────────

function drawBubble({ id, from, type, text, buttons, tapped, at }) {
  const person = from === "person";
  const plain = type === "text" || type === "interactive";
  const words = node("div", { className: plain ? "text" : "text described", dir: "auto" }, ...formatted(text ?? ""));
  const meta = node("span", { className: "meta" }, time(at), ...(person ? [tick(read.has(id))] : []));
  const who = node("span", { className: "unseen" }, person ? "You: " : "Agent: ");
  return node("li", { className: person ? "person" : "business" },
    node("div", { className: "bubble" }, who, words, " ", meta),
    ...(buttons?.length ? [drawReplies(id, buttons, tapped)] : []));
}

function drawReplies(messageId, replies, tapped) {
  const buttons = replies.map(({ id, title }) => node("button", { type: "button", value: id }, title));
  for (const button of buttons) button.addEventListener("click", () => tap(button, buttons, messageId));
  choose(buttons, buttons.find((button) => button.value === tapped));
  return node("div", { className: "replies", role: "group", ariaLabel: "Replies" }, ...buttons);
}

/** The list that is open at the end. A problem closes it, so that every list item is a message. */
function openList() {
  if (thread.lastElementChild?.tagName !== "OL") thread.append(node("ol", { role: "list" }));
  return thread.lastElementChild;
}

function tick(isRead) {
  const look = isRead ? { className: "tick read", ariaLabel: "Read" } : { className: "tick", ariaLabel: "Sent" };
  return node("span", { role: "img", ...look }, isRead ? "✓✓" : "✓");
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

function time(at) {
  const when = at ? new Date(at) : new Date();
  return node("time", { dateTime: when.toISOString(), title: when.toLocaleString() }, clock.format(when));
}

/** An element with its properties and children; strings become text, never markup. */
function node(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// ── WhatsApp's marks ────────────────────────────────────────────────────────────────────────────

const BLOCK = /```(?!.*```)\n?([^]+?)\n?```\n?|((?:^> .*(?:\n|$))+)/gm;
const LINK = /(?<link>https?:\/\/(?:\([^\s()<>]*\)|[^\s()<>])*(?:\([^\s()<>]*\)|[^\s()<>.,;:!?'"*_~`\]]))/u;
const MARK = /(?<![\p{L}\p{N}])(?<mark>```|[*_~`])(?!\k<mark>|\s)(?<inner>.*?\S)(?<!\k<mark>)\k<mark>(?![\p{L}\p{N}])/u;
const INLINE = new RegExp(`${LINK.source}|${MARK.source}`, "gu");
const TAGS = { "*": "strong", "_": "em", "~": "s" };

function formatted(text) {
  return pieces(text, BLOCK, ([, code, quote]) => quote
    ? node("blockquote", {}, ...inline(quote.replace(/^> /gm, "").trimEnd()))
    : node("pre", {}, code), inline);
}

function inline(text) {
  return pieces(text, INLINE, ({ groups: { link, mark, inner } }) => {
    if (link) return URL.canParse(link) ? node("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, link) : link;
    return mark in TAGS ? node(TAGS[mark], {}, ...inline(inner)) : node("code", {}, inner);
  }, (rest) => [rest]);
}

/** The text in order: what `pattern` finds goes through `found`, what lies between through `between`. */
function pieces(text, pattern, found, between) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    parts.push(...between(text.slice(end, match.index)), found(match));
    end = match.index + match[0].length;
  }
  return [...parts, ...between(text.slice(end))];
}

listen();
