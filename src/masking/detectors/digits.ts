/**
 * Digits and what stands between them, as people write numbers: groups with a space, a hyphen, a dot, a slash or parentheses.
 * Reads decimal digits of the scripts that databases hold, and passes over characters that have no width.
 * Letters that look like digits (O, l, I) are letters: to take them for digits finds numbers in words.
 */

import { byteAt } from "./bytes.ts";

/** What stands before a group of digits. */
export const SPACE = 1;
export const DASH = 2;
export const DOT = 3;
export const SLASH = 4;
/** `(` with or without a space before it; `)` with or without a space or hyphen behind it. */
export const OPEN = 5;
export const CLOSE = 6;
const INVISIBLE = 7;

/** Low four bits: value or kind. The others: bytes it takes. 0: none. */
type Packed = number;

/** First bytes of digits that are not ASCII: Arabic-Indic, its eastern forms, Devanagari, full width, mathematical. */
export const DIGIT_LEADS: readonly number[] = [0xd9, 0xdb, 0xe0, 0xef, 0xf0];

/** A decimal digit at `at`. */
export function digitAt(cell: Uint8Array, at: number): Packed {
  const first = byteAt(cell, at);
  if (first < 0x80) return first >= 0x30 && first <= 0x39 ? pack(first - 0x30, 1) : 0;
  const second = byteAt(cell, at + 1);
  if (first === 0xd9) return decimal(second - 0xa0, 2);
  if (first === 0xdb) return decimal(second - 0xb0, 2);
  if (first === 0xe0 && second === 0xa5) return decimal(byteAt(cell, at + 2) - 0xa6, 3);
  if (first === 0xef && second === 0xbc) return decimal(byteAt(cell, at + 2) - 0x90, 3);
  if (first !== 0xf0 || second !== 0x9d || byteAt(cell, at + 2) !== 0x9f) return 0;
  const fourth = byteAt(cell, at + 3) - 0x8e; // U+1D7CE to U+1D7FF: five alphabets of ten
  return fourth >= 0 && fourth < 50 ? pack(fourth % 10, 4) : 0;
}

function decimal(value: number, width: number): Packed {
  return value >= 0 && value <= 9 ? pack(value, width) : 0;
}

function pack(value: number, width: number): Packed {
  return value | (width << 4);
}

export function packedValue(packed: Packed): number {
  return packed & 15;
}

export function packedWidth(packed: Packed): number {
  return packed >> 4;
}

const ASCII_SEPARATORS = new Uint8Array(128);
for (const [byte, kind] of [
  [0x20, SPACE],
  [0x09, SPACE],
  [0x2d, DASH],
  [0x2e, DOT],
  [0x2f, SLASH],
  [0x28, OPEN],
  [0x29, CLOSE],
] as const)
  ASCII_SEPARATORS[byte] = kind;

function separatorAt(cell: Uint8Array, at: number): Packed {
  const first = byteAt(cell, at);
  if (first < 0x80) return pack(ASCII_SEPARATORS[first] ?? 0, 1);
  const second = byteAt(cell, at + 1);
  if (first === 0xc2) return second === 0xa0 ? pack(SPACE, 2) : second === 0xad ? pack(INVISIBLE, 2) : 0;
  const third = byteAt(cell, at + 2);
  if (first === 0xe2) return pack(generalPunctuation(second, third), 3);
  if (first === 0xe3) return second === 0x80 && third === 0x80 ? pack(SPACE, 3) : 0;
  if (first !== 0xef) return 0;
  if (second === 0xbb && third === 0xbf) return pack(INVISIBLE, 3); // U+FEFF
  return second === 0xbc && third === 0x8d ? pack(DASH, 3) : 0; // U+FF0D
}

/** U+2000 to U+206F, and the minus sign U+2212. */
function generalPunctuation(second: number, third: number): number {
  if (second === 0x88) return third === 0x92 ? DASH : 0;
  if (second === 0x81) return third === 0xa0 || (third >= 0xa6 && third <= 0xa9) ? INVISIBLE : 0;
  if (second !== 0x80) return 0;
  if (third <= 0x8a || third === 0xaf) return SPACE;
  if (third <= 0x8f) return INVISIBLE;
  if (third <= 0x95) return DASH;
  return third >= 0xaa && third <= 0xae ? INVISIBLE : 0;
}

/** A separator of one kind with what is invisible beside it, `(` and `)` with the space or hyphen that goes with them. */
const LONGEST_SEPARATOR = 5;

/** @returns kind and end of what stands between digits at `at`; kind 0 where it is invisible only, -1 where the number ends. */
function between(cell: Uint8Array, at: number, end: number, into: { end: number }): number {
  let kind = 0;
  let next = at;
  for (let step = 0; step < LONGEST_SEPARATOR && next < end; step++) {
    if (digitAt(cell, next) !== 0) {
      into.end = next;
      return kind;
    }
    const packed = separatorAt(cell, next);
    const one = packedValue(packed);
    if (one === 0) return -1;
    if (one !== INVISIBLE) {
      if (kind === 0 || (kind === SPACE && one === OPEN)) kind = one;
      else if (kind !== CLOSE || (one !== SPACE && one !== DASH)) return -1;
    }
    next += packedWidth(packed);
  }
  return -1;
}

