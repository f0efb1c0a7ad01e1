/** The extended query protocol as the frontend sends it: Parse, Bind, Describe, Execute, Close, Flush, Sync. Keeps no state. */

import { type Bare, type Fields, FRONTEND } from "./message-types.ts";
import { type FormatCode, MessageReader } from "./reader.ts";
import type { MessageWriter } from "./writer.ts";

/**
 * Parse (F): makes a prepared statement of a text.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "Parse".
 */
export interface Parse {
  readonly type: "Parse";
  /** Statement to make; "" is the unnamed one, replaced by each Parse. */
  readonly statement: string;
  /** Exactly the bytes sent, without the terminator; not yet checked to be UTF-8. A view: copy to keep past the next read. */
  readonly query: Uint8Array;
  /** Type of each parameter, 0 for "infer it". May be shorter than the parameters are many. */
  readonly parameterTypes: readonly number[];
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeParse(body: Uint8Array): Parse {
  const reader = new MessageReader("Parse", body);
  const statement = reader.cstring();
  const query = reader.cstringBytes();
  const parameterTypes = reader.list(() => reader.uint32(), 4);
  reader.end();
  return { type: "Parse", statement, query, parameterTypes };
}

export function encodeParse(writer: MessageWriter, message: Fields<Parse>): void {
  writer
    .begin(FRONTEND.Parse, "Parse")
    .cstring(message.statement)
    .cstringBytes(message.query)
    .list(message.parameterTypes, (oid) => writer.uint32(oid))
    .end();
}

/**
 * Bind (F): gives a prepared statement its parameters and makes a portal of it.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "Bind".
 */
export interface Bind {
  readonly type: "Bind";
  /** Portal to make; "" is the unnamed portal. */
  readonly portal: string;
  readonly statement: string;
  /** None: all text. One: for all parameters. Else one for each. */
  readonly parameterFormats: readonly FormatCode[];
  /** Wire bytes, null for SQL NULL. Views on the receive buffer: copy to keep past the next read. */
  readonly parameters: readonly (Uint8Array | null)[];
  /** None: all text. One: for all columns. Else one for each, which only the server can count. */
  readonly resultFormats: readonly FormatCode[];
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeBind(body: Uint8Array): Bind {
  const reader = new MessageReader("Bind", body);
  const portal = reader.cstring();
  const statement = reader.cstring();
  const parameterFormats = reader.list(() => reader.formatCode(), 2);
  const parameters = reader.list(() => reader.bytesOrNull(), 4);
  if (parameterFormats.length > 1 && parameterFormats.length !== parameters.length) {
    throw reader.violation("as many formats as parameters are needed, or one, or none");
  }
  const resultFormats = reader.list(() => reader.formatCode(), 2);
  reader.end(); // as strict as the server: a byte skipped here is a byte that no policy has seen
  return { type: "Bind", portal, statement, parameterFormats, parameters, resultFormats };
}

export function encodeBind(writer: MessageWriter, message: Fields<Bind>): void {
  writer
    .begin(FRONTEND.Bind, "Bind")
    .cstring(message.portal)
    .cstring(message.statement)
    .list(message.parameterFormats, (format) => writer.uint16(format))
    .list(message.parameters, (value) => writer.bytesOrNull(value))
    .list(message.resultFormats, (format) => writer.uint16(format))
    .end();
}

/** What Describe and Close name. On the wire 'S' and 'P'. */
export type ObjectKind = "statement" | "portal";

const KIND_BYTES = { statement: 0x53, portal: 0x50 } as const satisfies Record<ObjectKind, number>;

function readKind(reader: MessageReader): ObjectKind {
  const at = reader.offset;
  const byte = reader.uint8();
  if (byte === KIND_BYTES.statement) return "statement";
  if (byte === KIND_BYTES.portal) return "portal";
  throw reader.violation("neither 'S' nor 'P'", at);
}

/**
 * Describe (F): asks for the parameter types and columns of a statement, or the columns of a portal.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "Describe".
 */
export interface Describe {
  readonly type: "Describe";
  readonly kind: ObjectKind;
  readonly name: string;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeDescribe(body: Uint8Array): Describe {
  const reader = new MessageReader("Describe", body);
  const kind = readKind(reader);
  const name = reader.cstring();
  reader.end();
  return { type: "Describe", kind, name };
}

export function encodeDescribe(writer: MessageWriter, message: Fields<Describe>): void {
  writer.begin(FRONTEND.Describe, "Describe").uint8(KIND_BYTES[message.kind]).cstring(message.name).end();
}

/**
 * Execute (F): runs a portal, or runs it on.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "Execute".
 */
export interface Execute {
  readonly type: "Execute";
  readonly portal: string;
  /** Most rows to return before PortalSuspended; 0 or less: all. */
  readonly maxRows: number;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeExecute(body: Uint8Array): Execute {
  const reader = new MessageReader("Execute", body);
  const portal = reader.cstring();
  const maxRows = reader.int32();
  reader.end();
  return { type: "Execute", portal, maxRows };
}

export function encodeExecute(writer: MessageWriter, message: Fields<Execute>): void {
  writer.begin(FRONTEND.Execute, "Execute").cstring(message.portal).int32(message.maxRows).end();
}

/**
 * Close (F): forgets a statement (and the portals made of it) or a portal; one that does not exist is no error.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "Close".
 */
export interface Close {
  readonly type: "Close";
  readonly kind: ObjectKind;
  readonly name: string;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeClose(body: Uint8Array): Close {
  const reader = new MessageReader("Close", body);
  const kind = readKind(reader);
  const name = reader.cstring();
  reader.end();
  return { type: "Close", kind, name };
}

export function encodeClose(writer: MessageWriter, message: Fields<Close>): void {
  writer.begin(FRONTEND.Close, "Close").uint8(KIND_BYTES[message.kind]).cstring(message.name).end();
}

/** Flush (F): asks for what is answered so far; runs what was executed, without ending the batch. */
export type Flush = Bare<"Flush">;
/** Sync (F): ends the batch; the answer ends with ReadyForQuery, and errors are skipped up to here. */
export type Sync = Bare<"Sync">;
/** Terminate (F): the frontend is about to close the connection. */
export type Terminate = Bare<"Terminate">;

/** A message that has no body. @throws {ProtocolViolation} where it has one. */
export function decodeBare<Name extends string>(name: Name, body: Uint8Array): Bare<Name> {
  new MessageReader(name, body).end();
  return { type: name };
}

export function encodeFlush(writer: MessageWriter): void {
  writer.empty(FRONTEND.Flush);
}

export function encodeSync(writer: MessageWriter): void {
  writer.empty(FRONTEND.Sync);
}

export function encodeTerminate(writer: MessageWriter): void {
  writer.empty(FRONTEND.Terminate);
}
