/** What an agent that may use one schema sees of the others, through a gateway: by the tools that people use, and by trying. */

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reportOf } from "../../src/wire/error-response.ts";
import { DEBIAN_BIN, hasDebianClients } from "../clients/run-client.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows } from "../support/raw-client.ts";

const run = promisify(execFile);
const APP = { user: "app", password: "app-password" } as const;
const POLICY = `
@id("connect") permit (principal in Group::"agents", action == Action::"connect", resource in Database::"shop");
@id("read-shop") permit (principal in Group::"agents", action in Action::"read", resource in Schema::"shop.shop");
@id("call-shop") permit (principal in Group::"agents", action == Action::"call", resource in Schema::"shop.shop");
@id("lock-shop") permit (principal in Group::"agents", action == Action::"lock", resource in Schema::"shop.shop");
@id("own-settings") permit (principal in Group::"agents", action == Action::"set", resource in Database::"shop");
@id("everything") permit (principal in Group::"owners", action, resource);
`;
const vectors = (name: string) => readFile(new URL(`../vectors/catalog-queries/${name}`, import.meta.url), "utf8");

describe.each([15, 18] as const)("the catalogs of PostgreSQL %i, for an agent that may use one schema", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let policy: string;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    await postgres.psql(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
    await postgres.psql("CREATE DATABASE shop");
    await postgres.psql("CREATE DATABASE canary_database");
    await postgres.psql(await vectors("schema.sql"), "shop");
    policy = await mkdtemp(join(tmpdir(), "postern-policy-"));
    await writeFile(join(policy, "agents.cedar"), POLICY);
    gateway = await startGateway({ postgres, database: "shop", role: APP, config: { policy } });
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
    await rm(policy, { recursive: true, force: true });
  });

  async function tool(program: "psql" | "pg_dump", ...args: readonly string[]): Promise<string> {
    const env = { ...process.env, ...(await gateway.environment()) };
    const { stdout, stderr } = await run(join(DEBIAN_BIN, program), [...args], { env, maxBuffer: 64 * 1024 * 1024 });
    return `${stdout}${stderr}`;
  }

  async function connect(...groups: readonly string[]): Promise<RawClient> {
    const client = await RawClient.connect(gateway);
    await client.login({ user: APP.user, database: "shop" }, await gateway.token({ groups }));
    return client;
  }

  const commands: readonly (readonly [command: string, shown: string])[] = [
    ["\\dn+", "shop"],
    ...(version === 15 ? [["\\l", "shop"] as const] : []), // a psql of 15 asks 18 for a column that is no more
    ["\\d shop.*", "customers_mail"],
    ["\\d+ shop.customers", "as written on the door"],
    ["\\dt *.*", "customers"],
    ["\\dv *.*", "customer_names"],
    ["\\dm *.*", "totals"],
    ["\\ds *.*", "numbers"],
    ["\\di *.*", "customers_name"],
    ["\\df shop.*", "total"],
    ["\\dT shop.*", "status"],
    ["\\dD shop.*", "email"],
    ["\\dp shop.*", "customers"],
    ["\\do shop.*", "==="],
    ["\\dx", "plpgsql"],
    ["\\df *.*", "total"],
  ];
  it.skipIf(!hasDebianClients).each(commands)(
    "%s of psql shows its schema and nothing of the other",
    async (command, shown) => {
      const told = await tool("psql", "-X", "-c", command);
      expect(told).toContain(shown);
      expect(told.replaceAll(command.slice(3), "")).not.toContain("canary");
      expect(told).not.toContain("ERROR");
    },
  );

  it.skipIf(version !== 15 || !hasDebianClients)("are dumped by pg_dump as far as they are its own", async () => {
    const told = await tool("pg_dump", "-s", "-n", "shop", "-T", "shop.tied", "-T", "shop.mixed");
    expect(told).toContain("CREATE TABLE shop.customers");
    expect(told).toContain("CREATE VIEW shop.customer_names");
    expect(told).not.toContain("canary");
  });

  it("say nothing more however they are asked, by either protocol", async () => {
    const oids = new Map<string, string>();
    const texts = (await vectors("hostile.sql")).split(/\n\s*\n/).filter((text) => !text.startsWith("--"));
    for (const [placeholder, catalog = "", name = ""] of texts.join().matchAll(/\{\{(\w+) ([^}]+)\}\}/g)) {
      oids.set(placeholder, await postgres.psql(oidQuery(catalog, name), "shop"));
    }
    const client = await connect("agents");
    const leaks: string[] = [];
    let answered = 0;
    for (const text of texts) {
      const sql = text.replaceAll(/\{\{[^}]+\}\}/g, (placeholder) => oids.get(placeholder) ?? "0");
      const answer = await client.query(sql);
      const said = answer.flatMap((message) => {
        if (message.type === "DataRow") return message.values.map((value) => Buffer.from(value ?? []).toString());
        if (message.type !== "ErrorResponse" && message.type !== "NoticeResponse") return [];
        return Object.values(reportOf(message.fields)).map(String);
      });
      const own = new Set(sql.match(/\w*canary\w*/g) ?? []);
      const told = said.flatMap((one) => one.match(/\w*canary\w*/g) ?? []).filter((name) => !own.has(name));
      if (told.length > 0) leaks.push(`${sql}: ${told.join(" ")}`);
      if (answer.some(({ type }) => type === "DataRow")) answered++;
      if (answer.some((message) => message.type === "ReadyForQuery" && message.status !== "idle"))
        await client.query("ROLLBACK");
    }
    client.destroy();
    expect(leaks).toEqual([]);
    expect(answered).toBeGreaterThan(10); // what is refused whole would leak nothing either
  });

  it("are as they are for one who may see everything", async () => {
    const client = await connect("agents", "owners");
    const told = await client.query("SELECT count(*) FROM pg_class WHERE relname LIKE 'canary%'");
    client.destroy();
    expect(rows(told)).toEqual([
      [await postgres.psql("SELECT count(*) FROM pg_class WHERE relname LIKE 'canary%'", "shop")],
    ]);
  });

  it.each([
    ["SELECT canary_nothing FROM canary_hr.canary_staff", "42501"],
    ["SELECT canary_name FROM canary_hr.canary_staff", "42501"],
    ["EXPLAIN SELECT canary_nothing FROM canary_hr.canary_staff", "42501"],
    ["SELECT canary_name::integer + '' FROM canary_hr.canary_staff", "42501"],
    ["SELECT 1 FROM canary_hr.canary_none", "42P01"],
    ["EXPLAIN SELECT * FROM shop.orders", "42501"],
    ["PREPARE p AS SELECT * FROM shop.orders; EXPLAIN EXECUTE p", "42501"],
    ["PREPARE p AS SELECT * FROM shop.customers; EXPLAIN EXECUTE p", null],
    ["EXPLAIN (COSTS OFF) SELECT * FROM shop.customers", null],
    // The filter goes before whatever the client asks: an error of that would show what it is asked about.
    ["SELECT 1 FROM pg_class WHERE relname > 'canary' AND relname < 'canarz' AND relname::text::int = 1", null],
    ["SELECT 1 FROM pg_attribute WHERE attname = 'canary_name' AND attrelid::regclass::text::int = 1", null],
    [
      "SELECT 1 FROM information_schema.tables WHERE table_name > 'canary' AND table_name < 'canarz' AND table_name::text::int = 1",
      null,
    ],
    ["PREPARE p(text) AS SELECT $1; EXECUTE p(pg_get_viewdef('canary_hr.canary_view'))", "42501"],
    ["PREPARE p(text) AS SELECT $1; EXECUTE p(16500::regclass::text)", "42501"],
    ["PREPARE p(text) AS SELECT $1; EXECUTE p(upper('a'))", null],
    [`SELECT t FROM json_to_record('{"x": 16500}') AS t(x regclass)`, "42501"],
    ["SET search_path = canary_hr; SELECT pg_get_functiondef(to_regproc('canary_fn'))", "42501"],
  ])("tell nothing of what is hidden by errors and plans: %s", async (sql, code) => {
    const client = await connect("agents");
    const told = await client.query(sql);
    client.destroy();
    const reports = told.flatMap((message) => (message.type === "ErrorResponse" ? [reportOf(message.fields)] : []));
    expect(reports.map((report) => report.code)).toEqual(code === null ? [] : [code]);
    expect(reports.some(({ hint }) => hint?.includes("Perhaps"))).toBe(false);
  });

  it("give errors their place in the text as it was sent", async () => {
    const client = await connect("agents");
    const told = await client.query("SELECT relname FROM pg_catalog.pg_class AS c WHERE nonsense = 1");
    client.destroy();
    const [report] = told.flatMap((message) => (message.type === "ErrorResponse" ? [reportOf(message.fields)] : []));
    expect(report).toMatchObject({ code: "42703", position: "52" });
  });
});

function oidQuery(catalog: string, name: string): string {
  switch (catalog) {
    case "pg_class":
      return `SELECT '${name}'::regclass::oid`;
    case "pg_proc":
      return `SELECT '${name}'::regprocedure::oid`;
    case "pg_type":
      return `SELECT '${name}'::regtype::oid`;
    case "pg_namespace":
      return `SELECT '${name}'::regnamespace::oid`;
    case "pg_rewrite":
      return `SELECT oid FROM pg_rewrite WHERE rulename = '${name.split(" ")[0]}'`;
    case "pg_trigger":
      return `SELECT oid FROM pg_trigger WHERE tgname = '${name}' LIMIT 1`;
    case "pg_statistic_ext":
      return `SELECT oid FROM pg_statistic_ext WHERE stxname = '${name}'`;
    default:
      throw new Error(catalog);
  }
}
