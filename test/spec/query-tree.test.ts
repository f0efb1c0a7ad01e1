import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nodeShapes } from "../../src/analysis/query-tree/node-shape.ts";
import {
  forEachChild,
  NodeList,
  NumberList,
  QueryNode,
  type TreeValue,
} from "../../src/analysis/query-tree/query-node.ts";
import { readQueryTree } from "../../src/analysis/query-tree/reader.ts";
import { touchedBy } from "../../src/analysis/query-tree/touched.ts";
import type { ServerMajor } from "../../src/analysis/query-tree/tree-facts.ts";
import { TreeUnknown } from "../../src/analysis/query-tree/tree-unknown.ts";
import { POSTGRES_VERSIONS, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { TREE_CASES } from "../support/query-tree-cases.ts";
import { factsText, type Names, namesOf, SCHEMA } from "../support/query-tree-schema.ts";
import { TreeClient } from "../support/query-trees.ts";

describe.each(POSTGRES_VERSIONS)("the tree of a statement on PostgreSQL %i", (major) => {
  let server: TestPostgres;
  let client: TreeClient;
  let names: Names;
  beforeAll(async () => {
    server = await startPostgres({ version: major, hba: ["host all all 127.0.0.1/32 trust"] });
    await server.psql(SCHEMA);
    names = await namesOf(server);
    client = await TreeClient.connect(server.port, "agent");
  });
  afterAll(async () => {
    client[Symbol.dispose]();
    await server.stop();
  });
  const read = async (sql: string): Promise<readonly QueryNode[]> => readQueryTree(await client.tree(sql), major);
  const facts = async (sql: string) => touchedBy(await read(sql), major);

  const cases = TREE_CASES.filter(([, , from = 15]) => major >= from).map(
    ([sql, expected]) => [sql, expected] as const,
  );

  it.each(cases)("says what it touches: %s", async (sql, expected) => {
    expect(factsText(await facts(sql), names)).toBe(expected);
  });

  it("is read in all the nodes that the tables know", async () => {
    const seen = new Set<string>();
    const note = (node: QueryNode): void => {
      seen.add(node.name);
      forEachChild(node, note);
    };
    for (const [sql] of cases) (await read(sql)).forEach(note);

    const known = [...nodeShapes(major).byHash.values()].map(({ name }) => name);
    expect(known.filter((name) => !seen.has(name))).toEqual([]);
  });

  it("is read for every view of the server's own", async () => {
    const views = await server.psql(
      "SELECT oid::regclass FROM pg_class WHERE relkind = 'v' AND oid < 16384 ORDER BY oid",
    );
    for (const view of views.split("\n")) {
      const { relations } = await facts(`SELECT * FROM ${view}`);
      expect(relations.filter(({ through }) => through.length === 0)).toHaveLength(1);
    }
  });

  it.each(BOUNDED)("does not match all rows where %s", async (where) => {
    for (const sql of [`DELETE FROM c WHERE ${where}`, `UPDATE c SET name = 'x' WHERE ${where}`]) {
      expect(await facts(sql)).toMatchObject({ hasWhere: true, matchesAll: false });
    }
  });

  it.each(UNBOUNDED)("matches all rows where %s", async (where) => {
    for (const sql of [`DELETE FROM c WHERE ${where}`, `UPDATE c SET name = 'x' WHERE ${where}`]) {
      expect(await facts(sql)).toMatchObject({ hasWhere: true, matchesAll: true });
    }
  });

  it.each([
    "UPDATE c SET name = s.n FROM (VALUES (1, 'a'), ($1, $2)) s(id, n) WHERE c.id = s.id",
    "UPDATE c SET name = 'x' FROM unnest($1::int[]) AS s(id) WHERE c.id = s.id",
    "DELETE FROM c USING o WHERE c.id = o.c_id AND c.id = 5",
    "DELETE FROM v WHERE name = $1",
    ...BOUNDED_BY_OTHERS,
  ])("does not match all rows: %s", async (sql) => {
    expect(await facts(sql)).toMatchObject({ hasWhere: true, matchesAll: false });
  });

  it.each([
    // The condition of the view is not the statement's.
    ["DELETE FROM v", false],
    ["DELETE FROM v WHERE true", true],
    ["UPDATE vb SET name = 'x'", false],
    ["DELETE FROM c USING o", true],
    ["DELETE FROM c AS c USING c AS other WHERE other.id = 5", true],
    ["DELETE FROM vt USING vt AS other WHERE other.id = 5", true],
    ["UPDATE c SET name = 'x' FROM (SELECT id, 5 AS five FROM o) s WHERE c.id = s.id", true],
    ["UPDATE c SET name = 'x' FROM (SELECT 5 AS five, (SELECT max(id) FROM o) AS id) s WHERE c.id = s.id", true],
    ...UNBOUNDED_BY_OTHERS.map((sql) => [sql, true] as const),
    ["WITH d AS (DELETE FROM c RETURNING id) SELECT 1", false],
    ["WITH d AS (DELETE FROM c RETURNING id) UPDATE o SET note = 'x' WHERE id = 1", false],
  ] as const)("matches all rows: %s", async (sql, hasWhere) => {
    expect(await facts(sql)).toMatchObject({ hasWhere, matchesAll: true });
  });

  it.each([
    "EXPLAIN SELECT 1",
    "SHOW work_mem",
    "DECLARE d CURSOR FOR SELECT 1",
    "CREATE TABLE t AS SELECT 1 AS a",
  ])("is refused where it is not of a rewritten query: %s", async (sql) => {
    await expect(read(sql)).rejects.toThrow(TreeUnknown);
  });

  it.each(HOSTILE.map(cut))("is read as with a plain name, or refused: %j", async (name) => {
    for (const template of TEMPLATES) await expectSameTree(template, [name, `2${name}`, `3${name}`]);
  });

  it("is read as with plain names, or refused, whatever the names", { timeout: 120_000 }, async () => {
    let refused = 0;
    const fragment = fc.constantFrom(...FRAGMENTS);
    const name = fc.array(fragment, { minLength: 1, maxLength: 12 }).map((parts) => cut(parts.join("")));
    const names3 = fc.tuple(name, name, name).filter((all) => new Set(all).size === 3);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...TEMPLATES), names3, async (template, chosen) => {
        if (!(await expectSameTree(template, chosen))) refused++;
      }),
      { numRuns: 150, seed: 20_261_123 },
    );
    expect(refused).toBeLessThan(75);
  });

  /** @returns false where the reader has refused the hostile one. */
  async function expectSameTree(template: string, chosen: readonly string[]): Promise<boolean> {
    const plain = await read(filled(template, ["plain_a", "plain_b", "plain_c"]));
    let hostile: readonly QueryNode[];
    const tree = await client.tree(filled(template, chosen));
    try {
      hostile = readQueryTree(tree, major);
    } catch (error) {
      expect(error).toBeInstanceOf(TreeUnknown);
      return false;
    }
    expect(JSON.stringify(hostile.map(withoutPositions))).toBe(JSON.stringify(plain.map(withoutPositions)));
    expect(touchedBy(hostile, major)).toEqual(touchedBy(plain, major));
    return true;
  }

  it("is refused by the tables of every other major", async () => {
    const tree = await client.tree("SELECT count(*) FROM c JOIN v USING (id) GROUP BY c.name ORDER BY 1");
    for (const other of [15, 16, 17, 18] as const satisfies readonly ServerMajor[]) {
      if (other !== major) expect(() => readQueryTree(tree, other)).toThrow(TreeUnknown);
    }
  });

  it("never takes long or fails otherwise when it is damaged", async () => {
    const tree = await client.tree(
      "WITH x AS (SELECT name FROM v) SELECT c.name, count(*) FROM c JOIN x USING (name) WHERE c.id IN (1, $1) GROUP BY 1 LIMIT 3",
    );
    const random = fc.sample(fc.tuple(fc.nat(tree.length - 1), fc.nat(255)), { numRuns: 1500, seed: 3 });
    for (const [at, byte] of random) {
      const damaged = Uint8Array.from(tree);
      damaged[at] = byte;
      expectReadOrUnknown(damaged, major);
      const gap = Buffer.concat([tree.subarray(0, at), tree.subarray(at + 1 + (byte % 40))]);
      expectReadOrUnknown(gap, major);
    }
    for (let length = 0; length < tree.length; length += 7) {
      expect(() => readQueryTree(tree.subarray(0, length), major)).toThrow(TreeUnknown);
    }
  });
});

