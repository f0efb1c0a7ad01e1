/**
 * Worker threads for long texts. PostgreSQL's grammar takes unbounded time on some of them and cannot be interrupted, so each
 * text has a deadline, and a thread that misses it is ended and another started. Knows no SQL.
 */

import { Worker } from "node:worker_threads";
import { workerEntry } from "../base/worker-entry.ts";
import type { Major } from "./grammar.ts";
import type { ParseFailure, ParseOutcome } from "./parsed-statement.ts";

export interface WorkerPoolOptions {
  readonly major: Major;
  readonly size: number;
  /** For one text. It is over when this has gone by, and this process has had as much of the processor: a busy machine is not the text's fault. */
  readonly deadlineMs: number;
  /** Then it is over whatever the process has had. */
  readonly longestMs: number;
  /** Time of the processor that this process has used, all its threads together. */
  readonly usedMs: () => number;
}

/** What a thread is told and what it says. `broken`: the answer stands, but the thread must not be asked again. */
export interface ParseRequest {
  readonly text: Uint8Array;
}
export type ParseReply =
  | { readonly type: "ready" }
  | { readonly type: "parsed"; readonly outcome: ParseOutcome; readonly broken: boolean };

/** Texts that wait for a thread. Beyond: refused at once, rather than all of them late. */
const MAX_WAITING = 64;
/** Between two looks whether a text has had its time. */
const SHORTEST_MS = 10;
/** Time for a thread to load the grammar. */
const START_MS = 30_000;

const BROKEN: ParseFailure = { ok: false, sqlstate: "54001", message: "stack depth limit exceeded" };
const BUSY: ParseFailure = {
  ok: false,
  sqlstate: "54000",
  message: "too many long statements are waiting to be parsed",
};

interface Job {
  readonly text: Uint8Array;
  readonly settle: (outcome: ParseOutcome) => void;
}

export class WorkerPool {
  readonly #options: WorkerPoolOptions;
  readonly #threads = new Set<ParseThread>();
  readonly #waiting: Job[] = [];
  #closed = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
  }

  /** Rejects with the signal's reason when it is aborted, and for nothing else. */
  parse(text: Uint8Array, signal: AbortSignal): Promise<ParseOutcome> {
    if (this.#closed || this.#waiting.length >= MAX_WAITING) return Promise.resolve(BUSY);
    return new Promise((resolve, reject) => {
      const abort = () => {
        const index = this.#waiting.indexOf(job);
        // One that runs already is left to its deadline; its answer goes nowhere.
        if (index >= 0) this.#waiting.splice(index, 1);
        reject(signal.reason);
      };
      const job: Job = {
        text,
        settle: (outcome) => {
          signal.removeEventListener("abort", abort);
          resolve(outcome);
        },
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.push(job);
      this.#dispatch();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#waiting.splice(0)) job.settle(BUSY);
    await Promise.all(Array.from(this.#threads, (thread) => thread.end()));
  }

  #dispatch(): void {
    while (this.#waiting.length > 0) {
      const idle = this.#idleThread();
      const job = idle === undefined ? undefined : this.#waiting.shift();
      if (idle === undefined || job === undefined) return;
      void idle.run(job).then(() => this.#dispatch());
    }
  }

  #idleThread(): ParseThread | undefined {
    for (const thread of this.#threads) {
      if (thread.ended) this.#threads.delete(thread);
      else if (!thread.busy) return thread;
    }
    if (this.#closed || this.#threads.size >= this.#options.size) return undefined;
    const thread = new ParseThread(this.#options);
    this.#threads.add(thread);
    return thread;
  }
}

/** One thread: one text at a time, until it breaks. */
class ParseThread {
  readonly #worker: Worker;
  readonly #options: WorkerPoolOptions;
  #onReply: ((reply: ParseReply | null) => void) | null = null;
  #started = false;
  busy = false;
  ended = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#worker = new Worker(workerEntry(import.meta.url, "./parse-worker.js"), {
      workerData: { major: options.major },
      // The grammar recurses: 16 MiB carry texts up to the limits that an operator may set.
      resourceLimits: { stackSizeMb: 16, maxOldGenerationSizeMb: 512 },
      // Nothing of the gateway's environment or standard output is a parser's business.
      env: {},
      stdout: true,
      stderr: true,
    });
    this.#worker.unref(); // an idle thread keeps no process alive
    this.#worker.on("message", (reply: ParseReply) => this.#reply(reply));
    this.#worker.on("error", () => this.#reply(null));
    this.#worker.on("exit", () => this.#reply(null));
  }

  async run(job: Job): Promise<void> {
    this.busy = true;
    this.#worker.ref();
    job.settle(await this.#parse(job.text));
    this.#worker.unref();
    this.busy = false;
  }

  async #parse(text: Uint8Array): Promise<ParseOutcome> {
    if (!this.#started && !(await this.#start())) return this.#broken(BROKEN);
    const request: ParseRequest = { text };
    this.#worker.postMessage(request);
    const { deadlineMs, longestMs, usedMs } = this.#options;
    const usedBefore = usedMs();
    const reply = await this.#next(deadlineMs, (goneMs) => {
      const used = usedMs();
      const left = used === Number.POSITIVE_INFINITY ? 0 : deadlineMs - (used - usedBefore);
      return Math.min(left, longestMs - goneMs);
    });
    if (reply === "late") return this.#broken(tooLong(deadlineMs));
    if (reply === null || reply.type !== "parsed") return this.#broken(BROKEN);
    return reply.broken ? this.#broken(reply.outcome) : reply.outcome;
  }

  async #start(): Promise<boolean> {
    const reply = await this.#next(START_MS);
    this.#started = reply !== null && reply !== "late" && reply.type === "ready";
    return this.#started;
  }

  /**
   * The next message; null where the thread has ended, "late" where it has not come by then.
   * @param leftMs of what is left when the limit has gone by, by how much has in all: none, and it is late.
   */
  #next(limitMs: number, leftMs: (goneMs: number) => number = () => 0): Promise<ParseReply | null | "late"> {
    if (this.ended) return Promise.resolve(null);
    return new Promise((resolve) => {
      let goneMs = 0;
      let timer: NodeJS.Timeout;
      const wait = (forMs: number): void => {
        timer = setTimeout(() => {
          goneMs += forMs;
          const left = leftMs(goneMs);
          if (left <= 0) resolve("late");
          else wait(Math.max(left, SHORTEST_MS));
        }, forMs);
      };
      wait(limitMs);
      this.#onReply = (reply) => {
        clearTimeout(timer);
        resolve(reply);
      };
    });
  }

  #reply(reply: ParseReply | null): void {
    if (reply === null) this.ended = true;
    const waiting = this.#onReply;
    this.#onReply = null;
    // "ready" may come before anyone waits for it.
    if (waiting === null && reply?.type === "ready") this.#started = true;
    waiting?.(reply);
  }

  async #broken(outcome: ParseOutcome): Promise<ParseOutcome> {
    await this.end();
    return outcome;
  }

  async end(): Promise<void> {
    this.ended = true;
    this.#onReply?.(null);
    await this.#worker.terminate();
  }
}

function tooLong(deadlineMs: number): ParseFailure {
  return { ok: false, sqlstate: "54000", message: `the statement takes longer than ${deadlineMs} ms to parse` };
}
