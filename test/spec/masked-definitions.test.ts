/** Masked columns before an agent that owns the tables and may define what it likes: nothing that it defines shows a value. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BackendMessage } from "../../src/wire/backend.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { errorOf } from "../support/policy-server.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient } from "../support/raw-client.ts";

const APP = { user: "app", password: "app-password" } as const;
const SCHEMA = `
  CREATE TABLE customers (id int PRIMARY KEY, name text, ssn text, card text);
  INSERT INTO customers SELECT i, 'Ada', 'canary' || i % 3, '411canary1111' FROM generate_series(1, 300) i;
  CREATE TABLE orders (id int PRIMARY KEY, note text);
  INSERT INTO orders VALUES (1, 'a'), (2, 'b');
  ALTER TABLE customers OWNER TO app;
  ALTER TABLE orders OWNER TO app;
  GRANT CREATE ON SCHEMA public TO app;
  GRANT CREATE ON DATABASE shop TO app;
  CREATE TABLE parts (id int NOT NULL, name text, ssn text, card text) PARTITION BY LIST (name);
  ALTER TABLE parts OWNER TO app;
  CREATE TYPE address AS (street text);
  ALTER TYPE address OWNER TO app;
  ALTER DATABASE shop OWNER TO app;
  ANALYZE;
`;
const LABELS = `
masks:
  pii: redact
  card: { mask: partial, show: 4 }
columns:
  shop.public.customers.ssn: pii
  shop.public.customers.card: card
quarantine: off
`;
const POLICY = `
@id("all") permit (principal in Group::"agents", action, resource) unless { action in [Action::"reveal", Action::"writeLabelled"] };
`;

/** What it would read on a server without a gateway: a value, or `true` that tells one. */
const ATTACKS: Readonly<Record<string, readonly string[]>> = {
  "a parent of the table": [
    "CREATE TABLE p (id int, ssn text)",
    "ALTER TABLE customers ALTER id DROP NOT NULL",
    "ALTER TABLE customers INHERIT p",
    "SELECT ssn FROM p LIMIT 1",
  ],
  "a parent, in one transaction": [
    "BEGIN",
    "CREATE TABLE p (ssn text)",
    "ALTER TABLE customers INHERIT p",
    "SELECT ssn FROM p LIMIT 1",
  ],
  "the table as a partition": [
    "CREATE TABLE p (LIKE customers) PARTITION BY LIST (name)",
    "ALTER TABLE p ATTACH PARTITION customers DEFAULT",
    "SELECT ssn FROM p LIMIT 1",
  ],
  "another name for the column": [
    "ALTER TABLE customers RENAME COLUMN ssn TO plain",
    "SELECT plain FROM customers LIMIT 1",
  ],
  "another name, in one transaction": [
    "BEGIN",
    "ALTER TABLE customers RENAME COLUMN ssn TO plain",
    "SELECT plain FROM customers LIMIT 1",
  ],
  "another name for the table": ["ALTER TABLE customers RENAME TO people", "SELECT ssn FROM people LIMIT 1"],
  "another schema": ["CREATE SCHEMA s", "ALTER TABLE customers SET SCHEMA s", "SELECT ssn FROM s.customers LIMIT 1"],
  "another name for the schema": ["ALTER SCHEMA public RENAME TO s", "SELECT ssn FROM s.customers LIMIT 1"],
  "a generated column": [
    "BEGIN",
    "ALTER TABLE customers ADD COLUMN g text GENERATED ALWAYS AS (ssn) STORED",
    "SELECT g FROM customers LIMIT 1",
  ],
  "a column that is computed as it is retyped": [
    "BEGIN",
    "ALTER TABLE customers ALTER COLUMN name TYPE text USING ssn",
    "SELECT name FROM customers LIMIT 1",
  ],
  "a function in SQL": [
    "CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ssn FROM public.customers LIMIT 1'",
    "SELECT f()",
  ],
  "a function with a parsed body": [
    "CREATE FUNCTION f() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT ssn FROM public.customers LIMIT 1; END",
    "SELECT f()",
  ],
  "a set of rows": [
    "CREATE FUNCTION f() RETURNS SETOF text STABLE LANGUAGE sql AS 'SELECT ssn FROM public.customers'",
    "SELECT * FROM f()",
  ],
  "a function in PL/pgSQL": [
    "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT ssn FROM public.customers LIMIT 1); END'",
    "SELECT f()",
  ],
  "a trigger on another table": [
    "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := (SELECT ssn FROM public.customers LIMIT 1); RETURN NEW; END'",
    "CREATE TRIGGER t BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION t()",
    "INSERT INTO orders VALUES (9, 'x') RETURNING note",
    "SELECT note FROM orders WHERE id = 9",
  ],
  "a trigger on the table": [
    "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''%'', OLD.ssn; NEW.name := OLD.ssn; RETURN NEW; END'",
    "CREATE TRIGGER t BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION t()",
    "UPDATE customers SET name = 'x' WHERE id = 1 RETURNING name",
    "SELECT name FROM customers WHERE id = 1",
  ],
  "a trigger that raises": [
    "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''%'', OLD.ssn; END'",
    "CREATE TRIGGER t BEFORE DELETE ON customers FOR EACH ROW EXECUTE FUNCTION t()",
    "DELETE FROM customers WHERE id = 1",
  ],
  "a rule": [
    "CREATE RULE r AS ON INSERT TO orders DO INSTEAD INSERT INTO orders SELECT 50, ssn FROM customers LIMIT 1",
    "INSERT INTO orders VALUES (9, 'x')",
    "SELECT note FROM orders WHERE id = 50",
  ],
  "a rule on the table": [
    "CREATE RULE r AS ON UPDATE TO customers DO ALSO INSERT INTO orders VALUES (50, OLD.ssn)",
    "UPDATE customers SET name = 'x' WHERE id = 1",
    "SELECT note FROM orders WHERE id = 50",
  ],
  "row security as an oracle": [
    "CREATE POLICY p ON orders USING (EXISTS (SELECT FROM customers WHERE ssn LIKE 'canary%'))",
    "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE orders FORCE ROW LEVEL SECURITY",
    "SELECT 'cana' || 'ry' FROM orders LIMIT 1",
  ],
  "row security of the table": [
    "CREATE POLICY p ON customers USING (ssn LIKE 'canary%')",
    "ALTER TABLE customers ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE customers FORCE ROW LEVEL SECURITY",
    "SELECT 'cana' || 'ry' FROM customers LIMIT 1",
  ],
  "a view": ["CREATE VIEW v AS SELECT ssn AS plain FROM customers", "SELECT plain FROM v LIMIT 1"],
  "a view, in one transaction": [
    "BEGIN",
    "CREATE VIEW v AS SELECT ssn AS plain FROM customers",
    "SELECT plain FROM v LIMIT 1",
  ],
  "a view as an oracle": [
    "CREATE VIEW v AS SELECT id FROM customers WHERE ssn LIKE 'canary%'",
    "SELECT 'cana' || 'ry' FROM v LIMIT 1",
  ],
  "a materialised view": [
    "CREATE MATERIALIZED VIEW v AS SELECT ssn AS plain FROM customers",
    "SELECT plain FROM v LIMIT 1",
  ],
  "a materialised view as an oracle": [
    "CREATE MATERIALIZED VIEW v AS SELECT id FROM customers WHERE ssn LIKE 'canary%'",
    "SELECT 'cana' || 'ry' FROM v LIMIT 1",
  ],
  "a copy": ["CREATE TABLE c AS TABLE customers", "SELECT * FROM c LIMIT 1"],
  "a temporary copy": [
    "CREATE TEMP TABLE c AS SELECT ssn AS plain, card AS c FROM customers",
    "SELECT * FROM c LIMIT 1",
  ],
  statistics: ["SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'customers'"],
  "statistics by the catalog's function": [
    "SELECT pg_stats.*::text FROM pg_catalog.pg_stats WHERE tablename = 'customers'",
  ],
  "extended statistics": [
    "CREATE STATISTICS s (mcv) ON ssn, name FROM customers",
    "ANALYZE customers",
    "SELECT most_common_vals::text FROM pg_stats_ext",
  ],
  "statistics of expressions": [
    "CREATE STATISTICS s ON (ssn || '') FROM customers",
    "ANALYZE customers",
    "SELECT most_common_vals::text FROM pg_stats_ext_exprs",
  ],
  "a plan's estimate": ["EXPLAIN SELECT FROM customers WHERE ssn = 'canary1'"],
  "a block": ["DO $$ BEGIN RAISE NOTICE '%', (SELECT ssn FROM customers LIMIT 1); END $$"],
  "a block that raises": ["DO $$ BEGIN RAISE EXCEPTION '%', (SELECT ssn FROM customers LIMIT 1); END $$"],
  "XML of a query": ["SELECT query_to_xml('SELECT ssn FROM customers', true, false, '')"],
  "XML of the table": ["SELECT table_to_xml('customers', true, false, '')"],
  "XML of the schema": ["SELECT schema_to_xml('public', true, false, '')"],
  "a default": [
    "CREATE FUNCTION f() RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT ssn FROM public.customers LIMIT 1); END'",
    "CREATE TABLE d (a int, b text DEFAULT f())",
    "INSERT INTO d VALUES (1) RETURNING b",
    "SELECT b FROM d",
  ],
  "a check's function": [
    "CREATE FUNCTION f(text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''%'', (SELECT ssn FROM public.customers LIMIT 1); RETURN true; END'",
    "ALTER TABLE orders ADD CHECK (f(note))",
    "INSERT INTO orders VALUES (9, 'x')",
  ],
  "an aggregate": [
    "CREATE AGGREGATE joined (text) (SFUNC = textcat, STYPE = text)",
    "SELECT joined(ssn) FROM customers",
  ],
  "a cast": [
    "CREATE FUNCTION f(text) RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''%'', (SELECT ssn FROM public.customers LIMIT 1); END'",
    "CREATE DOMAIN d AS text CHECK (f(VALUE) > 0)",
    "SELECT 'x'::d",
  ],
};

