/** What puts masks into statements, broken on purpose: the proof on the server's tree refuses what would then be shown. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { MaskedColumns } from "../../src/masking/masked/masked-columns.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { logEntries } from "../support/log-entries.ts";
import { errorOf } from "../support/policy-server.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows } from "../support/raw-client.ts";

const APP = { user: "app", password: "app-password" } as const;
const SCHEMA = `
  CREATE TABLE customers (id int PRIMARY KEY, name text, ssn text, card text);
  INSERT INTO customers VALUES (1, 'Ada', 'canary-1', '411canary1111');
  CREATE VIEW people AS SELECT id, ssn AS number FROM customers;
  CREATE TABLE patients (id int PRIMARY KEY, ssn text);
  INSERT INTO patients VALUES (1, 'canary-2');
  GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA public TO app;
`;
const LABELS = `
masks:
  pii: redact
  card: { mask: partial, show: 4 }
columns:
  "shop.public.*.ssn": pii
  shop.public.customers.card: card
quarantine: off
`;
const POLICY = `permit (principal in Group::"agents", action in [Action::"connect", Action::"read", Action::"write", Action::"define"], resource in Database::"shop");`;

type Replacement = MaskedColumns["replacementFor"];
const original: Replacement = MaskedColumns.prototype.replacementFor;

/** What is put in place of `customers` and its view, by name. */
const FAULTS: Readonly<Record<string, (made: string, written: string) => string>> = {
  "no mask at all": (_made, written) => `(SELECT * FROM ${written})`,
  "one column without its mask": (made) =>
    made.replace(/CAST\('\[masked\]' AS [^)]*\)/, '"ssn"').replace('"ssn" AS "number"', '"number"'),
  "the mask of less": (made) =>
    made.replaceAll("4)", "9)").replace(/CAST\('\[masked\]' AS ([^)]*)\)/, "CAST(postern_source.id AS $1)"),
  "a mask around another expression": (made) =>
    made.replace('postern_source."card"', '(postern_source."card" || postern_source."ssn")'),
};
const READS: readonly string[] = [
  "SELECT ssn, card FROM customers",
  "SELECT * FROM customers",
  "SELECT c FROM customers c",
  "SELECT upper(ssn), card FROM public.customers",
  "SELECT id FROM customers WHERE ssn LIKE 'canary%' AND card LIKE '411%'",
  "TABLE customers",
  "COPY (SELECT ssn, card FROM customers) TO STDOUT",
  "DECLARE c CURSOR FOR SELECT ssn, card FROM customers",
  "CREATE TEMP TABLE t AS SELECT ssn, card FROM customers",
  "EXPLAIN ANALYZE SELECT ssn, card FROM customers",
  "PREPARE p AS SELECT ssn, card FROM customers; EXECUTE p",
];

describe.each([15, 18] as const)("masks that are not put in, on PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let folder: string;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    await postgres.psql(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
    await postgres.psql("CREATE DATABASE shop");
    await postgres.psql(SCHEMA, "shop");
    folder = await mkdtemp(join(tmpdir(), "postern-masking-"));
    await writeFile(join(folder, "agents.cedar"), POLICY);
    await writeFile(join(folder, "labels.yaml"), LABELS);
    const config = { policy: folder, labels: join(folder, "labels.yaml") };
    gateway = await startGateway({ postgres, database: "shop", role: APP, config });
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function ask(...script: readonly string[]) {
    const client = await RawClient.connect(gateway);
    const greeting = await client.login(
      { user: APP.user, database: "shop" },
      await gateway.token({ groups: ["agents"] }),
    );
    if (errorOf(greeting) !== null) throw new Error(`login: ${errorOf(greeting)}`);
    const answers = [];
    for (const sql of script) answers.push(await client.query(sql));
    client.destroy();
    return answers.at(-1) ?? [];
  }

  function breaks(fault: (made: string, written: string) => string): void {
    vi.spyOn(MaskedColumns.prototype, "replacementFor").mockImplementation(function (
      this: MaskedColumns,
      relation,
      written,
    ) {
      const made = original.call(this, relation, written);
      return relation.name === "patients" ? made : fault(made, written);
    });
  }

  const cases = Object.entries(FAULTS).flatMap(([name, fault]) => READS.map((sql) => ({ name, fault, sql })));
  it.each(cases)("are a denial, with $name: $sql", async ({ fault, sql }) => {
    breaks(fault);
    const answer = await ask("BEGIN", ...sql.split("; "));
    expect(errorOf(answer)).toBe("42501");
    expect(rows(answer)).toEqual([]);
    expect(answer.filter(({ type }) => type === "CopyData")).toEqual([]);
  });

  it("are a denial of a view too", async () => {
    breaks((_made, written) => `(SELECT * FROM ${written})`);
    // Its definition could have masks in the columns' own places.
    vi.spyOn(MaskedColumns.prototype, "returnedOf").mockReturnValue(null);
    expect(errorOf(await ask("SELECT number FROM people"))).toBe("42501");
  });

  it("raise an alarm, which what is refused by the rules does not", async () => {
    const before = (await logEntries(gateway)).length;
    await ask("UPDATE customers SET name = ssn");
    breaks((_made, written) => `(SELECT * FROM ${written})`);
    await ask("SELECT ssn FROM customers");
    const entries = (await logEntries(gateway)).slice(before);
    const refused = entries.filter((entry) => entry.type === "statement.decided");

    expect(refused).toMatchObject([{ verdict: "refused" }, { verdict: "refused" }]);
    expect(entries.filter(({ type }) => type === "alarm.unproven")).toMatchObject([
      {
        session: refused[1]?.session,
        statement: refused[1]?.sessionSeq,
        code: "COLUMN_MASKED",
        detail: expect.stringContaining('"ssn" of "public.customers"'),
      },
    ]);
    expect(await (await fetch(`${gateway.http}/metrics`)).text()).toMatch(/^postern_unproven_total [1-9]/m);
  });

  it("leave the other tables as they are", async () => {
    breaks((_made, written) => `(SELECT * FROM ${written})`);
    expect(rows(await ask("SELECT ssn FROM patients"))).toEqual([["[masked]"]]);
  });

  it.each(READS)("are there without the fault: %s", async (sql) => {
    expect(errorOf(await ask("BEGIN", ...sql.split("; ")))).toBeNull();
  });

  it("are what they are without the fault", async () => {
    expect(rows(await ask("SELECT ssn, card FROM customers"))).toEqual([["[masked]", "***1111"]]);
  });
});
