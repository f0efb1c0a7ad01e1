/**
 * From what a utility statement names to what policy is asked: names are looked up in the catalog, along the session's search path. A
 * name that is not found is asked for at the level above it, so that nothing is permitted by not being known. Decides nothing that
 * policy may decide.
 */

import { GatewayError } from "../base/errors.ts";
import type { Catalog, CatalogFunction, CatalogRelation } from "./catalog.ts";
import { FunctionRules } from "./functions.ts";
import { MAX_TARGETS, type ParsedStatement, TARGET_KINDS, type UtilityTarget } from "./parsed-statement.ts";
import type { PolicyRequest, PolicyResource } from "./requests.ts";
import { type FoundFunction, isTemporary, policySchema, type SessionNames } from "./session-names.ts";
import { deniedRelation } from "./system-relations.ts";
import { CatalogTooOld } from "./tree-requests.ts";

/** What names are looked up with. */
interface Scope {
  readonly statement: ParsedStatement;
  readonly catalog: Catalog;
  readonly searchPath: readonly string[];
  readonly database: string;
  readonly rules: FunctionRules;
  /** Null: nobody was asked, and the catalog alone says what names mean. */
  readonly names: SessionNames | null;
}

/**
 * Requests beside those of the query inside; none for a statement whose own tree tells (`optimisable`), nor for one of the session.
 * Overloads of a function are not told apart: one request for each.
 *
 * @param searchPath schemas in their order, as current_schemas(true) gives them. @param rules with the operator's listings; without it nothing is listed.
 * @param names what the session's own connection has said of the names; where it was asked, that is believed before the catalog.
 * @throws {GatewayError} CANNOT_JUDGE for a statement that is not known well enough, STATEMENT_DENIED for what no policy may permit.
 * @throws {CatalogTooOld} where a name means something that the catalog does not know, or knows otherwise.
 */
export function utilityRequests(
  statement: ParsedStatement,
  catalog: Catalog,
  searchPath: readonly string[],
  database: string,
  rules: FunctionRules = withoutListings(catalog),
  names: SessionNames | null = null,
): readonly PolicyRequest[] {
  if (statement.optimisable) return [];
  const { targets } = statement;
  if (targets === undefined) throw undecided(statement);
  const scope: Scope = { statement, catalog, searchPath, database, rules, names };
  const requests = targets.flatMap((target) => requestsOf(target, scope));
  // By SET the target itself says it.
  const settings = (statement.settingWrites ?? []).filter(({ by }) => by === "clause");
  for (const { name } of settings)
    requests.push({ ...onDatabase("set", scope), ...(name === null ? {} : { setting: name }) });
  return requests.length < 2 ? requests : unique(requests);
}

function undecided({ undecided: why, node }: ParsedStatement): GatewayError {
  if (why === "selectInto") {
    return new GatewayError("CANNOT_JUDGE", "SELECT INTO cannot be judged", { hint: "Use CREATE TABLE … AS SELECT …" });
  }
  if (why === "many") {
    return new GatewayError("STATEMENT_OVER_LIMIT", `the statement names more than ${MAX_TARGETS} things`, {
      hint: "Split it into smaller statements.",
    });
  }
  if (why === "inner") {
    return new GatewayError("CANNOT_JUDGE", "the query inside the statement cannot be told from its text", {
      detail: `Statement: ${node}.`,
      hint:
        node === "ViewStmt" ? "Use CREATE VIEW … AS WITH RECURSIVE …" : "Write the query plainly, or send it alone.",
    });
  }
  return new GatewayError("CANNOT_JUDGE", "this form of the statement cannot be judged", {
    detail: `Statement: ${node}.`,
    hint: node === "CreateSchemaStmt" ? "Create the schema first, then what is in it." : "Use a plainer form of it.",
  });
}

/** By what they say, not by which they are. */
function unique(requests: readonly PolicyRequest[]): readonly PolicyRequest[] {
  return [...new Map(requests.map((request) => [JSON.stringify(request), request])).values()];
}

