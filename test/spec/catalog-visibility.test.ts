/**
 * Catalogs for an agent that may see one schema: the queries that tools send, recorded, answer as if the rest had never been made,
 * and no way of asking that is known here gives a name of it away. Real servers; see test/support/catalog-bench.ts.
 */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  childOf,
  NodeList,
  NumberList,
  nodesOf,
  QueryNode,
  type TreeValue,
} from "../../src/analysis/query-tree/query-node.ts";
import { readQueryTree } from "../../src/analysis/query-tree/reader.ts";
import { DENIED_SYSTEM_RELATIONS } from "../../src/analysis/system-relations.ts";
import { checkOf, FAMILY, PASSING } from "../../src/masking/visibility/catalog-functions.ts";
import { CLASSIFIED_SYSTEM_RELATIONS, systemRelation } from "../../src/masking/visibility/system-filters.ts";
import { isSameTree } from "../../src/masking/visibility/tree-equality.ts";
import { type Answer, CatalogBench, fixtures, type Statement } from "../support/catalog-bench.ts";
import { catalogOf } from "../support/catalogs.ts";
import { POSTGRES_VERSIONS, type PostgresVersion, startPostgres } from "../support/postgres.ts";

const HOSTILE = readFileSync(fileURLToPath(new URL("../vectors/catalog-queries/hostile.sql", import.meta.url)), "utf8");
const CANARY = /canary_/;
const VERSIONS = POSTGRES_VERSIONS.filter((version) => version === 15 || version === 18);

