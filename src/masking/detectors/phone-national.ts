/** How countries write their own telephone numbers: groups, separators, first digits. Without a `+` form is all there is: each form says how sure it is. */

import { CLOSE, DASH, type DigitWindow, DOT, OPEN, SLASH, SPACE, shapeOf } from "./digits.ts";

interface NationalForm {
  readonly shape: string;
  /** What may stand between the groups: one of them throughout, or with `mixed` any of them. */
  readonly separators: readonly number[];
  readonly mixed?: boolean;
  /** Of the digits together. */
  readonly starts: RegExp;
  readonly confidence: number;
  /** Only where the first group, or the second behind a prefix, stands in parentheses. */
  readonly parentheses?: boolean;
}

/** NPA and NXX of the North American Numbering Plan: neither begins with 0 or 1, or is N11. Source: NANPA, "Numbering Resources". */
const NANP = /^[2-9](?!11)[0-8]\d[2-9](?!11)\d{2}/;
const NANP_BEHIND_1 = /^1[2-9](?!11)[0-8]\d[2-9](?!11)\d{2}/;

/** Below 0.8 it takes a word such as `tel` before it: numbers of other kinds are written so too. */
const FORMS: readonly NationalForm[] = [
  // United States, Canada, Caribbean
  {
    shape: "3-3-4",
    separators: [CLOSE, DASH, SPACE, DOT],
    mixed: true,
    starts: NANP,
    confidence: 0.95,
    parentheses: true,
  },
  { shape: "3-3-4", separators: [DASH, DOT], starts: NANP, confidence: 0.9 },
  { shape: "3-3-4", separators: [SPACE, SLASH], mixed: true, starts: NANP, confidence: 0.7 },
  { shape: "3-3-4", separators: [SLASH, DASH], mixed: true, starts: NANP, confidence: 0.85 },
  { shape: "1-3-3-4", separators: [CLOSE, DASH, SPACE, DOT], mixed: true, starts: NANP_BEHIND_1, confidence: 0.9 },
  { shape: "10", separators: [], starts: NANP, confidence: 0.4 },
  // United Kingdom, Germany, Australia, Japan and others with the trunk prefix 0
  { shape: "3-4-4", separators: [CLOSE, DASH, SPACE], mixed: true, starts: /^0[1-9]/, confidence: 0.9 },
  { shape: "4-3-4", separators: [CLOSE, DASH, SPACE], mixed: true, starts: /^0[1-9]/, confidence: 0.85 },
  { shape: "4-3-3", separators: [CLOSE, DASH, SPACE], mixed: true, starts: /^0[1-9]/, confidence: 0.85 },
  { shape: "5-7", separators: [CLOSE, SPACE, SLASH, DASH], starts: /^0[1-9]/, confidence: 0.8 },
  { shape: "5-6", separators: [CLOSE, SPACE, DASH], starts: /^0[1-9]/, confidence: 0.85 },
  { shape: "5-3-3", separators: [CLOSE, SPACE, DASH], mixed: true, starts: /^0[1-9]/, confidence: 0.9 },
  { shape: "2-4-4", separators: [CLOSE, SPACE, DASH], mixed: true, starts: /^0[1-9]/, confidence: 0.85 },
  { shape: "3-3-4", separators: [CLOSE, SPACE, DASH], mixed: true, starts: /^0[1-9]/, confidence: 0.85 },
  { shape: "4-2-4", separators: [CLOSE, SPACE, DASH], mixed: true, starts: /^0[1-9]/, confidence: 0.8 },
  { shape: "3-8", separators: [CLOSE, SPACE, SLASH, DASH], starts: /^0[1-9]/, confidence: 0.8 },
  { shape: "3-7", separators: [CLOSE, SPACE, SLASH, DASH], starts: /^0[1-9]/, confidence: 0.8 },
  { shape: "4-7", separators: [CLOSE, SPACE, SLASH, DASH], starts: /^0[1-9]/, confidence: 0.8 },
  { shape: "4-8", separators: [CLOSE, SPACE, SLASH, DASH], starts: /^0[1-9]/, confidence: 0.8 },
  { shape: "4-6", separators: [CLOSE, SPACE, SLASH, DASH], starts: /^0[1-9]/, confidence: 0.8 },
  { shape: "2-8", separators: [CLOSE, SPACE, DASH], starts: /^0[1-9]/, confidence: 0.85 },
  { shape: "3-6", separators: [CLOSE, SPACE, SLASH], starts: /^0[1-9]/, confidence: 0.8 },
  // France; Switzerland and Sweden; Belgium
  { shape: "2-2-2-2-2", separators: [SPACE, DOT, DASH], starts: /^0[1-9]/, confidence: 0.9 },
  { shape: "3-3-2-2", separators: [CLOSE, SPACE, DASH], mixed: true, starts: /^0[1-9]/, confidence: 0.9 },
  { shape: "4-2-2-2", separators: [SPACE, SLASH], mixed: true, starts: /^0[1-9]/, confidence: 0.85 },
  // Brazil, China, Russia
  { shape: "2-5-4", separators: [CLOSE, SPACE, DASH], mixed: true, starts: /^[1-9]{2}9/, confidence: 0.9 },
  { shape: "2-4-4", separators: [CLOSE, DASH], mixed: true, starts: /^[1-9]/, confidence: 0.85, parentheses: true },
  { shape: "3-4-4", separators: [SPACE, DASH], starts: /^1[3-9]/, confidence: 0.85 },
  { shape: "11", separators: [], starts: /^1[3-9]/, confidence: 0.4 },
  { shape: "1-3-3-2-2", separators: [CLOSE, SPACE, DASH], mixed: true, starts: /^8[3-9]/, confidence: 0.9 },
  // India, Spain, Italy, Poland: written as other numbers are
  { shape: "5-5", separators: [SPACE, DASH], starts: /^[6-9]/, confidence: 0.6 },
  { shape: "3-3-3", separators: [SPACE, DASH], starts: /^[3-9]/, confidence: 0.4 },
  { shape: "3-2-2-2", separators: [SPACE], starts: /^[6-9]/, confidence: 0.7 },
  { shape: "2-4-4", separators: [SPACE, DASH], starts: /^[1-9]/, confidence: 0.5 },
];

