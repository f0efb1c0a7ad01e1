/**
 * Which columns are masked for those to whom the same labels are revealed: what stands in the place of a relation, and in which form
 * the checker of the invariant may find a column. Sends nothing: the trees of masks are learned by who asks (gateway/masks.ts).
 */

import type { Catalog, CatalogColumn, CatalogRelation } from "../../analysis/catalog.ts";
import { tokenFunction } from "../../analysis/mask-function.ts";
import { readQueryTree } from "../../analysis/query-tree/reader.ts";
import type { ServerMajor } from "../../analysis/query-tree/tree-facts.ts";
import { type LabelledColumns, type MaskForm, type MaskTemplate, maskTemplate } from "../invariant/check-invariant.ts";
import type { LabelledColumn, LabelMap } from "../labels/label-map.ts";
import type { MaskSpec } from "../masks/mask.ts";
import { safeMaskExpression } from "../masks/mask-expression.ts";
import type { ReturnedColumn } from "../splice.ts";
import { CopiedMasks } from "../write-back/copied-masks.ts";
import { type MaskShape, maskShape } from "../write-back/mask-shape.ts";
import type { MaskedTargets } from "../write-back/written-masks.ts";

/** What a relation is called inside of the sub-select that stands for it. */
const INSIDE = "postern_source";
/** Kinds that a statement can read from. Indexes and composite types have labels too. */
const READ_FROM: ReadonlySet<string> = new Set(["r", "p", "v", "m", "f"]);

interface Mask {
  readonly labels: readonly string[];
  /** Over a column, as SQL names it. */
  readonly over: (reference: string) => string;
  /** Over the column of the relation as it is called inside. */
  readonly sql: string;
  /** What to have parsed to learn its tree; null: it is a constant, in which the column does not occur. */
  readonly question: string | null;
  /** The same for all columns of one type and one mask: their trees differ in nothing. */
  readonly key: string;
  /** Null: it cannot be told from values. */
  readonly shape: MaskShape | null;
  readonly fill: readonly string[];
  /** A pattern has labelled this very column: it is masked whatever it is made of. */
  readonly isOwn: boolean;
  /** Statements may not filter, sort, group or aggregate by it. */
  readonly strict: boolean;
}

export class MaskedColumns implements LabelledColumns, MaskedTargets {
  readonly #catalog: Catalog;
  readonly #masks = new Map<number, Map<number, Mask>>();
  readonly #templates = new Map<string, MaskTemplate>();
  /** By mask and length: many columns have the same. */
  readonly #shapes = new Map<string, MaskShape | null>();
  /** The server will not say: the role may not look into the schema, so that it reads nothing of it either. */
  readonly #unknown = new Set<string>();

  /** @param reveals whether a label's values are shown as they are. A column is where all of its labels' are. */
  constructor(catalog: Catalog, labels: LabelMap, reveals: (label: string) => boolean) {
    this.#catalog = catalog;
    for (const column of labels) {
      const relation = catalog.relation(column.relation);
      if (relation === undefined || !READ_FROM.has(relation.kind) || column.labels.every(reveals)) continue;
      const mask = this.#maskOf(relation, column);
      const of = this.#masks.get(relation.oid) ?? new Map<number, Mask>();
      this.#masks.set(relation.oid, of.set(column.column, mask));
    }
  }

  /** Nothing is masked. */
  get none(): boolean {
    return this.#masks.size === 0;
  }

  /** Of LabelledColumns. What has not been learned may not occur at all. */
  formOf(relation: number, column: number): MaskForm | undefined {
    const mask = this.#masks.get(relation)?.get(column);
    if (mask === undefined) return undefined;
    const template = mask.question === null ? undefined : this.#templates.get(mask.key);
    return template === undefined ? { kind: "constant" } : { kind: "expression", template };
  }

