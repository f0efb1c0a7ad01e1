/** Which cells a sample takes. By their number, not by chance: the same session is judged the same again. */

/** 2^32 divided by the golden ratio: its multiples spread evenly, whatever step the numbers go by (every eighth is one column). */
const STEP = 0x9e3779b1;
const WHOLE = 2 ** 32;

/** @param cellNumber of the cell in its session, from 0. @param rate 0 to 1: the share of cells. */
export function isSampled(cellNumber: number, rate: number): boolean {
  return rate >= 1 || Math.imul(cellNumber, STEP) >>> 0 < rate * WHOLE;
}