/** Statements whose answers differ from the twin's, each with what the difference is. */
const DIFFERENT: readonly (readonly [why: string, statement: RegExp])[] = [
  ["other databases are not shown", /FROM pg_catalog\.pg_database/],
  ["a TOAST table's own row is not shown", /LEFT JOIN pg_class tc ON \(c\.reltoastrelid = tc\.oid/],
  [
    "a hidden default is not shown, but that there is one",
    /pg_catalog\.pg_get_expr\(def\.adbin, def\.adrelid\) AS adsrc.*\["%"/s,
  ],
  ["a view over what is hidden does not show its definition", /rulename, ev_class AS ruletable/],
  ["what depends on hidden things is not shown to depend", /FROM pg_depend WHERE deptype != 'p'/],
  ["a parent has a hidden child's flags", /c\.relhastriggers, c\.relrowsecurity/],
  ["a hidden trigger's event is not shown, but that there are triggers", /relhastriggers/],
];
/** Refused because a partition of what they list is hidden. */
const REFUSED = [/pg_catalog\.pg_partition_tree\(c\.oid\)/];

const benches = new Map<PostgresVersion, CatalogBench>();

beforeAll(async () => {
  for (const version of VERSIONS) benches.set(version, await CatalogBench.start(version));
});

afterAll(async () => {
  for (const bench of benches.values()) await bench[Symbol.asyncDispose]();
});

function on(version: PostgresVersion): CatalogBench {
  const bench = benches.get(version);
  if (bench === undefined) throw new Error(`no server ${version}`);
  return bench;
}

/** Rows in any order, without TOAST relations and sizes on disk, elements of arrays in any order. */
function compared(answer: Answer): unknown {
  if (answer.kind !== "rows") return answer.kind;
  const value = (text: string | null): string | null =>
    text === null
      ? null
      : text.replace(/\b\d+ (?:bytes|[kM]B)\b/g, "size").replace(/^\{[^{}]*\}$/, (list) => [...list].sort().join(""));
  const rows = answer.rows.map((row) => JSON.stringify(row.map(value))).filter((row) => !row.includes("pg_toast"));
  return { names: answer.names, rows: rows.sort() };
}

function keyOf({ text, values }: Statement): string {
  return `${text} ${JSON.stringify(values)}`;
}

describe.each(VERSIONS)("the catalog queries of tools on PostgreSQL %d", (version) => {
  describe.each(fixtures(version).map(([tool]) => tool))("%s", (tool) => {
    const text = fixtures(version).find(([name]) => name === tool)?.[1] ?? "";

    it("run, answer as if what policy hides had never been made, and hold no byte of its names", async () => {
      const [differences, leaks]: [string[], string[]] = [[], []];
      const statements = on(version).statements(text);
      for (const statement of statements) {
        const [answer, direct] = [await on(version).ask(statement), await on(version).direct(statement)];
        const key = keyOf(statement);
        if (CANARY.test(JSON.stringify(answer))) leaks.push(key);
        if (answer.kind === "refused" && REFUSED.some((pattern) => pattern.test(key))) continue;
        if (answer.kind === direct.kind && DIFFERENT.some(([, pattern]) => pattern.test(key))) continue;
        if (JSON.stringify(compared(answer)) !== JSON.stringify(compared(direct))) {
          differences.push(`${answer.kind === "rows" ? "other rows" : answer.message}: ${key}`);
        }
      }

      expect(differences).toEqual([]);
      expect(leaks).toEqual([]);
      expect(statements.length).toBeGreaterThan(0);
    });

    it("are refused, and show nothing, where no sub-select was put in", async () => {
      const leaks: string[] = [];
      for (const statement of on(version).statements(text)) {
        const answer = await on(version).ask(statement, { spliced: false });
        if (answer.kind === "rows" && CANARY.test(JSON.stringify(answer))) leaks.push(keyOf(statement));
        const bare = /\bpg_(?:class|namespace|proc|type|attribute)\b/.test(statement.text);
        if (answer.kind === "rows" && bare) leaks.push(`ran: ${keyOf(statement)}`);
      }

      expect(leaks).toEqual([]);
    });
  });
});

describe.each(VERSIONS)("an agent that looks for hidden names on PostgreSQL %d", (version) => {
  it("finds none, by more than 200 ways, spliced or not", async () => {
    const statements = on(version).statements(HOSTILE);
    const leaks: string[] = [];
    for (const statement of statements) {
      for (const spliced of [true, false]) {
        const answer = await on(version).ask(statement, { spliced });
        if (answer.kind === "rows" && CANARY.test(JSON.stringify([answer.names, answer.rows])))
          leaks.push(statement.text);
      }
    }

    expect(leaks).toEqual([]);
    expect(statements.length).toBeGreaterThan(200);
  });

  it("would find them by most of these ways without the gateway", async () => {
    const leaks = new Set<string>();
    for (const statement of on(version).statements(HOSTILE)) {
      const answer = await on(version).bare(statement);
      if (answer.kind === "rows" && CANARY.test(JSON.stringify([answer.names, answer.rows]))) leaks.add(statement.text);
    }

    expect(leaks.size).toBeGreaterThan(100);
  });

  it("is not told apart, by a constant OID, what is hidden and what is not there", async () => {
    const hidden = await on(version).ask({
      text: "SELECT {{pg_class canary_hr.canary_staff}}::regclass".replace(
        /\{\{.*\}\}/,
        String(await on(version).oidOf("canary_hr.canary_staff")),
      ),
      values: [],
    });
    const missing = await on(version).ask({ text: "SELECT 999999::regclass", values: [] });

    expect(hidden).toEqual(missing);
    expect(hidden.kind).toBe("refused");
  });

  it("finds what it may see by its name and by its OID", async () => {
    const oid = await on(version).oidOf("shop.customers");
    const answer = await on(version).ask({
      text: `SELECT ${oid}::regclass::text, 'shop.customers'::regclass::oid, to_regclass('shop.customers')::text, obj_description(${oid}, 'pg_class'),
        pg_get_viewdef('shop.customer_names'::regclass) <> '', (quote_ident(nspname) || '.customers') = 'shop.customers' FROM pg_namespace WHERE nspname = 'shop'`,
      values: [],
    });

    expect(answer).toMatchObject({
      kind: "rows",
      rows: [["shop.customers", String(oid), "shop.customers", "who buys", "t", "t"]],
    });
  });
});

describe.each(VERSIONS)("a policy that names single things on PostgreSQL %d", (version) => {
  const LISTS = [
    "SELECT relname AS name FROM pg_class",
    "SELECT table_name::text AS name FROM information_schema.tables",
    "SELECT tablename::text AS name FROM pg_tables",
    "SELECT attrelid::regclass::text AS name FROM pg_attribute WHERE attrelid >= 16384",
    "SELECT typname AS name FROM pg_type",
    "SELECT indexname::text AS name FROM pg_indexes",
    "SELECT routine_name::text AS name FROM information_schema.routines WHERE specific_schema !~ '^(pg_|inf)'",
    "SELECT conname AS name FROM pg_constraint",
  ];

  async function listed(policy: string): Promise<readonly string[]> {
    const visibility = on(version).under(policy);
    const found = new Set<string>();
    for (const text of LISTS) {
      const answer = await on(version).ask({ text, values: [] }, { visibility });
      if (answer.kind !== "rows") throw new Error(`${text}: ${answer.message}`);
      for (const [name] of answer.rows) if (name !== null && name !== undefined) found.add(name);
    }
    return [...found];
  }

  it("hides a table of a schema that is seen, with its row type, indexes and constraints", async () => {
    const names = await listed(`permit (principal, action, resource in Schema::"test.shop");
      forbid (principal, action, resource == Table::"test.shop.customers");`);

    // shop.big was made like it, and has its NOT NULL constraints by their names.
    const others = /_id_seq$|_not_null$/;
    expect(names.filter((name) => /^_?customers|^named$/.test(name) && !others.test(name))).toEqual([]);
    expect(names).toContain("orders");
  });

  it("hides a function of a schema that is seen", async () => {
    const names = await listed(`permit (principal, action, resource in Schema::"test.shop");
      forbid (principal, action, resource) when { resource has name && resource.name == "total" };`);

    expect(names).not.toContain("total");
    expect(names).toContain("tidy");
  });

  it("shows one table of a schema that is hidden", async () => {
    const names = await listed(
      `permit (principal, action == Action::"select", resource == Table::"test.canary_hr.canary_staff");`,
    );

    expect(names.filter((name) => CANARY.test(name)).sort()).toEqual(
      [
        "_canary_staff",
        ...[
          "canary_check",
          "canary_hr.canary_index",
          "canary_hr.canary_staff",
          "canary_hr.canary_staff_pkey",
          "canary_index",
        ],
        ...["canary_mood", "canary_pair", "canary_staff", "canary_staff_pkey"],
        ...(version === 18 ? ["canary_staff_canary_id_not_null", "canary_staff_canary_name_not_null"] : []),
      ].sort(),
    );
  });
});

describe.each(VERSIONS)("the plan of a query on PostgreSQL %d", (version) => {
  it.each([
    ["SELECT * FROM shop.orders", true],
    ["SELECT * FROM shop.mixed", true],
    ["SELECT * FROM shop.customers WHERE id IN (SELECT a FROM shop.base)", true],
    ["SELECT * FROM shop.customers", false],
    ["SELECT * FROM shop.customer_names", false],
  ])("is told to name hidden things where it does: %s", async (text, shows) => {
    const queries = readQueryTree(await on(version).tree(text), version);

    expect(on(version).visibility.planShowsHidden(queries, false)).toBe(shows);
  });
});

describe.each(VERSIONS)("the proof on PostgreSQL %d", (version) => {
  const COLUMNS = /^SELECT relname FROM \(/;

  async function refusalOf(text: string): Promise<string | null> {
    return await on(version).prove(text);
  }

  it("accepts the sub-select as it was made", async () => {
    const spliced = on(version).spliced("SELECT relname FROM pg_class");

    expect(spliced).toMatch(COLUMNS);
    expect(await refusalOf(spliced)).toBeNull();
  });

  it.each<readonly [string, (text: string) => string]>([
    ["without its condition", (text) => text.replace(/ WHERE .*\) (AS )?pg_class$/s, ") AS pg_class")],
    ["with another condition before it", (text) => text.replace(" WHERE ", " WHERE true OR ")],
    ["with a narrower condition", (text) => text.replace(" WHERE ", " WHERE z.relkind = 'r' AND ")],
    ["with one schema more", (text) => text.replace("'{11,", "'{11,16500,")],
    ["without a column", (text) => text.replace('z."relpages", ', "")],
    ["with two columns in each other's place", (text) => text.replace('z."oid", z."relname"', 'z."relname", z."oid"')],
    ["with a column that it does not have", (text) => text.replace('z."oid", ', 'z."oid", z.ctid, ')],
    [
      "with another relation in it",
      (text) =>
        text.replace("FROM pg_catalog.pg_class AS z", "FROM pg_catalog.pg_class AS z, pg_catalog.pg_class AS y"),
    ],
    ["with a limit", (text) => text.replace(/\) (AS )?pg_class$/, " LIMIT 1) AS pg_class")],
    ["with DISTINCT", (text) => text.replace("(SELECT z.", "(SELECT DISTINCT z.")],
    ["with an order", (text) => text.replace(/ OFFSET 0\) (AS )?pg_class$/, " ORDER BY 1 OFFSET 0) AS pg_class")],
    ["without what keeps the client's conditions behind it", (text) => text.replace(" OFFSET 0)", ")")],
    ["with another offset", (text) => text.replace(" OFFSET 0)", " OFFSET 1)")],
    ["with another operator", (text) => text.replace("OPERATOR(pg_catalog.<>)", "OPERATOR(pg_catalog.=)")],
    ["with NOT before it", (text) => text.replace(" WHERE ", " WHERE NOT ")],
    ["with rows locked", (text) => `${text} FOR UPDATE`],
    [
      "with the bare relation beside it",
      (text) => `${text.replace("SELECT relname", "SELECT other.relname")}, pg_catalog.pg_class AS other`,
    ],
    [
      "with the bare relation in a sub-select beside it",
      (text) => `${text} WHERE EXISTS (SELECT 1 FROM pg_catalog.pg_namespace)`,
    ],
  ])("refuses it %s", async (_, change) => {
    const spliced = on(version).spliced("SELECT relname FROM pg_class");
    const changed = change(spliced);

    expect(changed).not.toBe(spliced);
    expect(await refusalOf(changed)).not.toBeNull();
  });

  it("tells each value of the proven tree from any other value, but for positions", async () => {
    const spliced = on(version).spliced("SELECT attname FROM pg_attribute");
    const [query] = readQueryTree(await on(version).tree(spliced), version);
    const [entry] = query === undefined ? [] : nodesOf(query, "rtable");
    const body = entry === undefined ? null : childOf(entry, "subquery");
    if (body === null) throw new Error("no sub-select");

    const unseen: string[] = [];
    let count = 0;
    for (const [changed, path] of mutations(body, "")) {
      count++;
      if (isSameTree(body, changed)) unseen.push(path);
    }

    expect(unseen).toEqual([]);
    expect(count).toBeGreaterThan(1000);
    expect(isSameTree(body, body)).toBe(true);
  });
});

