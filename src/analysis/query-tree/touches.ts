/** Relations as they are touched, merged by action, relation and the views on the way. */

import type { RelationTouch } from "./tree-facts.ts";

type Collected = Omit<RelationTouch, "columns"> & { readonly columns: Set<number> };

export class Touches {
  readonly #byKey = new Map<string, Collected>();

  add(action: RelationTouch["action"], oid: number, through: readonly number[], columns: readonly number[]): void {
    const key = `${action} ${oid} ${through.join(" ")}`;
    let touch = this.#byKey.get(key);
    if (touch === undefined) {
      touch = { action, oid, through, columns: new Set() };
      this.#byKey.set(key, touch);
    }
    for (const column of columns) touch.columns.add(column);
  }

  /** By relation, then action, then views. */
  sorted(): readonly RelationTouch[] {
    const touches = [...this.#byKey.entries()].sort(([a, one], [b, other]) => one.oid - other.oid || (a < b ? -1 : 1));
    return touches.map(([, touch]) => ({ ...touch, columns: [...touch.columns].sort((a, b) => a - b) }));
  }
}