function requestsOf(target: UtilityTarget, scope: Scope): readonly PolicyRequest[] {
  const { action, object, kind } = target;
  if (object === "database") return [ofDatabase(target, scope)];
  if (object === "schema") return [onSchema(action, target.name[0], scope)];
  if (kind === TARGET_KINDS.expression) return ofExpression(target, scope);
  if (kind === TARGET_KINDS.replaced) return ofReplaced(target, scope);
  if (action === "create" && kind !== TARGET_KINDS.onTable) return [ofCreated(target, scope)];
  if (object === "relation") return ofRelation(target, scope);
  if (object === "function") return ofFunctions(target, scope);
  return [ofNamed(target, scope)];
}

function onDatabase(action: PolicyRequest["action"], { database }: Scope): PolicyRequest {
  return { action, resource: { kind: "database", database } };
}

function ofDatabase({ action }: UtilityTarget, scope: Scope): PolicyRequest {
  const request = onDatabase(action, scope);
  const { setting, channel } = scope.statement;
  if (action === "set") return setting?.name === undefined ? request : { ...request, setting: setting.name };
  if (action !== "listen" && action !== "notify") return request;
  return channel === undefined ? request : { ...request, channel };
}

/** A schema that is not there is asked for as part of the database. */
function onSchema(action: UtilityTarget["action"], name: string | undefined, scope: Scope): PolicyRequest {
  if (name === undefined) return onDatabase(action, scope);
  if (scope.catalog.isBuiltIn(name) && CHANGES.has(action)) throw systemObject(name);
  const known = isTemporary(name) || scope.catalog.schema(name) !== undefined;
  if (!known) return onDatabase(action, scope);
  return { action, resource: { kind: "schema", database: scope.database, schema: name } };
}

/** In the schema that it names, or where the server would put it: the first of the path that is not there of itself. */
function ofCreated({ action, name }: UtilityTarget, scope: Scope): PolicyRequest {
  return onSchema(action, creationSchema(name, scope), scope);
}

function creationSchema(name: readonly string[], scope: Scope): string | undefined {
  if (name.length > 1) return name[0];
  return pathOf(scope).find((schema) => schema !== "pg_catalog" && !isTemporary(schema));
}

/** The server lists those that are there and may be used, also one that was made a moment ago. */
function pathOf({ names, searchPath, catalog }: Scope): readonly string[] {
  return names === null ? catalog.effectivePath(searchPath) : names.path;
}

/**
 * A name with a schema means whatever has that name when the statement runs. Another session may rename it in between, and policy, which
 * knows names alone, would then say the same.
 */
function relationOf(target: UtilityTarget, scope: Scope): Meant | undefined {
  const { catalog, names, searchPath } = scope;
  const found = names?.relation(target);
  if (found === null) return undefined;
  if (found === undefined) {
    if (target.kind !== TARGET_KINDS.replaced) return catalog.resolveRelation(target.name, searchPath);
    return catalog.relationByName(creationSchema(target.name, scope) ?? "", target.name.at(-1) ?? "");
  }
  const { oid, schema, name, kind } = found;
  if (schema !== null && name !== null && kind !== null) return { schema, name, kind };
  const known = catalog.relation(oid);
  if (known === undefined) throw new CatalogTooOld("relation", oid);
  return known;
}

type Meant = Pick<CatalogRelation, "schema" | "name" | "kind">;

interface Overloads {
  readonly known: readonly CatalogFunction[];
  /** Schemas of those that the catalog does not have. */
  readonly unknown: readonly string[];
}

/** Those of the catalog and those that the session has found: one that it has dropped may be among them, and is asked for in vain. */
function functionsOf(target: UtilityTarget, scope: Scope): Overloads {
  const { catalog, names, searchPath } = scope;
  const known = new Map(catalog.resolveFunctions(target.name, searchPath).map((each) => [each.oid, each]));
  const unknown: string[] = [];
  for (const found of names?.functions(target.name) ?? []) {
    const other = catalog.function(found.oid);
    if (target.action === "call") refuseChanged(found, other);
    if (other === undefined) unknown.push(found.schema);
    else known.set(other.oid, other);
  }
  return { known: [...known.values()], unknown };
}

