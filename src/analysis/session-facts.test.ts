import { beforeAll, describe, expect, it } from "vitest";
import { MAJORS, type Major } from "./grammar.ts";
import type { ParsedStatement } from "./parsed-statement.ts";
import { loadParser, type Parser } from "./parser.ts";

const parsers = new Map<Major, Parser>();

beforeAll(async () => {
  for (const major of MAJORS) parsers.set(major, await loadParser(major));
});

/** Statement, and all that it says about the session. */
const STATEMENTS: readonly (readonly [string, Partial<ParsedStatement>])[] = [
  ["begin", { transaction: { kind: "begin" } }],
  [
    "start transaction isolation level repeatable read, read only, not deferrable",
    {
      transaction: {
        kind: "begin",
        options: {
          transaction_isolation: "repeatable read",
          transaction_read_only: "on",
          transaction_deferrable: "off",
        },
      },
    },
  ],
  ["end", { transaction: { kind: "commit" } }],
  ["commit and chain", { transaction: { kind: "commit", chain: true } }],
  ["abort", { transaction: { kind: "rollback" } }],
  ["rollback and no chain", { transaction: { kind: "rollback" } }],
  ['savepoint "A b"', { transaction: { kind: "savepoint", name: "A b" } }],
  ["release a", { transaction: { kind: "release", name: "a" } }],
  ["rollback to a", { transaction: { kind: "rollbackTo", name: "a" } }],
  ["prepare transaction 'g'", { transaction: { kind: "prepare", name: "g" } }],
  ["commit prepared 'g'", { transaction: { kind: "commitPrepared", name: "g" } }],
  ["rollback prepared 'g'", { transaction: { kind: "rollbackPrepared", name: "g" } }],
  ["set Work_Mem = '1MB'", { setting: { kind: "set", name: "work_mem", value: "1MB", values: ["1MB"] } }],
  [
    'set "DateStyle" to iso, dmy',
    { setting: { kind: "set", name: "datestyle", value: "iso, dmy", values: ["iso", "dmy"] } },
  ],
  ["set a.b = -2.5", { setting: { kind: "set", name: "a.b", value: "-2.5", values: ["-2.5"] } }],
  ["set a.b = 0", { setting: { kind: "set", name: "a.b", value: "0", values: ["0"] } }],
  ["set a.b = ''", { setting: { kind: "set", name: "a.b", value: "", values: [""] } }],
  ["set a.b = on", { setting: { kind: "set", name: "a.b", value: "on", values: ["on"] } }],
  ["set local a.b to default", { setting: { kind: "setDefault", name: "a.b", local: true } }],
  ["set local a.b = 1", { setting: { kind: "setLocal", name: "a.b", value: "1", values: ["1"], local: true } }],
  ["set session a.b = 1", { setting: { kind: "set", name: "a.b", value: "1", values: ["1"] } }],
  ["set time zone 'UTC'", { setting: { kind: "set", name: "timezone", value: "UTC", values: ["UTC"] } }],
  ["set time zone local", { setting: { kind: "setDefault", name: "timezone" } }],
  ["set time zone interval '-1' hour", { setting: { kind: "set", name: "timezone", value: "-1", values: ["-1"] } }],
  ["set names 'utf8'", { setting: { kind: "set", name: "client_encoding", value: "utf8", values: ["utf8"] } }],
  ["set schema 'x'", { setting: { kind: "set", name: "search_path", value: "x", values: ["x"] } }],
  ["set role none", { setting: { kind: "set", name: "role", value: "none", values: ["none"] } }],
  ["set role r", { setting: { kind: "set", name: "role", value: "r", values: ["r"] } }],
  [
    "set session authorization r",
    { setting: { kind: "set", name: "session_authorization", value: "r", values: ["r"] } },
  ],
  ["set session authorization default", { setting: { kind: "setDefault", name: "session_authorization" } }],
  ["set a.b from current", { setting: { kind: "set", name: "a.b" } }],
  [
    "set transaction isolation level serializable, read write",
    {
      setting: {
        kind: "setTransaction",
        name: "transaction",
        value: "transaction_isolation = serializable, transaction_read_only = off",
      },
    },
  ],
  [
    "set session characteristics as transaction read only",
    { setting: { kind: "setTransaction", name: "session characteristics", value: "transaction_read_only = on" } },
  ],
  [
    "set transaction snapshot '1-2-3'",
    { setting: { kind: "setTransaction", name: "transaction snapshot", value: "1-2-3" } },
  ],
  ["reset a.b", { setting: { kind: "reset", name: "a.b" } }],
  ["reset all", { setting: { kind: "resetAll" } }],
  ["reset time zone", { setting: { kind: "reset", name: "timezone" } }],
  ["discard all", { setting: { kind: "discardAll" } }],
  ["discard temp", { setting: { kind: "discardOther", name: "temp" } }],
  ["discard plans", { setting: { kind: "discardOther", name: "plans" } }],
  ["set constraints all immediate", { setting: { kind: "setConstraints", value: "immediate" } }],
  ["show Search_Path", { setting: { kind: "show", name: "search_path" } }],
  ["show all", { setting: { kind: "show", name: "all" } }],
  ["execute p(1)", { prepared: { kind: "execute", name: "p" } }],
  ["create table t as execute p", { prepared: { kind: "execute", name: "p" } }],
  ["deallocate p", { prepared: { kind: "deallocate", name: "p" } }],
  ["deallocate prepare all", { prepared: { kind: "deallocateAll" } }],
  ["declare c cursor for select 1", { cursor: { kind: "declare", name: "c", binary: false, hold: false } }],
  [
    'declare "C 1" binary insensitive scroll cursor with hold for select 1',
    { cursor: { kind: "declare", name: "C 1", binary: true, hold: true } },
  ],
  ["fetch 10 c", { cursor: { kind: "fetch", name: "c" } }],
  ["fetch backward all in c", { cursor: { kind: "fetch", name: "c" } }],
  ["move absolute 3 c", { cursor: { kind: "move", name: "c" } }],
  ["close c", { cursor: { kind: "close", name: "c" } }],
  ["close all", { cursor: { kind: "closeAll" } }],
  ["copy t from stdin", { copy: { direction: "in", target: "stdin", format: "text" } }],
  ["copy t to stdout (format binary)", { copy: { direction: "out", target: "stdout", format: "binary" } }],
  ["copy t to stdout csv header", { copy: { direction: "out", target: "stdout", format: "csv" } }],
  ["copy t from stdout", { copy: { direction: "in", target: "stdin", format: "text" } }],
  ["copy t from '/x'", { copy: { direction: "in", target: "file", format: "text" } }],
  ["copy (select 1) to program 'x'", { copy: { direction: "out", target: "program", format: "text" } }],
  ["listen a", { channel: "a" }],
  ["notify \"A b\", 'payload'", { channel: "A b" }],
  ["unlisten a", { channel: "a" }],
  ["unlisten *", {}],
  ["select 1", {}],
];

describe.each(MAJORS)("session facts on PostgreSQL %i", (major) => {
  it.each(STATEMENTS)("of %s", (text, expected) => {
    const outcome = parsers.get(major)!.parse(new TextEncoder().encode(text));
    if (!outcome.ok) throw new Error(outcome.message);
    const [statement] = outcome.statements;
    const { transaction, setting, prepared, cursor, copy, channel } = statement!;

    const said = Object.entries({ transaction, setting, prepared, cursor, copy, channel });
    expect(Object.fromEntries(said.filter(([, value]) => value !== undefined))).toEqual(expected);
  });

  it("of EXPLAIN EXECUTE name the prepared statement too", () => {
    const outcome = parsers.get(major)!.parse(new TextEncoder().encode("explain analyze execute p"));

    expect(outcome).toMatchObject({ ok: true, statements: [{ prepared: { kind: "execute", name: "p" } }] });
  });
});
