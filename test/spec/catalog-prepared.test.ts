/** Prepared statements over the server's catalogs, after what the agent may see of them has changed. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { BackendMessage } from "../../src/wire/backend.ts";
import { reportOf } from "../../src/wire/error-response.ts";
import { encodeSync } from "../../src/wire/extended.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { bind, exchange, execute, parse } from "../support/policy-escape-messages.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows, summary } from "../support/raw-client.ts";

const APP = { user: "app", password: "app-password" } as const;
const policyOf = (schemas: readonly string[]) =>
  [
    'permit (principal, action == Action::"connect", resource);',
    'permit (principal, action == Action::"set", resource);',
    'forbid (principal, action in Action::"read", resource) when { resource is Table && resource.name like "told_hidden*" };',
    ...schemas.map((name) => `permit (principal, action in Action::"read", resource in Schema::"shop.${name}");`),
  ].join("\n");
const TABLES = "SELECT relname FROM pg_catalog.pg_class WHERE relname LIKE 'told%' ORDER BY 1";

describe.each([15, 18] as const)("a prepared statement over the catalogs of PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let policy: string;
  let client: RawClient;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    await postgres.psql(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
    await postgres.psql("CREATE DATABASE shop");
    await postgres.psql(
      `CREATE SCHEMA open; CREATE SCHEMA closed; GRANT USAGE ON SCHEMA open, closed TO app;
       CREATE TABLE open.told_a (n int); CREATE TABLE closed.told_b (n int);
       ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app; GRANT SELECT ON open.told_a, closed.told_b TO app`,
      "shop",
    );
    policy = await mkdtemp(join(tmpdir(), "postern-policy-"));
    await writeFile(join(policy, "agents.cedar"), policyOf(["open"]));
    gateway = await startGateway({ postgres, database: "shop", role: APP, config: { policy } });
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
    await rm(policy, { recursive: true, force: true });
  });
  beforeEach(async () => {
    client = await connect();
  });
  afterEach(() => client?.destroy());

  async function connect(): Promise<RawClient> {
    const opened = await RawClient.connect(gateway);
    await opened.login({ user: APP.user, database: "shop" }, await gateway.token());
    return opened;
  }

  const prepared = (name = "s") => exchange(client, [parse(name, TABLES), encodeSync], 1);
  const run = (name = "s") => exchange(client, [bind("", name), execute(""), encodeSync], 1);

  /** A new table that the agent may not see, and that the gateway knows of. */
  async function define(table: string): Promise<void> {
    await postgres.psql(`CREATE TABLE open.${table} (n int)`, "shop");
    const other = await connect();
    expect(errorsOf(await other.query(`SELECT * FROM open.${table}`))).toMatchObject([{ code: "42501" }]);
    other.destroy();
  }

  /** What has a driver prepare it again. */
  const changed = {
    severity: "ERROR",
    code: "0A000",
    message: "cached plan must not change result type",
    routine: "RevalidateCachedQuery",
    detail: expect.stringContaining("What you may see of the database has changed since the statement was prepared"),
  };

  it("is to be prepared again after a definition, and then shows what may be seen", async () => {
    await prepared();
    expect(rows(await run())).toEqual([["told_a"]]);
    await define("told_hidden_1");
    const answer = await run();

    expect(errorsOf(answer)).toMatchObject([changed]);
    expect(summary(answer).at(-1)).toBe("ReadyForQuery idle");
    await prepared("again");
    expect(rows(await run("again"))).toEqual([["told_a"]]);
  });

  it("is to be prepared again by SQL, too", async () => {
    await client.query(`PREPARE p AS ${TABLES}`);
    expect(rows(await client.query("EXECUTE p"))).toEqual([["told_a"]]);
    await define("told_hidden_2");

    expect(errorsOf(await client.query("EXECUTE p"))).toMatchObject([changed]);
    await client.query(`DEALLOCATE p; PREPARE p AS ${TABLES}`);
    expect(rows(await client.query("EXECUTE p"))).toEqual([["told_a"]]);
  });

  it("is to be prepared again after another policy, and fails a transaction as an error of the server would", async () => {
    await prepared();
    expect(rows(await run())).toEqual([["told_a"]]);
    await writeFile(join(policy, "agents.cedar"), policyOf(["open", "closed"]));
    await gateway.running.reload();
    await client.query("BEGIN");
    const answer = await run();
    await client.query("ROLLBACK");
    await prepared("again");

    expect(errorsOf(answer)).toMatchObject([changed]);
    expect(summary(answer).at(-1)).toBe("ReadyForQuery failed");
    expect(rows(await run("again"))).toEqual([["told_a"], ["told_b"]]);

    await writeFile(join(policy, "agents.cedar"), policyOf(["open"]));
    await gateway.running.reload();
    expect(errorsOf(await run("again"))).toMatchObject([changed]);
  });

  it("that is refused for what it is keeps its reason", async () => {
    await exchange(
      client,
      [parse("bad", "SELECT query_to_xml('SELECT 1', true, true, '') FROM pg_class"), encodeSync],
      1,
    );

    expect(errorsOf(await run("bad"))[0]?.code).toBe("42501");
  });
});

function errorsOf(messages: readonly BackendMessage[]) {
  return messages.flatMap((message) => (message.type === "ErrorResponse" ? [reportOf(message.fields)] : []));
}
