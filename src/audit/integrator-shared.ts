/** What the log's thread and the integrator's say to each other: counters in shared memory, and messages. */

import type { LogPlace } from "./integrate.ts";

const DURABLE = 0;
const INTEGRATED = 1;
const BYTES = 24;
/** Index of the wake-up counter, in int32 units behind the two int64. */
const WAKE = 4;

/** Counters that both threads see. */
export class SharedProgress {
  readonly memory: SharedArrayBuffer;
  readonly #sizes: BigInt64Array;
  readonly #wake: Int32Array;

  constructor(memory = new SharedArrayBuffer(BYTES)) {
    this.memory = memory;
    this.#sizes = new BigInt64Array(memory, 0, 2);
    this.#wake = new Int32Array(memory);
  }

  /** Entries that are on disk in the journal. */
  get durable(): number {
    return Number(Atomics.load(this.#sizes, DURABLE));
  }
  set durable(size: number) {
    Atomics.store(this.#sizes, DURABLE, BigInt(size));
  }

  /** Entries under a checkpoint. */
  get integrated(): number {
    return Number(Atomics.load(this.#sizes, INTEGRATED));
  }
  set integrated(size: number) {
    Atomics.store(this.#sizes, INTEGRATED, BigInt(size));
  }

  /** Ends the integrator's sleep. */
  wake(): void {
    Atomics.add(this.#wake, WAKE, 1);
    Atomics.notify(this.#wake, WAKE);
  }

  /** Sleeps until wake(), at most `ms`. `seen`: what wakes() gave before the last look at what there is to do. */
  sleep(seen: number, ms: number): void {
    Atomics.wait(this.#wake, WAKE, seen, ms);
  }

  wakes(): number {
    return Atomics.load(this.#wake, WAKE);
  }
}

/** Given to the thread at its start. */
export interface IntegratorStart extends LogPlace {
  readonly memory: SharedArrayBuffer;
  /** OpenSessions at the checkpoint, as its toJSON(). */
  readonly sessions: unknown;
}

/** `record`: note in the registry how far the log has come. `close`: integrate all, close the log in the registry, end. */
export type ToIntegrator = { readonly type: "record" } | { readonly type: "close" };

/** `registry` is the registry's checkpoint on disk; `failed` is followed by `ok` when it works again. */
export type FromIntegrator =
  | {
      readonly type: "ready" | "recorded" | "closed";
      readonly registry: { readonly size: number; readonly root: string };
    }
  | { readonly type: "failed"; readonly reason: string }
  | { readonly type: "ok" };
