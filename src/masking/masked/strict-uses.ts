/**
 * Where a statement filters, joins, sorts, groups or aggregates by a column's mask, for labels that forbid it (`strict`): its answer would be
 * about masks and look like one about values. A guard against mistakes: masks tell nothing either way, and what comes by a CTE,
 * a set operation or out of an expression is not followed.
 */

import { ENTRY } from "../../analysis/query-tree/level.ts";
import {
  childOf,
  forEachChild,
  isTrue,
  maybeNumber,
  nodesOf,
  numberOf,
  type QueryNode,
} from "../../analysis/query-tree/query-node.ts";
import { CLAUSES } from "../invariant/known-nodes.ts";
import type { MaskedColumns } from "./masked-columns.ts";
import { type ColumnsOf, relationBehind } from "./used-columns.ts";

export interface StrictUse {
  readonly relation: number;
  readonly column: number;
  /** In words: `ORDER BY`. */
  readonly where: string;
}

interface Level {
  readonly parent: Level | null;
  readonly entries: readonly QueryNode[];
}

/** @param isStrict by relation and attribute number. @returns the first; null: there is none. */
export function strictUse(
  queries: readonly QueryNode[],
  columnsOf: ColumnsOf,
  isStrict: (relation: number, column: number) => boolean,
): StrictUse | null {
  const walk = new Walk(columnsOf, isStrict);
  for (const query of queries) walk.query(query, null);
  return walk.found;
}

/** As {@link strictUse}, by what a principal sees masked. */
export function strictUseOf(queries: readonly QueryNode[], masked: MaskedColumns): StrictUse | null {
  if (!masked.anyStrict) return null;
  return strictUse(
    queries,
    (relation) => masked.strictColumnsOf(relation),
    (relation, column) => masked.isStrict(relation, column),
  );
}

/** Values are given on as they are, by themselves or in an expression. */
const GIVEN = null;
/** Of a range table entry, 18 on: what GROUP BY names. */
const GROUPED = "groupexprs";

class Walk {
  found: StrictUse | null = null;
  readonly #columnsOf: ColumnsOf;
  readonly #isStrict: (relation: number, column: number) => boolean;

  constructor(columnsOf: ColumnsOf, isStrict: (relation: number, column: number) => boolean) {
    this.#columnsOf = columnsOf;
    this.#isStrict = isStrict;
  }

  query(query: QueryNode, parent: Level | null): void {
    const level = { parent, entries: nodesOf(query, "rtable") };
    forEachChild(query, (child, field) => {
      if (field === "targetList") this.#visit(child, level, orderedBy(child));
      else if (field === "rtable") this.#entry(child, level);
      else
        this.#visit(
          child,
          level,
          field === "returningList" || field === "cteList" ? GIVEN : (CLAUSES.get(field) ?? field),
        );
    });
  }

  #entry(entry: QueryNode, level: Level): void {
    forEachChild(entry, (child, field) => {
      // Of a join it names the columns of both sides once more.
      if (numberOf(entry, "rtekind") !== ENTRY.join) this.#visit(child, level, field === GROUPED ? "GROUP BY" : GIVEN);
    });
  }

  #visit(node: QueryNode, level: Level, clause: string | null): void {
    if (this.found !== null) return;
    if (node.name === "VAR" && clause !== GIVEN) this.#column(node, level, clause);
    const inside = AGGREGATES.has(node.name) ? "an aggregate or a window function" : clause;
    if (node.name === "QUERY") this.query(node, level);
    else forEachChild(node, (child) => this.#visit(child, level, inside));
  }

  #column(variable: QueryNode, from: Level, where: string): void {
    const source = this.#sourceOf(variable, from);
    if (source !== null && this.#isStrict(source.relation, source.column)) this.found = { ...source, where };
  }

  /** Through sub-selects that hand a column on as it is. */
  #sourceOf(variable: QueryNode, from: Level): Omit<StrictUse, "where"> | null {
    let level: Level | null = from;
    for (let up = numberOf(variable, "varlevelsup"); up > 0; up--) level = level?.parent ?? null;
    const entry = level?.entries[numberOf(variable, "varno") - 1];
    const body = entry === undefined ? null : childOf(entry, "subquery");
    if (level === null || body === null) return null;
    const number = numberOf(variable, "varattno");
    const relation = relationBehind(body, this.#columnsOf);
    if (relation !== null) {
      const column = this.#columnsOf(relation)?.[number - 1];
      return column === undefined ? null : { relation, column };
    }
    const target = nodesOf(body, "targetList").find((one) => maybeNumber(one, "resno") === number);
    const expression = target === undefined ? null : childOf(target, "expr");
    if (expression?.name !== "VAR") return null;
    return this.#sourceOf(expression, { parent: level, entries: nodesOf(body, "rtable") });
  }
}

const AGGREGATES: ReadonlySet<string> = new Set(["AGGREF", "WINDOWFUNC"]);

/** Of a target that ORDER BY, GROUP BY, DISTINCT or a window names; null: it is only given. */
function orderedBy(target: QueryNode): string | null {
  const isNamed =
    target.name === "TARGETENTRY" && (isTrue(target, "resjunk") || numberOf(target, "ressortgroupref") !== 0);
  return isNamed ? "ORDER BY, GROUP BY, DISTINCT or a window" : GIVEN;
}
