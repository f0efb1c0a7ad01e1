/**
 * What of the server's own relations a principal is shown: for each relation of pg_catalog and information_schema, free, refused,
 * or a sub-select in its place that shows the rows of visible objects alone. Proves nothing: see catalog-proof.ts.
 */

import type { CatalogRelation } from "../../analysis/catalog.ts";
import { deniedRelation } from "../../analysis/system-relations.ts";
import { FilterConditions } from "./filter-conditions.ts";
import { FREE, INFORMATION_SCHEMA, PG_CATALOG, REFUSED } from "./filter-rules.ts";
import type { VisibleObjects } from "./visible-objects.ts";

export type SystemRelation =
  /** Tells nothing of what lies in a schema. */
  | { readonly kind: "free"; readonly why: string }
  | { readonly kind: "denied"; readonly why: string }
  /** Only through the sub-select of {@link SystemFilters.replacementFor}. */
  | { readonly kind: "filter"; readonly condition: string; readonly columns: ReadonlyMap<string, string> };

/** Columns that every table has and none lists, with their numbers. */
export const SYSTEM_COLUMNS: ReadonlyMap<string, number> = new Map([
  ["ctid", -1],
  ["xmin", -2],
  ["cmin", -3],
  ["xmax", -4],
  ["cmax", -5],
  ["tableoid", -6],
]);

const RULES: ReadonlyMap<string, SystemRelation> = new Map([
  ...FREE.flatMap(({ why, relations }) =>
    words(relations).flatMap((name) => bothSchemas(name).map((key) => [key, { kind: "free", why }] as const)),
  ),
  ...words(REFUSED).map(
    (name) => [`pg_catalog.${name}`, { kind: "denied", why: "it shows the server's insides" }] as const,
  ),
  ...readRules("pg_catalog", PG_CATALOG),
  ...readRules("information_schema", INFORMATION_SCHEMA),
]);

/** All names that are classified here: for tests. */
export const CLASSIFIED_SYSTEM_RELATIONS: readonly string[] = [...RULES.keys()];

/**
 * Of a relation of pg_catalog or information_schema; what is not known is denied.
 * @param name without its schema.
 */
export function systemRelation(schema: string, name: string): SystemRelation {
  const rule = RULES.get(`${schema}.${name}`);
  if (rule !== undefined) return rule;
  return { kind: "denied", why: deniedRelation(schema, name) ?? "what it tells of other schemas is not known" };
}

/** What a statement asks for beside the columns of a relation. */
export interface Asked {
  /** Names of {@link SYSTEM_COLUMNS}: they come behind the relation's own. */
  readonly systemColumns: readonly string[];
  /** Definitions of views: those that name something hidden are then left out of pg_class. */
  readonly plainViews: boolean;
}

/** Replacement texts for one set of visible objects; each is made once. */
export class SystemFilters {
  readonly #visible: VisibleObjects;
  readonly #conditions: FilterConditions;
  readonly #made = new Map<string, string | null>();

  constructor(visible: VisibleObjects) {
    this.#visible = visible;
    this.#conditions = new FilterConditions(visible, (name) => {
      const rule = systemRelation("pg_catalog", name);
      return rule.kind === "filter" ? this.#conditions.expand(rule.condition) : `${rule.kind === "free"}`;
    });
  }

  /**
   * `(SELECT z."a", … FROM schema.name AS z WHERE …)`, without an alias; null: it stands as it is, or is refused (the proof says).
   */
  replacementFor(schema: string, name: string, { systemColumns, plainViews }: Asked): string | null {
    const relation = this.#visible.catalog.relationByName(schema, name);
    const rule = systemRelation(schema, name);
    if (this.#visible.everything || relation === undefined || rule.kind !== "filter") return null;
    const extra = relation.kind === "v" ? [] : [...SYSTEM_COLUMNS.keys()].filter((one) => systemColumns.includes(one));
    const isPlain = plainViews && name === "pg_class";
    const key = `${schema}.${name} ${isPlain} ${extra.join(" ")}`;
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const made = this.#text(relation, rule, extra, isPlain);
    this.#made.set(key, made);
    return made;
  }

  #text(
    relation: CatalogRelation,
    rule: SystemRelation & { kind: "filter" },
    extra: readonly string[],
    isPlain: boolean,
  ): string {
    const own = relation.columns.map(({ name }) => {
      const instead = rule.columns.get(name);
      return instead === undefined ? `z."${name}"` : `${this.#conditions.expand(instead)} AS "${name}"`;
    });
    const columns = [...own, ...extra.map((name) => `z.${name}`)].join(", ");
    const all = this.#conditions.expand(rule.condition);
    const condition = isPlain ? `${all} AND ${this.#conditions.plainView("z.oid")}` : all;
    // OFFSET 0 keeps the planner from pulling the sub-select up: conditions of the client's would run before the filter, and an
    // error of theirs, `relname::int`, would show the row that it was to keep back.
    return oneLine(`(SELECT ${columns} FROM ${relation.schema}.${relation.name} AS z WHERE ${condition} OFFSET 0)`);
  }
}

/** The positions in the statement stay on their lines. Line breaks stand in no literal here but in a name's own. */
function oneLine(text: string): string {
  return text.replace(/\n +/g, " ");
}

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter(Boolean);
}

function bothSchemas(name: string): readonly string[] {
  return [name.startsWith("pg_") ? `pg_catalog.${name}` : `information_schema.${name}`];
}

function readRules(schema: string, text: string): readonly (readonly [string, SystemRelation])[] {
  const rules: [string, { condition: string; columns: Map<string, string> }][] = [];
  for (const line of text.split("\n").filter(Boolean)) {
    const override = /^ {2}(\w+) := (.*)$/.exec(line);
    const last = rules.at(-1)?.[1];
    if (override !== null) last?.columns.set(override[1] ?? "", override[2] ?? "");
    else if (line.startsWith("  ") && last !== undefined) last.condition += ` ${line.trim()}`;
    else {
      const [name = "", ...rest] = line.split(" ");
      rules.push([`${schema}.${name}`, { condition: rest.join(" "), columns: new Map() }]);
    }
  }
  return rules.map(([name, rule]) => [name, { kind: "filter", ...rule }]);
}
