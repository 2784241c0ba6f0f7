// What the simulator has told, kept for drawing. The server is the only memory that counts: after each `reset` it tells
// everything again, so a reload, a second tab and a lost connection are one case.

export const people = new Map();      // id → person
export const bubbles = new Map();     // message id → bubble
const chats = new Map();              // person → their bubbles by id, in order
export const wires = new Map();       // id → exchange
export const sessions = new Map();    // person → the latest state
export const typing = new Set();      // persons to whom the business types
export const problems = [];           // in order
export const panel = { faults: [], endpoint: {} };

export function forget() {
  for (const kept of [people, bubbles, chats, wires, sessions, typing]) kept.clear();
  problems.length = 0;
}

/** Messages and problems of a person, in order. */
export function conversation(person) {
  const said = ofPerson(person);
  const here = problems.filter((problem) => !problem.person || problem.person === person);
  return [...said, ...here].sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
}

export function ofPerson(person) {
  return [...(chats.get(person)?.values() ?? [])];
}

/** A message that is new, or has changed and stays in its place. */
export function keep(bubble) {
  bubbles.set(bubble.id, bubble);
  if (!chats.has(bubble.person)) chats.set(bubble.person, new Map());
  chats.get(bubble.person).set(bubble.id, bubble);
}

/** How many messages of the business the person has not seen. */
export function unread(person) {
  return ofPerson(person).filter(({ from, status }) => from === "business" && isUnseen(status)).length;
}

export function isUnseen(status) {
  return ["accepted", "sent", "delivered"].includes(status);
}

/** What a message belongs to: the person's message, the replies that followed it, and what went over the wire for them. */
export function turnOf(bubble) {
  const said = ofPerson(bubble.person);
  const at = said.indexOf(bubble);
  const first = said.findLastIndex(({ from }, index) => index <= at && from === "person");
  const next = said.findIndex(({ from }, index) => index > at && from === "person");
  const messages = said.slice(Math.max(first, 0), next < 0 ? undefined : next);
  const ids = new Set(messages.map(({ id }) => id));
  // A notice may come before the person has said anything.
  const [begin, end] = [first < 0 ? 0 : Date.parse(messages[0].at), next < 0 ? Infinity : Date.parse(said[next].at)];
  const exchanges = [...wires.values()].filter((wire) => {
    if (wire.message && bubbles.has(wire.message)) return ids.has(wire.message);
    const when = Date.parse(wire.at);
    return wire.person === bubble.person && when >= begin && when < end;
  });
  return { messages, exchanges };
}
