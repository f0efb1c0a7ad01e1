/** What the open transaction of a session has made or changed is judged by what it is, though no other connection sees it yet. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeSync } from "../../src/wire/extended.ts";
import { lastSession } from "../support/log-entries.ts";
import { bind, exchange, execute, parse } from "../support/policy-escape-messages.ts";
import { connectTo, decidedOf, type ShopGateway, startShopGateway } from "../support/policy-gateway.ts";
import { errorOf, startShop } from "../support/policy-server.ts";
import { POSTGRES_VERSIONS, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows, summary } from "../support/raw-client.ts";

const versions = POSTGRES_VERSIONS.filter((version) => version === 15 || version === 18);
const run = (text: string) => [parse("", text), bind("", ""), execute("")];

/** Written by what must never run: with the rights of their owner, so that nothing but the judgement is in the way. */
const TRAPS = `
  CREATE FUNCTION sprung() RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN INSERT INTO audit.trail (what) VALUES ('sprung'); RETURN true; END $$;
  ${["oid", "name", "text", '"char"', "int8", "int4", "int2"]
    .map(
      (type) => `
  CREATE FUNCTION sprung(a ${type}, b ${type}) RETURNS boolean LANGUAGE sql AS 'SELECT public.sprung()';
  ${["=", "<>", ">=", ">"]
    .map((name) => `CREATE OPERATOR public.${name} (LEFTARG = ${type}, RIGHTARG = ${type}, FUNCTION = sprung);`)
    .join("\n  ")}`,
    )
    .join("")}
  CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS 'SELECT ''x'' WHERE public.sprung()';
  CREATE FUNCTION public.unnest(oid[]) RETURNS SETOF oid LANGUAGE sql AS 'SELECT 1::oid WHERE public.sprung()';
  CREATE FUNCTION public.current_schemas(boolean) RETURNS name[] LANGUAGE sql AS 'SELECT ''{hr}''::name[] WHERE public.sprung()';
  CREATE FUNCTION public.to_regclass(text) RETURNS regclass LANGUAGE sql AS 'SELECT NULL::regclass WHERE public.sprung()';
  CREATE FUNCTION public.pg_get_userbyid(oid) RETURNS name LANGUAGE sql AS 'SELECT ''x''::name WHERE public.sprung()';
  CREATE FUNCTION public.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT ''''::bytea WHERE public.sprung()';`;

