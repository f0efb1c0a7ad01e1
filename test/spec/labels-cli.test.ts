/** `postern labels` as an operator uses it, on a real server: scan, import, check, coverage. No value of a row is ever printed. */

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { compileLabels } from "../../src/masking/labels/compile.ts";
import { type TestCli, testCli } from "../support/cli.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

const CANARIES = ["536-22-8754", "4111111111111111", "ann@shop.example", "+4917612345678", "AKIAIOSFODNN7EXAMPLE"];
const SQL = `
  CREATE ROLE app LOGIN PASSWORD 'pencil';
  CREATE TABLE public.customers (id int, ssn text, contact text, notes text, plan text, salary numeric, active boolean);
  COMMENT ON COLUMN public.customers.contact IS 'Where to send mail: the e-mail';
  INSERT INTO public.customers
    SELECT n, '536-22-8754', 'ann@shop.example', CASE n WHEN 1 THEN 'card 4111111111111111' ELSE 'likes tea' END, 'basic', 5000 + n, true
    FROM generate_series(1, 40) AS n;
  CREATE TABLE public.payments (id int, number bigint, memo jsonb);
  INSERT INTO public.payments SELECT n, 4111111111111111, '{"key": "AKIAIOSFODNN7EXAMPLE"}' FROM generate_series(1, 10) AS n;
  CREATE VIEW public.mails AS SELECT id, lower(contact) AS mail FROM public.customers;
  CREATE TABLE public.closed (id int, phone text); INSERT INTO public.closed VALUES (1, '+4917612345678');
  GRANT SELECT ON public.customers, public.payments TO app;
  INSERT INTO pg_seclabel (objoid, classoid, objsubid, provider, label) VALUES
    ('public.customers'::regclass, 'pg_class'::regclass, 3, 'anon', 'MASKED WITH FUNCTION anon.fake_email()'),
    ('public.customers'::regclass, 'pg_class'::regclass, 2, 'anon', 'MASKED WITH FUNCTION anon.partial(ssn, 0, $$**$$, 4)'),
    ('public.closed'::regclass, 'pg_class'::regclass, 2, 'anon', 'MASKED WITH VALUE $$x$$'),
    ('public.payments'::regclass, 'pg_class'::regclass, 2, 'anon', 'QUASI IDENTIFIER'),
    ('public.customers'::regclass, 'pg_class'::regclass, 5, 'anon', 'NOT MASKED'),
    ('public.customers'::regclass, 'pg_class'::regclass, 4, 'other', 'MASKED WITH VALUE NULL');
`;

let postgres: TestPostgres;
let cli: TestCli;
let printed = "";

beforeAll(async () => {
  postgres = await startPostgres({ version: 18, settings: { allow_system_table_mods: "on" } });
  await postgres.psql(SQL);
  cli = await testCli();
  writeFileSync(join(cli.folder, "pw"), "pencil", { mode: 0o600 });
  writeFileSync(join(cli.folder, "postern.yaml"), config("labels: ./labels.yaml"));
  mkdirSync(join(cli.folder, "bare"));
  writeFileSync(join(cli.folder, "bare", "pw"), "pencil", { mode: 0o600 });
  writeFileSync(join(cli.folder, "bare", "postern.yaml"), config(""));
}, 120_000);
afterAll(async () => {
  await cli?.[Symbol.asyncDispose]();
  await postgres?.stop();
});

function config(more: string): string {
  return `gateway: { name: shop, tls: off }
store: { url: "postgres://nobody@127.0.0.1/none" }
issuers: [{ url: "https://idp.example.com", audience: postern, kind: agent, groups: groups }]
databases:
  shop:
    { host: ${postgres.host}, port: ${postgres.port}, database: postgres, environment: prod, tls: { mode: disable }, defaultRole: app,
      roles: { app: { user: app, password: { file: pw }, groups: [agents] } } }
policy: ./policy
${more}
`;
}

async function run(args: readonly string[], at = "postern.yaml") {
  const result = await cli.run(["labels", ...args], { env: { POSTERN_CONFIG: join(cli.folder, at) } });
  printed += result.out + result.err;
  return result;
}

const labels = (text: string): void => writeFileSync(join(cli.folder, "labels.yaml"), text);

interface Proposed {
  readonly column: string;
  readonly label: string;
  readonly mask: string;
  readonly confidence: string;
  readonly evidence: readonly string[];
}

