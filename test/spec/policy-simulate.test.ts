/** What a gateway has recorded under a policy, decided again by `postern policy simulate`: exactly, by all that policies can ask about. */

import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { POLICY_FOLDER } from "../policy-cases/all-cases.ts";
import { CALLS } from "../policy-cases/calls.ts";
import { READS } from "../policy-cases/reads.ts";
import { SESSIONS } from "../policy-cases/sessions.ts";
import { WRITES } from "../policy-cases/writes.ts";
import { type TestCli, testCli } from "../support/cli.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { connectTo, runCase } from "../support/policy-gateway.ts";
import { errorOf, SHOP_ROLE, startShop } from "../support/policy-server.ts";
import type { TestPostgres } from "../support/postgres.ts";

/** Beside the table's policy: something that asks about each thing that entries have to carry. */
const ASKING = `
@id("name-the-rows")
forbid (principal, action in [Action::"update", Action::"delete"], resource) when { context.matchesAll };
@id("where") forbid (principal, action == Action::"delete", resource) when { !context.hasWhere };
@id("no-memory-in-transactions")
forbid (principal, action == Action::"set", resource) when { context.setting == "work_mem" && context.inTransaction };
@id("no-totals") forbid (principal, action, resource is Table) when { resource.kind == "materialized view" };
@id("no-news") forbid (principal, action == Action::"listen", resource) when { context.channel == "public_news" };
@id("from-here") forbid (principal, action, resource)
unless { context.clientAddress.isInRange(ip("127.0.0.0/8")) && context.via == "wire" };
`;
/** As the folder of the table, but a view may be read and what is behind it may not. */
const BY_VIEW = `@id("by-view") permit (principal in Group::"agents", action in Action::"read", resource)
when { resource in [Table::"shop.public.open_orders", Table::"shop.public.notes"] };`;
const ALL = `@id("all") permit (principal, action, resource);`;

let postgres: TestPostgres;
let gateway: TestGateway;
let cli: TestCli;

beforeAll(async () => {
  cli = await testCli();
  const agents = readFileSync(join(POLICY_FOLDER, "agents.cedar"), "utf8");
  for (const [name, text] of [
    ["policy", `${agents}${ASKING}`],
    ["by-view", BY_VIEW],
    ["all", ALL],
    ["not-in-transactions", `${ALL}\n@id("not") forbid (principal, action, resource) when { context.inTransaction };`],
    ["builders", `@id("builders") permit (principal in Group::"builders", action, resource);`],
  ] as const) {
    mkdirSync(join(cli.folder, name));
    writeFileSync(join(cli.folder, name, "a.cedar"), text);
  }
  postgres = await startShop(18);
  const policy = join(cli.folder, "policy");
  gateway = await startGateway({ postgres, database: "shop", role: SHOP_ROLE, config: { policy } });
  for (const each of [...READS.slice(0, 80), ...WRITES, ...SESSIONS, ...CALLS.slice(0, 30)]) {
    if (each.unsent === undefined && each.pending === undefined) {
      await runCase({ ...gateway, signatures: new Map() }, each);
    }
  }
  // Outside of transactions too.
  const client = await connectTo(gateway);
  const statements = [
    ["SET work_mem = '8MB'", null],
    ["TABLE open_orders", null],
    ["UPDATE orders SET memo = 'x' WHERE false", "42501"],
    ["TABLE daily_totals", "42501"],
  ] as const;
  for (const [sql, error] of statements) expect(errorOf(await client.query(sql))).toBe(error);
  client.destroy();
  await gateway.running.flushed();
}, 300_000);
afterAll(async () => {
  await gateway?.stop();
  await postgres?.stop();
  await cli?.[Symbol.asyncDispose]();
});

const simulate = async (policy: string, ...more: readonly string[]) => {
  const { status, out, err } = await cli.run(
    ["policy", "simulate", "--from", join(gateway.dataPath, "log"), "--policy", policy, "-o", "json", ...more],
    { env: { POSTERN_CONFIG: gateway.configPath } },
  );
  expect([status, err]).toEqual([0, ""]);
  return JSON.parse(out);
};

describe("the log of a gateway under a policy", () => {
  it("is verified by both verifiers, with what a second decision needs in its entries", async () => {
    const log = join(gateway.dataPath, "log");
    const python = spawnSync("python3", ["-B", "verifier/postern_verify.py", log], { encoding: "utf8" });

    expect((await cli.run(["audit", "verify", log], { env: { POSTERN_CONFIG: gateway.configPath } })).status).toBe(0);
    expect([python.status, python.stderr]).toEqual([0, expect.not.stringContaining("wrong")]);
  });
});

describe("what a gateway recorded under a policy, decided again", () => {
  it("comes to the same by the same policy, in every statement that policy was asked about", async () => {
    const again = await simulate("policy");

    expect(again.changes).toEqual([]);
    expect(again).toMatchObject({ newlyDenied: 0, newlyHeld: 0, newlyAllowed: 0, groupsTaken: 0 });
    expect(again.unchanged).toBeGreaterThan(300);
    const reasons = again.lacking.map(({ reason }: { readonly reason: string }) => reason);
    expect(reasons.filter((reason: string) => !reason.startsWith("refused "))).toEqual([]);
    // Each of them did decide something.
    const decided = again.byPolicy.map(({ policy }: { readonly policy: string }) => policy);
    for (const id of ["name-the-rows", "where", "no-memory-in-transactions", "no-totals", "no-news"]) {
      expect(decided).toContain(id);
    }
  });

  it("knows what was read through a view, without a catalog", async () => {
    const { changes } = await simulate("by-view");

    const denied = changes
      .filter(({ after }: { readonly after: string }) => after === "deny")
      .map(({ requests }: { readonly requests: readonly string[] }) => [...requests].sort().join("; "));
    const [orders, view] = ["select table:shop.public.orders", "select table:shop.public.open_orders"];
    expect(denied).toContain(orders);
    expect(denied).not.toContain(["select table:shop.public.customers", view, orders].join("; "));
  });

  it("passes under what policy suggest makes of it", async () => {
    const from = join(gateway.dataPath, "log");
    const env = { POSTERN_CONFIG: gateway.configPath };
    const suggested = await cli.run(["policy", "suggest", "--from", from, "--principal", "report-agent"], { env });
    mkdirSync(join(cli.folder, "suggested"), { recursive: true });
    writeFileSync(join(cli.folder, "suggested", "a.cedar"), suggested.out);

    const again = await simulate("suggested");

    expect(suggested.status).toBe(0);
    // It did more as a builder than as an agent, and is one principal.
    expect(again).toMatchObject({ newlyDenied: 0, newlyHeld: 0 });
    expect(again.unchanged).toBeGreaterThan(200);
  });

  it("knows what was done in a transaction", async () => {
    const [all, outside] = [await simulate("all"), await simulate("not-in-transactions")];

    expect(all.newlyDenied).toBe(0);
    expect(all.newlyAllowed).toBeGreaterThan(50);
    // All but the four statements above were in one.
    const byAll = outside.byPolicy.find(({ policy }: { readonly policy: string }) => policy === "all");
    expect(byAll.permit).toBeLessThanOrEqual(4);
  });

  it("knows the groups of each session", async () => {
    const { byPolicy } = await simulate("builders");

    const builders = byPolicy.find(({ policy }: { readonly policy: string }) => policy === "builders");
    expect(builders.permit).toBeGreaterThan(5);
    expect(builders.permit).toBeLessThan(40);
  });
});
