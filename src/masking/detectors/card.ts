/** Payment card numbers: length and first digits of a network, the way they are grouped, and the check digit. */

import { follows } from "./context.ts";
import { DASH, type DigitWindow, SPACE, shapeOf } from "./digits.ts";
import { goesOn, isInRow, type Judgement, type WrittenNumber } from "./written-number.ts";

/**
 * First six digits from, to; lengths. Source: ISO/IEC 7812-1 and the networks' published ranges. Visa numbers of 13 digits are
 * no more issued and are EAN-13 codes today: left out.
 */
const RANGES: readonly (readonly [from: number, to: number, ...lengths: number[]])[] = [
  [220000, 220499, 16, 19], // Mir
  [222100, 272099, 16], // Mastercard
  [300000, 305999, 14], // Diners Club
  [309500, 309599, 14],
  [340000, 349999, 15], // American Express
  [352800, 358999, 16, 19], // JCB
  [360000, 369999, 14], // Diners Club
  [370000, 379999, 15], // American Express
  [380000, 399999, 14], // Diners Club
  [400000, 499999, 16, 19], // Visa
  [500000, 509999, 16, 19], // Maestro, RuPay, Elo
  [510000, 559999, 16], // Mastercard
  [560000, 589999, 16, 19], // Maestro
  [600000, 609999, 16], // RuPay, Discover
  [620000, 629999, 16, 17, 18, 19], // UnionPay
  [630400, 630499, 16, 19], // Maestro
  [636000, 639999, 16, 19],
  [644000, 659999, 16, 19], // Discover, RuPay
  [670000, 679999, 16, 19], // Maestro
  [810000, 829999, 16, 17, 18, 19], // UnionPay, RuPay
  [979200, 979299, 16], // Troy
];

/** As cards are printed. */
const SHAPES = new Set(["4-4-4-4", "4-6-5", "4-6-4", "4-4-4-4-3", "6-13"].map(shapeOf));
const WORDS = new Set([
  "card",
  "cards",
  "cardno",
  "cc",
  "visa",
  "mastercard",
  "amex",
  "credit",
  "debit",
  "pan",
  "karte",
]);

const GROUPED = 0.99;
const IN_ONE = 0.9;
/** 17 to 19 digits in one: also the length of serial numbers of 64 bits. */
const LONG_IN_ONE = 0.6;

export function findCard({ cell, window, prefix, isJoined }: WrittenNumber): Judgement | null {
  if (prefix !== "" || isJoined) return null;
  for (let groups = Math.min(window.groups, 5); groups > 0; groups--) {
    const length = window.digitsIn(groups);
    if (length < 14 || length > 19 || !isGrouped(window, groups) || !isCard(window, length)) continue;
    const last = window.end(groups - 1);
    if (goesOn(cell, last) || (groups > 1 && isInRow(cell, window.start(0), last, 4))) continue;
    if (groups > 1) return { groups, confidence: GROUPED };
    const isSure = length <= 16 || follows(cell, window.start(0), WORDS);
    return { groups, confidence: isSure ? IN_ONE : LONG_IN_ONE };
  }
  return null;
}

function isGrouped(window: DigitWindow, groups: number): boolean {
  if (groups === 1) return true;
  const separator = window.commonSeparator(groups);
  return (separator === SPACE || separator === DASH) && SHAPES.has(window.shape(groups));
}

function isCard(window: DigitWindow, length: number): boolean {
  const first = window.value(0, 6);
  return (
    RANGES.some(([from, to, ...lengths]) => first >= from && first <= to && lengths.includes(length)) &&
    passesLuhn(window, length)
  );
}

/** ISO/IEC 7812-1, annex B. */
function passesLuhn(window: DigitWindow, length: number): boolean {
  let sum = 0;
  for (let index = 0; index < length; index++) {
    const digit = window.digit(index);
    const doubled = (length - index) % 2 === 0 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
