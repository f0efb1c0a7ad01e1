import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAJORS, type Major } from "../analysis/grammar.ts";
import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import { loadParser, type Parser } from "../analysis/parser.ts";
import type { RelationReference } from "../analysis/references.ts";
import { GatewayError } from "../base/errors.ts";
import { type Replace, splice } from "./splice.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

const parsers = new Map<Major, Parser>();
beforeAll(async () => {
  for (const major of MAJORS) parsers.set(major, await loadParser(major));
});
afterAll(async () => {
  for (const parser of parsers.values()) await parser.close();
});

function statements(major: Major, text: string): readonly ParsedStatement[] {
  const outcome = parsers.get(major)!.parse(encode(text));
  if (!outcome.ok) throw new Error(`${outcome.message}: ${text}`);
  return outcome.statements;
}

/** Stands for `t` and `u` of any schema but `other`, and for `select`; all of them are in schema s. */
const HIDDEN: ReadonlySet<string> = new Set(["t", "u", "select", "T t", "été"]);
const replaceHidden: Replace = ({ name, only, place }: RelationReference) => {
  const relation = name.at(-1) ?? "";
  if (!HIDDEN.has(relation) || name.at(-2) === "other" || place === "target") return null;
  return { text: `(SELECT a FROM ${only ? "ONLY " : ""}s.${relation} WHERE b)`, schema: "s" };
};

