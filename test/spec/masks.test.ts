/** Masks on real servers: for every type and at the ends of each they raise nothing, and give what has the column's type. */

import fc from "fast-check";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Catalog, CatalogColumn } from "../../src/analysis/catalog.ts";
import { quoted } from "../../src/masking/masks/column-type.ts";
import { type MaskSpec, UNITS } from "../../src/masking/masks/mask.ts";
import { maskExpression } from "../../src/masking/masks/mask-expression.ts";
import { catalogOf } from "../support/catalogs.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

const SPECS: readonly MaskSpec[] = [
  { mask: "default" },
  { mask: "null" },
  { mask: "redact" },
  { mask: "partial", show: 4, from: "end", fill: "***" },
  { mask: "partial", show: 1, from: "start", fill: "" },
  ...UNITS.map((to): MaskSpec => ({ mask: "generalise", to, width: 10 })),
  { mask: "generalise", to: "year", width: 1 },
  { mask: "generalise", to: "year", width: 1_000_000_000_000_000 },
];

const TEXTS = [
  "''",
  "'a'",
  "'ab'",
  "'abcdefgh'",
  "'żółć€𝄞 '",
  "'   '",
  "repeat('x', 100000)",
  "E'\\n\\t\\\\'",
  "'[masked]'",
];
const INTEGERS = { int2: "32767", int4: "2147483647", int8: "9223372036854775807" } as const;
const FLOATS = ["0", "-0", "1", "-9.99", "'NaN'", "'Infinity'", "'-Infinity'", "1e15", "-1e15", "999999999999999.9"];
const DATES = [
  "'2024-02-29'",
  "'0001-01-01'",
  "'9999-12-31'",
  "'infinity'",
  "'-infinity'",
  "'4714-11-24 BC'",
  "'0001-12-31 BC'",
];

/** Values of a type as SQL; the ends of it, and what is odd. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  text: TEXTS,
  varchar: TEXTS,
  bpchar: TEXTS,
  name: ["''", "'abcdefgh'", "repeat('ż', 60)"],
  char: ["''", "'a'"],
  bool: ["true", "false"],
  int2: [INTEGERS.int2, "-32768", "0", "-9", "19"],
  int4: [INTEGERS.int4, "-2147483648", "0", "-9", "19"],
  int8: [INTEGERS.int8, "-9223372036854775808", "0", "-9", "19"],
  float4: [...FLOATS, "3.4028235e38", "-3.4028235e38", "1e-45", "-1e-45"],
  float8: [...FLOATS, "1.7976931348623157e308", "-1.7976931348623157e308", "5e-324", "-5e-324", "2e-308"],
  numeric: [
    ...["0", "-0.5", "99.9999999999999999999999", "'NaN'", "'Infinity'", "'-Infinity'", "1e131071", "-1e131071"],
    ...["1e-16000", "repeat('9', 131072)::numeric", "9.9999999999999999999"],
  ],
  date: [...DATES, "'5874897-12-31'"],
  timestamp: [...DATES, "'294276-12-31 23:59:59.999999'"],
  timestamptz: [...DATES, "'294276-12-31 23:59:59.999999+00'", "'2024-12-31 23:30:00-05'"],
  time: ["'00:00'", "'24:00'"],
  timetz: ["'00:00+15:59'", "'24:00-15:59'"],
  interval: ["'0'", "'178000000 years'", "'-178000000 years'"],
  json: ["'null'", "'{\"a\": 1}'", "'[]'"],
  jsonb: ["'null'", "'{\"a\": 1}'", "'\"x\"'"],
  xml: ["'<a/>'", "''"],
  bytea: ["''", "'\\x00ff'"],
  uuid: ["'00000000-0000-0000-0000-000000000000'"],
  inet: ["'::/0'", "'10.0.0.1'"],
  _text: ["'{}'", "'{a,NULL,\"b c\"}'", "'{{a},{b}}'", "'[5:6]={a,b}'"],
  _int4: ["'{}'", "'{1,NULL}'"],
  int4range: ["'empty'", "'(,)'", "'[1,5)'"],
  int4multirange: ["'{}'", "'{[1,2),[5,6)}'"],
};

/** Beside one column of each type of the server's own. */
const SPECIAL = `
  short varchar(3), tiny char(2), narrow numeric(3, 2), deep numeric(20, 19), coarse numeric(2, -3), whole numeric(5),
  second timestamp(0), zoned timestamptz(3), moment time(2), span interval day to second(3), months interval month, brief interval(2),
  bits bit(3), flags varbit(5), shorts varchar(3)[], seconds timestamp(0)[], latin text COLLATE "C", padded char(4) COLLATE "POSIX",
  latins text[] COLLATE "C", word m.word, pure m.pure, need m.need, strict m.strict, twice m.twice, mood m.mood, moods m.mood[],
  place m.place, places m.place[], span2 m.span, spans m.spans, born m.born, paid m.paid, folded m.citext, pairs m.hstore, "odd ""name" text`;

