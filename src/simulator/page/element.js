// Elements, made so that foreign text can only ever become text.

const SVG = "http://www.w3.org/2000/svg";

/** An element with its properties and children; absent children are left out, strings become text, never markup. */
export function node(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/** One of the icons of index.html; with a name it is a picture of its own, else decoration. */
export function icon(name, label) {
  const drawing = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  drawing.append(use);
  if (label) {
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", label);
  } else {
    drawing.setAttribute("aria-hidden", "true");
  }
  return drawing;
}

/** A round button that shows only an icon. */
export function iconButton(name, label, onclick, more = {}) {
  return node("button", { type: "button", className: "icon", ariaLabel: label, title: label, onclick, ...more }, icon(name));
}

/** The address if it leads to the web; anything else (javascript:, data:, …) is no address. */
export function webAddress(text) {
  if (typeof text !== "string" || !URL.canParse(text)) return undefined;
  const { protocol, href } = new URL(text);
  return protocol === "http:" || protocol === "https:" ? href : undefined;
}

/** A link out of the page, or its words alone where the address is none of the web's. */
export function link(address, properties, ...children) {
  const href = webAddress(address);
  if (!href) return node("span", properties, ...children);
  return node("a", { ...properties, href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });

/** The time of day, and the whole date on hover. */
export function time(at) {
  const when = at ? new Date(at) : new Date();
  return node("time", { dateTime: when.toISOString(), title: when.toLocaleString() }, clock.format(when));
}

/** The day as a chat names it. */
export function dayName(at) {
  const when = new Date(at);
  const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
  return ["Today", "Yesterday"][days] ?? day.format(when);
}

/** Up to two letters for a name. */
export function initials(name) {
  const words = String(name ?? "").trim().split(/\s+/u).filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0].toUpperCase()).join("") || "?";
}

/** A round portrait with the initials; the same name always has the same colour. */
export function avatar(name) {
  const sum = [...String(name ?? "")].reduce((total, letter) => (total * 13 + letter.codePointAt(0)) % 997, 0);
  return node("span", { className: `avatar tint${sum % 6}`, ariaHidden: "true" }, initials(name));
}

/** A dialog that is shown at once and gone when closed; it holds the focus, and Escape or a click beside it closes it. */
export function dialog(title, ...content) {
  const close = iconButton("close", "Close", () => box.close());
  const heading = node("h2", { id: `dialog-${Date.now()}` }, title);
  const box = node("dialog", {}, node("form", { method: "dialog" }, node("header", {}, heading, close), ...content));
  box.setAttribute("aria-labelledby", heading.id);
  box.addEventListener("click", ({ target }) => target === box && box.close());
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  return box;
}
