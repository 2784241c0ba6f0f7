// Pictures, films, sounds and files, whether the simulator holds them or a link leads to them.

import { dialog, icon, node, webAddress } from "./element.js";
import { call } from "./server.js";

/** A file of this kind; where it cannot be shown, words say so. */
export function media(kind, content, bubble, act) {
  const source = content?.id ? `/api/media/${encodeURIComponent(content.id)}` : webAddress(content?.link);
  if (!source) return absent(kind, content?.link);
  const drawn = { image: picture, sticker: picture, video: film, audio: sound }[kind] ?? paper;
  return drawn(source, content, kind, bubble, act);
}

function absent(kind, address) {
  return node("div", { className: "absent" }, icon(kind === "image" ? "picture" : kind === "document" ? "document" : "fault"),
    node("span", {}, `This ${kind} cannot be shown`, address && node("small", {}, address)));
}

function picture(source, content, kind) {
  const alt = content.caption || (kind === "sticker" ? "Sticker" : "Picture");
  const image = node("img", { src: source, alt, loading: "lazy", decoding: "async" });
  if (kind === "sticker") {
    image.className = "sticker";
    image.addEventListener("error", () => image.replaceWith(absent(kind, content.link)));
    return image;
  }
  const button = node("button", {
    type: "button", className: "picture", ariaLabel: `Enlarge: ${alt}`,
    onclick: () => dialog("Picture", node("div", { className: "scroll" }, node("img", { className: "large", src: source, alt }))),
  }, image);
  image.addEventListener("error", () => button.replaceWith(absent(kind, content.link)));
  return button;
}

function film(source, content) {
  const video = node("video", { src: source, controls: true, preload: "metadata", playsInline: true, ariaLabel: content.caption || "Video" });
  video.addEventListener("error", () => video.replaceWith(absent("video", content.link)));
  return node("div", { className: "film" }, video);
}

function paper(source, { filename, link: address }) {
  const name = filename || (address && new URL(source).pathname.split("/").at(-1)) || "Document";
  const suffix = /\.([a-z0-9]{1,5})$/iu.exec(name)?.[1]?.toUpperCase() ?? "FILE";
  return node("a", { className: "paper", href: source, target: "_blank", rel: "noopener noreferrer", download: address ? undefined : name },
    node("span", { className: "kind", ariaHidden: "true" }, suffix), node("span", { className: "name", dir: "auto" }, name));
}

const BARS = 34;

/** A voice note: play, a shape of the sound, how long. The shape is drawn from the id, for the sound is not read. */
function sound(source, { id, link: address, voice }, kind, bubble) {
  const audio = new Audio(source);
  audio.preload = "metadata";
  const play = node("button", { type: "button", className: "icon round play", ariaLabel: voice ? "Play voice note" : "Play audio" }, icon("play"));
  const bars = Array.from({ length: BARS }, (_, index) => {
    const bar = node("i", {});
    bar.style.height = `${20 + shape(`${id ?? address}`, index) * 80}%`;
    return bar;
  });
  const slider = node("input", { type: "range", min: "0", max: "1000", value: "0", ariaLabel: "Position" });
  const length = node("span", { className: "length" }, "0:00");
  const show = () => {
    const part = audio.duration ? audio.currentTime / audio.duration : 0;
    bars.forEach((bar, index) => bar.classList.toggle("heard", part > 0 && index / BARS <= part));
    slider.value = String(part * 1000);
    length.textContent = minutes(audio.paused && !audio.currentTime ? audio.duration : audio.currentTime);
  };
  for (const name of ["loadedmetadata", "timeupdate", "ended", "pause"]) audio.addEventListener(name, show);
  for (const name of ["play", "pause", "ended"]) {
    audio.addEventListener(name, () => play.replaceChildren(icon(audio.paused ? "play" : "pause")));
  }
  audio.addEventListener("error", () => { length.textContent = "cannot be played"; });
  slider.addEventListener("input", () => { audio.currentTime = (Number(slider.value) / 1000) * (audio.duration || 0); });
  play.addEventListener("click", () => {
    if (!audio.paused) return audio.pause();
    audio.play().catch(() => { length.textContent = "cannot be played"; });
    if (bubble.from === "business" && voice) call("POST", "/api/played", { message_id: bubble.id }).catch(() => {});
  });
  return node("div", { className: "sound" }, play,
    node("div", { className: "wave" }, node("div", { ariaHidden: "true", className: "bars" }, bars), slider), length,
    node("span", { className: "badge", ariaHidden: "true" }, icon(voice ? "mic" : "audio")));
}

function shape(seed, index) {
  let value = index * 2654435761;
  for (const letter of seed) value = Math.imul(value ^ letter.codePointAt(0), 16777619);
  return ((value >>> 8) % 100) / 100 * (0.45 + 0.55 * Math.sin((index / BARS) * Math.PI));
}

function minutes(seconds) {
  const whole = Number.isFinite(seconds) ? Math.round(seconds) : 0;
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