/** Conditions on c that bound the statement. */
const BOUNDED = [
  ...[
    "id = $1",
    "id = 1",
    "1 = id",
    "id > 5",
    "id IN (1, 2)",
    "id = ANY ($1)",
    "id IN ($1, $2)",
    "lower(name) = 'x'",
    "ctid = '(0,1)'",
  ],
  ...[
    "name LIKE 'x%'",
    "id BETWEEN 1 AND 3",
    "id = 1 AND 1 = 1",
    "1 = 1 AND (name = 'a' OR name = 'b')",
    "active",
    "NOT active",
  ],
  ...["active IS TRUE", "deleted_at IS NULL", "NOT (deleted_at IS NOT NULL)", "NOT (id = 1 OR 1 = 0)", "tags[1] = 'x'"],
  ...[
    "doc ->> 'a' = $1",
    "(id, name) = (1, 'a')",
    "(id, name) IN ((1, 'a'), (2, 'b'))",
    "(id, name) > (1, 'a')",
    "(id = 1) = true",
  ],
  ...[
    "deleted_at < now() - interval '1 day'",
    "id IS DISTINCT FROM 5",
    "CURRENT OF cur",
    "id = 1 AND EXISTS (SELECT FROM o)",
  ],
  "name || email = 'x'",
];

