/**
 * The second net over one DataRow or one line of copied data: which cells are text, what is found in them, and the row with that
 * masked in the form that its type reads. Which statement it is of, and who is told of a hit, is the caller's.
 */

import { Buffer } from "node:buffer";
import type { DetectorSet } from "./detector-set.ts";
import type { DetectorName, Finding } from "./finding.ts";
import { MASK_BYTES, maskCell } from "./mask-cell.ts";

/** How a column's cells are read. `skip`: numbers, times and the like, which are no text; or the column has a label. */
export type CellForm = "text" | "record" | "json" | "jsonb" | "array" | "skip";

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
  if (typeOid === JSON_OID) return "json";
  if (typeOid === JSONB_OID) return binary ? "jsonb" : "json";
  if (TEXT_ARRAYS.has(typeOid)) return binary ? "text" : "array";
  // Composite types, enums, extensions' types; in binary they hold their texts as they are.
  if (typeOid >= FIRST_USER_OID || RECORDS.has(typeOid)) return "record";
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
   * @param row a DataRow, `bytes[start, end)`, type and length included. @param forms of its columns; those beyond are text.
   * @returns null where nothing was found.
   */
  row(bytes: Uint8Array, start: number, end: number, forms: readonly CellForm[]): CaughtRow | null {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let caught: Caught | null = null;
    let at = start + ROW_HEADER_BYTES;
    for (let column = 0; at + 4 <= end; column++) {
      const length = view.readInt32BE(at);
      const cell = at + 4;
      at = cell + Math.max(0, length);
      const form = forms[column] ?? "text";
      if (length <= 0 || form === "skip" || !this.#set.isDue(this.#cells++)) continue;
      const findings = this.#set.scan(bytes.subarray(cell, at));
      if (findings.length === 0) continue;
      caught ??= { pieces: [], from: start, hits: [] };
      const masked = this.#masked(bytes.subarray(cell, at), findings, form);
      caught.pieces.push(bytes.subarray(caught.from, cell - 4), lengthOf(masked.length), masked);
      caught.from = at;
      caught.hits.push({ column, detectors: namesOf(findings) });
    }
    return caught === null ? null : finished(caught, bytes, end);
  }

  /** @param line a CopyData message: one row as text or binary, of which no column is known. */
  copied(bytes: Uint8Array, start: number, end: number): CaughtRow | null {
    if (!this.#set.isDue(this.#cells++)) return null;
    const body = bytes.subarray(start + COPY_HEADER_BYTES, end);
    const findings = this.#set.scan(body);
    if (findings.length === 0) return null;
    // A whole line that is masked would be a row of another shape.
    const pieces = [bytes.subarray(start, start + COPY_HEADER_BYTES), maskCell(body, findings, "finding")];
    const hits = [{ column: 0, detectors: namesOf(findings) }];
    return finished({ pieces, from: end, hits }, bytes, end);
  }

  #masked(cell: Uint8Array, findings: readonly Finding[], form: CellForm): Uint8Array {
    if (this.#extent === "finding" || form === "record") return maskCell(cell, findings, "finding");
    if (form === "json") return JSON_MASK;
    if (form === "jsonb") return JSONB_MASK;
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
/** "char", name, text, unknown, xml, varchar, bpchar, cstring, tsvector. */
const TEXTS: ReadonlySet<number> = new Set([18, 19, 25, 705, 142, 1042, 1043, 2275, 3614]);
/** name[], text[], bpchar[], varchar[], json[], jsonb[], xml[], cstring[]. */
const TEXT_ARRAYS: ReadonlySet<number> = new Set([1003, 1009, 1014, 1015, 199, 3807, 143, 1263]);
/** record, record[]. */
const RECORDS: ReadonlySet<number> = new Set([2249, 2287]);
const MASK_TEXT = Buffer.from(MASK_BYTES).toString("latin1");
const JSON_MASK: Uint8Array = Buffer.from(JSON.stringify(MASK_TEXT));
/** The version that jsonb_send() writes first. */
const JSONB_MASK: Uint8Array = Buffer.from(`\u0001${JSON.stringify(MASK_TEXT)}`);
const ARRAY_MASK: Uint8Array = Buffer.from(`{${MASK_TEXT}}`);

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
