/** What a client waits while another sends texts that are made to keep a parser busy. Each attack ends in an answer or a refusal. */

import { type Bench, interleave } from "../bench.ts";
import { BenchClient } from "../client.ts";
import { median, quantile } from "../numbers.ts";
import type { Target } from "../target.ts";

const ALONE = "one client, simple, alone";
const BESIDE = "the same beside parser attacks";
const REFUSED = "an attack, sent to answered";

/** Design, performance.md: what breaks or slows libpg-query in all versions. */
export const ATTACKS: Readonly<Record<string, string>> = {
  "100,000 ANDs": `SELECT 1 WHERE ${"true AND ".repeat(100_000)}true`,
  "5,000 UNIONs": `SELECT 1${" UNION SELECT 1".repeat(5_000)}`,
  "20,000 parentheses": `SELECT ${"(".repeat(20_000)}1${")".repeat(20_000)}`,
  "a VALUES list of 1 MB": `VALUES ${"(1234567),".repeat(104_857)}(1)`,
  "24,000 additions": `SELECT 1${"+1".repeat(24_000)}`,
  "20,000 nested comments": `SELECT 1 ${"/*".repeat(20_000)}${"*/".repeat(20_000)}`,
};

export async function attacks(bench: Bench): Promise<void> {
  bench.say(BESIDE);
  await interleave(bench.options.repetitions, bench.targets, async (target) => {
    const quiet = await BenchClient.connect(target);
    for (let n = 0; n < 200; n++) await quiet.query(STATEMENT);
    report(bench, target, ALONE, await timesWhile(quiet, () => rest(bench)));
    const [beside, answered] = [[] as number[], [] as number[]];
    for (const text of Object.values(ATTACKS)) {
      beside.push(...(await timesWhile(quiet, async () => void answered.push(await attack(target, text)))));
    }
    report(bench, target, BESIDE, beside);
    bench.samples.add(REFUSED, "ms, worst", target.name, Math.max(...answered));
    quiet.close();
  });
}

const STATEMENT = "SELECT abalance FROM pgbench_accounts WHERE aid = 4711";

function report(bench: Bench, target: Target, series: string, values: readonly number[]): void {
  bench.samples.add(series, "us, median", target.name, median(values));
  bench.samples.add(series, "us, 99 %", target.name, quantile(values, 0.99));
  bench.samples.add(series, "us, worst", target.name, Math.max(...values));
}

/** Microseconds of each statement that was sent until `work` was done; one at least. */
async function timesWhile(client: BenchClient, work: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  let done = false;
  const working = work().finally(() => {
    done = true;
  });
  do times.push((await client.query(STATEMENT)).doneMs * 1_000);
  while (!done);
  await working;
  return times;
}

function rest(bench: Bench): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, bench.options.quick ? 50 : 1_000));
}

/** A session of its own: what an attack costs it is its own. @returns milliseconds to the answer, which may be an error. */
async function attack(target: Target, text: string): Promise<number> {
  const client = await BenchClient.connect(target);
  const sentMs = performance.now();
  await client.query(text).catch(() => {});
  client.close();
  return performance.now() - sentMs;
}
