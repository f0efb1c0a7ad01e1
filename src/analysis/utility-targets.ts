/**
 * One line or function for each utility statement of PostgreSQL 15 to 18: what it names, and what it would do to that. By the
 * grammar's tree alone. A node without a line, or a form of one that is not known here, has no targets: a denial.
 *
 * What changes how statements on a table work (trigger, rule, row policy, foreign key, partition) is `alter` of that table,
 * whatever the statement's own verb is. An index or extended statistics are made or dropped.
 */

import type { TargetAction, UtilityTarget } from "./parsed-statement.ts";
import { isNode, type Node, unwrap } from "./tree.ts";
import { calledFunctions } from "./utility-calls.ts";
import { DEFINING } from "./utility-define.ts";
import { nameOf, ofDatabase, ofRelation, UnknownForm } from "./utility-names.ts";
import { OBJECTS } from "./utility-objects.ts";

export type Reader = (fields: Node) => readonly UtilityTarget[];

/** Session and transaction: no permit is asked for them. EXECUTE and PREPARE run, or check, what has its own tree. */
const FREE = `TransactionStmt VariableShowStmt DiscardStmt ConstraintsSetStmt FetchStmt ClosePortalStmt DeallocateStmt UnlistenStmt
  ExecuteStmt PrepareStmt DeclareCursorStmt`;

const ON_DATABASE: readonly (readonly [TargetAction, string, string])[] = [
  ["create", "access method", "CreateAmStmt"],
  ["create", "cast", "CreateCastStmt"],
  ["create", "database", "CreatedbStmt"],
  ["create", "extension", "CreateExtensionStmt"],
  ["create", "foreign-data wrapper", "CreateFdwStmt"],
  ["create", "foreign server", "CreateForeignServerStmt"],
  ["create", "language", "CreatePLangStmt"],
  ["create", "role", "CreateRoleStmt"],
  ["create", "subscription", "CreateSubscriptionStmt"],
  ["create", "tablespace", "CreateTableSpaceStmt"],
  ["create", "transform", "CreateTransformStmt"],
  ["create", "user mapping", "CreateUserMappingStmt"],
  ["alter", "database", "AlterDatabaseStmt AlterDatabaseSetStmt AlterDatabaseRefreshCollStmt"],
  ["alter", "event trigger", "AlterEventTrigStmt"],
  ["alter", "extension", "AlterExtensionStmt"],
  ["alter", "foreign-data wrapper", "AlterFdwStmt"],
  ["alter", "foreign server", "AlterForeignServerStmt"],
  ["alter", "role", "AlterRoleStmt AlterRoleSetStmt"],
  ["alter", "subscription", "AlterSubscriptionStmt"],
  ["alter", "server", "AlterSystemStmt"],
  ["alter", "tablespace", "AlterTableSpaceOptionsStmt AlterTableMoveAllStmt"],
  ["alter", "user mapping", "AlterUserMappingStmt"],
  ["alter", "whatever the roles own", "ReassignOwnedStmt"],
  ["drop", "whatever the roles own", "DropOwnedStmt"],
  ["drop", "role", "DropRoleStmt"],
  ["drop", "subscription", "DropSubscriptionStmt"],
  ["drop", "tablespace", "DropTableSpaceStmt"],
  ["drop", "user mapping", "DropUserMappingStmt"],
  ["drop", "database", "DropdbStmt"],
  ["grant", "role", "GrantRoleStmt"],
  ["maintain", "server", "CheckPointStmt"],
  // A library of the server's runs code of its own as it is loaded.
  ["call", "library", "LoadStmt"],
  ["call", "anonymous block", "DoStmt"],
  ["listen", "channel", "ListenStmt"],
  ["notify", "channel", "NotifyStmt"],
];

const ON_RELATION: readonly (readonly [TargetAction, string, string, string])[] = [
  ["alter", "row policy", "table", "CreatePolicyStmt AlterPolicyStmt"],
  ["alter", "rule", "relation", "RuleStmt"],
  ["maintain", "materialized view", "relation", "RefreshMatViewStmt"],
];

