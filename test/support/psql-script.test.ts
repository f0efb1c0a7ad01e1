import { describe, expect, it } from "vitest";
import { readPsqlScript, VARIABLE } from "./psql-script.mjs";

const read = (text: string, variables: Readonly<Record<string, string>> = {}) =>
  readPsqlScript(text, new Map(Object.entries(variables)));
const { open, close } = VARIABLE;

describe("a script for psql", () => {
  it.each([
    ["a semicolon ends a statement", "select 1; select 2;", ["select 1", "select 2"]],
    ["comments before a statement are dropped", "-- a; b\nselect 1 -- c; d\n, 2;", ["select 1 -- c; d\n, 2"]],
    ["no semicolon in quotes", `select ';', ";", $$;$$, $a$;$$;$a$, E'\\';', U&';' /* ; /* ; */ */;`, 1],
    ["no semicolon in parentheses", "create rule r as on update to t do (select 1; select 2);", 1],
    [
      "no semicolon in BEGIN ATOMIC",
      "create function f() returns int begin atomic select case 1 when 1 then 2 end; end;",
      1,
    ],
    ["BEGIN of a transaction", "begin; end; create table function(a int);", 3],
    ["backslash in a plain string", "select 'a\\'; select '\\';", ["select 'a\\'", "select '\\'"]],
    ["backslash escapes by setting", "set standard_conforming_strings = off; select 'a\\';';", 2],
    ["two statements sent together", "select 1\\; select 2;", ["select 1; select 2"]],
    ["what is left without a semicolon is not sent", "select 1; select 2", ["select 1"]],
  ])("is read as psql does: %s", (_, text, expected) => {
    const items = read(text);

    expect(typeof expected === "number" ? items.length : items).toEqual(expected);
  });

  it("loses its backslash commands", () => {
    expect(
      read("\\d t; select\n\\pset null 'x'\nselect 1;\nselect 2 \\g (format=html)\nselect 3 \\r\nselect 4;"),
    ).toEqual(["select 1", "select 2", "select 4"]);
  });

  it("says what psql does with an answer", () => {
    expect(
      read("select 1 as a \\gset p_\nselect 'select 1' \\gexec\nselect $1 \\bind 'x y' \\g\nselect 1 \\gdesc"),
    ).toEqual([
      { sql: "select 1 as a", sets: "p_" },
      { sql: "select 'select 1'", executes: true },
      { sql: "select $1", binds: ["x y"] },
      { sql: "select 1", describes: true },
    ]);
  });

  it("keeps the rows of a COPY apart", () => {
    expect(
      read(
        "copy t from stdin;\n1\t;\n\\N\t2\n\\.\nselect 1;\ncopy u from stdin;\nselect 2;\n\\copy v from stdin\n3\n\\.\n",
      ),
    ).toEqual([
      { sql: "copy t from stdin", rows: "1\t;\n\\N\t2\n" },
      "select 1",
      "copy u from stdin",
      "select 2",
      { sql: "COPY v from stdin", rows: "3\n" },
    ]);
  });

  it("has its variables put in where they are known, and marked where they may be", () => {
    expect(read("\\set f :dir '/x'\nselect :'f', :\"f\", a::int, b[1:n], ':f', :{?f};", { dir: "/d" })).toEqual([
      `select '/d/x', "/d/x", a::int, b[1${open}:n${close}], ':f', :{?f}`,
    ]);
  });

  it("is followed where its conditions are constants", () => {
    expect(
      read("\\if true\nselect 1;\n\\else\nselect 2;\n\\endif\n\\if :x\n\\quit\n\\endif\nselect 3;\\q\nselect 4;"),
    ).toEqual(["select 1", "select 3"]);
  });
});
