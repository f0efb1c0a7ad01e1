/**
 * What the upstream database holds, as one role sees it: the names behind the OIDs of a query tree, and what a name means.
 * Immutable and pure: upstream/catalog-load.ts fills it. Does not know the temporary schema of a session, and decides nothing.
 */

import { GatewayError } from "../base/errors.ts";

/** pg_class.relkind: table, partitioned table, view, materialized view, foreign table, sequence, composite type, TOAST, index, partitioned index. */
export type RelationKind = "r" | "p" | "v" | "m" | "f" | "S" | "c" | "t" | "i" | "I";

export interface CatalogColumn {
  /** pg_attribute.attnum, from 1; dropped columns leave gaps. System columns (negative numbers) are not listed. */
  readonly number: number;
  readonly name: string;
  readonly type: number;
  readonly notNull: boolean;
  /** "s": stored, "v": virtual (from 18), whose expression the server's tree does not show. */
  readonly generated: "" | "s" | "v";
  /** "a": GENERATED ALWAYS AS IDENTITY, "d": BY DEFAULT. */
  readonly identity: "" | "a" | "d";
  /** A DEFAULT; a generation expression or an identity is none. */
  readonly hasDefault: boolean;
  /** pg_attribute.atttypmod: length, precision; absent where it has none. Of relations that did not come with the server, as what follows. */
  readonly typmod?: number;
  /** As SQL, qualified: its type with the modifier, where both are an extension's: only its own function can print that. */
  readonly typeText?: string;
  /** As SQL, qualified: where it is not the database's own, nor that of "name". */
  readonly collation?: string;
  /** Of a generated column and of a view's: what it is computed from, by the tree that the server keeps. */
  readonly from?: readonly ColumnSource[];
}

/** A column that another one is computed from. */
export interface ColumnSource {
  readonly relation: number;
  /** Attribute number; 0: any of its columns. */
  readonly column: number;
  /** The value comes as it is. */
  readonly copied: boolean;
}

/** The columns of an index that are expressions, and what those read. */
export interface IndexExpressions {
  /** Attribute numbers of the index. */
  readonly attributes: readonly number[];
  /** Attribute numbers of its table; 0: the whole row. */
  readonly columns: readonly number[];
}

export interface CatalogRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: RelationKind;
  readonly owner: string;
  /** ROW LEVEL SECURITY is enabled, whether or not it binds this role. */
  readonly rowSecurity: boolean;
  /**
   * A write to it fires triggers: its own or, because a write to a parent goes on there, of a table that inherits from it.
   * Those of foreign keys count: they run SQL too, with trees of its own. Disabled ones do not.
   */
  readonly hasTriggers: boolean;
  /** As `hasTriggers`, without those that the server made itself for constraints. */
  readonly hasUserTriggers: boolean;
  /** Rewrite rules beside the one that makes a view a view. */
  readonly hasRules: boolean;
  /** Inherited from, or the partitioned table or index that it is a part of. */
  readonly parents: readonly number[];
  /** In order of their numbers; empty for indexes and TOAST. */
  readonly columns: readonly CatalogColumn[];
  /** Of an index or a TOAST table: the table that it belongs to. */
  readonly partOf?: number;
  /** Of a sequence that belongs to a column (identity, serial, OWNED BY): the column's table. */
  readonly ownedBy?: number;
  /** Of a view or materialized view: relations that pg_depend records for it. A hint: the tree says what is read. */
  readonly viewOf?: readonly number[];
  /** Of an index that has some. */
  readonly expressions?: IndexExpressions;
}

export interface CatalogFunction {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** pg_get_function_identity_arguments, with types qualified but for those of pg_catalog. */
  readonly arguments: string;
  /** Types of the input arguments, in order. */
  readonly argumentTypes: readonly number[];
  /** pg_get_function_result; "" for a procedure. */
  readonly returns: string;
  /** Function, procedure, aggregate, window function. */
  readonly kind: "f" | "p" | "a" | "w";
  /** Immutable, stable, volatile. */
  readonly volatility: "i" | "s" | "v";
  readonly language: string;
  readonly securityDefiner: boolean;
  readonly leakProof: boolean;
  readonly owner: string;
  /** Hex SHA-256 of what it runs and how: what a listing is pinned to. See {@link FUNCTION_HASH_COVERS}. */
  readonly bodyHash: string;
  readonly hasDefaults: boolean;
  /** It runs under settings of its own (SET in its definition). */
  readonly configured: boolean;
  /** Came with the server: OID below 16384, in pg_catalog or information_schema. */
  readonly builtIn: boolean;
}

