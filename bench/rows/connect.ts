/** From the TCP connection to the first row of the first statement. A pause before each lets a spare connection get ready. */

import { setTimeout as sleep } from "node:timers/promises";
import { type Bench, interleave } from "../bench.ts";
import { BenchClient } from "../client.ts";
import { median } from "../numbers.ts";

export const CONNECT = "connect, token to first row";
const PAUSE_MS = 30;

export async function connect(bench: Bench): Promise<void> {
  bench.say(CONNECT);
  await interleave(bench.options.repetitions, bench.targets, async (target) => {
    const times: number[] = [];
    for (let n = 0; n < (bench.options.quick ? 5 : 40); n++) {
      await sleep(PAUSE_MS);
      const startMs = performance.now();
      const client = await BenchClient.connect(target);
      const connectedMs = performance.now() - startMs;
      times.push(connectedMs + (await client.query("SELECT 1")).firstRowMs);
      client.close();
    }
    bench.samples.add(CONNECT, "ms", target.name, median(times));
  });
}
