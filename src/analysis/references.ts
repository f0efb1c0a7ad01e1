/**
 * Where a statement names relations, and columns by their schema: facts of the grammar, made at parse time, for whoever puts a
 * sub-select in a relation's place (masking/splice.ts). Says nothing of what a name means on the server; that, its tree shows.
 */

import {
  type FoundColumn,
  type FoundRelation,
  type FoundReturned,
  findReferences,
  type Level,
} from "./reference-finder.ts";
import { placeColumn, placeName, placeRelation, Tokens } from "./reference-places.ts";
import { constantText, isNode, type Node } from "./tree.ts";

/**
 * from: an entry of FROM, USING or MERGE's source, which a sub-select may stand for. table: `TABLE x`. target: of INSERT, UPDATE,
 * DELETE, MERGE. other: of a utility statement (COPY x, LOCK x, CREATE VIEW x, SELECT INTO x); DROP and its like are not listed.
 */
export type ReferencePlace = "from" | "table" | "target" | "other";

export interface Span {
  readonly startByte: number;
  readonly endByte: number;
}

/** Byte positions are those of the whole text. */
export interface RelationReference extends Span {
  /** 1 to 3 parts, folded and cut to 63 bytes as the grammar does. */
  readonly name: readonly string[];
  /** `[ONLY] a.b [*]` or `ONLY (a.b)`, without the alias; of `table` from the word TABLE on. */
  readonly startByte: number;
  readonly endByte: number;
  readonly place: ReferencePlace;
  /** The written alias. */
  readonly alias: string | null;
  /** Behind `AS alias (columns)`; endByte where there is none. */
  readonly aliasEndByte: number;
  /** The alias gives names to columns. */
  readonly columnsRenamed: boolean;
  readonly only: boolean;
  /** `TABLESAMPLE … REPEATABLE …`, which stands behind the alias. */
  readonly sampled: Span | null;
  /** A CTE of that name is in scope: it is no relation. */
  readonly shadowed: boolean;
  /** Another relation of the same FROM has the same last name, of another schema then, and neither has an alias. */
  readonly twin: boolean;
  /** False: the tokens at its place are not what the tree says, and the positions mean nothing. */
  readonly proved: boolean;
}

/** `schema.table.column`, `database.schema.table.column` or either with `*`: a name that a sub-select's alias does not answer to. */
export interface ColumnReference extends Span {
  /** 3 or more; a star is "*". */
  readonly parts: readonly string[];
  /** The qualifiers before the table's name, dot included. */
  readonly startByte: number;
  readonly endByte: number;
  /**
   * All that answers to the table's name here or in a query around it, as indices into `relations`. Null: something among it is
   * no relation under its own name.
   */
  readonly relations: readonly number[] | null;
  readonly proved: boolean;
}

/** A column in RETURNING that may be one of what is written to, or a star that is all of them. */
export interface ReturnedReference extends Span {
  /** A star is "*". */
  readonly parts: readonly string[];
  /** Index in `relations` of what is written to. */
  readonly target: number;
  /** It is all of an item, and gives it its name. */
  readonly naming: boolean;
}

export interface StatementReferences {
  /** In the order of the text. Without the names in FOR UPDATE OF, which are aliases. */
  readonly relations: readonly RelationReference[];
  readonly columns: readonly ColumnReference[];
  /** In the order of the text, proved. Columns of something else may be among them, if they have no qualifier. */
  readonly returned: readonly ReturnedReference[];
  /** Names among ctid, tableoid, xmin, cmin, xmax, cmax by which the statement may mean a system column, sorted. */
  readonly systemColumns: readonly string[];
  /** `*` or `t.*` stands in it, or TABLE, which is one: a column more in a sub-select would show. */
  readonly star: boolean;
  /** NATURAL JOIN: a column more in two sub-selects would be joined by. */
  readonly natural: boolean;
  /** Names of entries of FROM by which the statement may mean a whole row. */
  readonly wholeRows: readonly string[];
  /** False: more than MAX_REFERENCES of a kind, and not all are listed. */
  readonly complete: boolean;
}

/** Relations, columns, or names in scope. A statement that joins more than 60 relations is not judged at all (describe.ts). */
export const MAX_REFERENCES = 1_000;

/**
 * @param statement of PostgreSQL's raw tree, wrapped. @param bounds of it in `source`.
 * @returns undefined where it names no relation and no column by its schema.
 */
