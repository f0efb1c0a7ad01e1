/**
 * What columns are computed from, by the trees that the server keeps: of views, of generated columns, of the expressions of indexes.
 * What cannot be told is told too wide: a label that is missing shows a value, one too many hides one.
 */

import type { ColumnSource } from "../analysis/catalog.ts";
import { columnLineage } from "../analysis/query-tree/column-lineage.ts";
import { readStoredQueries } from "../analysis/query-tree/reader.ts";
import { isServerMajor } from "../analysis/query-tree/tree-facts.ts";
import { TreeUnknown } from "../analysis/query-tree/tree-unknown.ts";

/** Of an expression over one table, which holds no query. What stands where in it makes no difference. */
const COLUMN_FIELDS = /:varattno (\d+)/g;

/** @param trees pg_attrdef.adbin, or pg_index.indexprs. @returns attribute numbers, sorted; 0: the whole row. */
export function expressionColumns(trees: string): readonly number[] {
  const found = [...trees.matchAll(COLUMN_FIELDS)].map(([, column]) => Number(column));
  return [...new Set(found)].sort((a, b) => a - b);
}

/**
 * @param tree pg_rewrite.ev_action of the view; null: too long. @param viewOf relations that pg_depend records for it.
 * @returns of each column, in their order; where the tree cannot be read one list for all: anything of those relations.
 */
export function viewSources(
  tree: string | null,
  serverVersion: number,
  viewOf: readonly number[],
): readonly (readonly ColumnSource[])[] {
  const anything = [viewOf.map((relation) => ({ relation, column: 0, copied: false }))];
  const major = Math.floor(serverVersion / 10_000);
  if (tree === null || !isServerMajor(major)) return anything;
  try {
    const [query, ...more] = readStoredQueries(tree, major);
    return query === undefined || more.length > 0 ? anything : columnLineage(query);
  } catch (error) {
    if (!(error instanceof TreeUnknown)) throw error;
    return anything;
  }
}
