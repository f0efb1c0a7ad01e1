/** What UPDATE, DELETE, INSERT and MERGE read of a view that they go through, which PostgreSQL replaces by its table. Forbids nothing. */

import { ORIGINAL } from "../../analysis/query-tree/condition.ts";
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
import { type Source, type Sources, viewOf } from "./sources.ts";

/**
 * Labelled columns that the statement needs permission to read of a view that it goes through, the outermost where views are over views:
 * what is read under that is part of its definition. A rule may hand on anything of its view, so that a labelled one is all read.
 * A view with INSTEAD OF triggers stays the target, and its columns are found as any others.
 */
export function readThroughViews(query: QueryNode, entries: readonly QueryNode[], sources: Sources): readonly Source[] {
  if (numberOf(query, "querySource") !== ORIGINAL) {
    return entries.flatMap((entry) => sources.ofRelation(viewOf(entry), WHOLE_ROW));
  }
  if (numberOf(query, "commandType") === COMMAND.select) return [];
  const result = numberOf(query, "resultRelation") - 1;
  const view = entries.find((entry, index) => index !== result && isUnexpandedView(entry));
  const columns = view === undefined ? [] : readColumns(view, query);
  return columns.flatMap((column) => sources.ofRelation(view === undefined ? 0 : viewOf(view), column));
}

function isUnexpandedView(entry: QueryNode): boolean {
  return numberOf(entry, "rtekind") === ENTRY.relation && wordOf(entry, "relkind") === "v";
}

const WHOLE_ROW = 0;

/** Of a bitmap's members: 7 is the whole row, 8 column 1, 6 ctid. */
const FIRST_LOW_INVALID = 7;

/** As the executor asks for permissions: from 16 on they stand beside the range table. */
function readColumns(view: QueryNode, query: QueryNode): readonly number[] {
  const index = maybeNumber(view, "perminfoindex");
  const permissions = index === undefined ? view : nodesOf(query, "rteperminfos")[index - 1];
  if (permissions === undefined || numberOf(permissions, "relid") !== numberOf(view, "relid")) return [WHOLE_ROW];
  return numbersOf(permissions, "selectedCols").map((member) => member - FIRST_LOW_INVALID);
}
