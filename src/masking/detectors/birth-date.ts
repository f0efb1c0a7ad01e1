/** Days of birth: a date behind a word that says so. A date alone is any date, and is not found. Off unless asked for. */

import { follows } from "./context.ts";
import { DASH, type DigitWindow, DOT, SLASH, shapeOf } from "./digits.ts";
import { goesOn, type Judgement, type WrittenNumber } from "./written-number.ts";

const YEAR_FIRST = shapeOf("4-2-2");
const YEAR_LAST = new Set(["1-1-4", "1-2-4", "2-1-4", "2-2-4"].map(shapeOf));
const NAMED = 0.9;
const WORDS = new Set(
  "birth birthday birthdate born dob geboren geburtsdatum geb naissance nacimiento nato nascita".split(" "),
);
/** Nobody alive was born before; a check against today would need a clock. */
const EARLIEST = 1900;
const LATEST = 2099;

export function birthDate({ cell, window, prefix, isJoined }: WrittenNumber): Judgement | null {
  if (prefix !== "" || isJoined || window.groups < 3 || window.digitsIn(3) > 8) return null;
  const separator = window.commonSeparator(3);
  if (separator !== DASH && separator !== DOT && separator !== SLASH) return null;
  if (!isDate(window) || goesOn(cell, window.end(2)) || !follows(cell, window.start(0), WORDS)) return null;
  return { groups: 3, confidence: NAMED };
}

/** Year first, or last with day and month in either order. */
function isDate(window: DigitWindow): boolean {
  const shape = window.shape(3);
  const parts = [0, 1, 2].map((group) => window.value(window.digitsIn(group), window.groupLength(group)));
  const [first = 0, second = 0, third = 0] = parts;
  if (shape === YEAR_FIRST) return isYear(first) && isDayAndMonth(third, second);
  if (!YEAR_LAST.has(shape)) return false;
  return isYear(third) && (isDayAndMonth(first, second) || isDayAndMonth(second, first));
}

function isYear(year: number): boolean {
  return year >= EARLIEST && year <= LATEST;
}

function isDayAndMonth(day: number, month: number): boolean {
  return day >= 1 && day <= 31 && month >= 1 && month <= 12;
}
