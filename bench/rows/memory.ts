/** What an idle session holds of the hop's memory: resident size with a thousand sessions, each after one statement, less that with none. */

import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import { BenchClient } from "../client.ts";
import { residentBytes } from "../processes.ts";
import type { Target } from "../target.ts";

export const IDLE = "memory per idle session";
/** Long enough for buffers of the start-up to be given back. */
const SETTLE_MS = 3000;
const AT_ONCE = 20;

export async function memory(bench: Bench): Promise<void> {
  const sessions = bench.options.quick ? 50 : 1000;
  bench.say(`${IDLE}, ${sessions} sessions`);
  for (const target of bench.targets) {
    if (target.name === "direct" || target.hop === undefined) continue;
    await open(target, Math.min(sessions, 50)).then(close); // code and pools that the first sessions load are not the sessions'
    await sleep(SETTLE_MS);
    const before = residentBytes(target.hop);
    const clients = await open(target, sessions);
    await sleep(SETTLE_MS);
    bench.samples.add(IDLE, "KiB", target.name, (residentBytes(target.hop) - before) / clients.length / 1024);
    close(clients);
    await sleep(SETTLE_MS);
  }
}

async function open(target: Target, count: number): Promise<BenchClient[]> {
  const clients: BenchClient[] = [];
  while (clients.length < count) {
    const batch = Math.min(AT_ONCE, count - clients.length);
    clients.push(...(await Promise.all(Array.from({ length: batch }, () => openOne(target)))));
  }
  return clients;
}

async function openOne(target: Target): Promise<BenchClient> {
  const client = await BenchClient.connect(target);
  await client.extended("SELECT abalance FROM pgbench_accounts WHERE aid = 1");
  return client;
}

function close(clients: readonly BenchClient[]): void {
  for (const client of clients) client.close();
}