/** Longer than any number that is looked for: 19 digits of a card, 17 of `00` and a phone number. */
const WINDOW_DIGITS = 20;
/** More than any is written in: the six of a phone number. */
const WINDOW_GROUPS = 8;

/** The digits from one place on, in groups. One object is used again and again: its arrays are not copied. */
export class DigitWindow {
  readonly digits = new Uint8Array(WINDOW_DIGITS);
  /** Per group: its first byte, the byte behind it, digits up to its end, what stands before it. */
  readonly #starts = new Int32Array(WINDOW_GROUPS);
  readonly #ends = new Int32Array(WINDOW_GROUPS);
  readonly #counts = new Uint8Array(WINDOW_GROUPS);
  readonly #separators = new Uint8Array(WINDOW_GROUPS);
  readonly #after = { end: 0 };
  groups = 0;
  /** Of all groups together. */
  count = 0;
  /** Whether digits follow that the window does not hold. */
  isOpen = false;
  /** Behind the first group, also where that is longer than the window. */
  firstGroupEnd = 0;

  /** @param at where a digit stands. */
  read(cell: Uint8Array, at: number, end: number): void {
    this.groups = 0;
    this.count = 0;
    this.isOpen = false;
    let start = at;
    let separator = 0;
    while (this.#readGroup(cell, start, end, separator)) {
      separator = between(cell, this.#ends[this.groups - 1] ?? end, end, this.#after);
      if (separator < 0) break;
      start = this.#after.end;
    }
    this.firstGroupEnd = this.groups > 0 ? (this.#ends[0] ?? end) : skipDigits(cell, at, end);
  }

  /** @returns false where the group does not fit: it is not taken. */
  #readGroup(cell: Uint8Array, start: number, end: number, separator: number): boolean {
    let next = start;
    let count = this.count;
    while (next < end) {
      const packed = digitAt(cell, next);
      if (packed === 0) {
        // Invisible characters alone do not end a group; none of them is ASCII.
        if (byteAt(cell, next) < 0x80 || between(cell, next, end, this.#after) !== 0) break;
        next = this.#after.end;
        continue;
      }
      if (count === WINDOW_DIGITS) {
        this.isOpen = true;
        return false;
      }
      this.digits[count++] = packedValue(packed);
      next += packedWidth(packed);
    }
    this.#starts[this.groups] = start;
    this.#ends[this.groups] = next;
    this.#counts[this.groups] = count;
    this.#separators[this.groups] = separator;
    this.groups++;
    this.count = count;
    return (count < WINDOW_DIGITS && this.groups < WINDOW_GROUPS) || this.#noMore(cell, next, end);
  }

  #noMore(cell: Uint8Array, next: number, end: number): boolean {
    this.isOpen = between(cell, next, end, this.#after) >= 0;
    return false;
  }

  start(group: number): number {
    return this.#starts[group] ?? 0;
  }

  end(group: number): number {
    return this.#ends[group] ?? 0;
  }

  separator(group: number): number {
    return this.#separators[group] ?? 0;
  }

  /** Digits in the first `groups` groups. */
  digitsIn(groups: number): number {
    return groups === 0 ? 0 : (this.#counts[groups - 1] ?? 0);
  }

  groupLength(group: number): number {
    return this.digitsIn(group + 1) - this.digitsIn(group);
  }

  digit(index: number): number {
    return this.digits[index] ?? 0;
  }

  /** Lengths of the first groups, as shapeOf() makes it of "3-3-4". */
  shape(groups: number): number {
    let shape = 0;
    for (let group = 0; group < groups; group++) shape = shape * SHAPE_BASE + this.groupLength(group);
    return shape;
  }

  /** What stands before each group but the first; 0 where they differ or there is only one. */
  commonSeparator(groups: number): number {
    const common = groups > 1 ? this.separator(1) : 0;
    for (let group = 2; group < groups; group++) if (this.separator(group) !== common) return 0;
    return common;
  }

  /** The number that the digits from `from` on write. */
  value(from: number, length: number): number {
    let value = 0;
    for (let index = from; index < from + length; index++) value = value * 10 + this.digit(index);
    return value;
  }
}

/** More than a window's digits. */
const SHAPE_BASE = 32;

/** Lengths of groups as one number: "3-3-4". */
export function shapeOf(lengths: string): number {
  return lengths.split("-").reduce((shape, length) => shape * SHAPE_BASE + Number(length), 0);
}

function skipDigits(cell: Uint8Array, at: number, end: number): number {
  let next = at;
  for (let packed = digitAt(cell, next); packed !== 0 && next < end; packed = digitAt(cell, next))
    next += packedWidth(packed);
  return Math.min(next, end);
}
