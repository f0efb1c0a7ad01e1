/** Finds the view that UPDATE, DELETE, INSERT or MERGE go through, which PostgreSQL replaces by its table, and what they read of it. */

import { ENTRY } from "../../analysis/query-tree/level.ts";
import {
  maybeNumber,
  nodesOf,
  numberOf,
  numbersOf,
  type QueryNode,
  wordOf,
} from "../../analysis/query-tree/query-node.ts";
import { COMMAND } from "../../analysis/query-tree/statement-facts.ts";

export interface WrittenView {
  readonly relation: number;
  /** Attribute numbers that the statement needs permission to read; 0: the whole row. */
  readonly read: readonly number[];
}

/**
 * The outermost one where a view is over another: what it reads of views under it is part of its definition.
 * Null for a view with INSTEAD OF triggers too: it stays the target, and its columns are found as any others.
 */
export function writtenView(query: QueryNode, entries: readonly QueryNode[]): WrittenView | null {
  if (numberOf(query, "commandType") === COMMAND.select) return null;
  const result = numberOf(query, "resultRelation") - 1;
  const view = entries.find((entry, index) => {
    const isRelation = numberOf(entry, "rtekind") === ENTRY.relation;
    return index !== result && isRelation && wordOf(entry, "relkind") === "v";
  });
  return view === undefined ? null : { relation: numberOf(view, "relid"), read: readColumns(view, query) };
}

/** Of a bitmap's members: 7 is the whole row, 8 column 1, 6 ctid. */
const WHOLE_ROW = 7;

/** As the executor asks for permissions: from 16 on they stand beside the range table. */
function readColumns(view: QueryNode, query: QueryNode): readonly number[] {
  const index = maybeNumber(view, "perminfoindex");
  const permissions = index === undefined ? view : nodesOf(query, "rteperminfos")[index - 1];
  if (permissions === undefined || numberOf(permissions, "relid") !== numberOf(view, "relid")) return [0];
  return numbersOf(permissions, "selectedCols").map((member) => member - WHOLE_ROW);
}
