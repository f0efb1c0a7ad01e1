/**
 * Whether an UPDATE, DELETE or MERGE bounds what it changes: some column of its target must be compared with a constant or a
 * parameter. A guess on the safe side, against the slip of a forgotten or empty WHERE: who wants to match all still can.
 */

import { ENTRY, type Entry, type Level, writes } from "./level.ts";
import { anyNode, childOf, itemsOf, maybeNumber, nodesOf, numberOf, type QueryNode, wordOf } from "./query-node.ts";

/** Value of querySource: as sent, not made by a rule. */
export const ORIGINAL = 0;

export interface Condition {
  /** The statement has a WHERE or a join, whatever it says. */
  readonly isThere: boolean;
  readonly matchesAll: boolean;
}

export function conditionOf(level: Level, isMerge: boolean): Condition {
  const { query, entries } = level;
  const from = childOf(query, "jointree");
  const quals = from === null ? null : childOf(from, "quals");
  const tables = from === null ? [] : nodesOf(from, "fromlist");
  // What a rule made is always a join: with the rows that the statement was for.
  const isOwn = numberOf(query, "querySource") === ORIGINAL;
  const isJoin = isOwn && (tables.length > 1 || tables.some(({ name }) => name === "JOINEXPR"));
  const target = new Target(query, entries);
  return {
    isThere: isJoin || (quals !== null && anyNode(quals, isOfStatement)),
    matchesAll: isMerge ? mergeMatchesAll(query, quals, target) : !(quals !== null && target.isBoundBy(quals, false)),
  };
}

/** Values of MERGEACTION.matchKind (17+): with a row of the source, or without one. */
const NOT_MATCHED_BY_SOURCE = 1;
const UPDATE_OR_DELETE: readonly number[] = [2, 4];

/** Each action that changes rows needs a bound: the join's, unless it is for rows that did not join, or its own. */
function mergeMatchesAll(query: QueryNode, quals: QueryNode | null, target: Target): boolean {
  const on = childOf(query, "mergeJoinCondition") ?? quals;
  const isBound = on !== null && target.isBoundBy(on, false);
  return nodesOf(query, "mergeActionList").some((action) => {
    if (!UPDATE_OR_DELETE.includes(numberOf(action, "commandType"))) return false;
    if (isBound && maybeNumber(action, "matchKind") !== NOT_MATCHED_BY_SOURCE) return false;
    const when = childOf(action, "qual");
    return !(when !== null && target.isBoundBy(when, false));
  });
}

/** What rules and views add to a query has no place in the statement's text. CURRENT OF has none either, and is never theirs. */
function isOfStatement(node: QueryNode): boolean {
  return (maybeNumber(node, "location") ?? -1) >= 0 || node.name === "CURRENTOFEXPR";
}

/** Values of paramkind, nulltesttype and booltesttype. */
const PARAM_EXTERN = 0;
const IS_NULL = 0;
const IS_UNKNOWN = 4;
const IS_NOT_UNKNOWN = 5;
const BOOLEAN_TYPE = 16;

const COMPARISONS: ReadonlySet<string> = new Set(["OPEXPR", "DISTINCTEXPR", "SCALARARRAYOPEXPR", "FUNCEXPR"]);

class Target {
  readonly #entries: readonly Entry[];
  /** Varnos: the result, and what the statement named where PostgreSQL replaced that by a view's table. */
  readonly #targets: ReadonlySet<number>;

  constructor(query: QueryNode, entries: readonly Entry[]) {
    this.#entries = entries;
    const written = entries.flatMap(({ permissions }, at) =>
      permissions !== null && writes(permissions) ? [at + 1] : [],
    );
    const results = [numberOf(query, "resultRelation"), maybeNumber(query, "mergeTargetRelation") ?? 0];
    this.#targets = new Set([...results, ...written, ...triggeredView(entries, results)]);
  }

  /** @param negated it stands under a NOT: then AND is OR, and IS NULL is IS NOT NULL. */
  isBoundBy(node: QueryNode, negated: boolean): boolean {
    switch (node.name) {
      case "BOOLEXPR":
        return this.#isBoundByArms(node, negated);
      case "VAR":
        return this.#isColumn(node) && isOfStatement(node); // WHERE active: compares it with true
      case "BOOLEANTEST": {
        const never = negated ? IS_UNKNOWN : IS_NOT_UNKNOWN;
        return isOfStatement(node) && numberOf(node, "booltesttype") !== never && this.#has(childOf(node, "arg"));
      }
      case "NULLTEST": {
        // IS NOT NULL of a key matches all; IS NULL of one matches none.
        const isNull = numberOf(node, "nulltesttype") === IS_NULL;
        return isOfStatement(node) && isNull !== negated && this.#has(childOf(node, "arg"));
      }
      case "ROWCOMPAREEXPR":
        return this.#compares([...nodesOf(node, "largs").slice(0, 1), ...nodesOf(node, "rargs").slice(0, 1)]);
      case "CURRENTOFEXPR":
        return true;
      default:
        return COMPARISONS.has(node.name) && this.#compares(nodesOf(node, "args"));
    }
  }