const TYPES_OF_ITS_OWN = `
  CREATE SCHEMA m; CREATE SCHEMA evil; CREATE EXTENSION citext SCHEMA m; CREATE EXTENSION hstore SCHEMA m;
  CREATE DOMAIN m.word AS varchar(5) COLLATE "C"; CREATE DOMAIN m.pure AS numeric(4, 1);
  CREATE DOMAIN m.need AS text NOT NULL DEFAULT 'x'; CREATE DOMAIN m.strict AS varchar(9) COLLATE "C" CHECK (VALUE ~ '^x');
  CREATE DOMAIN m.twice AS m.strict; CREATE DOMAIN m.born AS date CHECK (VALUE > '1900-01-02'); CREATE DOMAIN m.paid AS int CHECK (VALUE <> 0);
  CREATE TYPE m.mood AS ENUM ('glad', 'sad'); CREATE TYPE m.place AS (street text, city m.strict);
  CREATE TYPE m.span AS RANGE (subtype = float8, multirange_type_name = m.spans);
`;

/** Everything that a mask could mean by mistake. */
const EVIL = `
  CREATE FUNCTION evil.right(text, int) RETURNS text LANGUAGE sql AS 'SELECT $1';
  CREATE FUNCTION evil.left(text, int) RETURNS text LANGUAGE sql AS 'SELECT $1';
  CREATE FUNCTION evil.div(numeric, numeric) RETURNS numeric LANGUAGE sql AS 'SELECT $1';
  CREATE FUNCTION evil.date_trunc(text, timestamp) RETURNS timestamp LANGUAGE sql AS 'SELECT $2';
  CREATE FUNCTION evil.keep(text, text) RETURNS text LANGUAGE sql AS 'SELECT $2';
  CREATE OPERATOR evil.|| (FUNCTION = evil.keep, LEFTARG = text, RIGHTARG = text);
  CREATE DOMAIN evil.text AS int; CREATE DOMAIN evil.varchar AS int; CREATE DOMAIN evil.date AS int; CREATE DOMAIN evil.numeric AS int;
  CREATE DOMAIN evil.int8 AS text; CREATE DOMAIN evil.float8 AS text; CREATE COLLATION evil."C" (locale = 'POSIX');
`;

