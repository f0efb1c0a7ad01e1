/** Escapes by the messages of the protocol: names, batches, Flush, bytes that no driver sends. policy-escapes.ts has the others. */

import type { BackendMessage } from "../../src/wire/backend.ts";
import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
  encodeParse,
  encodeSync,
} from "../../src/wire/extended.ts";
import type { MessageWriter } from "../../src/wire/writer.ts";
import type { RawClient } from "./raw-client.ts";

type Part = Uint8Array | ((writer: MessageWriter) => void);

const bytes = (text: string) => new TextEncoder().encode(text);
export const parse = (statement: string, query: string) => (w: MessageWriter) =>
  encodeParse(w, { statement, query: bytes(query), parameterTypes: [] });
export const bind = (portal: string, statement: string) => (w: MessageWriter) =>
  encodeBind(w, { portal, statement, parameterFormats: [], parameters: [], resultFormats: [] });
export const describeStatement = (name: string) => (w: MessageWriter) => encodeDescribe(w, { kind: "statement", name });
export const execute = (portal: string) => (w: MessageWriter) => encodeExecute(w, { portal, maxRows: 0 });
export const close = (name: string) => (w: MessageWriter) => encodeClose(w, { kind: "statement", name });
const run = (query: string) => [parse("", query), bind("", ""), execute("")] as const;

