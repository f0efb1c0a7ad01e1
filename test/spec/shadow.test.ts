/** A policy in shadow: decided and recorded as if it were in force, and nothing happens otherwise than without it. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { encodeBind, encodeExecute, encodeParse, encodeSync } from "../../src/wire/extended.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { lastSession, logEntries } from "../support/log-entries.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows, summary } from "../support/raw-client.ts";

const POLICY = `
  @id("connect") permit (principal in Group::"agents", action == Action::"connect", resource);
  @id("notes") @maxRows("2") permit (principal, action == Action::"select", resource == Table::"postgres.public.notes");
  @id("not-him") forbid (principal, action == Action::"connect", resource) when { principal.subject == "somebody" };
`;
const SECRETS = `CREATE TABLE notes (n int); INSERT INTO notes SELECT generate_series(1, 5);
  CREATE TABLE secrets (n int); INSERT INTO secrets VALUES (42);
  CREATE FUNCTION peek() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT n FROM secrets';
  CREATE FUNCTION spoil() RETURNS int LANGUAGE plpgsql AS 'BEGIN DELETE FROM notes WHERE n > 100; RETURN (SELECT n FROM secrets); END'`;

let postgres: TestPostgres;
let folder: string;
let gateway: TestGateway;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.psql(SECRETS);
  folder = await mkdtemp(join(tmpdir(), "postern-policy-"));
  await writeFile(join(folder, "shop.cedar"), POLICY);
  gateway = await startGateway({ postgres, config: { policy: folder, policyMode: "shadow" } });
});
afterAll(async () => {
  await gateway?.stop();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function login(claims: Readonly<Record<string, unknown>> = {}): Promise<RawClient> {
  const client = await RawClient.connect(gateway);
  await client.login({ user: gateway.role, database: gateway.database }, await gateway.token(claims));
  return client;
}

/** What it answered, without what is not the statement's. */
async function sent(...texts: string[]): Promise<string[]> {
  const client = await login();
  const answer: string[] = [];
  for (const text of texts) answer.push(...summary(await client.query(text)));
  client.destroy();
  await expect.poll(async () => (await lastSession(gateway)).at(-1)?.type).toBe("session.closed");
  return answer.filter((name) => /^(Command|Error|DataRow)/.test(name));
}

async function decided() {
  return (await lastSession(gateway))
    .filter(({ type }) => type === "statement.decided")
    .map((entry) => [entry["verdict"], entry["shadow"], entry["reason"]]);
}

async function setMode(policyMode: "enforce" | "shadow"): Promise<void> {
  const config = z.record(z.string(), z.unknown()).parse(parse(await readFile(gateway.configPath, "utf8")));
  await writeFile(gateway.configPath, stringify({ ...config, policyMode }));
  await gateway.running.reload();
}

async function metric(name: string): Promise<string[]> {
  const text = await (await fetch(`${gateway.http}/metrics`)).text();
  return text.split("\n").filter((line) => line.startsWith(name));
}