/**
 * What changes `bodyHash`: prosrc, probin, proconfig, prosqlbody, proargdefaults, the language with its transforms, SECURITY
 * DEFINER, with it the owner, volatility, strictness, LEAKPROOF, the planner's support function; of an aggregate its definition
 * and the body hashes of its support functions. prosqlbody and proargdefaults hold OIDs: such a function restored into another
 * database may have another hash.
 */
export const FUNCTION_HASH_COVERS =
  "prosrc, probin, proconfig, prosqlbody, proargdefaults, language, transforms, security definer, owner of a security definer, volatility, strictness, leakproof, planner support, aggregate support";

export interface CatalogOperator {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** The function behind it; 0 for an operator that was only forward-declared. */
  readonly function: number;
}

/** A CHECK of a domain, with what the server recorded that it runs. */
export interface DomainCheck {
  readonly name: string;
  /** pg_get_constraintdef. */
  readonly definition: string;
  /** Sorted, unique: functions and aggregates called, those behind operators too. */
  readonly functions: readonly number[];
  readonly operators: readonly number[];
  /** Types of coercions, whose input and output functions or checks run. */
  readonly types: readonly number[];
}

export interface CatalogType {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** Base, composite, domain, enum, pseudo, range, multirange. */
  readonly kind: "b" | "c" | "d" | "e" | "p" | "r" | "m";
  /** Of a domain: the type right below it, which may be a domain again. */
  readonly base?: number;
  /** Of a domain: the modifier that it gives to the type below it. */
  readonly typmod?: number;
  /** Of a domain: NOT NULL of its own. */
  readonly notNull?: true;
  /** Of an array: the type of its elements. Of a range or multirange: the type of its bounds. */
  readonly element?: number;
  /** Of a composite type: its relation. */
  readonly relation?: number;
  /** Of a domain: CHECKs of its own; those of the types below are not counted. */
  readonly hasChecks: boolean;
  readonly checks: readonly DomainCheck[];
  /** Functions of its text and binary forms; 0 where it has none. */
  readonly input: number;
  readonly output: number;
  readonly receive: number;
  readonly send: number;
}

export interface CatalogSchema {
  readonly oid: number;
  readonly name: string;
  readonly owner: string;
  /** The role has USAGE: the server passes over the others in a search path. */
  readonly usable: boolean;
}

/** Plain JSON: what is loaded, and what `postern policy explain --catalog FILE` reads (catalog-json.ts). */
export interface CatalogData {
  /** The database's name in the configuration, as policies name it. */
  readonly database: string;
  /** As server_version_num: 180004 for 18.4. */
  readonly serverVersion: number;
  /** Whose view this is: the role of Postern's own connection. */
  readonly role: string;
  /** Differs whenever anything here may differ; compared, never read. */
  readonly epoch: string;
  readonly schemas: readonly CatalogSchema[];
  readonly relations: readonly CatalogRelation[];
  readonly functions: readonly CatalogFunction[];
  readonly operators: readonly CatalogOperator[];
  readonly types: readonly CatalogType[];
}

const BUILT_IN_SCHEMAS: ReadonlySet<string> = new Set(["pg_catalog", "information_schema", "pg_toast"]);

/** Look-ups over one {@link CatalogData}. All take a hash look-up; what is not found is undefined: older than the tree, or gone. */
export class Catalog {
  readonly data: CatalogData;
  readonly #relations: ReadonlyMap<number, CatalogRelation>;
  readonly #functions: ReadonlyMap<number, CatalogFunction>;
  readonly #operators: ReadonlyMap<number, CatalogOperator>;
  readonly #types: ReadonlyMap<number, CatalogType>;
  readonly #schemas: ReadonlyMap<string, CatalogSchema>;
  readonly #relationNames: ReadonlyMap<string, CatalogRelation>;
  readonly #functionNames: ReadonlyMap<string, readonly CatalogFunction[]>;
  readonly #typeNames: ReadonlyMap<string, CatalogType>;
  readonly #children: ReadonlyMap<number, readonly number[]>;
  readonly #viewsOver: ReadonlyMap<number, readonly number[]>;
  readonly #base: Catalog | null;

