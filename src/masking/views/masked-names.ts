/**
 * Masks in the place of a view's labelled columns themselves, where a sub-select in the place of their table is none to the server: behind
 * GROUP BY of a primary key. By tokens of the server's own text of a definition, which names columns by their table unless there is only
 * one. What it takes for a column that is none, or misses, the server or the proof on its tree finds.
 */

import { Buffer } from "node:buffer";
import { Lexer, TOKEN } from "../../analysis/lexer.ts";
import type { ReturnedColumn } from "../splice.ts";

/** A table that a definition reads. */
export interface NamedTable {
  /** As the definition calls it. */
  readonly name: string;
  readonly columns: readonly ReturnedColumn[];
}

interface Token {
  readonly kind: number;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** @param alone nothing else is read: columns may stand without their table's name, and do from 16 on. */
export function maskNames(definition: string, tables: readonly NamedTable[], alone: boolean): string {
  const bytes = Buffer.from(definition);
  const tokens = tokensOf(bytes);
  let [text, from] = ["", 0];
  for (let index = 0; index < tokens.length; index++) {
    const found = columnAt(tokens, index, tables, alone);
    if (found === null) continue;
    const { last, masked } = found;
    const [first, end] = [tokens[index]?.start ?? 0, tokens[last]?.end ?? 0];
    text += bytes.toString("utf8", from, first) + masked(bytes.toString("utf8", first, end));
    from = end;
    index = last;
  }
  return text + bytes.toString("utf8", from);
}

function columnAt(
  tokens: readonly Token[],
  at: number,
  tables: readonly NamedTable[],
  alone: boolean,
): { readonly last: number; readonly masked: (reference: string) => string } | null {
  const [before, first, dot] = [tokens[at - 1]?.text ?? "", tokens[at], tokens[at + 1]];
  // A part of a longer name, the name of an output, or a type.
  if (first === undefined || nameOf(first) === null || [".", "::"].includes(before) || /^as$/i.test(before))
    return null;
  const last = dot?.text === "." ? at + 2 : at;
  const [column, behind] = [tokens[last], tokens[last + 1]?.text];
  if (column === undefined || (last === at && !alone) || behind === "." || behind === "(") return null;
  for (const { name, columns } of tables) {
    if (last > at && name !== nameOf(first)) continue;
    const masked = columns.find((one) => one.name === nameOf(column))?.masked;
    if (masked !== undefined && masked !== null) return { last, masked };
  }
  return null;
}

/** As the server folds and prints names: what is in lower case stands without quotes. */
function nameOf({ kind, text }: Token): string | null {
  if (kind === TOKEN.word) return text;
  return kind === TOKEN.quotedIdentifier ? text.slice(1, -1).replaceAll('""', '"') : null;
}

function tokensOf(bytes: Uint8Array): readonly Token[] {
  const lexer = new Lexer(bytes);
  const tokens: Token[] = [];
  while (lexer.next() !== TOKEN.end) {
    const { kind, start, end } = lexer;
    tokens.push({ kind, start, end, text: Buffer.from(bytes.subarray(start, end)).toString("utf8") });
  }
  return tokens;
}
