/** Splicing held against real servers: the spliced statement answers as the statement does, and its tree has no bare relation left. */

import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { ParsedStatement } from "../../src/analysis/parsed-statement.ts";
import { loadParser, type Parser } from "../../src/analysis/parser.ts";
import {
  childOf,
  forEachChild,
  maybeNumber,
  nodesOf,
  numberOf,
  type QueryNode,
  wordOf,
} from "../../src/analysis/query-tree/query-node.ts";
import { readQueryTree } from "../../src/analysis/query-tree/reader.ts";
import type { RelationReference } from "../../src/analysis/references.ts";
import { GatewayError } from "../../src/base/errors.ts";
import { type Replacement, type Splice, splice } from "../../src/masking/splice.ts";
import { POLICY_CASES, shopSql } from "../policy-cases/all-cases.ts";
import { POSTGRES_VERSIONS, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { TreeClient } from "../support/query-trees.ts";
import { SPLICE_CASES, SPLICE_ERRORS, SPLICE_LIMITS, SPLICE_SCHEMA } from "../support/splice-corpus.ts";
import { randomQuery } from "../support/splice-queries.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

describe("the corpus", () => {
  it("has at least 250 different statements", () => {
    expect(new Set(SPLICE_CASES.map(({ sql }) => sql)).size).toBeGreaterThanOrEqual(250);
  });
});

const versions = POSTGRES_VERSIONS.filter((version) => version === 15 || version === 18);

describe.each(versions)("a spliced statement on PostgreSQL %i", (version) => {
  let server: TestPostgres;
  let client: pg.Client;
  let trees: TreeClient;
  let parser: Parser;
  let relations: Relations;
  beforeAll(async () => {
    server = await startPostgres({ version, hba: ["host all all 127.0.0.1/32 trust"] });
    await server.psql(SPLICE_SCHEMA);
    client = new pg.Client({ connectionString: server.url() });
    await client.connect();
    trees = await TreeClient.connect(server.port, "postgres");
    parser = await loadParser(version);
    relations = await relationsOf(client, ["pg_catalog", "s", "public"]);
  });
  afterAll(async () => {
    await client.end();
    trees[Symbol.dispose]();
    await parser.close();
    await server.stop();
  });

  function splicedBy(sql: string, columns: readonly string[] = []): Splice | null {
    return splice(encode(sql), statementOf(sql), (reference) => relations.replace(reference, columns));
  }

  function spliced(sql: string, columns?: readonly string[]): string {
    const result = splicedBy(sql, columns);
    return result === null ? sql : decode(result.text);
  }

  it("answers as the statement does, in rows, names, types and origins", { timeout: 240_000 }, async () => {
    const differing: unknown[] = [];
    const failed: string[] = [];
    for (const { sql, after } of SPLICE_CASES) {
      const text = spliced(sql);
      const sent = await answers(client, sql, after);
      const got = await answers(client, text, after);
      if (JSON.stringify(sent) !== JSON.stringify(got)) differing.push({ sql, text, sent, got });
      if (JSON.stringify(sent).includes('"code"')) failed.push(`${sql} ${JSON.stringify(sent)}`);
    }
    expect(differing).toEqual([]);
    // Of a materialized view, with FOR UPDATE.
    expect(failed).toEqual([expect.stringContaining("cannot lock rows")]);
  });

  it("leaves no relation bare in the server's tree", { timeout: 240_000 }, async () => {
    const left: string[] = [];
    let bareBefore = 0;
    for (const { sql } of SPLICE_CASES) {
      if (!/^\W*(SELECT|TABLE|VALUES|WITH|INSERT|UPDATE|DELETE|MERGE)/.test(sql) || sql.includes(" INTO made"))
        continue;
      const outcome = await treeOf(sql);
      if (outcome !== null && bareEntries(outcome) > 0) bareBefore++;
      const tree = await treeOf(spliced(sql));
      if (tree !== null && bareEntries(tree) > 0) left.push(sql);
    }
    expect(left).toEqual([]);
    // What is looked for is there where nothing was spliced.
    expect(bareBefore).toBeGreaterThan(250);
  });

  it.each(SPLICE_LIMITS)("is refused by the server where it cannot mean the same: %s", async (sql, sqlstate) => {
    expect(await answers(client, sql)).toMatchObject([{ rows: expect.any(Array) }]);

    expect(await answers(client, spliced(sql))).toMatchObject([{ code: sqlstate }]);
  });

  it("has the same system columns where the sub-selects have them and no star shows them", async () => {
    for (const [sql] of SPLICE_LIMITS.slice(-3)) {
      const { references } = statementOf(sql);
      expect(references).toMatchObject({ star: false, natural: false, wholeRows: [] });
      expect(await answers(client, spliced(sql, references?.systemColumns))).toEqual(await answers(client, sql));
    }
  });

  it("shows a whole row as it is, but as a record", async () => {
    const [sent] = await answers(client, "SELECT t FROM target t ORDER BY 1");
    const [got] = await answers(client, spliced("SELECT t FROM target t ORDER BY 1"));

    expect(Shown.parse(got).rows).toEqual(Shown.parse(sent).rows);
    expect(Shown.parse(got).fields).toMatchObject([{ name: "t", dataTypeID: 2249 }]);
  });

  it.each(SPLICE_ERRORS)("has its errors at the place where the client wrote them: %s", async (sql) => {
    const [sent] = await answers(client, sql);
    const splice = splicedBy(sql);
    const [got] = await answers(client, splice === null ? sql : decode(splice.text));

    const { position, ...error } = Failed.parse(got);
    const { position: place, ...same } = Failed.parse(sent);
    expect(error).toEqual(same);
    expect(splice?.toClient(Number(position))).toBe(Number(place));
  });

  it("answers as the statement does, whatever that is", { timeout: 240_000 }, async () => {
    let rows = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(randomQuery, async (sql) => {
        const [sent] = await answers(client, sql);
        const splice = refusalOr(() => splicedBy(sql));
        if (splice === "refused") {
          refused++;
          return;
        }
        const text = splice === null ? sql : decode(splice.text);
        const [got] = await answers(client, text);
        const failed = Failed.safeParse(got).data;
        if (failed !== undefined) {
          expect({ ...failed, position: String(splice?.toClient(Number(failed.position)) ?? failed.position) }).toEqual(
            sent,
          );
          return;
        }
        expect(got).toEqual(sent);
        const tree = await treeOf(text);
        expect(tree === null ? -1 : bareEntries(tree)).toBe(0);
        rows += Shown.parse(sent).rows.length;
      }),
      { numRuns: 300, seed: 20_261_124 },
    );
    expect(rows).toBeGreaterThan(300);
    // A column named by its schema, where something else goes by its table's name.
    expect(refused).toBeLessThan(30);
  });

  function statementOf(sql: string): ParsedStatement {
    const outcome = parser.parse(encode(sql));
    if (!outcome.ok || outcome.statements.length !== 1) throw new Error(`not one statement: ${sql}`);
    return outcome.statements[0]!;
  }

  async function treeOf(sql: string): Promise<readonly QueryNode[] | null> {
    const tree = await trees.tree(sql).catch(() => null);
    return tree === null ? null : readQueryTree(tree, version);
  }
});

