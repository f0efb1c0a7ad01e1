/** An open COPY FROM STDIN: which messages may come, and which Syncs behind its data are owed an answer when it fails. */

import { FRONTEND } from "../wire/message-types.ts";
import { ProtocolViolation } from "../wire/protocol-violation.ts";
import type { WireLink } from "./wire-link.ts";

export class CopyIn {
  readonly #link: WireLink;
  /**
   * Syncs that came behind data. The server ignores them, but owes an answer to each where that data had failed already. One
   * before any data (tokio-postgres and libpq send it with the Execute) is always ignored.
   */
  #syncs = 0;
  #hasData = false;

  constructor(link: WireLink) {
    this.#link = link;
  }

  /** `end`: CopyDone or CopyFail. @throws {ProtocolViolation} for a message that may not come now. */
  take(type: number, bodyBytes: number): "forward" | "drop" | "end" {
    const link = this.#link;
    switch (type) {
      case FRONTEND.CopyData:
        if (link.copyRun !== null) link.copyRun.copyInBytes += bodyBytes;
        this.#hasData = true;
        return "forward";
      case FRONTEND.CopyDone:
      case FRONTEND.CopyFail:
        link.copy = "none";
        link.copyRun = null;
        this.#syncs = 0;
        return "end";
      case FRONTEND.Sync:
        if (this.#hasData) this.#syncs++;
        return "drop";
      case FRONTEND.Flush:
        return "drop";
      default:
        throw new ProtocolViolation("message", "only copy data may come during COPY FROM STDIN", 0);
    }
  }

  /** None is open any more. @returns the Syncs that are owed an answer. */
  over(): number {
    const owed = this.#syncs;
    this.#syncs = 0;
    this.#hasData = false;
    return owed;
  }
}
