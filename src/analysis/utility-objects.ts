/**
 * Targets of the statements that work on objects of any kind, or on several: DROP, COMMENT, GRANT, ALTER … RENAME, COPY, LOCK,
 * VACUUM. See utility-targets.ts.
 */

import { TARGET_KINDS, type UtilityTarget } from "./parsed-statement.ts";
import { flag, isNode, list, type Node, text, unwrap } from "./tree.ts";
import {
  columnsOf,
  definition,
  kindOf,
  nameOf,
  ofDatabase,
  ofObject,
  ofRelation,
  ofSchema,
  UnknownForm,
} from "./utility-names.ts";
import type { Reader } from "./utility-targets.ts";

export const OBJECTS: Readonly<Record<string, Reader>> = {
  DropStmt: dropped,
  CommentStmt: (fields) => [ofObject("comment", fields["objtype"], fields["object"])],
  // A label may be what keeps a value secret: more than a remark.
  SecLabelStmt: (fields) => [ofObject("alter", fields["objtype"], fields["object"])],
  GrantStmt: granted,
  AlterDefaultPrivilegesStmt: defaultPrivileges,
  RenameStmt: renamed,
  AlterObjectSchemaStmt: (fields) => [
    ...altered(fields, fields["objectType"]),
    ofSchema("create", text(fields, "newschema")),
  ],
  AlterOwnerStmt: (fields) => altered(fields, fields["objectType"]),
  AlterObjectDependsStmt: (fields) => altered(fields, fields["objectType"]),
  AlterFunctionStmt: (fields) => [ofObject("alter", fields["objtype"] ?? "OBJECT_FUNCTION", wrapped(fields["func"]))],
  AlterOperatorStmt: (fields) => [ofObject("alter", "OBJECT_OPERATOR", wrapped(fields["opername"]))],
  AlterExtensionContentsStmt: (fields) => [
    ofDatabase("alter", "extension"),
    ofObject("alter", fields["objtype"], fields["object"]),
  ],
  TruncateStmt: (fields) => [
    ...list(fields, "relations").map((relation) => ofRelation("truncate", relation, "table")),
    ...cascading(fields, "truncate"),
  ],
  LockStmt: (fields) => list(fields, "relations").map((relation) => ofRelation("lock", relation, "table")),
  CopyStmt: copied,
  VacuumStmt: vacuumed,
  ClusterStmt: (fields) => [onOne(fields, "table")],
  ReindexStmt: reindexed,
  CallStmt: called,
  VariableSetStmt: set,
};

/** What else goes with it is not in the statement: views, foreign keys, tables in any schema. */
function cascading(fields: Node, action: "alter" | "drop" | "truncate"): readonly UtilityTarget[] {
  return fields["behavior"] === "DROP_CASCADE" ? [ofDatabase(action, "whatever depends on it")] : [];
}

function dropped(fields: Node): readonly UtilityTarget[] {
  const type = fields["removeType"];
  const objects = list(fields, "objects").map((object) => {
    const target = ofObject("drop", type, object);
    return PARTS.has(target.kind) ? { ...target, action: "alter" as const } : target;
  });
  return [...objects, ...cascading(fields, "drop")];
}

/** Parts of a table: to drop one is to alter the table. */
const PARTS: ReadonlySet<string> = new Set(["trigger", "rule", "row policy", "constraint", "column"]);

/** @param type the ObjectType: of a column, constraint or the like, where `relation` is what it belongs to. */
function altered(fields: Node, type: unknown): readonly UtilityTarget[] {
  if (type === "OBJECT_ATTRIBUTE") return [{ ...ofRelation("alter", fields["relation"], "type"), object: "type" }];
  const relation = fields["relation"];
  return [
    relation === undefined ? ofObject("alter", type, fields["object"]) : ofRelation("alter", relation, kindOf(type)),
  ];
}

function renamed(fields: Node): readonly UtilityTarget[] {
  const type = fields["renameType"];
  if (type === "OBJECT_SCHEMA") return [ofSchema("alter", text(fields, "subname"))];
  return [...altered(fields, type), ...cascading(fields, "alter")];
}

