/** International bank account numbers: country, length and structure of the registry, and the check digits. */

import { byteAt, DIGIT, is, isWordAfter, isWordBefore, LOWER, UPPER } from "./bytes.ts";
import type { FindingList } from "./finding.ts";
import { ibanStructure } from "./iban-structures.ts";

const SPACE = 0x20;
const HYPHEN = 0x2d;
/** Two digits and 30 characters behind the country in groups of four. */
const LONGEST = 34;

const IN_ONE = 0.99;
const GROUPED = 0.99;

/**
 * @param at the first check digit.
 * @returns behind the number; 0 where none is.
 */
export function findIban(cell: Uint8Array, at: number, end: number, found: FindingList): number {
  const start = at - 2;
  const letters = is(byteAt(cell, start), UPPER) ? UPPER : LOWER;
  if (!is(byteAt(cell, start), letters) || !is(byteAt(cell, start + 1), letters) || isWordBefore(cell, start)) return 0;
  const structure = ibanStructure(byteAt(cell, start), byteAt(cell, start + 1));
  if (structure === undefined) return 0;
  const written = readNumber(cell, start, end, letters, structure.length + 4);
  if (written === null || isWordAfter(cell, written.end)) return 0;
  if (!structure.pattern.test(written.text.slice(4)) || remainder(written.text) !== 1) return 0;
  return found.add("iban", start, written.end, written.isGrouped ? GROUPED : IN_ONE) ? written.end : 0;
}

/** The characters without separators, which stand behind every fourth or nowhere. Null where there are fewer, or letters of both cases. */
function readNumber(cell: Uint8Array, start: number, end: number, letters: number, length: number) {
  let text = "";
  let separator = 0;
  let at = start;
  while (text.length < length && text.length < LONGEST && at < end) {
    const byte = byteAt(cell, at);
    if ((byte === SPACE || byte === HYPHEN) && text.length % 4 === 0) {
      if (separator === 0 && text.length === 4) separator = byte;
      if (byte !== separator) return null;
      at++;
    } else if (separator !== 0 && text.length % 4 === 0 && byteAt(cell, at - 1) !== separator) return null;
    const next = byteAt(cell, at);
    if (!is(next, DIGIT | letters)) return null;
    text += String.fromCharCode(next);
    at++;
  }
  return text.length === length ? { text: text.toUpperCase(), end: at, isGrouped: separator !== 0 } : null;
}

/** ISO 7064, MOD 97-10, of the number with its first four characters at its end. */
function remainder(text: string): number {
  let value = 0;
  for (const character of text.slice(4) + text.slice(0, 4)) {
    const digit = Number.parseInt(character, 36);
    value = (value * (digit > 9 ? 100 : 10) + digit) % 97;
  }
  return value;
}
