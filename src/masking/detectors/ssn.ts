/** Social security numbers of the United States, and the taxpayer numbers (ITIN) that are written like them. They have no check digit. */

import { follows } from "./context.ts";
import { DASH, type DigitWindow, SPACE, shapeOf } from "./digits.ts";
import { goesOn, goesOnBehindSpace, type Judgement, type WrittenNumber } from "./written-number.ts";

const WORDS = new Set(["ssn", "ssns", "ss", "social", "security", "itin", "tin", "taxpayer"]);

const SHAPE = shapeOf("3-2-4");
const HYPHENS = 0.95;
const SPACES = 0.8;
/** Nine digits, or ones in another writing, behind a word that names them. */
const NAMED = 0.85;
const NINE_DIGITS = 0.2;

/** Printed on sample cards and leaflets: nobody's. Source: SSA, "Social Security Cards Issued by Woolworth". */
const NOBODY = new Set([78_051_120, 219_099_999]);

export function findSsn({ cell, window, prefix, isJoined }: WrittenNumber): Judgement | null {
  if (prefix !== "" || isJoined) return null;
  const groups = window.groupLength(0) === 9 ? 1 : 3;
  if (window.groups < groups || window.digitsIn(groups) !== 9 || !isIssued(window)) return null;
  const last = window.end(groups - 1);
  if (goesOn(cell, last)) return null;
  if (groups === 1) return { groups, confidence: follows(cell, window.start(0), WORDS) ? NAMED : NINE_DIGITS };
  if (window.shape(3) !== SHAPE) return null;
  const separator = window.commonSeparator(3);
  if (separator === DASH) return { groups, confidence: HYPHENS };
  if (separator === SPACE && !goesOnBehindSpace(cell, last)) return { groups, confidence: SPACES };
  return follows(cell, window.start(0), WORDS) ? { groups, confidence: NAMED } : null;
}

/** SSA, POMS RM 10201.035 (numbers never assigned); IRS, Internal Revenue Manual 3.21.263 (ITIN: 9xx with these groups). */
function isIssued(window: DigitWindow): boolean {
  const [area, group, serial] = [window.value(0, 3), window.value(3, 2), window.value(5, 4)];
  if (area === 0 || area === 666 || group === 0 || serial === 0 || NOBODY.has(window.value(0, 9))) return false;
  if (area < 900) return true;
  return (group >= 50 && group <= 65) || (group >= 70 && group <= 88) || (group >= 90 && group <= 99 && group !== 93);
}
