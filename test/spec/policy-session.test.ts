/** A policy in force: who may connect at all, and what becomes of it when its files change under open sessions. */

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encodeBind, encodeExecute, encodeParse, encodeSync } from "../../src/wire/extended.ts";
import type { MessageWriter } from "../../src/wire/writer.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { lastSession, readLog } from "../support/log-entries.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, summary } from "../support/raw-client.ts";

const READ = `
  @id("connect") permit (principal in Group::"agents", action == Action::"connect", resource);
  @id("read") permit (principal in Group::"agents", action == Action::"select", resource in Schema::"postgres.public");
`;
const NOTHING_MORE = `
  @id("connect") permit (principal in Group::"agents", action == Action::"connect", resource);
`;
const BROKEN = `@id("read") permit (principal in Group::"agents", action == Action::"selekt", resource);`;

let postgres: TestPostgres;
let folder: string;
let gateway: TestGateway;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.psql("CREATE TABLE notes (n int)");
});
afterAll(() => postgres?.stop());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-policy-"));
  await publish(READ);
  gateway = await startGateway({ postgres, config: { policy: folder } });
});
afterEach(async () => {
  await gateway?.stop();
  await rm(folder, { recursive: true, force: true });
});

const publish = (text: string) => writeFile(join(folder, "shop.cedar"), text);

async function login(claims: Readonly<Record<string, unknown>> = {}) {
  const client = await RawClient.connect(gateway);
  const answer = await client.login({ user: gateway.role, database: gateway.database }, await gateway.token(claims));
  return { client, answer: summary(answer).at(-1) };
}

async function published() {
  await gateway.running.flushed();
  const entries = await readLog(join(gateway.dataPath, "log", gateway.running.instance));
  return entries.filter(({ type }) => type === "policy.published");
}

describe("an agent that no policy lets connect", () => {
  it("is refused with 28000 by the policy's name, and that is on record", async () => {
    await publish(`${READ} @id("not-him") @reason("he is on leave")
      forbid (principal, action == Action::"connect", resource) when { principal.subject == "somebody" };`);
    await gateway.running.reload();

    const { client, answer } = await login({ sub: "somebody" });
    client.destroy();
    await gateway.running.flushed();
    const entries = await readLog(join(gateway.dataPath, "log", gateway.running.instance));

    expect(answer).toBe("ErrorResponse 28000");
    expect(entries.find(({ type }) => type === "session.refused")).toMatchObject({
      reason: "connect_refused",
      sqlstate: "28000",
    });
    expect((await login()).answer).toBe("ReadyForQuery idle");
  });
});

describe("a policy whose files change", () => {
  it("decides the next statement of a session that was open before", async () => {
    const { client } = await login();
    const before = summary(await client.query("SELECT n FROM notes"));

    await publish(NOTHING_MORE);
    await gateway.running.reload();
    const after = summary(await client.query("SELECT n FROM notes"));
    client.destroy();

    expect(before).toContain("CommandComplete SELECT 0");
    expect(after).toEqual(["ErrorResponse 42501", "ReadyForQuery idle"]);
  });

  it("has each version on record, and statements name the one that decided", async () => {
    const { client } = await login();
    await client.query("SELECT n FROM notes");
    await publish(NOTHING_MORE);
    await gateway.running.reload();
    await client.query("SELECT n FROM notes");
    client.destroy();
    const versions = await published();
    await expect.poll(async () => (await lastSession(gateway)).at(-1)?.type).toBe("session.closed");
    const decided = (await lastSession(gateway)).filter(({ type }) => type === "statement.decided");

    expect(versions).toMatchObject([
      { actor: "start", mode: "enforce" },
      { actor: "reload", before: versions[0]?.["after"] },
    ]);
    expect(decided.map((entry) => entry["policy"])).toEqual(versions.map((entry) => entry["after"]));
    expect(decided).toMatchObject([
      { requests: [{ action: "select", decision: "permit", policies: ["read"] }] },
      { requests: [{ action: "select", decision: "deny", policies: [] }] },
    ]);
  });

  it("stays in force when the new files have a mistake, which is named with its place", async () => {
    const { client } = await login();
    await publish(BROKEN);

    await expect(gateway.running.reload()).rejects.toThrow(/shop\.cedar:1:\d+.*selekt/s);

    expect(summary(await client.query("SELECT n FROM notes"))).toContain("CommandComplete SELECT 0");
    expect(await published()).toHaveLength(1);
    client.destroy();
  });
});

describe("a policy that comes into force where there was none", () => {
  it("ends the sessions that could not be judged, and judges the next", async () => {
    const text = await readFile(gateway.configPath, "utf8");
    await writeFile(gateway.configPath, `${text}policyMode: none\n`);
    await gateway.running.reload();
    const unjudged = (await login()).client;
    const before = summary(await unjudged.query("CREATE TABLE made_without (n int)"));
    await writeFile(gateway.configPath, text);
    await gateway.running.reload();
    const rest = summary(await unjudged.rest());
    const { client } = await login();
    const after = summary(await client.query("DROP TABLE made_without"));
    client.destroy();

    expect(before).toContain("CommandComplete CREATE TABLE");
    expect(rest).toEqual(["ErrorResponse 57P01"]);
    expect(after).toEqual(["ErrorResponse 42501", "ReadyForQuery idle"]);
  });
});

