/** `postern policy explain` of statements over masked columns: what would be sent, what is masked, and why it would be refused. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type TestCli, testCli } from "../support/cli.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

const POLICY = `
@id("all") permit (principal in Group::"agents", action in [Action::"read", Action::"write", Action::"call"], resource in Database::"shop");
@id("careful") forbid (principal in Group::"careful", action == Action::"writeLabelled", resource);
@id("seers") permit (principal in Group::"seers", action == Action::"reveal", resource == Label::"pii");
`;
const LABELS = `
masks: { pii: redact, card: { mask: partial, show: 4 } }
columns: { shop.public.people.ssn: pii, shop.public.people.card: card }
quarantine: off
`;
const SCHEMA = `
  CREATE TABLE people (id int PRIMARY KEY, name text, ssn text, card text);
  CREATE VIEW loud AS SELECT id, upper(ssn) AS ssn FROM people;
  CREATE VIEW barrier WITH (security_barrier) AS SELECT id, upper(ssn) AS ssn FROM people;
  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
`;

let postgres: TestPostgres;
let cli: TestCli;

beforeAll(async () => {
  postgres = await startPostgres({ version: 18 });
  await postgres.psql("CREATE ROLE app LOGIN PASSWORD 'app-password'");
  await postgres.psql("CREATE DATABASE shop");
  await postgres.psql(SCHEMA, "shop");
  cli = await testCli();
  mkdirSync(join(cli.folder, "policy"));
  writeFileSync(join(cli.folder, "policy", "agents.cedar"), POLICY);
  writeFileSync(join(cli.folder, "labels.yaml"), LABELS);
  writeFileSync(join(cli.folder, "pw"), "app-password", { mode: 0o600 });
  const { host, port } = postgres;
  writeFileSync(
    join(cli.folder, "postern.yaml"),
    `gateway: { name: shop, tls: off }
store: { url: "postgres://nobody@127.0.0.1/none" }
issuers: [{ url: "https://idp.example.com", audience: postern, kind: agent, groups: groups }]
databases:
  shop:
    { host: ${host}, port: ${port}, database: shop, environment: prod, tls: { mode: disable }, defaultRole: agent,
      roles: { agent: { user: app, password: { file: pw }, groups: [agents] } } }
policy: ./policy
labels: ./labels.yaml
`,
  );
}, 120_000);
afterAll(async () => {
  await cli?.[Symbol.asyncDispose]();
  await postgres?.stop();
});

const run = (...args: readonly string[]) =>
  cli.run(["policy", ...args], { env: { POSTERN_CONFIG: join(cli.folder, "postern.yaml") } });

async function explained(sql: string, groups = "agents", ...more: readonly string[]) {
  const { status, out } = await run("explain", sql, "--groups", groups, "-o", "json", ...more);
  const [one] = JSON.parse(out);
  return { status, ...one };
}

const SENT = `SELECT p.ssn FROM (SELECT postern_source."id", postern_source."name", CAST('[masked]' AS "pg_catalog"."text") AS "ssn", `;

describe("postern policy explain of masked columns", () => {
  it("shows the statement that is sent, and what is masked in it", async () => {
    const { status, masked, verdict } = await explained("SELECT p.ssn FROM people p WHERE p.card LIKE '%1'");

    expect([status, verdict]).toEqual([0, "permit"]);
    expect(masked.sent).toMatch(
      /^SELECT p\.ssn FROM \(SELECT postern_source\."id".*FROM people AS postern_source\) p WHERE/,
    );
    expect(masked.columns).toEqual([
      { column: "public.people.ssn", labels: ["pii"], mask: "redact", revealed: false },
      { column: "public.people.card", labels: ["card"], mask: "partial (4 from end)", revealed: false },
    ]);
  });

  it("shows what is revealed, to whom it is", async () => {
    const { masked } = await explained("SELECT ssn FROM people", "agents,seers");

    expect(masked.columns).toEqual([{ column: "public.people.ssn", labels: ["pii"], mask: "redact", revealed: true }]);
  });

  it("has it for people to read too", async () => {
    const { out } = await run("explain", "SELECT ssn FROM people", "--groups", "agents");

    expect(out).toContain("masked: public.people.ssn (pii: redact)");
    expect(out).toContain("sent: SELECT ssn FROM (SELECT");
  });

  const refused: readonly (readonly [sql: string, code: string])[] = [
    ["UPDATE people SET name = ssn", "COLUMN_MASKED"],
    ["UPDATE people SET ssn = '[masked]'", "MASK_WRITTEN"],
    ["COPY people TO STDOUT", "COLUMN_MASKED"],
    ["ALTER TABLE people RENAME ssn TO x", "COLUMN_MASKED"],
    ["DELETE FROM people p RETURNING p", "COLUMN_MASKED"],
  ];
  it.each(refused)("says why it would be refused: %s", async (sql, code) => {
    const { status, refusal } = await explained(sql);

    expect(status).toBe(3);
    expect(refusal.code).toBe(code);
  });

  it("puts in a view that computes with masked columns, and asks policy for the view", async () => {
    const { status, requests, masked } = await explained("SELECT ssn FROM loud");
    const { refusal } = await explained("SELECT ssn FROM barrier");

    expect(status).toBe(0);
    expect(masked.sent).toContain("upper(ssn)");
    expect(requests.map(({ resource }: { resource: string }) => resource)).toContain("table:shop.public.loud");
    expect(refusal).toMatchObject({ code: "COLUMN_MASKED", detail: expect.stringContaining("security barrier") });
  });

  it("asks for writeLabelled where labelled columns are written to", async () => {
    const { status, requests } = await explained("UPDATE people SET ssn = 'x'", "agents,careful");

    expect(status).toBe(3);
    expect(requests.map(({ action }: { action: string }) => action)).toContain("writeLabelled");
  });

  it("shows it offline too, and that nothing was proven", async () => {
    const file = join(cli.folder, "shop.json");
    expect((await run("catalog", "save", "--database", "shop", file)).status).toBe(0);
    const { masked, notes } = await explained("SELECT p.ssn FROM people p", "agents", "--catalog", file);

    expect(masked.sent.startsWith(SENT)).toBe(true);
    expect(notes.join(" ")).toContain("is proven on the server's own tree, which was not asked for");
  });
});
