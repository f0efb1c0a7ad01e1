/**
 * Which columns of labelled relations a statement uses, for the record and for what the client is told: through the sub-selects that stand
 * for relations too, whose outputs are the relation's columns in its order. Proves nothing: the checker of the invariant does that.
 */

import { ENTRY } from "../../analysis/query-tree/level.ts";
import {
  childOf,
  forEachChild,
  maybeNumber,
  nodesOf,
  numberOf,
  type QueryNode,
} from "../../analysis/query-tree/query-node.ts";
import { viewOf } from "../invariant/sources.ts";

/** Attribute numbers of a relation's columns, in its order; null: it has none that is labelled. */
export type ColumnsOf = (relation: number) => readonly number[] | null;

/** @returns attribute numbers by relation. What leaves no trace (a constant in RETURNING) is not among them. */
export function usedColumns(
  queries: readonly QueryNode[],
  columnsOf: ColumnsOf,
): ReadonlyMap<number, ReadonlySet<number>> {
  const walk = new Walk(columnsOf);
  for (const query of queries) walk.query(query, null);
  return walk.used;
}

interface Level {
  readonly parent: Level | null;
  readonly entries: readonly QueryNode[];
  /** It is a sub-select that stands for a relation: that it names a column is no use. */
  readonly standsIn: boolean;
}

class Walk {
  readonly used = new Map<number, Set<number>>();
  readonly #columnsOf: ColumnsOf;

  constructor(columnsOf: ColumnsOf) {
    this.#columnsOf = columnsOf;
  }

  query(query: QueryNode, parent: Level | null): void {
    const standsIn = parent !== null && relationBehind(query, this.#columnsOf) !== null;
    this.#inside(query, { parent, entries: nodesOf(query, "rtable"), standsIn });
  }

  #inside(node: QueryNode, level: Level): void {
    if (node.name === "VAR") this.#column(node, level);
    forEachChild(node, (child) => {
      if (child.name === "QUERY") this.query(child, level);
      else this.#inside(child, level);
    });
  }

  #column(variable: QueryNode, from: Level): void {
    let level: Level | null = from;
    for (let up = numberOf(variable, "varlevelsup"); up > 0; up--) level = level?.parent ?? null;
    const entry = level?.entries[numberOf(variable, "varno") - 1];
    const column = numberOf(variable, "varattno");
    if (level === null || entry === undefined || column < 0) return;
    const kind = numberOf(entry, "rtekind");
    if (kind === ENTRY.relation && !level.standsIn) this.#use(maybeNumber(entry, "relid") ?? 0, column, null);
    if (kind !== ENTRY.subquery) return;
    const body = childOf(entry, "subquery");
    const relation = body === null ? null : relationBehind(body, this.#columnsOf);
    if (relation !== null) this.#use(relation, column, this.#columnsOf(relation));
  }

  /** @param places attribute numbers by output; null: `column` is one. */
  #use(relation: number, column: number, places: readonly number[] | null): void {
    const all = this.#columnsOf(relation);
    if (all === null) return;
    const used = this.used.get(relation) ?? new Set<number>();
    this.used.set(relation, used);
    if (column === 0) for (const one of all) used.add(one);
    else used.add(places === null ? column : (places[column - 1] ?? column));
  }
}

/** OID of the relation whose columns, all of them, a query of nothing else gives; null: it is another. */
export function relationBehind(query: QueryNode, columnsOf: ColumnsOf): number | null {
  const [entry, ...others] = nodesOf(query, "rtable");
  if (entry === undefined || others.length > 0) return null;
  const isBody = numberOf(entry, "rtekind") === ENTRY.subquery;
  const relation = isBody ? viewOf(entry) : (maybeNumber(entry, "relid") ?? 0);
  const columns = columnsOf(relation);
  return columns !== null && columns.length === nodesOf(query, "targetList").length ? relation : null;
}
