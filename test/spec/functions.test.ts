import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Catalog, CatalogFunction } from "../../src/analysis/catalog.ts";
import {
  CALL_FUNCTIONS,
  DENIED_EXTENSION_FUNCTIONS,
  DENY_CLASSES,
  FREE_VOLATILE,
} from "../../src/analysis/function-classes.ts";
import { ListingsError, listingLine, parseFunctionListings } from "../../src/analysis/function-listings.ts";
import { NameList, signatureOf, typedName } from "../../src/analysis/function-names.ts";
import { FunctionRules } from "../../src/analysis/functions.ts";
import { DENIED_SYSTEM_RELATIONS, deniedRelation } from "../../src/analysis/system-relations.ts";
import { calledIn, catalogOf, TREE_OPTIONS } from "../support/catalogs.ts";
import { POSTGRES_VERSIONS, type PostgresVersion, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { tableRows } from "../support/reference.ts";

const run = promisify(execFile);
const DEBIAN_BIN = "/usr/lib/postgresql/15/bin";

const SCHEMA = `
  CREATE TABLE shops (id serial PRIMARY KEY, name text NOT NULL DEFAULT 'x', born timestamptz DEFAULT now());
  CREATE TABLE sales (id int GENERATED ALWAYS AS IDENTITY, shop int REFERENCES shops, at date) PARTITION BY RANGE (at);
  CREATE TABLE sales_1 PARTITION OF sales FOR VALUES FROM ('2020-01-01') TO ('2030-01-01');
  CREATE VIEW names AS SELECT name FROM shops; CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM shops;
  CREATE FUNCTION plain(a int) RETURNS int LANGUAGE sql AS 'SELECT a + 1';
  CREATE FUNCTION many(a int) RETURNS SETOF int LANGUAGE sql AS 'SELECT a + 1';
  CREATE FUNCTION pairs() RETURNS TABLE (a int, b text) LANGUAGE sql AS 'SELECT 1, name FROM shops';
  CREATE PROCEDURE work() LANGUAGE sql AS 'INSERT INTO shops DEFAULT VALUES';
  CREATE FUNCTION filled(a int DEFAULT length(version())) RETURNS SETOF int LANGUAGE sql AS 'SELECT a';
  CREATE FUNCTION trusted() RETURNS SETOF int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
  CREATE FUNCTION dynamic(t text) RETURNS text LANGUAGE plpgsql AS 'DECLARE r text; BEGIN EXECUTE t INTO r; RETURN r; END';
  CREATE FUNCTION "Odd.name"("a b" text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN true; END';
  CREATE FUNCTION linked(t text) RETURNS text LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_call_handler';
  CREATE FUNCTION dblink(t text) RETURNS text LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_call_handler';
  CREATE AGGREGATE total(int) (SFUNC = int4pl, STYPE = int);
  CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE DOMAIN odd AS text CHECK ("Odd.name"(VALUE)); CREATE DOMAIN odder AS odd;
  CREATE TYPE pair AS (a int, b odder); CREATE TYPE fine AS (a int, b positive); CREATE TYPE mood AS ENUM ('good');
  CREATE OPERATOR <<<< (FUNCTION = dynamic, RIGHTARG = text);
  CREATE OPERATOR >>>> (FUNCTION = texteq, LEFTARG = text, RIGHTARG = text);`;

interface Running {
  readonly server: TestPostgres;
  readonly catalog: Catalog;
  readonly rules: FunctionRules;
}

const running = new Map<PostgresVersion, Running>();
beforeAll(async () => {
  for (const version of POSTGRES_VERSIONS) {
    const server = await startPostgres({ version });
    await server.psql(SCHEMA);
    const catalog = await catalogOf(server);
    running.set(version, { server, catalog, rules: new FunctionRules(catalog, []) });
  }
}, 60_000);
afterAll(async () => {
  for (const { server } of running.values()) await server.stop();
});

function on(version: PostgresVersion): Running {
  const found = running.get(version);
  if (found === undefined) throw new Error(`no server ${version}`);
  return found;
}

function builtIns({ catalog }: Running): readonly CatalogFunction[] {
  return catalog.data.functions.filter(({ builtIn }) => builtIn);
}

function one(catalog: Catalog, name: string): CatalogFunction {
  const [found, second] = catalog.functionsByName("public", name);
  if (found === undefined || second !== undefined) throw new Error(`not one function ${name}`);
  return found;
}

/** Functions that statements of a session call, as the server prints them, and what the rules say of those that are not free. */
async function notFree({ server, catalog, rules }: Running, statements: readonly string[]): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: server.url(), options: TREE_OPTIONS });
  const trees: string[] = [];
  client.on("notice", ({ detail }) => trees.push(detail ?? ""));
  await client.connect();
  try {
    for (const sql of statements) await client.query(sql);
  } finally {
    await client.end();
  }
  expect(trees.length).toBeGreaterThanOrEqual(statements.length);
  return judged(catalog, rules, trees.join("\n"));
}

