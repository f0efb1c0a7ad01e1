/**
 * From what the server's tree touches to what policy is asked: OIDs get their names, functions their verdict. What is not in
 * the catalog is not guessed: the caller loads it anew and asks again. Decides nothing that policy may decide.
 */

import { GatewayError } from "../base/errors.ts";
import type { Catalog, CatalogRelation } from "./catalog.ts";
import type { FunctionRules, FunctionVerdict } from "./functions.ts";
import type { RelationTouch, TreeFacts } from "./query-tree/tree-facts.ts";
import type { PolicyRequest, PolicyResource } from "./requests.ts";
import { policySchema } from "./session-names.ts";
import { deniedRelation } from "./system-relations.ts";

/** What a statement asks of policy, and what it runs besides the server's own code. */
export interface StatementRequests {
  readonly requests: readonly PolicyRequest[];
  /** No policy may permit it: what is to be told. */
  readonly refusal: GatewayError | null;
  /** It runs functions that may run SQL of their own; their trees come while it runs. */
  readonly callsFunctions: boolean;
  /** It writes to a relation with triggers, whose SQL is the owner's. */
  readonly firesTriggers: boolean;
}

/** The catalog does not know an OID of the tree: it is older than the tree, or the object is gone. */
export class CatalogTooOld extends GatewayError {
  constructor(what: string, oid: number) {
    super("CANNOT_JUDGE", `the statement touches ${what} ${oid}, which the catalog does not know`, {
      detail: "It may have been made in this transaction, which others cannot see yet.",
      hint: "Commit what was made before it is used.",
    });
  }
}

/** @throws {CatalogTooOld} */
export function treeRequests(facts: TreeFacts, catalog: Catalog, rules: FunctionRules): StatementRequests {
  const requests: PolicyRequest[] = [];
  let firesTriggers = false;
  for (const touch of facts.relations) {
    const relation = relationOf(touch.oid, catalog);
    if (touch.action !== "select" && (relation.hasTriggers || relation.hasRules)) firesTriggers = true;
    const refusal = refusedRelation(touch, relation, catalog);
    if (refusal !== null) return refused(refusal);
    if (catalog.isBuiltIn(relation.schema)) continue; // free to read, and never written by the above
    requests.push(relationRequest(touch, relation, facts, catalog));
  }
  if (facts.locksRows) requests.push(...lockedRows(facts, catalog));
  requests.push(...foreignSequences(facts, catalog));
  for (const schema of facts.createsIn) {
    if (catalog.isBuiltIn(schema)) return refused(unchangeable(schema));
    requests.push(createdIn(schema, catalog));
  }
  const called = functionRequests(facts, catalog, rules);
  if (called instanceof GatewayError) return refused(called);
  return {
    requests: [...requests, ...called],
    refusal: null,
    callsFunctions: called.length > 0,
    firesTriggers,
  };
}

/**
 * Sequences that defaults take numbers from. One of a column that the statement writes to is part of the write, as that of an
 * identity column is; any other serves others too, and the server asks for the privilege to update it.
 */
function foreignSequences(facts: TreeFacts, catalog: Catalog): readonly PolicyRequest[] {
  const written = facts.relations.filter(({ action }) => action === "insert" || action === "update");
  const own = new Set(written.flatMap(({ oid }) => withParents(oid, catalog)));
  return facts.defaultSequences
    .map((oid) => relationOf(oid, catalog))
    .filter(({ ownedBy }) => ownedBy === undefined || !own.has(ownedBy))
    .map((relation) => ({ action: "update", resource: tableResource(relation, catalog) }));
}

/** As utility-requests.ts asks for it. A schema that is not there is asked for as part of the database. */
function createdIn(schema: string, catalog: Catalog): PolicyRequest {
  const { database } = catalog;
  if (catalog.schema(schema) === undefined) return { action: "create", resource: { kind: "database", database } };
  return { action: "create", resource: { kind: "schema", database, schema } };
}

function unchangeable(schema: string): GatewayError {
  return new GatewayError("STATEMENT_DENIED", `${schema} cannot be changed through Postern`, {
    detail: "Why: it is part of the server's own catalog.",
    hint: "Leave it out.",
  });
}

/** A partition or child takes over the default of its parent. */
function withParents(oid: number, catalog: Catalog): readonly number[] {
  const found = new Set([oid]);
  for (const one of found) for (const parent of catalog.relation(one)?.parents ?? []) found.add(parent);
  return [...found];
}

/** FOR UPDATE and its like: the server asks for the privilege to update (PostgreSQL 18 docs, sql-select, "The Locking Clause"). */
function lockedRows(facts: TreeFacts, catalog: Catalog): readonly PolicyRequest[] {
  return facts.relations
    .filter(({ action, through }) => action === "select" && through.length === 0)
    .map(({ oid }) => relationOf(oid, catalog))
    .filter(({ schema }) => !catalog.isBuiltIn(schema))
    .map((relation) => ({ action: "update", resource: tableResource(relation, catalog) }));
}

function refused(refusal: GatewayError): StatementRequests {
  return { requests: [], refusal, callsFunctions: false, firesTriggers: false };
}