export function statementReferences(
  source: Uint8Array,
  bounds: Span,
  statement: unknown,
): StatementReferences | undefined {
  const found = findReferences(statement, MAX_REFERENCES);
  if (found.relations.length === 0 && found.columns.length === 0) return undefined;
  const tokens = new Tokens(source, bounds);
  found.relations.sort(byLocation);
  const twins = twinsAmong(found.relations);
  const relations = found.relations.map((relation) => describeRelation(relation, tokens, twins.has(relation)));
  const isOrdered = found.columns.length > 0 || found.returned.length > 0;
  const order = new Map(isOrdered ? found.relations.map((relation, index) => [relation, index]) : []);
  return {
    relations,
    columns: found.columns.sort(byLocation).map((column) => describeColumn(column, tokens, order)),
    returned: found.returned.sort(byLocation).flatMap((one) => describeReturned(one, tokens, order)),
    systemColumns: [...found.systemColumns].sort(),
    star: found.star,
    natural: found.natural,
    wholeRows: [...found.rowNames].filter((name) => found.entryNames.has(name)),
    complete: found.complete,
  };
}

function byLocation(one: { readonly location: number }, other: { readonly location: number }): number {
  return one.location - other.location;
}

function describeRelation(found: FoundRelation, tokens: Tokens, twin: boolean): RelationReference {
  const { fields, name, place, alias } = found;
  const placed = placeRelation(found, tokens);
  return {
    name,
    startByte: placed?.startByte ?? found.location,
    endByte: placed?.endByte ?? found.location,
    place: placed?.isTable === true ? "table" : place,
    alias: alias?.name ?? null,
    aliasEndByte: placed?.aliasEndByte ?? found.location,
    columnsRenamed: alias?.renames === true,
    only: placed?.only ?? fields["inh"] !== true,
    sampled: placed?.sampled ?? null,
    shadowed: found.shadowed,
    twin,
    proved: placed !== null,
  };
}

const NO_TWINS: ReadonlySet<FoundRelation> = new Set();

/** Those that share their last name with another of the same FROM, neither having an alias. */
function twinsAmong(relations: readonly FoundRelation[]): ReadonlySet<FoundRelation> {
  if (relations.length < 2) return NO_TWINS;
  const twins = new Set<FoundRelation>();
  const seen = new Map<Level, Map<string, FoundRelation>>();
  for (const relation of relations) {
    const { level, alias, shadowed } = relation;
    if (level === null || level.entries.length < 2 || alias !== null || shadowed) continue;
    const names = seen.get(level) ?? new Map<string, FoundRelation>();
    seen.set(level, names);
    const name = relation.name.at(-1) ?? "";
    const other = names.get(name);
    if (other === undefined) names.set(name, relation);
    else twins.add(other).add(relation);
  }
  return twins;
}

function describeColumn(
  found: FoundColumn,
  tokens: Tokens,
  order: ReadonlyMap<FoundRelation, number>,
): ColumnReference {
  const parts = found.fields.map(partText);
  const span = placeColumn(found.location, parts, tokens);
  return {
    parts,
    startByte: span?.startByte ?? found.location,
    endByte: span?.endByte ?? found.location,
    relations: candidates(found.level, parts.at(-2) ?? "", order),
    proved: span !== null,
  };
}

function describeReturned(
  { fields, location, target, naming, oldAndNew }: FoundReturned,
  tokens: Tokens,
  order: ReadonlyMap<FoundRelation, number>,
): readonly ReturnedReference[] {
  const parts = fields.map(partText);
  const span = placeName(location, parts, tokens);
  const index = order.get(target);
  const isMeant = mayBeOf(target, parts, oldAndNew);
  return span === null || index === undefined || !isMeant ? [] : [{ ...span, parts, target: index, naming }];
}

/** By its qualifiers. `*` alone is the target where nothing stands beside it; EXCLUDED is not returned. */
function mayBeOf(
  { alias, name, level }: FoundRelation,
  parts: readonly string[],
  oldAndNew: readonly string[],
): boolean {
  const [qualifier, ...schema] = parts.slice(0, -1).reverse();
  const others = level?.entries.filter(({ relation }) => relation?.place !== "target") ?? [];
  if (qualifier === undefined) return parts[0] !== "*" || others.every((one) => one.name === "excluded");
  if (others.some((one) => one.name === qualifier || one.name === null)) return false;
  if (schema.length > 0) return alias === null && qualifier === name.at(-1);
  return [alias?.name ?? name.at(-1), ...(oldAndNew.length === 0 ? ["old", "new"] : oldAndNew)].includes(qualifier);
}

/** A ColumnRef's field. */
function partText(field: unknown): string {
  return isStar(field) ? "*" : (constantText(field) ?? "");
}

function isStar(field: unknown): field is Node {
  return isNode(field) && "A_Star" in field;
}

function candidates(
  from: Level | null,
  table: string,
  order: ReadonlyMap<FoundRelation, number>,
): readonly number[] | null {
  const indices: number[] = [];
  for (let level = from; level !== null; level = level.parent) {
    for (const { name, relation } of level.entries) {
      if (name !== null && name !== table) continue;
      const index = relation === null || relation.alias !== null ? undefined : order.get(relation);
      if (index === undefined) return null;
      indices.push(index);
    }
  }
  return indices;
}
