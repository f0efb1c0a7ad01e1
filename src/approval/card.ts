/**
 * What is asked of a reviewer, and what an approval is bound to. The card is what people are shown; its hash says which. The binding
 * is everything that must be the same when the statement runs: a hash of canonical JSON. Computes only.
 */

import { createHash } from "node:crypto";
import type { PrincipalRecord, RequestRecord } from "../audit/entry.ts";
import { canonicalJson, type Json } from "../base/canonical-json.ts";
import type { Estimate } from "./estimate.ts";

/** A value that the client bound, as it came. */
export type BoundValue = {
  /** As Parse had it; 0: the server was to find it out. */
  readonly typeOid: number;
  /** `malformed`: text that is no UTF-8. */
  readonly format: "text" | "binary" | "malformed";
  /** Text as it is; of the others lower-case hexadecimal digits; null: NULL. */
  readonly value: string | null;
};

/** Of a request for approval: what people are shown. */
export type Card = {
  readonly id: string;
  readonly statement: string;
  readonly class: string;
  readonly parameters: readonly BoundValue[];
  readonly database: string;
  readonly environment: string;
  /** Upstream role, by its name in the configuration. */
  readonly role: string;
  readonly principal: PrincipalRecord;
  readonly session: string;
  readonly clientAddress: string;
  readonly applicationName: string | null;
  /** In the agent's own words: nobody has verified it. */
  readonly purpose: string | null;
  /** What it asks for, and what policy says of each. */
  readonly requests: readonly RequestRecord[];
  readonly policy: string | null;
  /** Why it is held, by the policies that hold it. */
  readonly reason: string;
  readonly approvers: readonly string[];
  readonly quorum: number;
  readonly maxRows: number | null;
  /** It can be approved for so many changed rows at most: the server's count has all that it changes itself. */
  readonly counted: boolean;
  /** What the server's planner expects; null: it was not asked, since planning would run code that nobody has approved, or cannot say. */
  readonly estimate: Estimate | null;
  readonly requestedAt: string;
  readonly expiresAt: string;
};

/** All that a retry must be equal in, and that may not change between what people read and what runs. */
export type Sameness = {
  /** SHA-256 of the statement's bytes as the client sent them. */
  readonly statement: string;
  readonly parameters: readonly BoundValue[];
  /** Formats in which results are asked for: they are part of what the client said. */
  readonly resultFormats: readonly number[];
  readonly database: string;
  readonly role: string;
  /** Id of the principal: subject and actors. */
  readonly principal: string;
  /** SHA-256 of what the server has shown that the statement does, with views and row security as they are; null: it shows nothing of it. */
  readonly tree: string | null;
  /** SHA-256 of what the server's catalogs and settings say of everything that it touches, and of the session. */
  readonly surroundings: string;
  readonly requests: readonly RequestRecord[];
  readonly policy: string | null;
  readonly maxRows: number | null;
};

export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function cardText(card: Card): string {
  return canonicalJson(card as Json);
}

/** Hex SHA-256 of the canonical JSON. */
export function samenessHash(sameness: Sameness): string {
  return sha256(canonicalJson(sameness as Json));
}

/** One request: this statement, with this end. */
export function bindingHash(sameness: string, id: string, expiresAt: string): string {
  return sha256(canonicalJson({ sameness, id, expiresAt }));
}
