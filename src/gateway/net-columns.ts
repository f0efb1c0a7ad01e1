/** What the second net makes of a result's columns: how each is read, or that it is not looked at. Looks at no cell, asks nobody. */

import { type CellForm, cellForm } from "../masking/detectors/row-net.ts";
import type { ColumnDescription } from "../wire/results.ts";
import type { KnownColumns } from "./enforcer.ts";

/**
 * @param formats as Bind asked for them; null: as they were described. @param computes what comes from no column of a table may be
 * computed from what policy shows to the principal.
 * @returns null: no column is looked at.
 */
export function formsOf(
  columns: readonly ColumnDescription[],
  formats: readonly number[] | null,
  known: KnownColumns,
  computes: boolean,
): readonly CellForm[] | null {
  const forms = columns.map((column, index): CellForm => {
    const format = formats === null ? column.format : formats.length === 1 ? formats[0] : (formats[index] ?? 0);
    return isExempt(column, known, computes) ? "skip" : cellForm(column.typeOid, format === 1);
  });
  return forms.every((form) => form === "skip") ? null : forms;
}

/**
 * A column that has a label comes as it is only to whom policy reveals it: of masks the server names no table. What an operator
 * calls public was looked at.
 */
function isExempt({ tableOid, columnNumber }: ColumnDescription, { labels }: KnownColumns, computes: boolean): boolean {
  if (tableOid === 0 || columnNumber === 0) return computes;
  return labels.column(tableOid, columnNumber) !== undefined || labels.isPublic(tableOid, columnNumber);
}

/** `schema.table.column`; null: it is none of the catalog's. The name that a client has given a column is told to nobody. */
export function nameOf(column: ColumnDescription | undefined, { catalog }: KnownColumns): string | null {
  if (column === undefined || column.tableOid === 0) return null;
  const relation = catalog.relation(column.tableOid);
  const named = relation?.columns.find(({ number }) => number === column.columnNumber);
  return relation === undefined || named === undefined ? null : `${relation.schema}.${relation.name}.${named.name}`;
}