describe("a statement seen before", () => {
  /** Of both caches: hits and misses since the gateway began. */
  async function caches() {
    const text = await (await fetch(`${gateway.http}/metrics`)).text();
    const count = (name: string) => Number(new RegExp(`^postern_${name} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
    return {
      parsed: count('parse_cache_total{result="miss"}'),
      known: count('parse_cache_total{result="hit"}'),
      treesRead: count('tree_cache_total{result="miss"}'),
      treesKnown: count('tree_cache_total{result="hit"}'),
    };
  }
  const SELECT = "SELECT n FROM notes WHERE n = 1";
  const text = new TextEncoder().encode(SELECT);
  const extended = [
    (w: MessageWriter) => encodeParse(w, { statement: "", query: text, parameterTypes: [] }),
    (w: MessageWriter) =>
      encodeBind(w, { portal: "", statement: "", parameterFormats: [], parameters: [], resultFormats: [] }),
    (w: MessageWriter) => encodeExecute(w, { portal: "", maxRows: 0 }),
    encodeSync,
  ];

  it("is not parsed again, nor is its tree read again, in other sessions and by the other protocol", async () => {
    const first = (await login()).client;
    await first.query(SELECT);
    const once = await caches();
    const second = (await login()).client;
    for (let n = 0; n < 10; n++) {
      await first.query(SELECT);
      second.send(...extended);
      expect(summary(await second.until("ReadyForQuery"))).toContain("CommandComplete SELECT 0");
    }
    const often = await caches();
    first.destroy();
    second.destroy();

    expect(once).toMatchObject({ parsed: 1, treesRead: 1 });
    expect(often).toMatchObject({ parsed: 1, treesRead: 1 });
    expect(often.known).toBeGreaterThanOrEqual(once.known + 20);
    expect(often.treesKnown).toBeGreaterThan(once.treesKnown);
  });

  it("is analysed anew where it comes with other words", async () => {
    const { client } = await login();
    await client.query(SELECT);
    await client.query(`${SELECT} OR n = 2`);
    client.destroy();

    expect(await caches()).toMatchObject({ parsed: 2, treesRead: 2 });
  });
});

describe("a policy that permits so many rows", () => {
  const FEW = `
    @id("connect") permit (principal in Group::"agents", action == Action::"connect", resource);
    @id("few") @maxRows("3") permit (principal in Group::"agents", action == Action::"select", resource);
  `;
  beforeEach(async () => {
    await postgres.psql("TRUNCATE notes; INSERT INTO notes SELECT generate_series(1, 200000)");
    await publish(FEW);
    await gateway.running.reload();
  });

  it.each([
    "SELECT n FROM notes LIMIT 3",
    "SELECT count(*) FROM notes",
  ])("lets pass what has no more: %s", async (sql) => {
    const { client } = await login();

    expect(summary(await client.query(sql))).toContainEqual(expect.stringMatching(/^CommandComplete SELECT [13]$/));
    client.destroy();
  });

  it.each([
    ["that ends before it is stopped", "SELECT n FROM notes LIMIT 4"],
    ["that would go on", "SELECT a.n FROM notes a, notes b"],
  ])("stops a statement with more, says so, and the session goes on: one %s", async (_, sql) => {
    const { client } = await login();

    const stopped = summary(await client.query(sql));
    const next = summary(await client.query("SELECT n FROM notes LIMIT 1"));

    expect(stopped).toEqual([
      "RowDescription",
      ...["DataRow", "DataRow", "DataRow"],
      "ErrorResponse 54000",
      "ReadyForQuery idle",
    ]);
    expect(next).toEqual(["RowDescription", "DataRow", "CommandComplete SELECT 1", "ReadyForQuery idle"]);
    client.destroy();
  });
});

describe("a statement that joins more than can be judged", () => {
  it("is refused before the server makes a tree of it, and the session goes on", async () => {
    const { client } = await login();
    const joined = (count: number) =>
      `SELECT 1 FROM ${Array.from({ length: count }, (_, i) => `notes n${i}`).join(", ")}`;

    const wide = summary(await client.query(`${joined(61)} LIMIT 0`));
    const narrow = summary(await client.query(`${joined(20)} LIMIT 0`));
    client.destroy();

    expect(wide).toEqual(["ErrorResponse 54000", "ReadyForQuery idle"]);
    expect(narrow).toContain("CommandComplete SELECT 0");
  });
});

describe("a gateway whose policy has a mistake", () => {
  it("does not start", async () => {
    await publish(BROKEN);

    await expect(startGateway({ postgres, config: { policy: folder } })).rejects.toThrow(/shop\.cedar:1:\d+/);
  });
});