/** What would tell whether a value exists, or what it is not. */
const ORACLES: readonly string[] = [
  "ALTER TABLE customers ALTER COLUMN ssn TYPE int USING ssn::int",
  "CREATE INDEX ON customers ((ssn::int))",
  "CREATE UNIQUE INDEX ON customers (ssn)",
  "ALTER TABLE customers ADD CHECK (ssn NOT LIKE 'canary%')",
  "ALTER TABLE customers ALTER COLUMN ssn SET NOT NULL",
  "ALTER TABLE orders ADD FOREIGN KEY (note) REFERENCES customers (ssn)",
  "CREATE TABLE child (note text REFERENCES customers (ssn))",
  "CREATE TABLE child () INHERITS (public.customers)",
  "CREATE STATISTICS s ON ssn, name FROM customers",
  "ALTER TABLE parts ATTACH PARTITION customers DEFAULT",
  "ALTER TYPE address RENAME ATTRIBUTE street TO plain",
];

const HARMLESS: readonly string[] = [
  "CREATE TABLE notes (id int, note text)",
  "ALTER TABLE orders ADD COLUMN more text",
  "CREATE INDEX ON orders (note)",
  "CREATE VIEW v AS SELECT id, ssn FROM customers",
  "COMMENT ON COLUMN customers.ssn IS 'sensitive'",
  "TRUNCATE customers",
  "DROP TABLE customers",
];

