/**
 * What each principal has had of late, over all its sessions of this gateway: statements in a minute, revealed rows in an hour. A sliding
 * window of sixty parts. Several gateways count each for itself. Knows no statement: who asks says how many there are.
 */

/** Parts of a window. */
const PARTS = 60;
/** Principals kept before those of more than a window ago are looked for. */
const SWEEP_AT = 1_000;

interface Window {
  /** By part, at the part modulo the window. */
  readonly counts: Uint32Array;
  sum: number;
  /** Newest part that is in it. */
  part: number;
}

export class Rates {
  readonly #partMs: number;
  readonly #windows = new Map<string, Window>();
  #sweepAt = SWEEP_AT;

  /** @param partMs length of a sixtieth of the window, in milliseconds. */
  constructor(partMs: number) {
    this.#partMs = partMs;
  }

  /** Principals that have sent something of late; for tests. */
  get size(): number {
    return this.#windows.size;
  }

  /**
   * Counts so many of a principal, where that many are left of `most` in a window; else none of them is counted.
   * @param nowMs by Clock.monotonicMs. @returns 0; or after how many seconds to try again.
   */
  take(principal: string, statements: number, most: number, nowMs: number): number {
    const window = this.#window(principal, Math.floor(nowMs / this.#partMs));
    const over = window.sum + statements - most;
    if (over > 0) return Math.ceil((partsUntil(window, Math.min(over, window.sum)) * this.#partMs) / 1000);
    this.#count(window, statements);
    return 0;
  }

  /** Counts what may not be refused: the end of a transaction. */
  count(principal: string, statements: number, nowMs: number): void {
    this.#count(this.#window(principal, Math.floor(nowMs / this.#partMs)), statements);
  }

  #count(window: Window, statements: number): void {
    const at = window.part % PARTS;
    window.counts[at] = (window.counts[at] ?? 0) + statements;
    window.sum += statements;
  }

  #window(principal: string, part: number): Window {
    const known = this.#windows.get(principal);
    if (known !== undefined) {
      advance(known, part);
      return known;
    }
    if (this.#windows.size >= this.#sweepAt) this.#sweep(part);
    const window = { counts: new Uint32Array(PARTS), sum: 0, part };
    this.#windows.set(principal, window);
    return window;
  }

  #sweep(part: number): void {
    for (const [principal, window] of this.#windows) {
      if (part - window.part >= PARTS) this.#windows.delete(principal);
    }
    this.#sweepAt = Math.max(SWEEP_AT, 2 * this.#windows.size);
  }
}

/** Forgets the parts that have gone by. */
function advance(window: Window, part: number): void {
  const gone = Math.min(part - window.part, PARTS);
  for (let i = 1; i <= gone; i++) {
    const at = (window.part + i) % PARTS;
    window.sum -= window.counts[at] ?? 0;
    window.counts[at] = 0;
  }
  if (part > window.part) window.part = part;
}

/** Until the oldest `over` of them are a window old. */
function partsUntil({ counts, part }: Window, over: number): number {
  let left = over;
  for (let age = PARTS - 1; age >= 0; age--) {
    left -= counts[(part - age + PARTS) % PARTS] ?? 0;
    if (left <= 0) return PARTS - age;
  }
  return PARTS;
}