  /**
   * @param data the catalog's from now on. @param base looked in where that has nothing: see {@link over}.
   * @throws {GatewayError} INTERNAL where an OID or a name occurs twice.
   */
  constructor(data: CatalogData, base: Catalog | null = null) {
    this.data = base?.data ?? data;
    this.#base = base;
    this.#relations = byOid("relation", data.relations);
    this.#functions = byOid("function", data.functions);
    this.#operators = byOid("operator", data.operators);
    this.#types = byOid("type", data.types);
    this.#schemas = unique("schema", data.schemas, (schema) => schema.name);
    this.#relationNames = unique("relation", data.relations, keyOf);
    this.#functionNames = groups(data.functions, keyOf);
    this.#typeNames = unique("type", data.types, keyOf);
    this.#children = inverse(data.relations, (relation) => relation.parents);
    this.#viewsOver = inverse(data.relations, (relation) => relation.viewOf ?? []);
  }

  /**
   * This catalog with relations and types of one session laid over it: what its open transaction has made or changed. `data`, and
   * what is looked up by names of other things, stays this one's. Costs what is laid over it, however large it is itself.
   */
  over(own: Pick<CatalogData, "relations" | "types">): Catalog {
    return new Catalog({ ...this.data, schemas: [], functions: [], operators: [], ...own }, this);
  }

  get database(): string {
    return this.data.database;
  }
  get serverVersion(): number {
    return this.data.serverVersion;
  }
  get role(): string {
    return this.data.role;
  }
  get epoch(): string {
    return this.data.epoch;
  }
  get schemas(): readonly CatalogSchema[] {
    return this.data.schemas;
  }

  schema(name: string): CatalogSchema | undefined {
    return this.#schemas.get(name) ?? this.#base?.schema(name);
  }

  relation(oid: number): CatalogRelation | undefined {
    return this.#relations.get(oid) ?? this.#base?.relation(oid);
  }