const REFUSED_BY_SERVER = [
  'SELECT ctid, xmin, tableoid::regclass FROM orders: 42703 column "ctid" does not exist',
  "SELECT t::vehicles FROM trucks t: 42846 cannot cast type record to vehicles",
  'SELECT tableoid::regclass, * FROM vehicles: 42703 column "tableoid" does not exist',
  'SELECT tableoid, * FROM vehicles: 42703 column "tableoid" does not exist',
];

describe.each(versions)("a statement of test/policy-cases, spliced, on PostgreSQL %i", (version) => {
  let server: TestPostgres;
  let client: pg.Client;
  let parser: Parser;
  beforeAll(async () => {
    server = await startPostgres({ version });
    await server.psql("CREATE ROLE shop_app");
    await server.psql("CREATE DATABASE shop");
    await server.psql(await shopSql(), "shop");
    client = new pg.Client({ connectionString: server.url("shop") });
    await client.connect();
    await client.query("SET statement_timeout = '5s'");
    parser = await loadParser(version);
  });
  afterAll(async () => {
    await client.end();
    await parser.close();
    await server.stop();
  });

  it("does what it does as sent, or is refused", { timeout: 240_000 }, async () => {
    const relations = await relationsOf(client, ["pg_catalog", "public"]);
    const otherwise: string[] = [];
    const refused: string[] = [];
    let spliced = 0;
    for (const { sql, setup = [], majors } of POLICY_CASES) {
      if (majors !== undefined && !majors.includes(version)) continue;
      const outcome = parser.parse(encode(sql));
      for (const statement of outcome.ok ? outcome.statements : []) {
        const result = refusalOr(() => splice(encode(sql), statement, (reference) => relations.replace(reference)));
        if (result === "refused") refused.push(sql);
        if (result === null || result === "refused") continue;
        spliced++;
        expect(parser.parse(result.text)).toMatchObject({ ok: true });
        if (!outcome.ok || outcome.statements.length !== 1) continue;
        const [sent, got] = [
          await lastCode(client, [...setup, sql]),
          await lastCode(client, [...setup, decode(result.text)]),
        ];
        // Settings of a session, which another schema's relation may follow from, are not looked at here; nor is chance.
        const counts = setup.length === 0 && !sql.includes("TABLESAMPLE");
        if (counts ? sent !== got : sent.split(" ")[0] !== got.split(" ")[0]) otherwise.push(`${sql}: ${got}`);
      }
    }
    expect(otherwise).toEqual(REFUSED_BY_SERVER);
    expect(refused).toEqual([]);
    expect(spliced).toBeGreaterThan(250);
  });
});

