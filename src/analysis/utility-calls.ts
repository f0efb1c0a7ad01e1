/**
 * Functions that a utility statement runs by its own expressions: arguments of CALL and EXECUTE, defaults, checks, index
 * expressions, a trigger's WHEN, COPY's WHERE. No query tree shows them. What the query inside a statement calls is not listed: its
 * own tree tells. Nor are rules and row policies: they come up in the trees of the statements that they apply to.
 */

import { TARGET_KINDS, type UtilityTarget } from "./parsed-statement.ts";
import { isNode, list, type Node } from "./tree.ts";
import { nameOf, UnknownForm } from "./utility-names.ts";

/** By node, the fields that hold such expressions. */
const FIELDS: Readonly<Record<string, readonly string[]>> = {
  AlterDomainStmt: ["def"],
  AlterPublicationStmt: ["pubobjects"],
  AlterTableStmt: ["cmds"],
  CallStmt: ["funccall"],
  CopyStmt: ["whereClause"],
  CreateDomainStmt: ["constraints"],
  CreateForeignTableStmt: ["base"],
  CreateFunctionStmt: ["parameters"],
  CreatePublicationStmt: ["pubobjects"],
  CreateStatsStmt: ["exprs"],
  CreateStmt: ["tableElts", "constraints", "partspec", "partbound"],
  CreateTrigStmt: ["whenClause"],
  ExecuteStmt: ["params"],
  IndexStmt: ["indexParams", "whereClause"],
};

/** One for each name. @throws {UnknownForm} for an operator that is named with its schema: its function is not known. */
export function calledFunctions(node: string, fields: Node): readonly UtilityTarget[] {
  const roots = FIELDS[node];
  if (roots === undefined) return NONE;
  const found = new Map<string, UtilityTarget>();
  const stack = roots.map((field) => fields[field]);
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
      stack.push(child);
      const target = isNode(child) ? calledBy(key, child) : null;
      if (target !== null) found.set(`${target.object} ${target.name.join(".")}`, target);
    }
  }
  return found.size === 0 ? NONE : [...found.values()];
}

const NONE: readonly UtilityTarget[] = [];

function calledBy(key: string, fields: Node): UtilityTarget | null {
  if (key === "FuncCall") return expression("function", nameOf(list(fields, "funcname")));
  if (key === "TypeCast") return castTarget(fields["typeName"]);
  if (key === "A_Expr") {
    const name = nameOf(list(fields, "name"));
    if (name.length > 1 && name[0] !== "pg_catalog") throw new UnknownForm();
    if (name.length === 1) return expression("operator", name);
  }
  // `a IN (SELECT …)`: the server lets none of these expressions have one. If it did, its tables would go unseen.
  if (key === "SubLink") throw new UnknownForm();
  return null;
}

/** A domain's checks run where something is cast to it. */
function castTarget(type: unknown): UtilityTarget | null {
  if (!isNode(type)) return null;
  const name = nameOf(list(type, "names"));
  return name[0] === "pg_catalog" ? null : expression("type", name);
}

function expression(object: "function" | "type" | "operator", name: readonly string[]): UtilityTarget {
  return { action: "call", object, name, kind: TARGET_KINDS.expression };
}
