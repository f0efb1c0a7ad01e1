/**
 * Which statements' effect is still open, and what settled it: a commit, a rollback, a rollback to a savepoint. A write that
 * was rolled back must never look done, so the log names the statements that each settlement is about.
 */

import type { StatementRun } from "./statement.ts";

/** Ranges of sessionSeq, both ends included, ascending: the intents of the session that fall into them, and no other entries, are meant. */
export type StatementRanges = readonly (readonly [number, number])[];

export interface Settlement {
  readonly type: "transaction.committed" | "transaction.rolled_back";
  readonly statements: StatementRanges;
  /** Rolled back to a savepoint: the transaction goes on. */
  readonly savepoint: boolean;
}

interface Savepoint {
  readonly name: string;
  /** How many ranges stood before it. */
  readonly length: number;
}

/** Statements that follow each other in the session, as one range: a transaction of a million of them is not a million numbers. */
interface OpenRange {
  readonly first: number;
  last: number;
  lastOrdinal: number;
}

/** Follows one session's transactions. Told of runs that completed and of what they did; asks nothing of the server. */
export class TransactionFate {
  /** The statements that the open transaction has completed. */
  #open: OpenRange[] = [];
  #savepoints: Savepoint[] = [];
  /** Something in it may have changed data: reads alone have no fate worth an entry. */
  #wrote = false;
  #failed = false;
  /** Between BEGIN and its end: there CALL and DO cannot commit. */
  #block = false;

  /** A statement completed inside the open (or implicit) transaction. */
  completed(run: Pick<StatementRun, "sessionSeq" | "ordinal" | "durable">, mayWrite = run.durable): void {
    const { sessionSeq, ordinal } = run;
    const newest = this.#open.at(-1);
    // What a savepoint divides stays divided: the SAVEPOINT itself stands between, and completes nothing here.
    if (newest !== undefined && newest.lastOrdinal === ordinal - 1) {
      newest.last = sessionSeq;
      newest.lastOrdinal = ordinal;
    } else this.#open.push({ first: sessionSeq, last: sessionSeq, lastOrdinal: ordinal });
    if (mayWrite) this.#wrote = true;
  }

  readonly #proceduresCommit: boolean;

  /** @param serverMajor up to 17 a procedure may commit also behind other statements of an implicit transaction. */
  constructor(serverMajor: number) {
    this.#proceduresCommit = serverMajor < 18;
  }

  begin(): void {
    this.#block = true;
  }

  /**
   * CALL or DO ran: outside a block it may have committed, or rolled back, what stands before it, and then come to any end of its
   * own. Of that nothing can be said: the server does not tell.
   */
  called(): void {
    if (this.#proceduresCommit && !this.#block) this.#forget();
  }

  /** PREPARE TRANSACTION: what becomes of it is another transaction's matter, perhaps another session's. */
  prepared(): void {
    this.#forget();
    this.#block = false;
    this.#failed = false;
  }

  /** An error: an implicit transaction is lost with it, an explicit one waits for its ROLLBACK. */
  failed(): void {
    this.#failed = true;
  }

  savepoint(name: string): void {
    this.#savepoints.push({ name, length: this.#open.length });
  }

  release(name: string): void {
    const at = this.#find(name);
    if (at !== -1) this.#savepoints.length = at;
  }

  /** ROLLBACK TO: what came after the savepoint is undone, the savepoint stays (PostgreSQL 18 docs, sql-rollback-to). */
  rollbackTo(name: string): Settlement | null {
    const at = this.#find(name);
    const savepoint = this.#savepoints[at];
    if (savepoint === undefined) return null;
    this.#savepoints.length = at + 1;
    this.#failed = false;
    const undone = this.#open.splice(savepoint.length);
    if (undone.length === 0 || !this.#wrote) return null;
    return { type: "transaction.rolled_back", statements: undone.map(pair), savepoint: true };
  }

  /**
   * COMMIT or ROLLBACK answered. @param committed by the command tag: COMMIT of a failed transaction answers ROLLBACK.
   * @param chain AND CHAIN: the next block has begun.
   */
  ended(committed: boolean, chain = false): Settlement | null {
    this.#block = chain;
    return this.#settle(committed);
  }

  /** ReadyForQuery 'I': an implicit transaction, if one was open, ended at Sync. */
  idle(): Settlement | null {
    this.#block = false;
    if (this.#open.length === 0 && !this.#failed) return null;
    return this.#settle(!this.#failed);
  }

  /** Between BEGIN and its end. */
  get inBlock(): boolean {
    return this.#block;
  }

  #forget(): void {
    this.#open = [];
    this.#savepoints = [];
    this.#wrote = false;
  }

  #settle(committed: boolean): Settlement | null {
    const statements = this.#open;
    const wrote = this.#wrote;
    this.#forget();
    this.#failed = false;
    if (!wrote || statements.length === 0) return null;
    const type = committed ? "transaction.committed" : "transaction.rolled_back";
    return { type, statements: statements.map(pair), savepoint: false };
  }

  #find(name: string): number {
    for (let at = this.#savepoints.length - 1; at >= 0; at--) if (this.#savepoints[at]?.name === name) return at;
    return -1;
  }
}

function pair({ first, last }: OpenRange): readonly [number, number] {
  return [first, last];
}