  relationByName(schema: string, name: string): CatalogRelation | undefined {
    const own = this.#relationNames.get(key(schema, name));
    if (own !== undefined || this.#base === null) return own;
    const below = this.#base.relationByName(schema, name);
    return below === undefined || this.#relations.has(below.oid) ? undefined : below; // renamed, or moved, by the session
  }

  function(oid: number): CatalogFunction | undefined {
    return this.#functions.get(oid) ?? this.#base?.function(oid);
  }

  /** All overloads, of all kinds, in order of their OIDs. */
  functionsByName(schema: string, name: string): readonly CatalogFunction[] {
    return this.#functionNames.get(key(schema, name)) ?? this.#base?.functionsByName(schema, name) ?? [];
  }

  /** In all schemas. */
  operatorsByName(name: string): readonly CatalogOperator[] {
    return this.data.operators.filter((operator) => operator.name === name);
  }

  operator(oid: number): CatalogOperator | undefined {
    return this.#operators.get(oid) ?? this.#base?.operator(oid);
  }

  type(oid: number): CatalogType | undefined {
    return this.#types.get(oid) ?? this.#base?.type(oid);
  }

  typeByName(schema: string, name: string): CatalogType | undefined {
    const own = this.#typeNames.get(key(schema, name));
    if (own !== undefined || this.#base === null) return own;
    const below = this.#base.typeByName(schema, name);
    return below === undefined || this.#types.has(below.oid) ? undefined : below;
  }

  /** Relations that inherit from it directly, or are its partitions. */
  children(oid: number): readonly number[] {
    return both(this.#children.get(oid), this.#base?.children(oid));
  }

  /** Views that pg_depend records over it directly. A hint, as `viewOf`. */
  viewsOver(oid: number): readonly number[] {
    return both(this.#viewsOver.get(oid), this.#base?.viewsOver(oid));
  }

  /** What lies below a view that is no view itself, by `viewOf`; itself where it is none. Sorted. A hint, as `viewOf`. */
  leaves(oid: number): readonly number[] {
    const [seen, leaves, open] = [new Set<number>(), new Set<number>(), [oid]];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const relation = this.relation(at);
      if (relation?.kind === "v") open.push(...(relation.viewOf ?? []));
      else leaves.add(at);
    }
    return [...leaves].sort((a, b) => a - b);
  }

  /**
   * The relation that a name in a statement means: `[name]` or `[schema, name]`, as the server folds them.
   *
   * A session's temporary relations come before all others unless its search_path lists pg_temp, and are not known here: where
   * the session may have one of that name, this is not the answer. `pg_temp` as the schema of `parts` finds nothing.
   * @param searchPath as the setting lists it; `$user` is the role. Schemas that are missing or not usable are passed over.
   */
  resolveRelation(parts: readonly string[], searchPath: readonly string[]): CatalogRelation | undefined {
    const [first, second] = parts;
    if (parts.length === 2 && first !== undefined && second !== undefined) return this.relationByName(first, second);
    if (parts.length !== 1 || first === undefined) return undefined;
    for (const schema of this.effectivePath(searchPath)) {
      const found = this.relationByName(schema, first);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The first overloads that a name finds along the path come first; an overload in a later schema may still be the one that fits. */
  resolveFunctions(parts: readonly string[], searchPath: readonly string[]): readonly CatalogFunction[] {
    const [first, second] = parts;
    if (parts.length === 2 && first !== undefined && second !== undefined) return this.functionsByName(first, second);
    if (parts.length !== 1 || first === undefined) return [];
    return this.effectivePath(searchPath).flatMap((schema) => this.functionsByName(schema, first));
  }

  /**
   * The schemas that the server looks in, without temporary ones: pg_catalog first unless listed.
   * Source: PostgreSQL 18 docs, section 5.10.3 (ddl-schemas-path), and runtime-config-client, "search_path".
   */
  effectivePath(searchPath: readonly string[]): readonly string[] {
    const named = searchPath.map((name) => (name === "$user" ? this.role : name));
    const usable = named.filter((name) => name === "pg_catalog" || this.schema(name)?.usable === true);
    const path = new Set(usable.includes("pg_catalog") ? usable : ["pg_catalog", ...usable]);
    return [...path];
  }

  /** The schemas that came with the server. Temporary ones (`pg_temp_3`) are not among them: their content is the session's. */
  isBuiltIn(schema: string): boolean {
    return BUILT_IN_SCHEMAS.has(schema);
  }
}

function both(own: readonly number[] = [], below: readonly number[] = []): readonly number[] {
  return own.length === 0 ? below : [...new Set([...own, ...below])];
}

interface Named {
  readonly schema: string;
  readonly name: string;
}

function keyOf({ schema, name }: Named): string {
  return key(schema, name);
}

/** No name holds a NUL: a dot may stand in either part. */
function key(schema: string, name: string): string {
  return `${schema}\0${name}`;
}

function byOid<T extends { readonly oid: number }>(what: string, items: readonly T[]): ReadonlyMap<number, T> {
  return unique(what, items, (item) => item.oid);
}

/** Two of one name would be judged as one of them. */
function unique<K extends string | number, T>(what: string, items: readonly T[], by: (item: T) => K): Map<K, T> {
  const found = new Map<K, T>();
  for (const item of items) found.set(by(item), item);
  if (found.size !== items.length) throw new GatewayError("INTERNAL", `the catalog lists a ${what} twice`);
  return found;
}

function groups<T>(items: readonly T[], by: (item: T) => string): Map<string, T[]> {
  const found = new Map<string, T[]>();
  for (const item of items) {
    const group = found.get(by(item));
    if (group === undefined) found.set(by(item), [item]);
    else group.push(item);
  }
  return found;
}

function inverse(
  relations: readonly CatalogRelation[],
  towards: (relation: CatalogRelation) => readonly number[],
): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (const relation of relations) {
    for (const oid of towards(relation)) {
      const group = found.get(oid);
      if (group === undefined) found.set(oid, [relation.oid]);
      else group.push(relation.oid);
    }
  }
  return found;
}
