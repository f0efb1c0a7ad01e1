/**
 * What one principal may know of a database: schemas, relations, functions and types, by OID and by name. Immutable; made by
 * decide-visible.ts. Filters of the server's catalogs (system-filters.ts) and the proof (catalog-proof.ts) are both made from it.
 */

import { createHash } from "node:crypto";
import type { Catalog, CatalogRelation } from "../../analysis/catalog.ts";

/** What a decision has to say; the rest follows from the catalog. */
export interface VisibleAnswers {
  /** The schema itself is within policy's reach: what policies do not name, types and operators, is seen with it. */
  readonly schema: (name: string) => boolean;
  readonly relation: (relation: CatalogRelation) => boolean;
  readonly function: (oid: number) => boolean;
}

/** What came with the server has a lower OID (access/transam.h, FirstNormalObjectId). */
export const FIRST_NORMAL_OID = 16_384;

/** Relations that policies name. Composite types, indexes and TOAST tables go with what they belong to. */
const NAMED_KINDS: ReadonlySet<string> = new Set(["r", "p", "v", "m", "f", "S"]);
const TEMPORARY = /^pg_(toast_)?temp_\d+$/;
const TOAST = "pg_toast";

export class VisibleObjects {
  readonly catalog: Catalog;
  /** Nothing is hidden: there is nothing to filter. */
  readonly everything: boolean;
  /** Differs whenever anything here may; part of the key of whatever is kept by it. */
  readonly key: string;
  /** OIDs, ascending, as all lists here. Schemas that are seen as a whole, but for what `hidden…` lists. */
  readonly openSchemas: readonly number[];
  /** Open ones, and those that something visible is in. */
  readonly shownSchemas: readonly number[];
  readonly hiddenRelations: readonly number[];
  readonly visibleRelations: readonly number[];
  readonly hiddenFunctions: readonly number[];
  readonly visibleFunctions: readonly number[];
  /** Row types of hidden relations, and their arrays. */
  readonly hiddenTypes: readonly number[];
  /** Of other schemas, but part of what is visible: row types, and types of columns and arguments. */
  readonly visibleTypes: readonly number[];
  /** Names of other databases of the server that may be known. */
  readonly databases: readonly string[];
  readonly #open: ReadonlySet<string>;
  readonly #relations: ReadonlySet<number>;
  readonly #functions: ReadonlySet<number>;
  readonly #types: ReadonlySet<number>;
  readonly #schemas: ReadonlySet<number>;
  readonly #relationNames: ReadonlySet<string>;
  readonly #functionNames: ReadonlySet<string>;
  readonly #typeNames: ReadonlySet<string>;
  readonly #families = new Map<string, boolean>();

