// WhatsApp's marks: *bold*, _italic_, ~strike~, code, lists and quotes; and links that are written out.

import { link, node } from "./element.js";

const CODE_BLOCK = /```(?!.*```)\n?([^]+?)\n?```\n?/gm;
const LINK = /(?<link>https?:\/\/(?:\([^\s()<>]*\)|[^\s()<>])*(?:\([^\s()<>]*\)|[^\s()<>.,;:!?'"*_~`\]]))/u;
const MARK = /(?<![\p{L}\p{N}])(?<mark>```|[*_~`])(?!\k<mark>|\s)(?<inner>.*?\S)(?<!\k<mark>)\k<mark>(?![\p{L}\p{N}])/u;
const INLINE = new RegExp(`${LINK.source}|${MARK.source}`, "gu");
const TAGS = { "*": "strong", _: "em", "~": "s" };
const LINES = [
  { starts: /^> /, inside: (lines) => node("blockquote", {}, joined(lines)) },
  { starts: /^[*-] /, inside: (lines) => node("ul", {}, items(lines)) },
  { starts: /^\d{1,3}\. /, inside: (lines, first) => node("ol", { start: parseInt(first, 10) }, items(lines)) },
];

/** The nodes for a text with marks. */
export function formatted(text) {
  const parts = pieces(String(text ?? ""), CODE_BLOCK, ([, code]) => node("pre", {}, code), blocks);
  return parts.length ? parts : [""];
}

/** The text without its marks, for where there is no room for them. */
export function plain(text) {
  const drawn = node("span", {}, formatted(text));
  for (const line of drawn.querySelectorAll("li, blockquote, pre")) line.append(" ");
  return drawn.textContent.replace(/\s+/gu, " ").trim();
}

/** Lines that stand together as one list or quote; the rest stays as it is. */
function blocks(text) {
  const groups = [];
  for (const line of text.match(/[^\n]*\n|[^\n]+/gu) ?? []) {
    const kind = LINES.find(({ starts }) => starts.test(line));
    const last = groups.at(-1);
    if (last && last.kind === kind) last.lines.push(line);
    else groups.push({ kind, lines: [line] });
  }
  return groups.flatMap(({ kind, lines }) => {
    if (!kind) return inline(lines.join(""));
    return [kind.inside(lines.map((line) => line.replace(kind.starts, "").trimEnd()), lines[0])];
  });
}

function items(lines) {
  return lines.map((line) => node("li", {}, inline(line)));
}

function joined(lines) {
  return inline(lines.join("\n"));
}

function inline(text) {
  return pieces(text, INLINE, ({ groups: { link: address, mark, inner } }) => {
    if (address) return link(address, {}, address);
    return mark in TAGS ? node(TAGS[mark], {}, inline(inner)) : node("code", {}, inner);
  }, (rest) => (rest ? [rest] : []));
}

/** The text in order: what `pattern` finds goes through `found`, what lies between through `between`. */
function pieces(text, pattern, found, between) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    parts.push(...between(text.slice(end, match.index)), found(match));
    end = match.index + match[0].length;
  }
  return [...parts, ...between(text.slice(end))];
}
