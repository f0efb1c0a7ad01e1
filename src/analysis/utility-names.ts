/**
 * Names out of utility statements' trees, which PostgreSQL keeps in a dozen shapes: lists of strings, RangeVar, TypeName,
 * ObjectWithArgs. Resolves none of them. A shape that is not known is thrown: the statement cannot be judged then.
 */

import type { TargetAction, UtilityTarget } from "./parsed-statement.ts";
import { constantText, isNode, list, type Node, text, unwrap } from "./tree.ts";

/** Caught by utility-targets.ts. */
export class UnknownForm extends Error {}

/** Of the database itself, or of what belongs to no schema. */
export function ofDatabase(action: TargetAction, kind: string): UtilityTarget {
  return { action, object: "database", name: [], kind };
}

export function ofSchema(action: TargetAction, name: string | undefined, kind = "schema"): UtilityTarget {
  if (name === undefined) throw new UnknownForm();
  return { action, object: "schema", name: [name], kind };
}

/** @param value a RangeVar, wrapped or its fields. @param columns empty: none in particular. */
export function ofRelation(
  action: TargetAction,
  value: unknown,
  kind: string,
  columns: readonly string[] = [],
): UtilityTarget {
  const name = rangeName(value);
  return { action, object: "relation", name, kind, ...(columns.length === 0 ? {} : { columns }) };
}

/** A database before the schema is the one that the session is in, or an error. */
function rangeName(value: unknown): readonly string[] {
  const wrapped = unwrap(value);
  const fields = wrapped?.name === "RangeVar" ? wrapped.fields : value;
  const name = isNode(fields) ? text(fields, "relname") : undefined;
  if (!isNode(fields) || name === undefined) throw new UnknownForm();
  const schema = text(fields, "schemaname") ?? (text(fields, "relpersistence") === "t" ? "pg_temp" : undefined);
  return schema === undefined ? [name] : [schema, name];
}

/** @param value a list of strings, a string, a TypeName or an ObjectWithArgs; wrapped, but for the list of a field. */
export function nameOf(value: unknown): readonly string[] {
  const parts = partsOf(value);
  if (parts.length < 1 || parts.length > 3) throw new UnknownForm();
  return parts.slice(-2);
}

function partsOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.map(stringOf);
  const node = unwrap(value);
  switch (node?.name) {
    case "List":
      return list(node.fields, "items").map(stringOf);
    case "String":
      return [stringOf(value)];
    case "TypeName":
      return list(node.fields, "names").map(stringOf);
    case "ObjectWithArgs":
      return list(node.fields, "objname").map(stringOf);
    default:
      throw new UnknownForm();
  }
}

function stringOf(value: unknown): string {
  const node = unwrap(value);
  if (node?.name !== "String") throw new UnknownForm();
  return text(node.fields, "sval") ?? "";
}

/** Names of columns, in a list of strings. */
export function columnsOf(node: Node, field: string): readonly string[] {
  return list(node, field).map(stringOf);
}

type Shape = "name" | "part" | "partOfType" | "behindMethod" | "none";
type Line = readonly [object: UtilityTarget["object"], shape: Shape, kind: string, types: string];

/**
 * PostgreSQL's ObjectType: to what such an object belongs, and how its name is kept. `part`: the last name is that of a part of
 * the relation before it. `behindMethod`: the first name is an access method.
 */
