/** What one client waits longer for because of the hop: the median over each transaction's own latency. */

import { type Bench, interleave } from "../bench.ts";
import { median, quantile } from "../numbers.ts";
import { pgbenchLatencies } from "../pgbench.ts";

export const LATENCY = "one client, prepared";

export async function latency(bench: Bench): Promise<void> {
  bench.say(LATENCY);
  const load = { script: "select-only", mode: "prepared", clients: 1, extent: bench.options.extent } as const;
  await interleave(bench.options.repetitions, bench.targets, async (target) => {
    const values = await pgbenchLatencies(target, load);
    bench.samples.add(LATENCY, "us, median", target.name, median(values));
    bench.samples.add(LATENCY, "us, 99 %", target.name, quantile(values, 0.99));
  });
}
