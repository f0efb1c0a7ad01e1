/** What `npm run bench` was asked for. Runs nothing. */

import { parseArgs } from "node:util";

export const TARGETS = ["direct", "pgbouncer", "postern"] as const;
export type TargetName = (typeof TARGETS)[number];

export const ROWS = [
  "throughput",
  "latency",
  "tls",
  "bulk",
  "first-seen",
  "table",
  "attacks",
  "connect",
  "memory",
  "slow-reader",
  "detectors",
  "approval",
  "verify",
] as const;
export type RowName = (typeof ROWS)[number];

export interface Options {
  /** Everything once and small: shows that the bench runs; its figures mean nothing. */
  readonly quick: boolean;
  /** Runs the gateway under --cpu-prof and prints where the time goes. */
  readonly profile: boolean;
  /** Of one pgbench run; a quick one counts transactions instead. */
  readonly extent: { readonly seconds: number } | { readonly transactions: number };
  readonly repetitions: number;
  readonly rows: readonly RowName[];
  /** Narrow the throughput row; empty: all. */
  readonly clients: readonly number[];
  readonly modes: readonly string[];
  readonly targets: readonly TargetName[];
  /** Where the figures go as JSON. */
  readonly jsonPath: string;
}

export const USAGE = `npm run bench -- [--quick] [--profile] [--seconds 3] [--repetitions 5] [--rows ${ROWS.join(",")}]
             [--clients 1,8,32] [--modes simple,extended,prepared] [--targets ${TARGETS.join(",")}] [--json FILE]`;

/** @throws {TypeError} for an unknown option; {RangeError} for a value that is none. */
export function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      seconds: { type: "string", default: "3" },
      repetitions: { type: "string" },
      rows: { type: "string", default: ROWS.join(",") },
      clients: { type: "string", default: "" },
      modes: { type: "string", default: "" },
      targets: { type: "string", default: TARGETS.join(",") },
      json: { type: "string", default: "node_modules/.cache/postern-bench/results.json" },
    },
  });
  return {
    quick: values.quick,
    profile: values.profile,
    extent: values.quick ? { transactions: 50 } : { seconds: positive(values.seconds) },
    repetitions: positive(values.repetitions ?? (values.quick ? "1" : "5")),
    rows: subset(ROWS, values.rows),
    clients: list(values.clients).map(positive),
    modes: list(values.modes),
    targets: subset(TARGETS, values.targets),
    jsonPath: values.json,
  };
}

function list(text: string): string[] {
  return text === "" ? [] : text.split(",");
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`${text} is not a positive whole number`);
  return value;
}

function subset<T extends string>(all: readonly T[], text: string): T[] {
  const wanted = list(text);
  const unknown = wanted.find((name) => !all.some((known) => known === name));
  if (unknown !== undefined) throw new RangeError(`${unknown} is none of ${all.join(", ")}`);
  return all.filter((name) => wanted.includes(name));
}
