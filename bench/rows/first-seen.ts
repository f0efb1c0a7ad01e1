/** A statement never seen before against one seen before: what analysis of a new text adds. */

import { randomBytes } from "node:crypto";
import { type Bench, interleave } from "../bench.ts";
import { BenchClient } from "../client.ts";
import { median } from "../numbers.ts";

export const FIRST_SEEN = "a statement never seen before";
export const SEEN = "the same statement again";
export const ROW_SEEN = "a row of eight columns, prepared before";
/** By a name under which two of them are masked; direct and pgbouncer show them as they are. */
export const MASKED_SEEN = "the same, 2 of 8 masked";

export async function firstSeen(bench: Bench): Promise<void> {
  bench.say(FIRST_SEEN);
  const statements = bench.options.quick ? 10 : 200;
  await interleave(bench.options.repetitions, bench.targets, async (target) => {
    const client = await BenchClient.connect(target);
    const [first, again]: [number[], number[]] = [[], []];
    for (let n = 0; n < statements; n++) {
      const text = newStatement();
      first.push((await client.extended(text)).doneMs);
      again.push((await client.extended(text)).doneMs);
    }
    const [plain, masked]: [number[], number[]] = [[], []];
    await client.prepare("plain", "SELECT * FROM bulk LIMIT 1");
    await client.prepare("masked", "SELECT * FROM bulk_labelled LIMIT 1");
    for (let n = 0; n < statements; n++) {
      plain.push((await client.prepared("plain")).doneMs);
      masked.push((await client.prepared("masked")).doneMs);
    }
    client.close();
    bench.samples.add(ROW_SEEN, "ms", target.name, median(plain));
    bench.samples.add(MASKED_SEEN, "ms", target.name, median(masked));
    bench.samples.add(FIRST_SEEN, "ms", target.name, median(first));
    bench.samples.add(SEEN, "ms", target.name, median(again));
  });
}

/** Another name makes another statement, whatever is done with literals. */
function newStatement(): string {
  const name = `c_${randomBytes(6).toString("hex")}`;
  return `SELECT a.aid, a.abalance AS ${name}, b.bbalance FROM pgbench_accounts a JOIN pgbench_branches b ON a.bid = b.bid
    WHERE a.aid = 4711 AND (b.bbalance IS NOT NULL OR a.filler LIKE 'x%') ORDER BY ${name} LIMIT 10`;
}
