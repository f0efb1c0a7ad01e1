/** `postern policy` as a policy's author uses it, on a real server: check, test, explain, save a catalog, and the same without the server. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestCli, testCli } from "../support/cli.ts";
import { SHOP_ROLE, startShop } from "../support/policy-server.ts";
import type { TestPostgres } from "../support/postgres.ts";

const POLICY = `
@id("read-public")
permit (principal in Group::"agents", action in [Action::"connect", Action::"read"], resource in Schema::"shop.public");
@id("write-orders")
permit (principal in Group::"agents", action in Action::"write", resource == Table::"shop.public.orders");
@id("writes-wait")
@approvers("dba") @reason("writes are approved")
forbid (principal in Group::"agents", action == Action::"update", resource)
unless { context.approvedBy.contains("dba") };
@id("name-rows")
@reason("name the rows")
forbid (principal, action in [Action::"update", Action::"delete"], resource) when { context.matchesAll };
`;

let postgres: TestPostgres;
let cli: TestCli;

beforeAll(async () => {
  postgres = await startShop(18);
  cli = await testCli();
  mkdirSync(join(cli.folder, "policy"));
  writeFileSync(join(cli.folder, "policy", "agents.cedar"), POLICY);
  writeFileSync(join(cli.folder, "postern.yaml"), config(postgres));
  writeFileSync(join(cli.folder, "pw"), SHOP_ROLE.password, { mode: 0o600 });
}, 120_000);
afterAll(async () => {
  await cli?.[Symbol.asyncDispose]();
  await postgres?.stop();
});

function config({ host, port }: TestPostgres): string {
  return `gateway: { name: shop, tls: off }
store: { url: "postgres://nobody@127.0.0.1/none" }
issuers: [{ url: "https://idp.example.com", audience: postern, kind: agent, groups: groups }]
databases:
  shop:
    { host: ${host}, port: ${port}, database: shop, environment: prod, tls: { mode: disable }, defaultRole: agent,
      roles: { agent: { user: ${SHOP_ROLE.user}, password: { file: pw }, groups: [agents] } } }
roles: { reviewer: [dba] }
policy: ./policy
`;
}

const run = (...args: readonly string[]) =>
  cli.run(["policy", ...args], { env: { POSTERN_CONFIG: join(cli.folder, "postern.yaml") } });

const explain = (sql: string, ...more: readonly string[]) =>
  run("explain", sql, "--as", "report-agent", "--groups", "agents", "--database", "shop", ...more);

describe("postern policy check", () => {
  it("passes a policy that is in order, and tells its version", async () => {
    const { status, out, err } = await run("check");

    expect([status, out]).toEqual([0, ""]);
    expect(err).toMatch(/policy is in order: 4 policies, version [0-9a-f]{12}\./);
  });

  it("names each mistake with file, line and column, and ends with status 1", async () => {
    const folder = join(cli.folder, "bad");
    mkdirSync(folder);
    writeFileSync(join(folder, "a.cedar"), 'permit (principal,\n  action == Action::"selekt", resource);\n');
    writeFileSync(join(folder, "functions.yaml"), "functions:\n  - { signature: nope, bodyHash: x }\n");
    writeFileSync(join(folder, "x.test.yaml"), "principals: {}\ntests:\n  - { as: nobody, expect: maybe }\n");

    const { status, out } = await run("check", "bad");

    expect(status).toBe(1);
    for (const place of ["bad/a.cedar:2:", "bad/functions.yaml:2:", "bad/x.test.yaml:3:"]) expect(out).toContain(place);
    const data = JSON.parse((await run("check", "bad", "-o", "json")).out);
    expect(data).toMatchObject({
      ok: false,
      problems: expect.arrayContaining([expect.objectContaining({ file: "a.cedar", line: 2 })]),
    });
  });

  it("says what to do where there is no folder", async () => {
    const { status, err } = await run("check", "missing");

    expect([status, err]).toEqual([2, expect.stringContaining("there is no folder missing\n  postern init")]);
  });
});

describe("postern policy explain", () => {
  it("shows what a statement touches by the server's tree, each decision with its policy, and ends with 0 where it may run", async () => {
    const { status, out, err } = await explain("SELECT name, total FROM big_open_orders");

    expect([status, err]).toEqual([0, ""]);
    expect(out).toContain("by the server's own tree of shop");
    expect(out).toMatch(/permitted \(read\)/);
    expect(out).toMatch(
      /select on table shop\.public\.orders \(columns [^)]*through public\.big_open_orders, public\.open_orders/,
    );
    expect(out).toMatch(/permitted by read-public \(agents\.cedar:2\)/);
  });

  it("shows the refusal as the agent would read it, and ends with status 3", async () => {
    const { status, out } = await explain("DROP TABLE orders");

    expect(status).toBe(3);
    expect(out).toContain("ERROR:  42501: policy does not permit drop on table shop.public.orders");
    expect(out).toContain("HINT:  Leave it out, or ask the policy's owner to permit drop on table shop.public.orders.");
  });

  it("fits a terminal of 60 columns, without colour too, and is cut nowhere else", async () => {
    const sql = "UPDATE notes SET body = 'x' FROM big_open_orders b, hr.salaries s WHERE notes.id = b.id";
    const args = ["policy", "explain", sql, "--groups", "agents", "--database", "shop"];
    const env = { POSTERN_CONFIG: join(cli.folder, "postern.yaml") };
    const [narrow, piped] = [await cli.run(args, { env, columns: 60 }), await cli.run(args, { env })];

    const lines = narrow.out.split("\n").filter((line) => line !== sql);
    expect(lines.filter((line) => line.length > 60)).toEqual([]);
    expect(narrow.out).not.toContain("\u001b");
    const words = (text: string) => text.replaceAll(/[\s│├└]+/g, " ");
    expect(words(narrow.out)).toBe(words(piped.out));
    expect(piped.out.split("\n").length).toBeLessThan(lines.length);
  });

  it("ends with status 4 where an approval is owed, and with 0 as if it had been given", async () => {
    const sql = "UPDATE orders SET memo = 'x' WHERE id = 1";

    expect((await explain(sql)).status).toBe(4);
    expect((await explain(sql, "--approved-by", "dba")).status).toBe(0);
    expect((await explain("UPDATE orders SET memo = 'x'", "--approved-by", "dba")).status).toBe(3);
  });

  it("explains several statements in turn, and gives each as data", async () => {
    const { status, out } = await explain("SELECT 1; DELETE FROM hr.orders", "-o", "json");

    expect(status).toBe(3);
    expect(JSON.parse(out)).toMatchObject([
      { source: "server", sql: "SELECT 1", verdict: "permit", requests: [], refusal: null },
      {
        sql: "DELETE FROM hr.orders",
        verdict: "deny",
        policies: ["name-rows"],
        requests: [{ action: "delete", resource: "table:shop.hr.orders", decision: "deny", policies: ["name-rows"] }],
        refusal: { sqlstate: "42501", detail: "Policy name-rows: name the rows (delete on table shop.hr.orders)." },
      },
    ]);
  });

  it("looks into EXPLAIN, PREPARE and COPY, and knows what no policy may permit", async () => {
    const requests = async (sql: string) => {
      const [one] = JSON.parse((await explain(sql, "-o", "json")).out);
      return one.requests.map(
        (request: { action: string; resource: string }) => `${request.action} ${request.resource}`,
      );
    };

    expect(await requests("EXPLAIN ANALYZE DELETE FROM notes WHERE id = 1")).toEqual([
      "delete table:shop.public.notes",
      "select table:shop.public.notes",
    ]);
    expect(await requests("PREPARE p (int) AS SELECT name FROM customers WHERE id = $1")).toEqual([
      "select table:shop.public.customers",
    ]);
    expect(await requests("COPY (SELECT pay FROM hr.salaries) TO STDOUT")).toEqual([
      "copyOut table:shop.hr.salaries",
      "select table:shop.hr.salaries",
    ]);
    expect((await explain("SET session_replication_role = replica")).out).toContain(
      'setting "session_replication_role" cannot be changed through Postern',
    );
  });

  it("runs nothing", async () => {
    const before = await postgres.psql("SELECT count(*) FROM notes", "shop");

    await explain("INSERT INTO notes VALUES (77, 'never'); DROP TABLE notes; SELECT pg_sleep(100)");

    expect(await postgres.psql("SELECT count(*) FROM notes", "shop")).toBe(before);
  });

  it("tells what the server or the grammar says of a text that is none", async () => {
    expect(await explain("SELEC 1")).toMatchObject({
      status: 2,
      err: expect.stringContaining('syntax error at or near "SELEC" at character 1 (42601)'),
    });
    expect(await explain("SELECT nothing FROM orders")).toMatchObject({
      status: 1,
      err: expect.stringContaining('column "nothing" does not exist (42703)'),
    });
  });
});

describe("a saved catalog", () => {
  it("explains without the server, and says that it is an approximation", async () => {
    const saved = await run("catalog", "save", "--database", "shop", "shop.json");
    expect([saved.status, saved.err]).toEqual([
      0,
      expect.stringMatching(/^shop\.json is written: shop as shop_app sees it/),
    ]);
    expect(readFileSync(join(cli.folder, "shop.json"), "utf8")).not.toContain(SHOP_ROLE.password);

    const { status, out } = await run(
      "explain",
      "SELECT c.name FROM customers c",
      "--groups",
      "agents",
      "--catalog",
      "shop.json",
    );

    expect(status).toBe(0);
    expect(out).toContain("offline, by shop.json: an approximation of what the server would say");
    expect(out).toContain("select on table shop.public.customers (columns name)");
    expect(out).toContain("permitted by read-public");
  });

  it("is refused where it is none", async () => {
    writeFileSync(join(cli.folder, "no.json"), "{}");

    const { status, err } = await run("explain", "SELECT 1", "--catalog", "no.json");

    expect(status).toBe(2);
    expect(err).toContain("no.json is no catalog of this version of Postern");
    expect(err).toContain("postern policy catalog save --database NAME FILE writes one");
  });
});

describe("postern policy test", () => {
  const TESTS = `database: shop
principals:
  reporter: { groups: [agents] }
tests:
  - { as: reporter, statement: "SELECT * FROM open_orders", expect: permit, policy: read-public }
  - { as: reporter, statement: "UPDATE orders SET memo = '' WHERE id = 1", expect: hold, policy: writes-wait }
  - { as: reporter, statement: "UPDATE orders SET memo = ''", expect: deny, policy: name-rows }
  - { as: reporter, statement: "DROP TABLE orders", expect: deny, policy: none }
  - { as: reporter, request: { action: select, table: shop.hr.salaries }, expect: deny }
`;

  it.each([
    ["--database", "shop"],
    ["--catalog", "shop.json"],
  ])("passes tests that hold, by %s %s", async (...how) => {
    writeFileSync(join(cli.folder, "policy", "orders.test.yaml"), TESTS);

    const { status, out } = await run("test", ...how);

    expect([status, out]).toEqual([0, "5 of 5 tests passed\n"]);
  });

  it("shows of each that fails what was expected, what was decided, and why", async () => {
    const wrong = TESTS.replace("expect: hold", "expect: permit");
    writeFileSync(join(cli.folder, "policy", "orders.test.yaml"), wrong);

    const { status, out, err } = await run("test", "--database", "shop");

    expect(status).toBe(1);
    expect(out).toContain("FAIL policy/orders.test.yaml:6: UPDATE orders SET memo = '' WHERE id = 1");
    expect(out).toContain("expected permit by writes-wait, decided hold by writes-wait");
    expect(out).toContain("held by writes-wait (agents.cedar:6): writes are approved");
    expect(err).toContain("1 of 5 tests failed");
    const data = JSON.parse((await run("test", "--database", "shop", "-o", "json")).out);
    expect(data).toMatchObject({ ok: false, passed: 4, failed: 1 });
  });

  it("says how statements are resolved where nothing resolves them", async () => {
    const { status, out } = await run("test");

    expect(status).toBe(1);
    expect(out).toContain("give --catalog FILE or --database NAME, or list its requests");
  });
});
