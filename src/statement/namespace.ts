/**
 * The names that a client has given to prepared statements and portals, as the upstream will see them when it gets there.
 * Changes are made when a message is forwarded, before the upstream has answered; a batch that fails takes back those of its
 * changes that never happened. Why that matters: batch 1 prepares A; batch 2 fails before its `Parse` of B under the same
 * name; batch 3 executes the name. Whoever believed in batch 2 would judge B and run A.
 */

import type { Portal, PreparedStatement } from "./statement.ts";

type Named = PreparedStatement | Portal;

/** How to take back one change. */
export interface Undo {
  readonly map: Map<string, Named>;
  /** Null: the whole map was cleared. */
  readonly name: string | null;
  readonly previous: Named | undefined;
  readonly all: ReadonlyMap<string, Named> | null;
}

export class Namespace {
  readonly #statements = new Map<string, PreparedStatement>();
  readonly #portals = new Map<string, Portal>();

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

  setStatement(statement: PreparedStatement): Undo {
    return set(this.#statements, statement);
  }

  setPortal(portal: Portal): Undo {
    return set(this.#portals, portal);
  }

  removeStatement(name: string): Undo {
    return remove(this.#statements, name);
  }

  removePortal(name: string): Undo {
    return remove(this.#portals, name);
  }

  removeAllStatements(): Undo {
    return clear(this.#statements);
  }

  removeAllPortals(): Undo {
    return clear(this.#portals);
  }

  /** The end of a transaction drops its portals (PostgreSQL 18 docs, protocol-flow); cursors WITH HOLD stay. */
  endTransaction(): void {
    if (this.#portals.size === 0) return;
    for (const [name, portal] of this.#portals) if (!portal.hold) this.#portals.delete(name);
  }

  /** Takes one change back. Changes are taken back newest first. */
  undo(change: Undo): void {
    if (change.all !== null) for (const [name, value] of change.all) change.map.set(name, value);
    else if (change.name === null) return;
    else if (change.previous === undefined) change.map.delete(change.name);
    else change.map.set(change.name, change.previous);
  }
}

/** The maps are written only through their own typed methods; an Undo keeps the same kind that it found. */
function untyped(map: Map<string, PreparedStatement> | Map<string, Portal>): Map<string, Named> {
  return map as Map<string, Named>;
}

function set<T extends Named>(map: Map<string, T>, value: T): Undo {
  const previous = map.get(value.name);
  map.set(value.name, value);
  return { map: untyped(map as never), name: value.name, previous, all: null };
}

function remove<T extends Named>(map: Map<string, T>, name: string): Undo {
  const previous = map.get(name);
  map.delete(name);
  return { map: untyped(map as never), name, previous, all: null };
}

function clear<T extends Named>(map: Map<string, T>): Undo {
  const all = new Map<string, Named>(map);
  map.clear();
  return { map: untyped(map as never), name: null, previous: undefined, all };
}
