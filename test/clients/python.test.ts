import { afterAll, beforeAll, describe, it } from "vitest";
import { type ClientBench, expectSame, runs, script, startBench } from "./run-client.ts";

/** Debian's, because that is where the drivers are installed. */
const PYTHON = "/usr/bin/python3";

const DRIVERS = [
  { driver: "psycopg2", modules: "psycopg2", debian: "python3-psycopg2" },
  { driver: "psycopg3", modules: "psycopg", debian: "python3-psycopg" },
  { driver: "asyncpg", modules: "asyncpg", debian: "python3-asyncpg" },
  {
    driver: "sqlalchemy",
    modules: "sqlalchemy, psycopg2, asyncpg",
    debian: "python3-sqlalchemy, python3-psycopg2, python3-asyncpg",
  },
].map((one) => ({ ...one, installed: runs(PYTHON, "-c", `import ${one.modules}`) }));

let bench: ClientBench;

beforeAll(async () => {
  bench = await startBench(17);
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

describe.each(DRIVERS)("$driver through the gateway", ({ driver, installed, debian }) => {
  const title = installed ? "shows what it shows without it" : `is not tried here: install Debian's ${debian}`;

  it.skipIf(!installed)(title, { timeout: 500_000 }, async () => {
    const args = ["-W", "ignore", script(`python/${driver}_script.py`)];
    await expectSame(bench, { command: PYTHON, args, env: { PYTHONDONTWRITEBYTECODE: "1" } });
  });
});

describe("a cancel that has returned to its client", () => {
  const installed = DRIVERS.some((one) => one.driver === "psycopg2" && one.installed);
  const title = installed ? "does not hit the statement after" : "is not tried here: install Debian's python3-psycopg2";

  // A client takes the end of its cancel's connection as done: the gateway ends it when the upstream has had the request.
  it.skipIf(!installed)(title, { timeout: 500_000 }, async () => {
    const args = [script("python/late_cancel_script.py")];
    await expectSame(bench, { command: PYTHON, args, env: { PYTHONDONTWRITEBYTECODE: "1" } });
  });
});