  constructor(catalog: Catalog, answers: VisibleAnswers, databases: readonly string[] = []) {
    this.catalog = catalog;
    const { schemas, relations, functions, types } = catalog.data;
    const isOpen = (name: string): boolean => name !== TOAST && !TEMPORARY.test(name) && openSchema(name);
    const openSchema = (name: string): boolean => catalog.isBuiltIn(name) || answers.schema(name);
    this.#open = new Set(schemas.map(({ name }) => name).filter(isOpen));
    const seen = new Map<number, boolean>();
    const sees = (relation: CatalogRelation): boolean => {
      const known = seen.get(relation.oid);
      if (known !== undefined) return known;
      const answer = this.#decide(relation, answers, sees);
      seen.set(relation.oid, answer);
      return answer;
    };
    const seenRelations = relations.filter(sees);
    const seenFunctions = functions.filter(({ oid, schema }) => catalog.isBuiltIn(schema) || answers.function(oid));
    this.#relations = oidsOf(seenRelations);
    this.#functions = oidsOf(seenFunctions);
    this.#types = this.#typesSeen();
    const ours = new Set([...this.#open, ...seenRelations.map(({ schema }) => schema)]);
    for (const { schema } of seenFunctions) ours.add(schema);
    const shown = schemas.filter(({ name }) => ours.has(name) || name === TOAST);
    this.#schemas = oidsOf(shown);
    this.#relationNames = namesOf(seenRelations);
    this.#functionNames = namesOf(seenFunctions);
    this.#typeNames = namesOf(types.filter(({ oid }) => this.#types.has(oid)));
    this.databases = [...databases].sort();
    this.openSchemas = ascending(schemas.filter(({ name }) => this.#open.has(name)));
    this.shownSchemas = ascending(shown);
    this.hiddenRelations = this.#among(relations, this.#relations, false);
    this.visibleRelations = this.#among(relations, this.#relations, true);
    this.hiddenFunctions = this.#among(functions, this.#functions, false);
    this.visibleFunctions = this.#among(functions, this.#functions, true);
    this.hiddenTypes = this.#among(types, this.#types, false);
    this.visibleTypes = this.#among(types, this.#types, true);
    const isOurs = ({ schema }: { readonly schema: string }): boolean => schema === TOAST || TEMPORARY.test(schema);
    this.everything =
      schemas.every(({ name }) => this.#open.has(name) || isOurs({ schema: name })) &&
      relations.every((relation) => this.#relations.has(relation.oid) || isOurs(relation)) &&
      functions.every(({ oid }) => this.#functions.has(oid));
    this.key = this.#hash();
  }

  hasSchema(oid: number): boolean {
    return this.#schemas.has(oid);
  }

  hasRelation(oid: number): boolean {
    return this.#relations.has(oid);
  }

  hasFunction(oid: number): boolean {
    return this.#functions.has(oid);
  }

  hasType(oid: number): boolean {
    return this.#types.has(oid);
  }

  /** @param name of a schema that is open or has something visible in it. */
  isSchemaShown(name: string): boolean {
    const schema = this.catalog.schema(name);
    return schema !== undefined && this.#schemas.has(schema.oid);
  }

  isSchemaOpen(name: string): boolean {
    return this.#open.has(name);
  }

  /** @param kind what the name names. @param parts `[name]`, which any schema may have, or `[schema, name]`. */
  isNamed(kind: "relation" | "function" | "type", parts: readonly string[]): boolean {
    const names =
      kind === "relation" ? this.#relationNames : kind === "function" ? this.#functionNames : this.#typeNames;
    return names.has(parts.join("\0"));
  }

  /** No relation that it inherits from, or none that inherits from it, however far, is hidden. */
  isFamilyVisible(oid: number, side: "parents" | "children"): boolean {
    const [family, open] = [new Set<number>(), [oid]];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (family.has(at)) continue;
      family.add(at);
      const next = side === "parents" ? this.catalog.relation(at)?.parents : this.catalog.children(at);
      open.push(...(next ?? []));
    }
    return [...family].every((one) => this.#relations.has(one));
  }

  /** Of every visible relation. */
  areFamiliesVisible(side: "parents" | "children"): boolean {
    const known = this.#families.get(side);
    if (known !== undefined) return known;
    const answer = this.catalog.data.relations.every(({ oid, parents }) =>
      parents.every((parent) =>
        side === "parents"
          ? !this.hasRelation(oid) || this.hasRelation(parent)
          : !this.hasRelation(parent) || this.hasRelation(oid),
      ),
    );
    this.#families.set(side, answer);
    return answer;
  }

  /** A visible view whose definition names something hidden. */
  isOpaque(view: number): boolean {
    return (this.catalog.relation(view)?.viewOf ?? []).some((oid) => !this.#relations.has(oid));
  }

  /** All such views, ascending. */
  get opaqueViews(): readonly number[] {
    this.#opaque ??= [...this.#relations].filter((oid) => this.isOpaque(oid)).sort((a, b) => a - b);
    return this.#opaque;
  }
  #opaque: readonly number[] | undefined;

  /** No name of a visible schema, relation or type could be read as two: put together without quotes, they name what they name. */
  get hasPlainNames(): boolean {
    this.#plainNames ??= ![...this.#relationNames, ...this.#typeNames].some((name) => /[".]/.test(name));
    return this.#plainNames;
  }
  #plainNames: boolean | undefined;

  #decide(relation: CatalogRelation, answers: VisibleAnswers, sees: (one: CatalogRelation) => boolean): boolean {
    const { schema, kind, partOf } = relation;
    if (schema === TOAST || TEMPORARY.test(schema)) return false;
    if (this.catalog.isBuiltIn(schema)) return true;
    if (NAMED_KINDS.has(kind)) return answers.relation(relation);
    const whole = partOf === undefined ? undefined : this.catalog.relation(partOf);
    return whole === undefined ? this.#open.has(schema) : sees(whole);
  }

  /** Types of open schemas but row types of what is hidden; and all that visible columns and arguments are of. */
  #typesSeen(): ReadonlySet<number> {
    const { catalog } = this;
    const seen = new Set<number>();
    const open: number[] = [];
    for (const type of catalog.data.types) {
      const row = rowOf(type.oid, catalog);
      if (row === undefined ? this.#open.has(type.schema) : this.#relations.has(row)) open.push(type.oid);
    }
    for (const oid of this.#relations) open.push(...(catalog.relation(oid)?.columns ?? []).map(({ type }) => type));
    for (const oid of this.#functions) open.push(...(catalog.function(oid)?.argumentTypes ?? []));
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const type = catalog.type(at);
      for (const part of [type?.element, type?.base]) if (part !== undefined) open.push(part);
    }
    return seen;
  }

  /** Those that the rule of their schema says otherwise of; but for those of sessions and TOAST, which no rule shows. */
  #among(
    items: readonly { readonly oid: number; readonly schema: string }[],
    seen: ReadonlySet<number>,
    visible: boolean,
  ): readonly number[] {
    return ascending(
      items.filter(({ oid, schema }) => seen.has(oid) === visible && this.#open.has(schema) !== visible),
    );
  }

  #hash(): string {
    const lists = [
      this.catalog.epoch,
      ...[this.openSchemas, this.shownSchemas, this.hiddenRelations, this.visibleRelations],
      ...[this.hiddenFunctions, this.visibleFunctions, this.hiddenTypes, this.visibleTypes, this.databases],
    ];
    return this.everything ? "everything" : createHash("sha256").update(JSON.stringify(lists)).digest("hex");
  }
}

/** The relation whose rows are of this type, or of which it is an array. */
function rowOf(oid: number, catalog: Catalog): number | undefined {
  const type = catalog.type(oid);
  if (type?.relation !== undefined) return type.relation;
  if (type?.kind !== "b" || type.element === undefined) return undefined;
  return catalog.type(type.element)?.relation;
}

interface Identified {
  readonly oid: number;
}

function oidsOf(items: readonly Identified[]): ReadonlySet<number> {
  return new Set(items.map(({ oid }) => oid));
}

function ascending(items: readonly Identified[]): readonly number[] {
  return items.map(({ oid }) => oid).sort((a, b) => a - b);
}

/** By name alone, and by schema and name. No name holds a NUL. */
function namesOf(items: readonly { readonly schema: string; readonly name: string }[]): ReadonlySet<string> {
  return new Set(items.flatMap(({ schema, name }) => [name, `${schema}\0${name}`]));
}