describe.each([15, 18] as const)("masks on PostgreSQL %i", (version) => {
  let server: TestPostgres;
  let client: pg.Client;
  let catalog: Catalog;
  let columns: readonly CatalogColumn[];

  beforeAll(async () => {
    server = await startPostgres({ version });
    client = new pg.Client({ connectionString: server.url() });
    await client.connect();
    await client.query(TYPES_OF_ITS_OWN + EVIL);
    const types = await client.query({
      text: `SELECT typname FROM pg_type t WHERE typnamespace = 'pg_catalog'::regnamespace AND typtype IN ('b', 'r', 'm')
        AND typname NOT LIKE '%pg\\_%' AND typname NOT IN ('cstring', 'int2vector', 'oidvector', 'aclitem', 'gtsvector')
        AND NOT EXISTS (SELECT FROM pg_type e WHERE e.oid = t.typelem AND e.typtype = 'p') ORDER BY 1`,
      rowMode: "array",
    });
    const names = types.rows.map(([name]) => String(name));
    const own = names.map((name) => `${quoted(`t ${name}`)} pg_catalog.${quoted(name)}`);
    await client.query(`CREATE TABLE m.all (${[...own, SPECIAL].join(", ")})`);
    for (const name of names) {
      for (const value of VALUES[name] ?? []) {
        const typed = `CAST(${value} AS pg_catalog.${quoted(name)})`;
        await client.query(`INSERT INTO m.all (${quoted(`t ${name}`)}) VALUES (${typed})`);
      }
    }
    await client.query(`INSERT INTO m.all (short, tiny, narrow, deep, coarse, whole, word, pure, strict, twice, born, paid, mood, place,
      latin, padded, second, zoned, span, months, bits, flags, folded, pairs, "odd ""name") VALUES
      ('abc', 'ab', 9.99, 9.9999999999999999999, 99000, 99999, 'abcde', 999.9, 'x23456789', 'x', '2024-02-03', 2147483647, 'sad', ('s', 'x'),
      'latin-text', 'padd', '2024-12-31 23:59:59', now(), '1 day', '1 month', B'111', B'10101', 'Ann@Shop', 'a=>1', 'some long text'),
      ('a', 'a', -9.99, -0.1, -99000, -99999, '', -999.9, 'x', 'x', 'infinity', -2147483648, 'glad', NULL,
      '', '', 'infinity', '-infinity', '0', '0', B'000', B'', '', '', ''),
      ('a', 'a', 'NaN', 'NaN', 'NaN', 'NaN', '', 'NaN', 'x', 'x', '5874897-12-31', 1, 'glad', NULL,
      '', '', '294276-12-31', '4714-11-24 BC', '0', '0', B'000', B'', '', '', '')`);
    catalog = await catalogOf(server);
    columns = catalog.relationByName("m", "all")?.columns ?? [];
  });
  afterAll(async () => {
    await client.end();
    await server.stop();
  });

  const masksOf = (spec: MaskSpec): readonly (readonly [CatalogColumn, string])[] =>
    columns.flatMap((column) => {
      const result = maskExpression(quoted(column.name), column, spec, catalog);
      return result.ok ? [[column, result.sql] as const] : [];
    });
  const column = (name: string): CatalogColumn => {
    const found = columns.find((one) => one.name === name);
    if (found === undefined) throw new Error(`there is no column ${name}`);
    return found;
  };
  const mask = (name: string, spec: MaskSpec): string => {
    const result = maskExpression(quoted(name), column(name), spec, catalog);
    if (!result.ok) throw new Error(result.why);
    return result.sql;
  };
  /** One value of the type through the mask. */
  const through = async (name: string, value: string, spec: MaskSpec): Promise<string | null> => {
    const typed = `(SELECT CAST(${value} AS pg_catalog.${quoted(name.slice(2))}) AS ${quoted(name)} OFFSET 0) AS s`;
    const { rows } = await client.query(`SELECT (${mask(name, spec)})::text AS r FROM ${typed}`);
    return rows[0].r;
  };

  it.each(SPECS)("raise nothing for any value of any type that can do it: %o", async (spec) => {
    const masks = masksOf(spec);

    const { rows } = await client.query(`SELECT ${masks.map(([, sql], i) => `${sql} AS c${i}`).join(", ")} FROM m.all`);

    expect(masks.length).toBeGreaterThan(10);
    expect(rows.length).toBeGreaterThan(100);
  });

  it.each(SPECS)("keep type, modifier and collation: %o", async (spec) => {
    const masks = masksOf(spec);
    await client.query(
      `CREATE VIEW m.masked AS SELECT ${masks.map(([, sql], i) => `${sql} AS c${i}`).join(", ")} FROM m.all`,
    );
    const describe = (relation: string) => `SELECT attname, atttypid::regtype::text AS type, atttypmod, attcollation
      FROM pg_attribute WHERE attrelid = '${relation}'::regclass AND attnum > 0 ORDER BY attnum`;
    const before = new Map((await client.query(describe("m.all"))).rows.map((row) => [row.attname, row]));
    const after = (await client.query(describe("m.masked"))).rows;
    await client.query("DROP VIEW m.masked");

    const changed = masks.flatMap(([{ name }], index) => {
      const [was, is] = [before.get(name), after[index]];
      const same = was.type === is.type && was.atttypmod === is.atttypmod && was.attcollation === is.attcollation;
      return same
        ? []
        : [`${name}: ${was.type} ${was.atttypmod} ${was.attcollation}, ${is.type} ${is.atttypmod} ${is.attcollation}`];
    });
    const replaced = changed.map((text) => text.replace(/:.*/, ""));

    // What a client is told of these is the type below: the server names no domain in RowDescription.
    expect(replaced.filter((name) => !["need", "strict", "twice", "born", "paid"].includes(name))).toEqual([]);
    expect(changed.join("\n")).not.toMatch(/strict: .* 950, .* 100/);
  });

  it.each(SPECS)("tell a client the type that the column tells: %o", async (spec) => {
    const masks = masksOf(spec);

    const { fields: plain } = await client.query("SELECT * FROM m.all WHERE false");
    const { fields } = await client.query(
      `SELECT ${masks.map(([, sql], i) => `${sql} AS c${i}`).join(", ")} FROM m.all WHERE false`,
    );

    const of = new Map(
      plain.map((field) => [field.name, [field.dataTypeID, field.dataTypeModifier, field.dataTypeSize]]),
    );
    expect(fields.map((field) => [field.dataTypeID, field.dataTypeModifier, field.dataTypeSize])).toEqual(
      masks.map(([{ name }]) => of.get(name)),
    );
  });

  it.each(SPECS)("are the same under a search_path and settings of someone else's: %o", async (spec) => {
    const masks = masksOf(spec);
    const sql = `SELECT ${masks.map(([, text], i) => `${text} AS c${i}`).join(", ")} FROM m.all`;
    const read = async () =>
      (await client.query({ text: `SELECT (s)::pg_catalog.text FROM (${sql}) AS s`, rowMode: "array" })).rows;
    const before = await read();

    await client.query(`BEGIN; SET search_path = evil, m, pg_catalog; SET standard_conforming_strings = off;
      SET xmloption = document; SET backslash_quote = on; SET quote_all_identifiers = on`);
    const after = await read();
    await client.query("ROLLBACK");

    expect(after).toEqual(before);
  });

  it("cut times with a zone in UTC, whatever the session's own zone is", async () => {
    const spec: MaskSpec = { mask: "generalise", to: "year" };
    await client.query("SET TimeZone = '+13:45'; SET DateStyle = 'German, DMY'");
    const { rows } = await client.query(
      `SELECT extract(epoch from ${mask("zoned", spec)}) AS e FROM (SELECT '2024-01-01 00:00:01+00'::timestamptz AS zoned) AS s`,
    );
    await client.query("RESET TimeZone; RESET DateStyle");

    expect(Number(rows[0].e)).toBe(Date.UTC(2024, 0, 1) / 1000);
  });

  it("show no more characters of a text than they hide", async () => {
    const spec = { mask: "partial", show: 4, from: "end", fill: "***" } as const;

    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "binary", maxLength: 40 }),
        fc.constantFrom("start", "end"),
        async (raw, from) => {
          const value = raw.replaceAll("\0", "").toWellFormed();
          const masked = await through("t text", pg.escapeLiteral(value), { ...spec, from });
          const shown = from === "end" ? masked?.slice(3) : masked?.slice(0, -3);
          const characters = [...value];
          const most = Math.min(4, Math.max(0, characters.length - 4));
          const expected = from === "end" ? characters.slice(characters.length - most) : characters.slice(0, most);
          expect([...(shown ?? "")]).toEqual(expected);
        },
      ),
      { numRuns: 150, seed: 4 },
    );
    expect(await through("t text", "NULL", spec)).toBeNull();
  });

  it("put numbers into buckets towards zero, and raise for none", async () => {
    for (const type of ["t int4", "t int8", "t numeric", "t float8"] as const) {
      await fc.assert(
        fc.asyncProperty(fc.maxSafeInteger(), fc.integer({ min: 1, max: 1_000_000 }), async (number, width) => {
          const value = type === "t int4" ? number % 2_147_483_648 : number % 1_000_000_000_000_000;
          const masked = await through(type, String(value), { mask: "generalise", to: "year", width });
          expect(Number(masked) + 0).toBe(Math.trunc(value / width) * width + 0);
        }),
        { numRuns: 60, seed: 4 },
      );
    }
    expect(await through("t float8", "'NaN'", { mask: "generalise", to: "year", width: 10 })).toBeNull();
    expect(await through("t numeric", "'NaN'", { mask: "generalise", to: "year", width: 10 })).toBe("NaN");
  });

  it("raise for no float at all", async () => {
    const bits = fc.double({ noDefaultInfinity: false, noNaN: false });
    await fc.assert(
      fc.asyncProperty(bits, fc.integer({ min: 1, max: 1_000_000_000 }), async (value, width) => {
        await through("t float8", `'${value}'`, { mask: "generalise", to: "year", width });
      }),
      { numRuns: 150, seed: 4 },
    );
  });

  it("say what would do, where a type cannot", () => {
    const refused = (name: string, spec: MaskSpec) => {
      const result = maskExpression("c", column(name), spec, catalog);
      return result.ok ? "it can" : [result.why, result.instead.mask];
    };

    expect(refused("t int4", { mask: "redact" })).toEqual(['int4 has no constant that says "masked"', "null"]);
    expect(refused("mood", { mask: "redact" })).toEqual(['m.mood has no constant that says "masked"', "null"]);
    expect(refused("t jsonb", { mask: "partial", show: 4, from: "end", fill: "" })).toEqual([
      "jsonb is no text",
      "redact",
    ]);
    expect(refused("t int4", { mask: "generalise", to: "year" })).toEqual([
      "it says no width for the buckets of numbers",
      "null",
    ]);
    expect(refused("t date", { mask: "generalise", to: "day" })).toEqual([
      "a date cut to the day is the date itself",
      "generalise",
    ]);
    expect(refused("t uuid", { mask: "generalise", to: "year" })).toEqual(["uuid is no date and no number", "default"]);
  });

  it("are constants where they say nothing: not even that there is a value", async () => {
    for (const [name, expected] of [
      ["t text", "[masked]"],
      ["t jsonb", "{}"],
      ["t _text", "{}"],
      ["t int4range", "empty"],
      ["t bytea", "\\x"],
    ] as const) {
      expect(await through(name, "NULL", { mask: "redact" })).toBe(expected);
      expect(mask(name, { mask: "redact" })).not.toContain(quoted(name));
    }
    const { rows } = await client.query(
      `SELECT ${mask("folded", { mask: "default" })} AS f, ${mask("pairs", { mask: "redact" })}::text AS p`,
    );
    expect(rows).toEqual([{ f: "[masked]", p: "" }]);
    expect((await client.query(`SELECT ${mask("short", { mask: "redact" })} AS r`)).rows[0].r).toBe("[ma");
  });
});
