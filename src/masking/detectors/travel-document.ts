/** The machine-readable zone of passports and identity cards: names and numbers with check digits. Numbers without it have no validator. */

import { BLANK, byteAt, code, DIGIT, is, standsAt, UPPER } from "./bytes.ts";
import type { FindingList, Probe } from "./finding.ts";

const FILLER = code("<");
/** ICAO Doc 9303, part 4: passports have two lines of 44. Part 6: cards of that size, and visas, two of 36. */
const LINES = [44, 36] as const;
const LINE_BREAKS_AT_MOST = 4;
/** Number, birth and expiry with their check digits: positions in the second line. */
const CHECKED = [
  [0, 9],
  [13, 19],
  [21, 27],
] as const;
const WEIGHTS = [7, 3, 1] as const;

const ZONE = 0.99;

export class TravelDocumentProbe implements Probe {
  readonly anchors: readonly number[] = [FILLER];

  look(cell: Uint8Array, at: number, end: number, found: FindingList): number {
    const start = at - 1;
    const kind = byteAt(cell, start);
    if (kind !== code("P") && kind !== code("I") && kind !== code("V")) return at + 1;
    for (const length of LINES) {
      const zoneEnd = endOfZone(cell, start, end, length);
      if (zoneEnd > 0 && found.add("travel-document", start, zoneEnd, ZONE)) return zoneEnd;
    }
    return at + 1;
  }
}

function endOfZone(cell: Uint8Array, start: number, end: number, length: number): number {
  if (!isLine(cell, start, end, length)) return 0;
  let second = start + length;
  while (second < start + length + LINE_BREAKS_AT_MOST && isBreak(cell, second)) second++;
  if (second === start + length || !isLine(cell, second, end, length)) return 0;
  return CHECKED.every(([from, to]) => isChecked(cell, second + from, second + to)) ? second + length : 0;
}

/** As it is, or written as `\n`. */
function isBreak(cell: Uint8Array, at: number): boolean {
  return (
    is(byteAt(cell, at), BLANK) || standsAt(cell, at, cell.length, "\\n") || standsAt(cell, at - 1, cell.length, "\\n")
  );
}

function isLine(cell: Uint8Array, start: number, end: number, length: number): boolean {
  if (start < 0 || start + length > end) return false;
  for (let at = start; at < start + length; at++) {
    const byte = byteAt(cell, at);
    if (byte !== FILLER && !is(byte, UPPER | DIGIT)) return false;
  }
  const after = byteAt(cell, start + length);
  return after !== FILLER && !is(after, UPPER | DIGIT) && !is(byteAt(cell, start - 1), UPPER | DIGIT);
}

/** ICAO Doc 9303, part 3, section 4.9. */
function isChecked(cell: Uint8Array, from: number, to: number): boolean {
  let sum = 0;
  for (let at = from; at < to; at++) sum += weighed(byteAt(cell, at)) * (WEIGHTS[(at - from) % 3] ?? 0);
  return sum % 10 === weighed(byteAt(cell, to)) && is(byteAt(cell, to), DIGIT);
}

function weighed(byte: number): number {
  if (byte === FILLER) return 0;
  return is(byte, DIGIT) ? byte - 0x30 : byte - 0x37;
}
