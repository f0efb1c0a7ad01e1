/**
 * Decides recorded statements again by candidate policies. Says so where the record does not hold what a policy asks about: it
 * never guesses. Reads nothing: see recorded.ts.
 */

import type { Catalog } from "../../analysis/catalog.ts";
import type { PolicyRequest, PolicyResource } from "../../analysis/requests.ts";
import { combine, type Decision } from "../../policy/decision.ts";
import type { PolicyContext, PolicyPrincipal, PolicySet } from "../../policy/policy-set.ts";
import { type RecordedStatement, verdictOf } from "./recorded.ts";

export type Verdict = Decision["verdict"];

export type Redecided =
  | { readonly before: Verdict; readonly after: Verdict; readonly policies: readonly string[]; readonly lacking: null }
  /** Why it could not be decided again. */
  | { readonly lacking: string };

export class Simulation {
  readonly #set: PolicySet;
  readonly #catalogs: ReadonlyMap<string, Catalog>;
  readonly #asked: string;
  readonly #principals = new Map<string, PolicyPrincipal>();

  /** @param catalogs by the database's name, for the kinds of relations and the views over them. */
  constructor(set: PolicySet, catalogs: ReadonlyMap<string, Catalog>) {
    this.#set = set;
    this.#catalogs = catalogs;
    this.#asked = JSON.stringify(set.policies.map(({ json }) => json.conditions));
  }

  decide(statement: RecordedStatement, groups: readonly string[]): Redecided {
    if (statement.lacking !== null) return { lacking: statement.lacking };
    return statement.groups === null ? this.#guarded(statement, groups) : this.#exactly(statement, groups);
  }

  /** As it was decided, but for the policies. */
  #exactly(statement: RecordedStatement, groups: readonly string[]): Redecided {
    if (this.#asksClaims) return { lacking: NO_CLAIMS };
    const principal = this.#principal(statement, groups);
    const base = contextOf(statement);
    const decisions = statement.requests.map((request) => {
      return this.#set.decide(principal, request, { ...base, ...request.context });
    });
    const { verdict, policies } = combine(decisions);
    return { before: verdictOf(statement.requests), after: verdict, policies, lacking: null };
  }

  /** Of an older entry: where what it does not say could make a difference, it is not decided. */
  #guarded(statement: RecordedStatement, groups: readonly string[]): Redecided {
    const catalog = this.#catalogs.get(statement.database);
    const missing = this.#notOnRecord(statement, catalog !== undefined);
    if (missing !== null) return { lacking: missing };
    const requests = withViews(statement, catalog);
    const principal = this.#principal(statement, groups);
    const [first, ...others] = contexts(statement).map((context) => {
      return requests.map((request) => this.#set.decide(principal, request, context));
    });
    const decisions = first ?? [];
    const { verdict, policies } = combine(decisions);
    if (others.some((other) => combine(other).verdict !== verdict)) {
      return { lacking: "it depends on a WHERE clause or an open transaction, which are not on record" };
    }
    if (catalog === undefined && mayBeByView(statement, decisions)) {
      return { lacking: "it may have been read through a view: give --catalog" };
    }
    return { before: verdictOf(statement.requests), after: verdict, policies, lacking: null };
  }

  get #asksClaims(): boolean {
    return this.#asked.includes('"getTag"') || this.#asked.includes('"hasTag"');
  }

  #notOnRecord({ requests }: RecordedStatement, hasCatalog: boolean): string | null {
    const asks = (attribute: string): boolean => this.#asked.includes(`"attr":"${attribute}"`);
    const acts = (action: string): boolean => requests.some((request) => request.action === action);
    if (acts("set") && asks("setting")) return "policies ask about the setting, which is not on record";
    if ((acts("listen") || acts("notify")) && asks("channel"))
      return "policies ask about the channel, which is not on record";
    if (this.#asksClaims) return NO_CLAIMS;
    if (!hasCatalog && asks("kind")) return "policies ask about the kind of a relation: give --catalog";
    return null;
  }

  #principal({ id, kind, issuer, subject, actor }: RecordedStatement, groups: readonly string[]): PolicyPrincipal {
    const key = JSON.stringify([id, groups]);
    const known = this.#principals.get(key);
    if (known !== undefined) return known;
    const principal = { id, kind, issuer, subject, groups, claims: {}, ...(actor === undefined ? {} : { actor }) };
    this.#principals.set(key, principal);
    return principal;
  }
}

