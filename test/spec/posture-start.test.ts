/** What a gateway says of its upstream roles when it starts, and of listings in functions.yaml that open nothing. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { PostureWatch } from "../../src/upstream/posture-watch.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, summary } from "../support/raw-client.ts";

let postgres: TestPostgres;
beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.psql(`CREATE ROLE least LOGIN PASSWORD 'least-password'; ALTER ROLE least SET log_min_messages = panic;
    CREATE FUNCTION total() RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1'`);
});
afterAll(() => postgres?.stop());

async function metric(gateway: TestGateway, name: string): Promise<string[]> {
  const text = await (await fetch(`${gateway.http}/metrics`)).text();
  return text.split("\n").filter((line) => line.startsWith(name));
}

/** Lines of the operator's log that say so, once there are any. */
async function logged(gateway: TestGateway, words: string): Promise<Record<string, unknown>[]> {
  const said = () => gateway.logLines.filter((line) => line.includes(words));
  await expect.poll(() => said().length, { timeout: 10_000 }).toBeGreaterThan(0);
  return said().map((line) => JSON.parse(line));
}

describe("a gateway whose upstream role is a superuser", () => {
  it("says so loudly, with what mends it, and counts it", async () => {
    await using gateway = await startGateway({ postgres });

    const [first] = await logged(gateway, "SUPERUSER");

    expect(first).toMatchObject({
      level: "error",
      database: gateway.database,
      role: gateway.role,
      check: "privileges",
      mend: expect.stringContaining("NOSUPERUSER"),
    });
    expect(
      await metric(gateway, 'postern_upstream_posture_findings{database="postgres",role="postgres",severity="fail"}'),
    ).toEqual([expect.stringMatching(/ [1-9]$/)]);
  });
});

describe("a gateway whose upstream role is the least", () => {
  it("says nothing of it", async () => {
    const role = { user: "least", password: "least-password" };
    await using gateway = await startGateway({ postgres, role });

    await expect
      .poll(() => metric(gateway, "postern_upstream_posture_findings"), { timeout: 10_000 })
      .toEqual([
        'postern_upstream_posture_findings{database="postgres",role="least",severity="ok"} 7',
        'postern_upstream_posture_findings{database="postgres",role="least",severity="warn"} 0',
        'postern_upstream_posture_findings{database="postgres",role="least",severity="fail"} 0',
      ]);
    expect(gateway.logLines.filter((line) => /"level":"(error|warn)"/.test(line))).toEqual([]);
  });
});

describe("a server that is away when the gateway starts", () => {
  it("does not keep it from starting, and is looked at when it is back", async () => {
    const later = await startPostgres();
    const { port } = later;
    await using gateway = await startGateway({ postgres: later });
    const config = loadConfig(gateway.configPath, {});
    await gateway.stop();
    await later.stop();
    const lines: string[] = [];
    const found: string[] = [];
    const watch = new PostureWatch({
      logger: createLogger({ level: "info", destination: { write: (line: string) => void lines.push(line) } }),
      found: (_, role, severity, count) => void found.push(`${role} ${severity} ${count}`),
      retryMs: 20,
    });
    watch.look({ ...config, databases: withPort(config.databases, 1) });
    await expect.poll(() => lines.join("")).toContain("cannot be looked at yet");

    watch.look({ ...config, databases: withPort(config.databases, postgres.port) });
    await expect.poll(() => found.length, { timeout: 10_000 }).toBe(3);
    await watch.close();

    expect(port).not.toBe(postgres.port);
    expect(lines.filter((line) => line.includes("cannot be looked at yet"))).toHaveLength(1);
  });
});

function withPort(databases: ReturnType<typeof loadConfig>["databases"], port: number) {
  return Object.fromEntries(Object.entries(databases).map(([name, database]) => [name, { ...database, port }]));
}

describe("a listing that opens nothing", () => {
  it("is told by the log when the catalog is known, once", async () => {
    const policy = await mkdtemp(join(tmpdir(), "postern-policy-"));
    await writeFile(join(policy, "p.cedar"), `@id("all") permit (principal, action, resource);`);
    await writeFile(
      join(policy, "functions.yaml"),
      `functions:\n  - { signature: "public.total()", bodyHash: "${"0".repeat(64)}" }\n  - { signature: "public.gone()", bodyHash: "${"0".repeat(64)}" }\n`,
    );
    await using gateway = await startGateway({ postgres, config: { policy } });
    for (let i = 0; i < 2; i++) {
      const client = await RawClient.connect(gateway);
      await client.login({ user: gateway.role, database: gateway.database }, await gateway.token());
      await client.query("SELECT 1");
      await postgres.psql(`CREATE TABLE made_${i} (n int)`);
      expect(summary(await client.query(`SELECT n FROM made_${i}`))).toContain("CommandComplete SELECT 0");
      client.destroy();
    }

    const told = await logged(gateway, "functions.yaml lists a function in vain");

    expect(told.map((line) => line["signature"]).sort()).toEqual(["public.gone()", "public.total()"]);
    expect(told.find((line) => line["signature"] === "public.gone()")?.["msg"]).toContain(
      "the database has no such function",
    );
    await rm(policy, { recursive: true, force: true });
  });
});

async function rowsAndTags(client: RawClient, text: string): Promise<string[]> {
  return (await client.query(text)).flatMap((message) => {
    if (message.type === "DataRow") return [Buffer.from(message.values[0] ?? []).toString()];
    return message.type === "CommandComplete" || message.type === "ErrorResponse" ? summary([message]) : [];
  });
}

describe("client_min_messages, which Postern keeps to itself", () => {
  it("is shown as the client has set it, as any setting is", async () => {
    const policy = await mkdtemp(join(tmpdir(), "postern-policy-"));
    await writeFile(join(policy, "p.cedar"), `@id("all") permit (principal, action, resource);`);
    await using gateway = await startGateway({ postgres, config: { policy } });
    const through = await RawClient.connect(gateway);
    await through.login({ user: gateway.role, database: gateway.database }, await gateway.token());
    const shown = async (text: string) =>
      (await rowsAndTags(through, text)).filter((each) => each !== "CommandComplete SHOW");

    expect(await rowsAndTags(through, "SHOW client_min_messages")).toEqual(["notice", "CommandComplete SHOW"]);
    expect(await shown("SET client_min_messages = WARNING; SHOW client_min_messages")).toEqual([
      "CommandComplete SET",
      "warning",
    ]);
    expect(
      await shown(
        "BEGIN; SET LOCAL client_min_messages TO error; SHOW client_min_messages; ROLLBACK; SHOW client_min_messages",
      ),
    ).toEqual(["CommandComplete BEGIN", "CommandComplete SET", "error", "CommandComplete ROLLBACK", "warning"]);
    expect(await shown("RESET client_min_messages; SHOW client_min_messages")).toEqual([
      "CommandComplete RESET",
      "notice",
    ]);
    expect(await shown("SET client_min_messages = error")).toEqual(["CommandComplete SET"]);
    expect(await shown("RESET ALL")).toEqual(["CommandComplete RESET"]);
    expect(await shown("SHOW client_min_messages")).toEqual(["notice"]);
    const [described] = (await through.query("SHOW client_min_messages")).filter(
      ({ type }) => type === "RowDescription",
    );
    expect(JSON.stringify(described)).toContain('"client_min_messages"');
    through.destroy();
    await rm(policy, { recursive: true, force: true });
  });
});