describe.each([15, 18] as const)("what an agent defines over masked columns of PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let folder: string;

  beforeAll(async () => {
    postgres = await startPostgres({
      version,
      hba: ["host all direct 127.0.0.1/32 password", "host all all 127.0.0.1/32 scram-sha-256"],
    });
    await postgres.psql(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
    await postgres.psql(`CREATE ROLE direct LOGIN PASSWORD '${APP.password}' IN ROLE app`);
    await postgres.psql("CREATE DATABASE shop");
    await postgres.psql(SCHEMA, "shop");
    folder = await mkdtemp(join(tmpdir(), "postern-masking-"));
    await writeFile(join(folder, "agents.cedar"), POLICY);
    await writeFile(join(folder, "labels.yaml"), LABELS);
    const config = { policy: folder, labels: join(folder, "labels.yaml") };
    gateway = await startGateway({ postgres, database: "shop", role: APP, config });
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Each statement in one transaction that is never committed. */
  async function run(script: readonly string[], to: "gateway" | "server") {
    const client = await RawClient.connect(to === "gateway" ? gateway : postgres);
    const password = to === "gateway" ? await gateway.token({ groups: ["agents"] }) : APP.password;
    const user = to === "gateway" ? APP.user : "direct";
    const refused = errorOf(await client.login({ user, database: "shop" }, password));
    if (refused !== null) throw new Error(`login: ${refused}`);
    const answers: BackendMessage[][] = [];
    for (const sql of script[0] === "BEGIN" ? script : ["BEGIN", ...script]) answers.push(await client.query(sql));
    client.destroy();
    return { told: textOf(answers), error: errorOf(answers.at(-1) ?? []) };
  }

  it.each(Object.entries(ATTACKS))("shows nothing by %s", async (_name, script) => {
    expect((await run(script, "gateway")).told).not.toMatch(/canary/);
  });

  it.each(ORACLES)("tells nothing by %s", async (sql) => {
    expect((await run([sql], "gateway")).error).toBe("42501");
  });

  it.each(HARMLESS)("may be: %s", async (sql) => {
    expect((await run([sql], "gateway")).error).toBeNull();
  });

  it("would show values in two thirds of these ways without a gateway", async () => {
    let shown = 0;
    for (const script of Object.values(ATTACKS)) {
      if (/canary/.test((await run(script, "server")).told)) shown++;
    }
    expect(shown).toBeGreaterThanOrEqual((Object.keys(ATTACKS).length * 2) / 3);
  });
});

/** All bytes of messages, as text. */
function textOf(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("latin1");
  if (value instanceof Map) return [...value.values()].map(textOf).join("\n");
  if (typeof value === "object" && value !== null) return Object.values(value).map(textOf).join("\n");
  return String(value);
}
