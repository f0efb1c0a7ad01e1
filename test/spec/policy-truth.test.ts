/** The table of test/policy-cases held against the servers: what it says that a statement touches is what PostgreSQL says. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { Grammar } from "../../src/analysis/grammar.ts";
import { POLICY_CASES } from "../policy-cases/all-cases.ts";
import { ShopTruth, startShop } from "../support/policy-server.ts";
import { POSTGRES_VERSIONS, type TestPostgres } from "../support/postgres.ts";

describe("the table of statements", () => {
  it("has at least 400 different ones", () => {
    const different = new Set(POLICY_CASES.map(({ sql, setup, as }) => JSON.stringify([sql, setup, as])));

    expect(different.size).toBe(POLICY_CASES.length);
    expect(different.size).toBeGreaterThanOrEqual(400);
  });

  it("has one at least of every class that the grammar knows", async () => {
    const grammar = await Grammar.load(18);

    const found = new Set<string>();
    for (const { sql } of POLICY_CASES) {
      const outcome = grammar.parse(new TextEncoder().encode(sql));
      if (outcome.ok) for (const { stmt } of Tree.parse(outcome.tree).stmts) found.add(Object.keys(stmt)[0] ?? "");
    }

    expect(STATEMENTS.split(/\s+/).filter((node) => !found.has(node))).toEqual([]);
  });
});

const Tree = z.object({ stmts: z.array(z.object({ stmt: z.record(z.string(), z.unknown()) })) });

/** All of rule `stmt` in gram.y of PostgreSQL 18; 15 to 17 know no others. */
const STATEMENTS = `SelectStmt InsertStmt UpdateStmt DeleteStmt MergeStmt TruncateStmt TransactionStmt VariableSetStmt VariableShowStmt
  DiscardStmt ConstraintsSetStmt DeclareCursorStmt FetchStmt ClosePortalStmt PrepareStmt ExecuteStmt DeallocateStmt ListenStmt
  UnlistenStmt NotifyStmt CopyStmt ExplainStmt LockStmt CallStmt DoStmt VacuumStmt ClusterStmt ReindexStmt RefreshMatViewStmt
  CheckPointStmt LoadStmt
  AlterCollationStmt AlterDatabaseRefreshCollStmt AlterDatabaseSetStmt AlterDatabaseStmt AlterDefaultPrivilegesStmt
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
  RenameStmt RuleStmt SecLabelStmt ViewStmt`;

const versions = POSTGRES_VERSIONS.filter((version) => version === 15 || version === 18);

describe.each(versions)("the table of statements beside PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let truth: ShopTruth;
  beforeAll(async () => {
    postgres = await startShop(version);
    truth = await ShopTruth.open(postgres);
  });
  afterAll(async () => {
    truth?.close();
    await postgres?.stop();
  });

  const cases = POLICY_CASES.filter(
    ({ majors, unsent }) => unsent === undefined && (majors?.includes(version) ?? true),
  );

  it.each(cases.map((each) => [each.sql, each] as const))("says what the server does: %s", async (_, each) => {
    const { error, requests } = await truth.of(each);

    expect(error).toBe(each.error ?? null);
    if (requests !== null && each.requests !== null) {
      // Of a query inside another statement the server shows no more than the query.
      const ofQueries = each.requests.filter((request) => /^(select|insert|update|delete|call) /.test(request));
      // Nor does it show the permission for a sequence, which nextval() itself asks for.
      const ofRows = ofQueries.filter((request) => !/^update \S+_seq$/.test(request));
      expect(requests).toEqual(ofRows.filter((request) => !request.includes(":shop.pg_catalog.")));
    }
  });
});
