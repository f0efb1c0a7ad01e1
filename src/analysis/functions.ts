/**
 * Whether a function may run for an agent: free, by the action `call`, or not at all. Judged by what the catalog says of it, never
 * by its bare OID: OIDs move between majors. Does not see what a function does inside: a nested tree of the server shows that.
 */

import type { Catalog, CatalogFunction, CatalogType } from "./catalog.ts";
import { CALL_FUNCTIONS, DENIED_EXTENSION_FUNCTIONS, DENY_CLASSES, FREE_VOLATILE } from "./function-classes.ts";
import { NameList, signatureOf, typedName } from "./function-names.ts";
import { tokenFunction } from "./mask-function.ts";

export type FunctionVerdict =
  | { readonly kind: "free" }
  /** Needs the action `call` on it. */
  | { readonly kind: "call" }
  /** `why` has no full stop, and names no value. */
  | { readonly kind: "denied"; readonly why: string };

/** What an operator has looked at and allows to be called: <policy folder>/functions.yaml. */
export interface FunctionListing {
  /** As function-names.ts writes it: `public.total(customer integer)`. */
  readonly signature: string;
  /** CatalogFunction.bodyHash: a changed body is another function. */
  readonly bodyHash: string;
  readonly reason?: string;
}

/** A listing that opens nothing. */
export interface ListingProblem {
  readonly signature: string;
  readonly message: string;
}

const FREE: FunctionVerdict = { kind: "free" };
const CALL: FunctionVerdict = { kind: "call" };
const CLASSES = DENY_CLASSES.map(({ functions, why, listable }) => ({ names: new NameList(functions), why, listable }));
const FREE_NAMES = new NameList(FREE_VOLATILE);
const CALL_NAMES = new NameList(CALL_FUNCTIONS);
const EXTENSIONS = new NameList(DENIED_EXTENSION_FUNCTIONS);
/** What code that came with the server is written in. A superuser may replace it: in another language it is a user's. */
const OWN_LANGUAGES: ReadonlySet<string> = new Set(["internal", "c", "sql"]);
/** Only the server itself hands these over or takes them: no statement can call such a function. */
const INTERNAL_TYPES: ReadonlySet<string> = new Set([
  "internal",
  "trigger",
  "event_trigger",
  "language_handler",
  "fdw_handler",
  "index_am_handler",
  "table_am_handler",
  "tsm_handler",
]);

/** Verdicts over one catalog and its listings; each is found once. */
export class FunctionRules {
  readonly #catalog: Catalog;
  readonly #listings: ReadonlyMap<string, FunctionListing>;
  readonly #verdicts = new Map<number, FunctionVerdict>();
  readonly #types = new Map<number, FunctionVerdict>();

  constructor(catalog: Catalog, listings: readonly FunctionListing[]) {
    this.#catalog = catalog;
    this.#listings = new Map(listings.map((listing) => [listing.signature, listing]));
  }

