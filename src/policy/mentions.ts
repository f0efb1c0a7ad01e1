/**
 * What a set of policies can see at all. What none of them mentions is not given to Cedar and not part of the key of a cached
 * decision: a decision does not change with the hour where no policy asks for it. Where in doubt: mentioned.
 */

import type { Expr, PolicyJson } from "@cedar-policy/cedar-wasm/nodejs";

export interface Mentions {
  /** Whether an attribute, a member of the context, a tag or an entity of this name may be asked for. */
  has(name: string): boolean;
  /** Whether single principals are named, beside their groups. */
  readonly principals: boolean;
  /** All tags: their names are not written out. */
  readonly allTags: boolean;
  /** An id that no policy mentions: entities that none names all go by it, and share their decisions. */
  readonly anonymous: string;
}

export function mentionsOf(policies: readonly PolicyJson[]): Mentions {
  const words = new Set<string>();
  const found = { everything: false, principals: false, allTags: false };
  const visit = (node: unknown): void => {
    if (typeof node === "string") words.add(node);
    if (Array.isArray(node)) for (const item of node) visit(item);
    else if (typeof node === "object" && node !== null) visitObject(node);
  };
  const visitObject = (node: object): void => {
    const entries = Object.entries(node);
    for (const [key, value] of entries) {
      words.add(key); // names of a record's members are keys
      if (key === "Var" && value === "context") found.everything = true; // as a whole: see below for its members
      if (key === "type" && (value === "Agent" || value === "Human")) found.principals = true;
      if ((key === "getTag" || key === "hasTag") && !hasLiteralName(value)) found.allTags = true;
      if ((key === "." || key === "has") && isMemberOfContext(value)) visit({ ...value, left: null });
      else visit(value);
    }
  };
  for (const { principal, action, resource, conditions } of policies) visit([principal, action, resource, conditions]);
  let anonymous = "?";
  while (words.has(anonymous)) anonymous += "?";
  const has = (name: string): boolean => found.everything || words.has(name);
  return { has, principals: found.principals, allTags: found.allTags, anonymous };
}

function isMemberOfContext(value: unknown): value is { readonly left: Expr } {
  if (typeof value !== "object" || value === null || !("left" in value)) return false;
  const { left } = value;
  return typeof left === "object" && left !== null && "Var" in left && left.Var === "context";
}

/** `principal.getTag("team")`. */
function hasLiteralName(value: unknown): boolean {
  if (typeof value !== "object" || value === null || !("right" in value)) return false;
  const { right } = value;
  return typeof right === "object" && right !== null && "Value" in right && typeof right.Value === "string";
}
