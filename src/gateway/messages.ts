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

/** What follows the Parse of a statement that came by simple Query: the unnamed portal, text or binary, and what its rows are. */
function bound(resultFormats: readonly (0 | 1)[]): Uint8Array {
  return encoded((writer) => {
    encodeBind(writer, { portal: "", statement: "", parameterFormats: [], parameters: [], resultFormats });
    encodeDescribe(writer, { kind: "portal", name: "" });
  });
}
const TEXT = bound([]);
/** FETCH from a cursor DECLAREd BINARY gives binary values also by simple Query. */
const BINARY = bound([1]);

/** Parse of one statement of a simple Query, unnamed and without parameters. */
export function simpleParse(text: Uint8Array): Uint8Array {
  const head = 1 + 4 + 1 + text.length + 1 + 2;
  const bytes = Buffer.allocUnsafe(head);
  bytes[0] = 0x50; // 'P'
  bytes.writeInt32BE(head - 1, 1);
  bytes[5] = 0; // the unnamed statement
  bytes.set(text, 6);
  bytes[6 + text.length] = 0;
  bytes.writeInt16BE(0, 7 + text.length); // no parameter types
  return bytes;
}

/** Bind and Describe of it. */
export function simpleBind(binary: boolean): Uint8Array {
  return binary ? BINARY : TEXT;
}

const EXECUTE = encoded((writer) => encodeExecute(writer, { portal: "", maxRows: 0 }));
const EXECUTE_SYNC = Uint8Array.of(...EXECUTE, ...SYNC);

/** All rows of it. @param sync whether a Sync follows. */
export function simpleExecute(sync: boolean): Uint8Array {
  return sync ? EXECUTE_SYNC : EXECUTE;
}
