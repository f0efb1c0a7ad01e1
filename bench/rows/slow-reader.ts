/** A client that stops and starts while it reads 5 GB: what the hop holds for it meanwhile. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import { BenchClient } from "../client.ts";
import { residentBytes } from "../processes.ts";

export const SLOW_READER = "slow reader of a 5 GB result";
const ROW_BYTES = 8192;
const SAMPLE_MS = 50;
/** A standstill first, then in fits and starts, then all the rest. */
const STANDSTILL_MS = 5000;
const STEPS = 40;

export async function slowReader(bench: Bench): Promise<void> {
  bench.say(SLOW_READER);
  const size = bench.options.quick ? 50e6 : 5e9;
  for (const target of bench.targets) {
    const { hop } = target;
    if (target.name === "direct" || hop === undefined) continue;
    const client = await BenchClient.connect(target);
    const before = residentBytes(hop);
    let peak = before;
    const sampler = setInterval(() => {
      peak = Math.max(peak, residentBytes(hop));
    }, SAMPLE_MS);
    try {
      const rows = Math.ceil(size / ROW_BYTES);
      client.pause();
      const answer = client.query(`SELECT repeat('x', ${ROW_BYTES}) FROM generate_series(1, ${rows})`);
      await sleep(bench.options.quick ? 500 : STANDSTILL_MS);
      for (let step = 0; step < STEPS; step++) {
        client.resume();
        await sleep(10);
        client.pause();
        await sleep(bench.options.quick ? 10 : 100);
      }
      client.resume();
      const { bytes } = await answer;
      if (bytes < size) throw new Error(`${target.name} delivered ${bytes} bytes of ${size}`);
    } finally {
      clearInterval(sampler);
      client.close();
    }
    bench.samples.add(SLOW_READER, "MiB held", target.name, (peak - before) / 1024 / 1024);
  }
}
