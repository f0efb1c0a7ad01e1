/**
 * Labels of every column: what patterns give, then on along all ways that a value takes through the database, then what looks
 * sensitive and has none. Masks nothing and asks nobody.
 *
 * A copied value keeps its mask. What is computed from labelled values gets `default`: the last four characters of an upper-cased
 * or cut value may be other ones than those that the mask was meant to show.
 */

import { createHash } from "node:crypto";
import type { Catalog, CatalogColumn, CatalogRelation } from "../../analysis/catalog.ts";
import { DEFAULT_MASK, type MaskSpec, stricter } from "../masks/mask.ts";
import { PUBLIC, QUARANTINE } from "./document.ts";
import { isLabelled, LabelEdges } from "./label-edges.ts";
import {
  type ColumnName,
  type LabelConflict,
  type LabelledColumn,
  LabelMap,
  type Reason,
  type SpreadBy,
} from "./label-map.ts";
import type { ColumnRule, LabelSet } from "./label-set.ts";
import { isNarrower, matchesPart } from "./pattern.ts";
import { suspicionOf } from "./suspicion.ts";

/** @param catalog of the database; its name there is that of the configuration, as patterns have it. */
export function resolveLabels(set: LabelSet, catalog: Catalog): LabelMap {
  const spread = new Spread(set, catalog);
  spread.patterns();
  if (set.quarantines(catalog.database)) spread.quarantine();
  const epoch = createHash("sha256")
    .update(`${set.version} ${catalog.database} ${catalog.epoch}`)
    .digest("hex")
    .slice(0, 32);
  return new LabelMap(epoch, spread.labelled(), spread.conflicts, spread.open());
}

/** The rules of one column that stand: those that no other is narrower than. Several labels: they contradict each other. */
export function rulesFor(
  rules: readonly ColumnRule[],
  database: string,
  { schema, name }: Pick<CatalogRelation, "schema" | "name">,
  column: string,
): readonly ColumnRule[] {
  const names = [database, schema, name, column];
  const matching = rules.filter(({ parts }) => parts.every((part, index) => matchesPart(part, names[index] ?? "")));
  return matching.filter((rule) => !matching.some((other) => isNarrower(other.parts, rule.parts)));
}

/** Of the rules those that may meet a column of it: there are many relations, and few that a rule speaks of. */
function rulesOfTable(rules: readonly ColumnRule[], { schema, name }: CatalogRelation): readonly ColumnRule[] {
  return rules.filter(({ parts: [, inSchema, table] }) => {
    return inSchema !== undefined && table !== undefined && matchesPart(inSchema, schema) && matchesPart(table, name);
  });
}

/** One label on one column. */
interface Found {
  readonly label: string;
  readonly mask: MaskSpec;
  readonly why: readonly Reason[];
}

/** A value that is not another's by being computed from it. */
const SAME_VALUE: ReadonlySet<SpreadBy> = new Set(["copy", "inheritance"]);

class Spread {
  readonly conflicts: LabelConflict[] = [];
  readonly #set: LabelSet;
  readonly #catalog: Catalog;
  readonly #edges: LabelEdges;
  /** By column, then label. */
  readonly #found = new Map<string, { readonly name: ColumnName; readonly labels: Map<string, Found> }>();
  /** Columns that a pattern speaks of, `public` too. */
  readonly #decided = new Map<string, { readonly name: ColumnName; readonly isPublic: boolean }>();
  readonly #open: { readonly name: ColumnName; readonly found: Found }[] = [];

  constructor(set: LabelSet, catalog: Catalog) {
    this.#set = set;
    this.#catalog = catalog;
    this.#edges = new LabelEdges(catalog);
  }

  patterns(): void {
    const { database } = this.#catalog;
    const rules = this.#set.rules.filter(({ parts: [first] }) => first !== undefined && matchesPart(first, database));
    let near: readonly ColumnRule[] = [];
    let of = -1;
    for (const [relation, column] of this.#columns()) {
      if (of !== relation.oid) near = rulesOfTable(rules, relation);
      of = relation.oid;
      const standing = near.length === 0 ? [] : rulesFor(near, database, relation, column.name);
      if (standing.length === 0) continue;
      const name = { relation: relation.oid, column: column.number };
      const labels = new Set(standing.map(({ label }) => label));
      if (labels.size > 1) this.#contradiction(name, standing);
      const hidden = standing.filter(({ label }) => label !== PUBLIC);
      this.#decided.set(keyOf(name), { name, isPublic: hidden.length === 0 });
      for (const { label, text, line } of hidden) {
        this.#label(name, { label, mask: this.#maskOf(label), why: [{ ...name, by: "pattern", text, line }] });
      }
    }
    this.#run();
  }

