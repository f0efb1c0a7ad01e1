/**
 * An open COPY FROM STDIN: which messages may come, and which Syncs behind its data are owed an answer when it fails. Looks for masks
 * that somebody was shown, which would go over the values that they stand for.
 */

import type { CopiedMasks } from "../masking/write-back/copied-masks.ts";
import { maskCopied } from "../masking/write-back/mask-written.ts";
import type { StatementRun } from "../statement/statement.ts";
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
  #masks: { readonly run: StatementRun; readonly copied: CopiedMasks | null } | null = null;

  constructor(link: WireLink) {
    this.#link = link;
  }

  /**
   * `end`: CopyDone or CopyFail. `fail`: a mask is in the data, CopyFail is to be sent in place of the message.
   * @throws {ProtocolViolation} for a message that may not come now.
   */
  take(type: number, body: Uint8Array): "forward" | "drop" | "end" | "fail" {
    const link = this.#link;
    const { copyRun } = link;
    switch (type) {
      case FRONTEND.CopyData:
        if (copyRun !== null) copyRun.copyInBytes += body.length;
        this.#hasData = true;
        return copyRun !== null && this.#masksOf(copyRun)?.take(body) === true ? this.#failed(copyRun) : "forward";
      case FRONTEND.CopyDone:
        if (copyRun !== null && this.#masksOf(copyRun)?.end() === true) return this.#failed(copyRun);
        this.#ended();
        return "end";
      case FRONTEND.CopyFail:
        this.#ended();
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

  #masksOf(run: StatementRun): CopiedMasks | null {
    if (this.#masks?.run === run) return this.#masks.copied;
    const { enforcer, inTransaction } = this.#link;
    const { parsed } = run.statement;
    const copied = parsed === null ? null : (enforcer?.copiedMasks(parsed, inTransaction) ?? null);
    this.#masks = { run, copied };
    return copied;
  }

  #failed(run: StatementRun): "fail" {
    run.fault = maskCopied();
    this.#ended();
    return "fail";
  }

  #ended(): void {
    this.#link.copy = "none";
    this.#link.copyRun = null;
    this.#masks = null;
    this.#syncs = 0;
  }

  /** None is open any more. @returns the Syncs that are owed an answer. */
  over(): number {
    const owed = this.#syncs;
    this.#syncs = 0;
    this.#hasData = false;
    return owed;
  }
}
