/** Finds the smallest change to a denied statement that would pass, by asking again as if it had been made. Guesses nothing. */

import type { PolicyContext } from "./cedar-call.ts";
import type { Mentions } from "./mentions.ts";

interface Change {
  /** Asked only where a policy looks at it. */
  readonly mention: string;
  /** Null: nothing to change. */
  readonly apply: (context: PolicyContext) => PolicyContext | null;
  readonly words: string;
}

const CHANGES: readonly Change[] = [
  {
    mention: "hasWhere",
    apply: (context) => (context.hasWhere ? null : { ...context, hasWhere: true }),
    words: "It would pass with a WHERE clause.",
  },
  {
    mention: "matchesAll",
    apply: (context) => (context.matchesAll ? { ...context, hasWhere: true, matchesAll: false } : null),
    words: "It would pass with a WHERE clause that compares a column with a value.",
  },
  {
    mention: "inTransaction",
    apply: (context) => ({ ...context, inTransaction: !context.inTransaction }),
    words: "", // depends on which way: see below
  },
  {
    mention: "purpose",
    apply: (context) => (context.purpose === undefined ? { ...context, purpose: "…" } : null),
    words: "It would pass with a purpose: SET postern.purpose = '…'.",
  },
];

/** Null: none of the changes that an agent can make would help. @param wouldPass whether it would not be denied so. */
export function adviceFor(
  context: PolicyContext,
  mentions: Mentions,
  wouldPass: (context: PolicyContext) => boolean,
): string | null {
  for (const { mention, apply, words } of CHANGES) {
    if (!mentions.has(mention)) continue;
    const changed = apply(context);
    if (changed === null || !wouldPass(changed)) continue;
    if (words !== "") return words;
    return `It would pass ${changed.inTransaction ? "inside" : "outside"} a transaction.`;
  }
  return null;
}
