/** One compiled policy: what it says, where it stands, and what its annotations add. */

import type { PolicyJson } from "@cedar-policy/cedar-wasm/nodejs";
import type { PolicyAnnotations } from "./annotations.ts";

export interface PolicyInfo extends Omit<PolicyAnnotations, "id"> {
  /** Of `@id`, else `file#n`. */
  readonly id: string;
  readonly effect: "permit" | "forbid";
  readonly file: string;
  /** Where it begins, 1-based. */
  readonly line: number;
  readonly column: number;
  /** As written. */
  readonly text: string;
  /** As Cedar has parsed it. */
  readonly json: PolicyJson;
}