function judged(catalog: Catalog, rules: FunctionRules, trees: string): readonly string[] {
  const called = calledIn(trees).filter((oid) => rules.judge(oid).kind !== "free");
  return called.map((oid) => catalog.function(oid)?.name ?? String(oid)).sort();
}

describe.each(POSTGRES_VERSIONS)("the functions that came with PostgreSQL %d", (version) => {
  it("each have a verdict, and most are free", () => {
    const { rules } = on(version);
    const count = { free: 0, call: 0, denied: 0 };
    for (const { oid } of builtIns(on(version))) count[rules.judge(oid).kind]++;

    expect(count.free).toBeGreaterThan(2000);
    expect(count.call).toBe(6); // nextval, setval twice, txid_current, pg_current_xact_id, pg_notify
    expect(count.denied).toBeGreaterThan(400);
  });

  it("are free where they are volatile only if the list says so", () => {
    const { catalog, rules } = on(version);
    const free = builtIns(on(version)).filter(
      ({ oid, volatility }) => volatility === "v" && rules.judge(oid).kind === "free",
    );
    const listed = new Set(FREE_VOLATILE.split(/\s+/));

    expect(free.length).toBeGreaterThan(50);
    expect(free.map((fn) => typedName(fn, catalog)).filter((name) => !listed.has(name))).toEqual([]);
  });

  it("are not free where their names speak of SQL text, files, sessions, replication or waiting", () => {
    const { rules } = on(version);
    const speaking =
      /(to_xml(schema)?$|_and_xmlschema$|^ts_stat|^lo_|^loread|^lowrite|_file$|file_|^pg_ls_|_backend$|_activity|advisory|sleep|replication|_slot|logical|^binary_upgrade|_reset|reload|rotate|backup_|promote|dblink)/;
    const harmless = new Set([
      "pg_advisory_unlock_all",
      "pg_relation_filepath",
      "pg_relation_filenode",
      "pg_filenode_relation",
      "pg_walfile_name",
      "pg_walfile_name_offset",
      "pg_stat_get_db_conflict_logicalslot",
      "pg_stat_get_bgwriter_stat_reset_time",
      "pg_stat_get_db_stat_reset_time",
      "pg_stat_get_checkpointer_stat_reset_time",
      "pg_stat_get_buf_written_backend",
      "pg_stat_get_buf_fsync_backend",
      "pg_char_to_encoding",
      "pg_split_walfile_name",
    ]);
    const free = builtIns(on(version)).filter(
      ({ oid, name }) => speaking.test(name) && rules.judge(oid).kind === "free",
    );

    expect(free.map(({ name }) => name).filter((name) => !harmless.has(name))).toEqual([]);
  });

  it("are free where system views that agents may read call them", async () => {
    const { server, catalog } = on(version);
    const views = catalog.data.relations.filter(({ kind, schema, name }) => {
      return kind === "v" && catalog.isBuiltIn(schema) && deniedRelation(schema, name) === null;
    });
    expect(views.length).toBeGreaterThan(100);

    const found = await notFree(
      on(version),
      views.map(({ schema, name }) => `SELECT * FROM ${schema}.${name} LIMIT 0`),
    );

    expect(found).toEqual([]);
    expect(server.version).toBe(version);
  });
});