function relationOf(oid: number, catalog: Catalog): CatalogRelation {
  const relation = catalog.relation(oid);
  if (relation === undefined) throw new CatalogTooOld("relation", oid);
  return relation;
}

function refusedRelation(touch: RelationTouch, relation: CatalogRelation, catalog: Catalog): GatewayError | null {
  const builtIn = catalog.isBuiltIn(relation.schema);
  const name = `${relation.schema}.${relation.name}`;
  if (builtIn && touch.action !== "select") {
    return new GatewayError("STATEMENT_DENIED", `${name} cannot be written through Postern`, {
      detail: "Why: it is the server's own catalog.",
      hint: "Leave it out.",
    });
  }
  // What the server's own views read is theirs to show: pg_roles shows pg_authid without its passwords.
  if (touch.through.some((oid) => catalog.isBuiltIn(catalog.relation(oid)?.schema ?? ""))) return null;
  const why = deniedRelation(relation.schema, relation.name, columnNames(touch, relation));
  if (why === null) return null;
  return new GatewayError("STATEMENT_DENIED", `${name} cannot be read through Postern`, {
    detail: `Why: ${why}.`,
    hint: "Leave it out.",
  });
}

function relationRequest(
  touch: RelationTouch,
  relation: CatalogRelation,
  facts: TreeFacts,
  catalog: Catalog,
): PolicyRequest {
  const resource = tableResource(relation, catalog);
  const views = touch.through.map((oid) => relationOf(oid, catalog));
  const columns = columnNames(touch, relation);
  return {
    action: touch.action,
    resource,
    ...(columns.length === 0 ? {} : { columns }),
    ...(views.length === 0 ? {} : { through: views.map((view) => `${view.schema}.${view.name}`) }),
    // Only reading: a permit to write to a view is asked for the view and for the table behind it.
    ...(touch.action === "select" ? alternatives(touch, views, facts, catalog) : {}),
  };
}

/** A view needs a permit on itself or on all of its leaves, a leaf on itself or on a view that it was reached through. */
function alternatives(
  touch: RelationTouch,
  views: readonly CatalogRelation[],
  facts: TreeFacts,
  catalog: Catalog,
): Pick<PolicyRequest, "orElse" | "orElseAll"> {
  const through = views.filter((view) => !catalog.isBuiltIn(view.schema)).map((view) => tableResource(view, catalog));
  const leaves = facts.relations
    .filter((other) => other.action === "select" && other.through.includes(touch.oid))
    .map((other) => relationOf(other.oid, catalog))
    .filter((leaf) => leaf.kind !== "v" && !catalog.isBuiltIn(leaf.schema));
  return {
    ...(through.length === 0 ? {} : { orElse: through }),
    ...(leaves.length === 0 ? {} : { orElseAll: leaves.map((leaf) => tableResource(leaf, catalog)) }),
  };
}

/** System columns have negative numbers and no labels; 0 is the whole row. */
function columnNames(touch: RelationTouch, relation: CatalogRelation): string[] {
  const names = touch.columns.map((number) => {
    if (number === 0) return "*";
    return relation.columns.find((column) => column.number === number)?.name;
  });
  return names.filter((name) => name !== undefined);
}

export function tableResource(relation: CatalogRelation, catalog: Catalog): PolicyResource {
  const { schema, name, kind } = relation;
  return { kind: "table", database: catalog.database, schema: policySchema(schema), name, relationKind: kind };
}

function functionRequests(
  facts: TreeFacts,
  catalog: Catalog,
  rules: FunctionRules,
): readonly PolicyRequest[] | GatewayError {
  const called = new Map<number, FunctionVerdict>();
  for (const oid of facts.functions) if (!rules.makesMasks(oid)) called.set(oid, rules.judge(oid));
  for (const oid of facts.operators) {
    const behind = catalog.operator(oid)?.function;
    if (behind === undefined) throw new CatalogTooOld("operator", oid);
    called.set(behind, rules.judgeOperator(oid));
  }
  const requests: PolicyRequest[] = [];
  for (const [oid, verdict] of called) {
    const found = catalog.function(oid);
    if (found === undefined) throw new CatalogTooOld("function", oid);
    const { schema, name } = found;
    if (verdict.kind === "free") continue;
    const signature = `${name}(${found.arguments})`;
    if (verdict.kind === "denied") return refusedFunction(`function ${schema}.${signature}`, verdict.why);
    requests.push({
      action: "call",
      resource: { kind: "function", database: catalog.database, schema, name, signature },
    });
  }
  for (const oid of facts.types) {
    const type = catalog.type(oid);
    if (type === undefined) throw new CatalogTooOld("type", oid);
    const verdict = rules.judgeType(oid);
    if (verdict.kind === "denied") return refusedFunction(`type ${type.schema}.${type.name}`, verdict.why);
    if (verdict.kind === "call") {
      const { schema, name } = type;
      const resource = { kind: "function", database: catalog.database, schema, name, signature: name } as const;
      requests.push({ action: "call", resource });
    }
  }
  return requests;
}

function refusedFunction(what: string, why: string): GatewayError {
  return new GatewayError("STATEMENT_DENIED", `${what} cannot be used through Postern`, {
    detail: `Why: ${why}.`,
    hint: "Leave it out, or have the operator list it in the policy folder's functions.yaml where that is possible.",
  });
}