describe.each(versions)("what a transaction has made itself, on PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: ShopGateway;
  const asOwner = (sql: string) => postgres.psql(sql, "shop");

  beforeAll(async () => {
    postgres = await startShop(version);
    await asOwner(`GRANT CREATE ON SCHEMA public TO shop_app; GRANT CREATE ON DATABASE shop TO shop_app;
      ALTER FUNCTION order_total(int) OWNER TO shop_app; UPDATE hr.salaries SET team = 'canary'`);
    gateway = await startShopGateway(postgres);
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
  });

  /** Answers of one session, each by its error or its rows; builders may do everything outside of schema hr. */
  async function outcomes(...texts: readonly string[]): Promise<unknown[]> {
    const client = await connectTo(gateway, "builders");
    const found: unknown[] = [];
    for (const text of texts) {
      const answer = await client.query(text);
      found.push(errorOf(answer) ?? rows(answer));
    }
    client.destroy();
    return found;
  }

  it("is used before it is committed, and after", async () => {
    const found = await outcomes(
      "BEGIN",
      "CREATE TEMP TABLE mine (a int, b text)",
      "INSERT INTO mine VALUES (1, 'x')",
      "SELECT m.*, m FROM mine m JOIN orders o ON o.id = m.a",
      "CREATE INDEX ON mine (a)",
      "COPY mine TO STDOUT",
      "CREATE TABLE public.ours (id serial, x text DEFAULT 'y')",
      "INSERT INTO ours DEFAULT VALUES RETURNING *",
      "CREATE VIEW seen AS SELECT x FROM ours",
      "SELECT * FROM seen",
      "DROP TABLE mine",
      "ALTER TABLE ours ADD COLUMN z int",
      "UPDATE ours SET z = 2 WHERE id = 1 RETURNING z",
      "COMMIT",
      "SELECT z FROM ours",
      "TRUNCATE ours",
      "DROP VIEW seen",
      "DROP TABLE ours",
    );

    const join = found[3];
    expect(join === "42501" || Array.isArray(join)).toBe(true);
    expect(found.filter((each) => typeof each === "string" && each !== join)).toEqual([]);
    expect([found[7], found[9], found[12], found[14]]).toEqual([[["1", "y"]], [["y"]], [["2"]], [["2"]]]);
  });

  it("is used in the batch that makes it, by the extended protocol", async () => {
    const client = await connectTo(gateway, "builders");
    const answer = await exchange(
      client,
      [
        ...run("CREATE TEMP TABLE batch (a int)"),
        ...run("INSERT INTO batch VALUES (7)"),
        ...[parse("s", "SELECT a FROM batch"), bind("", "s"), execute("")],
        ...run("DROP TABLE batch"),
        encodeSync,
      ],
      1,
    );
    client.destroy();

    expect(errorOf(answer)).toBe(null);
    expect(rows(answer)).toEqual([["7"]]);
  });

  it("is asked about without the client seeing any of it", async () => {
    const texts = [
      "BEGIN",
      "CREATE TEMP TABLE quiet (a int)",
      "INSERT INTO quiet VALUES (1)",
      "SELECT * FROM quiet",
      "LOCK quiet",
      "DROP TABLE quiet",
      "DROP TABLE quiet",
      "SELECT * FROM quiet",
      "COMMIT",
    ];
    const direct = await RawClient.connect(postgres);
    await direct.login({ user: "checker", database: "shop" }, "checker-password");
    const client = await connectTo(gateway, "builders");
    for (const text of texts) expect(summary(await client.query(text))).toEqual(summary(await direct.query(text)));
    client.destroy();
    direct.destroy();
  });

  it("is on record by the name that it has there", async () => {
    await outcomes("CREATE TABLE public.before (a int)");
    await outcomes(
      "BEGIN",
      "ALTER TABLE public.before RENAME TO renamed",
      "SELECT a FROM renamed",
      "LOCK renamed",
      "ROLLBACK",
    );
    const requests = decidedOf(await lastSession(gateway)).flatMap((entry) => entry.requests);

    expect(requests.map(({ action, resource }) => `${action} ${resource}`)).toEqual([
      "alter table:shop.public.before",
      "select table:shop.public.renamed",
      "lock table:shop.public.renamed",
    ]);
  });

  it("is in pg_temp to policy, whatever number the session's has", async () => {
    await outcomes("BEGIN", "CREATE TEMP TABLE numbered (a int)", "SELECT a FROM numbered", "LOCK numbered", "COMMIT");
    const requests = decidedOf(await lastSession(gateway)).flatMap((entry) => entry.requests);

    expect(requests.map(({ action, resource }) => `${action} ${resource}`)).toEqual([
      "create schema:shop.pg_temp",
      "select table:shop.pg_temp.numbered",
      "lock table:shop.pg_temp.numbered",
    ]);
  });

  it("is gone behind a rollback, and what has its name then is judged for itself", async () => {
    const found = await outcomes(
      "BEGIN",
      "SAVEPOINT a",
      "CREATE TEMP TABLE salaries (team text)",
      "INSERT INTO salaries VALUES ('mine')",
      "SET LOCAL search_path = pg_temp, hr, public",
      "SELECT team FROM salaries",
      "COPY salaries TO STDOUT",
      "ROLLBACK TO a",
      "SET LOCAL search_path = hr, public",
      "SELECT team FROM salaries",
      "ROLLBACK TO a",
      "SET LOCAL search_path = hr, public",
      "COPY salaries TO STDOUT",
      "ROLLBACK",
    );

    expect(found[5]).toEqual([["mine"]]);
    expect([found[9], found[12]]).toEqual(["42501", "42501"]);
  });

  it("shows nothing that is forbidden through a view or a copy", async () => {
    const found = await outcomes(
      "BEGIN; CREATE TEMP VIEW v AS SELECT team FROM hr.salaries; SELECT * FROM v",
      "ROLLBACK",
      "BEGIN; CREATE TEMP TABLE t AS SELECT team FROM hr.salaries; SELECT * FROM t",
      "ROLLBACK",
      "BEGIN; CREATE TEMP TABLE t (team text); INSERT INTO t SELECT team FROM hr.salaries; SELECT * FROM t",
      "ROLLBACK",
    );

    expect(found.filter((each) => each === "42501")).toHaveLength(3);
    expect(JSON.stringify(found)).not.toContain("canary");
  });

  it.each([
    [
      "a function",
      "CREATE FUNCTION own() RETURNS SETOF text LANGUAGE sql AS 'SELECT team FROM hr.salaries'",
      "SELECT * FROM own()",
    ],
    [
      "a listed function, replaced",
      "CREATE OR REPLACE FUNCTION order_total(wanted int) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT pay FROM hr.salaries WHERE person = wanted'",
      "SELECT order_total(1)",
    ],
    [
      "an operator",
      "CREATE FUNCTION own(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END'; CREATE OPERATOR public.|=| (LEFTARG = text, RIGHTARG = text, FUNCTION = own)",
      "SELECT 'a'::text |=| 'b'::text",
    ],
    [
      "an operator in an index",
      "CREATE FUNCTION own(text, text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN true; END'; CREATE OPERATOR public.|=| (LEFTARG = text, RIGHTARG = text, FUNCTION = own); CREATE TEMP TABLE i (a text)",
      "CREATE INDEX ON i (a) WHERE a |=| 'x'::text",
    ],
    [
      "a domain's check",
      "CREATE FUNCTION own(text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END'; CREATE DOMAIN owned AS text CHECK (pg_catalog.length(VALUE) > 0); CREATE TEMP TABLE d (a text)",
      "CALL own('x'::owned::text)",
    ],
    ["a procedure", "CREATE PROCEDURE own() LANGUAGE sql AS 'DELETE FROM orders'", "CALL own()"],
    [
      "a trigger's function",
      "CREATE FUNCTION own() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM orders; RETURN NEW; END'; CREATE TEMP TABLE t (a int)",
      "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION own()",
    ],
  ])("is no listing's: %s", async (_, made, used) => {
    const found = await outcomes("BEGIN", made, used, "ROLLBACK");

    expect(found.slice(0, -2).filter((each) => typeof each === "string")).toEqual([]);
    expect(found.at(-2)).toMatch(/^(0A000|42501)$/);
  });

  it("is not asked about in a failed transaction, and the session goes on", async () => {
    const found = await outcomes(
      "BEGIN",
      "CREATE TEMP TABLE failed (a int)",
      "SELECT 1 / (SELECT count(*) FROM failed)",
      "SELECT * FROM failed",
      "DROP TABLE failed",
      "ROLLBACK",
      "SELECT 'on'",
    );

    expect(found).toEqual([[], [], "22012", "25P02", "25P02", [], [["on"]]]);
  });

  it("is asked about in a snapshot that is older", async () => {
    const client = await connectTo(gateway, "builders");
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await client.query("SELECT 1");
    await asOwner("CREATE TABLE public.younger (a int); GRANT ALL ON public.younger TO shop_app");
    const found = [
      await client.query("LOCK younger"),
      await client.query("CREATE TEMP TABLE mine (a int)"),
      await client.query("INSERT INTO mine VALUES (1)"),
      await client.query("TRUNCATE mine"),
      await client.query("COMMIT"),
    ].map(errorOf);
    client.destroy();

    expect(found).toEqual([null, null, null, null, null]);
  });
});