const BY_SHAPE: ReadonlyMap<number, readonly NationalForm[]> = new Map(
  FORMS.map(({ shape }) => [shapeOf(shape), FORMS.filter((form) => form.shape === shape)]),
);

/** @param startsOpen whether a `(` stands before the first digit. @returns 0 where no country writes it so. */
export function nationalConfidence(window: DigitWindow, groups: number, startsOpen: boolean): number {
  const forms = BY_SHAPE.get(window.shape(groups));
  if (forms === undefined) return 0;
  const parentheses = parenthesesOf(window, groups, startsOpen);
  if (parentheses === "unpaired") return 0;
  let most = 0;
  for (const form of forms) {
    if (form.confidence <= most || (form.parentheses === true && parentheses !== "paired")) continue;
    if (fits(window, groups, form) && form.starts.test(digitsOf(window, groups))) most = form.confidence;
  }
  return most;
}

function digitsOf(window: DigitWindow, groups: number): string {
  return window.digits.subarray(0, window.digitsIn(groups)).join("");
}

/** Paired: around the first group, or around the second behind a prefix. */
function parenthesesOf(window: DigitWindow, groups: number, startsOpen: boolean): "none" | "paired" | "unpaired" {
  let [opens, closes] = [startsOpen ? 1 : 0, 0];
  for (let group = 1; group < groups; group++) {
    if (window.separator(group) === OPEN) opens++;
    if (window.separator(group) === CLOSE) closes++;
  }
  if (opens + closes === 0) return "none";
  const first = startsOpen ? 1 : 2;
  const isPaired = opens === 1 && closes === 1 && window.separator(first) === CLOSE;
  return isPaired && (startsOpen || window.separator(1) === OPEN) ? "paired" : "unpaired";
}

/** Parentheses have been looked at: what stands behind one may differ from the rest. */
function fits(window: DigitWindow, groups: number, { separators, mixed }: NationalForm): boolean {
  let common = 0;
  for (let group = 1; group < groups; group++) {
    const separator = window.separator(group);
    if (separator === OPEN) continue;
    if (!separators.includes(separator)) return false;
    if (mixed === true || separator === CLOSE) continue;
    if (common !== 0 && separator !== common) return false;
    common = separator;
  }
  return true;
}

/** The ten digits of a number in North America. */
export function isNorthAmerican(digits: readonly number[]): boolean {
  return digits.length === 10 && NANP.test(digits.join(""));
}
