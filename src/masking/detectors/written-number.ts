/** A number in a cell as the judges of cards, phones and the like are given it, and what may stand beside it. Judges nothing itself. */

import { byteAt, code, DIGIT, is, isWordAfter, MASK, standsAt, WORD } from "./bytes.ts";
import { type DigitWindow, digitAt } from "./digits.ts";

/** A number as the judges are given it. */
export interface WrittenNumber {
  readonly cell: Uint8Array;
  readonly window: DigitWindow;
  /** First byte: of the first digit, or of the `+` or `(` before it. */
  readonly start: number;
  readonly prefix: "" | "+" | "(";
  /** Whether it goes on leftwards: `x-4111…`, `0.4111…`. Then it is a part of something else. */
  readonly isJoined: boolean;
}

/** What a judge says: how many groups it takes, and how sure it is. */
export interface Judgement {
  readonly groups: number;
  readonly confidence: number;
}

const JOINS = new Set([..."-.\\"].map(code));

/** Whether a number that starts at `start` is the rest of one with `-` or `.` before. */
export function isJoined(cell: Uint8Array, start: number): boolean {
  if (!JOINS.has(byteAt(cell, start - 1))) return false;
  return is(byteAt(cell, start - 2), WORD) || standsAt(cell, start - 1 - MASK.length, start - 1, MASK);
}

const DASH = code("-");
const DOT = code(".");
const SPACE = code(" ");

/** Whether a number goes on behind `end`: a word, `-` with one, `.` with a digit. A mask stands for what it hides. */
export function goesOn(cell: Uint8Array, end: number): boolean {
  if (isWordAfter(cell, end)) return true;
  const after = byteAt(cell, end);
  if (after === DASH) return isWordAfter(cell, end + 1);
  return after === DOT && (digitAt(cell, end + 1) !== 0 || standsAt(cell, end + 1, cell.length, MASK));
}

/** Whether more digits, or a mask, follow behind a space. */
export function goesOnBehindSpace(cell: Uint8Array, end: number): boolean {
  return byteAt(cell, end) === SPACE && (digitAt(cell, end + 1) !== 0 || standsAt(cell, end + 1, cell.length, MASK));
}

/**
 * Whether the number stands in a row of groups of one width, as dumps and tables of hexadecimal numbers have them: a group of
 * `width` before it, or two behind it. One behind it is an expiry date.
 */
export function isInRow(cell: Uint8Array, start: number, end: number, width: number): boolean {
  if (isHexGroup(cell, start - 1 - width, width) && byteAt(cell, start - 1) === SPACE) return true;
  if (byteAt(cell, end) !== SPACE || !isHexGroup(cell, end + 1, width)) return false;
  return byteAt(cell, end + 1 + width) === SPACE && isHexGroup(cell, end + 2 + width, width);
}

/** `width` hexadecimal digits, one of them decimal at least: words are none. */
function isHexGroup(cell: Uint8Array, start: number, width: number): boolean {
  if (is(byteAt(cell, start - 1), WORD) || is(byteAt(cell, start + width), WORD)) return false;
  let hasDecimal = false;
  for (let at = start; at < start + width; at++) {
    const byte = byteAt(cell, at);
    const isDecimal = is(byte, DIGIT);
    if (!isDecimal && !((byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66))) return false;
    hasDecimal ||= isDecimal;
  }
  return hasDecimal;
}
