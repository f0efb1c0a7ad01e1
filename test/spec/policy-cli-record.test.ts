/** `postern policy simulate` and `suggest` over a real audit log, written by the log itself. No server is needed. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AuditLog } from "../../src/audit/log.ts";
import { type TestCli, testCli } from "../support/cli.ts";

const CURRENT = `@id("all") permit (principal in Group::"agents", action, resource in Database::"shop");`;
const CANDIDATE = `
@id("read") permit (principal in Group::"agents", action in Action::"read", resource in Schema::"shop.public");
@id("write") permit (principal in Group::"agents", action in Action::"write", resource == Table::"shop.public.orders");
@id("writes-wait") @approvers("dba") @inTransaction("hold") forbid (principal, action in Action::"write", resource)
unless { context.approvedBy.contains("dba") };
@id("define") permit (principal in Group::"agents", action == Action::"drop", resource == Table::"shop.public.scratch");
`;
const VERSION = "a".repeat(64);

let cli: TestCli;
/** 2 January 2026, 12:00 UTC and on. */
let nowMs = Date.UTC(2026, 0, 2, 12);
const clock = { nowMs: () => nowMs, nowMicros: () => nowMs * 1000, monotonicMs: () => nowMs };

beforeAll(async () => {
  cli = await testCli();
  for (const [folder, text] of [
    ["policy", CURRENT],
    ["candidate", CANDIDATE],
  ] as const) {
    mkdirSync(join(cli.folder, folder));
    writeFileSync(join(cli.folder, folder, "agents.cedar"), text);
  }
  await writeLog();
  writeFileSync(join(cli.folder, "postern.yaml"), CONFIG);
});
afterAll(() => cli[Symbol.asyncDispose]());

const CONFIG = `gateway: { name: shop, tls: off }
data: ./data
store: { url: "postgres://nobody@127.0.0.1/none" }
issuers: [{ url: "https://idp.example.com", audience: postern, kind: agent, groups: groups }]
databases:
  shop:
    { host: 127.0.0.1, port: 1, database: shop, environment: prod, tls: { mode: disable }, defaultRole: agent,
      roles: { agent: { user: shop_agent, groups: [agents] } } }
roles: { reviewer: [dba] }
policy: ./policy
`;

type Decision = "permit" | "deny" | "hold";
type Asked = readonly (readonly [action: string, resource: string, decision?: Decision])[];

async function writeLog(): Promise<void> {
  const log = await AuditLog.open({
    folder: join(cli.folder, "data"),
    gatewayName: "shop",
    clock,
    durability: "default",
    logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
    version: "0.0.0",
    counters: () => ({}),
  });
  const session = "ses_00000000000000000000000001";
  const common = {
    principal: {
      kind: "agent",
      issuer: "https://idp.example.com",
      subject: "report-agent",
      actors: [],
      credential: { kind: "token", id: "t" },
    },
    clientAddress: "192.0.2.7:5000",
    via: "wire",
    database: "shop",
    upstreamRole: "agent",
  } as const;
  let sessionSeq = 0;
  let statements = 0;
  log.append({ type: "session.opened", session, sessionSeq: sessionSeq++, ...common, tls: "off" });
  const decided = (
    asked: Asked,
    more: { readonly policy?: string; readonly reason?: string } = { policy: VERSION },
  ) => {
    const refused = more.reason !== undefined || asked.some(([, , decision]) => decision === "deny");
    log.append({
      type: "statement.decided",
      session,
      sessionSeq: sessionSeq++,
      ...common,
      class: "read",
      verdict: refused ? "refused" : "permitted",
      ...(refused ? { reason: more.reason ?? "42501 STATEMENT_DENIED" } : {}),
      ...(more.policy === undefined ? {} : { policy: more.policy }),
      sql: { commitment: "c".repeat(64), fingerprint: asked.join().slice(0, 40) },
      requests: asked.map(([action, resource, decision = "permit"]) => ({ action, resource, decision, policies: [] })),
    });
    statements++;
    if (!refused) {
      log.append({
        ...{ type: "statement.finished", session, sessionSeq: sessionSeq++, statement: sessionSeq - 2 },
        ...{ outcome: "completed", rowsReturned: 0, rowsAffected: 0, bytes: 0, durationMs: 1 },
      });
    }
  };
  for (let i = 0; i < 5; i++) decided([["select", "table:shop.public.orders"]]);
  decided([["select", "table:shop.hr.salaries"]]);
  for (let i = 0; i < 4; i++) decided([["insert", "table:shop.public.orders"]]);
  nowMs += 2 * 86_400_000;
  decided([["drop", "table:shop.public.scratch", "deny"]]);
  decided([["select", 'table:shop.public."a ""b"".c\n"']]);
  // A view and what is below it; which is which, the entry does not say.
  decided([
    ["select", "table:shop.public.pay"],
    ["select", "table:shop.hr.pay_rows"],
  ]);
  decided([], { reason: "42601 PARSE" });
  decided([], {});
  decided([]);
  log.append({
    type: "session.closed",
    session,
    sessionSeq: sessionSeq++,
    statements,
    rows: 0,
    bytes: 0,
    reason: "client",
  });
  await log.close("test");
}

