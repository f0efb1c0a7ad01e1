/**
 * Whether a query in the server's tree of a statement is the one that was seen before: node for node, places in the text, names and
 * privileges aside. That a view is still what it was, and that a definition means what it meant, is known by this. Decides nothing else.
 */

import { Buffer } from "node:buffer";
import {
  childOf,
  NameParts,
  NodeList,
  NumberList,
  nodesOf,
  QueryNode,
  type TreeValue,
} from "../../analysis/query-tree/query-node.ts";
import { viewOf } from "../invariant/sources.ts";

/** What a statement around a query changes of it: privileges that it needs for columns (15), and rows that it locks. */
const AROUND: ReadonlySet<string> = new Set([
  ...["requiredPerms", "checkAsUser", "selectedCols", "insertedCols", "updatedCols", "extraUpdatedCols"],
  ...["rteperminfos", "rowMarks", "hasForUpdate", "rellockmode"],
]);

export function isSameQuery(one: QueryNode, other: QueryNode): boolean {
  return isSame(one, other);
}

/** A sub-select in a FROM, and the entry of the range table that it stands in. */
export interface SubSelect {
  readonly entry: QueryNode;
  readonly body: QueryNode;
  /** It is of a view that the statement reads, not of the statement's own text. */
  readonly inView: boolean;
}

/** Those anywhere in a statement. */
export function subSelectsOf(queries: readonly QueryNode[]): readonly SubSelect[] {
  const found: SubSelect[] = [];
  const walk = (value: TreeValue, inView: boolean): void => {
    if (value instanceof NodeList) for (const item of value.items) walk(item, inView);
    if (!(value instanceof QueryNode)) return;
    const body = value.name === "RANGETBLENTRY" ? childOf(value, "subquery") : null;
    if (body !== null) found.push({ entry: value, body, inView });
    const isView = body !== null && viewOf(value) !== 0;
    for (const inside of value.values) walk(inside, inView || isView);
  };
  for (const query of queries) walk(query, false);
  return found;
}

/** The body of the only sub-select in FROM of `SELECT * FROM (…)`; null: it is another query. */
export function onlySubSelect(queries: readonly QueryNode[]): QueryNode | null {
  const [query, ...others] = queries;
  const [entry, ...more] = query === undefined || others.length > 0 ? [] : nodesOf(query, "rtable");
  return entry === undefined || more.length > 0 ? null : childOf(entry, "subquery");
}

function isSame(one: TreeValue | undefined, other: TreeValue | undefined): boolean {
  if (one instanceof QueryNode) return other instanceof QueryNode && isSameNode(one, other);
  if (one instanceof NodeList) return other instanceof NodeList && allSame(one.items, other.items);
  if (one instanceof NumberList) return other instanceof NumberList && allSame(one.numbers, other.numbers);
  if (one instanceof NameParts) return other instanceof NameParts && allSame(one.parts, other.parts);
  if (one instanceof Uint8Array) return other instanceof Uint8Array && Buffer.compare(one, other) === 0;
  return one === other;
}

function isSameNode(one: QueryNode, other: QueryNode): boolean {
  if (one.shape !== other.shape) return false;
  return one.shape.fields.every(
    ({ name, type }, index) => type === "p" || AROUND.has(name) || isSame(one.values[index], other.values[index]),
  );
}

function allSame(some: readonly TreeValue[], others: readonly TreeValue[]): boolean {
  return some.length === others.length && some.every((value, index) => isSame(value, others[index]));
}
