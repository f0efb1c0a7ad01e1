/**
 * What a client gets beside rows: notices, errors, values of settings, notifications. Their bytes are counted, since data can leave in any
 * of them. Counts and says what may still go; who asks has the statement stopped, and the client told.
 */

import type { Clock } from "../base/clock.ts";
import type { Delivered, StatementRun } from "../statement/statement.ts";
import type { Limit } from "./limits-principal.ts";
import { Rates } from "./limits-rate.ts";

/** `told`: it is not the first that is held back. */
export type AsideVerdict = "pass" | "surpassed" | "told";

const MINUTE_MS = 60_000;
const SESSION = "";

export class Asides {
  readonly #limit: Limit | null;
  readonly #clock: Clock;
  /** Bytes of notifications in the last minute. */
  readonly #notified = new Rates(1000);
  #notifiedToldMs = Number.NEGATIVE_INFINITY;
  /** Of what ran last: what comes between two statements is counted to it. */
  #last: Delivered | null = null;
  readonly #told = new WeakSet<Delivered>();

  /** @param limit on the bytes of a statement; null: none. */
  constructor(limit: Limit | null, clock: Clock) {
    this.#limit = limit;
    this.#clock = clock;
  }

  /** The run has ended. What still comes is its own: of triggers at the end of the transaction, say. */
  ended({ delivered }: StatementRun): void {
    if (this.#limit !== null) this.#last = delivered;
  }

  /** A notice, or the value of a setting. @param run that it is of; null: none is under way. */
  take(run: StatementRun | null, bytes: number): AsideVerdict {
    const limit = this.#limit;
    if (limit === null) return "pass";
    const counted = run?.delivered ?? this.#last;
    if (counted === null) return bytes <= limit.most ? "pass" : "surpassed";
    if (run?.over !== "bytes" && counted.bytes + counted.asideBytes + bytes <= limit.most) {
      counted.asideBytes += bytes;
      return "pass";
    }
    if (this.#told.has(counted)) return "told";
    this.#told.add(counted);
    return "surpassed";
  }

  /** An error ends what it is of, so that there is nothing to stop. @param run null: it is of none that was to run. @returns whether it may go. */
  error(run: StatementRun | null, bytes: number): boolean {
    const before = run === null ? 0 : run.delivered.bytes + run.delivered.asideBytes;
    return this.#limit === null || before + bytes <= this.#limit.most;
  }

  /** It comes from any session, at any time: counted by the minute, whatever runs here. */
  notification(bytes: number): AsideVerdict {
    const limit = this.#limit;
    if (limit === null) return "pass";
    const nowMs = this.#clock.monotonicMs();
    if (this.#notified.take(SESSION, bytes, limit.most, nowMs) === 0) return "pass";
    if (nowMs - this.#notifiedToldMs < MINUTE_MS) return "told";
    this.#notifiedToldMs = nowMs;
    return "surpassed";
  }
}
