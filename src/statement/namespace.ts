/**
 * The names that a client has given to prepared statements and portals, as the upstream will see them when it gets there.
 * Changes are made when a message is forwarded, before the upstream has answered; a batch that fails takes back those of its
 * changes that never happened, and only those: what a later batch has done to the same name meanwhile stays. Why that
 * matters: whoever is wrong about a name judges and records one statement while the upstream runs another.
 */

import { Buffer, isUtf8 } from "node:buffer";
import type { Portal, PreparedStatement } from "./statement.ts";

type Named = PreparedStatement | Portal;

/** One change of one name. Its owner is told what became of it: `confirm` or `undo`, once. */
export class NameChange {
  readonly #table: NameTable<Named>;
  readonly key: string;
  /** Null: the name was taken away. */
  readonly value: Named | null;
  readonly batch: number;
  /** What stands if this did not happen. Let go of as soon as it has: chains are as long as what is unanswered. */
  previous: NameChange | null;
  undone = false;

  constructor(table: NameTable<Named>, key: string, value: Named | null, batch: number, previous: NameChange | null) {
    this.#table = table;
    this.key = key;
    this.value = value;
    this.batch = batch;
    this.previous = previous;
  }

  /** The upstream has done it. */
  confirm(): void {
    this.#table.confirm(this);
  }

  /** The upstream has skipped it. */
  undo(): void {
    this.#table.undo(this);
  }
}

/** By name, the newest change that was not taken back. */
class NameTable<T extends Named> {
  readonly #newest = new Map<string, NameChange>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(name: string): T | undefined {
    // A change of this table holds a value of its type: nothing else is put in.
    return (this.#newest.get(keyOf(name))?.value ?? undefined) as T | undefined;
  }

  change(name: string, value: T | null, batch: number): NameChange {
    return this.#change(keyOf(name), value, batch);
  }

  #change(key: string, value: T | null, batch: number): NameChange {
    const before = this.#newest.get(key) ?? null;
    const change = new NameChange(this as unknown as NameTable<Named>, key, value, batch, before);
    this.#put(key, before, change);
    return change;
  }

  removeAll(batch: number, keep: string | null): NameChange[] {
    const present = [...this.#newest].filter(([key, { value }]) => value !== null && key !== keep);
    return present.map(([key]) => this.#change(key, null, batch));
  }

  confirm(change: NameChange): void {
    change.previous = null;
    if (change.value === null && this.#newest.get(change.key) === change) this.#newest.delete(change.key);
  }

  undo(change: NameChange): void {
    change.undone = true;
    if (this.#newest.get(change.key) === change) this.#put(change.key, change, standing(change.previous));
  }

  /** Forgets what is of the batch `last` or an earlier one and is not to be kept. */
  endTransaction(last: number, kept: (value: T) => boolean): void {
    const over = (change: NameChange) => change.batch <= last && !(change.value !== null && kept(change.value as T));
    for (const [key, newest] of this.#newest) {
      for (let change: NameChange | null = newest; change !== null; change = change.previous) {
        if (over(change)) change.undone = true;
      }
      if (newest.undone) this.#put(key, newest, standing(newest.previous));
    }
  }

  /** See Namespace.settledStatement. */
  settled(name: string, batch: number, answered: number): boolean {
    const newest = this.#newest.get(keyOf(name));
    return newest === undefined || newest.batch === batch || newest.batch <= answered;
  }

  #put(key: string, before: NameChange | null, after: NameChange | null): void {
    this.#size += Number((after?.value ?? null) !== null) - Number((before?.value ?? null) !== null);
    if (after === null) this.#newest.delete(key);
    else this.#newest.set(key, after);
  }
}

export class Namespace {
  readonly #statements = new NameTable<PreparedStatement>();
  readonly #portals = new NameTable<Portal>();

  get statementCount(): number {
    return this.#statements.size;
  }

  get portalCount(): number {
    return this.#portals.size;
  }

  statement(name: string): PreparedStatement | undefined {
    return this.#statements.get(name);
  }

  portal(name: string): Portal | undefined {
    return this.#portals.get(name);
  }

  /**
   * Whether what `statement(name)` says can be trusted by a message of `batch`. Not while an earlier batch that changed the
   * name is unanswered: it may fail, and the name would then mean something else than what was judged. Inside one batch the
   * order alone suffices: an error skips what follows. @param answered the newest batch that is answered.
   */
  settledStatement(name: string, batch: number, answered: number): boolean {
    return this.#statements.settled(name, batch, answered);
  }

  /** The same for `portal(name)`. */
  settledPortal(name: string, batch: number, answered: number): boolean {
    return this.#portals.settled(name, batch, answered);
  }

  setStatement(statement: PreparedStatement, batch: number): NameChange {
    return this.#statements.change(statement.name, statement, batch);
  }

  setPortal(portal: Portal, batch: number): NameChange {
    return this.#portals.change(portal.name, portal, batch);
  }

  removeStatement(name: string, batch: number): NameChange {
    return this.#statements.change(name, null, batch);
  }

  removePortal(name: string, batch: number): NameChange {
    return this.#portals.change(name, null, batch);
  }

  /** DEALLOCATE ALL, DISCARD ALL: the unnamed statement stays, as on the server. */
  removeAllStatements(batch: number): NameChange[] {
    return this.#statements.removeAll(batch, "");
  }

  removeAllPortals(batch: number): NameChange[] {
    return this.#portals.removeAll(batch, null);
  }

  /** A simple Query ends the unnamed statement and portal whatever comes of it (PostgreSQL 18 docs, protocol-flow). */
  removeUnnamed(batch: number): void {
    this.#statements.change("", null, batch).confirm();
    this.#portals.change("", null, batch).confirm();
  }

  /**
   * The end of a transaction drops its portals (PostgreSQL 18 docs, protocol-flow); cursors WITH HOLD stay, and so do portals of
   * batches behind it that are on their way. @param last the batch whose ReadyForQuery said that no transaction is open.
   */
  endTransaction(last: number): void {
    this.#portals.endTransaction(last, (portal) => portal.hold);
  }
}

/** The newest in a chain that was not taken back. */
function standing(change: NameChange | null): NameChange | null {
  let found = change;
  while (found?.undone === true) found = found.previous;
  return found;
}

/** NAMEDATALEN - 1: the server's tables of names compare no more. */
const NAME_BYTES = 63;
/** No text of so few UTF-16 units is longer in UTF-8. */
const SURELY_SHORT = Math.floor(NAME_BYTES / 3);

/** What the server knows a name by. Two names that are one there must be one here, or the wrong one of two statements is judged. */
function keyOf(name: string): string {
  if (name.length <= SURELY_SHORT) return name;
  const bytes = Buffer.from(name, "utf8");
  if (bytes.length <= NAME_BYTES) return name;
  const kept = bytes.subarray(0, NAME_BYTES);
  // Cut inside a character it is the key of no well-formed name: NUL, which no name holds, keeps it apart from those.
  return isUtf8(kept) ? kept.toString("utf8") : `\0${kept.toString("latin1")}`;
}
