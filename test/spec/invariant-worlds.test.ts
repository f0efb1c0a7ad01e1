/** Random statements in two databases that differ in labelled values alone: what the checker lets through gives the same in both. */

import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readQueryTree } from "../../src/analysis/query-tree/reader.ts";
import { checkInvariant, type LabelledColumns } from "../../src/masking/invariant/check-invariant.ts";
import { usesIn } from "../../src/masking/invariant/uses.ts";
import { INVARIANT_SCHEMA, labelledColumns } from "../support/invariant-schema.ts";
import { randomStatement, rowsOf, type World } from "../support/invariant-worlds.ts";
import { POSTGRES_VERSIONS, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { TreeClient } from "../support/query-trees.ts";

/** By hand, POSTERN_INVARIANT_STATEMENTS and POSTERN_INVARIANT_SEED run more, and others. */
const STATEMENTS = Number(process.env["POSTERN_INVARIANT_STATEMENTS"] ?? 600);
const SEED = Number(process.env["POSTERN_INVARIANT_SEED"] ?? 1);
const MAJORS = POSTGRES_VERSIONS.filter((major) => major === 15 || major === 18);

describe.each(MAJORS)("two worlds on PostgreSQL %i", (major) => {
  let server: TestPostgres;
  let trees: TreeClient;
  let labelled: LabelledColumns;
  const worlds: pg.Client[] = [];
  beforeAll(async () => {
    const settings = { autovacuum: "off", jit: "off" };
    server = await startPostgres({ version: major, hba: ["host all all 127.0.0.1/32 trust"], settings });
    await server.psql(INVARIANT_SCHEMA);
    for (const world of ["a", "b"] satisfies World[]) {
      await server.psql(`CREATE DATABASE world_${world} TEMPLATE postgres`);
      await server.psql(rowsOf(world), `world_${world}`);
      const client = new pg.Client({ host: "127.0.0.1", port: server.port, user: "agent", database: `world_${world}` });
      await client.connect();
      worlds.push(client);
    }
    trees = await TreeClient.connect(server.port, "agent");
    labelled = await labelledColumns(server, trees, major);
  });
  afterAll(async () => {
    trees?.[Symbol.dispose]();
    for (const client of worlds) await client.end();
    await server?.stop();
  });

  it("give the same for what holds, and often not for what does not", async () => {
    const seen = { holds: 0, masked: 0, broken: 0, differsWhereBroken: 0 };
    const different: string[] = [];
    for (let index = 0; index < STATEMENTS; index++) {
      const sql = randomStatement(SEED * 1_000_003 + index);
      const text = await trees.tree(sql).catch(() => null);
      if (text === null) continue; // no statement by the server
      const tree = readQueryTree(text, major);
      const holds = checkInvariant(tree, labelled).length === 0;
      if (holds && usesIn(tree, labelled).length > 0) seen.masked++;
      const [a, b] = await Promise.all(worlds.map((client) => answer(client, sql)));
      if (holds && a !== b) different.push(`${sql}\n${a}\n${b}`);
      if (!holds && a !== b) seen.differsWhereBroken++;
      seen[holds ? "holds" : "broken"]++;
    }

    expect(different).toEqual([]);
    // Neither verdict is rare, and the statements do reach for what is hidden.
    expect(seen.masked).toBeGreaterThan(STATEMENTS / 5);
    expect(seen.differsWhereBroken).toBeGreaterThan(STATEMENTS / 50);
  }, 600_000);
});

/** Rows in any order, or the error; what is changed is taken back. */
async function answer(client: pg.Client, sql: string): Promise<string> {
  await client.query("BEGIN");
  try {
    const { rows, rowCount } = await client.query({ text: sql, rowMode: "array" });
    return JSON.stringify([rowCount, rows.map((row) => JSON.stringify(row)).sort()]);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return `${error.code} ${error.message} ${error.detail ?? ""}`;
  } finally {
    await client.query("ROLLBACK");
  }
}