  /** Of columns that hold values: what a view shows comes from one. */
  quarantine(): void {
    for (const [relation, column] of this.#columns()) {
      const name = { relation: relation.oid, column: column.number };
      if (relation.kind === "v" || this.#found.has(keyOf(name)) || this.#decided.has(keyOf(name))) continue;
      const suspicion = suspicionOf(column, relation.name, this.#catalog);
      if (suspicion === null) continue;
      const why: Reason = { ...name, by: "quarantine", text: suspicion.why };
      this.#label(name, { label: QUARANTINE, mask: this.#maskOf(QUARANTINE), why: [why] });
    }
    this.#run();
  }

  *labelled(): IterableIterator<LabelledColumn> {
    for (const { name, labels } of this.#found.values()) {
      const found = [...labels.values()].sort((a, b) => (a.label < b.label ? -1 : 1));
      yield {
        ...name,
        labels: found.map(({ label }) => label),
        mask: found.map(({ mask }) => mask).reduce(stricter),
        strict: found.some(({ label }) => this.#set.masks.get(label)?.strict === true),
        why: found.map(({ why }) => why),
      };
    }
  }

  /** Public, and nothing that has a label shows in it. */
  *open(): IterableIterator<ColumnName> {
    for (const [key, { name, isPublic }] of this.#decided) if (isPublic && !this.#found.has(key)) yield name;
  }

  *#columns(): IterableIterator<readonly [CatalogRelation, CatalogColumn]> {
    for (const relation of this.#catalog.data.relations) {
      if (isLabelled(relation)) for (const column of relation.columns) yield [relation, column];
    }
  }

  #maskOf(label: string): MaskSpec {
    return this.#set.masks.get(label)?.mask ?? DEFAULT_MASK;
  }

  #contradiction(name: ColumnName, rules: readonly ColumnRule[]): void {
    const said = rules.map(({ text, label, line }) => `${label} by ${text} (line ${line})`).join(", ");
    const message = `gets more than one label: ${said}`;
    this.conflicts.push({ ...name, message, hint: "add a pattern that is narrower than these; until then all stand" });
  }

  /** Takes the label, or a stricter mask of it, and notes that it has to go on. */
  #label(name: ColumnName, found: Found): void {
    const key = keyOf(name);
    const here = this.#found.get(key) ?? { name, labels: new Map<string, Found>() };
    const before = here.labels.get(found.label);
    const mask = before === undefined ? found.mask : stricter(before.mask, found.mask);
    if (before !== undefined && JSON.stringify(mask) === JSON.stringify(before.mask)) return;
    const taken = { label: found.label, mask, why: before?.why ?? found.why };
    here.labels.set(found.label, taken);
    this.#found.set(key, here);
    this.#open.push({ name, found: taken });
  }

  /** Ends: a column takes a label once, and then only stricter masks of it. Breadth first, so that a chain is a shortest one. */
  #run(): void {
    for (const { name: from, found } of this.#open) {
      for (const { to, by } of this.#edges.from(from)) {
        const isSame = SAME_VALUE.has(by);
        const decided = this.#decided.get(keyOf(to));
        // What an operator says of a computed column stands: initials are no name.
        if (decided !== undefined && !isSame) continue;
        if (decided?.isPublic === true) this.#notPublic(to, found.label);
        const why = [{ ...to, by, from }, ...found.why];
        this.#label(to, { label: found.label, mask: isSame ? found.mask : DEFAULT_MASK, why });
      }
    }
    this.#open.length = 0;
  }

  #notPublic(name: ColumnName, label: string): void {
    const message = `is ${PUBLIC}, and the same value is ${label} where it comes from`;
    if (this.conflicts.some((one) => keyOf(one) === keyOf(name) && one.message === message)) return;
    this.conflicts.push({ ...name, message, hint: "label both alike; until then it is masked" });
  }
}

function keyOf({ relation, column }: ColumnName): string {
  return `${relation} ${column}`;
}
