/**
 * The packets that open a connection, before there are type bytes: StartupMessage, SSLRequest, GSSENCRequest, CancelRequest.
 * Judges form only: which parameters are honoured, listener/startup-parameters.ts decides.
 */

import type { Bare, Fields } from "./message-types.ts";
import { ProtocolViolation } from "./protocol-violation.ts";
import { MessageReader } from "./reader.ts";
import { type NegotiateProtocolVersion, readCancelKey } from "./session-messages.ts";
import type { MessageWriter } from "./writer.ts";

/** Longest startup packet, its length included. PostgreSQL's own MAX_STARTUP_PACKET_LENGTH does not count the length. */
export const MAX_STARTUP_PACKET_BYTES = 10_000;

/** A length and a code: no packet is shorter. */
export const MIN_STARTUP_PACKET_BYTES = 8;

/** Newest minor version of protocol 3 that Postern serves and speaks: PostgreSQL 18's. */
export const LATEST_MINOR = 2;

/** Name prefix of protocol options, which are not settings. */
const PROTOCOL_OPTION_PREFIX = "_pq_.";

const SUPPORTED_MAJOR = 3;
/** Codes in place of a version: a major that no version will have. */
const REQUEST_MAJOR = 1234;
const REQUEST_MINORS = { CancelRequest: 5678, SSLRequest: 5679, GSSENCRequest: 5680 } as const;

/**
 * StartupMessage (F): who wants which database, with which settings.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "StartupMessage".
 */
export interface StartupMessage {
  readonly type: "StartupMessage";
  readonly major: 3;
  /** As asked for; 9999 is libpq greasing. What is spoken then: see {@link negotiateVersion}. */
  readonly minor: number;
  /** `user`, `database` and settings, in the order sent, without the protocol options. */
  readonly parameters: ReadonlyMap<string, string>;
  /** Names of the protocol options (`_pq_.…`), none of which is served, in the order sent. */
  readonly unknownOptions: readonly string[];
}

/**
 * CancelRequest (F): stop what the session of that key is doing. Never answered.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "CancelRequest".
 */
export interface CancelRequest {
  readonly type: "CancelRequest";
  readonly processId: number;
  /** 4 to 256 bytes; compare in constant time. A view on the packet: copy to keep. */
  readonly secretKey: Uint8Array;
}

/** SSLRequest (F): asks for TLS; answered with one byte. */
export type SSLRequest = Bare<"SSLRequest">;
/** GSSENCRequest (F): asks for GSSAPI encryption; answered with one byte. */
export type GSSENCRequest = Bare<"GSSENCRequest">;

export type StartupPacket = StartupMessage | CancelRequest | SSLRequest | GSSENCRequest;

/**
 * @param packet the whole packet with its length, which must be the bytes' number.
 * @throws {ProtocolViolation} where it is short, long or malformed, or names a parameter twice; with code
 * PROTOCOL_UNSUPPORTED for a major version other than 3.
 */
export function decodeStartupPacket(packet: Uint8Array): StartupPacket {
  const reader = new MessageReader("startup packet", packet);
  if (packet.length < MIN_STARTUP_PACKET_BYTES) throw reader.violation("shorter than 8 bytes");
  if (packet.length > MAX_STARTUP_PACKET_BYTES) throw reader.violation("longer than 10,000 bytes");
  if (reader.int32() !== packet.length) throw reader.violation("its length is not the number of its bytes", 0);
  const major = reader.uint16();
  const minor = reader.uint16();
  if (major === REQUEST_MAJOR) return decodeRequest(reader, minor);
  if (major !== SUPPORTED_MAJOR) throw unsupported(major, minor);
  return { type: "StartupMessage", major, minor, ...readParameters(reader) };
}

function decodeRequest(reader: MessageReader, minor: number): StartupPacket {
  switch (minor) {
    case REQUEST_MINORS.SSLRequest:
      reader.end();
      return { type: "SSLRequest" };
    case REQUEST_MINORS.GSSENCRequest:
      reader.end();
      return { type: "GSSENCRequest" };
    case REQUEST_MINORS.CancelRequest:
      return { type: "CancelRequest", processId: reader.int32(), secretKey: readCancelKey(reader) };
    default:
      throw unsupported(REQUEST_MAJOR, minor);
  }
}

function unsupported(major: number, minor: number): ProtocolViolation {
  const problem = `unsupported frontend protocol ${major}.${minor}: the gateway supports 3.0 to 3.${LATEST_MINOR}`;
  return new ProtocolViolation("startup packet", problem, 4, "PROTOCOL_UNSUPPORTED");
}

function readParameters(reader: MessageReader): Pick<StartupMessage, "parameters" | "unknownOptions"> {
  const parameters = new Map<string, string>();
  const unknownOptions: string[] = [];
  for (let at = reader.offset, name = reader.cstring(); name !== ""; at = reader.offset, name = reader.cstring()) {
    // The server takes the last of two; a reader that takes the first would judge another session than the one that runs.
    if (parameters.has(name) || unknownOptions.includes(name)) throw reader.violation("a parameter stands twice", at);
    const value = reader.cstring();
    if (name.startsWith(PROTOCOL_OPTION_PREFIX)) unknownOptions.push(name);
    else parameters.set(name, value);
  }
  reader.end();
  return { parameters, unknownOptions };
}

/** What is spoken with a frontend, and what it must be told first. */
export interface NegotiatedVersion {
  /** Minor version of protocol 3 in force. Cancel keys may be longer than 4 bytes from 2 on. */
  readonly minor: number;
  /** To send once, before authentication; null where the frontend got all that it asked for. */
  readonly answer: Fields<NegotiateProtocolVersion> | null;
}

/** As PostgreSQL 18 does: the newest version that both speak, and an answer if that or an option is not what was asked for. */
export function negotiateVersion(asked: Pick<StartupMessage, "minor" | "unknownOptions">): NegotiatedVersion {
  const minor = Math.min(asked.minor, LATEST_MINOR);
  if (minor === asked.minor && asked.unknownOptions.length === 0) return { minor, answer: null };
  return { minor, answer: { major: SUPPORTED_MAJOR, minor, unknownOptions: asked.unknownOptions } };
}

/** @param message minor 0 for what every server understands; `user` must be among the parameters. */
export function encodeStartupMessage(
  writer: MessageWriter,
  message: Pick<StartupMessage, "minor" | "parameters">,
): void {
  writer.begin(null, "StartupMessage").uint16(SUPPORTED_MAJOR).uint16(message.minor);
  for (const [name, value] of message.parameters) {
    // The packet ends at an empty name: everything after it would be lost.
    if (name === "") throw new ProtocolViolation("StartupMessage", "a parameter without a name", writer.length);
    writer.cstring(name).cstring(value);
  }
  writer.cstring("").end();
}

export function encodeSSLRequest(writer: MessageWriter): void {
  writer.begin(null, "SSLRequest").uint16(REQUEST_MAJOR).uint16(REQUEST_MINORS.SSLRequest).end();
}

export function encodeGSSENCRequest(writer: MessageWriter): void {
  writer.begin(null, "GSSENCRequest").uint16(REQUEST_MAJOR).uint16(REQUEST_MINORS.GSSENCRequest).end();
}

export function encodeCancelRequest(writer: MessageWriter, message: Fields<CancelRequest>): void {
  writer
    .begin(null, "CancelRequest")
    .uint16(REQUEST_MAJOR)
    .uint16(REQUEST_MINORS.CancelRequest)
    .int32(message.processId)
    .bytes(message.secretKey)
    .end();
}