describe("the lists of functions and relations", () => {
  function everywhere(matches: (list: NameList, fn: CatalogFunction, catalog: Catalog) => boolean) {
    return (entry: string) => {
      const list = new NameList(entry);
      return [...running.values()].some((each) => builtIns(each).some((fn) => matches(list, fn, each.catalog)));
    };
  }
  const names = (list: string): readonly string[] => list.split(/\s+/).filter(Boolean);
  const exists = everywhere((list, fn, catalog) => list.has(fn.name, typedName(fn, catalog)));

  it.each(
    DENY_CLASSES.map(({ name, functions }) => [name, functions]),
  )("name functions that exist: class %s", (_, list) => {
    expect(names(list).filter((entry) => !exists(entry))).toEqual([]);
  });

  it("name functions that exist: free though volatile, by call", () => {
    expect([...names(FREE_VOLATILE), ...names(CALL_FUNCTIONS)].filter((entry) => !exists(entry))).toEqual([]);
  });

  it("hold no function twice, and no extension's among the server's own", () => {
    const all = [
      ...DENY_CLASSES.map(({ functions }) => functions),
      FREE_VOLATILE,
      CALL_FUNCTIONS,
      DENIED_EXTENSION_FUNCTIONS,
    ];
    const entries = all.flatMap(names);
    expect(entries.filter((entry, index) => entries.indexOf(entry) !== index)).toEqual([]);
  });

  it("free nothing of a volatile name that is not volatile, which needs no line", () => {
    const volatile = everywhere((list, fn, catalog) => fn.volatility === "v" && list.has("", typedName(fn, catalog)));
    expect(names(FREE_VOLATILE).filter((entry) => !volatile(entry))).toEqual([]);
  });

  it("name system relations that exist", () => {
    const missing = DENIED_SYSTEM_RELATIONS.filter((name) => {
      return ![...running.values()].some(({ catalog }) =>
        ["pg_catalog", "information_schema"].some((schema) => catalog.relationByName(schema, name) !== undefined),
      );
    });
    expect(missing).toEqual([]);
  });
});

describe("docs/reference/functions.md", () => {
  const page = readFileSync(fileURLToPath(new URL("../../docs/reference/functions.md", import.meta.url)), "utf8");
  const code = (list: string): string =>
    list
      .split(/\s+/)
      .filter(Boolean)
      .map((entry) => `\`${entry}\``)
      .join(" ");

  it("has the classes that are denied, as the code has them", () => {
    expect(tableRows(page).slice(0, DENY_CLASSES.length)).toEqual(
      DENY_CLASSES.map(({ name, why, listable, functions }) => [
        name,
        why,
        listable ? "yes" : "never",
        code(functions),
      ]),
    );
  });

  it.each([CALL_FUNCTIONS, FREE_VOLATILE, DENIED_EXTENSION_FUNCTIONS])("has the list that begins with %s", (list) => {
    expect(page).toContain(code(list));
  });

  it("shows a file that can be read", () => {
    const [, example = ""] = /```yaml\n(.*?)```/s.exec(page) ?? [];
    expect(parseFunctionListings("functions.yaml", example)).toHaveLength(1);
  });
});

