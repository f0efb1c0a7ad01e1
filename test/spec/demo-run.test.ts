/** `npm start`, from its own process on: what it shows, that its parts work, and that nothing is left, however it ends. */

import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { processesLeft, startDemoProcess, temporaryFolders } from "../support/demo-process.ts";

let prepared: string;
let parent: string;
let folder: string;

/** A folder that a demo has left, for the tests whose subject is not the first start: copying is quicker. */
beforeAll(async () => {
  prepared = await mkdtemp(join(tmpdir(), "postern-run-"));
  await chmod(prepared, 0o755);
  const demo = startDemoProcess({ once: true, folder: join(prepared, ".postern") });
  expect([await demo.ended, demo.output()]).toEqual([0, expect.stringContaining("All as it should be.")]);
});
afterAll(() => rm(prepared, { recursive: true, force: true }));
const usePrepared = (): void => void execFileSync("cp", ["-Rp", join(prepared, ".postern"), parent]);

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), "postern-run-"));
  await chmod(parent, 0o755); // as a clone is: the server's user must get through
  folder = join(parent, ".postern");
});
afterEach(() => rm(parent, { recursive: true, force: true }));

// Each test starts whole demos, real server and all: seconds on an idle machine, a minute on a busy one.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const LIMIT_MS = 15_000;

describe("the demo with --once", () => {
  it("lets an agent read and write, denies it a DROP with the reason, has bad tokens refused, verifies the log, and ends well, twice in a row", async () => {
    const before = await temporaryFolders();
    const first = startDemoProcess({ once: true, folder });
    expect([await first.ended, first.output()]).toEqual([0, expect.stringContaining("All as it should be.")]);
    const second = startDemoProcess({ once: true, folder });
    expect([await second.ended, second.output()]).toEqual([0, expect.stringContaining("All as it should be.")]);

    expect(first.output()).toContain("Filling the shop: 5,000 customers");
    expect(second.output()).not.toContain("Filling the shop");
    for (const words of [
      "expired an hour ago: refused, 28000",
      "another audience: refused, 28000",
      "(alg: none): refused, 28000",
      "by COPY: [masked]",
      "Ten times 0",
      "DROP TABLE customers: refused, 42501",
      "Sam, for whom the agent acts, may not approve it.",
      "Ada, a DBA, approves what she was shown: it runs,",
      "1 approval from its request to its one",
      "Policy no-definitions: agents do not change definitions (drop on table",
    ]) {
      expect(second.output()).toContain(words);
    }
    expect(
      second
        .output()
        .split("\n")
        .filter((line) => line.length > 80),
    ).toEqual([]);
    expect(await processesLeft(folder, 0)).toEqual([]);
    expect(await temporaryFolders()).toEqual(before);
  });

  it("keeps every secret in files that only their owner reads, and none in the configuration", async () => {
    usePrepared();
    const demo = startDemoProcess({ once: true, folder });
    expect(await demo.ended).toBe(0);

    const secrets = await readdir(join(folder, "secrets"));
    const modes = await Promise.all(
      secrets.map(async (name) => (await stat(join(folder, "secrets", name))).mode & 0o777),
    );
    const values = await Promise.all(secrets.map((name) => readFile(join(folder, "secrets", name), "utf8")));
    const shown = [
      demo.output(),
      await readFile(join(folder, "postern.yaml"), "utf8"),
      await readFile(join(folder, "gateway.log"), "utf8"),
      await readFile(join(folder, "postgres.log"), "utf8"),
    ].join("\n");

    expect(secrets.length).toBeGreaterThan(4);
    expect(modes.filter((mode) => mode !== 0o600)).toEqual([]);
    expect(values.filter((value) => shown.includes(value))).toEqual([]);
  });
});

