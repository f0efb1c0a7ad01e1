/** Finds the smallest change to a denied statement that would pass, by asking again as if it had been made. Guesses nothing. */

import type { PolicyContext } from "./cedar-call.ts";
import type { Decision } from "./decision.ts";
import type { Mentions } from "./mentions.ts";

interface Change {
  /** Asked only where a policy looks at it. */
  readonly mention: string;
  /** Null: nothing to change. */
  readonly apply: (context: PolicyContext) => PolicyContext | null;
  /** Behind "It would pass". */
  readonly words: (changed: PolicyContext) => string;
}

const CHANGES: readonly Change[] = [
  {
    mention: "hasWhere",
    apply: (context) => (context.hasWhere ? null : { ...context, hasWhere: true }),
    words: () => "with a WHERE clause",
  },
  {
    mention: "matchesAll",
    apply: (context) => (context.matchesAll ? { ...context, hasWhere: true, matchesAll: false } : null),
    words: () => "with a WHERE clause that compares a column with a value",
  },
  {
    mention: "inTransaction",
    apply: (context) => ({ ...context, inTransaction: !context.inTransaction }),
    words: ({ inTransaction }) => `${inTransaction ? "inside" : "outside"} a transaction`,
  },
];

/**
 * Null: none of the changes that an agent can make would help. A purpose is none: nothing takes one from an agent yet.
 * @param decide what it would come to so.
 */
export function adviceFor(
  context: PolicyContext,
  mentions: Mentions,
  decide: (context: PolicyContext) => Decision,
): string | null {
  for (const { mention, apply, words } of CHANGES) {
    const changed = mentions.has(mention) ? apply(context) : null;
    const decision = changed === null ? null : decide(changed);
    if (changed === null || decision === null || decision.verdict === "deny") continue;
    if (decision.verdict === "permit") return `It would pass ${words(changed)}.`;
    return `It would wait for approval by ${decision.approvers.join(" and ")} ${words(changed)}.`;
  }
  return null;
}
