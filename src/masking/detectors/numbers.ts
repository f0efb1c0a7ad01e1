/**
 * The probe for everything that is written in digits: finds where a number begins, reads its digits once and hands them to the
 * judges of cards, social security numbers, phones, IBANs and, where they are on, addresses and dates.
 */

import { birthDate } from "./birth-date.ts";
import { byteAt, code, is, isWordBefore, LETTER } from "./bytes.ts";
import { findCard } from "./card.ts";
import { DIGIT_LEADS, DigitWindow, digitAt, packedWidth } from "./digits.ts";
import type { DetectorName, FindingList, Probe } from "./finding.ts";
import { findIban } from "./iban.ts";
import { ipv4 } from "./ip-address.ts";
import { findPhone } from "./phone.ts";
import { findSsn } from "./ssn.ts";
import { isJoined, type Judgement, type WrittenNumber } from "./written-number.ts";

type Judge = (number: WrittenNumber) => Judgement | null;

const JUDGES: readonly (readonly [DetectorName, Judge])[] = [
  ["card", findCard],
  ["ssn", findSsn],
  ["phone", findPhone],
  ["ip-address", ipv4],
  ["birth-date", birthDate],
];

/** 9 digits of a social security number, 8 of a phone or a date, 4 of an address: less is nothing. */
const FEWEST_DIGITS: Readonly<Partial<Record<DetectorName, number>>> = { "ip-address": 4, "birth-date": 6 };
const FEWEST_OF_OTHERS = 8;

const PLUS = code("+");
const OPEN_PARENTHESIS = code("(");
const DIGITS = [..."0123456789"].map(code);

export class NumberProbe implements Probe {
  readonly anchors: readonly number[] = [...DIGITS, PLUS, OPEN_PARENTHESIS, ...DIGIT_LEADS];
  readonly #window = new DigitWindow();
  readonly #judges: readonly (readonly [DetectorName, Judge])[];
  readonly #fewest: number;
  readonly #iban: boolean;

  constructor(on: ReadonlySet<DetectorName>) {
    this.#judges = JUDGES.filter(([name]) => on.has(name));
    this.#iban = on.has("iban");
    this.#fewest = Math.min(...this.#judges.map(([name]) => FEWEST_DIGITS[name] ?? FEWEST_OF_OTHERS));
  }

  look(cell: Uint8Array, at: number, end: number, found: FindingList): number {
    const first = byteAt(cell, at);
    const prefix = first === PLUS ? "+" : first === OPEN_PARENTHESIS ? "(" : "";
    const digit = prefix === "" ? at : digitBehind(cell, at + 1, end);
    if (digit < 0 || digitAt(cell, digit) === 0) return at + 1;
    if (this.#iban && prefix === "" && is(byteAt(cell, at - 1), LETTER)) {
      const ibanEnd = findIban(cell, at, end, found);
      if (ibanEnd > 0) return ibanEnd;
    }
    if (prefix !== "(" && isWordBefore(cell, at)) return prefix === "+" ? at + 1 : endOfDigits(cell, at, end);
    this.#window.read(cell, digit, end);
    if (this.#window.count < this.#fewest) return this.#behindWindow(at);
    const foundEnd = this.#judge(
      { cell, window: this.#window, start: at, prefix, isJoined: isJoined(cell, at) },
      found,
    );
    if (foundEnd > 0) return foundEnd;
    return prefix === "" ? this.#window.firstGroupEnd : at + 1;
  }

  /** What follows in the window has still fewer digits, unless more follow behind it. */
  #behindWindow(at: number): number {
    const { groups, isOpen, firstGroupEnd } = this.#window;
    return isOpen || groups === 0 ? Math.max(firstGroupEnd, at + 1) : this.#window.end(groups - 1);
  }

  #judge(number: WrittenNumber, found: FindingList): number {
    let foundEnd = 0;
    for (const [name, judge] of this.#judges) {
      const judgement = judge(number);
      if (judgement === null) continue;
      const last = this.#window.end(judgement.groups - 1);
      if (found.add(name, number.start, last, judgement.confidence)) foundEnd = Math.max(foundEnd, last);
    }
    return foundEnd;
  }
}

/** The digit behind `+` or `(`, also in `+(1)`; -1 where none stands there. */
function digitBehind(cell: Uint8Array, at: number, end: number): number {
  const digit = byteAt(cell, at) === OPEN_PARENTHESIS ? at + 1 : at;
  return digit < end ? digit : -1;
}

function endOfDigits(cell: Uint8Array, at: number, end: number): number {
  let next = at;
  for (let packed = digitAt(cell, next); packed !== 0 && next < end; packed = digitAt(cell, next))
    next += packedWidth(packed);
  return Math.max(next, at + 1);
}
