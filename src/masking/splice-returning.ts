/**
 * What is to be changed in RETURNING so that columns of the relation that is written to, which no sub-select can stand for, show their
 * masks: each name of such a column, and stars. A name that is taken for another's column is the server's to tell: the tree is the proof.
 */

import type { ReturnedReference, StatementReferences } from "../analysis/references.ts";
import type { ReturnedColumn, Returning } from "./splice.ts";
import type { Edit } from "./splice-edits.ts";

export function returningEdits(
  text: Uint8Array,
  { returned, relations }: StatementReferences,
  returning: Returning,
): readonly Edit[] {
  return returned.flatMap((reference) => {
    const target = relations[reference.target];
    const columns = target === undefined ? null : returning(target);
    if (target === undefined || columns === null) return [];
    const { startByte, endByte, parts } = reference;
    const written = new TextDecoder().decode(text.subarray(startByte, endByte));
    const own = quoted(target.alias ?? target.name.at(-1) ?? "");
    const before = parts.at(-1) === "*" ? starOf(parts, own, columns) : maskOf(written, reference, columns);
    return before === null ? [] : [{ startByte, endByte, before, moved: null, after: "", isPrefix: false }];
  });
}

/** In brackets: behind it may stand an index or a word without a space. */
function maskOf(written: string, { parts, naming }: ReturnedReference, columns: readonly ReturnedColumn[]) {
  const name = parts.at(-1) ?? "";
  const mask = columns.find((column) => column.name === name)?.masked ?? null;
  if (mask === null) return null;
  return naming ? `(${mask(written)}) AS ${quoted(name)}` : `(${mask(written)})`;
}

/** @param own what the target is called where the star stands alone. */
function starOf(parts: readonly string[], own: string, columns: readonly ReturnedColumn[]) {
  const qualifier = parts.length === 1 ? own : parts.slice(0, -1).map(quoted).join(".");
  const shown = columns.map(({ name, masked }) => {
    const reference = `${qualifier}.${quoted(name)}`;
    return masked === null ? reference : `(${masked(reference)}) AS ${quoted(name)}`;
  });
  return ` ${shown.join(", ")}`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
