/** Ordinary statements through a gateway that masks: the server's own bytes where no label is touched, masks where one is; real analytical SQL. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestPostgres } from "../support/postgres.ts";
import {
  direct,
  rowsOf,
  runAttack,
  startTwinGateway,
  startWorld,
  type TwinGateway,
  withoutIds,
} from "../support/twin-world.ts";
import { BENIGN } from "../twin-world/benign.ts";

it("there are at least 80", () => {
  expect(BENIGN.length).toBeGreaterThanOrEqual(80);
});

describe.each([15, 18] as const)("ordinary statements on PostgreSQL %i", (version) => {
  let server: TestPostgres;
  let gateway: TwinGateway;
  beforeAll(async () => {
    server = await startWorld(version, "a");
    gateway = await startTwinGateway(server);
  });
  afterAll(async () => {
    await gateway?.stop();
    await server?.stop();
  });

  it.each(BENIGN.filter(({ rows }) => rows === undefined))("$sql", async ({ sql }) => {
    const script = { steps: [sql], open: false };
    const [through, straight] = [await runAttack(gateway.connect, script), await runAttack(direct(server), script)];
    expect(withoutIds(through)).toBe(withoutIds(straight));
  });

  it.each(BENIGN.filter(({ rows }) => rows !== undefined))("masked: $sql", async ({ sql, rows }) => {
    expect(rowsOf(await runAttack(gateway.connect, { steps: [sql], open: false }))).toEqual(rows);
  });
});
