import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, it } from "vitest";
import { type ClientBench, expectSame, runs, script, startBench } from "./run-client.ts";

/** Where Debian's libpostgresql-jdbc-java puts it. */
const DRIVER = "/usr/share/java/postgresql.jar";
const installed = existsSync(DRIVER) && runs("java", "--version");

let bench: ClientBench;

beforeAll(async () => {
  bench = await startBench(16);
});
afterAll(async () => {
  await bench[Symbol.asyncDispose]();
});

describe("pgjdbc through the gateway", () => {
  const title = installed
    ? "shows what it shows without it"
    : "is not tried here: install Debian's openjdk-17-jdk-headless and libpostgresql-jdbc-java";

  it.skipIf(!installed)(title, { timeout: 500_000 }, async () => {
    const args = ["-XX:TieredStopAtLevel=1", "-Xmx1g", "-cp", DRIVER, script("jdbc/JdbcScript.java")];
    await expectSame(bench, { command: "java", args, env: { CLIENT_SHARED: script("shared/") } });
  });
});
