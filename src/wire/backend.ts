/** All messages that a backend may send, the table from type byte to decoder, and the encoders of those without fields. */

import { type Authentication, decodeAuthentication } from "./authentication.ts";
import {
  type CopyBothResponse,
  type CopyData,
  type CopyDone,
  type CopyInResponse,
  type CopyOutResponse,
  decodeCopyData,
  decodeCopyResponse,
} from "./copy.ts";
import { decodeReport, type ErrorResponse, type NoticeResponse } from "./error-response.ts";
import { decodeBare } from "./extended.ts";
import { BACKEND, type Bare } from "./message-types.ts";
import { ProtocolViolation } from "./protocol-violation.ts";
import {
  type CommandComplete,
  type DataRow,
  decodeCommandComplete,
  decodeDataRow,
  decodeFunctionCallResponse,
  decodeParameterDescription,
  decodeRowDescription,
  type FunctionCallResponse,
  type ParameterDescription,
  type RowDescription,
} from "./results.ts";
import {
  type BackendKeyData,
  decodeBackendKeyData,
  decodeNegotiateProtocolVersion,
  decodeNotificationResponse,
  decodeParameterStatus,
  decodeReadyForQuery,
  type NegotiateProtocolVersion,
  type NotificationResponse,
  type ParameterStatus,
  type ReadyForQuery,
} from "./session-messages.ts";
import type { MessageWriter } from "./writer.ts";

/** Backend messages that say all by their type. */
export const BARE_BACKEND = {
  [BACKEND.ParseComplete]: "ParseComplete",
  [BACKEND.BindComplete]: "BindComplete",
  [BACKEND.CloseComplete]: "CloseComplete",
  /** The answer to an empty statement, instead of CommandComplete. */
  [BACKEND.EmptyQueryResponse]: "EmptyQueryResponse",
  /** The answer to Describe of what returns no rows, instead of RowDescription. */
  [BACKEND.NoData]: "NoData",
  /** Execute returned as many rows as it was to; the portal waits for the next. */
  [BACKEND.PortalSuspended]: "PortalSuspended",
  [BACKEND.CopyDone]: "CopyDone",
} as const;

type BareBackendType = keyof typeof BARE_BACKEND;
export type BareBackendName = (typeof BARE_BACKEND)[BareBackendType];

export type BackendMessage =
  | Authentication
  | BackendKeyData
  | ParameterStatus
  | ReadyForQuery
  | NegotiateProtocolVersion
  | NotificationResponse
  | ErrorResponse
  | NoticeResponse
  | RowDescription
  | DataRow
  | ParameterDescription
  | CommandComplete
  | FunctionCallResponse
  | CopyInResponse
  | CopyOutResponse
  | CopyBothResponse
  | CopyData
  | CopyDone
  | Bare<BareBackendName>;

type Decoder = (body: Uint8Array) => BackendMessage;

const DECODERS: ReadonlyMap<number, Decoder> = new Map<number, Decoder>([
  [BACKEND.Authentication, decodeAuthentication],
  [BACKEND.BackendKeyData, decodeBackendKeyData],
  [BACKEND.ParameterStatus, decodeParameterStatus],
  [BACKEND.ReadyForQuery, decodeReadyForQuery],
  [BACKEND.NegotiateProtocolVersion, decodeNegotiateProtocolVersion],
  [BACKEND.NotificationResponse, decodeNotificationResponse],
  [BACKEND.ErrorResponse, (body) => decodeReport("ErrorResponse", body)],
  [BACKEND.NoticeResponse, (body) => decodeReport("NoticeResponse", body)],
  [BACKEND.RowDescription, decodeRowDescription],
  [BACKEND.DataRow, decodeDataRow],
  [BACKEND.ParameterDescription, decodeParameterDescription],
  [BACKEND.CommandComplete, decodeCommandComplete],
  [BACKEND.FunctionCallResponse, decodeFunctionCallResponse],
  [BACKEND.CopyInResponse, (body) => decodeCopyResponse("CopyInResponse", body)],
  [BACKEND.CopyOutResponse, (body) => decodeCopyResponse("CopyOutResponse", body)],
  [BACKEND.CopyBothResponse, (body) => decodeCopyResponse("CopyBothResponse", body)],
  [BACKEND.CopyData, decodeCopyData],
  ...bareDecoders(),
]);

function bareDecoders(): [number, Decoder][] {
  return Object.entries(BARE_BACKEND).map(([type, name]) => [Number(type), (body) => decodeBare(name, body)]);
}

/**
 * One message of a backend. The relay does not decode what it only passes on: see framing.ts.
 * @param body the message after type byte and length. Byte fields of the result are views on it.
 * @throws {ProtocolViolation} for an unknown type, or where the message is short, long or malformed.
 */
export function decodeBackend(type: number, body: Uint8Array): BackendMessage {
  const decode = DECODERS.get(type);
  if (decode === undefined) throw new ProtocolViolation("backend message", `unknown type ${type}`, 0);
  return decode(body);
}

export function encodeBareBackend(writer: MessageWriter, name: BareBackendName): void {
  writer.empty(BACKEND[name]);
}