  #isBoundByArms(node: QueryNode, negated: boolean): boolean {
    const arms = nodesOf(node, "args");
    const operator = wordOf(node, "boolop");
    if (operator === "not") return arms.every((arm) => this.isBoundBy(arm, !negated));
    const oneIsEnough = (operator === "and") !== negated;
    return oneIsEnough
      ? arms.some((arm) => this.isBoundBy(arm, negated))
      : arms.every((arm) => this.isBoundBy(arm, negated));
  }

  #compares(sides: readonly QueryNode[]): boolean {
    return sides.some((side) => this.#isFixed(side)) && sides.some((side) => this.#isOfTarget(side));
  }

  /** Not `id - id`, and of `(id = id) = true` not the inner part. */
  #isOfTarget(side: QueryNode): boolean {
    if (side.name === "BOOLEXPR" || maybeNumber(side, "opresulttype") === BOOLEAN_TYPE)
      return this.isBoundBy(side, false);
    const seen = new Set<number>();
    const repeats = anyNode(side, (node) => {
      if (!this.#isColumn(node)) return false;
      const column = numberOf(node, "varattno");
      if (seen.has(column)) return true;
      seen.add(column);
      return false;
    });
    return seen.size > 0 && !repeats;
  }

  /** A constant or parameter of the statement's own is in it, and nothing that rows have a say in. */
  #isFixed(side: QueryNode): boolean {
    let hasOwn = false;
    const depends = anyNode(side, (node) => {
      if (node.name === "VAR" && this.#isListed(node)) hasOwn = true;
      else if (node.name === "VAR" || node.name === "SUBLINK") return true;
      else if (isConstant(node)) hasOwn = true;
      return false;
    });
    return hasOwn && !depends;
  }

  /** A column of rows that stand in the statement: VALUES, unnest($1), a sub-select without a table. */
  #isListed(variable: QueryNode): boolean {
    if (numberOf(variable, "varlevelsup") !== 0) return false;
    const entry = this.#entries[numberOf(variable, "varno") - 1];
    if (entry === undefined || entry.relation !== 0 || entry.kind === ENTRY.join) return false;
    const isInner = entry.kind === ENTRY.subquery;
    const isRow = (node: QueryNode): boolean =>
      node.name === "VAR" ? !isInner || numberOf(node, "varlevelsup") > 0 : readsRows(node);
    return anyNode(entry.node, isConstant) && !anyNode(entry.node, isRow);
  }

  #has(node: QueryNode | null): boolean {
    return node !== null && anyNode(node, (one) => this.#isColumn(one));
  }

  #isColumn(node: QueryNode): boolean {
    return node.name === "VAR" && numberOf(node, "varlevelsup") === 0 && this.#targets.has(numberOf(node, "varno"));
  }
}

/** The rows of a view with INSTEAD OF triggers are read from its body, an entry of its own; on 15 one without permissions. */
function triggeredView(entries: readonly Entry[], results: readonly number[]): readonly number[] {
  return results.flatMap((result) => {
    const target = entries[result - 1];
    if (target?.relationKind !== "v") return [];
    return entries.flatMap(({ kind, relation, permissions }, at) =>
      kind === ENTRY.subquery && relation === target.relation && permissions?.select !== true ? [at + 1] : [],
    );
  });
}

function isConstant(node: QueryNode): boolean {
  const isParameter = node.name === "PARAM" && numberOf(node, "paramkind") === PARAM_EXTERN;
  return (isParameter || node.name === "CONST") && isOfStatement(node);
}

/** Range table entries that hold no rows but what is written in them. */
const WRITTEN: readonly number[] = [ENTRY.subquery, ENTRY.function, ENTRY.values];

function readsRows(node: QueryNode): boolean {
  if (node.name === "SUBLINK") return true;
  if (node.name === "QUERY") return itemsOf(node, "cteList").length > 0;
  return node.name === "RANGETBLENTRY" && !WRITTEN.includes(numberOf(node, "rtekind"));
}
