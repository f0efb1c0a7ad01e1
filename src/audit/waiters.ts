/** Who waits for which entry to be on disk. Decides nothing about when: see log.ts. */

import type { GatewayError } from "../base/errors.ts";

export type Settled = (error?: GatewayError) => void;

interface Waiter {
  readonly index: number;
  readonly callback: Settled;
}

/** Callbacks by entry index. They come nearly in order, so one pass over the queue settles a flush. */
export class Waiters {
  #queue: Waiter[] = [];

  get count(): number {
    return this.#queue.length;
  }

  add(index: number, callback: Settled): void {
    this.#queue.push({ index, callback });
  }

  /** Calls back all whose entry is below `size`. */
  settle(size: number): void {
    const queue = this.#queue;
    if (queue.length === 0) return;
    this.#queue = queue.filter((waiter) => waiter.index >= size);
    for (const waiter of queue) if (waiter.index < size) waiter.callback();
  }

  failAll(error: GatewayError): void {
    const queue = this.#queue;
    this.#queue = [];
    for (const waiter of queue) waiter.callback(error);
  }
}
