/** What a backend says about the session rather than about a statement: its key, settings, version, readiness, notifications. */

import { BACKEND, type Fields } from "./message-types.ts";
import { MessageReader } from "./reader.ts";
import type { MessageWriter } from "./writer.ts";

/** Bounds of a cancel key: 4 bytes in protocol 3.0, up to 256 since 3.2. */
export const MIN_CANCEL_KEY_BYTES = 4;
export const MAX_CANCEL_KEY_BYTES = 256;

/**
 * BackendKeyData (B): what a CancelRequest for this session must repeat. The key is a credential: never log it.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "BackendKeyData".
 */
export interface BackendKeyData {
  readonly type: "BackendKeyData";
  /** Any Int32; negative ones occur with poolers. */
  readonly processId: number;
  /** 4 to 256 bytes. A view on the receive buffer: copy to keep. */
  readonly secretKey: Uint8Array;
}

/** The key that fills the rest of a message, within its bounds. */
export function readCancelKey(reader: MessageReader): Uint8Array {
  const at = reader.offset;
  const key = reader.rest();
  if (key.length < MIN_CANCEL_KEY_BYTES) throw reader.violation("the cancel key is shorter than 4 bytes", at);
  if (key.length > MAX_CANCEL_KEY_BYTES) throw reader.violation("the cancel key is longer than 256 bytes", at);
  return key;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeBackendKeyData(body: Uint8Array): BackendKeyData {
  const reader = new MessageReader("BackendKeyData", body);
  const processId = reader.int32();
  const secretKey = readCancelKey(reader);
  return { type: "BackendKeyData", processId, secretKey };
}

export function encodeBackendKeyData(writer: MessageWriter, message: Fields<BackendKeyData>): void {
  writer.begin(BACKEND.BackendKeyData, "BackendKeyData").int32(message.processId).bytes(message.secretKey).end();
}

/**
 * ParameterStatus (B): the value of a setting that clients follow, at start and whenever it changes.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "ParameterStatus".
 */
export interface ParameterStatus {
  readonly type: "ParameterStatus";
  readonly name: string;
  readonly value: string;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeParameterStatus(body: Uint8Array): ParameterStatus {
  const reader = new MessageReader("ParameterStatus", body);
  const name = reader.cstring();
  const value = reader.cstring();
  reader.end();
  return { type: "ParameterStatus", name, value };
}

export function encodeParameterStatus(writer: MessageWriter, message: Fields<ParameterStatus>): void {
  writer.begin(BACKEND.ParameterStatus, "ParameterStatus").cstring(message.name).cstring(message.value).end();
}

/** Whether a transaction is open. On the wire 'I', 'T' and 'E'. */
export type TransactionStatus = "idle" | "transaction" | "failed";

const STATUS_BYTES = { idle: 0x49, transaction: 0x54, failed: 0x45 } as const satisfies Record<
  TransactionStatus,
  number
>;

/** The status behind a ReadyForQuery's byte; null for an unknown one. For the relay, which reads it without decoding. */
export function transactionStatusOf(byte: number): TransactionStatus | null {
  if (byte === STATUS_BYTES.idle) return "idle";
  if (byte === STATUS_BYTES.transaction) return "transaction";
  if (byte === STATUS_BYTES.failed) return "failed";
  return null;
}

/**
 * ReadyForQuery (B): the answer to a Query or a batch is complete.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "ReadyForQuery".
 */
export interface ReadyForQuery {
  readonly type: "ReadyForQuery";
  readonly status: TransactionStatus;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeReadyForQuery(body: Uint8Array): ReadyForQuery {
  const reader = new MessageReader("ReadyForQuery", body);
  const status = transactionStatusOf(reader.uint8());
  if (status === null) throw reader.violation("unknown transaction status", 0);
  reader.end();
  return { type: "ReadyForQuery", status };
}

export function encodeReadyForQuery(writer: MessageWriter, status: TransactionStatus): void {
  writer.begin(BACKEND.ReadyForQuery, "ReadyForQuery").uint8(STATUS_BYTES[status]).end();
}

/**
 * NegotiateProtocolVersion (B): the newest minor version served (with the major that was asked for), and the protocol options
 * that are not known here. Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "NegotiateProtocolVersion".
 */
export interface NegotiateProtocolVersion {
  readonly type: "NegotiateProtocolVersion";
  readonly major: number;
  readonly minor: number;
  readonly unknownOptions: readonly string[];
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeNegotiateProtocolVersion(body: Uint8Array): NegotiateProtocolVersion {
  const reader = new MessageReader("NegotiateProtocolVersion", body);
  // Documented as "newest minor version", sent as the whole version number since 9.3.21: libpq reads it so. Older ones sent 3.0.
  const major = reader.uint16();
  const minor = reader.uint16();
  const at = reader.offset;
  const count = reader.int32();
  if (count < 0 || count > reader.remaining) throw reader.violation("a count is larger than the message", at);
  const unknownOptions: string[] = [];
  for (let i = 0; i < count; i++) unknownOptions.push(reader.cstring());
  reader.end();
  return { type: "NegotiateProtocolVersion", major, minor, unknownOptions };
}

export function encodeNegotiateProtocolVersion(writer: MessageWriter, message: Fields<NegotiateProtocolVersion>): void {
  writer
    .begin(BACKEND.NegotiateProtocolVersion, "NegotiateProtocolVersion")
    .uint16(message.major)
    .uint16(message.minor)
    .int32(message.unknownOptions.length);
  for (const name of message.unknownOptions) writer.cstring(name);
  writer.end();
}

/**
 * NotificationResponse (B): a NOTIFY on a channel that the session listens to.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "NotificationResponse".
 */
export interface NotificationResponse {
  readonly type: "NotificationResponse";
  /** Of the session that notified. */
  readonly processId: number;
  readonly channel: string;
  readonly payload: string;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeNotificationResponse(body: Uint8Array): NotificationResponse {
  const reader = new MessageReader("NotificationResponse", body);
  const processId = reader.int32();
  const channel = reader.cstring();
  const payload = reader.cstring();
  reader.end();
  return { type: "NotificationResponse", processId, channel, payload };
}

export function encodeNotificationResponse(writer: MessageWriter, message: Fields<NotificationResponse>): void {
  writer
    .begin(BACKEND.NotificationResponse, "NotificationResponse")
    .int32(message.processId)
    .cstring(message.channel)
    .cstring(message.payload)
    .end();
}
