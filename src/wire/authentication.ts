/** The Authentication messages of a backend that Postern sends or understands: Ok, cleartext password, SASL. No MD5, no GSSAPI. */

import { BACKEND } from "./message-types.ts";
import { MessageReader } from "./reader.ts";
import type { MessageWriter } from "./writer.ts";

const CODES = { Ok: 0, CleartextPassword: 3, SASL: 10, SASLContinue: 11, SASLFinal: 12 } as const;

/**
 * Authentication* (B): what the backend wants next, told by the Int32 that opens the body.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "AuthenticationOk" and those after it.
 */
export type Authentication =
  | { readonly type: "AuthenticationOk" }
  | { readonly type: "AuthenticationCleartextPassword" }
  /** Mechanisms in the server's order of preference. */
  | { readonly type: "AuthenticationSASL"; readonly mechanisms: readonly string[] }
  /** Bytes of the mechanism: views on the receive buffer. */
  | { readonly type: "AuthenticationSASLContinue"; readonly data: Uint8Array }
  | { readonly type: "AuthenticationSASLFinal"; readonly data: Uint8Array }
  /** A way that Postern does not speak (MD5, GSSAPI, SSPI), by its code. Decoded only, to name it in the error. */
  | { readonly type: "AuthenticationOther"; readonly code: number };

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeAuthentication(body: Uint8Array): Authentication {
  const reader = new MessageReader("Authentication", body);
  const code = reader.int32();
  switch (code) {
    case CODES.Ok:
      reader.end();
      return { type: "AuthenticationOk" };
    case CODES.CleartextPassword:
      reader.end();
      return { type: "AuthenticationCleartextPassword" };
    case CODES.SASL:
      return { type: "AuthenticationSASL", mechanisms: readMechanisms(reader) };
    case CODES.SASLContinue:
      return { type: "AuthenticationSASLContinue", data: reader.rest() };
    case CODES.SASLFinal:
      return { type: "AuthenticationSASLFinal", data: reader.rest() };
    default:
      return { type: "AuthenticationOther", code };
  }
}

function readMechanisms(reader: MessageReader): string[] {
  const mechanisms: string[] = [];
  for (let name = reader.cstring(); name !== ""; name = reader.cstring()) mechanisms.push(name);
  reader.end();
  return mechanisms;
}

export function encodeAuthenticationOk(writer: MessageWriter): void {
  writer.begin(BACKEND.Authentication, "AuthenticationOk").int32(CODES.Ok).end();
}

export function encodeAuthenticationCleartextPassword(writer: MessageWriter): void {
  writer.begin(BACKEND.Authentication, "AuthenticationCleartextPassword").int32(CODES.CleartextPassword).end();
}

/** @param mechanisms in order of preference, none of them "". */
export function encodeAuthenticationSASL(writer: MessageWriter, mechanisms: readonly string[]): void {
  writer.begin(BACKEND.Authentication, "AuthenticationSASL").int32(CODES.SASL);
  for (const name of mechanisms) writer.cstring(name);
  writer.cstring("").end();
}

export function encodeAuthenticationSASLContinue(writer: MessageWriter, data: Uint8Array): void {
  writer.begin(BACKEND.Authentication, "AuthenticationSASLContinue").int32(CODES.SASLContinue).bytes(data).end();
}

export function encodeAuthenticationSASLFinal(writer: MessageWriter, data: Uint8Array): void {
  writer.begin(BACKEND.Authentication, "AuthenticationSASLFinal").int32(CODES.SASLFinal).bytes(data).end();
}
