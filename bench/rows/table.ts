/**
 * Statements of test/policy-cases that its policy permits, each sent once to a gateway that has seen none of them: what analysis
 * and policy add to a statement that is new in every respect.
 */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { POLICY_CASES } from "../../test/policy-cases/all-cases.ts";
import type { Bench } from "../bench.ts";
import { BenchClient } from "../client.ts";
import { median } from "../numbers.ts";
import type { RunningGateway, Served } from "../servers/gateway.ts";
import type { Target } from "../target.ts";

export const TABLE = "a permitted statement of the policy table, first sent";

const ROLE = "shop_app";
const DATABASE = "shop";
/** What a client without COPY of its own, on PostgreSQL 18, in a transaction, can send. */
const STATEMENTS = POLICY_CASES.filter(
  ({ verdict, error, roleError, pending, unsent, as, majors, sql, truthAs }) =>
    verdict === "permit" &&
    [error, roleError, pending, unsent, as, truthAs].every((each) => each === undefined) &&
    (majors === undefined || majors.includes(18)) &&
    !/\bCOPY\b|\bCALL\b|\bEXECUTE\b/i.test(sql),
);

export async function table(bench: Bench, start: (served: Served) => Promise<RunningGateway>): Promise<void> {
  bench.say(TABLE);
  const folder = join(bench.projectPath, "test", "policy-cases");
  const file = (name: string): Promise<string> => readFile(join(folder, name), "utf8");
  const password = "bench-shop";
  await bench.server.sql(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${password}'`);
  await bench.server.sql(`CREATE DATABASE ${DATABASE}`);
  await bench.server.sql(`${await file("schema.sql")}\n${await file("roles.sql")}`, DATABASE);
  const policy = { "agents.cedar": await file("policy/agents.cedar") };
  for (let repetition = 0; repetition < bench.options.repetitions; repetition++) {
    await using gateway = await started(start({ database: DATABASE, role: ROLE, password, policy }));
    const direct = { ...bench.server.target, database: DATABASE };
    await compare(bench, direct, gateway.target);
  }
}

async function started(starting: Promise<RunningGateway>): Promise<RunningGateway & AsyncDisposable> {
  const gateway = await starting;
  return { ...gateway, [Symbol.asyncDispose]: () => gateway.stop().then(() => gateway.remove()) };
}

async function compare(bench: Bench, direct: Target, postern: Target): Promise<void> {
  const clients = [await BenchClient.connect(direct), await BenchClient.connect(postern)] as const;
  for (const client of clients) for (let n = 0; n < 50; n++) await client.query("SELECT 1");
  const [alone, through, added]: [number[], number[], number[]] = [[], [], []];
  const statements = bench.options.quick ? STATEMENTS.slice(0, 20) : STATEMENTS;
  for (const { sql, setup } of statements) {
    const [a, b] = [await timeOf(clients[0], sql, setup), await timeOf(clients[1], sql, setup)];
    // Calls of functions that nobody has listed here, and what asks for another's rights.
    if (a === null || b === null) continue;
    alone.push(a);
    through.push(b);
    added.push(b - a);
  }
  for (const client of clients) client.close();
  if (added.length < statements.length / 2) throw new Error(`only ${added.length} of ${statements.length} ran`);
  bench.samples.add(TABLE, "ms", direct.name, median(alone));
  bench.samples.add(TABLE, "ms", postern.name, median(through));
  bench.samples.add(TABLE, "ms, added", postern.name, median(added));
}

/** Milliseconds in a transaction that is rolled back; null: refused. */
async function timeOf(client: BenchClient, sql: string, setup: readonly string[] = []): Promise<number | null> {
  try {
    for (const text of ["BEGIN", ...setup]) await client.query(text);
    return (await client.query(sql)).doneMs;
  } catch {
    return null;
  } finally {
    await client.query("ROLLBACK");
  }
}
