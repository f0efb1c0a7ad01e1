/** What the checker of the invariant is told and what it says. Types only. */

import type { QueryNode } from "../../analysis/query-tree/query-node.ts";
import type { MaskTemplate } from "./mask-template.ts";

/** The queries that the server has made of one statement, as readQueryTree() gives them. */
export type QueryTree = readonly QueryNode[];

/** How a labelled column may occur. `constant`: its mask leaves no trace of it, so not at all. */
export type MaskForm = { readonly kind: "constant" } | { readonly kind: "expression"; readonly template: MaskTemplate };

/** By the OIDs and attribute numbers of tables, materialised views and views. */
export interface LabelledColumns {
  /** Undefined for what is not labelled or is revealed to the principal. */
  formOf(relation: number, column: number): MaskForm | undefined;
  /** Whether a column of it has a form. */
  isLabelled(relation: number): boolean;
  /** It may be called in masks alone: who can ask it for the mask of a value of their own can find out what a mask stands for. */
  makesMasks(fn: number): boolean;
}

export interface Violation {
  /** Name of a rule of rules.ts. */
  readonly rule: string;
  /** 0: of no column, but something in the tree that the checker does not know. */
  readonly relation: number;
  /** 0: the whole row. */
  readonly column: number;
  /** The clause, or the node that is not known. Never a name or constant of the statement's. */
  readonly where: string;
}
