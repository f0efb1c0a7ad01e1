/** Counts and times of statements, as plain numbers in the hot path; telemetry reads them when it is asked. */

/** Upper bounds of the latency buckets, in milliseconds. */
export const LATENCY_BOUNDS_MS = [
  0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 5000, 30_000,
] as const;

export type Stage = "analysis" | "record" | "upstream";

export class Histogram {
  readonly counts = new Float64Array(LATENCY_BOUNDS_MS.length + 1);
  sumMs = 0;
  count = 0;

  observe(ms: number): void {
    let bucket = 0;
    while (bucket < LATENCY_BOUNDS_MS.length && ms > (LATENCY_BOUNDS_MS[bucket] ?? 0)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sumMs += ms;
    this.count++;
  }
}

export class StatementMetrics {
  readonly stages: Readonly<Record<Stage, Histogram>> = {
    analysis: new Histogram(),
    record: new Histogram(),
    upstream: new Histogram(),
  };
  /** By `<class>/<verdict>`. */
  readonly statements = new Map<string, number>();
  clientBytes = 0;
  upstreamBytes = 0;
  /** Cells that were masked in delivered rows, by the detector that found something. */
  readonly detected = new Map<string, number>();
  /** Rows that were too long for detectors to look at. */
  rowsUnseen = 0;
  /** Statements that were stopped because something that should not have come to be did. */
  unproven = 0;

  decided(statementClass: string, verdict: "permitted" | "refused" | "shadowed"): void {
    const key = `${statementClass}/${verdict}`;
    this.statements.set(key, (this.statements.get(key) ?? 0) + 1);
  }
}
