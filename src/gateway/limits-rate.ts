/**
 * Statements of each principal in the last minute, over all its sessions of this gateway: a sliding window of sixty seconds,
 * counted by the second. Several gateways count each for itself. Knows no statement: who asks says how many there are.
 */

const WINDOW_SECONDS = 60;
/** Principals kept before those of more than a minute ago are looked for. */
const SWEEP_AT = 1_000;

interface Window {
  /** Statements by second, at the second modulo the window. */
  readonly counts: Uint32Array;
  sum: number;
  /** Newest second that is in it. */
  second: number;
}

export class StatementRates {
  readonly #windows = new Map<string, Window>();
  #sweepAt = SWEEP_AT;

  /** Principals that have sent something of late; for tests. */
  get size(): number {
    return this.#windows.size;
  }

  /**
   * Counts `statements` of a principal, where that many are left of `most` in a minute; else none of them is counted.
   * @param nowMs by Clock.monotonicMs. @returns 0; or after how many seconds to try again.
   */
  take(principal: string, statements: number, most: number, nowMs: number): number {
    const second = Math.floor(nowMs / 1000);
    const window = this.#window(principal, second);
    const over = window.sum + statements - most;
    if (over > 0) return secondsUntil(window, Math.min(over, window.sum));
    this.#count(window, statements);
    return 0;
  }

  /** Counts what may not be refused: the end of a transaction. */
  count(principal: string, statements: number, nowMs: number): void {
    this.#count(this.#window(principal, Math.floor(nowMs / 1000)), statements);
  }

  #count(window: Window, statements: number): void {
    const at = window.second % WINDOW_SECONDS;
    window.counts[at] = (window.counts[at] ?? 0) + statements;
    window.sum += statements;
  }

  #window(principal: string, second: number): Window {
    const known = this.#windows.get(principal);
    if (known !== undefined) {
      advance(known, second);
      return known;
    }
    if (this.#windows.size >= this.#sweepAt) this.#sweep(second);
    const window = { counts: new Uint32Array(WINDOW_SECONDS), sum: 0, second };
    this.#windows.set(principal, window);
    return window;
  }

  #sweep(second: number): void {
    for (const [principal, window] of this.#windows) {
      if (second - window.second >= WINDOW_SECONDS) this.#windows.delete(principal);
    }
    this.#sweepAt = Math.max(SWEEP_AT, 2 * this.#windows.size);
  }
}

/** Forgets the seconds that have gone by. */
function advance(window: Window, second: number): void {
  const gone = Math.min(second - window.second, WINDOW_SECONDS);
  for (let i = 1; i <= gone; i++) {
    const at = (window.second + i) % WINDOW_SECONDS;
    window.sum -= window.counts[at] ?? 0;
    window.counts[at] = 0;
  }
  if (second > window.second) window.second = second;
}

/** Until the oldest `over` of them are a minute old. */
function secondsUntil({ counts, second }: Window, over: number): number {
  let left = over;
  for (let age = WINDOW_SECONDS - 1; age >= 0; age--) {
    left -= counts[(second - age + WINDOW_SECONDS) % WINDOW_SECONDS] ?? 0;
    if (left <= 0) return WINDOW_SECONDS - age;
  }
  return WINDOW_SECONDS;
}