/** A field whose type is fixed has its node's name left out. */
function wrapped(fields: unknown): Node {
  return { ObjectWithArgs: fields };
}

function granted(fields: Node): readonly UtilityTarget[] {
  const objects = list(fields, "objects");
  switch (fields["targtype"]) {
    case "ACL_TARGET_ALL_IN_SCHEMA":
      return objects.map((object) => ofSchema("grant", nameOf(object)[0]));
    case "ACL_TARGET_OBJECT": {
      const columns = list(fields, "privileges").flatMap((privilege) => privilegedColumns(privilege));
      const type = fields["objtype"];
      return objects.map((object) =>
        type === "OBJECT_TABLE" ? ofRelation("grant", object, "table", columns) : ofObject("grant", type, object),
      );
    }
    default:
      throw new UnknownForm();
  }
}

function privilegedColumns(privilege: unknown): readonly string[] {
  const node = unwrap(privilege);
  return node?.name === "AccessPriv" ? columnsOf(node.fields, "cols") : [];
}

function defaultPrivileges(fields: Node): readonly UtilityTarget[] {
  const schemas = unwrap(definition(list(fields, "options"), "schemas"));
  if (schemas === undefined) return [ofDatabase("grant", "default privileges")];
  return list(schemas.fields, "items").map((schema) => ofSchema("grant", nameOf(schema)[0]));
}

/** COPY (query): its tables are in the query's own tree; that it is copied is asked of the database. */
function copied(fields: Node): readonly UtilityTarget[] {
  const action = flag(fields, "is_from") ? "copyIn" : "copyOut";
  if (fields["relation"] === undefined) return [ofDatabase(action, "query")];
  return [ofRelation(action, fields["relation"], "table", columnsOf(fields, "attlist"))];
}

function vacuumed(fields: Node): readonly UtilityTarget[] {
  const relations = list(fields, "rels");
  if (relations.length === 0) return [ofDatabase("maintain", "database")];
  return relations.map((value) => {
    const node = unwrap(value);
    if (node?.name !== "VacuumRelation") throw new UnknownForm();
    return ofRelation("maintain", node.fields["relation"], "table", columnsOf(node.fields, "va_cols"));
  });
}

function onOne(fields: Node, kind: string): UtilityTarget {
  const relation = fields["relation"];
  return relation === undefined ? ofDatabase("maintain", "database") : ofRelation("maintain", relation, kind);
}

function reindexed(fields: Node): readonly UtilityTarget[] {
  switch (fields["kind"]) {
    case "REINDEX_OBJECT_INDEX":
      return [ofRelation("maintain", fields["relation"], "index")];
    case "REINDEX_OBJECT_TABLE":
      return [ofRelation("maintain", fields["relation"], "table")];
    case "REINDEX_OBJECT_SCHEMA":
      return [ofSchema("maintain", text(fields, "name"))];
    case "REINDEX_OBJECT_SYSTEM":
    case "REINDEX_OBJECT_DATABASE":
      return [ofDatabase("maintain", "database")];
    default:
      throw new UnknownForm();
  }
}

function called(fields: Node): readonly UtilityTarget[] {
  const call = fields["funccall"];
  if (!isNode(call)) throw new UnknownForm();
  return [{ action: "call", object: "function", name: nameOf(list(call, "funcname")), kind: "procedure" }];
}

/** The setting's name is in `setting`. To go back to what the session started with needs no permit. */
function set(fields: Node): readonly UtilityTarget[] {
  const kind = fields["kind"];
  return kind === "VAR_SET_VALUE" || kind === "VAR_SET_CURRENT" ? [ofDatabase("set", "setting")] : [];
}

/** OR REPLACE changes what is there under that name, if anything is. */
export function replaced(target: UtilityTarget): UtilityTarget {
  return { ...target, action: "alter", kind: TARGET_KINDS.replaced };
}
