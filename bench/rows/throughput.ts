/** pgbench, select-only and TPC-B-like, in three protocol modes: transactions a second, and what each process tree spends on one. */

import { type Bench, interleave } from "../bench.ts";
import { type Load, pgbench } from "../pgbench.ts";
import { cpuSeconds, endedChildrenCpuSeconds } from "../processes.ts";
import type { Target } from "../target.ts";

const SCRIPTS = ["select-only", "tpcb-like"] as const;
const MODES = ["simple", "extended", "prepared"] as const;
const CLIENTS = [1, 8, 32] as const;
const WARM_UP = { seconds: 8 } as const;

export function seriesName(load: Pick<Load, "script" | "mode" | "clients">): string {
  return `${load.script} ${load.mode} ${load.clients}`;
}

export async function throughput(bench: Bench): Promise<void> {
  const { options, say } = bench;
  const modes = MODES.filter((mode) => options.modes.length === 0 || options.modes.includes(mode));
  const clients = options.clients.length > 0 ? options.clients : options.quick ? [8] : CLIENTS;
  if (!options.quick) await warmUp(bench, modes);
  for (const script of SCRIPTS) {
    for (const mode of modes) {
      for (const count of clients) {
        const load: Load = { script, mode, clients: count, extent: options.extent };
        say(seriesName(load));
        await interleave(options.repetitions, bench.targets, (target) =>
          measure(bench, target, seriesName(load), load),
        );
      }
    }
  }
}

/** Both hops and the server run for days where they are used: what a just-in-time compiler needs at first is not measured. */
async function warmUp(bench: Bench, modes: readonly Load["mode"][]): Promise<void> {
  for (const mode of modes) {
    bench.say(`warm-up ${mode}`);
    for (const target of bench.targets)
      await pgbench(target, { script: "select-only", mode, clients: 8, extent: WARM_UP });
  }
}

/** One client setting over TLS. */
export async function throughputOverTls(bench: Bench): Promise<void> {
  const load: Load = { script: "select-only", mode: "prepared", clients: 8, extent: bench.options.extent, tls: true };
  bench.say(`${seriesName(load)} TLS`);
  await interleave(bench.options.repetitions, bench.tlsTargets, (target) =>
    measure(bench, target, `${seriesName(load)} TLS`, load),
  );
}

async function measure(bench: Bench, target: Target, series: string, load: Load): Promise<void> {
  const { samples, server } = bench;
  const postmaster = server.target.hop ?? 0;
  const before = { client: endedChildrenCpuSeconds(), server: cpuSeconds(postmaster), hop: hopSeconds(target) };
  const { transactionsPerSecond, transactions } = await pgbench(target, load);
  const spent = (after: number, start: number) => ((after - start) * 1e6) / transactions;
  samples.add(series, "tps", target.name, transactionsPerSecond);
  samples.add(series, "cpu us/tx, pgbench", target.name, spent(endedChildrenCpuSeconds(), before.client));
  samples.add(series, "cpu us/tx, server", target.name, spent(cpuSeconds(postmaster), before.server));
  if (target.name !== "direct")
    samples.add(series, "cpu us/tx, hop", target.name, spent(hopSeconds(target), before.hop));
}

function hopSeconds(target: Target): number {
  return target.name === "direct" || target.hop === undefined ? 0 : cpuSeconds(target.hop);
}