describe("the functions that tools need", () => {
  const JDBC = [
    `SELECT NULL AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema'
      WHEN true THEN 'SYSTEM' ELSE 'TABLE' END AS TABLE_TYPE, d.description AS REMARKS FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c
      LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0 AND d.classoid = 'pg_class'::regclass)
      WHERE c.relnamespace = n.oid AND c.relname LIKE 'shops' ORDER BY TABLE_TYPE, TABLE_SCHEM, TABLE_NAME`,
    `SELECT * FROM (SELECT n.nspname, c.relname, a.attname, a.atttypid, a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull, a.atttypmod,
      a.attlen, t.typtypmod, row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') AS attidentity,
      nullif(a.attgenerated, '') AS attgenerated, pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc, dsc.description, t.typbasetype, t.typtype
      FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (a.attrelid = c.oid)
      JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid = def.adrelid AND a.attnum = def.adnum)
      LEFT JOIN pg_catalog.pg_description dsc ON (c.oid = dsc.objoid AND a.attnum = dsc.objsubid) WHERE c.relkind IN ('r','p','v','f','m')
      AND a.attnum > 0 AND NOT a.attisdropped) c WHERE true ORDER BY nspname, c.relname, attnum`,
    `SELECT result.A FROM (SELECT (information_schema._pg_expandarray(i.indkey)).n AS A, i.indexrelid FROM pg_catalog.pg_index i
      WHERE i.indisprimary) result`,
    "SELECT set_config('extra_float_digits', '3', false), current_schema(), session_user, version()",
    "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname <> 'pg_toast' AND (nspname !~ '^pg_temp_' OR nspname = (pg_catalog.current_schemas(true))[1])",
  ];
  const SQLALCHEMY = [
    "SELECT pg_catalog.version()",
    `SELECT pg_catalog.pg_class.relname FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_catalog.pg_namespace.oid = pg_catalog.pg_class.relnamespace
      WHERE pg_catalog.pg_class.relkind = ANY (ARRAY['r','p','f','v','m']) AND pg_catalog.pg_table_is_visible(pg_catalog.pg_class.oid)
      AND pg_catalog.pg_namespace.nspname != 'pg_catalog'`,
    `SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d
      WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef), (SELECT json_build_object('always', a.attidentity = 'a', 'start', s.seqstart)
      FROM pg_catalog.pg_sequence s WHERE s.seqrelid = CAST(CAST(pg_catalog.pg_get_serial_sequence('shops', a.attname) AS regclass) AS oid))
      FROM pg_catalog.pg_attribute a WHERE a.attrelid = 'shops'::regclass AND pg_catalog.col_description(a.attrelid, a.attnum) IS NULL`,
    `SELECT conname, pg_catalog.pg_get_constraintdef(oid, true), array_agg(conrelid) FROM pg_catalog.pg_constraint GROUP BY 1, 2`,
    `SELECT i.indrelid, unnest(i.indkey), generate_subscripts(i.indkey, 1), pg_catalog.pg_get_indexdef(i.indexrelid, 1, true),
      pg_catalog.pg_get_expr(i.indpred, i.indrelid) FROM pg_catalog.pg_index i`,
    "SELECT pg_catalog.pg_get_viewdef('names'::regclass), pg_catalog.obj_description('shops'::regclass, 'pg_class'), current_setting('server_version')",
  ];
  const PRISMA = [
    `SELECT tbl.relname AS table_name, namespace.nspname AS namespace, (tbl.relhassubclass AND tbl.relkind = 'p') AS is_partition,
      tbl.relrowsecurity, tbl.reloptions, obj_description(tbl.oid, 'pg_class') FROM pg_class AS tbl
      INNER JOIN pg_namespace AS namespace ON namespace.oid = tbl.relnamespace WHERE tbl.relkind IN ('r', 'p') AND namespace.nspname = ANY (ARRAY['public'])`,
    "SELECT sequencename, schemaname, start_value, min_value, max_value, increment_by, cycle, cache_size FROM pg_sequences",
    "SELECT oid.namespace, info.table_name, format_type(att.atttypid, att.atttypmod), pg_get_expr(attdef.adbin, attdef.adrelid) FROM information_schema.columns info JOIN pg_attribute att ON att.attname = info.column_name JOIN (SELECT pg_class.oid, relname, pg_namespace.nspname AS namespace FROM pg_class JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace) AS oid ON oid.oid = att.attrelid LEFT JOIN pg_attrdef attdef ON attdef.adrelid = att.attrelid",
  ];

  it.each(POSTGRES_VERSIONS)("are free on %d: pgjdbc, SQLAlchemy, Prisma, asyncpg", async (version) => {
    const release = ["SELECT pg_advisory_unlock_all()"];
    expect(await notFree(on(version), [...JDBC, ...SQLALCHEMY, ...PRISMA, ...release])).toEqual([]);
  });

  const hasTools = existsSync(`${DEBIAN_BIN}/psql`) && POSTGRES_VERSIONS.includes(15);

  async function treesOf(program: string, args: readonly string[], server: TestPostgres): Promise<string> {
    const env = { PGOPTIONS: TREE_OPTIONS, PGPASSWORD: server.password, PATH: process.env["PATH"] ?? "", LC_ALL: "C" };
    const where = ["-h", server.host, "-p", String(server.port), "-U", "postgres"];
    const { stderr } = await run(`${DEBIAN_BIN}/${program}`, [...where, ...args], { env, maxBuffer: 2 ** 30 });
    return stderr;
  }

  it.skipIf(!hasTools).each(POSTGRES_VERSIONS)("are free on %d: psql's \\d and its like", async (version) => {
    const { server, catalog, rules } = on(version);
    const commands =
      `\\d \\d+ \\dt+ \\df+ \\dn+ \\l+ \\du+ \\dv+ \\di+ \\ds+ \\dT+ \\dp \\da \\dx \\dO \\db+ \\dD+ \\do \\dy \\dP+ \\dm+ \\ddp \\dA \\dAc \\dC+ \\dL \\drds
      \\dRp+ \\des+ \\det+ \\dew+ \\dF+ \\dX \\dconfig`.split(/\s+/);
    const more = [
      "\\d shops",
      "\\d+ shops",
      "\\d+ sales",
      "\\d+ names",
      "\\d shops_id_seq",
      "\\sf many",
      "\\sv names",
      "\\df+ many",
    ];
    const script = [...commands, ...more].flatMap((command) => ["-c", command]);

    const trees = await treesOf("psql", ["-X", "-d", "postgres", ...script], server);

    expect(calledIn(trees).length).toBeGreaterThan(40);
    expect(judged(catalog, rules, trees)).toEqual([]);
  });

  it.skipIf(!hasTools)("are free on 15: pg_dump", async () => {
    const { server, catalog, rules } = on(15);
    const before = (await server.log()).length; // pg_dump keeps notices to itself; the server's log has them too

    await treesOf("pg_dump", ["-d", "postgres", "-f", "/dev/null"], server);

    const trees = (await server.log()).slice(before);
    expect(calledIn(trees).length).toBeGreaterThan(30);
    expect(judged(catalog, rules, trees)).toEqual([]);
  });
});

