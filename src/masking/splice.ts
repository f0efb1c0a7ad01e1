/**
 * Puts a sub-select in the place of each relation that may be seen in part only, and masks in RETURNING, in the text of a statement, by
 * the positions that analysis/references.ts proved. Deparses nothing: what is not replaced stays as sent, byte for byte. Not to be relied on for what
 * must not be seen: the server's tree of the spliced text is the proof, and whoever reads that shares no code with this file.
 */

import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import type { RelationReference } from "../analysis/references.ts";
import { type Edit, editsOf } from "./splice-edits.ts";
import { returningEdits } from "./splice-returning.ts";
import { SplicedText } from "./splice-text.ts";

/** What stands for a relation. */
export interface Replacement {
  /**
   * `(SELECT a, b FROM schema.relation WHERE …)`: columns in the relation's order, names with their schema, no alias behind it.
   * TABLESAMPLE is put before the outermost WHERE, so that of a sampled relation must be of this form.
   */
  readonly text: string;
  /** Where the relation is, for columns that the statement names by it. Without it, only a schema written in FROM is known. */
  readonly schema?: string;
}

/** @returns null for a relation that stays. For `ONLY x` the text must say ONLY itself. */
export type Replace = (reference: RelationReference) => Replacement | string | null;

/** A column of what is written to, as RETURNING shows it. */
export interface ReturnedColumn {
  readonly name: string;
  /** @param reference the column as the statement has it. Null: it is shown as it is. */
  readonly masked: ((reference: string) => string) | null;
}

/** Its columns, in its order. Null: all are shown as they are. */
export type Returning = (target: RelationReference) => readonly ReturnedColumn[] | null;

export interface Splice {
  /** The whole text; what is before the statement stands where it stood. */
  readonly text: Uint8Array;
  /** Behind the statement. It begins where it began. */
  readonly endByte: number;
  /** @param position 1-based, in characters, in `text`. @returns that in the client's text; within a sub-select, of the name that it stands for. */
  toClient(position: number): number;
  /** @param byte of the client's text, outside of what was replaced: where an inner query begins or ends. @returns that in `text`. */
  toSpliced(byte: number): number;
}

/**
 * @param text the whole text that `statement` is one of.
 * @returns null where nothing is to be replaced.
 * @throws {GatewayError} CANNOT_JUDGE where a relation is to be replaced that stands where no sub-select can, or whose place or
 * names cannot be told for certain (splice-edits.ts, one reason each).
 */
export function splice(
  text: Uint8Array,
  statement: ParsedStatement,
  replace: Replace,
  returning: Returning = () => null,
): Splice | null {
  const { references } = statement;
  if (references === undefined) return null;
  const returned = returningEdits(text, references, returning);
  const edits = [...editsOf(text, references, replace), ...returned].sort((a, b) => a.startByte - b.startByte);
  return edits.length === 0 ? null : applied(text, statement, edits);
}

function applied(source: Uint8Array, statement: ParsedStatement, edits: readonly Edit[]): Splice {
  const spliced = new SplicedText(source, edits);
  return {
    text: spliced.bytes(),
    endByte: spliced.ofClient(statement.endByte),
    toClient: (position) => spliced.toClient(position),
    toSpliced: (byte) => spliced.ofClient(byte),
  };
}
