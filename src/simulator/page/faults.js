// The panel of faults: what this Meta does wrong on demand, and which of its rules hold.

import { node } from "./element.js";
import { call } from "./server.js";

const panel = document.getElementById("faults");
const GROUPS = { sends: "Sends", webhooks: "Webhooks", media: "Media", rules: "Meta's rules" };
const TIMES = [["0", "off"], ["1", "once"], ["2", "twice"], ["5", "5 times"], ["always", "always"]];

/** Draws the whole panel; what is being edited keeps its focus. */
export function drawFaults(faults, act) {
  const focused = panel.contains(document.activeElement) && document.activeElement.name;
  const groups = [...new Set(faults.map(({ group }) => group))];
  panel.replaceChildren(node("p", { className: "empty" }, "What goes wrong at Meta, when you want it to."),
    ...groups.map((group) => node("fieldset", { className: "faults" }, node("legend", {}, GROUPS[group] ?? group),
      faults.filter((fault) => fault.group === group).map((fault) => row(fault, act)))));
  if (focused) panel.querySelector(`[name="${CSS.escape(focused)}"]`)?.focus();
  const on = faults.filter(({ group, times }) => group !== "rules" && times !== 0).length;
  document.getElementById("tab-faults").textContent = on ? `Faults (${on} on)` : "Faults";
}

function row({ name, title, help, group, times, value, unit }, act) {
  const set = (change) => call("PUT", "/api/faults", { name, ...change }).catch((error) => act.problem(error.message));
  const isOn = times !== 0;
  const control = group === "rules"
    ? node("input", {
      type: "checkbox", name, checked: isOn, role: "switch", ariaLabel: title, onchange: ({ target }) => set({ times: target.checked ? null : 0 }),
    })
    : node("select", { name, ariaLabel: title, onchange: ({ target }) => set({ times: target.value === "always" ? null : Number(target.value) }) },
      options(times).map(([option, words]) => node("option", { value: option, selected: option === String(times ?? "always") }, words)));
  return node("div", { className: isOn && group !== "rules" ? "fault on" : "fault" },
    node("div", { className: "what" }, node("strong", {}, title), help && node("small", {}, help)), control,
    value !== null && value !== undefined && node("label", { className: "amount" }, node("input", {
      type: "number", name: `${name}-value`, value, min: 0, step: 1, ariaLabel: `${title}: ${unit ?? "value"}`,
      onchange: ({ target }) => set({ value: Number(target.value) }),
    }), unit));
}

/** What is set now is always among the choices. */
function options(times) {
  if (times === null || times === undefined || TIMES.some(([value]) => value === String(times))) return TIMES;
  return [...TIMES.slice(0, -1), [String(times), `${times} times`], TIMES.at(-1)];
}