describe.each(POSTGRES_VERSIONS)("a function of the database itself on %d", (version) => {
  function verdict(name: string, listed?: "listed" | "changed") {
    const { catalog } = on(version);
    const fn = one(catalog, name);
    const bodyHash = listed === "changed" ? "0".repeat(64) : fn.bodyHash;
    const listings = listed === undefined ? [] : [{ signature: signatureOf(fn), bodyHash }];
    return new FunctionRules(catalog, listings).judge(fn.oid);
  }
  const denied = (why: RegExp) => ({ kind: "denied", why: expect.stringMatching(why) });

  it.each(["many", "pairs", "work"])("needs a call where the server shows what it runs: %s", (name) => {
    expect(verdict(name)).toEqual({ kind: "call" });
  });

  it.each([
    ["plain", /in place of the call/],
    ["filled", /default arguments/],
    ["trusted", /rights of its owner/],
    ["dynamic", /plpgsql/],
    ["Odd.name", /plpgsql/],
    ["linked", /in c is not shown/],
    ["total", /aggregate/],
  ])("is denied where it does not, until a listing names it: %s", (name, why) => {
    expect(verdict(name)).toEqual(denied(why));
    expect(verdict(name, "listed")).toEqual({ kind: "call" });
  });

  it("is denied when its body is not the one that was listed, and both hashes are named", () => {
    const { bodyHash } = one(on(version).catalog, "dynamic");
    expect(verdict("dynamic", "changed")).toEqual(denied(new RegExp(`${"0".repeat(64)}, now ${bodyHash}`)));
  });

  it("is never allowed where it is an extension's that reaches beyond the database", () => {
    expect(verdict("dblink", "listed")).toEqual(denied(/no listing opens it/));
  });

  it("is what is behind an operator", () => {
    const { catalog, rules } = on(version);
    const operator = (name: string) =>
      catalog.data.operators.find((each) => each.schema === "public" && each.name === name)?.oid;
    expect(rules.judgeOperator(operator("<<<<") ?? 0)).toEqual(denied(/plpgsql/));
    expect(rules.judgeOperator(operator(">>>>") ?? 0)).toEqual({ kind: "free" });
  });

  it("hides in a type: a domain's checks, also below a domain, in a column, in an array", () => {
    const { catalog } = on(version);
    const type = (name: string) => catalog.typeByName("public", name)?.oid ?? 0;
    const rules = new FunctionRules(catalog, []);
    for (const name of ["odd", "odder", "pair", "_pair", "_odd"])
      expect(rules.judgeType(type(name))).toEqual(denied(/plpgsql/));
    for (const name of ["positive", "fine", "_fine", "mood", "shops"]) {
      expect(rules.judgeType(type(name))).toEqual({ kind: "free" });
    }
    const odd = one(catalog, "Odd.name");
    const listed = new FunctionRules(catalog, [{ signature: signatureOf(odd), bodyHash: odd.bodyHash }]);
    expect(listed.judgeType(type("_pair"))).toEqual({ kind: "call" });
  });

  it("is denied by its number where the catalog does not know it", () => {
    const { rules } = on(version);
    expect(rules.judge(4_000_000_000)).toEqual(denied(/OID 4000000000/));
    expect(rules.judgeOperator(4_000_000_000)).toEqual(denied(/OID 4000000000/));
    expect(rules.judgeType(4_000_000_000)).toEqual(denied(/OID 4000000000/));
  });
});

