/** Messages of Postern's own making to the upstream, as bytes. */

import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { encoded } from "../wire/encode.ts";
import {
  encodeBind,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
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