  makesMasks(fn: number): boolean {
    return fn !== 0 && tokenFunction(this.#catalog)?.oid === fn;
  }

  isStrict(relation: number, column: number): boolean {
    return this.#masks.get(relation)?.get(column)?.strict === true;
  }

  get anyStrict(): boolean {
    for (const masks of this.#masks.values()) for (const { strict } of masks.values()) if (strict) return true;
    return false;
  }

  /** Of a relation with such a column: attribute numbers of all. */
  strictColumnsOf(relation: number): readonly number[] | null {
    const masks = [...(this.#masks.get(relation)?.values() ?? [])];
    if (!masks.some(({ strict }) => strict)) return null;
    return this.#catalog.relation(relation)?.columns.map(({ number }) => number) ?? null;
  }

  isMasked(relation: number, column: number): boolean {
    return this.#masks.get(relation)?.has(column) === true;
  }

  shapeOf(relation: number, column: number): MaskShape | null {
    return this.#masks.get(relation)?.get(column)?.shape ?? null;
  }

  /** Whether a text can be a mask of some column. */
  looksMasked(text: string): boolean {
    for (const shape of this.#shapes.values()) if (shape?.(text) === true) return true;
    return false;
  }

  /** Of data that is copied into these columns of these relations; null: a mask could not be told in it. */
  copiedInto(relations: readonly CatalogRelation[], names: readonly string[] | null): CopiedMasks | null {
    const masks = relations.flatMap(({ oid, columns }) =>
      columns.flatMap(({ name, number }) => {
        const mask = names === null || names.includes(name) ? this.#masks.get(oid)?.get(number) : undefined;
        return mask === undefined || mask.shape === null ? [] : [mask];
      }),
    );
    if (masks.length === 0) return null;
    const shapes = [...new Set(masks.map(({ shape }) => shape))];
    const fills = masks.flatMap(({ fill }) => fill);
    return new CopiedMasks((text) => shapes.some((shape) => shape?.(text) === true), fills);
  }

  isLabelled(relation: number): boolean {
    return this.#masks.has(relation);
  }

  /** Labels of a relation's masked columns, sorted. */
  labelsOf(relation: number): readonly string[] {
    const masks = [...(this.#masks.get(relation)?.values() ?? [])];
    return [...new Set(masks.flatMap(({ labels }) => labels))].sort();
  }

  /** Names of a relation's masked columns, in its order. */
  columnsOf({ oid, columns }: CatalogRelation): readonly string[] {
    return columns.filter(({ number }) => this.#masks.get(oid)?.has(number)).map(({ name }) => name);
  }

  /**
   * What stands in FROM for a relation, in brackets, without an alias.
   * @param written as the statement has it, with ONLY and `*`: the server looks up the name, and its tree says what that was.
   */
  replacementFor({ oid, columns }: CatalogRelation, written: string): string {
    const masks = this.#masks.get(oid);
    const shown = columns.map(({ number, name }) => {
      const mask = masks?.get(number);
      return mask === undefined ? `${INSIDE}.${quoted(name)}` : `${mask.sql} AS ${quoted(name)}`;
    });
    return `(SELECT ${shown.join(", ")} FROM ${written} AS ${INSIDE})`;
  }

  /**
   * The same of a view whose definition stands for it, in which masks are already: only what a pattern says of its own columns is
   * masked once more. @param definition in brackets.
   */
  aroundDefinition(view: CatalogRelation, definition: string): string {
    const masks = this.#masks.get(view.oid);
    const shown = view.columns.map(({ number, name }) => {
      const mask = masks?.get(number);
      return mask?.isOwn === true ? `${mask.sql} AS ${quoted(name)}` : `${INSIDE}.${quoted(name)}`;
    });
    // A column whose mask stands in its own place has no name of its own.
    const names = view.columns.map(({ name }) => quoted(name)).join(", ");
    return `(SELECT ${shown.join(", ")} FROM ${definition} AS ${INSIDE} (${names}))`;
  }

  /** Columns of a relation that is written to, as RETURNING shows them; null: all of them as they are. */
  returnedOf({ oid, columns }: CatalogRelation): readonly ReturnedColumn[] | null {
    const masks = this.#masks.get(oid);
    if (masks === undefined) return null;
    return columns.map(({ number, name }) => ({ name, masked: masks.get(number)?.over ?? null }));
  }

  /** Statements whose trees are to be learned, by what they are learned for. */
  *questions(): IterableIterator<readonly [key: string, question: string]> {
    const asked = new Set<string>();
    for (const masks of this.#masks.values()) {
      for (const { key, question } of masks.values()) {
        if (question === null || asked.has(key) || this.#templates.has(key) || this.#unknown.has(question)) continue;
        asked.add(key);
        yield [key, question];
      }
    }
  }

  /** @param tree of the question of that key. @throws {TreeUnknown} where it is of no mask. */
  learn(key: string, tree: Uint8Array, major: ServerMajor): void {
    this.#templates.set(key, maskTemplate(readQueryTree(tree, major)));
  }

  /** The question has no answer. Where no other relation's has one either, what it is for may not occur at all. */
  giveUp(question: string): void {
    this.#unknown.add(question);
  }

  #maskOf(relation: CatalogRelation, { column, labels, mask: spec, strict, why }: LabelledColumn): Mask {
    const isOwn = why.some(([first]) => first?.by === "pattern");
    const found = relation.columns.find(({ number }) => number === column);
    if (found === undefined)
      return { labels, over: () => "NULL", sql: "NULL", question: null, key: "", shape: null, fill: [], isOwn, strict };
    const over = (reference: string): string => safeMaskExpression(reference, found, spec, this.#catalog);
    const sql = over(`${INSIDE}.${quoted(found.name)}`);
    const anonymous = over("x");
    const shape = this.#shapeOf(found, spec);
    const fill = spec.mask === "partial" ? [spec.fill] : [];
    if (sql === anonymous) return { labels, over, sql, question: null, key: "", shape, fill, isOwn, strict };
    const from = `${quoted(relation.schema)}.${quoted(relation.name)}`;
    const { type, typmod, collation } = found;
    return {
      labels,
      over,
      sql,
      shape,
      fill,
      isOwn,
      strict,
      question: `SELECT ${sql} AS masked FROM ${from} AS ${INSIDE}`,
      // Made anew, the function of tokens is another one in the tree.
      key: `${type} ${typmod} ${collation ?? ""} ${anonymous} ${tokenFunction(this.#catalog)?.oid ?? 0}`,
    };
  }

  #shapeOf(column: CatalogColumn, spec: MaskSpec): MaskShape | null {
    const key = `${column.type} ${column.typmod} ${JSON.stringify(spec)}`;
    const known = this.#shapes.get(key);
    if (known !== undefined) return known;
    const shape = maskShape(column, spec, this.#catalog);
    this.#shapes.set(key, shape);
    return shape;
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
