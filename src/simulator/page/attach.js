// Everything but words: files, a place, a contact, a sample event.

import { dialog, node } from "./element.js";
import { openMenu } from "./menu.js";
import { call } from "./server.js";

/** Opens the menu of what can be sent. */
export function attachMenu(anchor, { stage, act }) {
  openMenu(anchor, "Attach", [
    ["picture", "Photo or video", () => choose("image/jpeg,image/png,video/mp4,video/3gpp", stage)],
    ["document", "Document", () => choose("", (file) => stage(file, { as: "document" }))],
    ["mic", "Voice note from a file", () => choose("audio/ogg,audio/mp4,.m4a,.ogg,.opus", (file) => stage(file, { voice: true }))],
    ["audio", "Audio", () => choose("audio/*", stage)],
    ["sticker", "Sticker", () => choose("image/webp", stage)],
    ["location", "Location", () => askFor("location", act)],
    ["contact", "Contact", () => askFor("contact", act)],
    ["event", "Stop marketing messages", () => act.say({ marketing: "stop" })],
    ["event", "Resume marketing messages", () => act.say({ marketing: "resume" })],
    ["event", "Sample event…", () => samples(act)],
  ]);
}

/** The browser's own choice of a file. Its element stays in the page, where what drives a browser finds it. */
function choose(accept, chosen) {
  document.getElementById("file")?.remove();
  const input = node("input", { type: "file", id: "file", accept, hidden: true, ariaLabel: "File", onchange: () => chosen(input.files[0]) });
  document.body.append(input);
  input.click();
}

const PLACES = [["Natural History Museum", "Burgring 7, 1010 Vienna", 48.2051, 16.3597], ["Central Park", "New York", 40.7812, -73.9665],
  ["Table Mountain", "Cape Town", -33.9628, 18.4098]];

/** Asks for a location or a contact, and says it. */
export function askFor(what, act, replyTo) {
  const reply = replyTo ? { reply_to: replyTo } : {};
  if (what === "contact") {
    return ask("Send a contact", [
      ["Name", { name: "name", required: true, value: "Bob Example" }],
      ["Phone", { name: "phone", required: true, value: "+15550100300", inputMode: "tel" }],
    ], (contact) => act.say({ contact, ...reply }));
  }
  const box = ask("Send a location", [
    ["Name", { name: "name", value: PLACES[0][0] }],
    ["Address", { name: "address", value: PLACES[0][1] }],
    ["Latitude", { name: "latitude", required: true, type: "number", step: "any", min: -90, max: 90, value: PLACES[0][2] }],
    ["Longitude", { name: "longitude", required: true, type: "number", step: "any", min: -180, max: 180, value: PLACES[0][3] }],
  ], ({ name, address, latitude, longitude }) => {
    const words = Object.fromEntries(Object.entries({ name, address }).filter(([, value]) => value.trim()));
    act.say({ location: { latitude: Number(latitude), longitude: Number(longitude), ...words }, ...reply });
  });
  const fields = box.querySelector("form").elements;
  box.querySelector(".scroll").prepend(node("div", { className: "places", role: "group", ariaLabel: "Places" }, PLACES.map((place) => node("button", {
    type: "button", className: "action plain",
    onclick: () => ["name", "address", "latitude", "longitude"].forEach((field, index) => { fields[field].value = place[index]; }),
  }, place[0]))));
}

function ask(title, fields, said) {
  const box = dialog(title,
    node("div", { className: "scroll" }, fields.map(([label, more]) => node("label", { className: "field" }, label, node("input", { autocomplete: "off", ...more })))),
    node("footer", {}, node("button", { className: "action" }, "Send")));
  box.querySelector("form").addEventListener("submit", (event) => said(Object.fromEntries(new FormData(event.target))));
  box.querySelector("footer button").focus();
  return box;
}

/** The webhooks that nobody can type: a menu of what Meta sends at times. */
async function samples(act) {
  try {
    const { samples: all } = await call("GET", "/api/samples");
    const search = node("input", { type: "search", placeholder: "Find", ariaLabel: "Find a sample event" });
    const list = node("ul", { className: "samples" }, all.map(({ name, title }) => node("li", {}, node("button", {
      type: "button", onclick: () => { box.close(); act.say({ sample: name }); },
    }, node("strong", {}, title ?? name), node("code", {}, name)))));
    search.addEventListener("input", () => {
      for (const item of list.children) item.hidden = !item.textContent.toLowerCase().includes(search.value.toLowerCase());
    });
    const box = dialog("Sample event", node("div", { className: "scroll" }, node("label", { className: "field" }, search), list));
    search.focus();
    box.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
      event.preventDefault();
      const shown = [search, ...list.querySelectorAll("li:not([hidden]) button")];
      shown.at((shown.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1)) % shown.length)?.focus();
    });
  } catch (error) {
    act.problem(`No sample events: ${error.message}`);
  }
}