const LINES: readonly Line[] = [
  ["relation", "name", "table", "OBJECT_TABLE"],
  ["relation", "name", "view", "OBJECT_VIEW"],
  ["relation", "name", "materialized view", "OBJECT_MATVIEW"],
  ["relation", "name", "index", "OBJECT_INDEX"],
  ["relation", "name", "sequence", "OBJECT_SEQUENCE"],
  ["relation", "name", "foreign table", "OBJECT_FOREIGN_TABLE"],
  ["relation", "part", "column", "OBJECT_COLUMN"],
  ["relation", "part", "constraint", "OBJECT_TABCONSTRAINT"],
  ["relation", "part", "trigger", "OBJECT_TRIGGER"],
  ["relation", "part", "rule", "OBJECT_RULE"],
  ["relation", "part", "row policy", "OBJECT_POLICY"],
  ["type", "name", "type", "OBJECT_TYPE"],
  ["type", "name", "domain", "OBJECT_DOMAIN"],
  ["type", "partOfType", "domain constraint", "OBJECT_DOMCONSTRAINT"],
  ["function", "name", "function", "OBJECT_FUNCTION"],
  ["function", "name", "procedure", "OBJECT_PROCEDURE"],
  ["function", "name", "routine", "OBJECT_ROUTINE"],
  ["function", "name", "aggregate", "OBJECT_AGGREGATE"],
  ["other", "name", "operator", "OBJECT_OPERATOR"],
  ["other", "behindMethod", "operator class", "OBJECT_OPCLASS"],
  ["other", "behindMethod", "operator family", "OBJECT_OPFAMILY"],
  ["other", "name", "collation", "OBJECT_COLLATION"],
  ["other", "name", "conversion", "OBJECT_CONVERSION"],
  ["other", "name", "statistics", "OBJECT_STATISTIC_EXT"],
  [
    "other",
    "name",
    "text search object",
    "OBJECT_TSCONFIGURATION OBJECT_TSDICTIONARY OBJECT_TSPARSER OBJECT_TSTEMPLATE",
  ],
  ["schema", "name", "schema", "OBJECT_SCHEMA"],
  ["database", "none", "database", "OBJECT_DATABASE"],
  ["database", "none", "access method", "OBJECT_ACCESS_METHOD"],
  ["database", "none", "cast", "OBJECT_CAST"],
  ["database", "none", "event trigger", "OBJECT_EVENT_TRIGGER"],
  ["database", "none", "extension", "OBJECT_EXTENSION"],
  ["database", "none", "foreign-data wrapper", "OBJECT_FDW"],
  ["database", "none", "foreign server", "OBJECT_FOREIGN_SERVER"],
  ["database", "none", "language", "OBJECT_LANGUAGE"],
  ["database", "none", "large object", "OBJECT_LARGEOBJECT"],
  ["database", "none", "parameter", "OBJECT_PARAMETER_ACL"],
  ["database", "none", "publication", "OBJECT_PUBLICATION"],
  ["database", "none", "role", "OBJECT_ROLE"],
  ["database", "none", "subscription", "OBJECT_SUBSCRIPTION"],
  ["database", "none", "tablespace", "OBJECT_TABLESPACE"],
  ["database", "none", "transform", "OBJECT_TRANSFORM"],
  ["database", "none", "user mapping", "OBJECT_USER_MAPPING"],
];

const TYPES: ReadonlyMap<string, Line> = new Map(
  LINES.flatMap((line) => line[3].split(" ").map((type) => [type, line] as const)),
);

/** The words for an ObjectType. */
export function kindOf(type: unknown): string {
  return lineOf(type)[2];
}

/** @param type an ObjectType. @param value the object: a wrapped name, or a RangeVar. */
export function ofObject(action: TargetAction, type: unknown, value: unknown): UtilityTarget {
  const [object, shape, kind] = lineOf(type);
  if (shape === "none") return { action, object, name: [], kind };
  if (object === "relation" && unwrap(value)?.name === "RangeVar") return ofRelation(action, value, kind);
  if (shape === "name") return { action, object, name: nameOf(value), kind };
  if (shape === "partOfType") return { action, object, name: nameOf(itemsOf(value)[0]), kind };
  const parts = itemsOf(value).map(stringOf);
  if (parts.length < 2) throw new UnknownForm();
  if (shape === "behindMethod") return { action, object, name: parts.slice(1).slice(-2), kind };
  const columns = kind === "column" ? { columns: parts.slice(-1) } : {};
  return { action, object, name: parts.slice(0, -1).slice(-2), kind, ...columns };
}

function lineOf(type: unknown): Line {
  const line = typeof type === "string" ? TYPES.get(type) : undefined;
  if (line === undefined) throw new UnknownForm();
  return line;
}

function itemsOf(value: unknown): readonly unknown[] {
  const node = unwrap(value);
  return node?.name === "List" ? list(node.fields, "items") : [];
}

/** The definition of that name in a list of DefElem. */
export function definition(elements: readonly unknown[], name: string): unknown {
  for (const element of elements) {
    const node = unwrap(element);
    if (node?.name === "DefElem" && text(node.fields, "defname") === name) return node.fields["arg"];
  }
  return undefined;
}

/** Last part of a dotted name that is `schema.table.column`, taken off. Undefined for OWNED BY NONE. */
export function tableOfColumn(value: unknown): UtilityTarget | undefined {
  const parts = itemsOf(value).map((item) => constantText(item) ?? "");
  if (parts.length < 2) return undefined;
  return { action: "alter", object: "relation", name: parts.slice(0, -1).slice(-2), kind: "table" };
}
