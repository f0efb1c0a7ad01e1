/** What a command prints: one result, in the four formats of `-o`. The fields of json, yaml and jsonl are promised in docs/reference/cli.md. */

import { stringify as toYaml } from "yaml";
import type { CliContext } from "./context.ts";
import { formatFacts, formatTable } from "./table.ts";
import { escapeUnsafe, safeJson, visible } from "./text.ts";

export const FORMATS = ["table", "json", "yaml", "jsonl"] as const;
export type Format = (typeof FORMATS)[number];

/** A column of the table: its head, and the field or what is made of it. */
export interface Column<Row> {
  readonly head: string;
  readonly cell: (row: Row) => unknown;
}

/** Prints a list: a table, one JSON array, one YAML list, or one JSON object a line. An empty list says so only in the table. */
export function printList<Row>(
  context: CliContext,
  format: Format,
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  whenEmpty: string,
): void {
  if (format !== "table") {
    printData(context, format, rows);
    return;
  }
  if (rows.length === 0) {
    context.out.write(`${whenEmpty}\n`);
    return;
  }
  const cells = rows.map((row) => columns.map(({ cell }) => show(cell(row))));
  context.out.write(
    formatTable(
      columns.map(({ head }) => head),
      cells,
      context.out,
    ),
  );
}

/** Prints one thing: facts below each other, or the object itself. */
export function printOne(
  context: CliContext,
  format: Format,
  value: object,
  facts: readonly (readonly [string, unknown])[],
): void {
  if (format !== "table") {
    printData(context, format, value);
    return;
  }
  const shown = facts.filter(([, fact]) => fact !== undefined && fact !== null);
  context.out.write(
    formatFacts(
      shown.map(([name, fact]) => [name, show(fact)]),
      context.out,
    ),
  );
}

/** Prints `value` in a format for programs. jsonl of a list is one line an item. */
export function printData(context: CliContext, format: Exclude<Format, "table">, value: unknown): void {
  if (format === "yaml") context.out.write(safeYaml(value));
  else if (format === "json") context.out.write(`${safeJson(value, 2)}\n`);
  else for (const item of Array.isArray(value) ? value : [value]) context.out.write(`${safeJson(item)}\n`);
}

/** Every text in double quotes: there a control character can be written as an escape, and nothing reads `no` as false. */
function safeYaml(value: unknown): string {
  const options = { lineWidth: 0, defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN" } as const;
  return escapeUnsafe(toYaml(value, options));
}

/** A cell as text: lists with commas, absent as a dash, nothing that a terminal would obey. */
export function show(value: unknown): string {
  if (value === undefined || value === null || value === "") return "-";
  if (Array.isArray(value)) return value.length === 0 ? "-" : value.map(show).join(", ");
  return visible(typeof value === "object" ? safeJson(value) : String(value));
}

/** Tells people what happens, on standard error, so that it never mixes with a result. */
export function note(context: CliContext, text: string): void {
  context.err.write(`${text}\n`);
}
