/** Targets of CREATE and ALTER statements with more inside than one name. See utility-targets.ts. */

import { TARGET_KINDS, type UtilityTarget } from "./parsed-statement.ts";
import { flag, isNode, list, type Node, text, unwrap } from "./tree.ts";
import {
  definition,
  kindOf,
  nameOf,
  ofDatabase,
  ofRelation,
  ofSchema,
  tableOfColumn,
  UnknownForm,
} from "./utility-names.ts";
import { replaced } from "./utility-objects.ts";
import type { Reader } from "./utility-targets.ts";

export const DEFINING: Readonly<Record<string, Reader>> = {
  CreateSchemaStmt: createdSchema,
  CreateStmt: (fields) => createdTable(fields, "table"),
  CreateForeignTableStmt: (fields) => createdTable(nodeOf(fields["base"]), "foreign table"),
  AlterTableStmt: alteredTable,
  IndexStmt: (fields) => [ofRelation("create", fields["relation"], TARGET_KINDS.onTable)],
  CreateStatsStmt: createdStatistics,
  ViewStmt: (fields) => orReplace(fields, ofRelation("create", fields["view"], "view")),
  CreateSeqStmt: (fields) => [ofRelation("create", fields["sequence"], "sequence"), ...ownedBy(fields)],
  AlterSeqStmt: (fields) => [ofRelation("alter", fields["sequence"], "sequence"), ...ownedBy(fields)],
  CompositeTypeStmt: (fields) => [{ ...ofRelation("create", fields["typevar"], "type"), object: "type" }],
  CreateFunctionStmt: createdFunction,
  DefineStmt: defined,
  CreateTrigStmt: createdTrigger,
  CreateEventTrigStmt: (fields) => [ofDatabase("create", "event trigger"), runs(fields)],
  CreatePublicationStmt: (fields) => published(fields, "create"),
  AlterPublicationStmt: (fields) => published(fields, "alter"),
  ImportForeignSchemaStmt: (fields) => [ofSchema("create", text(fields, "local_schema"))],
};

function nodeOf(value: unknown): Node {
  if (!isNode(value)) throw new UnknownForm();
  return value;
}

function orReplace(fields: Node, target: UtilityTarget): readonly UtilityTarget[] {
  return flag(fields, "replace") ? [target, replaced(target)] : [target];
}

/** With its elements it is several statements, views with queries among them. */
function createdSchema(fields: Node): readonly UtilityTarget[] {
  if (list(fields, "schemaElts").length > 0) throw new UnknownForm();
  return [ofDatabase("create", "schema")];
}

/** Rows of a child show up in its parent, and a foreign key keeps rows of the other table from being changed. */
function createdTable(fields: Node, kind: string): readonly UtilityTarget[] {
  return [
    ofRelation("create", fields["relation"], kind),
    ...list(fields, "inhRelations").map((parent) => ofRelation("alter", parent, "parent table")),
    ...list(fields, "tableElts").flatMap((element) => referred(element)),
    ...list(fields, "constraints").flatMap((element) => referred(element)),
  ];
}

/** Other tables that a column, constraint or LIKE names. */
function referred(element: unknown): readonly UtilityTarget[] {
  const node = unwrap(element);
  switch (node?.name) {
    case "ColumnDef":
      return list(node.fields, "constraints").flatMap((constraint) => referred(constraint));
    case "Constraint": {
      const table = node.fields["pktable"];
      return table === undefined ? [] : [ofRelation("alter", table, "referenced table")];
    }
    case "TableLikeClause":
      return [ofRelation("select", node.fields["relation"], "table")];
    default:
      return [];
  }
}

function alteredTable(fields: Node): readonly UtilityTarget[] {
  const commands = list(fields, "cmds").map((command) => unwrap(command)?.fields ?? {});
  const type = fields["objtype"];
  const relation = ofRelation("alter", fields["relation"], kindOf(type));
  const target: UtilityTarget = type === "OBJECT_TYPE" ? { ...relation, object: "type" } : relation;
  const cascades = commands.some((command) => command["behavior"] === "DROP_CASCADE");
  return [target, ...commands.flatMap(referredBy), ...(cascades ? [ofDatabase("drop", "whatever depends on it")] : [])];
}

/** ATTACH PARTITION, INHERIT, ADD FOREIGN KEY. */
function referredBy(command: Node): readonly UtilityTarget[] {
  const definition = unwrap(command["def"]);
  switch (definition?.name) {
    case "RangeVar":
      return [ofRelation("alter", command["def"], "parent table")];
    case "PartitionCmd": {
      const partition = definition.fields["name"];
      return partition === undefined ? [] : [ofRelation("alter", partition, "partition")];
    }
    default:
      return referred(command["def"]);
  }
}

function createdStatistics(fields: Node): readonly UtilityTarget[] {
  const relations = list(fields, "relations").map((value) => ofRelation("create", value, TARGET_KINDS.onTable));
  const names = list(fields, "defnames");
  if (names.length === 0) return relations;
  return [{ action: "create", object: "other", name: nameOf(names), kind: "statistics" }, ...relations];
}

function ownedBy(fields: Node): readonly UtilityTarget[] {
  const owner = tableOfColumn(definition(list(fields, "options"), "owned_by"));
  return owner === undefined ? [] : [owner];
}

function createdFunction(fields: Node): readonly UtilityTarget[] {
  const kind = flag(fields, "is_procedure") ? "procedure" : "function";
  return orReplace(fields, { action: "create", object: "function", name: nameOf(list(fields, "funcname")), kind });
}

function defined(fields: Node): readonly UtilityTarget[] {
  const kind = kindOf(fields["kind"]);
  const object = kind === "aggregate" ? "function" : kind === "type" ? "type" : "other";
  return orReplace(fields, { action: "create", object, name: nameOf(list(fields, "defnames")), kind });
}

function createdTrigger(fields: Node): readonly UtilityTarget[] {
  const other = fields["constrrel"];
  return [
    ofRelation("alter", fields["relation"], "trigger"),
    runs(fields),
    ...(other === undefined ? [] : [ofRelation("alter", other, "referenced table")]),
  ];
}

/** Who makes a trigger has its function run, for whoever writes to the table. */
function runs(fields: Node): UtilityTarget {
  return { action: "call", object: "function", name: nameOf(list(fields, "funcname")), kind: TARGET_KINDS.trigger };
}

function published(fields: Node, action: "create" | "alter"): readonly UtilityTarget[] {
  return [
    ofDatabase(action, "publication"),
    ...list(fields, "pubobjects").map((value) => {
      const node = unwrap(value);
      if (node?.name !== "PublicationObjSpec") throw new UnknownForm();
      const table = node.fields["pubtable"];
      if (isNode(table)) return ofRelation("alter", table["relation"], "published table");
      const schema = text(node.fields, "name");
      // TABLES IN SCHEMA CURRENT_SCHEMA
      return schema === undefined ? ofDatabase("alter", "published schema") : ofSchema("alter", schema);
    }),
  ];
}