const NO_CLAIMS = "policies ask about claims, which are not on record";

/** What the entry says of the statement as a whole. */
function contextOf({ timeMs, via, clientAddress, actor, subject }: RecordedStatement) {
  const at = new Date(timeMs);
  return {
    ...{ approvedBy: [], via, clientAddress, hour: at.getUTCHours(), weekday: at.getUTCDay() },
    ...(actor === undefined ? {} : { onBehalfOf: subject }),
  };
}

/** Every way in which what is not on record may have been. */
function contexts(statement: RecordedStatement): readonly PolicyContext[] {
  const { requests } = statement;
  const context = contextOf(statement);
  const changes = requests.some(({ action }) => action === "update" || action === "delete");
  const conditions = changes
    ? [[true, false] as const, [true, true] as const, [false, true] as const]
    : [[true, false] as const];
  return [false, true].flatMap((inTransaction) =>
    conditions.map(([hasWhere, matchesAll]) => ({ ...context, inTransaction, hasWhere, matchesAll })),
  );
}

/** Recorded as permitted and now denied for want of a permit, beside another that may be read: one may have been the view over the other. */
function mayBeByView({ requests }: RecordedStatement, decisions: readonly Decision[]): boolean {
  const reads = requests.flatMap(({ action, decision }, index) => {
    const now = decisions[index];
    return action === "select" && now !== undefined ? [{ before: decision, now }] : [];
  });
  const wanting = reads.some(
    ({ before, now }) => before === "permit" && now.verdict === "deny" && now.policies.length === 0,
  );
  return wanting && reads.some(({ now }) => now.verdict !== "deny");
}

/** The recorded requests, with what the catalog knows of views: which of them are, and what lies below them. */
function withViews({ requests }: RecordedStatement, catalog: Catalog | undefined): readonly PolicyRequest[] {
  if (catalog === undefined) return requests.map(({ action, resource }) => ({ action, resource }));
  const resources = requests.map(({ resource }) => kindly(resource, catalog));
  const read = resources.filter((_, index) => requests[index]?.action === "select");
  return requests.map(({ action }, index) => {
    const resource = resources[index] ?? kindly(requests[0]?.resource ?? { kind: "label", name: "" }, catalog);
    if (action !== "select") return { action, resource };
    const below = leavesOf(resource, catalog);
    const orElse = read.filter((view) => view !== resource && contains(leavesOf(view, catalog), resource, catalog));
    const orElseAll = read.filter((leaf) => leaf !== resource && contains(below, leaf, catalog));
    return {
      action,
      resource,
      ...(orElse.length === 0 ? {} : { orElse }),
      ...(orElseAll.length === 0 ? {} : { orElseAll }),
    };
  });
}

function kindly(resource: PolicyResource, catalog: Catalog): PolicyResource {
  if (resource.kind !== "table") return resource;
  const relationKind = catalog.relationByName(resource.schema, resource.name)?.kind;
  return relationKind === undefined ? resource : { ...resource, relationKind };
}

/** OIDs of what a view reads; none for what is no view. */
function leavesOf(resource: PolicyResource, catalog: Catalog): readonly number[] {
  if (resource.kind !== "table") return [];
  const relation = catalog.relationByName(resource.schema, resource.name);
  return relation?.kind === "v" ? catalog.leaves(relation.oid) : [];
}

function contains(oids: readonly number[], resource: PolicyResource, catalog: Catalog): boolean {
  if (resource.kind !== "table") return false;
  const oid = catalog.relationByName(resource.schema, resource.name)?.oid;
  return oid !== undefined && oids.includes(oid);
}
