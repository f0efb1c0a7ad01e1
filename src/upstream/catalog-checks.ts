/**
 * What the checks of domains run, from the expression tree that the server stored. Searched for the fields that name functions,
 * operators and types, wherever they stand: what is found too much is judged too, and a constant holds its text as numbers.
 */

import type { CatalogOperator, DomainCheck } from "../analysis/catalog.ts";

export interface DomainCheckRow {
  readonly domain: number;
  readonly name: string;
  readonly definition: string;
  /** pg_constraint.conbin. */
  readonly tree: string;
}

/** Fields of PostgreSQL's primnodes.h, 15 to 18, that hold the OID of a function, an operator or a type whose functions run. */
const FUNCTION_FIELDS = /:(?:funcid|opfuncid|hashfuncid|negfuncid|aggfnoid|winfnoid) (\d+)/g;
const OPERATOR_FIELDS = /:(?:opno|eqop|sortop) (\d+)/g;
const OPERATOR_LISTS = /:opnos \(o((?: \d+)+)\)/g;
const TYPE_FIELDS = /:(?:resulttype|minmaxtype) (\d+)/g;

/** By domain. */
export function domainChecks(
  rows: readonly DomainCheckRow[],
  operators: readonly CatalogOperator[],
): ReadonlyMap<number, readonly DomainCheck[]> {
  const behind = new Map(operators.map((operator) => [operator.oid, operator.function]));
  const checks = new Map<number, DomainCheck[]>();
  for (const row of rows) checks.set(row.domain, [...(checks.get(row.domain) ?? []), checkOf(row, behind)]);
  return checks;
}

function checkOf({ name, definition, tree }: DomainCheckRow, behind: ReadonlyMap<number, number>): DomainCheck {
  const operators = sorted([...numbers(tree, OPERATOR_FIELDS), ...numbers(tree, OPERATOR_LISTS)]);
  // The field of an operator's function is filled in when the tree is made, but nothing says that it has to be.
  const functions = sorted([...numbers(tree, FUNCTION_FIELDS), ...operators.map((oid) => behind.get(oid) ?? 0)]);
  return { name, definition, functions, operators, types: sorted(numbers(tree, TYPE_FIELDS)) };
}

function numbers(tree: string, fields: RegExp): number[] {
  return [...tree.matchAll(fields)].flatMap(([, found = ""]) => found.trim().split(" ").map(Number));
}

function sorted(oids: readonly number[]): number[] {
  return [...new Set(oids)].filter((oid) => oid !== 0).sort((a, b) => a - b);
}
