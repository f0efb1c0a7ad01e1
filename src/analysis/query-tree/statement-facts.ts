/** What kind of statement a tree was made of, and whether what it changes is bounded by a condition. Looks at no OID. */

import { conditionOf, ORIGINAL } from "./condition.ts";
import { type Level, writes } from "./level.ts";
import { numberOf, type QueryNode } from "./query-node.ts";
import type { TreeFacts } from "./tree-facts.ts";
import { TreeUnknown } from "./tree-unknown.ts";

/** Values of commandType. */
export const COMMAND = { select: 1, update: 2, insert: 3, delete: 4, merge: 5, utility: 6 } as const;

const NAMES = ["nothing", "select", "update", "insert", "delete", "merge", "utility"] as const;
const WRITES: readonly number[] = [COMMAND.insert, COMMAND.update, COMMAND.delete, COMMAND.merge];
const CHANGES: readonly number[] = [COMMAND.update, COMMAND.delete, COMMAND.merge];

export type StatementFacts = Pick<TreeFacts, "command" | "rules" | "counted" | "hasWhere" | "matchesAll">;

/** @param levels of all queries in the tree, outer ones before inner ones. */
export function statementFacts(queries: readonly QueryNode[], levels: readonly Level[]): StatementFacts {
  const original = queries.find((query) => numberOf(query, "querySource") === ORIGINAL);
  // What a rule does besides is its owner's matter; what it does instead carries the statement's own condition.
  const judged = original === undefined ? queries : [original];
  let command: TreeFacts["command"] = "nothing";
  let hasWhere = true;
  let matchesAll = false;
  for (const level of levels) {
    const { parent, query } = level;
    if (!judged.includes(outermost(level).query)) continue;
    const kind = query === original ? numberOf(query, "commandType") : statementKind(level);
    if (parent === null && command === "nothing") command = NAMES[kind] ?? unknownCommand();
    if (!CHANGES.includes(kind)) continue;
    const condition = conditionOf(level, kind === COMMAND.merge);
    hasWhere &&= condition.isThere || kind === COMMAND.merge;
    matchesAll ||= condition.matchesAll;
  }
  const rules = queries.length !== 1 || original === undefined;
  // CommandComplete tells of the outermost query alone: what a WITH beneath it changes is in no count.
  const writing = levels.filter(({ query }) => WRITES.includes(numberOf(query, "commandType")));
  const counted = !rules && writing.length === 1 && writing[0]?.parent === null;
  return { command, rules, counted, hasWhere, matchesAll };
}

function outermost(level: Level): Level {
  let outer = level;
  while (outer.parent !== null) outer = outer.parent;
  return outer;
}

/** Of a rule's action: that of the statement which it came for, whose target heads the range table with its permissions. */
function statementKind({ query, parent, entries }: Level): number {
  const own = numberOf(query, "commandType");
  if (parent !== null || numberOf(query, "querySource") === ORIGINAL) return own;
  const target = entries.find(({ permissions }) => permissions !== null && writes(permissions))?.permissions;
  if (target === undefined || target === null) return own;
  if (target.delete) return COMMAND.delete;
  return target.insert ? COMMAND.insert : COMMAND.update;
}

function unknownCommand(): never {
  throw new TreeUnknown("QUERY has a commandType that is not known");
}
