/** Messages of Postern's own making to the upstream, as bytes. */

import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { encoded } from "../wire/encode.ts";
import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
  encodeParse,
  encodeSync,
  encodeTerminate,
} from "../wire/extended.ts";

/**
 * A portal that cannot exist: executing it fails, which ends the open transaction and skips to Sync exactly as an error of
 * the refused statement would have. The answer to it is replaced by the refusal, so it comes in its turn, behind the answers
 * to what was sent before. The server's log shows this name. The number in it is this process's secret: a portal that a client
 * made under the name would run in the refused statement's place.
 */
const REFUSED_PORTAL = `postern: statement refused by the gateway ${randomBytes(10).toString("hex")}`;

export const POISON = encoded((writer) => encodeExecute(writer, { portal: REFUSED_PORTAL, maxRows: 0 }));
export const FLUSH = encoded(encodeFlush);
export const SYNC = encoded(encodeSync);
export const TERMINATE = encoded(encodeTerminate);

const SETTLING = `postern: settings ${randomBytes(10).toString("hex")}`;

/**
 * Sets what the reading of text depends on, whatever a function has made of it. Under a name, since the unnamed statement is the
 * client's. Closed before too: an earlier one may have failed in between.
 */
export const SETTLE_SETTINGS = encoded((writer) => {
  const close = { kind: "statement", name: SETTLING } as const;
  for (const sql of ["SET client_encoding = 'UTF8'", "SET standard_conforming_strings = on"]) {
    encodeClose(writer, close);
    encodeParse(writer, { statement: SETTLING, query: Buffer.from(sql), parameterTypes: [] });
    encodeBind(writer, {
      portal: SETTLING,
      statement: SETTLING,
      parameterFormats: [],
      parameters: [],
      resultFormats: [],
    });
    encodeExecute(writer, { portal: SETTLING, maxRows: 0 });
    encodeClose(writer, { kind: "portal", name: SETTLING });
    encodeClose(writer, close);
  }
});

const BACKSLASH = 0x5c;

/** Whether the server reads these bytes alike under every client encoding and setting: ASCII without a backslash. */
export function isReadAlike(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte >= 0x80 || byte === BACKSLASH) return false;
  return true;
}

/** What follows the Parse of a statement that came by simple Query: unnamed portal, all rows, text or binary. */
function simpleTail(resultFormats: readonly (0 | 1)[]): Uint8Array {
  return encoded((writer) => {
    encodeBind(writer, { portal: "", statement: "", parameterFormats: [], parameters: [], resultFormats });
    encodeDescribe(writer, { kind: "portal", name: "" });
    encodeExecute(writer, { portal: "", maxRows: 0 });
  });
}
const TEXT_TAIL = simpleTail([]);
/** FETCH from a cursor DECLAREd BINARY gives binary values also by simple Query. */
const BINARY_TAIL = simpleTail([1]);

/** Parse, Bind, Describe, Execute of one statement, unnamed and without parameters. @param sync whether a Sync follows. */
export function simpleStatement(text: Uint8Array, binary: boolean, sync: boolean): Uint8Array {
  const tail = binary ? BINARY_TAIL : TEXT_TAIL;
  const head = 1 + 4 + 1 + text.length + 1 + 2;
  const bytes = Buffer.allocUnsafe(head + tail.length + (sync ? SYNC.length : 0));
  bytes[0] = 0x50; // 'P'
  bytes.writeInt32BE(head - 1, 1);
  bytes[5] = 0; // the unnamed statement
  bytes.set(text, 6);
  bytes[6 + text.length] = 0;
  bytes.writeInt16BE(0, 7 + text.length); // no parameter types
  bytes.set(tail, head);
  if (sync) bytes.set(SYNC, head + tail.length);
  return bytes;
}
