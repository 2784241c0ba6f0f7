// What a message shows, for every type that Meta has; what is drawn here is Meta's own object.

import { media } from "./media.js";
import { avatar, dialog, icon, link, node, webAddress } from "./element.js";
import { formatted } from "./markup.js";
import { offers } from "./choices.js";

/** The parts of a bubble: `inside` stands above the time, `below` under it; `bare` has no bubble around it. */
export function contents(bubble, act) {
  const { type, message = {} } = bubble;
  const content = message[type];
  const draw = content && DRAWN[type];
  const drawn = draw ? draw(content, bubble, act) : { inside: [words(bubble)] };
  return { ...drawn, inside: [...origin(message), ...drawn.inside] };
}

/** Where a message of the person comes from, if it was not just written. */
function origin({ type, context = {}, referral, errors }) {
  const many = context.frequently_forwarded && "Forwarded many times";
  const forwarded = many || (context.forwarded && "Forwarded");
  return [
    forwarded && notice("reply", forwarded),
    referral && link(referral.source_url, { className: "referral" },
      node("strong", { dir: "auto" }, referral.headline ?? "Advertisement"), node("span", { dir: "auto" }, referral.body ?? "")),
    type !== "unsupported" && errors?.[0] && notice("fault", `${errors[0].code} ${errors[0].title ?? errors[0].message ?? ""}`),
  ];
}

const DRAWN = {
  text: ({ body }) => ({ inside: [text(body)] }),
  image: captioned("image"),
  video: captioned("video"),
  document: captioned("document"),
  audio: (audio, bubble, act) => ({ inside: [media("audio", audio, bubble, act)] }),
  sticker: (sticker, bubble, act) => ({ inside: [media("sticker", sticker, bubble, act)], bare: true }),
  location: (location) => ({ inside: [place(location)] }),
  contacts: (contacts) => ({ inside: [contacts].flat().map(card), below: [contacts].flat().map(details) }),
  button: ({ text: words }) => ({ inside: [text(words)] }),
  order: ({ product_items: items = [], text: words }) => ({
    inside: [notice("template", `Order of ${items.length} ${items.length === 1 ? "product" : "products"}`), text(words)],
  }),
  revoke: () => ({ inside: [notice("close", "This message was deleted")] }),
  edit: ({ message: edited }, bubble, act) => {
    const inner = contents({ ...bubble, type: edited?.type, message: edited }, act);
    return { ...inner, inside: [notice("form", "Edited"), ...inner.inside] };
  },
  unsupported: ({ type }) => ({ inside: [notice("fault", `Meta does not pass this on${type ? `: ${type}` : ""}`)] }),
  interactive,
  template,
};

function captioned(kind) {
  return (content, bubble, act) => ({
    inside: [media(kind, content, bubble, act), content.caption && text(content.caption)],
    overlay: kind !== "document" && !content.caption,
  });
}

/** Text with its marks. */
export function text(words, className = "text") {
  return words ? node("div", { className, dir: "auto" }, formatted(words)) : undefined;
}

/** The words that the simulator has for everything, where there is nothing to draw. */
function words({ type, text: said }) {
  return node("div", { className: "text described", dir: "auto" }, said || `[${type}]`);
}

function notice(name, said) {
  return node("div", { className: "notice" }, icon(name), node("span", {}, said));
}

function place({ latitude, longitude, name, address }) {
  const [north, east] = [Number(latitude), Number(longitude)];
  const where = `${north.toFixed(4)}, ${east.toFixed(4)}`;
  const map = `https://www.openstreetmap.org/?mlat=${north}&mlon=${east}#map=16/${north}/${east}`;
  return link(map, { className: "place" },
    node("div", { className: "map" }, icon("location", "Location")),
    node("div", { className: "words" }, node("strong", { dir: "auto" }, name || "Location"),
      node("span", { dir: "auto" }, address || where)));
}

function card({ name = {}, phones = [], org }) {
  const shown = name.formatted_name || name.first_name || "Contact";
  return node("div", { className: "contact" }, avatar(shown),
    node("div", {}, node("strong", { dir: "auto" }, shown), node("span", {}, phones[0]?.phone ?? org?.company ?? "")));
}

function details(contact) {
  const { name = {}, phones = [], emails = [], urls = [], org = {} } = contact;
  const lines = [
    ...phones.map(({ phone, wa_id, type }) => [type ?? "Phone", phone ?? wa_id]),
    ...emails.map(({ email, type }) => [type ?? "Email", email]),
    ...urls.map(({ url, type }) => [type ?? "Link", webAddress(url) ? link(url, {}, url) : url]),
    ["Company", org.company], ["Title", org.title],
  ].filter(([, value]) => value);
  return node("button", {
    type: "button", className: "offer", onclick: () => dialog(name.formatted_name ?? "Contact",
      node("dl", { className: "scroll facts" }, lines.flatMap(([term, value]) => [node("dt", {}, term), node("dd", {}, value)]))),
  }, "View contact");
}

function interactive(content, bubble, act) {
  const { type, header, body, footer } = content;
  const reply = content[type];
  if (type === "button_reply" || type === "list_reply") {
    return { inside: [text(reply?.title), text(reply?.description, "footer")] };
  }
  if (type === "call_permission_reply") return { inside: [notice("call", reply?.response === "accept" ? "Calls allowed" : "Calls refused")] };
  if (type === "nfm_reply") return { inside: [notice("form", reply?.body && reply.body !== "Sent" ? reply.body : "Form sent")] };
  const head = header?.type === "text" ? text(header.text, "text heading") : header && media(header.type, header[header.type], bubble, act);
  return { inside: [head, text(body?.text), text(footer?.text, "footer")], ...offers(content, bubble, act) };
}

function template({ name, language, components = [] }, bubble, act) {
  const part = (kind) => components.filter((component) => String(component.type).toLowerCase() === kind);
  const parameters = part("body").flatMap(({ parameters: given = [] }) => given);
  const header = part("header")[0]?.parameters?.[0];
  const head = header && (header.type === "text" ? text(header.text, "text heading")
    : header.type === "location" ? place(header.location ?? {}) : media(header.type, header[header.type], bubble, act));
  return {
    inside: [head, notice("template", `Template ${name}, ${language?.code ?? ""}`), parameters.length > 0
      && node("ol", { className: "parameters" }, parameters.map((parameter) => node("li", {}, parameterWords(parameter))))],
    ...offers({ type: "template", components: part("button") }, bubble, act),
  };
}

function parameterWords(parameter) {
  const value = parameter.text ?? parameter[parameter.type]?.fallback_value ?? parameter.payload ?? parameter.type;
  return parameter.parameter_name ? `${parameter.parameter_name}: ${value}` : String(value);
}