/** Query (F) of any bytes, as no encoder would make it. */
function rawQuery(text: Uint8Array): Uint8Array {
  const body = Buffer.concat([text, Buffer.from([0])]);
  const head = Buffer.alloc(5, "Q");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** Parse (F) of any bytes, with no parameter types. */
function rawParse(text: Uint8Array): Uint8Array {
  const body = Buffer.concat([Buffer.from([0]), text, Buffer.from([0, 0, 0])]);
  const head = Buffer.alloc(5, "P");
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** FunctionCall (F) of one function without arguments. */
function functionCall(oid: number): Uint8Array {
  const body = Buffer.alloc(15);
  body[0] = 0x46;
  body.writeInt32BE(14, 1);
  body.writeInt32BE(oid, 5);
  return body;
}

export interface Escape {
  readonly name: string;
  /** @param asOwner runs SQL in another session, as a superuser. @returns all that came back. */
  readonly attack: (client: RawClient, asOwner: (sql: string) => Promise<string>) => Promise<readonly BackendMessage[]>;
  /** Undoes what the owner did. */
  readonly undo?: string;
  /** Nothing of it is forbidden: it is only not to be read as something else. */
  readonly harmless?: true;
  /** The server may run it as it was before: it need not be refused. */
  readonly mayRun?: true;
}

/** Sends parts, then reads up to the last of the Syncs or Queries among them, or to the end. */
export async function exchange(client: RawClient, parts: readonly Part[], ends: number): Promise<BackendMessage[]> {
  client.send(...parts);
  const all: BackendMessage[] = [];
  for (let i = 0; i < ends; i++) {
    const some = await client.until("ReadyForQuery");
    all.push(...some);
    if (some.at(-1)?.type !== "ReadyForQuery") break;
  }
  return all;
}

const encode = (text: string) => Buffer.from(text, "latin1");
export const RAW: readonly (readonly [string, readonly Uint8Array[]])[] = [
  ["NUL inside a Query", [rawQuery(encode("SELECT 1\0; DELETE FROM notes"))]],
  ["NUL before a statement", [rawQuery(encode("\0DELETE FROM notes"))]],
  ["invalid UTF-8 in a Query", [rawQuery(encode("SELECT '\xc3'; DELETE FROM notes; --'"))]],
  ["an overlong quote", [rawQuery(encode("SELECT '\xc0\xa7; DELETE FROM notes; --'"))]],
  ["a half of a surrogate pair", [rawQuery(encode("SELECT '\xed\xa0\x80'; DELETE FROM notes"))]],
  ["a byte order mark", [rawQuery(encode("\xef\xbb\xbfDELETE FROM notes"))]],
  ["invalid UTF-8 in a Parse", [rawParse(encode("DELETE FROM notes -- \xff"))]],
  ["a function called by its number", [functionCall(2026)]],
];

export const WIRE: readonly Escape[] = [
  {
    name: "a statement's name reused between Describe and Execute",
    attack: (client) =>
      exchange(
        client,
        [
          ...[parse("s", "SELECT 1"), describeStatement("s"), close("s")],
          ...[parse("s", "DELETE FROM notes"), bind("", "s"), execute(""), encodeSync],
        ],
        1,
      ),
  },
  {
    name: "the unnamed statement replaced between Describe and Execute",
    attack: (client) =>
      exchange(
        client,
        [
          parse("", "SELECT 1"),
          describeStatement(""),
          parse("", "DELETE FROM notes"),
          bind("", ""),
          execute(""),
          encodeSync,
        ],
        1,
      ),
  },
  {
    name: "a name that failed to be given keeps what it had",
    attack: async (client) => [
      ...(await exchange(client, [parse("s", "DELETE FROM notes"), encodeSync], 1)),
      ...(await exchange(client, [parse("s", "SELECT 1"), encodeSync], 1)),
      ...(await exchange(client, [bind("", "s"), execute(""), encodeSync], 1)),
    ],
  },
  {
    name: "EXECUTE of a statement prepared on the wire",
    attack: async (client) => [
      ...(await exchange(client, [parse("p", "DELETE FROM notes"), encodeSync], 1)),
      ...(await client.query("EXECUTE p")),
    ],
  },
  {
    name: "EXECUTE inside EXPLAIN ANALYZE of a statement prepared on the wire",
    attack: async (client) => [
      ...(await exchange(client, [parse("p", "DELETE FROM notes"), encodeSync], 1)),
      ...(await client.query("EXPLAIN ANALYZE EXECUTE p")),
    ],
  },
  {
    name: "CREATE TABLE AS EXECUTE of a statement prepared on the wire",
    attack: async (client) => [
      ...(await exchange(client, [parse("p", "SELECT team FROM hr.salaries"), encodeSync], 1)),
      ...(await client.query("CREATE TEMP TABLE x AS EXECUTE p; SELECT * FROM x")),
    ],
  },
  {
    name: "Bind to a statement prepared by SQL",
    attack: async (client) => [
      ...(await client.query("PREPARE p AS DELETE FROM notes")),
      ...(await exchange(client, [bind("", "p"), execute(""), encodeSync], 1)),
    ],
  },
  {
    name: "a Bind that was sent together with its PREPARE",
    attack: (client) =>
      exchange(client, [...run("PREPARE p AS DELETE FROM notes"), bind("", "p"), execute(""), encodeSync], 1),
  },
  {
    name: "FETCH from a portal bound on the wire",
    attack: (client) =>
      exchange(
        client,
        [
          ...run("BEGIN"),
          ...[parse("", "SELECT team FROM hr.salaries"), bind("c", "")],
          ...[...run("FETCH ALL FROM c"), encodeSync],
        ],
        1,
      ),
  },
  {
    name: "statements pipelined behind a refused one",
    attack: (client) =>
      exchange(
        client,
        [...run("DELETE FROM notes"), ...run("UPDATE notes SET body = 'x'"), ...run("COMMIT"), encodeSync],
        1,
      ),
  },
  {
    name: "a batch behind a refused one",
    attack: (client) =>
      exchange(
        client,
        [...run("DELETE FROM notes"), encodeSync, ...run("SELECT team FROM hr.salaries"), encodeSync],
        2,
      ),
  },
  {
    name: "a COMMIT before what is refused, in one batch",
    attack: (client) =>
      exchange(client, [...run("COMMIT"), ...run("DELETE FROM notes"), ...run("COMMIT"), encodeSync], 1),
  },
  {
    name: "Flush without Sync",
    attack: async (client) => {
      client.send(...run("DELETE FROM notes"), encodeFlush);
      return client.until("ErrorResponse");
    },
  },
  {
    name: "Flush without Sync behind a COMMIT",
    attack: async (client) => {
      client.send(...run("SELECT 1"), ...run("COMMIT"), ...run("SELECT team FROM hr.salaries"), encodeFlush);
      return client.until("ErrorResponse");
    },
  },
  {
    name: "a COPY of a forbidden table by the extended protocol",
    attack: (client) => exchange(client, [...run("COPY hr.salaries TO STDOUT"), encodeSync], 1),
  },
  {
    name: "a function of a set of rows, by the extended protocol",
    attack: (client) => exchange(client, [...run("SELECT * FROM team_names()"), encodeSync], 1),
  },
  {
    name: "dynamic SQL in rows that are asked for one at a time",
    attack: (client) => {
      const one = (w: MessageWriter) => encodeExecute(w, { portal: "", maxRows: 1 });
      const text = "SELECT CASE WHEN id > 1 THEN run_sql('DELETE FROM notes RETURNING 1') END FROM orders ORDER BY id";
      return exchange(
        client,
        [...run("BEGIN"), parse("", text), bind("", ""), one, one, one, ...run("COMMIT"), encodeSync],
        1,
      );
    },
  },
  {
    name: "dynamic SQL, flushed and left",
    attack: async (client) => {
      client.send(...run("SELECT run_sql('DELETE FROM notes RETURNING 1')"), encodeFlush);
      return client.until("ErrorResponse");
    },
  },
  {
    name: "dynamic SQL with a COMMIT on its heels",
    attack: (client) =>
      exchange(client, [...run("SELECT run_sql('DELETE FROM notes RETURNING 1')"), ...run("COMMIT"), encodeSync], 1),
  },
];
