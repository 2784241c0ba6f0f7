// The chat page: draws what the simulator tells and says what the person does. Start reading here.

import { drawLine, drawThread, mark } from "./bubbles.js";
import { composer } from "./composer.js";
import { drawFaults } from "./faults.js";
import { inspect, drawWire, openTab } from "./inspector.js";
import { node } from "./element.js";
import * as memory from "./memory.js";
import { addPerson, drawPeople } from "./people.js";
import { call, listen, say } from "./server.js";

const [connection, log, thread, typing] = ["connection", "conversation", "thread", "typing"].map((id) => document.getElementById(id));
const agentName = document.querySelector("main h2");

let current;          // the person whose phone is held
let isTold = false;   // whether the history is complete
let isLost = false;

// ── What the person does ────────────────────────────────────────────────────────────────────────

const act = {
  tap: (bubble, id, title) => tried({ tap: { id, title, message_id: bubble.id } }),
  react: (bubble, emoji) => tried({ reaction: { message_id: bubble.id, emoji } }),
  say: (what) => {
    log.scrollTop = 0;
    return tried(what);
  },
  quote: (bubble) => writing.quote(bubble),
  ask: (what, replyTo) => writing.ask(what, replyTo),
  focus,
  problem: (text) => show({ person: current, text, at: new Date().toISOString() }),
  inspect(bubble) {
    mark(bubble.id);
    inspect(bubble.id);
    openTab("wire");
    if (!document.querySelector("aside").offsetParent) go("inspector");
  },
};

const writing = composer(act);

const isFinger = () => matchMedia("(pointer: coarse)").matches;

/** To the message; under a finger that would open the keyboard, so there to the conversation. */
function focus() {
  if (isFinger()) log.focus({ preventScroll: true });
  else writing.focus();
}

/** Says it as the current person; answers whether it went. */
async function tried(what) {
  try {
    await say({ person: current, ...what });
    return true;
  } catch (error) {
    act.problem(`Not sent: ${error.message}`);
    return false;
  }
}

// ── What the simulator tells ────────────────────────────────────────────────────────────────────

const told = {
  reset() {
    isTold = false;
    memory.forget();
    // What is told again is old news: a screen reader need not say it.
    log.ariaBusy = "true";
  },
  person(person) {
    memory.people.set(person.id, person);
    later(drawList);
    // Somebody new may be known here only after the address has named them.
    if (isTold && place()[1] === person.id && current !== person.id) drawAll();
  },
  bubble(bubble) {
    memory.keep(bubble);
    if (!isTold) return;
    if (bubble.person === current) drawLine(thread, bubble, act);
    if (bubble.from === "business" && bubble.person === current) follow(bubble);
    later(drawList);
    later(drawWireNow);
    later(seen);
  },
  typing({ person, on }) {
    if (on) memory.typing.add(person);
    else memory.typing.delete(person);
    later(drawHead);
    later(drawList);
  },
  wire(wire) {
    memory.wires.set(wire.id, wire);
    later(drawWireNow);
  },
  session({ person, ...session }) {
    memory.sessions.set(person, session);
    later(drawWireNow);
  },
  faults({ faults }) {
    memory.panel.faults = faults;
    later(() => drawFaults(faults, act));
  },
  endpoint(endpoint) {
    memory.panel.endpoint = endpoint;
    later(drawHead);
  },
  problem: show,
  ready() {
    isTold = true;
    drawAll();
    setTimeout(() => { log.ariaBusy = "false"; }, 300);
  },
};

function show(problem) {
  memory.problems.push(problem);
  if (isTold && (!problem.person || problem.person === current)) drawLine(thread, problem, act);
}

/** The newest reply is what the inspector shows, unless somebody looks at something else. */
function follow({ id }) {
  inspect(id, { unlessHeld: true });
}

// ── Drawing, once per frame ─────────────────────────────────────────────────────────────────────

const waiting = new Set();

function later(draw) {
  if (!isTold) return;
  if (waiting.size === 0) {
    // A page in the background gets no frames, but must go on counting.
    setTimeout(() => {
      const now = [...waiting];
      waiting.clear();
      for (const each of now) each();
    }, 16);
  }
  waiting.add(draw);
}

function drawAll() {
  const [, person] = place();
  current = memory.people.has(person) ? person : memory.people.keys().next().value;
  drawThread(thread, memory.conversation(current), act);
  inspect(memory.ofPerson(current).at(-1)?.id);
  drawHead();
  drawList();
  drawFaults(memory.panel.faults, act);
  drawWireNow();
  seen();
}

function drawHead() {
  const person = memory.people.get(current);
  const { agent, number } = memory.panel.endpoint;
  const writes = memory.typing.has(current);
  agentName.textContent = agent ? `${agent} agent`.replace(/agent agent$/iu, "agent") : "Your agent";
  const held = person ? `${person.name}'s phone` : "simulated number";
  connection.textContent = isLost ? "reconnecting…" : writes ? "typing…" : [held, number && `to +${number}`].filter(Boolean).join(" · ");
  connection.classList.toggle("lost", isLost);
  const isShown = typing.childElementCount > 0;
  if (writes !== isShown) typing.replaceChildren(...(writes ? [node("span", { className: "unseen" }, "typing…"), node("i"), node("i"), node("i")] : []));
}

function drawList() {
  drawPeople(current, addressOf);
  const waits = [...memory.people.keys()].reduce((sum, person) => sum + (person === current ? 0 : memory.unread(person)), 0);
  document.title = `${waits ? `(${waits}) ` : ""}Chat with your agent`;
}

function drawWireNow() {
  drawWire(memory.people.get(current));
}

/** Tells that the person has the conversation before the eyes; only then are messages read. */
function seen() {
  if (document.visibilityState !== "visible" || !log.offsetParent || !memory.unread(current)) return;
  call("POST", "/api/seen", { person: current }).catch(() => {});
}

// ── Where we are: #chat/ada, #people/ada, #inspector/ada ────────────────────────────────────────

function place() {
  const [pane, person] = location.hash.slice(1).split("/");
  return [["people", "inspector"].includes(pane) ? pane : "chat", decodeURIComponent(person ?? "")];
}

function addressOf(pane, person = current) {
  return `#${pane}/${encodeURIComponent(person ?? "")}`;
}

function go(pane) {
  location.hash = addressOf(pane);
}

function arrive() {
  const [pane, person] = place();
  document.body.dataset.pane = pane;
  if (isTold && person && person !== current) {
    drawAll();
    writing.clear();
  }
  if (pane === "inspector" && isTold) drawWireNow();
  if (pane === "chat" && !isFinger()) writing.focus();
  seen();
}

for (const pane of ["people", "inspector", "chat"]) {
  document.getElementById(`to-${pane}`).addEventListener("click", (event) => {
    event.preventDefault();
    go(pane);
  });
}
document.getElementById("add-person").addEventListener("click", () => addPerson((id) => { location.hash = addressOf("chat", id); }));
addEventListener("hashchange", arrive);
document.addEventListener("visibilitychange", seen);

arrive();
listen(told, (isThere) => {
  isLost = !isThere;
  if (isLost) memory.typing.clear();
  drawHead();
});
