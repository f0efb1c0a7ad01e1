/**
 * What the upstream still owes an answer to, in order. The relay reads it to know whose answer a message is: which run it
 * ends, whether the client asked for it, and what an error takes back.
 */

import type { GatewayError } from "../base/errors.ts";
import type { NameChange } from "./namespace.ts";
import type { Answer, Evidence, Origin, PreparedStatement, StatementRun } from "./statement.ts";

export type ExpectationKind =
  | "parse"
  | "bind"
  | "describeStatement"
  | "describePortal"
  | "execute"
  | "close"
  | "sync"
  | "refusal";

/** One forwarded message and what its answer means. One shape for all kinds, so that the hot loop sees one hidden class. */
export class Expectation {
  readonly kind: ExpectationKind;
  /** The answer is Postern's own business and is not passed on. */
  readonly hidden: boolean;
  /** The run that this `execute` answers to. */
  readonly run: StatementRun | null;
  /** What it does to names: confirmed by its answer, taken back if it fails or is skipped. */
  readonly changes: readonly NameChange[] | null;
  /** For `refusal`: what the client reads in place of the upstream's error. */
  readonly error: GatewayError | null;
  /** For `sync`: the batch that it ends. */
  readonly batch: number;
  /** Of a text that is not the client's as it came. A run's statement has its own. */
  readonly origin: Origin | null;
  /** What a tree that comes with the answer is evidence of. */
  readonly evidence: Evidence | null;
  /** Of a question of our own: takes its rows, and what becomes of it. */
  readonly capture: Answer | null;
  /** For Describe: what is described, where anything asks for it. */
  readonly statement: PreparedStatement | null;

  constructor(
    kind: ExpectationKind,
    hidden: boolean,
    run: StatementRun | null,
    changes: readonly NameChange[] | null,
    error: GatewayError | null,
    batch: number,
    origin: Origin | null = null,
    evidence: Evidence | null = null,
    capture: Answer | null = null,
    statement: PreparedStatement | null = null,
  ) {
    this.kind = kind;
    this.hidden = hidden;
    this.run = run;
    this.changes = changes;
    this.error = error;
    this.batch = batch;
    this.origin = origin;
    this.evidence = evidence;
    this.capture = capture;
    this.statement = statement;
  }
}

const plain = (kind: ExpectationKind, hidden: boolean) => new Expectation(kind, hidden, null, null, null, 0);

const hiddenParse = plain("parse", true);
const hiddenBind = plain("bind", true);
const hiddenClose = plain("close", true);
const hiddenRun = [hiddenClose, hiddenParse, hiddenBind, plain("execute", true), hiddenClose, hiddenClose];

/** Those that carry nothing are shared. */
export const EXPECT = {
  hiddenParse,
  hiddenBind,
  hiddenClose,
  hiddenDescribePortal: plain("describePortal", true),
  /** Answers to src/gateway/messages.ts's SETTLE_SETTINGS. */
  settleSettings: [...hiddenRun, ...hiddenRun],
  describeStatement: plain("describeStatement", false),
  describePortal: plain("describePortal", false),
} as const;

const INITIAL_SLOTS = 16;

/** A queue in a ring, grown by doubling; the frontend bounds it. */
export class Expectations {
  #slots: (Expectation | null)[] = new Array<Expectation | null>(INITIAL_SLOTS).fill(null);
  #head = 0;
  #length = 0;
  /** How many have been taken out. */
  answered = 0;

  get length(): number {
    return this.#length;
  }

  push(expectation: Expectation): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.#length) & (this.#slots.length - 1)] = expectation;
    this.#length++;
    if (expectation.evidence !== null) expectation.evidence.outstanding++;
  }

  peek(): Expectation | null {
    return this.#length === 0 ? null : (this.#slots[this.#head] ?? null);
  }

  /** The run whose answer comes next, or will: what stands before it belongs to it. Null where nothing runs. */
  oldestRun(): StatementRun | null {
    for (let i = 0; i < this.#length; i++) {
      const run = this.#slots[(this.#head + i) & (this.#slots.length - 1)]?.run;
      if (run !== null && run !== undefined) return run;
    }
    return null;
  }

  shift(): Expectation | null {
    if (this.#length === 0) return null;
    const first = this.#slots[this.#head] ?? null;
    this.#slots[this.#head] = null;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.#length--;
    this.answered++;
    if (first !== null && first.evidence !== null) first.evidence.outstanding--;
    return first;
  }

  /**
   * After an error: takes out all that the upstream skips, up to the next Sync, which stays.
   * @returns what was taken out, oldest first.
   */
  skipToSync(): Expectation[] {
    const skipped: Expectation[] = [];
    for (let next = this.peek(); next !== null && next.kind !== "sync"; next = this.peek()) {
      skipped.push(next);
      this.shift();
    }
    return skipped;
  }

  #grow(): void {
    const larger = new Array<Expectation | null>(this.#slots.length * 2).fill(null);
    for (let i = 0; i < this.#length; i++) {
      larger[i] = this.#slots[(this.#head + i) & (this.#slots.length - 1)] ?? null;
    }
    this.#slots = larger;
    this.#head = 0;
  }
}