/** The tree with one value changed, for each value that is no position. */
function* mutations(node: QueryNode, path: string): Generator<readonly [QueryNode, string]> {
  for (const [index, field] of node.shape.fields.entries()) {
    if (field.type === "p") continue;
    const value = node.values[index];
    if (value === undefined) continue;
    for (const [changed, below] of changes(value, `${path}/${node.name}.${field.name}`)) {
      yield [
        new QueryNode(
          node.shape,
          node.values.map((one, at) => (at === index ? changed : one)),
        ),
        below,
      ];
    }
  }
}

function* changes(value: TreeValue, path: string): Generator<readonly [TreeValue, string]> {
  if (typeof value === "number") yield [value + 1, path];
  else if (typeof value === "boolean") yield [!value, path];
  else if (typeof value === "string") yield [`${value}x`, path];
  else if (value instanceof Uint8Array) {
    yield [Uint8Array.from(value, (byte, at) => (at === value.length - 1 ? byte ^ 1 : byte)), path];
    yield [value.slice(1), path];
  } else if (value instanceof NumberList) yield [new NumberList([...value.numbers, 1]), path];
  else if (value instanceof QueryNode) {
    yield [null, path];
    yield* mutations(value, path);
  } else if (value instanceof NodeList) {
    yield [new NodeList(value.items.slice(1)), path];
    yield [new NodeList([...value.items, ...value.items]), path];
    for (const [at, item] of value.items.entries()) {
      if (item === null) continue;
      for (const [changed, below] of changes(item, path)) {
        if (changed === null || changed instanceof QueryNode || changed instanceof NodeList) {
          yield [new NodeList(value.items.map((one, index) => (index === at ? changed : one))), below];
        }
      }
    }
  }
}

