/** Simple query and function call, as the frontend sends them. Text stays bytes: what it says is the parser's to judge. */

import { type Fields, FRONTEND } from "./message-types.ts";
import { type FormatCode, MessageReader } from "./reader.ts";
import type { MessageWriter } from "./writer.ts";

/**
 * Query (F): one string of any number of statements, separated by semicolons.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "Query".
 */
export interface Query {
  readonly type: "Query";
  /** Exactly the bytes sent, without the terminator; not yet checked to be UTF-8. A view: copy to keep past the next read. */
  readonly query: Uint8Array;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeQuery(body: Uint8Array): Query {
  const reader = new MessageReader("Query", body);
  const query = reader.cstringBytes();
  reader.end();
  return { type: "Query", query };
}

export function encodeQuery(writer: MessageWriter, message: Fields<Query>): void {
  writer.begin(FRONTEND.Query, "Query").cstringBytes(message.query).end();
}

/**
 * FunctionCall (F): calls a function by its object identifier, past the parser. Postern refuses it; decoded to say of what.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "FunctionCall".
 */
export interface FunctionCall {
  readonly type: "FunctionCall";
  readonly functionOid: number;
  /** None: all text. One: for all arguments. Else one for each. */
  readonly argumentFormats: readonly FormatCode[];
  readonly arguments: readonly (Uint8Array | null)[];
  readonly resultFormat: FormatCode;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeFunctionCall(body: Uint8Array): FunctionCall {
  const reader = new MessageReader("FunctionCall", body);
  const functionOid = reader.uint32();
  const argumentFormats = reader.list(() => reader.formatCode(), 2);
  const values = reader.list(() => reader.bytesOrNull(), 4);
  if (argumentFormats.length > 1 && argumentFormats.length !== values.length) {
    throw reader.violation("as many formats as arguments are needed, or one, or none");
  }
  const resultFormat = reader.formatCode();
  reader.end();
  return { type: "FunctionCall", functionOid, argumentFormats, arguments: values, resultFormat };
}

export function encodeFunctionCall(writer: MessageWriter, message: Fields<FunctionCall>): void {
  writer
    .begin(FRONTEND.FunctionCall, "FunctionCall")
    .uint32(message.functionOid)
    .list(message.argumentFormats, (format) => writer.uint16(format))
    .list(message.arguments, (value) => writer.bytesOrNull(value))
    .uint16(message.resultFormat)
    .end();
}
