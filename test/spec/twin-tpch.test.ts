/** The 22 queries of TPC-H through a gateway that masks customers: unmasked columns are the server's own, the rest is masks. */

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { TestPostgres } from "../support/postgres.ts";
import {
  direct,
  rowsOf,
  runAttack,
  startTwinGateway,
  startWorld,
  TWIN_FOLDER,
  type TwinGateway,
} from "../support/twin-world.ts";
import { TPCH } from "../twin-world/tpch/queries.ts";

/** Of 10 and 18, where labelled columns stand, and their masks. 22 compares with them: what is NULL is greater than nothing. */
const MASKED: ReadonlyMap<number, ReadonlyMap<number, string | null>> = new Map([
  [
    10,
    new Map([
      [1, "[masked]"],
      [3, null],
      [5, "[masked]"],
      [6, "[masked]       "],
    ]),
  ],
  [18, new Map([[0, "[masked]"]])],
]);

describe.each([15, 18] as const)("the queries of TPC-H on PostgreSQL %i", (version) => {
  let server: TestPostgres;
  let gateway: TwinGateway;
  beforeAll(async () => {
    server = await startWorld(version, "a", [await readFile(join(TWIN_FOLDER, "tpch/schema.sql"), "utf8")]);
    gateway = await startTwinGateway(server);
  });
  afterAll(async () => {
    await gateway?.stop();
    await server?.stop();
  });

  it.each(TPCH.map((sql, index) => ({ number: index + 1, sql })))("number $number", async ({ number, sql }) => {
    const script = { steps: ["SET LOCAL search_path = tpch", sql], open: false };
    const straight = rowsOf(await runAttack(direct(server), script));
    const through = rowsOf(await runAttack(gateway.connect, script));

    expect(straight).not.toEqual([]);
    expect(through).toEqual(number === 22 ? [] : masked(straight, MASKED.get(number)));
  });
});

function masked(rows: unknown, masks: ReadonlyMap<number, string | null> | undefined): unknown {
  if (masks === undefined || !Array.isArray(rows)) return rows;
  return rows.map((row) =>
    Array.isArray(row) ? row.map((value, index) => (masks.has(index) ? masks.get(index) : value)) : row,
  );
}