describe.each(POSTGRES_VERSIONS)("what came with PostgreSQL %d", (version) => {
  it("is classified: every relation, free, filtered or denied", async () => {
    await using server = await startPostgres({ version });
    const catalog = await catalogOf(server);
    const system = catalog.data.relations.filter(
      ({ schema, kind }) =>
        (schema === "pg_catalog" || schema === "information_schema") && (kind === "r" || kind === "v"),
    );
    const classified = new Set(CLASSIFIED_SYSTEM_RELATIONS);

    const missing = system.filter(
      ({ schema, name }) => !classified.has(`${schema}.${name}`) && !DENIED_SYSTEM_RELATIONS.includes(name),
    );

    expect(missing.map(({ name }) => name)).toEqual([]);
    expect(systemRelation("pg_catalog", "pg_of_a_version_to_come").kind).toBe("denied");
  });

  it("is classified: every function that takes or gives the OID of an object", async () => {
    await using server = await startPostgres({ version });
    const catalog = await catalogOf(server);
    const callable = await server.psql(UNCLASSIFIED);

    const missing = callable
      .split("\n")
      .filter(Boolean)
      .filter((name) => checkOf(name) === undefined && !PASSING.has(name) && !FAMILY.has(name));

    expect(missing).toEqual([]);
    expect(catalog.functionsByName("pg_catalog", "pg_get_viewdef").length).toBeGreaterThan(0);
  });
});