/** Conditions that bound nothing, or nothing that shows. */
const UNBOUNDED = [
  ...[
    "1 = 1",
    "true",
    "NULL",
    "$1::bool",
    "id = id",
    "id = id + 0",
    "id - id = 0",
    "(id = id) = true",
    "5 = 5",
    "NOT false",
  ],
  ...[
    "EXISTS (SELECT 1 FROM o)",
    "id IN (SELECT c_id FROM o)",
    "id = (SELECT 5)",
    "id IS NOT NULL",
    "NOT (id IS NULL)",
  ],
  ...[
    "id = 1 OR true",
    "id = 1 OR 1 = 1",
    "id = 1 OR id = id",
    "id IN (1, id)",
    "id = COALESCE($1, id)",
    "NOT (id = 1 AND 1 = 0)",
  ],
  ...[
    "CASE WHEN id = 1 THEN true ELSE true END",
    "COALESCE(id = 1, true)",
    "id = 1 OR EXISTS (SELECT FROM o)",
    "random() < 1",
  ],
  ...["active IS NOT UNKNOWN", "name = email", "current_user = 'x'", "now() > '2020-01-01'", "(id, 1) > (id, 0)"],
];

/** The target is compared with what a constant picks. */
const BOUNDED_BY_OTHERS = [
  "UPDATE c SET name = o.note FROM o WHERE o.c_id = c.id AND o.id = 5",
  "UPDATE c SET name = o.note FROM o WHERE c.id = o.c_id AND (o.id = 5 OR o.note = $1)",
  "UPDATE c SET name = o.note FROM o WHERE (c.id = o.c_id AND o.id = 5) OR (c.tenant = o.c_id AND o.id = 6)",
  "UPDATE c SET name = 'x' FROM o JOIN log ON log.id = o.id AND log.what = 'x' WHERE c.id = o.c_id",
  "UPDATE c SET name = 'x' FROM o JOIN log USING (id) WHERE c.id = o.c_id AND log.id = 5",
  "UPDATE c SET name = 'x' FROM (o JOIN log USING (id)) j WHERE c.id = j.c_id AND j.what = 'x'",
  "DELETE FROM c USING o, log, base WHERE c.id = o.c_id AND o.id = log.id AND log.id = base.id AND base.a = 'x'",
  "DELETE FROM c USING vr WHERE vr.id = c.id AND vr.total = 5",
  "DELETE FROM c USING (SELECT c_id FROM o WHERE note = 'x') q WHERE q.c_id = c.id",
  "DELETE FROM c USING (SELECT c_id, max(note) AS note FROM o GROUP BY c_id) q WHERE q.c_id = c.id AND q.note = 'x'",
  "DELETE FROM c USING (SELECT c_id FROM o WHERE note = 'x' GROUP BY c_id) q WHERE q.c_id = c.id",
  "WITH q AS (SELECT c_id FROM o WHERE note = $1) DELETE FROM c USING q WHERE q.c_id = c.id",
  "DELETE FROM c WHERE id IN (SELECT c_id FROM o WHERE note = 'x')",
  "DELETE FROM c WHERE (id, name) IN (SELECT c_id, note FROM o WHERE note = 'x')",
  "DELETE FROM c WHERE id = (SELECT c_id FROM o WHERE note = 'x')",
  "DELETE FROM c WHERE id = (SELECT max(c_id) FROM o WHERE note = 'x')",
  "DELETE FROM c WHERE EXISTS (SELECT FROM o WHERE o.c_id = c.id AND o.note = 'x')",
  "DELETE FROM c WHERE EXISTS (SELECT FROM o WHERE o.c_id = c.id AND c.name = 'x')",
  "MERGE INTO c USING log l ON c.id = l.id AND l.what = 'x' WHEN MATCHED THEN DELETE",
  "MERGE INTO c USING log l ON c.id = l.id WHEN MATCHED AND l.what = 'x' THEN DELETE",
  "MERGE INTO c USING (SELECT id FROM log WHERE what = 'x') l ON c.id = l.id WHEN MATCHED THEN UPDATE SET name = 'y'",
];

