/** Whether a condition bounds what a statement changes, by the grammar alone: for offline resolution. The gateway judges it by the tree (query-tree/condition.ts). */

import type { OfflineEntry, OfflineScope } from "./offline-scope.ts";
import { isNode, list, type Node, text, unwrap } from "./tree.ts";

export class Condition {
  hasWhere = true;
  matchesAll = false;

  /** @param isJoin the statement names other tables too. */
  judge(where: unknown, isJoin: boolean, target: OfflineEntry, scope: OfflineScope): void {
    this.hasWhere &&= isJoin || where !== undefined;
    this.matchesAll ||= !bounds(where, target, scope);
  }
}

/** AND needs one side that does, OR both. What stands under NOT is not taken for a bound. */
function bounds(value: unknown, target: OfflineEntry, scope: OfflineScope): boolean {
  const node = unwrap(value);
  if (node === undefined) return false;
  const { name, fields } = node;
  if (name === "CurrentOfExpr") return true;
  if (name === "BoolExpr") {
    const parts = list(fields, "args").map((part) => bounds(part, target, scope));
    if (text(fields, "boolop") === "AND_EXPR") return parts.includes(true);
    return text(fields, "boolop") === "OR_EXPR" && !parts.includes(false);
  }
  if (name === "NullTest") return text(fields, "nulltesttype") === "IS_NULL" && isOf(fields["arg"], target, scope);
  if (name !== "A_Expr") return false;
  const [left, right] = [fields["lexpr"], fields["rexpr"]];
  return (isOf(left, target, scope) && isConstant(right)) || (isOf(right, target, scope) && isConstant(left));
}

/** Some column of the target is in it. */
function isOf(value: unknown, target: OfflineEntry, scope: OfflineScope): boolean {
  return some(value, (name, fields) => name === "ColumnRef" && scope.entriesOf(fields).includes(target));
}

/** A constant or a parameter, and no column. */
function isConstant(value: unknown): boolean {
  return (
    some(value, (name) => name === "A_Const" || name === "ParamRef") &&
    !some(value, (name) => name === "ColumnRef" || name === "SubLink")
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
