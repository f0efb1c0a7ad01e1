/** Which columns are labelled, with which mask and why: what spread.ts has found of one catalog. Look-ups only. */

import type { MaskSpec } from "../masks/mask.ts";

/** How a label came to a column from another one. */
export type SpreadBy =
  /** A partition's or child's, or the other way round. */
  | "inheritance"
  /** As it is, by a view. */
  | "copy"
  /** By a view's or a generated column's expression. */
  | "computation"
  /** Its type holds a row of what is labelled. */
  | "containment"
  /** By the expression of an index. */
  | "index";

export interface ColumnName {
  readonly relation: number;
  readonly column: number;
}

/** A step of the chain from a column to what labelled it. */
export type Reason =
  /** @see ColumnRule.text, and the line of labels.yaml. */
  | ({ readonly by: "pattern"; readonly text: string; readonly line: number } & ColumnName)
  /** It looks sensitive; `text` says by what. */
  | ({ readonly by: "quarantine"; readonly text: string } & ColumnName)
  | ({ readonly by: SpreadBy; readonly from: ColumnName } & ColumnName);

export interface LabelledColumn extends ColumnName {
  /** Sorted, never empty. The raw value is shown only to who may see all of them. */
  readonly labels: readonly string[];
  /** The strictest of theirs; `default` where it is computed from what they stand on. */
  readonly mask: MaskSpec;
  readonly strict: boolean;
  /** Of each label, in their order: from this column to what labelled it. */
  readonly why: readonly (readonly Reason[])[];
}

/** What a set of labels leaves open for a catalog. The safe reading is in the map all the same. */
export interface LabelConflict extends ColumnName {
  readonly message: string;
  readonly hint: string;
}

const NONE: ReadonlyMap<number, LabelledColumn> = new Map();

export class LabelMap {
  /** Differs whenever the labels of a column, or its masks, may differ. Compared, never read. */
  readonly epoch: string;
  readonly conflicts: readonly LabelConflict[];
  readonly #relations: ReadonlyMap<number, ReadonlyMap<number, LabelledColumn>>;
  readonly #open: ReadonlyMap<number, ReadonlySet<number>>;

  /** @param open columns that the operator calls `public`, and that no label has come to. */
  constructor(
    epoch: string,
    columns: Iterable<LabelledColumn>,
    conflicts: readonly LabelConflict[],
    open: Iterable<ColumnName>,
  ) {
    this.epoch = epoch;
    const known = new Map<number, Set<number>>();
    for (const { relation, column } of open)
      known.set(relation, (known.get(relation) ?? new Set<number>()).add(column));
    this.#open = known;
    this.conflicts = conflicts;
    const relations = new Map<number, Map<number, LabelledColumn>>();
    for (const column of columns) {
      const of = relations.get(column.relation) ?? new Map<number, LabelledColumn>();
      relations.set(column.relation, of.set(column.column, column));
    }
    this.#relations = relations;
  }

  /** Labelled columns of a relation (an index too) by attribute number; empty: none. */
  relation(oid: number): ReadonlyMap<number, LabelledColumn> {
    return this.#relations.get(oid) ?? NONE;
  }

  /** The operator has looked at it: it is not sensitive. */
  isPublic(relation: number, column: number): boolean {
    return this.#open.get(relation)?.has(column) === true;
  }

  column(relation: number, column: number): LabelledColumn | undefined {
    return this.#relations.get(relation)?.get(column);
  }

  get size(): number {
    return [...this.#relations.values()].reduce((sum, columns) => sum + columns.size, 0);
  }

  *[Symbol.iterator](): IterableIterator<LabelledColumn> {
    for (const columns of this.#relations.values()) yield* columns.values();
  }
}
