/**
 * The second net over one DataRow or one line of copied data: which cells are text, what is found in them, and the row with that
 * masked in the form that its type reads. Which statement it is of, and who is told of a hit, is the caller's.
 */

import { Buffer } from "node:buffer";
import { textsIn } from "./binary-texts.ts";
import type { DetectorSet } from "./detector-set.ts";
import type { DetectorName, Finding } from "./finding.ts";
import { filledCell, MASK_BYTES, maskCell, type Span } from "./mask-cell.ts";

/**
 * How a column's cells are read. `shape`: nobody has said what they are, or they hold texts between lengths. `skip`: numbers, times and
 * the like, which are no text; or the column is not to be looked at.
 */
export type CellForm = "text" | "record" | "json" | "jsonb" | "array" | "jsonArray" | "shape" | "skip";

export interface RowHit {
  /** Of the row, from 0; 0 for copied data. */
  readonly column: number;
  readonly detectors: readonly DetectorName[];
}

/** A row in which something was found. */
export interface CaughtRow {
  /** A whole message again. */
  readonly bytes: Uint8Array;
  readonly hits: readonly RowHit[];
}

/** Of RowDescription and Bind: a type's OID and whether its cells come in binary. Source: pg_type.dat of PostgreSQL 18. */
export function cellForm(typeOid: number, binary: boolean): CellForm {
  if (TEXTS.has(typeOid)) return "text";
  if (typeOid === TSVECTOR_OID) return binary ? "skip" : "text";
  if (typeOid === JSON_OID) return "json";
  if (typeOid === JSONB_OID) return binary ? "jsonb" : "json";
  if (TEXT_ARRAYS.has(typeOid)) return binary ? "shape" : "array";
  if (JSON_ARRAYS.has(typeOid)) return binary ? "shape" : "jsonArray";
  // Composite types, enums, extensions' types.
  if (typeOid >= FIRST_USER_OID || RECORDS.has(typeOid)) return binary ? "shape" : "record";
  return "skip";
}

export class RowNet {
  readonly #set: DetectorSet;
  readonly #extent: "cell" | "finding";
  /** Cells of the session so far: what a share is taken by. */
  #cells = 0;

  constructor(set: DetectorSet, extent: "cell" | "finding") {
    this.#set = set;
    this.#extent = extent;
  }

