/** The three messages of type 'p': how a frontend proves itself. Which one is meant, the state of authentication tells. */

import { type Fields, FRONTEND } from "./message-types.ts";
import { MessageReader } from "./reader.ts";
import type { MessageWriter } from "./writer.ts";

/**
 * PasswordMessage (F): the answer to AuthenticationCleartextPassword. Holds a credential: never log or keep the message.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "PasswordMessage".
 */
export interface PasswordMessage {
  readonly type: "PasswordMessage";
  readonly password: string;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodePasswordMessage(body: Uint8Array): PasswordMessage {
  const reader = new MessageReader("PasswordMessage", body);
  const password = reader.cstring();
  reader.end();
  return { type: "PasswordMessage", password };
}

export function encodePasswordMessage(writer: MessageWriter, message: Fields<PasswordMessage>): void {
  writer.begin(FRONTEND.Authentication, "PasswordMessage").cstring(message.password).end();
}

/**
 * SASLInitialResponse (F): the mechanism chosen and its first message. Holds a credential with OAUTHBEARER.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "SASLInitialResponse".
 */
export interface SASLInitialResponse {
  readonly type: "SASLInitialResponse";
  readonly mechanism: string;
  /** null: the frontend sent none (length -1) and waits to be asked. A view: copy to keep. */
  readonly data: Uint8Array | null;
}

/** @param body the message after type byte and length. @throws {ProtocolViolation} where it is short, long or malformed. */
export function decodeSASLInitialResponse(body: Uint8Array): SASLInitialResponse {
  const reader = new MessageReader("SASLInitialResponse", body);
  const mechanism = reader.cstring();
  const data = reader.bytesOrNull();
  reader.end();
  return { type: "SASLInitialResponse", mechanism, data };
}

export function encodeSASLInitialResponse(writer: MessageWriter, message: Fields<SASLInitialResponse>): void {
  writer
    .begin(FRONTEND.Authentication, "SASLInitialResponse")
    .cstring(message.mechanism)
    .bytesOrNull(message.data)
    .end();
}

/**
 * SASLResponse (F): a later message of the mechanism, the whole body.
 * Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats), "SASLResponse".
 */
export interface SASLResponse {
  readonly type: "SASLResponse";
  readonly data: Uint8Array;
}

export function decodeSASLResponse(body: Uint8Array): SASLResponse {
  return { type: "SASLResponse", data: body };
}

export function encodeSASLResponse(writer: MessageWriter, message: Fields<SASLResponse>): void {
  writer.begin(FRONTEND.Authentication, "SASLResponse").bytes(message.data).end();
}
