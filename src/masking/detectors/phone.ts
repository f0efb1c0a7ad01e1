/** Telephone numbers: with `+` or `00` by the code and length of the country, without by the ways that countries write their own. */

import { BLANK, byteAt, code, DIGIT, is } from "./bytes.ts";
import { follows } from "./context.ts";
import { type DigitWindow, digitAt, OPEN, shapeOf } from "./digits.ts";
import { callingCodeLength } from "./phone-codes.ts";
import { isNorthAmerican, nationalConfidence } from "./phone-national.ts";
import { goesOn, goesOnBehindSpace, isInRow, type Judgement, type WrittenNumber } from "./written-number.ts";

const WORDS = new Set(
  "tel telephone phone phones mobile mobil mob cell cellphone fax call callback whatsapp sms telefon telefono tlf handy portable gsm dial landline".split(
    " ",
  ),
);

const SLASH = code("/");
const BLANK_BYTE = code(" ");
/** `0031 2044 0034`: tables of Unicode are full of them. */
const CODE_POINTS = shapeOf("4-4-4");
const DAYS = new Set(["4-2-2", "2-2-4", "1-1-4", "1-2-4", "2-1-4"].map(shapeOf));
const FEWEST_DIGITS = 8;

const INTERNATIONAL = 0.95;
/** `00` can begin a serial number too; in groups it hardly does. */
const WITH_00 = 0.85;
const NAMED = 0.85;

/** More groups than this is a row of numbers. */
const GROUPS_AT_MOST = 6;

export function findPhone(number: WrittenNumber): Judgement | null {
  const { window, prefix, cell, start } = number;
  if (number.isJoined || isPartOfSlashes(cell, start)) return null;
  const most = Math.min(window.groups, GROUPS_AT_MOST);
  for (let groups = most; groups > 0; groups--) {
    if (window.digitsIn(groups) < FEWEST_DIGITS || goesOnAsNumber(cell, window.end(groups - 1))) continue;
    const confidence = prefix === "+" ? withPlus(window, groups) : withoutPlus(number, groups);
    if (confidence > 0) return { groups, confidence };
  }
  if (prefix !== "" || !follows(cell, start, WORDS)) return null;
  for (let groups = most; groups > 0; groups--)
    if (isAnyNumber(window, groups) && !goesOnAsNumber(cell, window.end(groups - 1)))
      return { groups, confidence: NAMED };
  return null;
}

/** Digits that a word calls a phone number are one, however they are written: unless they are a day. */
function isAnyNumber(window: DigitWindow, groups: number): boolean {
  const digits = window.digitsIn(groups);
  return digits >= FEWEST_DIGITS && digits <= 12 && !(groups >= 3 && DAYS.has(window.shape(3)));
}

function goesOnAsNumber(cell: Uint8Array, end: number): boolean {
  return goesOn(cell, end) || (byteAt(cell, end) === SLASH && digitAt(cell, end + 1) !== 0);
}

function isPartOfSlashes(cell: Uint8Array, start: number): boolean {
  return byteAt(cell, start - 1) === SLASH && is(byteAt(cell, start - 2), DIGIT);
}

function withPlus(window: DigitWindow, groups: number): number {
  return isInternational(window, groups, 0) ? INTERNATIONAL : 0;
}

/** @param from how many digits stand before the country's code. */
function isInternational(window: DigitWindow, groups: number, from: number): boolean {
  // The `(0)` of +44 (0)20… is dialled at home only.
  const trunk = trunkGroup(window, groups);
  const digits: number[] = [];
  for (let group = 0, index = 0; group < groups; group++)
    for (; index < window.digitsIn(group + 1); index++)
      if (group !== trunk && index >= from) digits.push(window.digit(index));
  if (digits.length > 15) return false;
  const size = callingCodeLength(digits, digits.length);
  if (size === 0) return false;
  return digits[0] !== 1 || isNorthAmerican(digits.slice(1));
}

function trunkGroup(window: DigitWindow, groups: number): number {
  for (let group = 1; group < Math.min(groups, 3); group++) {
    if (
      window.separator(group) === OPEN &&
      window.groupLength(group) === 1 &&
      window.digit(window.digitsIn(group)) === 0
    )
      return group;
  }
  return -1;
}

function withoutPlus({ cell, window, start, prefix }: WrittenNumber, groups: number): number {
  const national = nationalConfidence(window, groups, prefix === "(");
  const is00 = groups > 1 && startsWith00(window, 0) && window.digit(2) !== 0 && !startsWith00(window, 1);
  if (national === 0 && !is00) return 0;
  const last = window.end(groups - 1);
  if (isPrice(cell, start, last) || goesOnBehindSpace(cell, last) || goesOnBeforeSpace(cell, start)) return 0;
  if (isInRow(cell, start, last, window.groupLength(0))) return 0;
  if (is00 && window.shape(groups) !== CODE_POINTS && isInternational(window, groups, 2)) return WITH_00;
  return national > 0 && follows(cell, start, WORDS) ? Math.max(national, NAMED) : national;
}

function startsWith00(window: DigitWindow, group: number): boolean {
  const first = window.digitsIn(group);
  return window.groupLength(group) > 1 && window.digit(first) === 0 && window.digit(first + 1) === 0;
}

/** Whether a digit stands before the space before it: then it is the end of a row of numbers. */
function goesOnBeforeSpace(cell: Uint8Array, start: number): boolean {
  return byteAt(cell, start - 1) === BLANK_BYTE && is(byteAt(cell, start - 2), DIGIT);
}

/** Signs of money and share, first bytes of the UTF-8 ones: £ ¥ (c2), € (e2). */
const DOLLAR = code("$");
const PERCENT = code("%");

function isPrice(cell: Uint8Array, start: number, end: number): boolean {
  let before = start;
  for (let steps = 0; steps < 2 && is(byteAt(cell, before - 1), BLANK); steps++) before--;
  let after = end;
  for (let steps = 0; steps < 2 && is(byteAt(cell, after), BLANK); steps++) after++;
  const [left, right] = [byteAt(cell, before - 1), byteAt(cell, after)];
  if (left === DOLLAR || right === DOLLAR || right === PERCENT) return true;
  return isMoney(cell, before - 2) || isMoney(cell, before - 3) || isMoney(cell, after);
}

function isMoney(cell: Uint8Array, at: number): boolean {
  const [first, second, third] = [byteAt(cell, at), byteAt(cell, at + 1), byteAt(cell, at + 2)];
  if (first === 0xc2) return second === 0xa3 || second === 0xa5;
  return first === 0xe2 && second === 0x82 && third >= 0xa0 && third <= 0xbf;
}