describe("the demo's screen", () => {
  it("fits 24 lines of 80 columns, and its connection line works", async () => {
    usePrepared();
    const demo = startDemoProcess({ folder });
    await demo.until("lets a scripted agent do it all");
    const screen = demo.output().slice(demo.output().indexOf("Postern is running")).replaceAll(`${folder}`, ".postern");

    const port = Number(/port=(\d+)/.exec(screen)?.[1]);
    const client = new pg.Client({
      host: "localhost",
      port,
      user: "agent",
      database: "shop",
      password: await readFile(join(folder, "agent.token"), "utf8"),
      ssl: { ca: await readFile(join(folder, "tls", "ca.crt"), "utf8") },
    });
    await client.connect();
    const { rows } = await client.query(
      "SELECT current_user AS role, current_setting('application_name') AS application",
    );
    const denied = await client.query("DROP TABLE customers").catch((error: unknown) => error);
    await client.end();

    const detail = "Policy no-definitions: agents do not change definitions (drop on table shop.public.customers).";
    expect(denied).toMatchObject({ code: "42501", detail });
    expect(screen).toContain("DROP TABLE customers;");
    expect(rows).toEqual([{ role: "agent", application: "support-agent" }]);
    expect(screen.trimEnd().split("\n").length).toBeLessThanOrEqual(24);
    expect(screen.split("\n").filter((line) => line.length > 80)).toEqual([]);
    demo.signal("SIGINT");
    expect(await demo.ended).toBe(0);
    expect(await processesLeft(folder, 0)).toEqual([]);
  });

  it("names other ports where its own are taken", async () => {
    usePrepared();
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const address = taken.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;

    const demo = startDemoProcess({ folder, ports: { wire: port, http: port } });
    await demo.until("lets a scripted agent do it all");

    expect(demo.output()).toMatch(new RegExp(`Port ${port} is taken: agents on \\d+ instead`));
    expect(demo.output()).toMatch(new RegExp(`Port ${port} is taken: HTTP on \\d+ instead`));
    expect(demo.output()).not.toContain(`port=${port} `);
    demo.signal("SIGTERM");
    expect(await demo.ended).toBe(0);
    taken.close();
  });
});

describe("a demo that is ended", () => {
  it.each([
    "SIGINT",
    "SIGTERM",
    "SIGHUP",
  ] as const)("by %s while an agent is connected stops everything and ends well", async (signal) => {
    usePrepared();
    const demo = startDemoProcess({ folder });
    await demo.until("lets a scripted agent do it all");

    demo.signal(signal);

    expect(await demo.ended).toBe(0);
    expect(await processesLeft(folder, 0)).toEqual([]);
  });

  it("by kill -9 leaves no process, and starts again on the same data", async () => {
    usePrepared();
    const demo = startDemoProcess({ folder });
    await demo.until("lets a scripted agent do it all");

    demo.signal("SIGKILL");

    expect(await demo.ended).toBe("SIGKILL");
    expect(await processesLeft(folder, LIMIT_MS)).toEqual([]);
    const again = startDemoProcess({ once: true, folder });
    expect([await again.ended, again.output()]).toEqual([0, expect.stringContaining("All as it should be.")]);
    expect(again.output()).not.toContain("Filling the shop");
  });

  it.each([
    "Preparing PostgreSQL",
    "Filling the shop",
  ])('by kill -9 at "%s" leaves no process, and starts afresh', async (moment) => {
    const demo = startDemoProcess({ folder });
    await demo.until(moment);

    demo.signal("SIGKILL");
    await demo.ended;

    expect(await processesLeft(folder, LIMIT_MS)).toEqual([]);
    const again = startDemoProcess({ once: true, folder });
    expect([await again.ended, again.output()]).toEqual([0, expect.stringContaining("Filling the shop")]);
  });

  it("by the end of its PostgreSQL says so, stops the rest and ends with 1", async () => {
    usePrepared();
    const demo = startDemoProcess({ folder });
    await demo.until("lets a scripted agent do it all");
    const [pid = ""] = (await readFile(join(folder, "postgres", "data", "postmaster.pid"), "utf8")).split("\n");

    process.kill(Number(pid), "SIGQUIT");

    expect(await demo.ended).toBe(1);
    expect(demo.output()).toContain("Stopping: PostgreSQL ended; its log is");
    expect(await processesLeft(folder, 0)).toEqual([]);
  });

  it("by Ctrl-C while it starts stops and ends well", async () => {
    const demo = startDemoProcess({ folder });
    await demo.until("Preparing PostgreSQL");

    demo.signal("SIGINT");

    expect(await demo.ended).toBe(0);
    expect(await processesLeft(folder, 0)).toEqual([]);
  });
});

describe("a demo whose folder is not as it left it", () => {
  it("makes the database again when its files are damaged, and says so", async () => {
    usePrepared();
    await rm(join(folder, "postgres", "data", "global", "pg_control"));

    const demo = startDemoProcess({ once: true, folder });

    expect([await demo.ended, demo.output()]).toEqual([0, expect.stringContaining("does not start and is made again")]);
  });

  it("says who is in the way when a demo runs there already", async () => {
    usePrepared();
    const first = startDemoProcess({ folder });
    await first.until("lets a scripted agent do it all");

    const second = startDemoProcess({ folder });

    expect(await second.ended).toBe(1);
    expect(second.output()).toContain("A demo runs in");
    first.signal("SIGINT");
    expect(await first.ended).toBe(0);
  });

  it("stops what it had started when the gateway cannot start", async () => {
    usePrepared();
    await rm(join(folder, "data"), { recursive: true });
    await writeFile(join(folder, "data"), "in the way of the data folder");

    const demo = startDemoProcess({ folder });

    expect(await demo.ended).toBe(1);
    expect(await processesLeft(folder, 0)).toEqual([]);
  });
});
