/** COPY: the three messages that carry the data (both directions) and the three that open it (backend). Data stays bytes. */

import { BACKEND, type Bare, type Fields, FRONTEND } from "./message-types.ts";
import { type FormatCode, MessageReader } from "./reader.ts";
import type { MessageWriter } from "./writer.ts";

/**
 * CopyData (F & B): a piece of the stream. A frontend may cut it anywhere; the backend sends one row in each.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "CopyData".
 */
export interface CopyData {
  readonly type: "CopyData";
  /** A view on the receive buffer: copy to keep past the next read. */
  readonly data: Uint8Array;
}

export function decodeCopyData(body: Uint8Array): CopyData {
  return { type: "CopyData", data: body };
}

export function encodeCopyData(writer: MessageWriter, message: Fields<CopyData>): void {
  writer.begin(FRONTEND.CopyData, "CopyData").bytes(message.data).end();
}

/** CopyDone (F & B): the stream is complete. */
export type CopyDone = Bare<"CopyDone">;

export function encodeCopyDone(writer: MessageWriter): void {
  writer.empty(FRONTEND.CopyDone);
}

/**
 * CopyFail (F): the frontend gives the stream up; the COPY fails with this text in its error.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "CopyFail".
 */
export interface CopyFail {
  readonly type: "CopyFail";
  readonly reason: string;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeCopyFail(body: Uint8Array): CopyFail {
  const reader = new MessageReader("CopyFail", body);
  const reason = reader.cstring();
  reader.end();
  return { type: "CopyFail", reason };
}

export function encodeCopyFail(writer: MessageWriter, message: Fields<CopyFail>): void {
  writer.begin(FRONTEND.CopyFail, "CopyFail").cstring(message.reason).end();
}

/**
 * CopyInResponse, CopyOutResponse, CopyBothResponse (B): the stream opens, towards the backend, the frontend, or both ways
 * (replication only). Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "CopyInResponse".
 */
export interface CopyResponse<Name extends CopyResponseName = CopyResponseName> {
  readonly type: Name;
  /** Of the whole stream: 0 text or CSV, 1 binary. */
  readonly format: FormatCode;
  /** Of each column; all 0 where the stream is text. */
  readonly columnFormats: readonly FormatCode[];
}

export type CopyResponseName = "CopyInResponse" | "CopyOutResponse" | "CopyBothResponse";
export type CopyInResponse = CopyResponse<"CopyInResponse">;
export type CopyOutResponse = CopyResponse<"CopyOutResponse">;
export type CopyBothResponse = CopyResponse<"CopyBothResponse">;

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeCopyResponse<Name extends CopyResponseName>(type: Name, body: Uint8Array): CopyResponse<Name> {
  const reader = new MessageReader(type, body);
  const format = reader.uint8();
  if (format !== 0 && format !== 1) throw reader.violation("unknown format code", 0);
  const columnFormats = reader.list(() => reader.formatCode(), 2);
  reader.end();
  return { type, format, columnFormats };
}

export function encodeCopyResponse(writer: MessageWriter, message: CopyResponse): void {
  writer
    .begin(BACKEND[message.type], message.type)
    .uint8(message.format)
    .list(message.columnFormats, (format) => writer.uint16(format))
    .end();
}
