/** What every decoder of this folder throws, and the only thing: bytes that break PostgreSQL's protocol. Never carries contents. */

import { type ErrorCode, GatewayError } from "../base/errors.ts";

/**
 * A message that is short, long, malformed, unknown or out of bounds. The text names the message, what was wrong and where;
 * no byte of the message stands in it, so it may be told to the client and logged.
 */
export class ProtocolViolation extends GatewayError {
  /** Name of the message as the PostgreSQL docs have it, or what it was taken for ("startup packet"). */
  readonly messageName: string;
  /** What was wrong, in words. */
  readonly problem: string;
  /** Bytes from the start of the message's body (after type and length) to the field that was wrong. */
  readonly offset: number;

  /** @param code PROTOCOL_VIOLATION, but for a protocol version that is well-formed and not served. */
  constructor(
    messageName: string,
    problem: string,
    offset: number,
    code: Extract<ErrorCode, "PROTOCOL_VIOLATION" | "PROTOCOL_UNSUPPORTED"> = "PROTOCOL_VIOLATION",
  ) {
    super(code, `invalid ${messageName}: ${problem} (byte ${offset})`);
    this.name = "ProtocolViolation";
    this.messageName = messageName;
    this.problem = problem;
    this.offset = offset;
  }
}
