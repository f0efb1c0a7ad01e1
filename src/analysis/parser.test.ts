import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAJORS, type Major } from "./grammar.ts";
import type { ParsedStatement } from "./parsed-statement.ts";
import { loadParser, type Parser } from "./parser.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const parsers = new Map<Major, Parser>();

beforeAll(async () => {
  for (const major of MAJORS) parsers.set(major, await loadParser(major));
});
afterAll(async () => {
  for (const parser of parsers.values()) await parser.close();
});

function statements(major: Major, text: string): readonly ParsedStatement[] {
  const outcome = parsers.get(major)!.parse(bytes(text));
  if (!outcome.ok) throw new Error(`${outcome.sqlstate} ${outcome.message}: ${text}`);
  return outcome.statements;
}

function split(major: Major, text: string): readonly string[] {
  const source = bytes(text);
  return statements(major, text).map(({ startByte, endByte }) =>
    new TextDecoder().decode(source.subarray(startByte, endByte)),
  );
}

const FUNCTION_BODY = "create function f(a int) returns int language sql begin atomic select ';'; select a + 1; end";

/** A text, and the statements in it. */
const TEXTS: readonly (readonly [string, readonly string[]])[] = [
  ["", []],
  ["   \n\t", []],
  [";", []],
  [" ;; ; ", []],
  ["-- only a comment", []],
  ["/* a /* b */ ; */;-- c", []],
  ["select 1", ["select 1"]],
  ["select 1;", ["select 1"]],
  ["  select 1 ;  ", ["select 1"]],
  [";;select 1;;select 2;;", ["select 1", "select 2"]],
  ["/* é; */ select 'é;' ; -- ;\n\tselect 2 -- end", ["select 'é;'", "select 2 -- end"]],
  ["select $$;$$; select $a$;$$;$a$", ["select $$;$$", "select $a$;$$;$a$"]],
  ["select ';'; select \";\" from t; select E'\\';'", ["select ';'", 'select ";" from t', "select E'\\';'"]],
  [`${FUNCTION_BODY}; select 3`, [FUNCTION_BODY, "select 3"]],
  [
    "create rule r as on insert to t do also (insert into a values (1); insert into b values (2);); select 1",
    ["create rule r as on insert to t do also (insert into a values (1); insert into b values (2);)", "select 1"],
  ],
  [
    "create schema s create table t (a int) create view v as select a from t; select 1",
    ["create schema s create table t (a int) create view v as select a from t", "select 1"],
  ],
  // asyncpg's release, Sequelize's start
  [
    "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;",
    ["SELECT pg_advisory_unlock_all()", "CLOSE ALL", "UNLISTEN *", "RESET ALL"],
  ],
  ["begin;update t set a=1;commit", ["begin", "update t set a=1", "commit"]],
  ["select 1;\f\r\nselect 2", ["select 1", "select 2"]],
];

describe.each(MAJORS)("the parser of PostgreSQL %i", (major) => {
  it.each(TEXTS)("splits %j", (text, expected) => {
    expect(split(major, text)).toEqual(expected);
  });

  it.each(TEXTS)("finds in each part of %j exactly that statement again", (text) => {
    for (const part of split(major, text)) {
      const [alone, ...others] = statements(major, part);
      expect(others).toEqual([]);
      expect(alone).toMatchObject({ startByte: 0, endByte: bytes(part).length, startCharacter: 0 });
    }
  });

  it("counts characters before a statement, not bytes or UTF-16 units", () => {
    const [first, second] = statements(major, "/*é😀*/select '😀';select 2");

    expect(first).toMatchObject({ startByte: 10, startCharacter: 6 });
    expect(second).toMatchObject({ startByte: 24, startCharacter: 17 });
  });

  it("says what is wrong as PostgreSQL does, with the character's position in the whole text", () => {
    const failure = (text: string) => parsers.get(major)!.parse(bytes(text));

    expect(failure("selec 1")).toEqual({
      ok: false,
      sqlstate: "42601",
      message: 'syntax error at or near "selec"',
      position: 1,
    });
    expect(failure("select 1; select '😀é' from from")).toMatchObject({ sqlstate: "42601", position: 28 });
    expect(failure("select 1 +")).toMatchObject({ message: "syntax error at end of input", position: 11 });
    expect(failure("select E'\\xff'")).toEqual({
      ok: false,
      sqlstate: "22021",
      message: 'invalid byte sequence for encoding "UTF8": 0xff',
    });
  });

  it("refuses bytes that are no text before the grammar sees them", () => {
    expect(parsers.get(major)!.parse(bytes("select 1\0"))).toMatchObject({ ok: false, sqlstate: "22021" });
  });

  it("counts the parameters that Bind has to give", () => {
    const highest = (text: string) => statements(major, text)[0]?.parameterNumbers;

    expect(highest("select 1")).toBe(0);
    expect(highest("select $2, a[$10] from f($1) where b in (select $3)")).toBe(10);
    expect(highest("insert into t values ($1, $2) on conflict (a) do update set b = $3")).toBe(3);
    expect(highest("explain select $1")).toBe(1);
    expect(highest("declare c cursor for select $1")).toBe(1);
    expect(highest("call p($1)")).toBe(1);
    expect(highest("prepare p as select $1")).toBe(0);
    expect(highest("create function f(int) returns int language sql return $1")).toBe(0);
  });
});

describe("statements that only newer servers know", () => {
  it("are refused by the grammar of an older one", () => {
    const accepted = (major: Major, text: string) => parsers.get(major)!.parse(bytes(text)).ok;

    expect(MAJORS.map((major) => accepted(major, "select json_object('a': 1)"))).toEqual([false, true, true, true]);
    expect(
      MAJORS.map((major) => accepted(major, "merge into t using s on true when matched then delete returning *")),
    ).toEqual([false, false, true, true]);
    expect(MAJORS.map((major) => accepted(major, "update t set a = 1 returning with (old as o) o.a"))).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });

  it("need a supported major", async () => {
    await expect(loadParser(14)).rejects.toThrow(RangeError);
  });
});

describe("fingerprints", () => {
  const of = (major: Major, text: string) => statements(major, text)[0]?.fingerprint;

  it("are the same on every major", () => {
    const text = "SELECT a, 'x' FROM t WHERE b IN (1, 2, 3) AND c = $1 -- why";

    expect(new Set(MAJORS.map((major) => of(major, text))).size).toBe(1);
  });

  it.each([
    ["select a from t where b = 1", "SELECT a\nFROM t  WHERE b = 'other' -- comment"],
    ["select a from t where b in (1)", "select a from t where b in (1, 2, 3, 4)"],
    ["select '1', 1.5, b'1', $$x$$", "select E'\\n', 0, x'ff', 'a'\n'b'"],
    ["select a=-1", "select a = - 1"],
  ])("are the same for %j and %j", (one, other) => {
    expect(of(18, one)).toBe(of(18, other));
  });

  it.each([
    ["select a from t", "select a from u"],
    ["select a from t", 'select "A" from t'],
    ["select a from t where b = 1", "select a from t where b = $1"],
    ["select a from t where b = $1", "select a from t where b = $2"],
    ["select f(1)", "select f(1, 2)"],
    ["select a from t where b in (1, $1)", "select a from t where b in ($1, 1)"],
    ["select a from t where b in (1, $1)", "select a from t where b in (1)"],
    ["select a, b", "select ab"],
    ["select a, 1 in (1, 2)", "select a, 1 in (1, 2, c)"],
  ])("differ for %j and %j", (one, other) => {
    expect(of(18, one)).not.toBe(of(18, other));
  });
});