describe("the classification of relations", () => {
  it("names none that no version has", async () => {
    const known = new Set<string>();
    for (const version of POSTGRES_VERSIONS) {
      await using server = await startPostgres({ version });
      for (const { schema, name } of (await catalogOf(server)).data.relations) known.add(`${schema}.${name}`);
    }

    expect(CLASSIFIED_SYSTEM_RELATIONS.filter((name) => !known.has(name))).toEqual([]);
  });
});

/**
 * Functions that a statement can call, and that take an OID, or a name to look an object up by. Input and output functions of types,
 * selectivity and other support functions take `internal` or `cstring`, or are refused to all (functions.md).
 */
const UNCLASSIFIED = `
  SELECT DISTINCT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
  WHERE n.nspname IN ('pg_catalog', 'information_schema') AND p.prokind IN ('f', 'a')
    AND (26 = ANY (p.proargtypes::oid[]) OR p.proname ~ '^(has_.*_privilege|to_reg.*)$'
      OR (p.proname ~ '^pg_(get|describe|identify)' AND 25 = ANY (p.proargtypes::oid[])))
    AND NOT (p.proargtypes::oid[] && ARRAY['internal'::regtype::oid, 'cstring'::regtype::oid])
    AND p.proname !~ '^(lo_|binary_upgrade_|pg_stat_reset|gist_|brin_|pg_ls_|regr_|fmgr_|plpgsql_|postgresql_fdw_|pg_nextoid|pg_import|amvalidate|pg_logical|pg_read)'
    AND p.proname !~ 'sel$'
  ORDER BY 1`;
