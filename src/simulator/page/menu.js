// A menu over the page: arrows move, Enter chooses, Escape or a click elsewhere closes and gives the focus back.

import { icon, node } from "./element.js";

/** Opens a menu at the element; an item is `[icon, words, what to do]` or an element that brings its own menu items. */
export function openMenu(anchor, label, items) {
  const entries = items.map((item) => (item instanceof Node ? item : entry(item)));
  const menu = node("div", { className: "menu", role: "menu", ariaLabel: label, popover: "auto" }, entries);
  const choices = () => [...menu.querySelectorAll("[role^=menuitem]")];
  menu.addEventListener("keydown", (event) => move(event, choices()));
  menu.addEventListener("click", ({ target }) => target.closest("[role^=menuitem]") && menu.hidePopover());
  menu.addEventListener("toggle", ({ newState }) => {
    if (newState !== "closed") return;
    anchor.setAttribute("aria-expanded", "false");
    menu.remove();
  });
  document.body.append(menu);
  anchor.setAttribute("aria-expanded", "true");
  menu.showPopover();
  place(menu, anchor.getBoundingClientRect());
  choices()[0]?.focus();
}

function entry([name, words, choose]) {
  return node("button", { type: "button", role: "menuitem", onclick: choose }, icon(name), words);
}

function move(event, choices) {
  const at = choices.indexOf(document.activeElement);
  const to = {
    ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: choices.length - 1,
  }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  choices.at(to % choices.length)?.focus();
}

/** Beside the anchor, where there is room for it. */
function place(menu, { left, right, top, bottom }) {
  const { width, height } = menu.getBoundingClientRect();
  const x = left + width + 8 > innerWidth ? right - width : left;
  const y = bottom + height + 8 > innerHeight ? top - height - 6 : bottom + 6;
  menu.style.left = `${Math.max(8, Math.min(x, innerWidth - width - 8))}px`;
  menu.style.top = `${Math.max(8, y)}px`;
}
