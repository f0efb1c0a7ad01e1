/** What must hold of PostgreSQL's regression suite on a server, whichever major it is: the tests of test/spec/regression-suite*.test.ts. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startPostgres, type TestPostgres } from "./postgres.ts";
import type { SuiteScript } from "./regression-suite.ts";
import { type Findings, SuiteRun } from "./suite-run.ts";

export interface SuitePromises {
  readonly version: 15 | 18;
  readonly wants: (script: SuiteScript) => boolean;
  /** Less than these, and something of the suite was not run. */
  readonly atLeast: {
    readonly probes: number;
    readonly refused: number;
    readonly trees: number;
    readonly judged: number;
  };
  /** Beginnings of texts that our grammar and this server's read differently, beside {@link DIFFERENCES}. */
  readonly differences: readonly string[];
}

const DIFFERENCES = [
  // Under standard_conforming_strings = off, which Postern lets nobody set.
  "SELECT U&' \\' UESCAPE '!' AS \"tricky\"",
  "SELECT U&'d!0061t\\+000061' UESCAPE '!' AS U&\"d*0061t\\+000061",
  "SELECT U&'d\\0061t\\+000061' AS U&\"d\\0061t\\+000061\"",
  "SELECT U&'wrong: +0061' UESCAPE '+'",
  "SELECT U&'wrong: \\+0061'",
  "SELECT U&'wrong: \\061'",
  "select 'a\\\\bcd' as f1, 'a\\\\b\\'cd' as f2, 'a\\\\b\\'''cd' as f3,",
  // Bodies of functions are not parsed before the server has them.
  "CREATE FUNCTION test1 (int) RETURNS int LANGUAGE SQL AS 'not",
  "create function bad_sql1() returns int as $$ declare a int; ",
  "create function bad_sql2() returns int as $$ declare r recor",
  // libpg-query takes letters behind a parameter for a name.
  "PREPARE p1 AS SELECT $1a",
];

/** Why a server runs in a read-only transaction what Postern calls a write -> statements. */
const ALLOWED = {
  "EXPLAIN ANALYZE of CREATE TABLE AS is not refused": ["ExplainStmt"],
  "MERGE whose actions do nothing": ["MergeStmt"],
  "a library may do anything": ["LoadStmt"],
  "it calls a function that is not known to change nothing": [
    "DeclareCursorStmt",
    "ExecuteStmt",
    "ExplainStmt",
    "SelectStmt",
  ],
  "it changes no data, but others are told": ["NotifyStmt"],
  "no deferred trigger had anything to write": ["ConstraintsSetStmt"],
  "the server counts maintenance as no change of data": ["CheckPointStmt", "ClusterStmt", "ReindexStmt", "VacuumStmt"],
  "what it runs is not known before it runs": ["CallStmt", "DoStmt"],
  "what it writes is temporary": [
    "CopyStmt",
    "DeclareCursorStmt",
    "DeleteStmt",
    "InsertStmt",
    "SelectStmt",
    "UpdateStmt",
  ],
};

/** As pg_regress has them; trees go to the client alone. */
const SETTINGS = {
  log_min_messages: "panic",
  max_prepared_transactions: "2",
  lc_messages: "C",
  statement_timeout: "60s",
};

export function describeSuite({ version, wants, atLeast, differences }: SuitePromises): void {
  describe(`PostgreSQL ${version}'s regression suite beside analysis`, () => {
    let postgres: TestPostgres;
    let findings: Findings;
    beforeAll(async () => {
      postgres = await startPostgres({ version, hba: ["host all all 127.0.0.1/32 trust"], settings: SETTINGS });
      await using run = await SuiteRun.open(postgres);
      findings = run.findings;
      await run.run(wants);
    }, 900_000);
    afterAll(async () => postgres?.stop());

    it("is run, and much of it refused by a read-only transaction", () => {
      const short = Object.entries(atLeast).filter(([name, least]) => (findings.counts.get(name) ?? 0) < least);
      expect(short.map(([name]) => [name, findings.counts.get(name)])).toEqual([]);
    });

    it("never breaks analysis: there are requests, or an error of ours", () => {
      expect(findings.crashes).toEqual([]);
    });

    it("has no tree that is not read to its end", () => {
      expect(findings.unknownTrees).toEqual([]);
    });

    it("is read by our grammar as by the server's, word for word where it is refused", () => {
      expect([...findings.differences].sort()).toEqual([...DIFFERENCES, ...differences].sort());
    });

    it("names in its references whatever relation its tree shows", () => {
      expect(findings.unnamed).toEqual([]);
    });

    it("has no write that its class calls a read", () => {
      expect(findings.writesReadByClass).toEqual([]);
    });

    it("has no write that asks policy for reading alone", () => {
      // What deferred triggers write was asked for by the statements that made the rows.
      expect(findings.writesReadByRequests.filter((sql) => sql !== "SET CONSTRAINTS ALL IMMEDIATE")).toEqual([]);
    });

    it("has no other writes that the server takes for reads than these", () => {
      const found = [...findings.allowed].map(([why, nodes]) => [why, [...nodes].sort()] as const);
      expect(Object.fromEntries(found)).toEqual(ALLOWED);
      expect(findings.unexplained).toEqual([]);
    });

    it("has no other reads that a read-only transaction cannot judge than these", () => {
      // DECLARE, whose query fails where it runs; SET TRANSACTION, which wants to be the first of its transaction.
      expect([...findings.unproven].sort()).toEqual(["DeclareCursorStmt 22012", "VariableSetStmt 25001"]);
    });
  });
}
