/**
 * Whether what PostgreSQL is about to run shows labelled columns through their masks alone: on its own rewritten tree, whatever the text
 * was and whoever put masks there. Shares no code with what puts them there; see docs/adr/0012-the-invariant.md.
 */

import type { LabelledColumns, QueryTree, Violation } from "./labelled-columns.ts";
import { RULES, type Rule } from "./rules.ts";
import { usesIn } from "./uses.ts";

export type { LabelledColumns, MaskForm, QueryTree, Violation } from "./labelled-columns.ts";
export { type MaskTemplate, maskTemplate } from "./mask-template.ts";

/**
 * @param tree all queries of it: rules may have made several of a statement.
 * @param rules only for tests: all of them.
 * @returns each that does not hold, in the order found; empty: the invariant holds.
 */
export function checkInvariant(
  tree: QueryTree,
  labelled: LabelledColumns,
  rules: readonly Rule[] = RULES,
): readonly Violation[] {
  return usesIn(tree, labelled).flatMap((found) => {
    const { relation, column } = "source" in found ? found.source : NOTHING;
    const broken = rules.filter(({ forbids }) => forbids(found));
    return broken.map(({ name }) => ({ rule: name, relation, column, where: found.where }));
  });
}

const NOTHING = { relation: 0, column: 0 } as const;