function refusalOr<T>(make: () => T): T | "refused" {
  try {
    return make();
  } catch (error) {
    if (error instanceof GatewayError && error.code === "CANNOT_JUDGE") return "refused";
    throw error;
  }
}

/** SQLSTATE of what the last of them fails with, or its command and rows; all in a transaction that is rolled back. */
async function lastCode(client: pg.Client, statements: readonly string[]): Promise<string> {
  await client.query("BEGIN");
  try {
    let answer = "";
    for (const text of statements) {
      const { command, rowCount } = await client.query(text);
      answer = `${command} ${rowCount}`;
    }
    return answer;
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    return `${error.code} ${error.message}`;
  } finally {
    await client.query("ROLLBACK");
    await client.query("DEALLOCATE ALL");
  }
}

/** Everything that a client gets, in a transaction that is rolled back. */
async function answers(client: pg.Client, sql: string, after: readonly string[] = []): Promise<readonly unknown[]> {
  const results: unknown[] = [];
  await client.query("BEGIN");
  try {
    const { rows, fields, command, rowCount } = await client.query({ text: sql, rowMode: "array", types: AS_TEXT });
    results.push({ rows, fields, command, rowCount });
    for (const text of after) {
      const seen = await client.query({ text, rowMode: "array", types: AS_TEXT });
      // A relation that was just made has another OID each time.
      results.push(
        seen.rows,
        seen.fields.map(({ tableID: _, ...field }) => field),
      );
    }
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    results.push({ code: error.code, message: error.message, position: error.position });
  }
  await client.query("ROLLBACK");
  await client.query("DEALLOCATE ALL");
  return results;
}

const AS_TEXT = { getTypeParser: () => (value: unknown) => value };

const Shown = z.object({
  rows: z.array(z.unknown()),
  fields: z.array(z.object({ name: z.string(), dataTypeID: z.number() })),
});
const Failed = z.strictObject({ code: z.string(), message: z.string(), position: z.string() });

class Relations {
  readonly #columns: ReadonlyMap<string, readonly string[]>;
  readonly #path: readonly string[];

  /** @param columns by `schema.relation`. */
  constructor(columns: ReadonlyMap<string, readonly string[]>, path: readonly string[]) {
    this.#columns = columns;
    this.#path = path;
  }

  replace({ name, place, only }: RelationReference, more: readonly string[] = []): Replacement | null {
    if (place === "target" || place === "other") return null;
    const relation = name.at(-1) ?? "";
    const schemas = name.length === 1 ? this.#path : [name.at(-2) ?? ""];
    const schema = schemas.find((one) => this.#columns.has(`${one}.${relation}`));
    const columns = schema === undefined ? undefined : this.#columns.get(`${schema}.${relation}`);
    if (schema === undefined || columns === undefined) return null;
    const list = [...columns, ...more].map(quoted).join(", ");
    return {
      text: `(SELECT ${list} FROM ${only ? "ONLY " : ""}${quoted(schema)}.${quoted(relation)} WHERE true)`,
      schema,
    };
  }
}

async function relationsOf(client: pg.Client, path: readonly string[]): Promise<Relations> {
  const { rows } = await client.query<{ name: string; columns: readonly string[] }>(`
    SELECT n.nspname || '.' || c.relname AS name,
      ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')`);
  return new Relations(new Map(rows.map(({ name, columns }) => [name, columns])), path);
}

const RELATION = 0;
const SUBQUERY = 1;

/** Entries of relations and views that are neither a target nor alone in a query whose condition is the constant true. */
function bareEntries(nodes: readonly QueryNode[]): number {
  let bare = 0;
  const visit = (node: QueryNode): void => {
    if (node.name === "QUERY") bare += bareIn(node);
    // What is in a view was written by its owner.
    if (node.name === "RANGETBLENTRY" && isView(node)) return;
    forEachChild(node, visit);
  };
  nodes.forEach(visit);
  return bare;
}

function bareIn(query: QueryNode): number {
  const entries = nodesOf(query, "rtable");
  const target = numberOf(query, "resultRelation");
  const quals = childOf(childOf(query, "jointree") ?? query, "quals");
  if (entries.length === 1 && quals?.name === "CONST") return 0;
  return entries.filter((entry, index) => {
    // `c` is ON CONFLICT's excluded.
    const isRelation = numberOf(entry, "rtekind") === RELATION && !["v", "c"].includes(wordOf(entry, "relkind"));
    return index + 1 !== target && (isRelation || isView(entry));
  }).length;
}

/** Its body stands in the view's place; 15 does not say whose it is, but keeps the rule's OLD and NEW in it. */
function isView(entry: QueryNode): boolean {
  const body = childOf(entry, "subquery");
  if (numberOf(entry, "rtekind") !== SUBQUERY || body === null) return false;
  if ((maybeNumber(entry, "relid") ?? 0) !== 0) return true;
  const [first] = nodesOf(body, "rtable");
  return first !== undefined && numberOf(first, "rtekind") === RELATION && wordOf(first, "relkind") === "v";
}
