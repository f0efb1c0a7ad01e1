/** The tables that the bench prints: each series as measured, then the figures to reach. */

import type { Machine } from "./machine.ts";
import { columns, short } from "./numbers.ts";
import { TARGETS } from "./options.ts";
import { APPROVAL } from "./rows/approval.ts";
import { BULK, MASKED } from "./rows/bulk.ts";
import { CONNECT } from "./rows/connect.ts";
import { FIRST_SEEN } from "./rows/first-seen.ts";
import { LATENCY } from "./rows/latency.ts";
import { IDLE } from "./rows/memory.ts";
import { SLOW_READER } from "./rows/slow-reader.ts";
import { TABLE } from "./rows/table.ts";
import { VERIFY } from "./rows/verify.ts";
import type { Samples } from "./samples.ts";

export function machineLine(machine: Machine): string {
  const { cores, processor, memoryGiB, kernel, node, postgresql, pgbench, pgbouncer, loadBefore } = machine;
  return (
    `${cores} cores (${processor}), ${memoryGiB} GiB, Linux ${kernel}, Node ${node}, PostgreSQL ${postgresql}, pgbench ${pgbench}, ` +
    `pgbouncer ${pgbouncer}; load before the run ${loadBefore.toFixed(2)}`
  );
}

/** Each pgbench series: medians of transactions a second, ratios, and CPU per transaction. */
export function throughputTable(samples: Samples): string {
  const head = [
    "pgbench, tps",
    ...TARGETS,
    "postern/direct",
    "postern/pgbouncer",
    "cpu us/tx: direct",
    "pgbouncer (hop)",
    "postern (hop)",
  ];
  const rows = samples
    .seriesWith("tps")
    .map((series) => [
      series,
      ...TARGETS.map((target) => cell(samples.median(series, "tps", target))),
      cell(samples.ratio(series, "tps", "postern", "direct")),
      cell(samples.ratio(series, "tps", "postern", "pgbouncer")),
      ...TARGETS.map((target) => cpuCell(samples, series, target)),
    ]);
  return columns([head, ...rows]);
}

/** All process trees together, and of that the hop. */
function cpuCell(samples: Samples, series: string, target: (typeof TARGETS)[number]): string {
  const parts = ["pgbench", "server", "hop"].map((tree) => samples.median(series, `cpu us/tx, ${tree}`, target));
  if (parts[0] === undefined) return "–";
  const all = short(parts.reduce<number>((sum, part) => sum + (part ?? 0), 0));
  return parts[2] === undefined ? all : `${all} (${short(parts[2])})`;
}

/** The other series: one line for each metric. */
export function otherTable(samples: Samples): string {
  const lines = new Map<string, readonly string[]>();
  for (const { series, metric } of samples.all) {
    if (metric === "tps" || metric.startsWith("cpu us/tx") || series === VERIFY || metric.startsWith("rows/s"))
      continue;
    const values = TARGETS.map((target) => cell(samples.median(series, metric, target)));
    lines.set(`${series} ${metric}`, [
      `${series}, ${metric}`,
      ...values,
      cell(samples.ratio(series, metric, "postern", "pgbouncer")),
    ]);
  }
  return columns([["others", ...TARGETS, "postern/pgbouncer"], ...lines.values()]);
}

interface Goal {
  readonly name: string;
  readonly unit: string;
  readonly reach: number;
  readonly then: number;
  /** Whether smaller is better. */
  readonly atMost: boolean;
  readonly value: (samples: Samples) => number | undefined;
}

