/**
 * Bytes of a cell: what class they are and what stands beside them. Text is UTF-8 or anything else that keeps ASCII; bytes from
 * 0x80 on are of no class here.
 */

export const DIGIT = 1;
export const UPPER = 2;
export const LOWER = 4;
export const UNDERSCORE = 8;
/** `-` of base64url, `+` and `/` of base64, `=` that pads both. */
export const HYPHEN = 16;
export const PLUS_SLASH = 32;
export const EQUALS = 64;
export const BLANK = 128;

export const LETTER = UPPER | LOWER;
export const ALNUM = LETTER | DIGIT;
export const WORD = ALNUM | UNDERSCORE;
export const BASE64URL = WORD | HYPHEN;
export const BASE64 = ALNUM | PLUS_SLASH;

const CLASSES = new Uint8Array(256);
for (let byte = 0x30; byte <= 0x39; byte++) CLASSES[byte] = DIGIT;
for (let byte = 0x41; byte <= 0x5a; byte++) CLASSES[byte] = UPPER;
for (let byte = 0x61; byte <= 0x7a; byte++) CLASSES[byte] = LOWER;
CLASSES[code("_")] = UNDERSCORE;
CLASSES[code("-")] = HYPHEN;
CLASSES[code("+")] = PLUS_SLASH;
CLASSES[code("/")] = PLUS_SLASH;
CLASSES[code("=")] = EQUALS;
for (const blank of " \t\r\n") CLASSES[code(blank)] = BLANK;

/** What stands in the place of a value; the constant of the mask `redact` (masking.md). */
export const MASK = "[masked]";
const MASK_LENGTH = MASK.length;
const MASK_START = code("[");
const MASK_END = code("]");

/** The byte of an ASCII character. */
export function code(character: string): number {
  return character.charCodeAt(0);
}

/** 0 outside of the cell: PostgreSQL's text never has a NUL, and it is of no class. */
export function byteAt(cell: Uint8Array, at: number): number {
  return at >= 0 && at < cell.length ? (cell[at] ?? 0) : 0;
}

/** Whether the byte is of one of the classes. */
export function is(byte: number, classes: number): boolean {
  return ((CLASSES[byte] ?? 0) & classes) !== 0;
}

/** Where the bytes of the classes that begin at `at` end, `limit` at most. */
export function runEnd(cell: Uint8Array, at: number, limit: number, classes: number): number {
  let end = at;
  while (end < limit && is(cell[end] ?? 0, classes)) end++;
  return end;
}

/** Whether `text` (ASCII) stands at `at`, before `end`. */
export function standsAt(cell: Uint8Array, at: number, end: number, text: string): boolean {
  if (at < 0 || at + text.length > end) return false;
  for (let index = 0; index < text.length; index++)
    if (byteAt(cell, at + index) !== text.charCodeAt(index)) return false;
  return true;
}

/** ASCII letters folded; other bytes as the Latin-1 character of their number. For short stretches only. */
export function lowerText(cell: Uint8Array, start: number, end: number): string {
  return rawText(cell, start, end).toLowerCase();
}

export function rawText(cell: Uint8Array, start: number, end: number): string {
  let text = "";
  for (let at = start; at < end; at++) text += String.fromCharCode(byteAt(cell, at));
  return text;
}

/**
 * Whether what starts at `start` is only the rest of a longer word. A mask counts as a word: what was no finding beside a value
 * is none beside its mask either, so that masking a masked cell changes nothing.
 */
export function isWordBefore(cell: Uint8Array, start: number): boolean {
  const before = byteAt(cell, start - 1);
  return is(before, WORD) || (before === MASK_END && standsAt(cell, start - MASK_LENGTH, start, MASK));
}

export function isWordAfter(cell: Uint8Array, end: number): boolean {
  const after = byteAt(cell, end);
  return is(after, WORD) || (after === MASK_START && standsAt(cell, end, cell.length, MASK));
}

/** How many different bytes there are: keys of a manual are `XXXX…`. For short stretches only. */
export function variety(cell: Uint8Array, start: number, end: number): number {
  return new Set(rawText(cell, start, end)).size;
}