const run = (...args: readonly string[]) =>
  cli.run(["policy", ...args], {
    env: { POSTERN_CONFIG: join(cli.folder, "postern.yaml") },
    clock,
  });

describe("postern policy simulate", () => {
  it("tells what would be newly denied, held and allowed, and what could not be decided again", async () => {
    const { status, out } = await run("simulate", "--policy", "candidate", "-o", "json");

    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      statements: 16,
      newlyDenied: 1,
      newlyHeld: 4,
      newlyAllowed: 1,
      unchanged: 7,
      notRecomputed: 3,
      groupsTaken: 13,
      holds: { statements: 4, perDay: 2 },
      lacking: expect.arrayContaining([
        { reason: "it may have been read through a view: give --catalog", statements: 1 },
        { reason: "refused before policy was asked", statements: 1 },
        { reason: "recorded without a policy, so without requests", statements: 1 },
      ]),
      byPolicy: expect.arrayContaining([{ policy: "writes-wait", permit: 0, hold: 4, deny: 0 }]),
      changes: expect.arrayContaining([
        expect.objectContaining({ before: "permit", after: "hold", policies: ["writes-wait"], statements: 4 }),
        expect.objectContaining({ before: "deny", after: "permit", policies: ["define"] }),
        expect.objectContaining({ before: "permit", after: "deny", requests: ["select table:shop.hr.salaries"] }),
      ]),
    });
  });

  it("shows the same as a table", async () => {
    const { status, out } = await run("simulate", "--policy", "candidate");

    expect(status).toBe(0);
    expect(out).toMatch(/newly held {8}4\n/);
    expect(out).toContain("13 recorded without groups: taken to be in those of their upstream role");
    expect(out).toContain("approvals asked for 4, about 2 a day");
    expect(out).toMatch(/4 +permit -> hold +writes-wait/);
  });

  it("takes a time, or how long ago, for the beginning", async () => {
    const since = async (from: string) =>
      JSON.parse((await run("simulate", "--from", from, "-o", "json")).out).statements;

    expect([await since("1d"), await since("2026-01-03"), await since("9d"), await since("./data/log")]).toEqual([
      6, 6, 16, 16,
    ]);
    expect(await run("simulate", "--from", "yesterday")).toMatchObject({
      status: 2,
      err: expect.stringContaining("neither a folder nor a time"),
    });
    expect(await run("simulate", "--from", "2027-01-01")).toMatchObject({
      status: 1,
      err: expect.stringContaining("no statement is on record"),
    });
  });

  it("says where a policy asks about what is not on record, and does not guess", async () => {
    const ask = `@id("rows") forbid (principal, action == Action::"insert", resource) when { context.inTransaction };`;
    mkdirSync(join(cli.folder, "asking"), { recursive: true });
    writeFileSync(join(cli.folder, "asking", "a.cedar"), `${CURRENT}\n${ask}`);

    const { lacking } = JSON.parse((await run("simulate", "--policy", "asking", "-o", "json")).out);

    expect(lacking).toContainEqual({
      reason: "it depends on a WHERE clause or an open transaction, which are not on record",
      statements: 4,
    });
  });

  it("takes other groups where they are given: then nothing is permitted", async () => {
    const { newlyDenied, unchanged } = JSON.parse((await run("simulate", "--groups", "nobody", "-o", "json")).out);

    expect([newlyDenied, unchanged]).toEqual([12, 2]);
  });
});

describe("postern policy suggest", () => {
  it("writes permits for what was used and nothing else, with counts, hostile names quoted, and they compile", async () => {
    const { status, out } = await run("suggest", "--group", "agents");

    expect(status).toBe(0);
    expect(out).toContain(`// 5 select, 4 insert
@id("used-005")
permit (
  principal in Group::"agents",
  action in [Action::"insert", Action::"select"],
  resource == Table::"shop.public.orders"
);`);
    expect(out).toContain('resource == Table::"shop.public.\\"a \\"\\"b\\"\\".c\\u{a}\\""');
    expect(out).not.toContain("scratch");
    mkdirSync(join(cli.folder, "suggested"), { recursive: true });
    writeFileSync(join(cli.folder, "suggested", "a.cedar"), out);
    expect((await run("check", "suggested")).status).toBe(0);
    const again = JSON.parse((await run("simulate", "--policy", "suggested", "-o", "json")).out);
    expect(again).toMatchObject({ newlyDenied: 0, newlyHeld: 0, newlyAllowed: 0 });
  });

  it("names each principal where no group is given, and only the one that is asked for", async () => {
    const { out } = await run("suggest", "--principal", "report-agent", "-o", "json");

    expect(JSON.parse(out).permits[0]).toEqual({
      who: { type: "Agent", id: "https://idp.example.com#report-agent" },
      resource: { type: "Database", id: "shop" },
      actions: [{ action: "connect", count: 1 }],
    });
    expect(await run("suggest", "--principal", "nobody")).toMatchObject({
      status: 1,
      err: expect.stringContaining("nothing was permitted on record"),
    });
  });
});
