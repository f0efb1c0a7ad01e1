/** What was measured: one number for each repetition of a metric on a target. */

import { median } from "./numbers.ts";
import type { TargetName } from "./options.ts";

export interface Sample {
  /** "select-only prepared 8", "bulk read", … */
  readonly series: string;
  /** "tps", "cpu us/tx", "ms", "MB/s", "KiB". */
  readonly metric: string;
  readonly target: TargetName | "python" | "node";
  readonly value: number;
}

export class Samples {
  readonly all: Sample[] = [];

  add(series: string, metric: string, target: Sample["target"], value: number): void {
    this.all.push({ series, metric, target, value });
  }

  values(series: string, metric: string, target: Sample["target"]): number[] {
    return this.all
      .filter((sample) => sample.series === series && sample.metric === metric && sample.target === target)
      .map((sample) => sample.value);
  }

  /** Undefined where the target did not take part. */
  median(series: string, metric: string, target: Sample["target"]): number | undefined {
    const values = this.values(series, metric, target);
    return values.length === 0 ? undefined : median(values);
  }

  /** Median of one target over that of another: both from the same run. */
  ratio(series: string, metric: string, of: TargetName, to: TargetName): number | undefined {
    const [a, b] = [this.median(series, metric, of), this.median(series, metric, to)];
    return a === undefined || b === undefined || b === 0 ? undefined : a / b;
  }

  seriesWith(metric: string): string[] {
    return [...new Set(this.all.filter((sample) => sample.metric === metric).map((sample) => sample.series))];
  }
}
