/**
 * What the server works on, as far as its answers tell, and since when: a run, or a message that makes one ready, or the end of a
 * transaction. Looked at by the clock. Stops nothing itself: see session.ts.
 */

import type { StatementRun } from "../statement/statement.ts";
import type { WireLink } from "./wire-link.ts";

export interface Work {
  /** Null: no statement runs; it is analysed or planned, or its transaction ends. */
  readonly run: StatementRun | null;
  /** By Clock.monotonicMs. */
  readonly sinceMs: number;
}

/** How long the server has to answer a Flush. */
const FLUSHED_MS = 1_000;

export class UnderWay {
  readonly #link: WireLink;
  /** Answers that had come when it was looked at, and when that number was new. */
  #answered = -1;
  #sinceMs = 0;
  #flushedMs: number | null = null;

  constructor(link: WireLink) {
    this.#link = link;
  }

  /** Null: the server owes no answer. */
  look(nowMs: number): Work | null {
    const { expectations, endedMs } = this.#link;
    if (expectations.length === 0 || expectations.answered !== this.#answered) {
      this.#answered = expectations.answered;
      this.#sinceMs = nowMs;
      this.#flushedMs = null;
    }
    if (expectations.length === 0) return null;
    const run = expectations.peek()?.kind === "sync" ? null : expectations.oldestRun();
    // What was sent behind another statement began when that had ended.
    return { run, sinceMs: run === null ? this.#sinceMs : Math.max(run.startedMs, endedMs) };
  }

  /** Without a Flush or Sync the server keeps its answers: whether it works still is not known. @returns whether one is to be sent. */
  needsFlush(): boolean {
    return this.#flushedMs === null && this.#link.batchOpen && this.#link.copy === "none";
  }

  flushed(nowMs: number): void {
    this.#flushedMs = nowMs;
  }

  /** A Flush has been sent, and there has not been the time to answer it. */
  mayBeIdle(nowMs: number): boolean {
    return this.#flushedMs !== null && nowMs - this.#flushedMs < FLUSHED_MS;
  }
}
