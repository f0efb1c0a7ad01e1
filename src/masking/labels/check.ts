/** What only a catalog can tell of labels.yaml: patterns that meet nothing, contradictions, masks that a type cannot carry. */

import type { Catalog } from "../../analysis/catalog.ts";
import { maskText } from "../masks/mask.ts";
import { maskExpression } from "../masks/mask-expression.ts";
import { QUARANTINE } from "./document.ts";
import { isLabelled } from "./label-edges.ts";
import type { ColumnName, LabelMap } from "./label-map.ts";
import type { ColumnRule, LabelSet } from "./label-set.ts";
import { matchesPart, patternName } from "./pattern.ts";
import { rulesFor } from "./spread.ts";

export interface LabelProblem {
  readonly severity: "error" | "warning";
  /** Of labels.yaml, 1-based. */
  readonly line: number;
  readonly message: string;
  readonly hint?: string;
}

/** @param map of the same set and catalog. @returns by line. */
export function checkLabels(set: LabelSet, catalog: Catalog, map: LabelMap): readonly LabelProblem[] {
  const rules = set.rules.filter(({ parts: [first] }) => first !== undefined && matchesPart(first, catalog.database));
  const used = columnsOf(rules, catalog);
  const problems = [
    ...map.conflicts.map(({ message, hint, ...name }) => {
      const [line = 1] = linesOf(name, rules, catalog);
      return { severity: "error" as const, line, message: `${columnText(name, catalog)} ${message}`, hint };
    }),
    ...rules.flatMap((rule) => ruleProblems(rule, used.get(rule) ?? [], set, catalog)),
  ];
  return problems.sort((a, b) => a.line - b.line);
}

/** Labels that are declared and given by no pattern of any database. */
export function unusedLabels({ masks, rules }: LabelSet): readonly string[] {
  const given = new Set(rules.map(({ label }) => label));
  return [...masks.keys()].filter((label) => label !== QUARANTINE && !given.has(label));
}

/** As patterns have it: `public.customers.email`. */
export function columnText({ relation, column }: ColumnName, catalog: Catalog): string {
  const found = catalog.relation(relation);
  const name = found?.columns.find(({ number }) => number === column)?.name;
  if (found === undefined) return `column ${column} of ${relation}`;
  const parts = [found.schema, found.name].map(patternName);
  return [...parts, name === undefined ? String(column) : patternName(name)].join(".");
}

/** Columns that each rule stands on, with no narrower one before it. */
function columnsOf(rules: readonly ColumnRule[], catalog: Catalog): ReadonlyMap<ColumnRule, readonly ColumnName[]> {
  const found = new Map<ColumnRule, ColumnName[]>();
  for (const relation of catalog.data.relations) {
    for (const column of isLabelled(relation) ? relation.columns : []) {
      for (const rule of rulesFor(rules, catalog.database, relation, column.name)) {
        found.set(rule, [...(found.get(rule) ?? []), { relation: relation.oid, column: column.number }]);
      }
    }
  }
  return found;
}

function linesOf({ relation, column }: ColumnName, rules: readonly ColumnRule[], catalog: Catalog): readonly number[] {
  const found = catalog.relation(relation);
  const name = found?.columns.find(({ number }) => number === column)?.name;
  if (found === undefined || name === undefined) return [];
  return rulesFor(rules, catalog.database, found, name).map(({ line }) => line);
}

function ruleProblems(
  { text, label, line }: ColumnRule,
  columns: readonly ColumnName[],
  set: LabelSet,
  catalog: Catalog,
): readonly LabelProblem[] {
  if (columns.length === 0) {
    const message = `${text} stands on no column of ${catalog.database}`;
    return [{ severity: "warning", line, message, hint: "none has that name, or a narrower pattern stands on each" }];
  }
  const mask = set.masks.get(label)?.mask;
  if (mask === undefined) return [];
  return columns.flatMap((name) => {
    const column = catalog.relation(name.relation)?.columns.find(({ number }) => number === name.column);
    const result = column === undefined ? undefined : maskExpression("c", column, mask, catalog);
    if (result === undefined || result.ok) return [];
    const message = `${columnText(name, catalog)} is ${label}, and its mask ${maskText(mask)} cannot be applied: ${result.why}`;
    const hint = `${maskText(result.instead)} would do; until then it is masked by null`;
    return [{ severity: "error" as const, line, message, hint }];
  });
}