/** Of what is called: one that the catalog does not have in this very form is in nobody's listing. */
function refuseChanged({ oid, hash }: FoundFunction, known: CatalogFunction | undefined): void {
  if (known !== undefined && (known.builtIn || known.kind === "a" || known.bodyHash === hash)) return;
  throw new CatalogTooOld("function", oid);
}

function ofReplaced(target: UtilityTarget, scope: Scope): readonly PolicyRequest[] {
  const schema = creationSchema(target.name, scope);
  const name = target.name.at(-1);
  if (schema === undefined || name === undefined) return [];
  if (target.object === "relation") {
    const found = relationOf(target, scope);
    return found === undefined ? [] : [onRelation(target, found, scope)];
  }
  if (target.object !== "function") return [];
  return scope.catalog.functionsByName(schema, name).map((found) => onFunction("alter", found, scope));
}

/** Actions by which something is no longer what it was. */
const CHANGES: ReadonlySet<string> = new Set(["truncate", "copyIn", "create", "alter", "drop", "grant", "comment"]);

function ofRelation(target: UtilityTarget, scope: Scope): readonly PolicyRequest[] {
  const { action, name } = target;
  const [schema] = name;
  // Which of a session's temporary relations there are, the catalog does not know: all are in their schema.
  if (name.length > 1 && schema !== undefined && isTemporary(schema)) return [onSchema(action, schema, scope)];
  const found = relationOf(target, scope);
  if (found === undefined) return [onDatabase(action, scope)];
  const builtIn = scope.catalog.isBuiltIn(found.schema);
  if (builtIn && CHANGES.has(action)) throw systemObject(`${found.schema}.${found.name}`);
  const reads = action === "copyOut" || action === "select";
  if (reads) refuseUnreadable(found, target.columns);
  return builtIn && reads ? [] : [onRelation(target, found, scope)]; // free to read, as by SELECT
}

function refuseUnreadable({ schema, name }: Meant, columns: readonly string[] | undefined): void {
  const why = deniedRelation(schema, name, columns);
  if (why === null) return;
  throw new GatewayError("STATEMENT_DENIED", `${schema}.${name} cannot be read through Postern`, {
    detail: `Why: ${why}.`,
    hint: "Leave it out.",
  });
}

function systemObject(name: string): GatewayError {
  return new GatewayError("STATEMENT_DENIED", `${name} cannot be changed through Postern`, {
    detail: "Why: it is part of the server's own catalog.",
    hint: "Leave it out; if one of your own is meant, write its schema before its name.",
  });
}

function onRelation({ action, columns }: UtilityTarget, found: Meant, scope: Scope): PolicyRequest {
  const { name, kind } = found;
  const schema = policySchema(found.schema);
  const resource = { kind: "table", database: scope.database, schema, name, relationKind: kind } as const;
  return { action, resource, ...(columns === undefined ? {} : { columns }) };
}

function ofFunctions(target: UtilityTarget, scope: Scope): readonly PolicyRequest[] {
  const { action } = target;
  const { known: found, unknown } = functionsOf(target, scope);
  // One that the agent has just made would be taken for the owner's.
  if (found.length === 0 && target.kind === TARGET_KINDS.trigger)
    throw deniedCall(`function ${target.name.join(".")}`, "it is not known, or was made in this transaction");
  if (found.length + unknown.length === 0) return [onDatabase(action, scope)];
  const own = unknown.map((schema) => onSchema(action, schema, scope));
  const others = found.map((candidate) => {
    // What the server alone calls, no rule lets a statement call.
    // A trigger's SQL is taken for the owner's: who makes one must be let call what it runs.
    const onlyTrigger = target.kind === TARGET_KINDS.trigger && candidate.builtIn;
    if (action === "call" && !onlyTrigger) refuseDenied(candidate, scope);
    else if (CHANGES.has(action) && candidate.builtIn) throw systemObject(`${candidate.schema}.${candidate.name}`);
    return onFunction(action, candidate, scope);
  });
  return [...own, ...others];
}

