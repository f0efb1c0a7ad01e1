/**
 * The catalog as one session sees it while it has definitions of its own that no other connection sees yet: the shared catalog with
 * what the session's connection has answered laid over it. What is judged by it is kept here and never among what sessions share.
 * Functions that the transaction has made or changed are nobody's listing: what calls one is refused. Asks nothing itself.
 */

import { hash } from "node:crypto";
import type { Catalog } from "../analysis/catalog.ts";
import { type FunctionListing, FunctionRules } from "../analysis/functions.ts";
import type { TreeFacts } from "../analysis/query-tree/tree-facts.ts";
import { CatalogTooOld, treeRequests } from "../analysis/tree-requests.ts";
import type { ObjectsAnswer } from "../upstream/session-queries.ts";
import type { Analysed } from "./enforcement.ts";

/** OIDs that the session is to be asked about. */
export interface WantedObjects {
  readonly relations: readonly number[];
  readonly types: readonly number[];
  readonly functions: readonly number[];
}

/** What came with the server has a lower OID (access/transam.h, FirstNormalObjectId), and no session may change it. */
const FIRST_NORMAL_OID = 16_384;

export class OwnCatalog {
  /** What it is laid over: void when that is another. */
  readonly base: Catalog;
  readonly listings: readonly FunctionListing[];
  /** What the catalog knows may have changed too: everything is asked about, not only what it does not know. */
  readonly all: boolean;
  readonly #asked = { relations: new Set<number>(), types: new Set<number>(), functions: new Set<number>() };
  readonly #relations = new Map<number, ObjectsAnswer["relations"][number]>();
  readonly #types = new Map<number, ObjectsAnswer["types"][number]>();
  /** Those that are as the catalog says. */
  readonly #unchanged = new Set<number>();
  readonly #trees = new Map<string, Analysed>();
  #catalog: Catalog;
  #rules: FunctionRules;

  constructor(base: Catalog, listings: readonly FunctionListing[], all: boolean) {
    this.base = base;
    this.listings = listings;
    this.all = all;
    this.#catalog = base;
    this.#rules = new FunctionRules(base, listings);
  }

  /** What must be asked before a tree can be judged; null: nothing. */
  wanted(facts: TreeFacts): WantedObjects | null {
    const { relations, types } = facts;
    const named = [...relations.flatMap(({ oid, through }) => [oid, ...through]), ...facts.defaultSequences];
    const wanted = {
      relations: this.#missing(named, this.#asked.relations, (oid) => this.base.relation(oid) !== undefined),
      types: this.#missing(types, this.#asked.types, (oid) => this.base.type(oid) !== undefined),
      functions: this.all ? this.#missing(this.#called(facts), this.#asked.functions, () => true) : [],
    };
    return wanted.relations.length + wanted.types.length + wanted.functions.length === 0 ? null : wanted;
  }

  /** What the session has answered to `wanted`. */
  learn(wanted: WantedObjects, answer: ObjectsAnswer): void {
    for (const kind of ["relations", "types", "functions"] as const)
      for (const oid of wanted[kind]) this.#asked[kind].add(oid);
    for (const relation of answer.relations) this.#relations.set(relation.oid, relation);
    for (const type of answer.types) {
      this.#asked.types.add(type.oid);
      this.#types.set(type.oid, type);
    }
    for (const { oid, schema, name, hash: bodyHash } of answer.functions) {
      const known = this.base.function(oid);
      // An aggregate's hash is of more than its own row, and that more is not comparable from under a search_path.
      if (known === undefined || known.kind === "a" || known.schema !== schema || known.name !== name) continue;
      if (known.bodyHash === bodyHash) this.#unchanged.add(oid);
    }
    this.#catalog = this.base.over({ relations: [...this.#relations.values()], types: [...this.#types.values()] });
    this.#rules = new FunctionRules(this.#catalog, this.listings);
    this.#trees.clear();
  }

  /** What a tree asks for, when nothing is wanted any more. @throws {CatalogTooOld} for what neither knows. */
  analyse(tree: Uint8Array, facts: TreeFacts): Analysed {
    const key = hash("sha256", tree, "base64");
    const known = this.#trees.get(key);
    if (known !== undefined) return known;
    const changed = this.all ? this.#called(facts).find((oid) => isUsers(oid) && !this.#unchanged.has(oid)) : undefined;
    if (changed !== undefined) throw new CatalogTooOld("function", changed);
    const made = [...this.#relations.keys()].filter((oid) => this.base.relation(oid) === undefined);
    const analysed = { facts, own: new Set(made), ...treeRequests(facts, this.#catalog, this.#rules) };
    this.#trees.set(key, analysed);
    return analysed;
  }

  /** Functions that run by name, by operators, and in the checks of domains. */
  #called({ functions, operators, types }: TreeFacts): readonly number[] {
    const behind = operators.map((oid) => this.base.operator(oid)?.function ?? 0);
    const checks = types.flatMap((oid) => this.#catalog.type(oid)?.checks ?? []);
    return [...functions, ...behind, ...checks.flatMap((check) => check.functions)];
  }

  #missing(oids: readonly number[], asked: ReadonlySet<number>, known: (oid: number) => boolean): readonly number[] {
    const missing = oids.filter((oid) => !asked.has(oid) && isUsers(oid) && (this.all || !known(oid)));
    return [...new Set(missing)];
  }
}

function isUsers(oid: number): boolean {
  return oid >= FIRST_NORMAL_OID;
}
