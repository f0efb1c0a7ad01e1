/** Random statements in two databases that differ in labelled values alone: through the gateway they give the same, and next to none is refused. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestPostgres } from "../support/postgres.ts";
import type { RawClient } from "../support/raw-client.ts";
import { randomSql } from "../support/sql-generator.ts";
import {
  canariesIn,
  direct,
  linesOf,
  refusedBy,
  startTwinGateway,
  startWorld,
  type TwinGateway,
  withoutIds,
} from "../support/twin-world.ts";

/** By hand, POSTERN_RANDOM_STATEMENTS and POSTERN_RANDOM_SEED run more, and others. */
const STATEMENTS = Number(process.env["POSTERN_RANDOM_STATEMENTS"] ?? 2500);
const SEED = Number(process.env["POSTERN_RANDOM_SEED"] ?? 1);

it("a seed gives its statement again, and another seed another", () => {
  expect(randomSql(SEED)).toBe(randomSql(SEED));
  expect(new Set(Array.from({ length: 100 }, (_, index) => randomSql(index))).size).toBeGreaterThan(90);
});

describe.each([15, 18] as const)("random statements in two worlds of PostgreSQL %i", (version) => {
  const servers: TestPostgres[] = [];
  const gateways: TwinGateway[] = [];
  const clients: RawClient[] = [];
  beforeAll(async () => {
    servers.push(...(await Promise.all([startWorld(version, "a"), startWorld(version, "b")])));
    for (const server of servers) gateways.push(await startTwinGateway(server));
    const sessions = [...servers.map(direct), ...gateways.map(({ connect }) => connect)];
    clients.push(...(await Promise.all(sessions.map((session) => session()))));
  });
  afterAll(async () => {
    for (const client of clients) client.destroy();
    for (const each of [...gateways, ...servers]) await each.stop();
  });

  it(
    "differ in no row, and are refused for a reason or not at all",
    async () => {
      const seen = { accepted: 0, refused: 0, differWhereNothingMasks: 0 };
      const leaks: string[] = [];
      for (let index = 0; index < STATEMENTS; index++) {
        const sql = randomSql(SEED * 1_000_003 + index);
        const [plainA = [], plainB = [], a = [], b = []] = await Promise.all(
          clients.map((client) => answer(client, sql)),
        );
        if (withoutIds(a) !== withoutIds(b) || canariesIn([...a, ...b]).length > 0) leaks.push(sql);
        if (refusedBy(plainA) !== null) continue;
        seen.accepted++;
        if (refusedBy(a) !== null) seen.refused++;
        if (withoutIds(plainA) !== withoutIds(plainB)) seen.differWhereNothingMasks++;
      }

      expect(leaks).toEqual([]);
      expect(seen.accepted).toBeGreaterThan(STATEMENTS * 0.9);
      expect(seen.refused).toBeLessThan(seen.accepted * 0.02);
      // The statements do reach for what is masked.
      expect(seen.differWhereNothingMasks).toBeGreaterThan(STATEMENTS / 10);
    },
    600_000 + STATEMENTS * 100,
  );
});

/** The answer with its rows in one order; what is changed is taken back. */
async function answer(client: RawClient, sql: string): Promise<string[]> {
  await linesOf(client, "BEGIN");
  const lines = await linesOf(client, sql);
  await linesOf(client, "ROLLBACK");
  return lines.map((line) => `1 ${line}`).sort();
}