describe("a function that came with the server", () => {
  const latest = POSTGRES_VERSIONS.at(-1) ?? 18;

  it("can be listed where it only waits or locks, and not where it reads files", () => {
    const { catalog } = on(latest);
    const [sleep] = catalog.functionsByName("pg_catalog", "pg_sleep");
    const [list] = catalog.functionsByName("pg_catalog", "pg_ls_waldir");
    if (sleep === undefined || list === undefined) throw new Error("not found");
    const listings = [sleep, list].map((fn) => ({ signature: signatureOf(fn), bodyHash: fn.bodyHash }));
    const rules = new FunctionRules(catalog, listings);

    expect(on(latest).rules.judge(sleep.oid)).toMatchObject({ kind: "denied" });
    expect(rules.judge(sleep.oid)).toEqual({ kind: "call" });
    expect(rules.judge(list.oid)).toMatchObject({
      kind: "denied",
      why: expect.stringContaining("no listing opens it"),
    });
    expect(rules.listingProblems()).toEqual([
      { signature: signatureOf(list), message: expect.stringContaining("files") },
    ]);
  });

  it("is a user's where a superuser has replaced it in another language", async () => {
    await using server = await startPostgres({ version: latest });
    await server.psql(
      "CREATE OR REPLACE FUNCTION pg_catalog.pi() RETURNS float8 LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE STRICT AS 'BEGIN RETURN 3; END'",
    );
    const catalog = await catalogOf(server);
    const [pi] = catalog.functionsByName("pg_catalog", "pi");

    expect(new FunctionRules(catalog, []).judge(pi?.oid ?? 0)).toMatchObject({ kind: "denied" });
  });

  it.each(POSTGRES_VERSIONS)("is inlined on %d when it is a scalar in SQL: no tree shows its body", async (version) => {
    const client = new pg.Client({ connectionString: on(version).server.url(), options: TREE_OPTIONS });
    const trees: string[] = [];
    client.on("notice", ({ detail }) => trees.push(detail ?? ""));
    await client.connect();
    await client.query("SELECT plain(1)");
    const scalar = trees.length;
    await client.query("SELECT * FROM many(1)");
    await client.end();

    expect([scalar, trees.length - scalar]).toEqual([1, 2]);
  });
});