  /** Of a function, procedure, aggregate or window function. */
  /** It makes masks: in the tree of a statement the checker of the invariant finds it anywhere else. */
  makesMasks(oid: number): boolean {
    return tokenFunction(this.#catalog)?.oid === oid;
  }

  judge(oid: number): FunctionVerdict {
    const known = this.#verdicts.get(oid);
    if (known !== undefined) return known;
    const found = this.#catalog.function(oid);
    const verdict = found === undefined ? denied(`the catalog has no function with OID ${oid}`) : this.#judge(found);
    this.#verdicts.set(oid, verdict);
    return verdict;
  }

  /** By the function behind it. */
  judgeOperator(oid: number): FunctionVerdict {
    const operator = this.#catalog.operator(oid);
    if (operator === undefined) return denied(`the catalog has no operator with OID ${oid}`);
    if (operator.function === 0) return denied(`the operator ${operator.schema}.${operator.name} has no function`);
    return this.judge(operator.function);
  }

  /** By the code that runs unseen where a value becomes one of it: checks of domains, input and output of users' base types. */
  judgeType(oid: number): FunctionVerdict {
    const known = this.#types.get(oid);
    if (known !== undefined) return known;
    const [verdicts, seen, open]: [FunctionVerdict[], Set<number>, number[]] = [[], new Set(), [oid]];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const type = this.#catalog.type(at);
      if (type === undefined) verdicts.push(denied(`the catalog has no type with OID ${at}`));
      else verdicts.push(...this.#codeOf(type, open));
    }
    const verdict = strictest(verdicts);
    this.#types.set(oid, verdict);
    return verdict;
  }

  /** Listings that open nothing: of no function, of another body, of a function that no listing opens. */
  listingProblems(): readonly ListingProblem[] {
    const functions = new Map(this.#catalog.data.functions.map((fn) => [signatureOf(fn), fn]));
    const problems: ListingProblem[] = [];
    for (const { signature } of this.#listings.values()) {
      const fn = functions.get(signature);
      const verdict = fn === undefined ? denied("the database has no such function") : this.judge(fn.oid);
      if (verdict.kind === "denied") problems.push({ signature, message: verdict.why });
    }
    return problems;
  }

  #judge(fn: CatalogFunction): FunctionVerdict {
    if (fn.builtIn && OWN_LANGUAGES.has(fn.language)) return this.#judgeBuiltIn(fn);
    if (fn.language === "c" && EXTENSIONS.has(fn.name, fn.name)) {
      return denied("it reaches beyond the database or runs SQL that is text, and no listing opens it");
    }
    return this.#listed(fn) ?? judgeUnlisted(fn);
  }

  #judgeBuiltIn(fn: CatalogFunction): FunctionVerdict {
    const typed = typedName(fn, this.#catalog);
    if (FREE_NAMES.has(typed, typed)) return FREE;
    for (const { names, why, listable } of CLASSES) {
      if (!names.has(fn.name, typed)) continue;
      if (!listable) return denied(`${why}; no listing opens it`);
      return this.#listed(fn) ?? denied(`${why}; it is not listed in functions.yaml`);
    }
    if (this.#isInternal(fn)) return denied("only the server itself calls it");
    if (CALL_NAMES.has(fn.name, typed)) return CALL;
    if (fn.volatility === "v")
      return denied("it may change something, and is not among those that are known to be harmless");
    return FREE;
  }

  #isInternal(fn: CatalogFunction): boolean {
    const taken = fn.argumentTypes.map((oid) => this.#catalog.type(oid)?.name ?? "internal");
    return [fn.returns, ...taken].some((name) => INTERNAL_TYPES.has(name));
  }

  #listed(fn: CatalogFunction): FunctionVerdict | undefined {
    const listing = this.#listings.get(signatureOf(fn));
    if (listing === undefined) return undefined;
    if (listing.bodyHash === fn.bodyHash) return CALL;
    return denied(`its body has changed since it was listed: listed ${listing.bodyHash}, now ${fn.bodyHash}`);
  }

  /** Verdicts on what a type runs of its own; the types that it is made of go to `open`. */
  #codeOf(type: CatalogType, open: number[]): readonly FunctionVerdict[] {
    if (type.base !== undefined) open.push(type.base);
    if (type.element !== undefined) open.push(type.element);
    switch (type.kind) {
      case "d":
        return this.#checks(type, open);
      case "c":
        return this.#columns(type, open);
      case "b":
        return type.element === undefined ? this.#forms(type) : [];
      case "e":
      case "p":
      case "r":
      case "m":
        return [];
    }
  }

  #checks({ checks }: CatalogType, open: number[]): readonly FunctionVerdict[] {
    open.push(...checks.flatMap(({ types }) => types));
    return checks.flatMap(({ functions, operators }) => [
      ...functions.map((oid) => this.judge(oid)),
      ...operators.map((oid) => this.judgeOperator(oid)),
    ]);
  }

  #columns({ relation, schema, name }: CatalogType, open: number[]): readonly FunctionVerdict[] {
    const found = relation === undefined ? undefined : this.#catalog.relation(relation);
    if (found === undefined) return [denied(`the catalog does not have the columns of ${schema}.${name}`)];
    open.push(...found.columns.map(({ type }) => type));
    return [];
  }

  /** Forms of the server's own types are its own; array_in and its like, which no statement may call, are among them. */
  #forms({ input, output, receive, send }: CatalogType): readonly FunctionVerdict[] {
    return [input, output, receive, send]
      .filter((oid) => oid !== 0 && this.#catalog.function(oid)?.builtIn !== true)
      .map((oid) => this.judge(oid));
  }
}

/** A user's function that no listing names. */
function judgeUnlisted(fn: CatalogFunction): FunctionVerdict {
  const not = "and it is not listed in functions.yaml";
  if (fn.securityDefiner) return denied(`it runs with the rights of its owner, ${not}`);
  if (fn.kind === "a" || fn.kind === "w") return denied(`what an aggregate runs is not shown, ${not}`);
  if (fn.language !== "sql") return denied(`what it runs in ${fn.language} is not shown, ${not}`);
  // Under client_min_messages or debug_print_rewritten of its own it would run unseen.
  if (fn.configured) return denied(`it runs under settings of its own, ${not}`);
  if (fn.hasDefaults) return denied(`what its default arguments run is not shown, ${not}`);
  // The planner puts a body of one value in place of the call without printing its tree (optimizer/util/clauses.c,
  // inline_function). Sets and procedures print theirs, and are judged by them.
  const prints = fn.kind === "p" || /^(SETOF |TABLE\()/.test(fn.returns);
  return prints ? CALL : denied(`the server may put its body in place of the call without showing it, ${not}`);
}

function strictest(verdicts: readonly FunctionVerdict[]): FunctionVerdict {
  return verdicts.find(({ kind }) => kind === "denied") ?? verdicts.find(({ kind }) => kind === "call") ?? FREE;
}

function denied(why: string): FunctionVerdict {
  return { kind: "denied", why };
}