  /**
   * @param bytes a DataRow, `bytes[start, end)`, type and length included. @param forms of its columns; null: nobody has told them.
   * @returns null where nothing was found.
   */
  row(bytes: Uint8Array, start: number, end: number, forms: readonly CellForm[] | null): CaughtRow | null {
    let caught: Caught | null = null;
    let at = start + ROW_HEADER_BYTES;
    for (let column = 0; at + 4 <= end; column++) {
      const length = int32(bytes, at);
      const cell = at + 4;
      at = cell + Math.max(0, length);
      const form = forms?.[column] ?? "shape";
      if (length <= 0 || form === "skip" || !this.#set.isDue(this.#cells++)) continue;
      if (!this.#set.mayHold(bytes, cell, at)) continue;
      const value = bytes.subarray(cell, at);
      const findings = form === "shape" ? this.#inside(value) : this.#set.scan(value);
      if (findings.length === 0) continue;
      caught ??= { pieces: [], from: start, hits: [] };
      const masked = this.#masked(value, findings, form);
      caught.pieces.push(bytes.subarray(caught.from, cell - 4), lengthOf(masked.length), masked);
      caught.from = at;
      caught.hits.push({ column, detectors: namesOf(findings) });
    }
    return caught === null ? null : finished(caught, bytes, end);
  }

  /**
   * One row of copied data, of which no column is known. What is found is filled, so that it stays a row of as many columns.
   * @param bytes a CopyData, `bytes[start, end)`, type and length included. @param binary the copy's format.
   * @returns null where nothing was found.
   */
  copied(bytes: Uint8Array, start: number, end: number, binary: boolean): CaughtRow | null {
    if (!this.#set.isDue(this.#cells++)) return null;
    const body = bytes.subarray(start + COPY_HEADER_BYTES, end);
    const findings = binary ? copiedFields(body).flatMap((field) => this.#within(body, field)) : this.#line(body);
    if (findings.length === 0) return null;
    const pieces = [bytes.subarray(start, start + COPY_HEADER_BYTES), filledCell(body, findings)];
    return finished({ pieces, from: end, hits: [{ column: 0, detectors: namesOf(findings) }] }, bytes, end);
  }

  /** A line holds many cells: all of it is looked at, so much at a time as of a cell. */
  #line(body: Uint8Array): readonly Finding[] {
    const { cellBytes } = this.#set;
    const findings: Finding[] = [];
    for (let start = 0; start < body.length; start += cellBytes) {
      for (const found of this.#within(body, { start, end: Math.min(start + cellBytes, body.length) })) {
        findings.push(found);
      }
    }
    return findings;
  }

  /** In the texts of the cell, wherever they stand. */
  #inside(cell: Uint8Array): readonly Finding[] {
    const texts = textsIn(cell);
    return texts.length === 0 ? NOTHING : texts.flatMap((text) => this.#within(cell, text));
  }

  #within(cell: Uint8Array, { start, end }: Span): readonly Finding[] {
    const findings = this.#set.scan(cell.subarray(start, end));
    return start === 0
      ? findings
      : findings.map((found) => ({ ...found, start: found.start + start, end: found.end + start }));
  }

  #masked(cell: Uint8Array, findings: readonly Finding[], form: CellForm): Uint8Array {
    if (form === "shape") return filledCell(cell, findings);
    if (this.#extent === "finding" || form === "record") return maskCell(cell, findings, "finding");
    if (form === "json") return JSON_MASK;
    if (form === "jsonb") return JSONB_MASK;
    if (form === "jsonArray") return JSON_ARRAY_MASK;
    return form === "array" ? ARRAY_MASK : MASK_BYTES;
  }
}

interface Caught {
  readonly pieces: Uint8Array[];
  from: number;
  readonly hits: RowHit[];
}

/** Type, length, number of columns. */
const ROW_HEADER_BYTES = 7;
const COPY_HEADER_BYTES = 5;
/** FirstNormalObjectId of access/transam.h. */
const FIRST_USER_OID = 16_384;
const JSON_OID = 114;
const JSONB_OID = 3802;
/** "char", name, text, unknown, xml, varchar, bpchar, refcursor, cstring. */
const TEXTS: ReadonlySet<number> = new Set([18, 19, 25, 705, 142, 1042, 1043, 1790, 2275]);
const TSVECTOR_OID = 3614;
/** name[], text[], bpchar[], varchar[], xml[], cstring[], tsvector[]; anyarray, as pg_stats shows values. */
const TEXT_ARRAYS: ReadonlySet<number> = new Set([1003, 1009, 1014, 1015, 143, 1263, 3643, 2277]);
/** json[], jsonb[]. */
const JSON_ARRAYS: ReadonlySet<number> = new Set([199, 3807]);
/** record, record[]. */
const RECORDS: ReadonlySet<number> = new Set([2249, 2287]);
const MASK_TEXT = Buffer.from(MASK_BYTES).toString("latin1");
const JSON_MASK: Uint8Array = Buffer.from(JSON.stringify(MASK_TEXT));
/** The version that jsonb_send() writes first. */
const JSONB_MASK: Uint8Array = Buffer.from(`\u0001${JSON.stringify(MASK_TEXT)}`);
const ARRAY_MASK: Uint8Array = Buffer.from(`{${MASK_TEXT}}`);
const JSON_ARRAY_MASK: Uint8Array = Buffer.from(`{"\\"${MASK_TEXT}\\""}`);
const NOTHING: readonly Finding[] = [];
/** PostgreSQL 18 docs, sql-copy, "Binary Format". */
const COPY_SIGNATURE: Uint8Array = Buffer.from("PGCOPY\n\u00ff\r\n\0", "latin1");

/** Texts of the rows of a copy in binary; the first row has the copy's header before it. */
function copiedFields(body: Uint8Array): readonly Span[] {
  const view = Buffer.from(body.buffer, body.byteOffset, body.length);
  const opens = body.length >= 19 && view.subarray(0, COPY_SIGNATURE.length).equals(COPY_SIGNATURE);
  let at = opens ? 19 + view.readInt32BE(15) : 0;
  const texts: Span[] = [];
  while (at >= 0 && at + 2 <= body.length) {
    const columns = view.readInt16BE(at);
    at += 2;
    for (let column = 0; column < columns; column++) {
      if (at + 4 > body.length) return texts;
      const length = view.readInt32BE(at);
      at += 4;
      const cell = body.subarray(at, at + Math.max(0, length));
      for (const { start, end } of textsIn(cell)) texts.push({ start: at + start, end: at + end });
      at += Math.max(0, length);
    }
  }
  return texts;
}

/** Most rows are short: a view for each would cost more than what is read. */
function int32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

function namesOf(findings: readonly Finding[]): readonly DetectorName[] {
  return [...new Set(findings.map(({ detector }) => detector))];
}

function lengthOf(bytes: number): Uint8Array {
  const length = Buffer.allocUnsafe(4);
  length.writeInt32BE(bytes);
  return length;
}

function finished({ pieces, from, hits }: Caught, bytes: Uint8Array, end: number): CaughtRow {
  const whole = Buffer.concat([...pieces, bytes.subarray(from, end)]);
  whole.writeInt32BE(whole.length - 1, 1); // the length does not count the type byte
  return { bytes: whole, hits };
}
