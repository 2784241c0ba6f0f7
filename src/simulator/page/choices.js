// What can be tapped below a message: reply buttons, links, lists with their sheet, carousels.

import { dialog, icon, link, node, webAddress } from "./element.js";
import { media } from "./media.js";
import { formatted } from "./markup.js";

/** The rows below a message: `below` inside its bubble, `after` beside it. */
export function offers(content, bubble, act) {
  const { type, action = {} } = content;
  const parameters = action.parameters ?? {};
  const simple = (name, words, onclick) => ({ below: [row(name, words, { onclick, disabled: !onclick })] });
  switch (type) {
    case "button":
      return { below: [replies((action.buttons ?? []).map(({ reply }) => reply ?? {}), bubble, act)] };
    case "list":
      return { below: [row("list", action.button ?? "Open", { ariaHasPopup: "dialog", onclick: () => sheet(action, bubble, act) })] };
    case "cta_url":
      return { below: [linkRow(parameters)] };
    case "carousel":
      return { after: [carousel(action.cards ?? [], bubble, act)] };
    case "template":
      return { below: templateRows(content.components, bubble, act) };
    case "location_request_message":
      return simple("location", "Send location", () => act.ask("location", bubble.id));
    case "request_contact_info":
      return simple("contact", "Share contact info", () => act.ask("contact", bubble.id));
    case "flow":
      return simple("form", parameters.flow_cta ?? "Open form");
    case "voice_call":
      return simple("call", parameters.display_text ?? "Call");
    case "call_permission_request":
      return simple("call", "Allow calls");
    case "address_message":
      return simple("form", "Give address");
    case "product":
      return simple("template", `View ${action.product_retailer_id ?? "product"}`);
    case "product_list":
      return simple("list", "View items");
    case "catalog_message":
      return simple("template", "View catalog");
    default:
      return {};
  }
}

function row(name, words, more = {}) {
  const title = more.disabled ? "Not simulated: on a phone this opens something of WhatsApp's own" : undefined;
  return node("button", { type: "button", className: "offer", title, ...more }, icon(name), node("span", { dir: "auto" }, words));
}

function linkRow({ display_text: words, url }) {
  if (!webAddress(url)) return row("link", words ?? "Link", { disabled: true });
  return link(url, { className: "offer", title: url }, icon("link"), node("span", { dir: "auto" }, words ?? url));
}

/** Buttons of which one can be tapped, once. */
function replies(buttons, bubble, act) {
  // The button keeps the focus until its message is drawn again, so nothing is disabled here.
  let isTapped = Boolean(bubble.tapped);
  return node("div", { className: "replies", role: "group", ariaLabel: "Replies" }, buttons.map(({ id, title }) => {
    const chosen = bubble.tapped === id;
    return node("button", {
      type: "button", className: chosen ? "offer chosen" : "offer", disabled: Boolean(bubble.tapped), value: id,
      onclick: async () => {
        if (isTapped) return;
        isTapped = true;
        isTapped = await act.tap(bubble, id, title);
      },
    }, icon(chosen ? "tick" : "reply"), node("span", { dir: "auto" }, title ?? id));
  }));
}

/** The list's rows in a sheet: arrows choose, Enter or Send sends, Escape closes. */
function sheet({ button, sections = [] }, bubble, act) {
  const rows = sections.flatMap((section) => section.rows ?? []);
  const send = node("button", { className: "action", disabled: true }, "Send");
  const choice = ({ id, title, description }) => node("label", { className: "choice" },
    node("span", {}, node("strong", { dir: "auto" }, title), description && node("small", { dir: "auto" }, description)),
    node("input", { type: "radio", name: "row", value: id, required: true }));
  const box = dialog(button ?? "List",
    node("div", { className: "scroll", role: "radiogroup", ariaLabel: button ?? "List", onchange: () => { send.disabled = false; } },
      sections.map((section) => node("section", {}, section.title && node("h3", { dir: "auto" }, section.title),
        (section.rows ?? []).map(choice)))),
    node("footer", {}, send));
  box.classList.add("list");
  box.querySelector("input")?.focus();
  box.querySelector("form").addEventListener("submit", (event) => {
    const chosen = rows.find(({ id }) => id === new FormData(event.target).get("row"));
    if (chosen) act.tap(bubble, chosen.id, chosen.title);
  });
}

function carousel(cards, bubble, act) {
  const drawn = cards.map(({ header, body, action = {} }) => {
    const quick = (action.buttons ?? []).map(({ quick_reply: reply }) => reply).filter(Boolean);
    return node("div", { className: "card", role: "group", ariaLabel: "Card" },
      header && media(header.type, header[header.type], bubble, act),
      body?.text && node("div", { className: "text", dir: "auto" }, formatted(body.text)),
      action.parameters?.url && linkRow(action.parameters),
      quick.length > 0 && replies(quick, bubble, act),
      action.product_retailer_id && row("template", `View ${action.product_retailer_id}`, { disabled: true }));
  });
  return node("div", { className: "carousel", role: "group", ariaLabel: `${cards.length} cards`, tabIndex: 0 }, drawn);
}

/** Only Meta knows a template's labels; its payloads and parameters are all that there is to show. */
function templateRows(components = [], bubble, act) {
  const quick = bubble.buttons ?? [];
  const others = components.filter(({ sub_type: kind }) => kind !== "quick_reply").map(({ sub_type: kind, parameters = [] }) => {
    const [{ text, coupon_code: code } = {}] = parameters;
    const copied = code ?? (String(kind) === "copy_code" ? text : undefined);
    if (copied) return row("copy", `Copy ${copied}`, { onclick: () => navigator.clipboard?.writeText(copied) });
    return row("link", text ? `${kind}: ${text}` : kind, { disabled: true });
  });
  return [quick.length > 0 && replies(quick, bubble, act), ...others];
}
