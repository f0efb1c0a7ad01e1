/** A query inside a tree with those around it, and what its columns are made of. Judges nothing: see visible-values.ts. */

import { ENTRY } from "../../analysis/query-tree/level.ts";
import { childOf, itemsOf, nodesOf, numberOf, QueryNode } from "../../analysis/query-tree/query-node.ts";
import { TreeUnknown } from "../../analysis/query-tree/tree-unknown.ts";

export interface ProofLevel {
  readonly query: QueryNode;
  readonly parent: ProofLevel | null;
  /** By varno - 1. */
  readonly entries: readonly QueryNode[];
}

/** An expression, and the query that its columns are of. */
export interface Placed {
  readonly expression: QueryNode;
  readonly level: ProofLevel;
}

/** Of one tree: a query has one level, however often it is asked for. */
export class ProofLevels {
  readonly #levels = new Map<QueryNode, ProofLevel>();

  of(query: QueryNode, parent: ProofLevel | null): ProofLevel {
    const known = this.#levels.get(query);
    if (known !== undefined) return known;
    const level = { query, parent, entries: nodesOf(query, "rtable") };
    this.#levels.set(query, level);
    return level;
  }

  /** Column `number` of what a query gives; of a set operation that of each branch. Null: there is no such column. */
  outputs(level: ProofLevel, number: number): readonly Placed[] | null {
    const operations = childOf(level.query, "setOperations");
    if (operations !== null) return this.#branches(operations, level, number);
    const isSelect = numberOf(level.query, "commandType") === 1;
    const column = nodesOf(level.query, isSelect ? "targetList" : "returningList")[number - 1];
    const expression = column === undefined ? null : childOf(column, "expr");
    return expression === null ? null : [{ expression, level }];
  }

  #branches(node: QueryNode, level: ProofLevel, number: number): readonly Placed[] | null {
    if (node.name === "RANGETBLREF") {
      const entry = level.entries[numberOf(node, "rtindex") - 1];
      const body = entry === undefined ? null : childOf(entry, "subquery");
      return body === null ? null : this.outputs(this.of(body, level), number);
    }
    const found: Placed[] = [];
    for (const side of ["larg", "rarg"]) {
      const branch = childOf(node, side);
      const outputs = branch === null ? null : this.#branches(branch, level, number);
      if (outputs === null) return null;
      found.push(...outputs);
    }
    return found;
  }

  /**
   * What column `number` of a range table entry is made of, one step down. Null: it is of a relation, or not to be told.
   * Names are not read from trees, so a CTE stands for any of its query's: all of them must do.
   */
  sources(entry: QueryNode, level: ProofLevel, number: number): readonly Placed[] | null {
    const here = (item: unknown): readonly Placed[] | null =>
      item instanceof QueryNode ? [{ expression: item, level }] : null;
    switch (numberOf(entry, "rtekind")) {
      case ENTRY.subquery: {
        const body = childOf(entry, "subquery");
        return body === null ? null : this.outputs(this.of(body, level), number);
      }
      case ENTRY.join:
        return here(itemsOf(entry, "joinaliasvars")[number - 1]);
      case ENTRY.group:
        return here(itemsOf(entry, "groupexprs")[number - 1]);
      case ENTRY.function:
        return here(functionOf(entry, number));
      case ENTRY.values:
        return valuesOf(entry, level, number);
      case ENTRY.cte:
        return this.#ctes(entry, level, number);
      default:
        return null;
    }
  }

  #ctes(entry: QueryNode, level: ProofLevel, number: number): readonly Placed[] | null {
    const owner = levelUp(level, numberOf(entry, "ctelevelsup"));
    const found: Placed[] = [];
    for (const cte of nodesOf(owner.query, "cteList")) {
      const body = childOf(cte, "ctequery");
      const outputs = body === null ? null : this.outputs(this.of(body, owner), number);
      if (outputs === null) return null;
      found.push(...outputs);
    }
    return found.length === 0 ? null : found;
  }
}

/** @throws {TreeUnknown} where the tree has no such level. */
export function levelUp(from: ProofLevel, up: number): ProofLevel {
  let level: ProofLevel | null = from;
  for (let left = up; left > 0; left--) level = level?.parent ?? null;
  if (level === null) throw new TreeUnknown("a column points outside of its query");
  return level;
}

/** The call that gives column `number` of a function in FROM; ordinality is of none. */
function functionOf(entry: QueryNode, number: number): QueryNode | null {
  let before = 0;
  for (const one of nodesOf(entry, "functions")) {
    const columns = numberOf(one, "funccolcount");
    if (number <= before + columns) return childOf(one, "funcexpr");
    before += columns;
  }
  return null;
}

function valuesOf(entry: QueryNode, level: ProofLevel, number: number): readonly Placed[] | null {
  const found: Placed[] = [];
  for (const row of itemsOf(entry, "values_lists")) {
    const value = row === null || row instanceof QueryNode ? null : row.items[number - 1];
    if (!(value instanceof QueryNode)) return null;
    found.push({ expression: value, level });
  }
  return found;
}
