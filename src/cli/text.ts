/** Text for a terminal: what other people wrote is hostile until its control characters are made visible. */

// C0 and C1 controls, DEL, line and paragraph separators, the marks that turn reading direction (Trojan Source, CVE-2021-42574), and what takes
// no place at all, but for the joiner inside emoji.
const UNSAFE = /[\p{Cc}\u00ad\u061c\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** `text` on one line, with control characters as `\n`, `\t` or `\u{9b}`. */
export function visible(text: string): string {
  return text.replace(UNSAFE, (character) => {
    if (character === "\n") return "\\n";
    if (character === "\t") return "\\t";
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
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

/** `text` filled up with spaces to `columns`. */
export function pad(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - width(text)));
}

const COLORS = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** `text` in a colour where `color` says that the stream takes one. */
export function paint(color: boolean, name: keyof typeof COLORS, text: string): string {
  return color ? `\u001b[${COLORS[name]}m${text}\u001b[0m` : text;
}