describe("postern labels scan", () => {
  const scan = async (...args: readonly string[]): Promise<ReadonlyMap<string, Proposed>> => {
    const { out, err, status } = await run(["scan", "-o", "json", ...args], "bare/postern.yaml");
    expect([status, err]).toEqual([0, expect.any(String)]);
    const rows: readonly Proposed[] = JSON.parse(out);
    return new Map(rows.map((row) => [row.column, row]));
  };

  it("proposes labels with evidence of names, comments and values, as counts and kinds", async () => {
    const found = await scan();

    expect(found.get("public.customers.ssn")).toMatchObject({
      label: "pii.ssn",
      confidence: "high",
      evidence: ['its name says "ssn"', "40 of 40 values look like ssn"],
    });
    expect(found.get("public.customers.contact")).toMatchObject({
      label: "pii.email",
      confidence: "high",
      evidence: ['its comment says "e mail"', "40 of 40 values look like email"],
    });
    expect(found.get("public.customers.notes")).toMatchObject({
      label: "pii.card",
      confidence: "low",
      evidence: ["1 of 40 values look like card"],
    });
    expect(found.get("public.customers.salary")).toMatchObject({ label: "pay", confidence: "medium" });
    expect(found.get("public.payments.number")).toMatchObject({ label: "pii.card", confidence: "high" });
    expect(found.get("public.payments.memo")).toMatchObject({ label: "secret.cloud", confidence: "high" });
    expect([...found.keys()].filter((name) => /plan|active|id$|mails/.test(name))).toEqual([]);
  });

  it("says which tables it could not look into, and proposes for those by name", async () => {
    const { out, err } = await run(["scan", "-o", "json"], "bare/postern.yaml");

    expect(err).toContain("public.closed could not be read");
    expect(out).toContain("public.closed.phone");
  });

  it("looks at no value where it is told so", async () => {
    const found = await scan("--rows", "0");

    expect(found.get("public.customers.ssn")?.evidence).toEqual(['its name says "ssn"']);
    expect(found.has("public.payments.number")).toBe(false);
  });

  it("prints a labels.yaml that can be used as it stands", async () => {
    const { out, status } = await run(["scan"], "bare/postern.yaml");

    expect(status).toBe(0);
    const set = compileLabels(out, "labels.yaml", ["shop"]);
    expect(set.rules.map(({ text, label }) => `${text} ${label}`)).toContain("shop: public.customers.ssn pii.ssn");
    labels(out);
    const again = await run(["scan", "-o", "json"]);
    expect(JSON.parse(again.out)).toEqual([]);
    expect((await run(["check", "--database", "shop"])).status).toBe(0);
  });
});

describe("postern labels import", () => {
  it("proposes the rules of PostgreSQL Anonymizer, with the nearest masks, and tells what it did not read", async () => {
    const { out, err } = await run(["import"], "bare/postern.yaml");

    expect(parseYaml(out)).toEqual({
      masks: {
        "pii.ssn": { mask: "partial", show: 4, from: "end", fill: "***" },
        "pii.email": "default",
        "pii.phone": "redact",
      },
      databases: {
        shop: {
          columns: {
            "public.customers.ssn": "pii.ssn",
            "public.customers.contact": "pii.email",
            "public.customers.plan": "public",
            "public.closed.phone": "pii.phone",
          },
        },
      },
    });
    expect(err).toContain("not read: public.payments.number: QUASI IDENTIFIER");
    expect(compileLabels(out, "labels.yaml", ["shop"]).rules).toHaveLength(4);
  });
});

