/**
 * The second net in one session: rows on their way to the client, which detectors look at for what should have had a label. It knows
 * which columns those are and notes what was found for the record. Forwards nothing itself: see relay.ts.
 *
 * Never the claim (design page masking, "Second net"): what is turned round, encoded or asked about passes it.
 */

import { Buffer } from "node:buffer";
import { CATALOGUE } from "../masking/detectors/catalogue.ts";
import { type CaughtRow, type CellForm, type RowHit, RowNet } from "../masking/detectors/row-net.ts";
import type { PreparedStatement, StatementRun } from "../statement/statement.ts";
import { BACKEND } from "../wire/message-types.ts";
import { type ColumnDescription, decodeRowDescription } from "../wire/results.ts";
import type { DetectorsInForce } from "./enforcement.ts";
import type { Enforcer, KnownColumns } from "./enforcer.ts";
import { formsOf, nameOf } from "./net-columns.ts";
import type { StatementMetrics } from "./statement-metrics.ts";

/** A row that comes in pieces is put together up to here; a longer one passes as it comes. */
export const MAX_ROW_BYTES = 1024 * 1024;

/** Columns of a statement, and what was made of them last. */
interface Described {
  readonly columns: readonly ColumnDescription[];
  made: {
    readonly labels: KnownColumns["labels"];
    readonly formats: string;
    readonly computes: boolean;
    readonly forms: readonly CellForm[] | null;
  } | null;
}

/** How the rows of a run are looked at. */
interface Look {
  readonly rows: RowNet;
  /** Null: nobody has described them. */
  readonly columns: readonly ColumnDescription[] | null;
  /** Null: none of them is looked at, where they are described. */
  readonly forms: readonly CellForm[] | null;
  /** Lines of copied data are looked at. */
  readonly copies: boolean;
}

export class SecondNet {
  readonly #enforcer: Enforcer;
  readonly #metrics: StatementMetrics;
  readonly #isInTransaction: () => boolean;
  readonly #described = new WeakMap<PreparedStatement, Described>();
  #rows: { readonly net: RowNet; readonly by: DetectorsInForce } | null = null;
  /** The run at hand; null: its rows are not looked at. */
  #run: StatementRun | null = null;
  #look: Look | null = null;
  #binaryCopy = false;

  constructor(enforcer: Enforcer, metrics: StatementMetrics, isInTransaction: () => boolean) {
    this.#enforcer = enforcer;
    this.#metrics = metrics;
    this.#isInTransaction = isInTransaction;
  }

  /** The server has said what a statement's rows are. @param body of RowDescription, after type byte and length. */
  describe(statement: PreparedStatement | null, body: Uint8Array): void {
    if (statement === null || this.#enforcer.detectors === null) return;
    this.#described.set(statement, { columns: decodeRowDescription(body).columns, made: null });
    this.#run = null;
  }

  /** Copied data follows. */
  copyOpens(binary: boolean): void {
    this.#binaryCopy = binary;
  }

  /** Whether a row of so many bytes is to be put together before it goes on. */
  holds(run: StatementRun, type: number, bytes: number): boolean {
    if (!this.#looksAt(run, type)) return false;
    if (bytes <= MAX_ROW_BYTES) return true;
    this.#metrics.rowsUnseen++;
    return false;
  }

  /** @param bytes a DataRow or CopyData, `bytes[start, end)`, as `type` says. @returns null: it goes on as it is. */
  look(run: StatementRun, type: number, bytes: Uint8Array, start: number, end: number): CaughtRow | null {
    if (!this.#looksAt(run, type) || this.#look === null) return null;
    const { rows, forms } = this.#look;
    return type === BACKEND.CopyData
      ? rows.copied(bytes, start, end, this.#binaryCopy)
      : rows.row(bytes, start, end, forms);
  }

  /** The row with those hits goes to the client: its values are on record with the end of the run. */
  delivered(run: StatementRun, hits: readonly RowHit[], type: number): void {
    run.found ??= [];
    for (const { column: index, detectors } of hits) {
      const position = type === BACKEND.CopyData ? null : index + 1;
      for (const detector of detectors) {
        const known = run.found.find((one) => one.position === position && one.detector === detector);
        if (known !== undefined) known.cells++;
        else
          run.found.push({ position, detector, label: CATALOGUE[detector].label, ...this.#place(position), cells: 1 });
        this.#metrics.detected.set(detector, (this.#metrics.detected.get(detector) ?? 0) + 1);
      }
    }
  }

  #place(position: number | null): { readonly column: string | null } {
    const column = position === null ? undefined : this.#look?.columns?.[position - 1];
    return { column: nameOf(column, this.#enforcer.knownColumns(this.#isInTransaction())) };
  }

  #looksAt(run: StatementRun, type: number): boolean {
    if (run !== this.#run) {
      this.#run = run;
      this.#look = this.#begin(run);
    }
    const look = this.#look;
    if (look === null) return false;
    return type === BACKEND.CopyData ? look.copies : look.columns === null || look.forms !== null;
  }

  #begin(run: StatementRun): Look | null {
    const by = this.#enforcer.detectors;
    if (by === null) return null;
    if (this.#rows?.by !== by) this.#rows = { by, net: new RowNet(by.set, by.labels.detectors.mask) };
    const known = this.#enforcer.knownColumns(this.#isInTransaction());
    const computes = known.reveals && mayShow(run);
    const described = this.#described.get(run.statement) ?? null;
    const forms = described === null ? null : this.#forms(described, run.formats, known, computes);
    // Without a description a column could be one that is revealed.
    if (described === null && known.reveals)
      return { rows: this.#rows.net, columns: [], forms: null, copies: !computes };
    return { rows: this.#rows.net, columns: described?.columns ?? null, forms, copies: !computes };
  }

  #forms(
    described: Described,
    formats: readonly number[] | null,
    known: KnownColumns,
    computes: boolean,
  ): readonly CellForm[] | null {
    const { made, columns } = described;
    const asked = formats === null ? "described" : formats.join();
    if (made?.labels === known.labels && made.formats === asked && made.computes === computes) return made.forms;
    const forms = formsOf(columns, formats, known, computes);
    described.made = { labels: known.labels, formats: asked, computes, forms };
    return forms;
  }
}

/** It uses columns that are revealed, or nobody can tell: what runs by a name, or inside of a function. */
function mayShow({ reveals, inside, statement }: StatementRun): boolean {
  return reveals !== null || inside !== "none" || statement.evidence === null;
}

/** A row that comes in pieces, put together. */
export class HeldRow {
  readonly type: number;
  readonly #bytes: Uint8Array;
  #filled = 0;

  /** @param totalBytes type and length included; at most {@link MAX_ROW_BYTES}. */
  constructor(type: number, totalBytes: number) {
    this.type = type;
    this.#bytes = Buffer.allocUnsafe(totalBytes);
  }

  /** Takes its next bytes. @returns the row, once it is whole. */
  take(piece: Uint8Array): Uint8Array | null {
    this.#bytes.set(piece, this.#filled);
    this.#filled += piece.length;
    return this.#filled === this.#bytes.length ? this.#bytes : null;
  }
}
