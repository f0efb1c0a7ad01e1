/**
 * Carries the audit log into the control store: batch by batch from a durable cursor, each batch and the cursor's move in one
 * transaction, so that every entry is written exactly once whatever dies in between. Never waited for by a statement.
 */

import { join } from "node:path";
import { setImmediate as turn, setTimeout as wait } from "node:timers/promises";
import { readEntries } from "../audit/read.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../telemetry/log.ts";
import { isRefusedValue, isUnavailable, loggable } from "./connection.ts";
import { moveCursor, readCursor } from "./cursors.ts";
import { addEntry, noRows, type PrincipalName, writeRows } from "./index-entries.ts";
import type { Store } from "./store.ts";

/** One leaf of a log, as src/audit/read.ts gives it. */
export interface LogEntry {
  readonly index: number;
  readonly json: string;
}

/** Entries of the log in `folder` from leaf `from` to its present end. */
export type EntryReader = (folder: string, from: number) => AsyncIterable<LogEntry>;

export interface IndexerOptions {
  readonly store: Store;
  /** The folder of all logs, `<data>/log`; a log is the folder of its instance in there. */
  readonly logFolder: string;
  readonly instance: string;
  readonly principalName: PrincipalName;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Ends the indexer. */
  readonly signal: AbortSignal;
  /** Bounds what catching up costs the statements that run beside it; less, down to a tenth, while this thread is busy. */
  readonly maxEntriesPerSecond?: number;
  /** How busy this thread was since the last call, 0 to 1; the event loop's utilization where absent. */
  readonly busy?: () => number;
  /** How long it sleeps at the end of the log; wake() ends the sleep. */
  readonly pollMs?: number;
  /** Entries that the log holds now, for the lag. */
  readonly logSize?: () => number;
  /** Called after each batch and each failed try: entries that are in the log and not in the store. Needs `logSize`. */
  readonly onLag?: (entries: number) => void;
  /** Src/audit/read.ts's where absent. */
  readonly readEntries?: EntryReader;
}

export interface Indexer {
  /** Index of the first entry that is not in the store; null until the cursor was read. */
  readonly next: number | null;
  /** Says that the log has grown. */
  wake(): void;
  /** Resolves when `signal` has ended it; never rejects. */
  readonly done: Promise<void>;
}

/** Entries in one transaction: about 2 ms of this thread at a time. */
const BATCH_ENTRIES = 256;
const RETRY_MS = 250;
const RETRY_LIMIT_MS = 10_000;

/** Starts indexing the log of one instance. */
export function createIndexer(options: IndexerOptions): Indexer {
  const indexer = new LogIndexer(options);
  return {
    get next() {
      return indexer.next;
    },
    wake: () => indexer.wake(),
    done: indexer.run(),
  };
}

/** Where a batch stopped being ours: someone else has moved the cursor. */
const ELSEWHERE = Symbol("cursor elsewhere");

/** Indexes one log; createIndexer() runs it for ever, rebuildStore() once to the end. */
export class LogIndexer {
  next: number | null = null;
  readonly #options: IndexerOptions;
  readonly #folder: string;
  readonly #perSecond: number;
  readonly #busy: () => number;
  readonly #readEntries: EntryReader;
  #sleep = new AbortController();
  #warned = false;

  constructor(options: IndexerOptions) {
    this.#options = options;
    this.#folder = join(options.logFolder, options.instance);
    this.#perSecond = options.maxEntriesPerSecond ?? 5_000;
    this.#readEntries = options.readEntries ?? readEntries;
    this.#busy = options.busy ?? loopUtilization();
  }

  wake(): void {
    this.#sleep.abort();
  }

  async run(): Promise<void> {
    const { signal, store, pollMs = 500 } = this.#options;
    const wake = (): void => this.wake();
    signal.addEventListener("abort", wake, { once: true });
    const off = store.onState(wake);
    let retryMs = RETRY_MS;
    while (!signal.aborted && store.state.phase !== "closed") {
      this.#sleep = new AbortController();
      const before = this.next;
      const reached = store.state.phase === "up" && (await this.#tryToEnd());
      retryMs = reached || this.next !== before ? RETRY_MS : Math.min(retryMs * 2, RETRY_LIMIT_MS);
      this.#tellLag();
      await this.#pause(store.state.phase === "up" && !reached ? retryMs : pollMs);
    }
    off();
  }

  async #tryToEnd(): Promise<boolean> {
    try {
      await this.toEnd();
      return true;
    } catch (error) {
      const { logger, instance } = this.#options;
      const known = isUnavailable(error); // the store has said so itself, once
      if (!known) logger.error({ reason: loggable(error), instance }, "the log could not be indexed; trying again");
      return false;
    }
  }