describe("functions.yaml", () => {
  const HASH = "a".repeat(64);

  it("reads the line that is printed for a function", () => {
    const fn = one(on(POSTGRES_VERSIONS.at(-1) ?? 18).catalog, "Odd.name");
    expect(parseFunctionListings("functions.yaml", `functions:\n${listingLine(fn)}\n`)).toEqual([
      { signature: 'public."Odd.name"("a b" text)', bodyHash: fn.bodyHash },
    ]);
  });

  it("may be empty", () => {
    expect(parseFunctionListings("functions.yaml", "# none yet\n")).toEqual([]);
  });

  it.each([
    ["functions:\n  - signature: public.f()\n", "2:5: functions[0].bodyHash"],
    [`functions:\n  - signature: f()\n    bodyHash: ${HASH}\n`, "2:16: functions[0].signature: expected schema.name"],
    [`functions:\n  - signature: public.f()\n    bodyHash: ${HASH.toUpperCase()}\n`, "3:15: functions[0].bodyHash"],
    [`functions:\n  - signature: public.f()\n    bodyHash: ${HASH}\n    role: x\n`, "2:5: functions[0]"],
    [`funktions: []\n`, "1:1:"],
    [`functions: []\nfunctions: []\n`, "2:1:"],
    [`functions: [\n`, "functions.yaml:"],
    [
      `functions:\n  - { signature: public.f(), bodyHash: ${HASH} }\n  - { signature: public.f(), bodyHash: ${HASH} }\n`,
      "3:5: public.f() is listed already",
    ],
  ])("is refused with the place of the mistake: %j", (text, said) => {
    expect(() => parseFunctionListings("functions.yaml", text)).toThrow(ListingsError);
    expect(() => parseFunctionListings("functions.yaml", text)).toThrow(said);
  });
});

describe("a relation of the server's own schemas", () => {
  it.each([
    ["pg_catalog", "pg_authid"],
    ["pg_catalog", "pg_stats"],
    ["pg_catalog", "pg_stat_activity"],
    ["pg_toast", "pg_toast_16403"],
    ["information_schema", "user_mapping_options"],
    ["extensions", "pg_stat_statements"],
  ])("is not read where it holds what no policy covers: %s.%s", (schema, name) => {
    expect(deniedRelation(schema, name)).toMatch(/./);
  });

  it.each([
    ["pg_catalog", "pg_class"],
    ["pg_catalog", "pg_roles"],
    ["pg_catalog", "pg_settings"],
    ["information_schema", "columns"],
    ["public", "pg_authid"],
  ])("is free to read otherwise: %s.%s", (schema, name) => {
    expect(deniedRelation(schema, name)).toBeNull();
  });

  it("is free without the column that makes it secret", () => {
    expect(deniedRelation("pg_catalog", "pg_subscription", ["subdbid"])).toBeNull();
    expect(deniedRelation("pg_catalog", "pg_subscription", ["subdbid", "subconninfo"])).toMatch(/credentials/);
    expect(deniedRelation("pg_catalog", "pg_subscription", ["*"])).toMatch(/credentials/);
    expect(deniedRelation("pg_catalog", "pg_authid", ["rolname"])).toMatch(/passwords/);
  });
});