describe("a policy in shadow", () => {
  it("lets run what it denies, and the entry says that it would not have", async () => {
    expect(await sent("SELECT n FROM secrets", "INSERT INTO notes VALUES (7)")).toEqual([
      "DataRow",
      "CommandComplete SELECT 1",
      "CommandComplete INSERT 0 1",
    ]);
    const denied = ["permitted", "42501 STATEMENT_DENIED", undefined];
    expect(await decided()).toEqual([denied, denied]);
    const [first] = (await lastSession(gateway)).filter(({ type }) => type === "statement.decided");
    expect(first).toMatchObject({
      policy: expect.stringMatching(/^[0-9a-f]{64}$/),
      requests: [{ action: "select", resource: "table:postgres.public.secrets", decision: "deny" }],
    });
    await postgres.psql("DELETE FROM notes WHERE n = 7");
  });

  it("says of what it permits that it would, and limits no rows", async () => {
    expect(await sent("SELECT n FROM notes")).toEqual([
      ...Array.from({ length: 5 }, () => "DataRow"),
      "CommandComplete SELECT 5",
    ]);
    expect(await decided()).toEqual([["permitted", "permitted", undefined]]);
  });

  it.each([
    ["what no policy may permit", "SELECT count(pg_read_file('PG_VERSION')) FROM notes", "SELECT 1"],
    ["a function that reads what is forbidden", "SELECT peek()", "SELECT 1"],
    ["a function that runs statements", "SELECT spoil()", "SELECT 1"],
    ["a block", "DO 'BEGIN PERFORM n FROM secrets; END'", "DO"],
    ["a definition", "CREATE TABLE made (n int)", "CREATE TABLE"],
    ["its end", "DROP TABLE made", "DROP TABLE"],
  ])("stops nothing: %s", async (_, text, tag) => {
    const answer = await sent(text, "SELECT 1");

    expect(answer.filter((name) => name !== "DataRow")).toEqual([`CommandComplete ${tag}`, "CommandComplete SELECT 1"]);
    const [first, second] = await decided();
    expect(first).toEqual(["permitted", expect.stringMatching(/^(42501|0A000) /), undefined]);
    expect(second).toEqual(["permitted", "permitted", undefined]);
  });

  it("does not end a session for what it could not judge in time", async () => {
    const client = await login();
    const name = "s";
    const bind = { portal: "", statement: name, parameterFormats: [], parameters: [], resultFormats: [] };
    client.send(
      (w) =>
        encodeParse(w, { statement: name, query: Buffer.from("EXPLAIN SELECT n FROM secrets"), parameterTypes: [] }),
      encodeSync,
    );
    const answer = await client.until("ReadyForQuery");
    await client.query("SELECT 1");
    client.send(
      (w) => encodeBind(w, bind),
      (w) => encodeExecute(w, { portal: "", maxRows: 0 }),
      encodeSync,
    );
    answer.push(...(await client.until("ReadyForQuery")));
    const told = rows(await client.query("SELECT 'lives'"));
    client.destroy();

    expect(summary(answer)).toContain("CommandComplete EXPLAIN");
    expect(told).toEqual([["lives"]]);
  });

  it("lets in whom it would not, and the session's entry says so", async () => {
    const client = await login({ sub: "somebody" });
    await client.query("SELECT 1");
    client.destroy();

    expect((await lastSession(gateway))[0]).toMatchObject({ type: "session.opened", shadow: "28000 CONNECT_REFUSED" });
  });

  it("still refuses what is refused without a policy", async () => {
    expect(await sent("SET ROLE postgres", "COPY notes TO '/tmp/notes'", "EXECUTE nothing")).toEqual([
      "ErrorResponse 42501",
      "ErrorResponse 42501",
      "ErrorResponse 26000",
    ]);
  });

  it("is told by the log, by metrics and by the entry of the policy", async () => {
    await sent("SELECT n FROM secrets");

    expect(gateway.logLines.join("")).toContain("shadow mode");
    expect(await metric("postern_policy_mode")).toEqual(['postern_policy_mode{mode="shadow"} 1']);
    expect(await metric('postern_statements_total{class="read",verdict="shadowed"}')).toHaveLength(1);
    const published = (await logEntries(gateway)).filter(({ type }) => type === "policy.published");
    expect(published[0]).toMatchObject({ mode: "shadow" });
  });
});

describe("a change of the mode", () => {
  it("holds from the next statement of an open session on, both ways, and is on record", async () => {
    const client = await login();
    const outcome = async () =>
      summary(await client.query("SELECT n FROM secrets")).filter((name) => /^(Comm|Err)/.test(name));
    const before = await outcome();
    await setMode("enforce");
    const enforced = await outcome();
    await setMode("shadow");
    const after = await outcome();
    client.destroy();

    expect([before, enforced, after]).toEqual([
      ["CommandComplete SELECT 1"],
      ["ErrorResponse 42501"],
      ["CommandComplete SELECT 1"],
    ]);
    const published = (await logEntries(gateway)).filter(({ type }) => type === "policy.published");
    expect(published.map((entry) => entry["mode"]).slice(-3)).toEqual(["shadow", "enforce", "shadow"]);
    expect(new Set(published.map((entry) => entry["after"])).size).toBe(1);
  });
});
