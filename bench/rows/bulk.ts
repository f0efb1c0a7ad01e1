/** A read of a million rows of eight columns, by simple Query: as they are, and with two columns masked through Postern. */

import { type Bench, interleave } from "../bench.ts";
import { BenchClient } from "../client.ts";
import { cpuSeconds } from "../processes.ts";

export const BULK = "bulk read";
/** In rows: masks are shorter than what they stand for. */
export const MASKED = "bulk read, 2 of 8 columns masked";

export async function bulk(bench: Bench): Promise<void> {
  bench.say(`${BULK} of ${bench.bulkRows.toLocaleString("en-US")} rows`);
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
  });
}
