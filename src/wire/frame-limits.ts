/** How long a message of each type may be, and which types may pass without being held whole. Tables for framing.ts. */

import { BACKEND, FRONTEND } from "./message-types.ts";

export interface FrameLimits {
  /** Who sends, for the errors. */
  readonly direction: "frontend" | "backend";
  /** By type byte: most that the length field may say (it counts itself, not the type byte); 0: no such message. */
  readonly lengths: Int32Array;
  /** By type byte: 1 where a message may pass in pieces. Its length is then limited by the protocol alone. */
  readonly streamed: Uint8Array;
}

/** PostgreSQL's limit for messages that carry no data (libpq/pqcomm.h, PQ_SMALL_MESSAGE_LIMIT). */
export const SMALL_MESSAGE_BYTES = 10_000;

/** PostgreSQL's limit for the answers to an authentication request (libpq/auth.h, PG_MAX_AUTH_TOKEN_LENGTH). */
export const AUTHENTICATION_MESSAGE_BYTES = 65_535;

/** Where libpq takes a backend's message for garbage, but for types that carry data (fe-protocol3.c, VALID_LONG_MESSAGE_TYPE). */
export const SMALL_ANSWER_BYTES = 30_000;

/** PostgreSQL's own limit for any message (PQ_LARGE_MESSAGE_LIMIT, MaxAllocSize - 1). */
export const LARGE_MESSAGE_BYTES = 0x3fff_fffe;

/** Default of `limits.messageBytes`. */
export const DEFAULT_MESSAGE_BYTES = 256 * 1024 * 1024;

const LARGE_FRONTEND: readonly number[] = [
  FRONTEND.Query,
  FRONTEND.Parse,
  FRONTEND.Bind,
  FRONTEND.FunctionCall,
  FRONTEND.CopyData,
];

const LARGE_BACKEND: readonly number[] = [
  BACKEND.DataRow,
  BACKEND.CopyData,
  BACKEND.RowDescription,
  BACKEND.ParameterDescription,
  BACKEND.ErrorResponse,
  BACKEND.NoticeResponse,
  BACKEND.NotificationResponse,
  BACKEND.FunctionCallResponse,
];

export interface FrameLimitOptions {
  /** For the types that carry data and are not streamed. */
  readonly messageBytes?: number;
  /** Type bytes of what may pass in pieces. */
  readonly streamed?: readonly number[];
}

/** What an authenticated frontend may send: as PostgreSQL's own, but for `messageBytes`. 'p' is not among it. */
export function frontendLimits(options: FrameLimitOptions = {}): FrameLimits {
  const small = Object.values(FRONTEND).filter((type) => type !== FRONTEND.Authentication);
  return limits("frontend", small, SMALL_MESSAGE_BYTES, LARGE_FRONTEND, options);
}

/** What a frontend that was asked to authenticate may send: 'p', and nothing else. */
export function authenticatingFrontendLimits(): FrameLimits {
  return limits("frontend", [FRONTEND.Authentication], AUTHENTICATION_MESSAGE_BYTES, [], {});
}

/** What a backend may send. Rows stream by default: they are the only messages that are many or large, and need no holding. */
export function backendLimits(options: FrameLimitOptions = {}): FrameLimits {
  const complete = { streamed: [BACKEND.DataRow, BACKEND.CopyData], ...options };
  return limits("backend", Object.values(BACKEND), SMALL_ANSWER_BYTES, LARGE_BACKEND, complete);
}

function limits(
  direction: FrameLimits["direction"],
  small: readonly number[],
  smallBytes: number,
  large: readonly number[],
  { messageBytes = DEFAULT_MESSAGE_BYTES, streamed = [] }: FrameLimitOptions,
): FrameLimits {
  const table: FrameLimits = { direction, lengths: new Int32Array(256), streamed: new Uint8Array(256) };
  for (const type of small) table.lengths[type] = smallBytes;
  for (const type of large) table.lengths[type] = Math.min(messageBytes, LARGE_MESSAGE_BYTES);
  for (const type of streamed) {
    table.lengths[type] = LARGE_MESSAGE_BYTES;
    table.streamed[type] = 1;
  }
  return table;
}
