/**
 * Asks policy what a principal may know of a database: what it gives anything but a denial for, by any of reading, writing,
 * defining and calling. Each thing that policies can tell apart is asked about once: a thousand tables that none names cost one.
 */

import type { Catalog, CatalogRelation } from "../../analysis/catalog.ts";
import type { PolicyAction, PolicyRequest, PolicyResource } from "../../analysis/requests.ts";
import type { PolicyContext, PolicyPrincipal, PolicySet } from "../../policy/policy-set.ts";
import { VisibleObjects } from "./visible-objects.ts";

/** What is done to data and definitions; locks and maintenance show nothing by themselves. */
const ON_TABLES: readonly PolicyAction[] = [
  ...(["select", "copyOut", "insert", "update", "delete", "truncate", "copyIn", "writeLabelled"] as const),
  ...(["create", "alter", "drop", "grant", "comment"] as const),
];
/** What is permitted on all of a schema shows its functions too, though they can be neither read nor written. */
const ON_ANYTHING: readonly PolicyAction[] = [...ON_TABLES, "call"];

export interface VisibilityQuestion {
  readonly catalog: Catalog;
  readonly policies: PolicySet;
  readonly principal: PolicyPrincipal;
  /** Of the session. What only a statement decides (a condition, an open transaction) is asked both ways. */
  readonly context: PolicyContext;
  /** Names, on the server, of other databases that the principal may connect to. */
  readonly databases?: readonly string[];
}

/** What is visible now: for as long as catalog, policy version, principal and context are the same. */
export function decideVisible(question: VisibilityQuestion): VisibleObjects {
  const asker = new Asker(question);
  return new VisibleObjects(question.catalog, asker, question.databases);
}

class Asker {
  readonly #question: VisibilityQuestion;
  readonly #contexts: readonly PolicyContext[];
  readonly #answers = new Map<string, boolean>();
  readonly #onTables: readonly PolicyAction[];
  readonly #onAnything: readonly PolicyAction[];

  constructor(question: VisibilityQuestion) {
    const { policies, context } = question;
    this.#question = question;
    this.#contexts = policies.statementContexts(context);
    this.#onTables = policies.distinctActions(ON_TABLES);
    this.#onAnything = policies.distinctActions(ON_ANYTHING);
  }

  readonly schema = (name: string): boolean => {
    return this.#ask({ kind: "schema", database: this.#question.catalog.database, schema: name }, this.#onAnything, []);
  };

  readonly relation = (relation: CatalogRelation): boolean => {
    return this.#ask(this.#table(relation), this.#onTables, relation.kind === "v" ? this.#leaves(relation) : []);
  };

  readonly function = (oid: number): boolean => {
    const { catalog } = this.#question;
    const found = catalog.function(oid);
    if (found === undefined) return false;
    const { schema, name } = found;
    const signature = `${name}(${found.arguments})`;
    return this.#ask({ kind: "function", database: catalog.database, schema, name, signature }, this.#onAnything, []);
  };

  /** A permit on all of a view's leaves permits to read it. */
  #leaves({ oid }: CatalogRelation): readonly PolicyResource[] {
    const { catalog } = this.#question;
    const leaves = catalog.leaves(oid).map((leaf) => catalog.relation(leaf));
    return leaves
      .filter((leaf) => leaf !== undefined)
      .filter(({ schema }) => !catalog.isBuiltIn(schema))
      .map((leaf) => this.#table(leaf));
  }

  #table({ schema, name, kind }: CatalogRelation): PolicyResource {
    return { kind: "table", database: this.#question.catalog.database, schema, name, relationKind: kind };
  }

  #ask(resource: PolicyResource, actions: readonly PolicyAction[], leaves: readonly PolicyResource[]): boolean {
    const { policies, principal } = this.#question;
    const key = [resource, ...leaves].map((one) => policies.resourceKey(one)).join(" ");
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const requests = actions.map((action): PolicyRequest => {
      return action === "select" && leaves.length > 0 ? { action, resource, orElseAll: leaves } : { action, resource };
    });
    const answer = policies.allowsAny(principal, requests, this.#contexts);
    this.#answers.set(key, answer);
    return answer;
  }
}
