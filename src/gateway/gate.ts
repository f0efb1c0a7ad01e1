/**
 * No record, no run: holds what is to be forwarded until the log has the intents in it, on disk where one of them may write,
 * with the kernel otherwise. Keeps the order; everything in it leaves in one write.
 */

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { AuditLog } from "../audit/log.ts";
import type { Clock } from "../base/clock.ts";
import type { GatewayError } from "../base/errors.ts";
import type { Histogram } from "./statement-metrics.ts";

export interface GateEvents {
  /** The log cannot be written: what waits never leaves. */
  failed(error: GatewayError): void;
  /** What waited has left. @param wasFull the client waited too. */
  left(wasFull: boolean): void;
}

/** Bytes behind the gate at which a client waits. */
const MAX_BYTES = 1024 * 1024;
/** Up to here one copy and one write cost less than a vector of writes. */
const COPIED_BYTES = 16 * 1024;

export class Gate {
  readonly #log: AuditLog;
  readonly #upstream: Socket;
  readonly #clock: Clock;
  readonly #waited: Histogram;
  readonly #events: GateEvents;
  #parts: Uint8Array[] = [];
  #bytes = 0;
  /** Highest leaf index that must be on disk, -1: none. */
  #durableIndex = -1;
  /** Some intent must be with the kernel. */
  #handOver = false;
  #waiting = false;
  #closed = false;
  #sinceMs = 0;

  constructor(log: AuditLog, upstream: Socket, clock: Clock, waited: Histogram, events: GateEvents) {
    this.#log = log;
    this.#upstream = upstream;
    this.#clock = clock;
    this.#waited = waited;
    this.#events = events;
  }

  /** So much waits that the client must wait too. */
  get full(): boolean {
    return this.#bytes >= MAX_BYTES;
  }

  get empty(): boolean {
    return this.#parts.length === 0;
  }

  /** Puts bytes behind what is there. They must not be changed after. */
  add(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
  }

  /** What was added, and all before it, may leave only when the intent `index` is on record. */
  require(index: number, durable: boolean): void {
    if (durable) this.#durableIndex = index;
    else this.#handOver = true;
  }

  /** Lets out what may leave; the rest leaves when the log calls back. */
  release(): void {
    if (this.#waiting || this.#closed || this.#parts.length === 0) return;
    const durableIndex = this.#durableIndex;
    this.#durableIndex = -1;
    if (durableIndex === -1 && !this.#handOver) {
      this.#send();
      return;
    }
    this.#handOver = false;
    this.#waiting = true;
    this.#sinceMs = this.#clock.monotonicMs();
    if (durableIndex === -1) this.#log.afterHandOver(this.#recorded);
    else this.#log.afterDurable(durableIndex, this.#recorded);
  }

  /** Nothing more leaves. */
  close(): void {
    this.#closed = true;
    this.#parts = [];
    this.#bytes = 0;
  }

  readonly #recorded = (error?: GatewayError): void => {
    this.#waiting = false;
    if (this.#closed) return;
    if (error !== undefined) {
      this.close();
      this.#events.failed(error);
      return;
    }
    this.#waited.observe(this.#clock.monotonicMs() - this.#sinceMs);
    if (this.#durableIndex !== -1 || this.#handOver) {
      this.release(); // more came meanwhile, with intents of its own
      return;
    }
    const wasFull = this.full;
    this.#send();
    this.#events.left(wasFull);
  };

  #send(): void {
    const [parts, bytes] = [this.#parts, this.#bytes];
    this.#parts = [];
    this.#bytes = 0;
    const [first] = parts;
    if (first === undefined) return;
    if (parts.length === 1) this.#upstream.write(first);
    else if (bytes <= COPIED_BYTES) this.#upstream.write(Buffer.concat(parts, bytes));
    else {
      this.#upstream.cork();
      for (const part of parts) this.#upstream.write(part);
      this.#upstream.uncork();
    }
  }
}