/** `[t]` and `[ONLY t]` are what replaceHidden makes of them. */
function written(short: string): string {
  return short.replace(/\[(ONLY )?([^\]:']+)\]/g, (_, only, name) => `(SELECT a FROM ${only ?? ""}s.${name} WHERE b)`);
}

function spliced(major: Major, text: string, replace: Replace = replaceHidden): string {
  const source = encode(text);
  let all: string | undefined;
  for (const statement of statements(major, text)) {
    const result = splice(source, statement, replace);
    if (result !== null) all = decode(result.text);
  }
  return all ?? text;
}

function refusal(major: Major, text: string, replace: Replace = replaceHidden): GatewayError {
  try {
    spliced(major, text, replace);
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error(`spliced: ${text}`);
}

const FROM_FORMS = [
  ["SELECT * FROM t", "SELECT * FROM [t] AS t"],
  ["SELECT * FROM s.t", 'SELECT * FROM [t] AS "t"'],
  ["SELECT * FROM db.s.t", 'SELECT * FROM [t] AS "t"'],
  ["SELECT * FROM other.t", "SELECT * FROM other.t"],
  ["SELECT * FROM T", "SELECT * FROM [t] AS t"],
  ['SELECT * FROM "t"', 'SELECT * FROM [t] AS "t"'],
  ['SELECT * FROM"t"WHERE a', 'SELECT * FROM[t] AS "t"WHERE a'],
  ['SELECT * FROM U&"\\0074"', 'SELECT * FROM [t] AS "t"'],
  ["SELECT * FROM U&\"!0074\" UESCAPE '!' WHERE a", 'SELECT * FROM [t] AS "t" WHERE a'],
  ["SELECT * FROM s . U&\"!+000074\"UESCAPE'!'x", "SELECT * FROM [t]x"],
  ['SELECT * FROM "select"', 'SELECT * FROM [select] AS "select"'],
  ["SELECT * FROM s.select", 'SELECT * FROM [select] AS "select"'],
  ["SELECT * FROM s.été WHERE 'é' = a", "SELECT * FROM [été] AS \"été\" WHERE 'é' = a"],
  ["SELECT 'é' FROM été", "SELECT 'é' FROM [été] AS été"],
  ["SELECT * FROM t AS x", "SELECT * FROM [t] AS x"],
  ["SELECT * FROM t x", "SELECT * FROM [t] x"],
  ["SELECT * FROM t AS x (a, b)", "SELECT * FROM [t] AS x (a, b)"],
  ["SELECT * FROM t x(a)", "SELECT * FROM [t] x(a)"],
  ['SELECT * FROM t"X"', 'SELECT * FROM [t]"X"'],
  ["SELECT * FROM t insert", "SELECT * FROM [t] insert"],
  ["SELECT * FROM t AS table_", "SELECT * FROM [t] AS table_"],
  ['SELECT * FROM t "AS"', 'SELECT * FROM [t] "AS"'],
  ["SELECT * FROM s /* x */ . -- y\n t", 'SELECT * FROM [t] AS "t"'],
  ["SELECT * FROM/**/t/**/", "SELECT * FROM/**/[t] AS t/**/"],
  ["SELECT * FROM /* \" */ s.t /* ' */ AS x", "SELECT * FROM /* \" */ [t] /* ' */ AS x"],
  ["SELECT * FROM ONLY t", "SELECT * FROM [ONLY t] AS t"],
  ["SELECT * FROM ONLY (t)", "SELECT * FROM [ONLY t] AS t"],
  ["SELECT * FROM ONLY(s.t)AS x(a)", "SELECT * FROM [ONLY t]AS x(a)"],
  ["SELECT * FROM only /* ( */ ( /* ) */ t ) x", "SELECT * FROM [ONLY t] x"],
  ["SELECT * FROM t *", "SELECT * FROM [t] AS t"],
  ["SELECT * FROM t*, u * x", "SELECT * FROM [t] AS t, [u] x"],
  ["SELECT * FROM t */* x */WHERE a", "SELECT * FROM [t] AS t/* x */WHERE a"],
  ["SELECT * FROM t, u, w, t x", "SELECT * FROM [t] AS t, [u] AS u, w, [t] x"],
  ["SELECT * FROM t JOIN u ON t.a = u.a", "SELECT * FROM [t] AS t JOIN [u] AS u ON t.a = u.a"],
  ["SELECT * FROM t x JOIN u y USING (a)", "SELECT * FROM [t] x JOIN [u] y USING (a)"],
  ["SELECT * FROM t JOIN u USING (a) AS j", "SELECT * FROM [t] AS t JOIN [u] AS u USING (a) AS j"],
  ["SELECT * FROM t NATURAL JOIN u CROSS JOIN w", "SELECT * FROM [t] AS t NATURAL JOIN [u] AS u CROSS JOIN w"],
  [
    "SELECT * FROM t LEFT JOIN (u FULL JOIN w ON b) ON a",
    "SELECT * FROM [t] AS t LEFT JOIN ([u] AS u FULL JOIN w ON b) ON a",
  ],
  ["SELECT j.* FROM (t JOIN u ON a) AS j", "SELECT j.* FROM ([t] AS t JOIN [u] AS u ON a) AS j"],
  ["SELECT * FROM ((t CROSS JOIN u)) j (a, b)", "SELECT * FROM (([t] AS t CROSS JOIN [u] AS u)) j (a, b)"],
  [
    "SELECT * FROM w, LATERAL (SELECT * FROM t WHERE a = w.a) x",
    "SELECT * FROM w, LATERAL (SELECT * FROM [t] AS t WHERE a = w.a) x",
  ],
  [
    "SELECT * FROM f((SELECT a FROM t)), ROWS FROM (g((TABLE u)))",
    "SELECT * FROM f((SELECT a FROM [t] AS t)), ROWS FROM (g((SELECT * FROM [u] AS u)))",
  ],
  ["TABLE t", "SELECT * FROM [t] AS t"],
  ["table/**/s.t order by 1", 'SELECT * FROM [t] AS "t" order by 1'],
  ["TABLE ONLY (t)", "SELECT * FROM [ONLY t] AS t"],
  ["TABLE t *", "SELECT * FROM [t] AS t"],
  ["TABLE t UNION ALL (TABLE u LIMIT 1)", "SELECT * FROM [t] AS t UNION ALL (SELECT * FROM [u] AS u LIMIT 1)"],
  [
    "SELECT a FROM t EXCEPT SELECT a FROM u INTERSECT SELECT a FROM w",
    "SELECT a FROM [t] AS t EXCEPT SELECT a FROM [u] AS u INTERSECT SELECT a FROM w",
  ],
  ["SELECT 1 FROM t FOR UPDATE", "SELECT 1 FROM [t] AS t FOR UPDATE"],
  [
    "SELECT 1 FROM t, u x FOR UPDATE OF t FOR SHARE OF x NOWAIT",
    "SELECT 1 FROM [t] AS t, [u] x FOR UPDATE OF t FOR SHARE OF x NOWAIT",
  ],
  ["SELECT 't', $$FROM t$$, E'\\' FROM t' FROM w -- FROM t", "SELECT 't', $$FROM t$$, E'\\' FROM t' FROM w -- FROM t"],
  ["SELECT t FROM w AS t", "SELECT t FROM w AS t"],
] as const;

const SAMPLED_FORMS = [
  [
    "SELECT * FROM t TABLESAMPLE system (10)",
    "SELECT * FROM (SELECT a FROM s.t TABLESAMPLE system (10) WHERE b) AS t ",
  ],
  [
    "SELECT * FROM t AS x (a) TABLESAMPLE s.bernoulli (1 + (2), 3) REPEATABLE (4) WHERE c",
    "SELECT * FROM (SELECT a FROM s.t TABLESAMPLE s.bernoulli (1 + (2), 3) REPEATABLE (4) WHERE b) AS x (a)  WHERE c",
  ],
  [
    "SELECT * FROM ONLY t tablesample bernoulli ((SELECT a FROM u)), u",
    "SELECT * FROM (SELECT a FROM ONLY s.t tablesample bernoulli ((SELECT a FROM [u] AS u)) WHERE b) AS t , [u] AS u",
  ],
  [
    "SELECT * FROM w TABLESAMPLE bernoulli ((SELECT a FROM u)) REPEATABLE ((SELECT a FROM t))",
    "SELECT * FROM w TABLESAMPLE bernoulli ((SELECT a FROM [u] AS u)) REPEATABLE ((SELECT a FROM [t] AS t))",
  ],
  [
    "SELECT * FROM t TABLESAMPLE bernoulli ((SELECT 1 FROM u x TABLESAMPLE system (5)))",
    "SELECT * FROM (SELECT a FROM s.t TABLESAMPLE bernoulli ((SELECT 1 FROM (SELECT a FROM s.u TABLESAMPLE system (5) WHERE b) x )) WHERE b) AS t ",
  ],
] as const;

const NESTED_FORMS = [
  ["SELECT (SELECT a FROM t) FROM w", "SELECT (SELECT a FROM [t] AS t) FROM w"],
  [
    "SELECT ARRAY(SELECT a FROM t), EXISTS (TABLE u)",
    "SELECT ARRAY(SELECT a FROM [t] AS t), EXISTS (SELECT * FROM [u] AS u)",
  ],
  [
    "SELECT 1 WHERE 1 IN (SELECT a FROM t) AND 2 = ANY (SELECT a FROM u)",
    "SELECT 1 WHERE 1 IN (SELECT a FROM [t] AS t) AND 2 = ANY (SELECT a FROM [u] AS u)",
  ],
  [
    "SELECT 1 LIMIT (SELECT a FROM t) OFFSET (SELECT a FROM u)",
    "SELECT 1 LIMIT (SELECT a FROM [t] AS t) OFFSET (SELECT a FROM [u] AS u)",
  ],
  ["VALUES ((SELECT a FROM t)), ((TABLE u))", "VALUES ((SELECT a FROM [t] AS t)), ((SELECT * FROM [u] AS u))"],
  [
    "SELECT 1 GROUP BY (SELECT a FROM t) HAVING EXISTS (TABLE u) ORDER BY (SELECT a FROM t)",
    "SELECT 1 GROUP BY (SELECT a FROM [t] AS t) HAVING EXISTS (SELECT * FROM [u] AS u) ORDER BY (SELECT a FROM [t] AS t)",
  ],
  [
    "SELECT sum(1) OVER v FROM w WINDOW v AS (PARTITION BY (SELECT a FROM t) ORDER BY (SELECT a FROM u))",
    "SELECT sum(1) OVER v FROM w WINDOW v AS (PARTITION BY (SELECT a FROM [t] AS t) ORDER BY (SELECT a FROM [u] AS u))",
  ],
  [
    "SELECT count(*) FILTER (WHERE EXISTS (TABLE t)), f(VARIADIC ARRAY(TABLE u)), array_agg(1 ORDER BY (SELECT a FROM t)) FROM w",
    "SELECT count(*) FILTER (WHERE EXISTS (SELECT * FROM [t] AS t)), f(VARIADIC ARRAY(SELECT * FROM [u] AS u)), array_agg(1 ORDER BY (SELECT a FROM [t] AS t)) FROM w",
  ],
  [
    'SELECT CASE WHEN EXISTS (TABLE t) THEN (SELECT a FROM u)::text END COLLATE "C"',
    'SELECT CASE WHEN EXISTS (SELECT * FROM [t] AS t) THEN (SELECT a FROM [u] AS u)::text END COLLATE "C"',
  ],
  ["SELECT * FROM (SELECT * FROM (SELECT * FROM t) x) y", "SELECT * FROM (SELECT * FROM (SELECT * FROM [t] AS t) x) y"],
  [
    "SELECT * FROM xmltable('/' PASSING (SELECT a FROM t) COLUMNS a int DEFAULT (SELECT a FROM u))",
    "SELECT * FROM xmltable('/' PASSING (SELECT a FROM [t] AS t) COLUMNS a int DEFAULT (SELECT a FROM [u] AS u))",
  ],
  ["SELECT row_to_json(t), t.*, t FROM t", "SELECT row_to_json(t), t.*, t FROM [t] AS t"],
] as const;

const CTE_FORMS = [
  ["WITH x AS (SELECT * FROM t) SELECT * FROM x, t", "WITH x AS (SELECT * FROM [t] AS t) SELECT * FROM x, [t] AS t"],
  ["WITH t AS (SELECT * FROM t) SELECT * FROM t", "WITH t AS (SELECT * FROM [t] AS t) SELECT * FROM t"],
  [
    "WITH t AS (SELECT 1), u AS (TABLE t) SELECT * FROM u, t, s.t x",
    "WITH t AS (SELECT 1), u AS (TABLE t) SELECT * FROM u, t, [t] x",
  ],
  ["WITH u AS (TABLE t), t AS (TABLE u) TABLE t", "WITH u AS (SELECT * FROM [t] AS t), t AS (TABLE u) TABLE t"],
  [
    "WITH RECURSIVE t AS (SELECT 1 UNION SELECT * FROM t) SELECT * FROM t",
    "WITH RECURSIVE t AS (SELECT 1 UNION SELECT * FROM t) SELECT * FROM t",
  ],
  ["WITH RECURSIVE u AS (TABLE t), t AS (SELECT 1) TABLE u", "WITH RECURSIVE u AS (TABLE t), t AS (SELECT 1) TABLE u"],
  [
    "WITH x AS NOT MATERIALIZED (TABLE t) SELECT * FROM x AS t",
    "WITH x AS NOT MATERIALIZED (SELECT * FROM [t] AS t) SELECT * FROM x AS t",
  ],
  [
    "WITH t AS (SELECT 1) SELECT * FROM (WITH u AS (TABLE t) SELECT * FROM u, t) x, u",
    "WITH t AS (SELECT 1) SELECT * FROM (WITH u AS (TABLE t) SELECT * FROM u, t) x, [u] AS u",
  ],
  ["SELECT * FROM (WITH t AS (SELECT 1) TABLE t) x, t", "SELECT * FROM (WITH t AS (SELECT 1) TABLE t) x, [t] AS t"],
  [
    "WITH t AS (SELECT 1) SELECT (SELECT a FROM t), (WITH t AS (TABLE s.t) SELECT a FROM t)",
    'WITH t AS (SELECT 1) SELECT (SELECT a FROM t), (WITH t AS (SELECT * FROM [t] AS "t") SELECT a FROM t)',
  ],
  ["(WITH t AS (SELECT 1) TABLE t) UNION TABLE t", "(WITH t AS (SELECT 1) TABLE t) UNION SELECT * FROM [t] AS t"],
  ["WITH t AS (SELECT 1) TABLE t UNION TABLE t", "WITH t AS (SELECT 1) TABLE t UNION TABLE t"],
  ["WITH t AS (SELECT 1) SELECT * FROM ONLY t", "WITH t AS (SELECT 1) SELECT * FROM ONLY t"],
  [
    "WITH t AS (DELETE FROM w USING t RETURNING (SELECT a FROM u)) SELECT * FROM t",
    "WITH t AS (DELETE FROM w USING [t] AS t RETURNING (SELECT a FROM [u] AS u)) SELECT * FROM t",
  ],
  ['WITH "T" AS (SELECT 1) SELECT * FROM t', 'WITH "T" AS (SELECT 1) SELECT * FROM [t] AS t'],
  [
    "WITH t AS (SELECT 1) INSERT INTO w SELECT * FROM t RETURNING (SELECT a FROM t)",
    "WITH t AS (SELECT 1) INSERT INTO w SELECT * FROM t RETURNING (SELECT a FROM t)",
  ],
  [
    "INSERT INTO w WITH t AS (SELECT 1) SELECT * FROM t RETURNING (SELECT a FROM t)",
    "INSERT INTO w WITH t AS (SELECT 1) SELECT * FROM t RETURNING (SELECT a FROM [t] AS t)",
  ],
  [
    "WITH RECURSIVE x(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM x, t) SEARCH DEPTH FIRST BY a SET o CYCLE a SET c USING p SELECT * FROM x",
    "WITH RECURSIVE x(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM x, [t] AS t) SEARCH DEPTH FIRST BY a SET o CYCLE a SET c USING p SELECT * FROM x",
  ],
] as const;

const WRITE_FORMS = [
  ["INSERT INTO w SELECT * FROM t", "INSERT INTO w SELECT * FROM [t] AS t"],
  ["INSERT INTO t AS x (a, b) TABLE u", "INSERT INTO t AS x (a, b) SELECT * FROM [u] AS u"],
  [
    "INSERT INTO w VALUES ((SELECT a FROM t)) ON CONFLICT (a) WHERE EXISTS (TABLE u) DO UPDATE SET a = (SELECT a FROM t) WHERE EXISTS (TABLE u) RETURNING (SELECT a FROM t)",
    "INSERT INTO w VALUES ((SELECT a FROM [t] AS t)) ON CONFLICT (a) WHERE EXISTS (SELECT * FROM [u] AS u) DO UPDATE SET a = (SELECT a FROM [t] AS t) WHERE EXISTS (SELECT * FROM [u] AS u) RETURNING (SELECT a FROM [t] AS t)",
  ],
  [
    "UPDATE w SET (a, b) = (SELECT a, b FROM t), c = (SELECT a FROM u) FROM t x, u WHERE EXISTS (TABLE t)",
    "UPDATE w SET (a, b) = (SELECT a, b FROM [t] AS t), c = (SELECT a FROM [u] AS u) FROM [t] x, [u] AS u WHERE EXISTS (SELECT * FROM [t] AS t)",
  ],
  ["UPDATE ONLY t AS x SET a = 1 FROM t y", "UPDATE ONLY t AS x SET a = 1 FROM [t] y"],
  [
    "DELETE FROM w USING t, LATERAL (TABLE u) x WHERE a RETURNING *",
    "DELETE FROM w USING [t] AS t, LATERAL (SELECT * FROM [u] AS u) x WHERE a RETURNING *",
  ],
  [
    "MERGE INTO w USING t ON a WHEN MATCHED AND EXISTS (TABLE u) THEN UPDATE SET a = (SELECT a FROM t) WHEN NOT MATCHED THEN INSERT VALUES ((SELECT a FROM u))",
    "MERGE INTO w USING [t] AS t ON a WHEN MATCHED AND EXISTS (SELECT * FROM [u] AS u) THEN UPDATE SET a = (SELECT a FROM [t] AS t) WHEN NOT MATCHED THEN INSERT VALUES ((SELECT a FROM [u] AS u))",
  ],
  [
    "MERGE INTO w USING (t JOIN u USING (a)) ON true WHEN MATCHED THEN DELETE",
    "MERGE INTO w USING ([t] AS t JOIN [u] AS u USING (a)) ON true WHEN MATCHED THEN DELETE",
  ],
  ["WITH t AS (SELECT 1) DELETE FROM t USING t x", "WITH t AS (SELECT 1) DELETE FROM t USING t x"],
] as const;

const INNER_FORMS = [
  ["EXPLAIN (ANALYZE) TABLE t", "EXPLAIN (ANALYZE) SELECT * FROM [t] AS t"],
  [
    "EXPLAIN ANALYZE VERBOSE CREATE TABLE y AS SELECT * FROM t",
    "EXPLAIN ANALYZE VERBOSE CREATE TABLE y AS SELECT * FROM [t] AS t",
  ],
  [
    "DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT * FROM t",
    "DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT * FROM [t] AS t",
  ],
  ["CREATE TABLE y (a) AS TABLE t WITH NO DATA", "CREATE TABLE y (a) AS SELECT * FROM [t] AS t WITH NO DATA"],
  ["SELECT * INTO TEMP y FROM t", "SELECT * INTO TEMP y FROM [t] AS t"],
  ["CREATE VIEW y AS SELECT * FROM t WITH CHECK OPTION", "CREATE VIEW y AS SELECT * FROM [t] AS t WITH CHECK OPTION"],
  ["CREATE MATERIALIZED VIEW y AS TABLE t", "CREATE MATERIALIZED VIEW y AS SELECT * FROM [t] AS t"],
  ["COPY (SELECT * FROM t) TO STDOUT", "COPY (SELECT * FROM [t] AS t) TO STDOUT"],
  ["COPY (TABLE t) TO STDOUT (FORMAT csv)", "COPY (SELECT * FROM [t] AS t) TO STDOUT (FORMAT csv)"],
  ["PREPARE p (int) AS SELECT * FROM t WHERE a = $1", "PREPARE p (int) AS SELECT * FROM [t] AS t WHERE a = $1"],
  ["EXPLAIN EXECUTE p((SELECT a FROM t))", "EXPLAIN EXECUTE p((SELECT a FROM [t] AS t))"],
  [
    "CREATE FUNCTION f() RETURNS SETOF s.w LANGUAGE sql BEGIN ATOMIC SELECT * FROM t; TABLE u; END",
    "CREATE FUNCTION f() RETURNS SETOF s.w LANGUAGE sql BEGIN ATOMIC SELECT * FROM [t] AS t; SELECT * FROM [u] AS u; END",
  ],
] as const;

const COLUMN_FORMS = [
  ["SELECT s.t.a FROM s.t", 'SELECT t.a FROM [t] AS "t"'],
  ["SELECT s.t.a FROM t", "SELECT t.a FROM [t] AS t"],
  ["SELECT db.s.t.a FROM db.s.t", 'SELECT t.a FROM [t] AS "t"'],
  ["SELECT s.t.* FROM s.t", 'SELECT t.* FROM [t] AS "t"'],
  ['SELECT"s" /* x */ . "t".a, f("s".t.a), -s.t.a FROM s.t', 'SELECT "t".a, f(t.a), - t.a FROM [t] AS "t"'],
  [
    "SELECT row_to_json(s.t.*), (s.t.a).b, (s.t.a)[1:] FROM s.t ORDER BY s.t.a",
    'SELECT row_to_json(t.*), (t.a).b, (t.a)[1:] FROM [t] AS "t" ORDER BY t.a',
  ],
  ["SELECT other.t.a, s.w.a FROM other.t, s.w, u", "SELECT other.t.a, s.w.a FROM other.t, s.w, [u] AS u"],
  ["SELECT other.t.a FROM s.t", 'SELECT other.t.a FROM [t] AS "t"'],
  [
    "SELECT 1 FROM s.t WHERE EXISTS (SELECT 1 FROM u WHERE s.t.a = u.a)",
    'SELECT 1 FROM [t] AS "t" WHERE EXISTS (SELECT 1 FROM [u] AS u WHERE t.a = u.a)',
  ],
  [
    "SELECT 1 FROM s.t WHERE EXISTS (SELECT 1 FROM t WHERE s.t.a = 1)",
    'SELECT 1 FROM [t] AS "t" WHERE EXISTS (SELECT 1 FROM [t] AS t WHERE t.a = 1)',
  ],
  ["SELECT 1 FROM (SELECT s.t.a FROM s.t) AS t", 'SELECT 1 FROM (SELECT t.a FROM [t] AS "t") AS t'],
  ["UPDATE s.t SET a = s.t.b WHERE s.t.c", "UPDATE s.t SET a = s.t.b WHERE s.t.c"],
  ["INSERT INTO other.t SELECT s.t.a FROM s.t", 'INSERT INTO other.t SELECT t.a FROM [t] AS "t"'],
  [
    "UPDATE w SET a = s.t.b FROM s.t WHERE s.t.c = s.w.c RETURNING s.t.*",
    'UPDATE w SET a = t.b FROM [t] AS "t" WHERE t.c = s.w.c RETURNING t.*',
  ],
  [
    "WITH x AS (SELECT s.t.a FROM s.t) SELECT s.t.a FROM x, other.u",
    'WITH x AS (SELECT t.a FROM [t] AS "t") SELECT s.t.a FROM x, other.u',
  ],
] as const;

/** The subject, then texts and what becomes of them. */
const GROUPS: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  ["an entry of FROM", FROM_FORMS],
  ["a sampled relation", SAMPLED_FORMS],
  ["a query inside an expression", NESTED_FORMS],
  ["a query with WITH", CTE_FORMS],
  ["a statement that writes", WRITE_FORMS],
  ["a query inside a utility statement", INNER_FORMS],
  ["a column named by its schema", COLUMN_FORMS],
];

describe.each(MAJORS)("a text spliced by the grammar of PostgreSQL %i", (major) => {
  for (const [subject, forms] of GROUPS) {
    it.each(forms)(`has sub-selects in ${subject}: %s`, (text, short) => {
      const result = spliced(major, text);

      expect(result).toBe(written(short));
      expect(statements(major, result)).toHaveLength(1);
    });
  }

  it("stays as sent around the statement, and before it", () => {
    const text = "/* é */ SELECT 1; SELECT * FROM t ; -- t\nSELECT 2 FROM t";
    const [, second, third] = statements(major, text);

    const result = splice(encode(text), second!, replaceHidden)!;
    const last = splice(encode(text), third!, replaceHidden)!;

    expect(decode(result.text)).toBe(`/* é */ SELECT 1; SELECT * FROM ${written("[t]")} AS t ; -- t\nSELECT 2 FROM t`);
    expect(decode(result.text.subarray(second!.startByte, result.endByte))).toBe(written("SELECT * FROM [t] AS t"));
    expect(decode(last.text.subarray(third!.startByte, last.endByte))).toBe(written("SELECT 2 FROM [t] AS t"));
  });

  it("says where an inner query has come to stand", () => {
    for (const text of ["EXPLAIN TABLE t", "COPY (TABLE t) TO STDOUT", "PREPARE p AS SELECT * FROM t, u WHERE a"]) {
      const [statement] = statements(major, text);
      const { startByte, endByte } = statement!.inner!;

      const result = splice(encode(text), statement!, replaceHidden)!;

      const inner = statements(major, decode(result.text))[0]!.inner;
      expect(inner).toMatchObject({ startByte: result.toSpliced(startByte), endByte: result.toSpliced(endByte) });
    }
  });
});

const REFUSED = [
  ["SELECT * FROM s.t, other.t", "another relation of the same name", 15],
  ["UPDATE t SET a = 1", "written to", 8],
  ["INSERT INTO t VALUES (1)", "written to", 13],
  ["DELETE FROM ONLY t", "written to", 13],
  ["MERGE INTO t USING w ON true WHEN MATCHED THEN DELETE", "written to", 12],
  ["COPY t TO STDOUT", "not a query", 6],
  ["LOCK TABLE w, t", "not a query", 15],
  ["CREATE TABLE x (LIKE t)", "not a query", 22],
  ["SELECT row_to_json(x) FROM t AS x (a)", "used as a whole", 28],
  ["SELECT row_to_json(x.*) FROM t AS x (a)", "used as a whole", 30],
  ["SELECT s.t.a FROM s.t, w AS t", "named by its schema", 8],
  ["SELECT s.t.a FROM s.t WHERE EXISTS (SELECT s.t.a FROM other.t)", "named by its schema", 44],
  ["SELECT 1 FROM s.t, LATERAL (SELECT s.t.a) AS t", "named by its schema", 36],
  ["SELECT (WITH t AS (SELECT 1) SELECT s.t.a FROM t) FROM s.t", "named by its schema", 37],
  ["SELECT 'é', s.t.a FROM s.t, generate_series(1, 2) t", "named by its schema", 13],
  ["SELECT db.s.t.a FROM s.t", "named by its schema", 8],
] as const;

describe("a statement in which a relation cannot be replaced", () => {
  const all: Replace = (reference) => replaceHidden({ ...reference, place: "from" });

  it.each(REFUSED)("is refused with the reason and the place: %s", (text, reason, position) => {
    for (const major of MAJORS) {
      const error = refusal(major, text, all);

      expect(error).toMatchObject({ code: "CANNOT_JUDGE", position });
      expect(error.detail).toContain(reason);
      expect(error.hint).toMatch(/\.$/);
    }
  });

  it("is refused where the schema of a relation is not known and a column is named by one", () => {
    const error = refusal(18, "SELECT s.t.a FROM t", ({ name }) => (name[0] === "t" ? "(SELECT 1 AS a)" : null));

    expect(error.detail).toContain("named by its schema");
  });

  it("is refused where ONLY or TABLESAMPLE would be lost", () => {
    const unlike: Replace = () => "(SELECT 1) , (SELECT 2)";

    expect(refusal(18, "SELECT * FROM ONLY t", unlike).detail).toContain("ONLY");
    expect(refusal(18, "SELECT * FROM t TABLESAMPLE system (1)", unlike).detail).toContain("TABLESAMPLE");
  });

  it("is refused where the place of a name was not proved", () => {
    const text = "SELECT s.t.a FROM s.t";
    const [statement] = statements(18, text);
    const { relations, columns, ...facts } = statement!.references!;
    const doubted = <T extends object>(all: readonly T[]) => all.map((one) => ({ ...one, proved: false }));

    for (const references of [
      { ...facts, columns, relations: doubted(relations) },
      { ...facts, columns: doubted(columns), relations },
    ]) {
      expect(() => splice(encode(text), { ...statement!, references }, replaceHidden)).toThrow(GatewayError);
      expect(splice(encode(text), { ...statement!, references }, () => null)).toBeNull();
    }
  });

  it("is refused where it names more relations than are looked at", () => {
    const text = `SELECT 1 FROM ${Array.from({ length: 1_001 }, (_, i) => `w${i}`).join(",")}`;

    expect(refusal(18, text).detail).toContain("more relations");
    expect(spliced(18, `LOCK ${text.slice(14)}`)).toBe(`LOCK ${text.slice(14)}`);
  });

  it("is left alone where its relations are not to be replaced", () => {
    for (const [text] of REFUSED) expect(spliced(18, text, () => null)).toBe(text);
  });
});

describe("a place in a spliced text", () => {
  const text = "SELECT 'é', s.t.a /* é */ FROM s.t, u AS é TABLESAMPLE system (99) WHERE é.x";
  const result = () => splice(encode(text), statements(18, text)[0]!, replaceHidden)!;
  /** 1-based, in characters. */
  const at = (whole: string, part: string) => Array.from(whole.slice(0, whole.indexOf(part))).length + 1;

  it.each([
    "SELECT",
    "'é'",
    "/* é */",
    "FROM",
    "WHERE é.x",
    "AS é",
    "99",
  ])("is that of the same token in the text as sent: %s", (part) => {
    expect(result().toClient(at(decode(result().text), part))).toBe(at(text, part));
  });

  it("is where the whole name begins, of a column that lost its schema", () => {
    expect(result().toClient(at(decode(result().text), "t.a"))).toBe(at(text, "s.t.a"));
    expect(result().toClient(at(decode(result().text), ".a /*"))).toBe(at(text, ".a /*"));
  });

  it("is that of the relation's name where it is in the sub-select", () => {
    const whole = decode(result().text);

    expect(result().toClient(at(whole, "s.t WHERE"))).toBe(at(text, "s.t,"));
    expect(result().toClient(at(whole, "s.u TABLESAMPLE"))).toBe(at(text, "u AS"));
    expect(result().toClient(at(whole, "WHERE b) AS é"))).toBe(at(text, "u AS"));
  });

  it("is the end where it is the end", () => {
    const whole = decode(result().text);

    expect(result().toClient(Array.from(whole).length + 1)).toBe(Array.from(text).length + 1);
    expect(result().toClient(Array.from(whole).length + 9)).toBe(Array.from(text).length + 1);
  });
});
