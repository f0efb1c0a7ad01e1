/** Looks ahead in what has come of a client's batch. Takes nothing: each message is read strictly when it is its turn. Pure. */

import { FRONTEND } from "../wire/message-types.ts";

/** Type and length. */
const HEADER_BYTES = 5;
/** Messages looked at. */
const MAX_MESSAGES = 1_000;

/**
 * Whether `bytes[from, to)` has the end of the batch, and up to there only Binds of such statements, and what looks at them or runs them.
 * @param isRead of the statement by that name.
 */
export function endsInReads(
  bytes: Uint8Array,
  from: number,
  to: number,
  isRead: (statement: string) => boolean,
): boolean {
  let at = from;
  for (let count = 0; count < MAX_MESSAGES && to - at >= HEADER_BYTES; count++) {
    const end = at + 1 + lengthAt(bytes, at + 1);
    if (end <= at || end > to) return false;
    switch (bytes[at]) {
      case FRONTEND.Sync:
        return true;
      case FRONTEND.Describe:
      case FRONTEND.Execute:
      case FRONTEND.Close:
      case FRONTEND.Flush:
        break;
      case FRONTEND.Bind: {
        const name = boundName(bytes, at + HEADER_BYTES, end);
        if (name === null || !isRead(name)) return false;
        break;
      }
      default:
        return false;
    }
    at = end;
  }
  return false;
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0);
}

/** Behind the portal's. Null: it does not end. */
function boundName(bytes: Uint8Array, start: number, end: number): string | null {
  const from = bytes.indexOf(0, start) + 1;
  const to = from === 0 ? -1 : bytes.indexOf(0, from);
  return to === -1 || to >= end ? null : new TextDecoder().decode(bytes.subarray(from, to));
}
