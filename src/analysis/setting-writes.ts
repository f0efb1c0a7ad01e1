/**
 * Settings that a statement changes otherwise than as a SET of its own: set_config(), the SET clauses of ALTER ROLE, ALTER
 * DATABASE, ALTER SYSTEM and functions, and pg_settings. Judges none of them. Sees what stands in the statement: what a function,
 * a DO block or a trigger does inside, only the server knows.
 */

import type { SettingWrite } from "./parsed-statement.ts";
import { constantText, functionName, isNode, list, type Node, text, unwrap } from "./tree.ts";

const CALL = "set_config";

/** Statements without an expression or a clause inside. Every other node is looked through. */
const PLAIN: ReadonlySet<string> = new Set([
  "TransactionStmt",
  "VariableSetStmt",
  "VariableShowStmt",
  "DiscardStmt",
  "ConstraintsSetStmt",
  "FetchStmt",
  "ClosePortalStmt",
  "DeallocateStmt",
  "ListenStmt",
  "UnlistenStmt",
  "NotifyStmt",
]);

/** @param node the statement's name. @param root the statement, wrapped. @returns in no particular order. */
export function settingWrites(node: string, root: unknown): readonly SettingWrite[] {
  if (PLAIN.has(node)) return NONE;
  const found: SettingWrite[] = [];
  const stack: unknown[] = [root];
  while (stack.length > 0) {
    const value = stack.pop();
    if (Array.isArray(value)) {
      for (const element of value) stack.push(element);
      continue;
    }
    if (!isNode(value)) continue;
    for (const key in value) {
      const child = value[key];
      if (typeof child !== "object" || child === null) continue;
      const dump = key === "SelectStmt" && isNode(child) ? pgDumpsGuard(child) : null;
      if (dump !== null) {
        found.push(dump);
        continue;
      }
      stack.push(child);
      if (isNode(child)) look(key, child, found);
    }
  }
  return found.length === 0 ? NONE : found;
}

const NONE: readonly SettingWrite[] = [];

function look(key: string, fields: Node, found: SettingWrite[]): void {
  switch (key) {
    case "FuncCall":
      if (functionName(fields) === CALL) found.push(call(fields));
      return;
    case "VariableSetStmt":
    case "setstmt":
      if (text(fields, "kind") === "VAR_SET_VALUE" || text(fields, "kind") === "VAR_SET_CURRENT")
        found.push(clause(fields));
      return;
    case "UpdateStmt":
    case "InsertStmt":
    case "MergeStmt":
      if (isPgSettings(fields["relation"])) found.push({ by: "pg_settings", name: null, value: null });
  }
}

function call(fields: Node): SettingWrite {
  const [first, second] = list(fields, "args");
  let name = first;
  let value = second;
  for (const argument of list(fields, "args")) {
    const named = unwrap(argument);
    if (named?.name !== "NamedArgExpr") continue;
    if (text(named.fields, "name") === "setting_name") name = named.fields["arg"];
    else if (text(named.fields, "name") === "new_value") value = named.fields["arg"];
  }
  return { by: "call", name: plainText(name)?.toLowerCase() ?? null, value: plainText(value) ?? null };
}

const GUARD = "restrict_nonsystem_relation_kind";
const GUARDED = "view, foreign-table";

/**
 * `SELECT set_config(name, 'view, foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind'`:
 * pg_dump, since CVE-2024-7348, sets a setting that old servers lack. This text alone, to the last clause: with another value, a
 * temporary table named pg_settings could make the name any other. With this value no setting that matters can be set.
 */
function pgDumpsGuard(select: Node): SettingWrite | null {
  const target = unwrap(list(select, "targetList")[0]);
  const value = isNode(target?.fields["val"]) ? unwrap(target?.fields["val"]) : undefined;
  const where = unwrap(select["whereClause"]);
  const from = unwrap(list(select, "fromClause")[0]);
  if (list(select, "targetList").length !== 1 || list(select, "fromClause").length !== 1) return null;
  if (value?.name !== "FuncCall" || where?.name !== "A_Expr" || from?.name !== "RangeVar") return null;
  if (OTHER_CLAUSES.some((clause) => select[clause] !== undefined) || text(select, "op") !== "SETOP_NONE") return null;
  const args = list(value.fields, "args");
  const isCall =
    functionName(value.fields) === CALL &&
    args.length === 3 &&
    isNameColumn(args[0]) &&
    plainText(args[1]) === GUARDED &&
    constantText(args[2]) !== undefined;
  const isWhere =
    text(where.fields, "kind") === "AEXPR_OP" &&
    list(where.fields, "name").length === 1 &&
    constantText(list(where.fields, "name")[0]) === "=" &&
    isNameColumn(where.fields["lexpr"]) &&
    plainText(where.fields["rexpr"]) === GUARD;
  return isCall && isWhere && isPgSettings(from.fields) && from.fields["alias"] === undefined
    ? { by: "call", name: GUARD, value: GUARDED }
    : null;
}

const OTHER_CLAUSES = [
  "distinctClause",
  "intoClause",
  "groupClause",
  "havingClause",
  "windowClause",
  "valuesLists",
  "sortClause",
  "limitOffset",
  "limitCount",
  "lockingClause",
  "withClause",
] as const;

function isNameColumn(value: unknown): boolean {
  const node = unwrap(value);
  const fields = node?.name === "ColumnRef" ? list(node.fields, "fields") : [];
  return fields.length === 1 && constantText(fields[0]) === "name";
}

function clause(fields: Node): SettingWrite {
  const values = list(fields, "args").map((value) => constantText(value));
  const known = values.length > 0 && values.every((value) => value !== undefined);
  return { by: "clause", name: text(fields, "name")?.toLowerCase() ?? null, value: known ? values.join(", ") : null };
}

/** A cast to anything but text may make another text of it: 'role_'::varchar(4). */
function plainText(value: unknown): string | undefined {
  const node = unwrap(value);
  if (node?.name === "A_Const") return constantText(value);
  if (node?.name !== "TypeCast" || !isText(node.fields["typeName"])) return undefined;
  return plainText(node.fields["arg"]);
}

function isText(type: unknown): boolean {
  if (!isNode(type) || list(type, "typmods").length > 0 || list(type, "arrayBounds").length > 0) return false;
  const names = list(type, "names").map((name) => constantText(name));
  return names.at(-1) === "text" && (names.length === 1 || (names.length === 2 && names[0] === "pg_catalog"));
}

function isPgSettings(relation: unknown): boolean {
  if (!isNode(relation) || text(relation, "relname") !== "pg_settings") return false;
  const schema = text(relation, "schemaname");
  return schema === undefined || schema === "pg_catalog";
}
