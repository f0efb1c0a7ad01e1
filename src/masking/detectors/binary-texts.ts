/**
 * Where the texts are in a cell whose type or shape nobody has told: in binary format arrays, rows and hstore hold theirs between counts and
 * lengths. Found by shape alone, which has to fit to the last byte. Looks for nothing in them.
 */

import { Buffer, isUtf8 } from "node:buffer";
import type { Span } from "./mask-cell.ts";

/** Rows in rows in arrays; what is deeper is not looked at. Each level may be read in three ways, so that more would cost more than it finds. */
const MAX_DEPTH = 3;
/** MAXDIM of utils/array.h. */
const MAX_DIMENSIONS = 6;
const NOTHING: readonly Span[] = [];

/** @returns the cell where it is text; of an array, a row or an hstore in binary its texts; nothing of any other bytes. */
export function textsIn(cell: Uint8Array): readonly Span[] {
  // No text of PostgreSQL holds NUL, and no array or row is without: their counts have four bytes.
  if (!cell.includes(0)) return isUtf8(cell) ? [{ start: 0, end: cell.length }] : NOTHING;
  const texts: Span[] = [];
  const view = Buffer.from(cell.buffer, cell.byteOffset, cell.length);
  return fits(view, 0, cell.length, 0, texts) ? texts : NOTHING;
}

/** Of `view[start, end)`. @param texts takes those that are found. @returns whether the bytes are text, an array or a row. */
function fits(view: Buffer, start: number, end: number, depth: number, texts: Span[]): boolean {
  const part = view.subarray(start, end);
  if (!part.includes(0)) {
    if (isUtf8(part)) texts.push({ start, end });
    return true; // a number, perhaps
  }
  if (depth >= MAX_DEPTH) return false;
  return (
    array(view, start, end, depth, texts) ||
    row(view, start, end, depth, texts) ||
    pairs(view, start, end, depth, texts)
  );
}

/** array_send(): dimensions, flags, type of the elements; length and first index of each dimension; then the elements. */
function array(view: Buffer, start: number, end: number, depth: number, texts: Span[]): boolean {
  if (end - start < 12) return false;
  const dimensions = view.readInt32BE(start);
  const flags = view.readInt32BE(start + 4);
  const first = start + 12 + 8 * dimensions;
  if (dimensions < 0 || dimensions > MAX_DIMENSIONS || flags < 0 || flags > 1 || first > end) return false;
  let count = dimensions === 0 ? 0 : 1;
  for (let dimension = 0; dimension < dimensions; dimension++) count *= view.readInt32BE(start + 12 + 8 * dimension);
  return values(view, first, end, { count, typed: false, depth }, texts);
}

/** record_send(): number of columns, then type and value of each. */
function row(view: Buffer, start: number, end: number, depth: number, texts: Span[]): boolean {
  if (end - start < 4) return false;
  return values(view, start + 4, end, { count: view.readInt32BE(start), typed: true, depth }, texts);
}

/** hstore_send(): number of pairs, then a key and a value of each. */
function pairs(view: Buffer, start: number, end: number, depth: number, texts: Span[]): boolean {
  if (end - start < 4) return false;
  return values(view, start + 4, end, { count: 2 * view.readInt32BE(start), typed: false, depth }, texts);
}

interface Values {
  readonly count: number;
  /** A type stands before each. */
  readonly typed: boolean;
  readonly depth: number;
}

/** Lengths and bytes of so many values, which end where the whole ends. What is no text inside of them is passed over. */
function values(view: Buffer, from: number, end: number, { count, typed, depth }: Values, texts: Span[]): boolean {
  const found: Span[] = [];
  let at = from;
  for (let i = 0; i < count; i++) {
    if (typed) at += 4;
    if (at + 4 > end) return false;
    const length = view.readInt32BE(at);
    at += 4;
    if (length < -1 || at + length > end) return false;
    if (length > 0) fits(view, at, at + length, depth + 1, found);
    at += Math.max(0, length);
  }
  if (at !== end) return false;
  for (const text of found) texts.push(text);
  return true;
}
