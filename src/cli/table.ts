/** Rows in columns. On a terminal they fit its width; anywhere else nothing is ever cut. */

import type { CliStream } from "./context.ts";
import { cut, pad, paint, width } from "./text.ts";

const GAP = "  ";
const NARROWEST = 6;

/** @param rows cells, already made visible; each as long as `headers`. */
export function formatTable(headers: readonly string[], rows: readonly (readonly string[])[], to: CliStream): string {
  const widths = headers.map((header, column) =>
    Math.max(width(header), ...rows.map((row) => width(row[column] ?? ""))),
  );
  if (to.isTerminal && to.columns > 0) shrink(widths, to.columns - GAP.length * (headers.length - 1));
  const line = (cells: readonly string[]) =>
    widths
      .map((columns, index) => pad(cut(cells[index] ?? "", columns), columns))
      .join(GAP)
      .trimEnd();
  const head = paint(to.color, "bold", line(headers));
  return [head, ...rows.map(line)].map((text) => `${text}\n`).join("");
}

/** `key  value` a line; on a narrow terminal long values go on below. */
export function formatFacts(facts: readonly (readonly [string, string])[], to: CliStream): string {
  const left = Math.max(0, ...facts.map(([name]) => width(name)));
  const room =
    to.isTerminal && to.columns > 0 ? Math.max(20, to.columns - left - GAP.length) : Number.POSITIVE_INFINITY;
  const lines: string[] = [];
  for (const [name, value] of facts) {
    const [first = "", ...more] = wrap(value, room);
    lines.push(`${paint(to.color, "bold", pad(name, left))}${GAP}${first}`.trimEnd());
    for (const rest of more) lines.push(`${" ".repeat(left)}${GAP}${rest}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

/** Lines of at most `columns`, broken at spaces where there are some. */
export function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    let rest = word;
    if (line !== "" && width(line) + 1 + width(rest) > columns) {
      lines.push(line);
      line = "";
    }
    while (width(rest) > columns) {
      const part = cut(rest, columns + 1).slice(0, -1);
      if (part === "") break;
      lines.push(part);
      rest = rest.slice(part.length);
    }
    line = line === "" ? rest : `${line} ${rest}`;
  }
  return [...lines, line];
}

/** Takes from the widest column until all fit, or none can give more. */
function shrink(widths: number[], room: number): void {
  let over = widths.reduce((sum, columns) => sum + columns, 0) - room;
  while (over > 0) {
    const widest = Math.max(...widths);
    if (widest <= NARROWEST) return;
    const next = Math.max(NARROWEST, ...widths.filter((columns) => columns < widest));
    const share = widths.filter((columns) => columns === widest).length;
    const take = Math.max(1, Math.min(widest - next, Math.ceil(over / share)));
    for (const [index, columns] of widths.entries()) {
      if (columns !== widest || over <= 0) continue;
      widths[index] = columns - take;
      over -= take;
    }
  }
}