/** It is compared with what nothing picks, or with itself in disguise. */
const UNBOUNDED_BY_OTHERS = [
  "UPDATE c SET name = o.note FROM o WHERE o.c_id = c.id",
  "UPDATE c SET name = 'x' FROM (VALUES (1)) v WHERE c.id = c.id AND v.column1 = 1",
  "UPDATE c SET name = 'x' FROM o WHERE c.id = c.id AND o.id = 5",
  "UPDATE c SET name = 'x' FROM o WHERE c.id = c.tenant AND o.id = 5",
  "UPDATE c SET name = 'x' FROM o WHERE o.c_id = c.id AND o.id = o.id",
  "UPDATE c SET name = 'x' FROM o WHERE o.c_id = c.id AND o.id IS NOT NULL",
  "UPDATE c SET name = 'x' FROM o WHERE o.c_id = c.id AND (o.id = 5 OR true)",
  "UPDATE c SET name = 'x' FROM o WHERE o.c_id = c.id OR o.id = 5",
  "UPDATE c SET name = 'x' FROM o WHERE (o.c_id = c.id AND o.id = 5) OR c.id = o.id",
  "UPDATE c SET name = 'x' FROM o, log WHERE o.c_id = c.id AND log.id = 5",
  "UPDATE c SET name = 'x' FROM o LEFT JOIN log ON log.id = o.id AND o.note = 'x' WHERE o.c_id = c.id",
  "DELETE FROM c USING c c2 WHERE c.id = c2.id AND c2.id > 0",
  "DELETE FROM c USING (SELECT id FROM c WHERE id > 0) c2 WHERE c.id = c2.id",
  "DELETE FROM c USING (SELECT id FROM c) c2 WHERE c.id = c2.id AND c2.id > 0",
  "DELETE FROM c USING v WHERE c.id = v.id AND v.id > 0",
  "WITH q AS (SELECT id FROM c WHERE id > 0) DELETE FROM c USING q WHERE q.id = c.id",
  "WITH q AS (SELECT id FROM c) DELETE FROM c USING (SELECT id FROM q) p WHERE p.id = c.id AND p.id > 0",
  "DELETE FROM c WHERE id IN (SELECT id FROM c c2 WHERE c2.id > 0)",
  "DELETE FROM c WHERE EXISTS (SELECT FROM c c2 WHERE c2.id = c.id AND c2.id > 0)",
  "DELETE FROM c WHERE EXISTS (SELECT count(*) FROM o WHERE o.c_id = c.id AND o.id = 5)",
  "DELETE FROM c WHERE EXISTS (SELECT 1 FROM o WHERE o.c_id = c.id AND o.id = 5 HAVING true)",
  "DELETE FROM c WHERE EXISTS (SELECT 1 FROM o WHERE o.c_id = c.id AND o.id = 5 GROUP BY ())",
  "DELETE FROM c WHERE EXISTS (SELECT FROM o WHERE o.id = 5)",
  "DELETE FROM c WHERE NOT EXISTS (SELECT FROM o WHERE o.c_id = c.id AND o.note = 'x')",
  "DELETE FROM c WHERE id NOT IN (SELECT c_id FROM o WHERE note = 'x')",
  "DELETE FROM c WHERE id IN (SELECT c_id FROM o WHERE note = 'x' UNION SELECT id FROM o)",
  "DELETE FROM c WHERE id IN (SELECT o.id FROM o, log WHERE log.id = 5)",
  "DELETE FROM c WHERE id IN (SELECT c.id FROM o WHERE note = 'x')",
  "DELETE FROM c USING vr WHERE vr.id = c.id",
  "MERGE INTO c USING log l ON c.id = l.id WHEN MATCHED AND l.id = l.id THEN DELETE",
  "MERGE INTO c USING c l ON c.id = l.id AND l.id > 0 WHEN MATCHED THEN DELETE",
];