  /** Indexes from the cursor to the present end of the log. @param onBatch called with the next index after each batch. */
  async toEnd(onBatch?: (next: number) => void): Promise<void> {
    const { store, instance, signal } = this.#options;
    for (;;) {
      const next = await store.run((q) => readCursor(q, instance));
      this.next = next;
      this.#warnIfAhead(next);
      if ((await this.#from(next, onBatch)) !== ELSEWHERE || signal.aborted) return;
    }
  }

  async #from(start: number, onBatch?: (next: number) => void): Promise<typeof ELSEWHERE | undefined> {
    const { clock, signal } = this.#options;
    let beganMs = clock.monotonicMs();
    let batch: LogEntry[] = [];
    let next = start;
    const flush = async (): Promise<boolean> => {
      if (!(await this.#write(batch))) return false;
      const dueMs = beganMs + (batch.length * 1000) / this.#rate();
      next += batch.length;
      batch = [];
      this.next = next;
      this.#tellLag();
      onBatch?.(next);
      const aheadMs = dueMs - clock.monotonicMs();
      await (aheadMs > 1 ? this.#hold(aheadMs) : turn());
      beganMs = clock.monotonicMs();
      return true;
    };
    for await (const entry of this.#readEntries(this.#folder, start)) {
      if (signal.aborted) return undefined;
      if (entry.index !== next + batch.length) {
        throw new RangeError(`the log was read at ${entry.index} where ${next + batch.length} was due`);
      }
      batch.push(entry);
      if (batch.length >= BATCH_ENTRIES && !(await flush())) return ELSEWHERE;
    }
    if (batch.length > 0 && !(await flush())) return ELSEWHERE;
    this.#tellLag();
    return undefined;
  }

  /** Writes a run of entries and moves the cursor past them; false where the cursor is not where they begin. */
  async #write(entries: readonly LogEntry[]): Promise<boolean> {
    const { store, instance, principalName, logger } = this.#options;
    const first = entries[0];
    if (first === undefined) return true;
    const rows = noRows();
    const unread = entries.filter((entry) => !addEntry(rows, instance, entry.index, entry.json, principalName));
    try {
      const written = await store.transaction(async (q) => {
        if (!(await moveCursor(q, instance, first.index, first.index + entries.length))) return false;
        await writeRows(q, rows);
        return true;
      });
      // Told once, by the try that got through.
      const indexes = written ? unread.map((entry) => entry.index) : [];
      for (const index of indexes)
        logger.error({ instance, index }, "an entry of the log is not understood; the index goes on without it");
      return written;
    } catch (error) {
      if (!isRefusedValue(error)) throw error;
      return this.#writeParts(entries, error);
    }
  }

  // A value that PostgreSQL refuses would stop the index for good: halve until the entry that holds it stands alone.
  async #writeParts(entries: readonly LogEntry[], error: unknown): Promise<boolean> {
    const { store, instance, logger } = this.#options;
    const [only] = entries;
    if (entries.length > 1 || only === undefined) {
      const middle = entries.length >> 1;
      return (await this.#write(entries.slice(0, middle))) && (await this.#write(entries.slice(middle)));
    }
    logger.error(
      { instance, index: only.index, reason: loggable(error) },
      "the store refuses an entry; the index goes on without it",
    );
    return store.transaction((q) => moveCursor(q, instance, only.index, only.index + 1));
  }

  /** Statements come first: what the thread is busy with is left to it, but for a tenth. */
  #rate(): number {
    return this.#perSecond * Math.max(0.1, 1 - this.#busy());
  }

  #warnIfAhead(next: number): void {
    const { logSize, logger, instance } = this.#options;
    const size = logSize?.();
    if (size === undefined || next <= size || this.#warned) return;
    this.#warned = true;
    logger.error(
      { instance, next, size },
      "the store has read further than this log goes: run `postern store rebuild`",
    );
  }

  #tellLag(): void {
    const { logSize, onLag } = this.#options;
    if (logSize !== undefined && onLag !== undefined) onLag(Math.max(0, logSize() - (this.next ?? 0)));
  }

  /** Sleeps; ended by wake() and by the signal. */
  async #pause(ms: number): Promise<void> {
    await wait(ms, undefined, { signal: this.#sleep.signal, ref: false }).catch(() => {});
  }

  /** Keeps to the rate; ended by the signal alone. */
  async #hold(ms: number): Promise<void> {
    await wait(ms, undefined, { signal: this.#options.signal, ref: false }).catch(() => {});
  }
}

/** Share of the time since the last call that the event loop was not waiting. */
function loopUtilization(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}
