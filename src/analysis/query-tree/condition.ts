/** Whether an UPDATE, DELETE or MERGE bounds what it changes, by its conditions: see bounds.ts for what that means. */

import { Bounds, conditionsOf, isOfStatement } from "./bounds.ts";
import { ENTRY, type Entry, type Level, writes } from "./level.ts";
import { anyNode, childOf, maybeNumber, nodesOf, numberOf, type QueryNode } from "./query-node.ts";

/** Value of querySource: as sent, not made by a rule. */
export const ORIGINAL = 0;

export interface Condition {
  /** The statement has a WHERE or a join, whatever it says. */
  readonly isThere: boolean;
  readonly matchesAll: boolean;
}

export function conditionOf(level: Level, isMerge: boolean): Condition {
  const { query } = level;
  const from = childOf(query, "jointree");
  const quals = from === null ? null : childOf(from, "quals");
  const tables = from === null ? [] : nodesOf(from, "fromlist");
  // What a rule made is always a join: with the rows that the statement was for.
  const isOwn = numberOf(query, "querySource") === ORIGINAL;
  const isJoin = isOwn && (tables.length > 1 || tables.some(({ name }) => name === "JOINEXPR"));
  return {
    isThere: isJoin || (quals !== null && anyNode(quals, isOfStatement)),
    matchesAll: isMerge ? mergeMatchesAll(level, quals) : !isBounded(level, conditionsOf(query)),
  };
}

/** Values of MERGEACTION.matchKind (17+): with a row of the source, or without one. */
const NOT_MATCHED_BY_SOURCE = 1;
const UPDATE_OR_DELETE: readonly number[] = [2, 4];

/** Each action that changes rows needs a bound: the join's, unless it is for rows that did not join, or its own. */
function mergeMatchesAll(level: Level, quals: QueryNode | null): boolean {
  const { query } = level;
  const on = childOf(query, "mergeJoinCondition") ?? quals;
  return nodesOf(query, "mergeActionList").some((action) => {
    if (!UPDATE_OR_DELETE.includes(numberOf(action, "commandType"))) return false;
    const when = childOf(action, "qual");
    const joined = maybeNumber(action, "matchKind") !== NOT_MATCHED_BY_SOURCE;
    return !isBounded(level, [...(on !== null && joined ? [on] : []), ...(when === null ? [] : [when])]);
  });
}

function isBounded({ query, entries }: Level, conditions: readonly QueryNode[]): boolean {
  const varnos = targetsOf(query, entries);
  const oids = [...varnos].map((varno) => entries[varno - 1]?.relation ?? 0).filter((oid) => oid !== 0);
  return new Bounds(query, conditions, new Set(oids)).bound({ varnos, up: 0 });
}

/** Varnos: the result, and what the statement named where PostgreSQL replaced that by a view's table. */
function targetsOf(query: QueryNode, entries: readonly Entry[]): ReadonlySet<number> {
  const written = entries.flatMap(({ permissions }, at) =>
    permissions !== null && writes(permissions) ? [at + 1] : [],
  );
  const results = [numberOf(query, "resultRelation"), maybeNumber(query, "mergeTargetRelation") ?? 0];
  return new Set([...results, ...written, ...triggeredView(entries, results)]);
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