describe.each(versions)("a question on the client's connection, on PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: ShopGateway;

  beforeAll(async () => {
    postgres = await startShop(version);
    await postgres.psql(`GRANT CREATE ON SCHEMA public TO shop_app; ${TRAPS}`, "shop");
    gateway = await startShopGateway(postgres);
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
  });

  it("calls nothing of the agent's, whatever the search_path and its temporary objects are", async () => {
    const client = await connectTo(gateway, "builders");
    const errors: (string | null)[] = [];
    for (const text of [
      "SET search_path = pg_temp, public, pg_catalog",
      ...["pg_class", "pg_namespace", "pg_type", "pg_proc", "pg_attribute", "types", "relations", "below", "w"].map(
        (name) => `CREATE TABLE pg_temp.${name} (oid oid, name text)`,
      ),
      "CREATE TABLE public.plain (a int)",
      "BEGIN",
      "CREATE TEMP TABLE mine (a int, b text)",
      "INSERT INTO mine VALUES (1, 'x')",
      "SELECT * FROM mine",
      "CREATE INDEX ON mine (a)",
      "COMMENT ON TABLE plain IS 'x'",
      "DROP TABLE mine",
      "DROP TABLE public.plain",
      "DROP TABLE pg_temp.pg_class",
      "COMMIT",
    ]) {
      errors.push(errorOf(await client.query(text)));
    }
    client.destroy();

    expect(errors.filter((error) => error !== null)).toEqual([]);
    expect(await postgres.psql("SELECT count(*) FROM audit.trail WHERE what = 'sprung'", "shop")).toBe("0");
    // They would have: the traps are set.
    await postgres.psql("SET search_path = public, pg_catalog; SELECT 1::oid = 1::oid", "shop");
    expect(
      await postgres.psql("SELECT count(*) FROM audit.trail WHERE what OPERATOR(pg_catalog.=) 'sprung'", "shop"),
    ).toBe("1");
  });

  it("leaves the session in step where it is cancelled", async () => {
    const client = await connectTo(gateway, "builders");
    await client.query("CREATE TABLE public.timed (a int)");
    const seen = new Set<string>();
    for (let i = 0; i < 30; i++) {
      await client.query("SET statement_timeout = '1ms'");
      const answer = await client.query("COMMENT ON TABLE timed IS 'x'; COMMENT ON TABLE timed IS 'y'");
      expect(answer.filter(({ type }) => type === "ReadyForQuery")).toHaveLength(1);
      expect(answer.filter(({ type }) => type === "ErrorResponse").length).toBeLessThan(2);
      seen.add(errorOf(answer) ?? "none");
      while (errorOf(await client.query("RESET statement_timeout")) !== null); // it has no more time itself
      expect(rows(await client.query(`SELECT ${i}`))).toEqual([[`${i}`]]);
    }
    client.destroy();

    expect([...seen].filter((outcome) => !/^(57014|none)$/.test(outcome))).toEqual([]);
  });
});
