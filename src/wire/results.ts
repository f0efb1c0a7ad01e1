/** What a backend answers a statement with: parameter types, columns, rows, the command tag. Does not interpret values. */

import { BACKEND, type Fields } from "./message-types.ts";
import { type FormatCode, MessageReader } from "./reader.ts";
import type { MessageWriter } from "./writer.ts";

/** One column of a RowDescription. */
export interface ColumnDescription {
  readonly name: string;
  /** Table and column that it is read from; 0 and 0 for an expression. */
  readonly tableOid: number;
  readonly columnNumber: number;
  readonly typeOid: number;
  /** Bytes, negative for variable width. */
  readonly typeSize: number;
  readonly typeModifier: number;
  /** 0 after Describe of a statement, where it is not known yet. */
  readonly format: FormatCode;
}

/** Least bytes of a column in a RowDescription: a name's terminator and 18 bytes. */
const COLUMN_BYTES = 19;

/**
 * RowDescription (B): the columns of the rows that follow.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "RowDescription".
 */
export interface RowDescription {
  readonly type: "RowDescription";
  readonly columns: readonly ColumnDescription[];
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeRowDescription(body: Uint8Array): RowDescription {
  const reader = new MessageReader("RowDescription", body);
  const columns = reader.list(
    () => ({
      name: reader.cstring(),
      tableOid: reader.uint32(),
      columnNumber: reader.int16(),
      typeOid: reader.uint32(),
      typeSize: reader.int16(),
      typeModifier: reader.int32(),
      format: reader.formatCode(),
    }),
    COLUMN_BYTES,
  );
  reader.end();
  return { type: "RowDescription", columns };
}

export function encodeRowDescription(writer: MessageWriter, message: Fields<RowDescription>): void {
  writer
    .begin(BACKEND.RowDescription, "RowDescription")
    .list(message.columns, (column) => {
      writer
        .cstring(column.name)
        .uint32(column.tableOid)
        .int16(column.columnNumber)
        .uint32(column.typeOid)
        .int16(column.typeSize)
        .int32(column.typeModifier)
        .uint16(column.format);
    })
    .end();
}

/**
 * DataRow (B). Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "DataRow".
 */
export interface DataRow {
  readonly type: "DataRow";
  /** Wire bytes, null for SQL NULL. Views on the receive buffer: copy to keep past the next read. */
  readonly values: readonly (Uint8Array | null)[];
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeDataRow(body: Uint8Array): DataRow {
  const reader = new MessageReader("DataRow", body);
  const values = reader.list(() => reader.bytesOrNull(), 4);
  reader.end();
  return { type: "DataRow", values };
}

export function encodeDataRow(writer: MessageWriter, values: readonly (Uint8Array | null)[]): void {
  writer
    .begin(BACKEND.DataRow, "DataRow")
    .list(values, (value) => writer.bytesOrNull(value))
    .end();
}

/**
 * ParameterDescription (B): the types that the server gave a statement's parameters.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "ParameterDescription".
 */
export interface ParameterDescription {
  readonly type: "ParameterDescription";
  readonly parameterTypes: readonly number[];
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeParameterDescription(body: Uint8Array): ParameterDescription {
  const reader = new MessageReader("ParameterDescription", body);
  const parameterTypes = reader.list(() => reader.uint32(), 4);
  reader.end();
  return { type: "ParameterDescription", parameterTypes };
}

export function encodeParameterDescription(writer: MessageWriter, message: Fields<ParameterDescription>): void {
  writer
    .begin(BACKEND.ParameterDescription, "ParameterDescription")
    .list(message.parameterTypes, (oid) => writer.uint32(oid))
    .end();
}

/**
 * CommandComplete (B): a statement ended well.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "CommandComplete".
 */
export interface CommandComplete {
  readonly type: "CommandComplete";
  /** As sent: "SELECT 3", "INSERT 0 1", "CREATE TABLE". */
  readonly tag: string;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeCommandComplete(body: Uint8Array): CommandComplete {
  const reader = new MessageReader("CommandComplete", body);
  const tag = reader.cstring();
  reader.end();
  return { type: "CommandComplete", tag };
}

export function encodeCommandComplete(writer: MessageWriter, tag: string): void {
  writer.begin(BACKEND.CommandComplete, "CommandComplete").cstring(tag).end();
}

/** A command tag in its parts. */
export interface CommandTag {
  /** "SELECT", "INSERT", "CREATE TABLE". */
  readonly command: string;
  /** Rows returned or changed; null where the command counts none. */
  readonly rows: number | null;
}

/** The parts of a CommandComplete's tag. INSERT's first number is an object identifier, always 0 since PostgreSQL 12. */
export function parseCommandTag(tag: string): CommandTag {
  const match = /^([A-Z ]*[A-Z])(?: (?:\d+ )?(\d+))?$/.exec(tag);
  if (match === null) return { command: tag, rows: null };
  const [, command = tag, rows] = match;
  return { command, rows: rows === undefined ? null : Number(rows) };
}

/**
 * FunctionCallResponse (B): the result of a FunctionCall.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "FunctionCallResponse".
 */
export interface FunctionCallResponse {
  readonly type: "FunctionCallResponse";
  readonly value: Uint8Array | null;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeFunctionCallResponse(body: Uint8Array): FunctionCallResponse {
  const reader = new MessageReader("FunctionCallResponse", body);
  const value = reader.bytesOrNull();
  reader.end();
  return { type: "FunctionCallResponse", value };
}

export function encodeFunctionCallResponse(writer: MessageWriter, value: Uint8Array | null): void {
  writer.begin(BACKEND.FunctionCallResponse, "FunctionCallResponse").bytesOrNull(value).end();
}
