/**
 * From a person's decision to the end of the statement that waited for it: recorded, told through the control store to the gateway that
 * holds the socket, looked at again, taken, recorded, run. The decision is made in another process than the gateway's, as behind a second
 * gateway of the same store.
 */

import type { Approval } from "../../src/store/approvals.ts";
import { type Desk, openDesk, person } from "../../test/support/approvals-desk.ts";
import type { Bench } from "../bench.ts";
import { BenchClient } from "../client.ts";
import { median, quantile } from "../numbers.ts";
import type { RunningGateway, Served } from "../servers/gateway.ts";

export const APPROVAL = "from a decision to the end of the statement that waited for it";

const DATABASE = "held";
const ROLE = "held_app";
const POLICY = `
permit (principal, action, resource);
@approvers("dba") @reason("deletes wait")
forbid (principal, action == Action::"delete", resource) unless { context.approvedBy.contains("dba") };
`;
const REVIEWER = person("dora", "dba");

export async function approval(bench: Bench, start: (served: Served) => Promise<RunningGateway>): Promise<void> {
  bench.say(APPROVAL);
  const password = "bench-held";
  await bench.server.sql(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${password}'`);
  await bench.server.sql(`CREATE DATABASE ${DATABASE}`);
  await bench.server.sql(
    `CREATE TABLE orders (id int PRIMARY KEY); INSERT INTO orders SELECT generate_series(1, 10000);
     GRANT SELECT, DELETE ON orders TO ${ROLE}`,
    DATABASE,
  );
  const gateway = await start({ database: DATABASE, role: ROLE, password, policy: { "agents.cedar": POLICY } });
  try {
    await using desk = await openDesk(bench.server.storeUrl);
    const client = await BenchClient.connect(gateway.target);
    const times: number[] = [];
    const statements = bench.options.quick ? 5 : 40 * bench.options.repetitions;
    for (let n = 1; n <= statements; n++) times.push(await decided(client, desk, n));
    client.close();
    bench.samples.add(APPROVAL, "ms, median", gateway.target.name, median(times));
    bench.samples.add(APPROVAL, "ms, 99 %", gateway.target.name, quantile(times, 0.99));
  } finally {
    await gateway.stop();
    await gateway.remove();
  }
}

/** Milliseconds from the decision to the statement's last answer. */
async function decided(client: BenchClient, desk: Desk, row: number): Promise<number> {
  const known: readonly Approval[] = await desk.approvals.list({}, 1);
  const answer = client.query(`DELETE FROM orders WHERE id = ${row}`);
  const { id } = await desk.next(known);
  const startedMs = performance.now();
  await desk.decide(id, REVIEWER, "approve");
  await answer;
  return performance.now() - startedMs;
}
