// What the person says: words, a file with words, an answer to a message.

import { attachMenu, askFor } from "./attach.js";
import { gist } from "./bubbles.js";
import { icon, iconButton, node } from "./element.js";
import { recorder } from "./record.js";
import { upload } from "./server.js";

const [form, above, message, attach, record] = ["composer", "above", "message", "attach", "record"].map((id) => document.getElementById(id));

/** Wires the form up; `act` says things. */
export function composer(act) {
  let file;      // goes with the next message: { blob, name, voice, words }
  let quoted;    // the message that is answered

  function draw() {
    const shown = [quoted && quotedLine(), file && fileLine()].filter(Boolean);
    above.replaceChildren(...shown);
    above.hidden = shown.length === 0;
    ready();
  }

  function ready() {
    form.classList.toggle("ready", Boolean(file) || message.value.trim() !== "");
  }

  function quotedLine() {
    const who = quoted.from === "person" ? "You" : "Agent";
    return node("div", {}, node("div", { className: quoted.from === "person" ? "quote mine" : "quote" }, node("strong", {}, who), node("span", {}, gist(quoted))),
      iconButton("close", "Do not quote", () => { quoted = undefined; draw(); message.focus(); }));
  }

  function fileLine() {
    const address = URL.createObjectURL(file.blob);
    const sight = file.blob.type.startsWith("image/") ? node("img", { src: address, alt: "" })
      : file.blob.type.startsWith("audio/") ? node("audio", { src: address, controls: true }) : icon("document");
    return node("div", {}, node("div", { className: "file" }, sight, node("span", {}, file.words ?? file.name)),
      iconButton("close", "Remove the file", () => { file = undefined; draw(); message.focus(); }));
  }

  function stage(blob, more = {}) {
    if (!blob) return;
    file = { blob, name: blob.name ?? "file", ...more };
    draw();
    message.focus();
  }

  async function send() {
    const text = message.value;
    if (!file && !text.trim()) return;
    const [was, answered] = [file, quoted];
    message.value = "";
    [file, quoted] = [undefined, undefined];
    draw();
    const reply = answered ? { reply_to: answered.id } : {};
    if (await (was ? sendFile(was, text, reply) : act.say({ text, ...reply }))) return;
    // What did not go comes back, before what was written meanwhile.
    message.value = [text, message.value].filter(Boolean).join("\n");
    [file, quoted] = [file ?? was, quoted ?? answered];
    draw();
  }

  async function sendFile({ blob, name, voice, as }, caption, reply) {
    try {
      const held = await upload(blob, name);
      const type = as ?? held.type;
      const words = caption.trim() && type !== "audio" && type !== "sticker" ? { caption: caption.trim() } : {};
      const media = { id: held.id, type, ...words, ...(voice ? { voice } : {}), ...(type === "document" ? { filename: name } : {}) };
      const isSaid = await act.say({ media, ...reply });
      // A sound has no words beside it, so they follow.
      if (isSaid && caption.trim() && !words.caption) return act.say({ text: caption.trim() });
      return isSaid;
    } catch (error) {
      act.problem(`Not sent: ${error.message}`);
      return false;
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    message.focus();
    send();
  });
  message.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  message.addEventListener("input", ready);
  message.addEventListener("paste", ({ clipboardData }) => stage(clipboardData.files[0]));
  for (const name of ["dragover", "drop"]) {
    document.querySelector("main").addEventListener(name, (event) => {
      event.preventDefault();
      stage(event.dataTransfer.files[0]);
    });
  }
  attach.addEventListener("click", () => attachMenu(attach, { stage, act }));
  recorder(record, (blob, words) => stage(blob, { voice: true, words }), act.problem);

  return {
    focus: () => message.focus(),
    ask: (what, replyTo) => askFor(what, act, replyTo),
    quote(bubble) {
      quoted = bubble;
      draw();
      message.focus();
    },
    clear() {
      [file, quoted] = [undefined, undefined];
      draw();
    },
  };
}