/** $A, $B, $C: places for names. */
const TEMPLATES = [
  "SELECT ssn AS $A, name AS $B FROM c AS $C",
  "SELECT $A.ssn FROM c AS $A JOIN o AS $B ON $A.id = $B.c_id",
  "WITH $A AS (SELECT ssn AS $B FROM c) SELECT $A.$B AS $C FROM $A",
  "SELECT x.$A, x.$B FROM (SELECT ssn, name, 1 FROM c) AS x($A, $B, $C)",
  "SELECT rank() OVER $A FROM c WINDOW $A AS (ORDER BY ssn), $B AS (PARTITION BY name)",
  "SELECT $A.id FROM (c JOIN o USING (id)) AS $A",
  "SELECT id AS $A FROM c JOIN o USING (id) AS $B WHERE $B.id = 1 ORDER BY $A",
  "SELECT * FROM json_to_record('{}') AS $A($B text, $C int)",
  "SELECT $A FROM c AS $A GROUP BY $A, $A.id HAVING count(*) > 1",
  "WITH RECURSIVE $A AS (SELECT 1 AS $B UNION ALL SELECT $B + 1 FROM $A WHERE $B < 3) SELECT * FROM $A AS $C",
  "SELECT xmlelement(name $A, xmlattributes(ssn AS $B), name) AS $C FROM c",
  "UPDATE c AS $A SET name = $B.note FROM o AS $B WHERE $A.id = $B.c_id AND $A.id = 1 RETURNING $A.name AS $C",
  "INSERT INTO c AS $A (id, name) SELECT 1, 'x' AS $B ON CONFLICT (id) DO UPDATE SET name = $A.email RETURNING $A.ssn AS $C",
  "MERGE INTO c AS $A USING log AS $B ON $A.id = $B.id WHEN MATCHED THEN UPDATE SET name = $B.what",
];

/** Names that look like the tree's own text, or that the server breaks or escapes. */
const HOSTILE = [
  ...[
    ":expr",
    "{VAR :varno 1}",
    "}) :resno 1",
    "<>",
    "\\<>",
    '""',
    '"a"',
    "123",
    "-1",
    "+.5",
    "a b",
    "a\nb",
    "a\tb",
    "\\",
    "\\\\",
  ],
  ...[
    "(",
    ")",
    "({QUERY",
    "(b 1)",
    "4 [ 1 0 ]",
    "true",
    "né",
    "żółć 🐘",
    "a\\",
    "a\r\nb",
    " ",
    "  x  ",
    "\n",
    ":",
    "x\v\f\u0001y",
  ],
  ...[
    "{".repeat(30),
    "}".repeat(31),
    "{".repeat(62),
    `${"a".repeat(40)}{{{{}}}}`,
    "é".repeat(31),
    `a${"\n".repeat(40)}b`,
    "\\".repeat(50),
  ],
];

const FRAGMENTS = [
  ...[
    ":expr",
    ":resno 1",
    "{",
    "}",
    "(",
    ")",
    "<>",
    "\\",
    '"',
    "\n",
    "\t",
    " ",
    "a",
    "Z",
    "0",
    "-1",
    "é",
    "🐘",
    "[",
    "]",
    ":",
    "b",
  ],
  ...[
    "{VAR :varno 1",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "{{{{{{{{{{{{{{{{{{{{",
    "}}}}}}}}}}}}}}}}}}}}",
    "\\\\\\\\\\\\",
    "true",
    "\r",
    ",",
  ],
];

/** As the server would, but so that names stay different from each other: at most 62 bytes, with a digit before it 63, never half a character. */
function cut(name: string): string {
  let short = name;
  while (Buffer.byteLength(short) > 62) short = [...short].slice(0, -1).join("");
  return short;
}

function filled(template: string, [a = "", b = "", c = ""]: readonly string[]): string {
  const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
  const values: Readonly<Record<string, string>> = { $A: quoted(a), $B: quoted(b), $C: quoted(c) };
  return template.replaceAll(/\$[ABC]/g, (place) => values[place] ?? "");
}

/** What must be equal whatever the names: all but places in the text, which names move. */
function withoutPositions(value: TreeValue): unknown {
  if (value instanceof QueryNode) {
    const { fields } = value.shape;
    return [value.name, value.values.map((one, at) => (fields[at]?.type === "p" ? 0 : withoutPositions(one)))];
  }
  if (value instanceof NodeList) return value.items.map(withoutPositions);
  return value instanceof NumberList ? value.numbers : value;
}

function expectReadOrUnknown(tree: Uint8Array, major: ServerMajor): void {
  try {
    touchedBy(readQueryTree(tree, major), major);
  } catch (error) {
    if (!(error instanceof TreeUnknown)) throw error;
  }
}
