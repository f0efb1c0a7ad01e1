/** Text for a terminal: what other people wrote is hostile until its control characters are made visible. */

// C0 and C1 controls, DEL, line and paragraph separators, the marks that turn reading direction (Trojan Source, CVE-2021-42574), and what takes
// no place at all, but for the joiner inside emoji.
const UNSAFE = /[\p{Cc}\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
// Besides: joiners, fillers, variation selectors and tags (Default_Ignorable), what no font knows, spaces of other kinds, the blank of Braille.
const UNSEEN = /[\p{C}\p{DI}\p{Zl}\p{Zp}\u2800]|(?! )\p{Zs}/gu;
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
/** A column each. */
const PLAIN = /^[ -~]*$/;
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** `text` on one line, with control characters as `\n`, `\t` or `\u{9b}`. */
export function visible(text: string): string {
  return text.replace(UNSAFE, asEscape);
}

/**
 * The same, for what a person decides by: all that looks like nothing or like a space and is neither is shown as what it is. PostgreSQL
 * takes any of it for part of a name, and `orders` with a filler behind it is another table.
 */
export function revealed(text: string): string {
  return text.replace(UNSEEN, asEscape);
}

function asEscape(character: string): string {
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** JSON text that no terminal obeys: JSON.stringify leaves C1 controls and direction marks as they are. */
export function safeJson(value: unknown, indent?: number): string {
  return escapeUnsafe(JSON.stringify(value, undefined, indent));
}

/** Control characters other than line ends as `\u009b`, as the double quotes of JSON and YAML read it. */
export function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, (character) =>
    character === "\n" ? character : `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`,
  );
}

/** Columns that `text` takes: two for what East Asian fonts draw wide, and for emoji. */
export function width(text: string): number {
  let columns = 0;
  for (const { segment } of graphemes.segment(text)) columns += WIDE.test(segment) ? 2 : 1;
  return columns;
}

/** The longest beginning of `text` that fits, with `…` where something was cut. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let taken = "";
  let used = 0;
  for (const { segment } of graphemes.segment(text)) {
    const more = WIDE.test(segment) ? 2 : 1;
    if (used + more > columns - 1) break;
    taken += segment;
    used += more;
  }
  return `${taken}…`;
}

/** All of `text` in pieces of at most so many columns: where a terminal broke the line, what follows would stand at its edge like our own words. */
export function pieces(text: string, columns: number): readonly string[] {
  if (text.length <= columns && PLAIN.test(text)) return [text];
  const all: string[] = [];
  for (let at = 0; at < text.length; ) {
    const piece = pieceAt(text, at, columns);
    all.push(piece);
    at += piece.length;
  }
  return all.length === 0 ? [""] : all;
}

/** What fits of `text` from `at` on; one character at least. Looks at a window of it: the segmenter's time grows with the square of a text. */
function pieceAt(text: string, at: number, columns: number): string {
  const ends = Number.isFinite(columns) ? Math.max(at + 4 * columns, at + 64) : text.length;
  const window = text.slice(at, ends);
  if (!Number.isFinite(columns) || PLAIN.test(window)) return window.slice(0, columns);
  let taken = "";
  let used = 0;
  for (const { segment } of graphemes.segment(window)) {
    used += WIDE.test(segment) ? 2 : 1;
    if (taken !== "" && used > columns) break;
    taken += segment;
  }
  // The window's end may have gone through a character: it belongs to the next piece.
  const isHalf = taken.length > 1 && taken.length === window.length && /[\ud800-\udbff]$/.test(taken);
  return isHalf ? taken.slice(0, -1) : taken;
}

/** `text` filled up with spaces to `columns`. */
export function pad(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}

const COLORS = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** `text` in a colour where `color` says that the stream takes one. */
export function paint(color: boolean, name: keyof typeof COLORS, text: string): string {
  return color ? `\u001b[${COLORS[name]}m${text}\u001b[0m` : text;
}