const ON_NAME: readonly (readonly [TargetAction, UtilityTarget["object"], string, string, string])[] = [
  ["create", "type", "domain", "domainname", "CreateDomainStmt"],
  ["create", "type", "type", "typeName", "CreateEnumStmt CreateRangeStmt"],
  ["create", "other", "operator class", "opclassname", "CreateOpClassStmt"],
  ["create", "other", "operator family", "opfamilyname", "CreateOpFamilyStmt"],
  ["create", "other", "conversion", "conversion_name", "CreateConversionStmt"],
  ["alter", "type", "type", "typeName", "AlterEnumStmt AlterTypeStmt AlterDomainStmt"],
  ["alter", "other", "operator family", "opfamilyname", "AlterOpFamilyStmt"],
  ["alter", "other", "statistics", "defnames", "AlterStatsStmt"],
  ["alter", "other", "text search dictionary", "dictname", "AlterTSDictionaryStmt"],
  ["alter", "other", "text search configuration", "cfgname", "AlterTSConfigurationStmt"],
  ["alter", "other", "collation", "collname", "AlterCollationStmt"],
];

const READERS: ReadonlyMap<string, Reader> = new Map<string, Reader>([
  ...words(FREE).map((node) => [node, () => []] as const),
  ...ON_DATABASE.flatMap(([action, kind, nodes]) =>
    words(nodes).map((node) => [node, () => [ofDatabase(action, kind)]] as const),
  ),
  ...ON_RELATION.flatMap(([action, kind, field, nodes]) =>
    words(nodes).map((node) => [node, (fields: Node) => [ofRelation(action, fields[field], kind)]] as const),
  ),
  ...ON_NAME.flatMap(([action, object, kind, field, nodes]) =>
    words(nodes).map(
      (node) => [node, (fields: Node) => [{ action, object, name: nameOf(fields[field]), kind }]] as const,
    ),
  ),
  ...Object.entries(OBJECTS),
  ...Object.entries(DEFINING),
]);

function words(text: string): readonly string[] {
  return text.split(/\s+/);
}

/** The nodes that have a line, for the test that compares them with what is known of the grammar. */
export const KNOWN_NODES: ReadonlySet<string> = new Set([...READERS.keys(), "ExplainStmt", "CreateTableAsStmt"]);

/** @param node a utility statement's name, and its fields. @returns undefined where it cannot be told. */
export function utilityTargets(node: string, fields: Node): readonly UtilityTarget[] | undefined {
  try {
    return targetsOf(node, fields);
  } catch (error) {
    if (error instanceof UnknownForm) return undefined;
    throw error;
  }
}

function targetsOf(node: string, fields: Node): readonly UtilityTarget[] {
  if (node === "ExplainStmt") return ofInner(fields);
  if (node === "CreateTableAsStmt") return [createdAs(fields), ...ofInner(fields)];
  const read = READERS.get(node);
  if (read === undefined) throw new UnknownForm();
  const targets = read(fields);
  const called = calledFunctions(node, fields);
  return called.length === 0 ? targets : [...targets, ...called];
}

/** Of the statement inside: a query has its own tree, a utility statement has targets. */
const QUERIES: ReadonlySet<string> = new Set(["SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"]);

function ofInner(fields: Node): readonly UtilityTarget[] {
  const inner = unwrap(fields["query"]);
  if (inner === undefined) throw new UnknownForm();
  return QUERIES.has(inner.name) ? [] : targetsOf(inner.name, inner.fields);
}

function createdAs(fields: Node): UtilityTarget {
  const into = fields["into"];
  if (!isNode(into)) throw new UnknownForm();
  const kind = fields["objtype"] === "OBJECT_MATVIEW" ? "materialized view" : "table";
  return ofRelation("create", into["rel"], kind);
}
