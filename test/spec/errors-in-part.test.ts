/** Errors of the server that would name what policy hides: the agent reads what happened, and no name that it may not know. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reportOf } from "../../src/wire/error-response.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient } from "../support/raw-client.ts";

const APP = { user: "app", password: "app-password" } as const;
const SCHEMA = `
  CREATE SCHEMA shop AUTHORIZATION app;
  CREATE SCHEMA canary_hr AUTHORIZATION app;
  CREATE TABLE shop.customers (id int PRIMARY KEY, name text UNIQUE);
  INSERT INTO shop.customers VALUES (1, 'Ada'), (2, 'Bob');
  CREATE TABLE canary_hr.canary_pay (staff int CONSTRAINT canary_fk REFERENCES shop.customers);
  INSERT INTO canary_hr.canary_pay VALUES (1);
  CREATE TABLE shop.events (kind text, n int) PARTITION BY LIST (kind);
  CREATE TABLE canary_hr.canary_part PARTITION OF shop.events (CONSTRAINT canary_rule CHECK (n > 0)) FOR VALUES IN ('x');
  CREATE TABLE shop.used (id int);
  CREATE VIEW canary_hr.canary_view AS SELECT id FROM shop.used, canary_hr.canary_pay;
  CREATE VIEW shop.through WITH (security_invoker) AS SELECT staff FROM canary_hr.canary_pay;
  CREATE FUNCTION canary_hr.canary_is(int) RETURNS boolean LANGUAGE plpgsql STABLE AS 'BEGIN RETURN true; END';
  CREATE VIEW shop.guarded AS SELECT id FROM shop.customers WHERE canary_hr.canary_is(id);
  GRANT ALL ON ALL TABLES IN SCHEMA shop TO app;
  ALTER TABLE shop.used OWNER TO app;
`;
const POLICY = `
@id("connect") permit (principal in Group::"agents", action == Action::"connect", resource in Database::"shop");
@id("all") permit (principal in Group::"agents", action, resource in Schema::"shop.shop");
`;

describe.each([15, 18] as const)("an error of PostgreSQL %i that names what is hidden", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let policy: string;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    await postgres.psql(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
    await postgres.psql("CREATE DATABASE shop");
    await postgres.psql(SCHEMA, "shop");
    policy = await mkdtemp(join(tmpdir(), "postern-policy-"));
    await writeFile(join(policy, "agents.cedar"), POLICY);
    gateway = await startGateway({ postgres, database: "shop", role: APP, config: { policy } });
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
    await rm(policy, { recursive: true, force: true });
  });

  async function reportsOf(sql: string) {
    const client = await RawClient.connect(gateway);
    await client.login({ user: APP.user, database: "shop" }, await gateway.token({ groups: ["agents"] }));
    const answer = await client.query(sql);
    client.destroy();
    return answer.flatMap((message) =>
      message.type === "ErrorResponse" || message.type === "NoticeResponse" ? [reportOf(message.fields)] : [],
    );
  }

  async function errorOf(sql: string) {
    return (await reportsOf(sql)).find(({ severity }) => severity === "ERROR");
  }

  const named: readonly (readonly [what: string, sql: string, code: string])[] = [
    ["a table that refers to the row", "DELETE FROM shop.customers WHERE id = 1", "23503"],
    ["the partition that a row goes to", "INSERT INTO shop.events VALUES ('x', 0)", "23514"],
    ["what depends on what is dropped", "DROP TABLE shop.used", "2BP01"],
    ["the view that uses a column", "ALTER TABLE shop.used ALTER COLUMN id TYPE bigint", "0A000"],
    ["the table that refers to what is emptied", "TRUNCATE shop.customers", "0A000"],
  ];
  it.each(named)("tells the code and no name: %s", async (_, sql, code) => {
    const report = await errorOf(sql);

    expect(report?.code).toBe(code);
    expect(JSON.stringify(report)).not.toMatch(/canary/i);
    expect(report?.detail).toBe("The server's own words are not shown: they may name what policy hides.");
  });

  const guesses: readonly (readonly [what: string, sql: string])[] = [
    ["a table", "CREATE TABLE shop.NAME (a int PRIMARY KEY, b int PRIMARY KEY)"],
    ["a view's column", "CREATE VIEW shop.v AS SELECT 1 AS a; CREATE OR REPLACE VIEW shop.v AS SELECT 1 AS NAME"],
    [
      "a column",
      "CREATE TABLE shop.t (NAME int); CREATE VIEW shop.v AS SELECT NAME FROM shop.t; ALTER TABLE shop.t DROP NAME",
    ],
  ];
  it.each(
    guesses,
  )("is the same whether a hidden thing has the name that the client made up for %s or nothing has", async (_, sql) => {
    const [there, nowhere] = ["canary_pay", "canary_nil"].map((name) => errorOf(sql.replaceAll("NAME", name)));
    const report = await there;

    expect(report?.code).toMatch(/^(42P16|2BP01)$/);
    expect(JSON.stringify(report).replaceAll("canary_pay", "canary_nil")).toBe(JSON.stringify(await nowhere));
  });

  it("has no notice beside it of partitions that ANALYZE came across", async () => {
    expect(JSON.stringify(await reportsOf("ANALYZE VERBOSE shop.events"))).not.toMatch(/canary/i);
  });

  it("is left as it is where it names what may be seen, and repeats what the client said", async () => {
    const report = await errorOf("INSERT INTO shop.customers VALUES (3, 'Ada')");
    expect(report?.detail).toBe("Key (name)=(Ada) already exists.");
    expect((await errorOf("SELECT 'canary_pay'::int"))?.message).toContain('"canary_pay"');
  });

  const plans: readonly (readonly [sql: string, code: string | undefined])[] = [
    ["EXPLAIN ANALYZE DELETE FROM shop.customers WHERE id = 2", "42501"], // the trigger of a hidden table's foreign key
    ["EXPLAIN ANALYZE WITH x AS (DELETE FROM shop.customers WHERE id = 2 RETURNING id) SELECT * FROM x", "42501"],
    ["EXPLAIN DELETE FROM shop.customers WHERE id = 2", undefined],
    ["EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM shop.customers", undefined],
    ["EXPLAIN VERBOSE SELECT * FROM shop.guarded", "42501"], // a hidden function in a visible view's condition
  ];
  it.each(plans)("is none of a plan, which is refused where it would: %s", async (sql, code) => {
    expect((await errorOf(sql))?.code).toBe(code);
  });
});
