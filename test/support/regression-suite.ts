/** PostgreSQL's own regression suite as test/vectors/postgresql-regress carries it: what make-regression-suite.mjs made of its scripts. */

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync } from "node:zlib";
import { z } from "zod";

/** One thing that psql would do. A COPY from a file of the suite is one from its rows here. */
export interface SuiteItem {
  /** Several statements where the script has `\;` between them. Empty with `connect`. */
  readonly sql: string;
  /** Rows of a COPY FROM STDIN. */
  readonly rows?: string | undefined;
  /** \gset: columns of the answer become variables, with this before their names. */
  readonly sets?: string | undefined;
  /** \gexec: the answer's values are statements. */
  readonly executes?: boolean | undefined;
  /** \bind: values of $1 and so on. */
  readonly binds?: readonly string[] | undefined;
  /** \gdesc or \parse: the statement does not run. */
  readonly describes?: boolean | undefined;
  /** \c */
  readonly connect?: string | undefined;
}

export interface SuiteScript {
  readonly major: number;
  readonly script: string;
  readonly items: readonly SuiteItem[];
}

const Fields = {
  rows: z.string().optional(),
  sets: z.string().optional(),
  executes: z.boolean().optional(),
  binds: z.array(z.string()).optional(),
  describes: z.boolean().optional(),
};
const Item = z.union([
  z.string().transform((sql) => ({ sql })),
  z.strictObject({ sql: z.string(), ...Fields }),
  z.strictObject({ connect: z.string() }).transform(({ connect }) => ({ sql: "", connect })),
]);
const Script = z.object({ major: z.number(), script: z.string(), items: z.array(z.unknown()) });
const Data = z.strictObject({ file: z.string(), rows: z.string() });

/** In the order in which the suite runs them. */
export function regressionSuite(major: number): readonly SuiteScript[] {
  const path = fileURLToPath(new URL("../vectors/postgresql-regress/suite.jsonl.br", import.meta.url));
  const lines = brotliDecompressSync(readFileSync(path)).toString("utf8").trimEnd().split("\n");
  const scripts = lines.map((line) => Script.parse(JSON.parse(line)));
  const data = scripts.filter((one) => one.major === 0).flatMap(({ items }) => items.map((item) => Data.parse(item)));
  const rows = new Map(data.map((one) => [one.file, one.rows]));
  return scripts
    .filter((one) => one.major === major)
    .map((one) => ({ ...one, items: one.items.map((item) => fromStdin(Item.parse(item), rows)) }));
}

/** Servers of tests have no files of the suite. */
function fromStdin(item: SuiteItem, data: ReadonlyMap<string, string>): SuiteItem {
  const found = /\sFROM\s+'\/regress\/data\/(\w+\.data)'/i.exec(item.sql);
  const rows = found?.[1] === undefined ? undefined : data.get(found[1]);
  return found === null || rows === undefined
    ? item
    : { ...item, sql: item.sql.replace(found[0], " FROM STDIN"), rows };
}

/** Markers of psql-script.mjs around a variable as it is written. */
const VARIABLE = /⟦:(['"]?)(\w+)\1⟧/g;

/** The text as psql sends it: a variable that is not set stays as it is written. */
export function withVariables(sql: string, variables: ReadonlyMap<string, string>): string {
  return sql.replaceAll(VARIABLE, (written, quote: string, name: string) => {
    const value = variables.get(name);
    if (value === undefined) return written.slice(1, -1);
    return quote === "" ? value : `${quote}${value.replaceAll(quote, quote + quote)}${quote}`;
  });
}