describe("postern labels check", () => {
  it("passes a file that is in order, and tells its version", async () => {
    labels("masks: { pii.ssn: redact }\ncolumns: { 'shop.public.*.ssn': pii.ssn }\n");

    const { status, err } = await run(["check"]);

    expect(status).toBe(0);
    expect(err).toMatch(/labels\.yaml is in order: 1 pattern, 1 labels, version [0-9a-f]{12}\./);
  });

  it("names each mistake with file, line and column, and ends with status 1", async () => {
    labels("masks: { pii.ssn: redcat }\ncolums: {}\n");

    const { status, out } = await run(["check"]);

    expect(status).toBe(1);
    expect(out).toContain(
      'labels.yaml:1:19: masks.pii.ssn: expected default or null or redact or partial or generalise or token (did you mean "redact"?)',
    );
    expect(out).toContain('labels.yaml:2:1: colums: unknown key (did you mean "columns"?)');
  });

  it("tells by the catalog what stands on nothing, contradicts itself, or cannot be carried", async () => {
    labels(`masks:
  pii.ssn: redact
  pii.other: redact
  spare: redact
columns:
  shop.public.customers.salary: pii.ssn
  shop.public.customers.sns: pii.ssn
  "shop.public.*.ssn": pii.ssn
  "shop.*.customers.ssn": pii.other
`);

    const { status, out } = await run(["check", "--database", "shop"]);

    expect(status).toBe(1);
    expect(out.split("\n").slice(0, -1)).toEqual([
      "labels.yaml:1:1: warning: no pattern gives the label spare",
      'labels.yaml:6:1: public.customers.salary is pii.ssn, and its mask redact cannot be applied: numeric has no constant that says "masked" (null would do; until then it is masked by null)',
      "labels.yaml:7:1: warning: shop.public.customers.sns stands on no column of shop (none has that name, or a narrower pattern stands on each)",
      "labels.yaml:8:1: public.customers.ssn gets more than one label: pii.ssn by shop.public.*.ssn (line 8), pii.other by shop.*.customers.ssn (line 9) (add a pattern that is narrower than these; until then all stand)",
    ]);
  });

  it("says where there are none, and what to do", async () => {
    const { status, err } = await run(["check"], "bare/postern.yaml");

    expect(status).toBe(2);
    expect(err).toContain("names no labels");
    expect(err).toContain("labels: ./labels.yaml");
  });
});

describe("postern labels coverage", () => {
  it("shows every column: how it is labelled, masked, quarantined, public, or open with what looks sensitive", async () => {
    labels(`masks: { pii.mail: { mask: partial, show: 4 } }
columns: { shop.public.customers.contact: pii.mail, shop.public.customers.plan: public }
`);

    const { out, err } = await run(["coverage", "-o", "json", "--values", "50"]);

    const rows: readonly { column: string; status: string }[] = JSON.parse(out);
    const row = (name: string) => rows.find(({ column }) => column === name);
    expect(row("public.customers.contact")).toEqual({
      ...{ column: "public.customers.contact", type: "text", status: "labelled", labels: ["pii.mail"] },
      ...{ mask: "partial (4 from end)", why: ["shop.public.customers.contact (line 2)"], signs: [] },
    });
    expect(row("public.mails.mail")).toMatchObject({
      ...{ status: "labelled", mask: "default" },
      why: ["computed from public.customers.contact; shop.public.customers.contact (line 2)"],
    });
    expect(row("public.customers.ssn")).toMatchObject({ status: "quarantined", why: ['its name says "ssn"'] });
    expect(row("public.customers.plan")).toMatchObject({ status: "public", mask: null });
    expect(row("public.customers.notes")).toMatchObject({
      status: "unlabelled",
      signs: ["1 of 40 values look like card"],
    });
    expect(row("public.customers.active")).toMatchObject({ status: "unlabelled", signs: [] });
    expect(err).toMatch(/columns: 2 labelled, \d+ quarantined, 1 public, \d+ unlabelled \(\d+ of them suspicious\)\./);
  });

  it("shows the open ones alone, as a table too, and needs no server with a saved catalog", async () => {
    const saved = join(cli.folder, "shop.json");
    await cli.run(["policy", "catalog", "save", saved], { env: { POSTERN_CONFIG: join(cli.folder, "postern.yaml") } });

    const { out } = await run(["coverage", "--only", "suspicious", "--values", "50"]);
    const offline = await run(["coverage", "--only", "labelled", "--catalog", saved]);

    expect(out).toMatch(/^column +type +status/);
    expect(out).toContain("public.payments.number");
    expect(out).not.toContain("public.customers.plan");
    expect(offline.out).toContain("public.mails.mail");
    expect((await run(["coverage", "--catalog", saved, "--values", "5"])).status).toBe(2);
    expect((await run(["coverage", "--only", "some"])).status).toBe(2);
    expect((await run(["coverage", "--values", "x"])).status).toBe(2);
  });
});

describe("what these commands have printed", () => {
  it("holds no value of a row", () => {
    expect(printed.length).toBeGreaterThan(5_000);
    for (const canary of CANARIES) expect(printed).not.toContain(canary);
  });
});
