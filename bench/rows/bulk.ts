/**
 * A read of a million rows of eight columns, by simple Query: as they are, with two columns masked through Postern, and the same with
 * detectors looking at every cell of text.
 */

import { type Bench, interleave } from "../bench.ts";
import { BenchClient } from "../client.ts";
import { cpuSeconds } from "../processes.ts";
import type { RunningGateway } from "../servers/gateway.ts";
import type { Target } from "../target.ts";

export const BULK = "bulk read";
/** In rows: masks are shorter than what they stand for. */
export const MASKED = "bulk read, 2 of 8 columns masked";

/** The same, and no cell without a label goes unseen. */
export const DETECTING = "bulk read, 2 of 8 columns masked, detectors always";

/** @param startDetecting a second gateway, whose detectors look at every cell; it is stopped at the end. */
export async function bulk(bench: Bench, startDetecting: () => Promise<RunningGateway>): Promise<void> {
  bench.say(`${BULK} of ${bench.bulkRows.toLocaleString("en-US")} rows`);
  const detecting = bench.gateway === undefined ? undefined : await startDetecting();
  try {
    await measure(bench, detecting?.target);
  } finally {
    await detecting?.stop();
    await detecting?.remove();
  }
}

async function measure(bench: Bench, detecting: Target | undefined): Promise<void> {
  await interleave(bench.options.repetitions, bench.targets, async (target) => {
    const client = await BenchClient.connect(target);
    await client.query("SELECT 1");
    const hop = target.name === "direct" ? undefined : target.hop;
    const before = hop === undefined ? 0 : cpuSeconds(hop);
    const { rows, bytes, doneMs } = await client.query("SELECT * FROM bulk");
    if (rows !== bench.bulkRows) throw new Error(`${target.name} answered ${rows} of ${bench.bulkRows} rows`);
    bench.samples.add(BULK, "MB/s", target.name, bytes / 1e3 / doneMs);
    if (hop !== undefined)
      bench.samples.add(BULK, "cpu s/GB, hop", target.name, (cpuSeconds(hop) - before) / (bytes / 1e9));
    const labelled = await client.query("SELECT * FROM bulk_labelled");
    client.close();
    if (labelled.rows !== rows) throw new Error(`${target.name} answered ${labelled.rows} of ${rows} rows`);
    const isMasked = labelled.bytes !== bytes;
    if (isMasked !== (target.name === "postern"))
      throw new Error(`${target.name}: masks where none should be, or none`);
    bench.samples.add(MASKED, "rows/s", target.name, rows / (labelled.doneMs / 1e3));
    const seenMs = target.name === "postern" && detecting !== undefined ? await seen(detecting, rows) : labelled.doneMs;
    bench.samples.add(DETECTING, "krows/s", target.name, rows / seenMs);
  });
}

async function seen(target: Target, rows: number): Promise<number> {
  const client = await BenchClient.connect(target);
  await client.query("SELECT 1");
  const answer = await client.query("SELECT * FROM bulk_labelled");
  client.close();
  if (answer.rows !== rows) throw new Error(`with detectors ${answer.rows} of ${rows} rows`);
  return answer.doneMs;
}