function onFunction(action: UtilityTarget["action"], found: CatalogFunction, { database }: Scope): PolicyRequest {
  const { schema, name } = found;
  const signature = `${name}(${found.arguments})`;
  return { action, resource: { kind: "function", database, schema, name, signature } };
}

/** Of a type or another object of a schema. What has no catalog of its own here is as good as its schema, if it names one. */
function ofNamed({ action, object, name }: UtilityTarget, scope: Scope): PolicyRequest {
  if (name.length > 1) return onSchema(action, name[0], scope);
  const [bare] = name;
  if (object !== "type" || bare === undefined) return onDatabase(action, scope);
  return onSchema(action, schemaOfType(bare, scope), scope);
}

function schemaOfType(name: string, scope: Scope): string | undefined {
  const found = scope.names?.type(name);
  if (found !== undefined) return found?.schema;
  return pathOf(scope).find((schema) => scope.catalog.typeByName(schema, name) !== undefined);
}

/** What runs in the statement's own expressions: free functions are, others need `call`. */
function ofExpression(target: UtilityTarget, scope: Scope): readonly PolicyRequest[] {
  if (target.object === "type") return ofCast(target, scope);
  if (target.object === "operator") return ofOperator(target, scope);
  const { known: found } = functionsOf(target, scope);
  if (found.length === 0) return [onDatabase("call", scope)];
  return found
    .filter((candidate) => refuseDenied(candidate, scope) !== "free")
    .map((candidate) => onFunction("call", candidate, scope));
}

/** Which of its name the server takes depends on types that nobody here knows: each of the users' must be free. */
function ofOperator({ name }: UtilityTarget, { catalog, rules, names }: Scope): readonly PolicyRequest[] {
  for (const oid of names?.operators ?? [])
    if (catalog.operator(oid) === undefined) throw new CatalogTooOld("operator", oid);
  for (const operator of catalog.operatorsByName(name[0] ?? "")) {
    if (catalog.isBuiltIn(operator.schema) || rules.judgeOperator(operator.oid).kind === "free") continue;
    throw deniedCall(`operator ${operator.schema}.${operator.name}`, "its function is not known to be harmless");
  }
  return [];
}

function ofCast({ name }: UtilityTarget, scope: Scope): readonly PolicyRequest[] {
  const { catalog } = scope;
  const schema = name.length > 1 ? name[0] : schemaOfType(name[0] ?? "", scope);
  const type = schema === undefined ? undefined : catalog.typeByName(schema, name.at(-1) ?? "");
  if (type === undefined) return [onDatabase("call", scope)];
  // Checks may have been added to it that no catalog has.
  if (scope.names?.defining === true && !catalog.isBuiltIn(type.schema)) return [onDatabase("call", scope)];
  const verdict = scope.rules.judgeType(type.oid);
  if (verdict.kind === "free") return [];
  if (verdict.kind === "denied") throw deniedCall(`type ${type.schema}.${type.name}`, verdict.why);
  const resource: PolicyResource = {
    kind: "function",
    database: scope.database,
    schema: type.schema,
    name: type.name,
    signature: type.name,
  };
  return [{ action: "call", resource }];
}

/** @returns whether it is free. @throws {GatewayError} where nobody may call it. */
function refuseDenied(found: CatalogFunction, { rules }: Scope): "free" | "call" {
  const verdict = rules.judge(found.oid);
  if (verdict.kind !== "denied") return verdict.kind;
  throw deniedCall(`function ${found.schema}.${found.name}(${found.arguments})`, verdict.why);
}

function deniedCall(what: string, why: string): GatewayError {
  return new GatewayError("STATEMENT_DENIED", `${what} cannot be used through Postern`, {
    detail: `Why: ${why}.`,
    hint: "Leave it out, or have the operator list it in the policy folder's functions.yaml where that is possible.",
  });
}

const WITHOUT_LISTINGS = new WeakMap<Catalog, FunctionRules>();

function withoutListings(catalog: Catalog): FunctionRules {
  const known = WITHOUT_LISTINGS.get(catalog);
  if (known !== undefined) return known;
  const rules = new FunctionRules(catalog, []);
  WITHOUT_LISTINGS.set(catalog, rules);
  return rules;
}
