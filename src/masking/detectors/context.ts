/** The words that stand before a value: `SSN: 123456789`. Reads a bounded stretch backwards. */

import { byteAt, code, is, LETTER, lowerText, WORD } from "./bytes.ts";

const REACH_BYTES = 32;
const WORDS_AT_MOST = 3;
/** What may stand between a word and its value. Anything else, a mask too, ends the context. */
const BETWEEN = new Set([..." \t:=#.\"'-_(+"].map(code));

/** Whether one of the last three words before `start` is in `words` (lower case). */
export function follows(cell: Uint8Array, start: number, words: ReadonlySet<string>): boolean {
  const lowest = Math.max(0, start - REACH_BYTES);
  let at = start;
  for (let word = 0; word < WORDS_AT_MOST; word++) {
    while (at > lowest && BETWEEN.has(byteAt(cell, at - 1))) at--;
    const wordEnd = at;
    while (at > lowest && is(byteAt(cell, at - 1), LETTER)) at--;
    if (at === wordEnd) return false;
    if (!is(byteAt(cell, at - 1), WORD) || byteAt(cell, at - 1) === code("_")) {
      if (words.has(lowerText(cell, at, wordEnd))) return true;
    }
  }
  return false;
}
