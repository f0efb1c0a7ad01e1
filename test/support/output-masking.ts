/**
 * Masking as others do it, at its best, over what a plain server has answered: what is masked is found in the answer, or by the columns
 * that the answer says it is of. What is left shows what the way itself cannot hold, however well it is made. No product's behaviour.
 */

import { z } from "zod";
import type { TestPostgres } from "./postgres.ts";
import { TWIN_DATABASE } from "./twin-world.ts";

const MASK = "[masked]";
/** Shorter values stand in too much that has nothing to do with them. */
const SHORTEST = 4;

/** A labelled column of a table. */
export interface Column {
  readonly relation: number;
  readonly number: number;
}

/** @param names `schema.table.column`. @returns those that there are. */
export async function columnsNamed(postgres: TestPostgres, names: readonly string[]): Promise<readonly Column[]> {
  const listed = names.map((name) => `('${name}')`).join(", ");
  const text = await postgres.psql(
    `SELECT attrelid::oid || ' ' || attnum FROM pg_attribute JOIN (VALUES ${listed}) AS n (name)
       ON name = attrelid::regclass || '.' || attname WHERE attnum > 0`,
    TWIN_DATABASE,
  );
  return pairs(text);
}

function pairs(text: string): readonly Column[] {
  return [...text.matchAll(/(\d+) (\d+)/g)].map(([, relation, number]) => ({
    relation: Number(relation),
    number: Number(number),
  }));
}

/** Every value of those columns as text, the parts of JSON, arrays and rows too. */
export async function valuesOf(postgres: TestPostgres, names: readonly string[]): Promise<ReadonlySet<string>> {
  const values = new Set<string>();
  for (const name of names) {
    const [schema, table, column] = name.split(".");
    const text = await postgres.psql(`SELECT DISTINCT "${column}"::text FROM "${schema}"."${table}"`, TWIN_DATABASE);
    for (const line of text.split("\n")) {
      for (const part of [line, ...line.split(/[{}(),"' :[\]]+/)])
        if (part.trim().length >= SHORTEST) values.add(part.trim());
    }
  }
  return values;
}

/** Detectors that know every value, and miss none that stands in the answer as it is: rows, COPY, errors and notices. */
export function maskedByValue(lines: readonly string[], values: ReadonlySet<string>): string[] {
  const holds = (text: string): boolean => {
    for (const value of values) if (text.includes(value)) return true;
    return false;
  };
  return lines.map((line) => {
    const [session = "", json = ""] = split(line);
    return `${session} ${JSON.stringify(JSON.parse(json), (_, value: unknown) => {
      return typeof value === "string" && holds(value) ? MASK : value;
    })}`;
  });
}

/** Columns of results are masked that RowDescription says are a labelled column's. */
export function maskedByOrigin(lines: readonly string[], columns: readonly Column[]): string[] {
  const masked = new Map<string, readonly boolean[]>();
  return lines.map((line) => {
    const [session = "", json = ""] = split(line);
    const message: unknown = JSON.parse(json);
    const described = Described.safeParse(message);
    if (described.success) {
      const isMasked = described.data.columns.map(({ tableOid, columnNumber }) =>
        columns.some(({ relation, number }) => relation === tableOid && number === columnNumber),
      );
      masked.set(session, isMasked);
      return line;
    }
    const row = Row.safeParse(message);
    if (!row.success) return line;
    const values = row.data.values.map((value, index) => (masked.get(session)?.[index] === true ? MASK : value));
    return `${session} ${JSON.stringify({ type: "DataRow", values })}`;
  });
}

function split(line: string): readonly string[] {
  const at = line.indexOf(" ");
  return line.startsWith("{", at + 1)
    ? [line.slice(0, at), line.slice(at + 1)]
    : [line.slice(0, at), JSON.stringify(line)];
}

const Described = z.object({
  type: z.literal("RowDescription"),
  columns: z.array(z.object({ tableOid: z.number(), columnNumber: z.number() })),
});
const Row = z.object({ type: z.literal("DataRow"), values: z.array(z.string().nullable()) });
