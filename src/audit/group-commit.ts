/**
 * Who waits for an entry to be with the kernel or on disk, and when that is done for all of them at once: one hand-over for
 * each turn of the event loop, one flush in flight. Writes nothing itself: journal.ts does.
 */

import type { Clock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import type { Journal } from "./journal.ts";

export type Settled = (error?: GatewayError) => void;

interface Waiter {
  readonly index: number;
  readonly callback: Settled;
}

export interface GroupCommitOptions {
  readonly journal: Journal;
  /** Hands over. @throws {GatewayError} while the log has failed. */
  readonly handOver: () => void;
  readonly clock: Clock;
  /** Told how long each flush took, in seconds. */
  readonly onFlush: ((seconds: number) => void) | undefined;
}

/** Entries that nobody waits for are on disk this much later plus one flush, two where one is in flight. */
const FLUSH_AFTER_MS = 5;

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  readonly #journal: Journal;
  #turn: Settled[] = [];
  #turnScheduled = false;
  #waiters: Waiter[] = [];
  #flushTimer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
    this.#journal = options.journal;
  }

  /** Calls back after the hand-over at the end of this turn. */
  afterHandOver(callback: Settled): void {
    this.#turn.push(callback);
    this.scheduleTurn();
  }

  /** Calls back when the entry `index` is on disk; at the end of this turn where it is already, or where the log has failed. */
  afterDurable(index: number, callback: Settled): void {
    if (this.#journal.failed || index < this.#journal.durable) this.#turn.push(callback);
    else this.#waiters.push({ index, callback });
    this.scheduleTurn();
  }

  /** Hands over at the end of this turn, and flushes where someone waits for that. */
  scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    setImmediate(() => this.#endTurn());
  }

  /** There are entries that are to be on disk before long, though nobody waits for them. Cheap: called with each append. */
  scheduleFlush(): void {
    if (this.#flushTimer !== undefined || this.#stopped || this.#journal.next === this.#journal.durable) return;
    this.#flushTimer = setTimeout(() => {
      this.#flushTimer = undefined;
      if (this.#handOver() === undefined) void this.#flush();
    }, FLUSH_AFTER_MS);
  }

  /** Calls back all whose entry is below `size`. */
  settle(size: number): void {
    const waiters = this.#waiters;
    if (waiters.length === 0) return;
    this.#waiters = waiters.filter((waiter) => waiter.index >= size);
    for (const waiter of waiters) if (waiter.index < size) waiter.callback();
  }

  /** Tells all who wait for the disk that it does not come. */
  failAll(error: GatewayError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter.callback(error);
  }

  /** No flush is started any more. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#flushTimer);
  }

  #endTurn(): void {
    this.#turnScheduled = false;
    const turn = this.#turn;
    this.#turn = [];
    const error = this.#handOver();
    if (error === undefined && this.#waiters.length > 0) void this.#flush();
    else if (error !== undefined) this.failAll(error);
    for (const callback of turn) callback(error);
  }

  #handOver(): GatewayError | undefined {
    try {
      this.#options.handOver();
      return undefined;
    } catch (error) {
      if (error instanceof GatewayError) return error;
      throw error;
    }
  }

  async #flush(): Promise<void> {
    if (this.#journal.flushing) return; // the one in flight starts the next
    const startMs = this.#options.clock.monotonicMs();
    await this.#journal.flush();
    this.#options.onFlush?.((this.#options.clock.monotonicMs() - startMs) / 1000);
    if (this.#journal.failed || this.#stopped) return;
    // Who waits for an entry that is not handed over yet has a turn to come.
    if (this.#waiters.length > 0 && this.#journal.handed > this.#journal.durable) void this.#flush();
    else this.scheduleFlush();
  }
}
