/**
 * Entities that a policy writes out. Cedar is given the principal, the action and the resource of the request and no others, so a
 * policy may compare with a written-out entity but not ask about one: `Database::"shop" in Environment::"prod"` would be false.
 */

import type { PolicyJson } from "@cedar-policy/cedar-wasm/nodejs";
import type { EntityId } from "./entities.ts";

/** Operators that ask about what stands on their left. */
const ASKING = ["in", "is", ".", "has", "getTag", "hasTag"];

/** Whether a condition asks about a written-out entity. */
export function asksAboutLiteral({ conditions }: PolicyJson): boolean {
  const asks = (node: unknown): boolean => {
    if (typeof node !== "object" || node === null) return false;
    return Object.entries(node).some(([key, value]: [string, unknown]) => {
      const left = ASKING.includes(key) && typeof value === "object" && value !== null && "left" in value;
      return (left && entitiesIn(value.left).length > 0) || asks(value);
    });
  };
  return asks(conditions);
}

/** Every entity that the scope and the conditions of a policy write out, actions too. */
export function literalsOf({ principal, action, resource, conditions }: PolicyJson): readonly EntityId[] {
  return entitiesIn([principal, action, resource, conditions]);
}

function entitiesIn(node: unknown): readonly EntityId[] {
  if (typeof node !== "object" || node === null) return [];
  const { type, id }: { readonly type?: unknown; readonly id?: unknown } = node;
  if (typeof type === "string" && typeof id === "string") return [{ type, id }];
  return Object.values(node).flatMap(entitiesIn);
}

/** Every string of a condition: approvals are asked for by their group's name. */
export function stringsOf(node: unknown): readonly string[] {
  if (typeof node === "string") return [node];
  if (typeof node !== "object" || node === null) return [];
  return Object.values(node).flatMap(stringsOf);
}
