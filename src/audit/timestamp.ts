/** The log's `ts`: RFC 3339, UTC, microseconds, strictly later than the one before, whatever the clock does. */

import type { Clock } from "../base/clock.ts";

/** The clock may lag behind the last `ts` by so much before that counts as a step: several entries fall into one microsecond. */
const STEP_MICROS = 1_000;

/** `micros` since the Unix epoch as `2026-03-01T09:30:00.000001Z`. */
export function formatMicros(micros: number): string {
  const second = Math.floor(micros / 1e6);
  return `${new Date(second * 1000).toISOString().slice(0, 20)}${padded(micros - second * 1e6)}Z`;
}

/** Microseconds of a `ts`, or NaN where `text` is not exactly of that form. */
export function parseMicros(text: string): number {
  if (text.length !== 27 || text[26] !== "Z" || text[19] !== ".") return Number.NaN;
  const micros = Date.parse(`${text.slice(0, 19)}Z`) * 1000 + Number(text.slice(20, 26));
  return Number.isNaN(micros) || formatMicros(micros) !== text ? Number.NaN : micros;
}

/** Gives each entry its `ts`. One for each log. */
export class Timestamps {
  readonly #clock: Clock;
  #last: number;
  #second = -1;
  #prefix = "";
  #stepped = 0;

  /** @param last microseconds of the log's newest entry, 0 for none. */
  constructor(clock: Clock, last: number) {
    this.#clock = clock;
    this.#last = last;
  }

  /** The next `ts`: the clock's, or a microsecond after the last where the clock stands still or has stepped back. */
  next(): string {
    const now = this.#clock.nowMicros();
    if (now > this.#last) {
      this.#last = now;
      this.#stepped = 0;
    } else {
      if (this.#stepped === 0 && this.#last - now > STEP_MICROS) this.#stepped = this.#last - now;
      this.#last += 1;
    }
    const second = Math.floor(this.#last / 1e6);
    if (second !== this.#second) {
      this.#second = second;
      this.#prefix = new Date(second * 1000).toISOString().slice(0, 20);
    }
    return `${this.#prefix}${padded(this.#last - second * 1e6)}Z`;
  }

  /** Milliseconds that the clock has stepped back, told once for each step; 0 where it has not. */
  takeStepMs(): number {
    if (this.#stepped <= 0) return 0;
    const stepMs = this.#stepped / 1000;
    this.#stepped = -1; // told; next() sets 0 again once the clock is past the last ts
    return stepMs;
  }
}

function padded(micros: number): string {
  return (1e6 + micros).toString().slice(1);
}
