/**
 * The rules of the invariant, each by its name. A use of a labelled column that no rule forbids holds. The list is data, so that a test
 * can leave each one out and see that a statement then passes which must not. Finds nothing: see uses.ts.
 */

import type { Source } from "./sources.ts";

/** Where in a query a labelled column stands by itself, or that it stands in an expression. */
export type Site =
  /** Handed on by a sub-select in FROM, a view or a CTE, which does nothing else with it: it is judged where it comes out. */
  | "carried"
  /** In what the statement itself gives. */
  | "shown"
  | "returned"
  /** What a sub-select gives to the expression around it. */
  | "sub-select value"
  | "branch of a set operation"
  /** In a select list, and the query also sorts, groups, partitions or finds duplicates by it. */
  | "sorted or grouped"
  /** What INSERT, UPDATE or MERGE writes. */
  | "written"
  | "expression"
  /** Of a view, in UPDATE, DELETE, INSERT or MERGE of it: the view's expressions stand in its place, and are not known as it. */
  | "view that is written";

export interface Use {
  readonly site: Site;
  readonly source: Source;
  /** Not the column alone is meant, but a row that it is part of. */
  readonly wholeRow: boolean;
  /** Of an expression: how the mask of the column fits what is around it. */
  readonly mask:
    | "is around it"
    /** One column in one place of the mask, and another in another. */
    | "is around several columns"
    | "is not around it"
    /** It leaves no trace of the column. */
    | "is a constant";
  readonly where: string;
}

/** Something in the tree whose columns cannot be told, or a call that makes a mask and stands in none. */
export interface Unknown {
  readonly what: "node" | "reference" | "mask of something else";
  readonly where: string;
}

export interface Rule {
  readonly name: string;
  readonly forbids: (found: Use | Unknown) => boolean;
}

function isAt(site: Site): Rule["forbids"] {
  return (found) => "site" in found && found.site === site && !found.wholeRow;
}

function isMasked(mask: Use["mask"]): Rule["forbids"] {
  return (found) => isAt("expression")(found) && "mask" in found && found.mask === mask;
}

export const RULES: readonly Rule[] = [
  { name: "no whole row", forbids: (found) => "site" in found && found.wholeRow },
  { name: "not shown", forbids: isAt("shown") },
  { name: "not returned", forbids: isAt("returned") },
  { name: "not the value of a sub-select", forbids: isAt("sub-select value") },
  { name: "not in a set operation", forbids: isAt("branch of a set operation") },
  { name: "not sorted or grouped by", forbids: isAt("sorted or grouped") },
  { name: "not written", forbids: isAt("written") },
  { name: "not read through a view that is written", forbids: isAt("view that is written") },
  { name: "only inside its mask", forbids: isMasked("is not around it") },
  { name: "a mask over one column", forbids: isMasked("is around several columns") },
  { name: "no trace of a constant's column", forbids: isMasked("is a constant") },
  { name: "every node known", forbids: (found) => "what" in found && found.what === "node" },
  {
    name: "masks of labelled columns alone",
    forbids: (found) => "what" in found && found.what === "mask of something else",
  },
  { name: "every reference resolved", forbids: (found) => "what" in found && found.what === "reference" },
];
