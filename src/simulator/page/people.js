// The people whose phones we hold: the list at the side, and the form for one more.

import { gist } from "./bubbles.js";
import { avatar, dialog, node, time } from "./element.js";
import * as memory from "./memory.js";
import { call } from "./server.js";

const list = document.getElementById("people-list");

/** Draws the list again; `addressOf` names the address of a person's chat. */
export function drawPeople(current, addressOf) {
  const focused = list.contains(document.activeElement) && document.activeElement.dataset.person;
  const newest = (person) => Date.parse(memory.ofPerson(person).at(-1)?.at ?? 0);
  const people = [...memory.people.values()].sort((one, other) => newest(other.id) - newest(one.id));
  list.replaceChildren(...people.map((person) => entry(person, person.id === current, addressOf("chat", person.id))));
  if (focused) list.querySelector(`[data-person="${CSS.escape(focused)}"]`)?.focus();
}

function entry(person, isCurrent, address) {
  const last = memory.ofPerson(person.id).at(-1);
  const waits = isCurrent ? 0 : memory.unread(person.id);
  const writes = memory.typing.has(person.id);
  const said = last && `${last.from === "person" ? "You: " : ""}${gist(last) || last.type}`;
  const line = node("a", { href: address, title: names(person) }, avatar(person.name),
    node("span", { className: "name", dir: "auto" }, person.name), last ? time(last.at) : node("span"),
    node("span", { className: writes ? "last writes" : "last", dir: "auto" }, writes ? "typing…" : said ?? names(person)),
    waits > 0 && node("span", { className: "unread", ariaLabel: `${waits} unread` }, waits));
  line.dataset.person = person.id;
  if (isCurrent) line.setAttribute("aria-current", "true");
  return node("li", {}, line);
}

/** How the business may know a person. */
export function names({ number, user_id: userId, username }) {
  return [number && `+${number}`, username && `@${username}`, !number && !username && "no number", !userId && "no BSUID"]
    .filter(Boolean).join(" · ");
}

const KINDS = [["both", "Number and BSUID"], ["hide_number", "BSUID only: the number stays hidden"],
  ["username", "Username and BSUID"], ["number_only", "Number only, as before 2026"]];

/** Asks for a new person; `arrived` gets the id. */
export function addPerson(arrived) {
  const field = (label, name, more = {}) => node("label", { className: "field" }, label, node("input", { name, autocomplete: "off", ...more }));
  const fault = node("p", { className: "lost", role: "alert" });
  const box = dialog("Add a person",
    node("div", { className: "scroll" },
      field("Name", "name", { required: true, maxLength: 80 }),
      node("label", { className: "field" }, "Known to the business by",
        node("select", { name: "kind" }, KINDS.map(([value, words]) => node("option", { value }, words)))),
      field("Number (empty: made up)", "number", { inputMode: "tel", pattern: "\\+?[0-9]{7,15}", placeholder: "15550100999" }),
      field("Username (only for the third kind)", "username", { pattern: "[a-z0-9._]{3,35}", placeholder: "eve.example" }), fault),
    node("footer", {}, node("button", { className: "action" }, "Add")));
  box.querySelector("input").focus();
  box.querySelector("form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const { name, kind, number, username } = Object.fromEntries(new FormData(event.target));
    const hides = kind === "hide_number" || kind === "username";
    try {
      const person = await call("POST", "/api/people", {
        name: name.trim(),
        number: number.replace("+", "") || null,
        user_id: null,
        username: kind === "username" ? username || `${name.trim().split(" ")[0].toLowerCase().replace(/[^a-z0-9]/gu, "")}.example` : null,
        hide_number: hides,
        number_only: kind === "number_only",
      });
      box.close();
      arrived(person.id);
    } catch (error) {
      fault.textContent = error.message;
    }
  });
}
