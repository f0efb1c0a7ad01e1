import { afterAll, beforeAll, describe, it } from "vitest";
import { type ClientBench, expectSame, script, startBench } from "./run-client.ts";

let bench: ClientBench;

beforeAll(async () => {
  bench = await startBench(18);
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

const DRIVERS = ["pg", "postgresjs", "kysely", "drizzle", "knex", "typeorm", "sequelize"];

describe.each(DRIVERS)("%s through the gateway", (driver) => {
  it("shows what it shows without it", { timeout: 500_000 }, async () => {
    await expectSame(bench, { command: process.execPath, args: ["--no-warnings", script(`node/${driver}.mjs`)] });
  });
});
