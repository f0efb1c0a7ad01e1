/** Finds the forbid without a condition that covers all that a permit permits. Sound, not complete: what it does not see through it lets be. */

import type { EntityUidJson, PolicyJson } from "@cedar-policy/cedar-wasm/nodejs";
import type { Databases, EntityId } from "./entities.ts";
import { canonicalEntity } from "./entity-names.ts";
import type { PolicyInfo } from "./policy-info.ts";
import { ACTIONS } from "./schema.ts";

export function shadowedBy(
  permit: PolicyInfo,
  policies: readonly PolicyInfo[],
  databases: Databases,
): PolicyInfo | undefined {
  return policies.find(
    ({ effect, json }) =>
      effect === "forbid" &&
      json.conditions.length === 0 &&
      coversPrincipals(json.principal, permit.json.principal) &&
      coversActions(json.action, permit.json.action) &&
      coversResources(json.resource, permit.json.resource, databases),
  );
}

function coversPrincipals(forbid: PolicyJson["principal"], permit: PolicyJson["principal"]): boolean {
  if (forbid.op === "All" || same(forbid, permit)) return true;
  if (forbid.op === "is" && forbid.in === undefined) return typeOf(permit) === forbid.entity_type;
  return forbid.op === "in" && permit.op === "is" && same(forbid, { op: "in", ...permit.in });
}

function coversActions(forbid: PolicyJson["action"], permit: PolicyJson["action"]): boolean {
  const forbidden = actionsOf(forbid);
  return actionsOf(permit).every((action) => forbidden.includes(action));
}

function actionsOf(scope: PolicyJson["action"]): readonly string[] {
  const all = Object.entries(ACTIONS);
  if (scope.op === "All") return all.map(([name]) => name);
  const uids = "entities" in scope ? scope.entities : "entity" in scope ? [scope.entity] : [];
  const ids = uids.map((uid) => uidOf(uid).id);
  return all
    .filter(([name, { group }]) => ids.includes(name) || (group !== undefined && ids.includes(group)))
    .map(([name]) => name);
}

function coversResources(
  forbid: PolicyJson["resource"],
  permit: PolicyJson["resource"],
  databases: Databases,
): boolean {
  if (forbid.op === "All" || same(forbid, permit)) return true;
  if (forbid.op === "is" && forbid.in === undefined) return typeOf(permit) === forbid.entity_type;
  const [outer, inner] = [entityOf(forbid), entityOf(permit)];
  if (forbid.op !== "in" || outer === undefined || inner === undefined) return false;
  if (same(outer, inner)) return true;
  const ancestors = canonicalEntity(inner, databases)?.ancestors ?? [];
  return ancestors.some((ancestor) => same(ancestor, outer));
}

/** The one type that a scope lets through; undefined: more than one may be. */
function typeOf(scope: PolicyJson["principal"]): string | undefined {
  if (scope.op === "is") return scope.entity_type;
  return scope.op === "==" ? entityOf(scope)?.type : undefined;
}

function entityOf(scope: PolicyJson["principal"]): EntityId | undefined {
  if (scope.op === "is") return scope.in === undefined || !("entity" in scope.in) ? undefined : uidOf(scope.in.entity);
  return "entity" in scope ? uidOf(scope.entity) : undefined;
}

function uidOf(uid: EntityUidJson): EntityId {
  return "__entity" in uid ? uid.__entity : uid;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
