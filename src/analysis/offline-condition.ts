/** Whether a condition bounds what a statement changes, by the grammar alone: for offline resolution. The gateway judges it by the tree (query-tree/condition.ts). */

import type { OfflineEntry, OfflineScope } from "./offline-scope.ts";
import { isNode, list, type Node, text, unwrap } from "./tree.ts";

export class Condition {
  hasWhere = true;
  matchesAll = false;

  /** @param others items of FROM beside the target. */
  judge(where: unknown, others: readonly unknown[], target: OfflineEntry, scope: OfflineScope): void {
    this.hasWhere &&= others.length > 0 || where !== undefined;
    const conditions = [where, ...others.flatMap(joinConditions)];
    const picked = new Set<OfflineEntry>();
    for (let round = 0; round < MAX_JOINS; round++) {
      const found = scope.entries.filter(
        (entry) => isAnother(entry, target) && !picked.has(entry) && bound(conditions, { of: entry, picked, scope }),
      );
      if (found.length === 0) break;
      for (const entry of found) picked.add(entry);
    }
    this.matchesAll ||= !bound(conditions, { of: target, picked, scope });
  }
}

/** Joins are followed so far from one relation to the next. */
const MAX_JOINS = 8;

interface Asked {
  /** Whose rows. */
  readonly of: OfflineEntry;
  /** Relations that constants pick rows of: their columns are as good as constants. */
  readonly picked: ReadonlySet<OfflineEntry>;
  readonly scope: OfflineScope;
}

/** Another look at the target itself picks nothing out. What a sub-select picks is not followed here. */
function isAnother({ relation }: OfflineEntry, target: OfflineEntry): boolean {
  return relation !== null && relation !== target.relation;
}

/** ON of inner joins. */
function joinConditions(item: unknown): readonly unknown[] {
  const node = unwrap(item);
  if (node?.name !== "JoinExpr" || text(node.fields, "jointype") !== "JOIN_INNER") return [];
  const { quals, larg, rarg } = node.fields;
  return [quals, ...joinConditions(larg), ...joinConditions(rarg)];
}

function bound(conditions: readonly unknown[], asked: Asked): boolean {
  return conditions.some((condition) => bounds(condition, asked));
}

/** AND needs one side that does, OR both. What stands under NOT is not taken for a bound. */
function bounds(value: unknown, asked: Asked): boolean {
  const node = unwrap(value);
  if (node === undefined) return false;
  const { name, fields } = node;
  if (name === "CurrentOfExpr") return true;
  if (name === "BoolExpr") {
    const parts = list(fields, "args").map((part) => bounds(part, asked));
    if (text(fields, "boolop") === "AND_EXPR") return parts.includes(true);
    return text(fields, "boolop") === "OR_EXPR" && !parts.includes(false);
  }
  if (name === "NullTest") return text(fields, "nulltesttype") === "IS_NULL" && isOf(fields["arg"], asked);
  if (name !== "A_Expr") return false;
  const [left, right] = [fields["lexpr"], fields["rexpr"]];
  return (isOf(left, asked) && isFixed(right, asked)) || (isOf(right, asked) && isFixed(left, asked));
}

/** Some column of the entry is in it. */
function isOf(value: unknown, { of, scope }: Asked): boolean {
  return some(value, (name, fields) => name === "ColumnRef" && scope.entriesOf(fields).includes(of));
}

/** A constant or a parameter is in it, or a column of what such picked, and no other column. */
function isFixed(value: unknown, { picked, scope }: Asked): boolean {
  const isPicked = (fields: Node): boolean => {
    const entries = scope.entriesOf(fields);
    return entries.length > 0 && entries.every((entry) => picked.has(entry));
  };
  return (
    some(value, (name) => name === "A_Const" || name === "ParamRef" || name === "ColumnRef") &&
    !some(value, (name, fields) => (name === "ColumnRef" && !isPicked(fields)) || name === "SubLink")
  );
}

function some(value: unknown, test: (name: string, fields: Node) => boolean): boolean {
  const open: unknown[] = [value];
  while (open.length > 0) {
    const next = open.pop();
    if (Array.isArray(next)) open.push(...next);
    else if (isNode(next)) {
      for (const name in next) {
        const fields = next[name];
        if (isNode(fields) && test(name, fields)) return true;
        open.push(fields);
      }
    }
  }
  return false;
}
