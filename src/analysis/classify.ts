/**
 * One table: what each statement node of PostgreSQL 15 to 18 is for, and whether it may change anything. A node without a line is
 * "unknown" and durable: deny it. Looks at the tree only; which function or table a name means is not known here.
 */

import type { Durability, StatementClass } from "./parsed-statement.ts";
import { isPureFunction } from "./pure-functions.ts";
import { definitions, list, type Node, type TreeFacts, unwrap } from "./tree.ts";

/** "inner": the durability of the query inside, found by the walk. */
type TableDurability = "read" | "write" | "inner";

const LINES: readonly (readonly [StatementClass, TableDurability, string])[] = [
  ["read", "inner", "SelectStmt"],
  ["write", "write", "InsertStmt UpdateStmt DeleteStmt MergeStmt TruncateStmt"],
  ["transaction", "read", "TransactionStmt"],
  ["session", "read", "VariableSetStmt VariableShowStmt DiscardStmt ConstraintsSetStmt"],
  ["cursor", "inner", "DeclareCursorStmt"],
  ["cursor", "read", "FetchStmt ClosePortalStmt"],
  ["prepared", "read", "PrepareStmt ExecuteStmt DeallocateStmt"],
  ["listen", "read", "ListenStmt UnlistenStmt"],
  ["notify", "write", "NotifyStmt"],
  ["copyOut", "inner", "CopyStmt"],
  ["explain", "read", "ExplainStmt"],
  ["lock", "read", "LockStmt"],
  ["call", "write", "CallStmt DoStmt"],
  ["maintain", "write", "VacuumStmt ClusterStmt ReindexStmt RefreshMatViewStmt CheckPointStmt LoadStmt"],
  // DDL: all of rule `stmt` in PostgreSQL 18's gram.y that is not above. 15 to 17 know no others.
  [
    "define",
    "write",
    `AlterCollationStmt AlterDatabaseRefreshCollStmt AlterDatabaseSetStmt AlterDatabaseStmt AlterDefaultPrivilegesStmt
    AlterDomainStmt AlterEnumStmt AlterEventTrigStmt AlterExtensionContentsStmt AlterExtensionStmt AlterFdwStmt
    AlterForeignServerStmt AlterFunctionStmt AlterObjectDependsStmt AlterObjectSchemaStmt AlterOpFamilyStmt AlterOperatorStmt
    AlterOwnerStmt AlterPolicyStmt AlterPublicationStmt AlterRoleSetStmt AlterRoleStmt AlterSeqStmt AlterStatsStmt
    AlterSubscriptionStmt AlterSystemStmt AlterTSConfigurationStmt AlterTSDictionaryStmt AlterTableMoveAllStmt
    AlterTableSpaceOptionsStmt AlterTableStmt AlterTypeStmt AlterUserMappingStmt
    CreateAmStmt CreateCastStmt CreateConversionStmt CreateDomainStmt CreateEnumStmt CreateEventTrigStmt CreateExtensionStmt
    CreateFdwStmt CreateForeignServerStmt CreateForeignTableStmt CreateFunctionStmt CreateOpClassStmt CreateOpFamilyStmt
    CreatePLangStmt CreatePolicyStmt CreatePublicationStmt CreateRangeStmt CreateRoleStmt CreateSchemaStmt CreateSeqStmt
    CreateStatsStmt CreateStmt CreateSubscriptionStmt CreateTableAsStmt CreateTableSpaceStmt CreateTransformStmt
    CreateTrigStmt CreateUserMappingStmt CreatedbStmt
    DropOwnedStmt DropRoleStmt DropStmt DropSubscriptionStmt DropTableSpaceStmt DropUserMappingStmt DropdbStmt
    CommentStmt CompositeTypeStmt DefineStmt GrantRoleStmt GrantStmt ImportForeignSchemaStmt IndexStmt ReassignOwnedStmt
    RenameStmt RuleStmt SecLabelStmt ViewStmt`,
  ],
];

const TABLE: ReadonlyMap<string, readonly [StatementClass, TableDurability]> = new Map(
  LINES.flatMap(([kind, durability, nodes]) =>
    nodes.split(/\s+/).map((node) => [node, [kind, durability] as const] as const),
  ),
);

export interface Classification {
  readonly class: StatementClass;
  readonly durability: Durability;
  readonly callsUnknownFunction: boolean;
}

/** @param node the statement node's name and its fields. @param facts of a walk over the whole statement. */
export function classify(node: string, fields: Node, facts: TreeFacts): Classification {
  const line = TABLE.get(node);
  const callsUnknownFunction = hasUnknownFunction(facts);
  if (line === undefined) return { class: "unknown", durability: "write", callsUnknownFunction };
  const inner: Durability = facts.modifies || facts.into || facts.locks || callsUnknownFunction ? "write" : "read";
  const durability = line[1] === "inner" ? inner : line[1];
  const plain = { class: line[0], durability, callsUnknownFunction };
  switch (node) {
    case "SelectStmt":
      if (facts.into) return { ...plain, class: "define" };
      return facts.modifies ? { ...plain, class: "write" } : plain;
    case "CopyStmt":
      return { ...plain, ...classifyCopy(fields, durability) };
    case "ExplainStmt":
      return { ...plain, durability: analyzes(fields) ? explained(fields, inner) : "read" };
    case "ExecuteStmt":
      // Its arguments may call functions as well.
      return { ...plain, durability: inner === "write" ? "write" : "execute" };
    case "ConstraintsSetStmt":
      // IMMEDIATE runs deferred triggers there and then, which may write.
      return { ...plain, durability: fields["deferred"] === true ? "read" : "write" };
    case "TransactionStmt":
      return { ...plain, durability: isTwoPhase(fields) ? "write" : "read" };
    default:
      return plain;
  }
}

/** EXPLAIN ANALYZE runs what it explains. A value that is no known word for off counts as on. */
export function analyzes(fields: Node): boolean {
  const value = definitions(list(fields, "options")).get("analyze");
  return value !== undefined && !["false", "off", "0"].includes(value.toLowerCase());
}

function classifyCopy(fields: Node, inner: Durability): { class: StatementClass; durability: Durability } {
  if (fields["is_from"] === true) return { class: "copyIn", durability: "write" };
  const toServer = fields["is_program"] === true || fields["filename"] !== undefined;
  return { class: "copyOut", durability: toServer ? "write" : inner };
}

function explained(fields: Node, inner: Durability): Durability {
  const query = unwrap(fields["query"]);
  if (query?.name === "ExecuteStmt") return inner === "write" ? "write" : "execute";
  const line = query === undefined ? undefined : TABLE.get(query.name);
  return line === undefined || line[1] === "write" ? "write" : inner;
}

function isTwoPhase(fields: Node): boolean {
  const kind = fields["kind"];
  return (
    kind === "TRANS_STMT_PREPARE" || kind === "TRANS_STMT_COMMIT_PREPARED" || kind === "TRANS_STMT_ROLLBACK_PREPARED"
  );
}

function hasUnknownFunction(facts: TreeFacts): boolean {
  for (const name of facts.functions) if (!isPureFunction(name)) return true;
  return false;
}
