/** SASLprep of a password, exactly as PostgreSQL does it on both sides: the proof of SCRAM is made of the result. */

import { type CodePointRanges, LEFT_TO_RIGHT, NOTHING, REFUSED, RIGHT_TO_LEFT, SPACES } from "./saslprep-tables.ts";

/**
 * The password as SCRAM hashes it: mapped and normalized (RFC 4013), or as it is where SASLprep prohibits it. PostgreSQL's
 * deviations are kept, or proofs would differ: ASCII passes unchecked, and what is prohibited is looked for before
 * normalization. Source: PostgreSQL 18, src/common/saslprep.c.
 */
export function saslPrep(password: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII, as pg_is_ascii
  if (/^[\u0000-\u007f]*$/.test(password)) return password;
  const mapped = map(password);
  if (mapped.length === 0 || mapped.some((code) => isIn(REFUSED, code)) || !allowsDirections(mapped)) return password;
  return mapped
    .map((code) => String.fromCodePoint(code))
    .join("")
    .normalize("NFKC");
}

function map(password: string): number[] {
  const mapped: number[] = [];
  for (const character of password) {
    const code = character.codePointAt(0) ?? 0;
    // U+200B stands in both tables; PostgreSQL looks into the spaces first.
    if (isIn(SPACES, code)) mapped.push(0x20);
    else if (!isIn(NOTHING, code)) mapped.push(code);
  }
  return mapped;
}

/** RFC 3454, section 6: text with a right-to-left character begins and ends with one and has no left-to-right one. */
function allowsDirections(codes: readonly number[]): boolean {
  if (!codes.some((code) => isIn(RIGHT_TO_LEFT, code))) return true;
  if (codes.some(isLeftToRight)) return false;
  return isIn(RIGHT_TO_LEFT, codes.at(0) ?? 0) && isIn(RIGHT_TO_LEFT, codes.at(-1) ?? 0);
}

function isLeftToRight(code: number): boolean {
  if (code < 0x80) return /^[A-Za-z]$/.test(String.fromCharCode(code));
  return isIn(LEFT_TO_RIGHT, code);
}

/** Binary search over ranges. */
function isIn(ranges: CodePointRanges, code: number): boolean {
  let low = 0;
  let high = ranges.length / 2 - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (code < (ranges[middle * 2] ?? 0)) high = middle - 1;
    else if (code > (ranges[middle * 2 + 1] ?? 0)) low = middle + 1;
    else return true;
  }
  return false;
}