/** shared between the table and the JSON; the numbers are the design's. */
const GOALS: readonly Goal[] = [
  ...ratios("select-only prepared, 8 clients", "select-only prepared 8", 0.75, 1),
  ...ratios("select-only prepared, 32 clients", "select-only prepared 32", 0.75, 1),
  ...ratios("select-only simple, 8 clients", "select-only simple 8", 0.6, 0.9),
  ...ratios("select-only simple, 32 clients", "select-only simple 32", 0.6, 0.9),
  ...ratios("TPC-B-like simple, 32 clients", "tpcb-like simple 32", 0.5, 0.8),
  ...ratios("TPC-B-like prepared, 32 clients", "tpcb-like prepared 32", 0.5, 0.8),
  atMost("added median latency, one client, prepared", "us", 40, 20, added(LATENCY, "us, median")),
  {
    ...atMost("bulk read, no mask", "x pgbouncer", 0.95, 1, (s) => s.ratio(BULK, "MB/s", "postern", "pgbouncer")),
    atMost: false,
  },
  {
    ...atMost(MASKED, "x pgbouncer", 0.9, 1, (s) => s.ratio(MASKED, "rows/s", "postern", "pgbouncer")),
    atMost: false,
  },
  atMost("a statement never seen before, added at the median", "ms", 2, 1, added(FIRST_SEEN, "ms")),
  atMost("a statement of the policy table, added at the median", "ms", 2, 1, (s) =>
    s.median(TABLE, "ms, added", "postern"),
  ),
  atMost("connect, token to first row", "ms", 3, 1.5, (s) => s.median(CONNECT, "ms", "postern")),
  atMost("from a decision to the end of what waited, median", "ms", 50, 50, (s) =>
    s.median(APPROVAL, "ms, median", "postern"),
  ),
  atMost("memory per idle session", "KiB", 64, 32, (s) => s.median(IDLE, "KiB", "postern")),
  {
    ...atMost("verifying the log, Node", "entries/s", 100_000, 500_000, (s) => s.median(VERIFY, "entries/s", "node")),
    atMost: false,
  },
  {
    ...atMost("verifying the log, Python", "entries/s", 64_000, 64_000, (s) => s.median(VERIFY, "entries/s", "python")),
    atMost: false,
  },
];

function ratios(name: string, series: string, reach: number, then: number): Goal[] {
  return [
    {
      name,
      unit: "x pgbouncer",
      reach,
      then,
      atMost: false,
      value: (s) => s.ratio(series, "tps", "postern", "pgbouncer"),
    },
  ];
}

function atMost(name: string, unit: string, reach: number, then: number, value: Goal["value"]): Goal {
  return { name, unit, reach, then, atMost: true, value };
}

/** What Postern takes longer than direct. */
function added(series: string, metric: string): Goal["value"] {
  return (samples) => {
    const [postern, direct] = [samples.median(series, metric, "postern"), samples.median(series, metric, "direct")];
    return postern === undefined || direct === undefined ? undefined : postern - direct;
  };
}

export interface Reached {
  readonly name: string;
  readonly unit: string;
  /** Null where nothing was measured. */
  readonly measured: number | null;
  readonly reach: number;
  readonly then: number;
  readonly verdict: "reached" | "missed" | "not measured";
}

export function judgeGoals(samples: Samples): Reached[] {
  return GOALS.map(({ name, unit, reach, then, atMost: smaller, value }) => {
    const measured = value(samples) ?? null;
    if (measured === null) return { name, unit, measured, reach, then, verdict: "not measured" };
    return {
      name,
      unit,
      measured,
      reach,
      then,
      verdict: (smaller ? measured <= reach : measured >= reach) ? "reached" : "missed",
    };
  });
}

export function goalsTable(reached: readonly Reached[], samples: Samples): string {
  const rows = reached.map(({ name, unit, measured, reach, then, verdict }) => [
    `${name} [${unit}]`,
    cell(measured ?? undefined),
    short(reach),
    short(then),
    verdict,
  ]);
  const held = samples.median(SLOW_READER, "MiB held", "postern");
  const slow = [
    [`${SLOW_READER} [MiB held]`, cell(held), "bounded", "", held === undefined ? "not measured" : "stated"],
  ];
  return columns([["figures to reach", "measured", "reach", "then", ""], ...rows, ...slow]);
}

function cell(value: number | undefined): string {
  return value === undefined ? "–" : short(value);
}
