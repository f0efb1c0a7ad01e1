/**
 * What the names in a utility statement mean in the session that sends it, as the server itself says right before it runs: a catalog
 * knows neither what the open transaction has made nor what another session has renamed a moment ago. Which names are asked about, and
 * the answers by name. Decides nothing.
 */

import type { RelationKind } from "./catalog.ts";
import { type ParsedStatement, TARGET_KINDS, type UtilityTarget } from "./parsed-statement.ts";

/** `bare`: along the search_path. `creating`: where CREATE would put a bare name. */
export interface AskedRelation {
  readonly how: "bare" | "qualified" | "creating";
  /** "" where it has none. */
  readonly schema: string;
  readonly name: string;
}

export interface AskedFunction {
  /** "" where it has none. */
  readonly schema: string;
  readonly name: string;
}

export interface AskedNames {
  readonly relations: readonly AskedRelation[];
  readonly functions: readonly AskedFunction[];
  /** Without a schema. */
  readonly types: readonly string[];
  readonly operators: readonly string[];
  /** Some name has no schema: without an answer it means nothing. */
  readonly bare: boolean;
}

/** Answers in the order of AskedNames. */
export interface NamesFound {
  /** As current_schemas(true) gives it. */
  readonly path: readonly string[];
  /** Null: there is none. Of one that has been dropped meanwhile the OID alone is known. */
  readonly relations: readonly ({
    readonly oid: number;
    readonly schema: string | null;
    readonly name: string | null;
    readonly kind: RelationKind | null;
  } | null)[];
  readonly functions: readonly FoundFunction[];
  readonly types: readonly ({ readonly oid: number; readonly schema: string } | null)[];
  /** User-defined ones of those names, in any schema. */
  readonly operators: readonly number[];
}

export interface FoundFunction {
  /** 1-based place in AskedNames.functions. */
  readonly at: number;
  readonly oid: number;
  readonly schema: string;
  /** CatalogFunction.bodyHash, but for aggregates. */
  readonly hash: string;
}

export type FoundRelation = NonNullable<NamesFound["relations"][number]>;

/** `pg_temp`, and the name that it has for a session. */
export function isTemporary(schema: string): boolean {
  return /^pg_temp(_\d+)?$/.test(schema);
}

/**
 * The schema as policies name it. A session's temporary one has a number that no policy can know, and the server lets no other session at
 * what is in it.
 */
export function policySchema(schema: string): string {
  return isTemporary(schema) ? "pg_temp" : schema;
}

/** The names that a utility statement looks up; null: none. */
export function namesIn({ targets = [] }: ParsedStatement): AskedNames | null {
  const [relations, functions] = [new Map<string, AskedRelation>(), new Map<string, AskedFunction>()];
  const [types, operators] = [new Set<string>(), new Set<string>()];
  let bare = false;
  for (const target of targets) {
    const name = target.name.at(-1);
    if (name === undefined || target.object === "database" || target.object === "schema") continue;
    const schema = target.name.length > 1 ? (target.name[0] ?? "") : "";
    bare ||= schema === "";
    if (isTemporary(schema) || isCreated(target)) continue;
    if (target.object === "relation") relations.set(relationKey(target), { how: howOf(target), schema, name });
    else if (target.object === "function") functions.set(functionKey(target.name), { schema, name });
    else if (target.object === "type" && schema === "") types.add(name);
    else if (target.object === "operator") operators.add(name);
  }
  const found = { relations: [...relations.values()], functions: [...functions.values()] };
  const empty = relations.size + functions.size + types.size + operators.size === 0;
  return empty && !bare ? null : { ...found, types: [...types], operators: [...operators], bare };
}

function isCreated({ action, kind }: UtilityTarget): boolean {
  return action === "create" && kind !== TARGET_KINDS.onTable && kind !== TARGET_KINDS.expression;
}

function howOf({ name, kind }: UtilityTarget): AskedRelation["how"] {
  if (name.length > 1) return "qualified";
  return kind === TARGET_KINDS.replaced ? "creating" : "bare";
}

function relationKey(target: UtilityTarget): string {
  return `${howOf(target)}\0${target.name.join("\0")}`;
}

function functionKey(name: readonly string[]): string {
  return name.join("\0");
}

/** The answers, by what was asked. */
export class SessionNames {
  readonly path: readonly string[];
  /** Definitions of the session's own are not in the catalog yet: what is known there may have changed. */
  readonly defining: boolean;
  readonly operators: readonly number[];
  readonly #relations = new Map<string, FoundRelation | null>();
  readonly #functions = new Map<string, FoundFunction[]>();
  readonly #types = new Map<string, { readonly oid: number; readonly schema: string } | null>();

  constructor(asked: AskedNames, found: NamesFound, defining: boolean) {
    this.path = found.path;
    this.defining = defining;
    this.operators = found.operators;
    for (const [i, { how, schema, name }] of asked.relations.entries()) {
      const parts = schema === "" ? [name] : [schema, name];
      this.#relations.set(`${how}\0${parts.join("\0")}`, found.relations[i] ?? null);
    }
    for (const { schema, name } of asked.functions) this.#functions.set(nameKey(schema, name), []);
    for (const each of found.functions) {
      const { schema = "", name = "" } = asked.functions[each.at - 1] ?? {};
      this.#functions.get(nameKey(schema, name))?.push(each);
    }
    for (const [i, name] of asked.types.entries()) this.#types.set(name, found.types[i] ?? null);
  }

  /** Null: there is none of that name. Undefined: it was not asked about. */
  relation(target: UtilityTarget): FoundRelation | null | undefined {
    return this.#relations.get(relationKey(target));
  }

  /** All overloads that the name may mean. Undefined: it was not asked about. */
  functions(name: readonly string[]): readonly FoundFunction[] | undefined {
    return this.#functions.get(functionKey(name));
  }

  /** @param name without a schema. */
  type(name: string): { readonly oid: number; readonly schema: string } | null | undefined {
    return this.#types.get(name);
  }
}

function nameKey(schema: string, name: string): string {
  return functionKey(schema === "" ? [name] : [schema, name]);
}
