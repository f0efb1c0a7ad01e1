import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { parseProof } from "../../src/audit/prove.ts";
import { type DemoIssuer, startDemoIssuer } from "../../src/demo/issuer/issuer.ts";
import { type TestCli, testCli } from "../support/cli.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

let postgres: TestPostgres;
let issuer: DemoIssuer;
let gateway: TestGateway;
let cli: TestCli;
let agent: NodeJS.ProcessEnv;
let admin: NodeJS.ProcessEnv;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.psql("CREATE ROLE shop_agent LOGIN PASSWORD 'planted-upstream-password'");
  await postgres.psql("CREATE DATABASE postern");
  issuer = await startDemoIssuer();
  const entry = { url: issuer.url, audience: "postern", groups: "groups" };
  const agents = issuer.clients.map(({ id }) => id);
  gateway = await startGateway({
    postgres,
    role: { user: "shop_agent", password: "planted-upstream-password" },
    config: {
      store: { url: postgres.url("postern") },
      issuers: [
        { ...entry, kind: "agent", where: { client_id: agents } },
        { ...entry, kind: "human", where: { client_id: "postern-cli" }, clientId: "postern-cli" },
      ],
      roles: { admin: ["platform"], auditor: ["audit"] },
    },
  });
  cli = await testCli({ POSTERN_GATEWAY: gateway.http, PATH: process.env["PATH"], POSTERN_CONFIG: gateway.configPath });
  agent = { POSTERN_TOKEN: await issuer.tokenFor("report-agent") };
  admin = { POSTERN_TOKEN: await issuer.tokenFor("dan") };
});
afterAll(async () => {
  await cli[Symbol.asyncDispose]();
  await gateway.stop();
  await issuer.close();
  await postgres.stop();
});

async function connected(name = "cli test"): Promise<pg.Client> {
  const { host, port, database, role: user } = gateway;
  const client = new pg.Client({
    host,
    port,
    database,
    user,
    password: agent["POSTERN_TOKEN"],
    application_name: name,
  });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

const hasPsql = (() => {
  try {
    execFileSync("psql", ["--version"]);
    return true;
  } catch {
    return false;
  }
})();

describe("postern connect", () => {
  it.skipIf(!hasPsql)("runs psql through the gateway, and its exit status is the command's", async () => {
    const file = join(cli.folder, "out.txt");
    const run = (sql: string) =>
      cli.run(
        [
          "connect",
          gateway.database,
          "--role",
          gateway.role,
          "--",
          "-XAtq",
          "-v",
          "ON_ERROR_STOP=1",
          "-o",
          file,
          "-c",
          sql,
        ],
        { env: agent },
      );

    expect(await run("SELECT current_user, 6 * 7")).toMatchObject({ status: 0, out: "", err: "" });
    expect(readFileSync(file, "utf8")).toBe("shop_agent|42\n");
    expect((await run("SELECT 1 / 0")).status).toBe(1);
  });

  it("says what else serves where there is no psql", async () => {
    const env = { ...agent, PATH: cli.folder };

    const { status, err } = await cli.run(["connect", gateway.database, "--role", gateway.role], { env });

    expect(status).toBe(1);
    expect(err).toContain("psql is not installed here\n  postern url and postern token");
  });
});

describe("postern sessions at a gateway", () => {
  it("shows who is connected, and ends it with a reason that is in the log", async () => {
    const client = await connected();
    const [session] = JSON.parse(
      (await cli.run(["sessions", "ls", "--state", "live", "-o", "json"], { env: admin })).out,
    );
    const ended = new Promise<void>((resolve) => client.once("end", () => resolve()));

    expect(session).toMatchObject({ role: "shop_agent", principal: { subject: "report-agent", kind: "agent" } });
    expect((await cli.run(["sessions", "kill", session.id, "--reason", "test of kill"], { env: admin })).status).toBe(
      0,
    );

    await ended;
    await gateway.running.flushed();
    const tail = await cli.run(["audit", "tail", "-o", "jsonl"]);
    expect(tail.out).toContain('"reason":"test of kill"');
  });

  it("is refused to an agent with status 3", async () => {
    expect(await cli.run(["sessions", "ls"], { env: agent })).toMatchObject({
      status: 3,
      err: expect.stringContaining("An agent's token opens nothing here"),
    });
  });
});

describe("the audit log", () => {
  it("is verified from its folder alone, and by the key that was given", async () => {
    const client = await connected();
    await client.query("SELECT 1");
    await client.end();
    await gateway.running.flushed();
    const folder = join(gateway.dataPath, "log");

    const report = JSON.parse((await cli.run(["audit", "verify", folder, "-o", "json"])).out);

    expect(report).toMatchObject({ ok: true, problems: [] });
    expect(report.warnings.join()).toMatch(/key/);
    expect((await cli.run(["audit", "verify"])).out).toMatch(/ok: \d+ entries verified/);
    expect(await cli.run(["audit", "verify", folder, "--key", "nonsense"])).toMatchObject({ status: 2 });
  });

  it("that was tampered with ends with status 1 and a sentence for what is wrong", async () => {
    await gateway.running.flushed();
    const copy = join(cli.folder, "copy");
    execFileSync("cp", ["-r", join(gateway.dataPath, "log"), copy]);
    const checkpoint = join(copy, gateway.running.instance, "checkpoint");
    writeFileSync(checkpoint, readFileSync(checkpoint, "utf8").replace(/\n\d+\n/, "\n1\n"));

    const { status, out, err } = await cli.run(["audit", "verify", copy]);

    expect(status).toBe(1);
    expect(out).toContain(gateway.running.instance);
    expect(err).toMatch(/things? (is|are) wrong/);
  });

  it("is told line by line, newest last", async () => {
    await gateway.running.flushed();

    const { out } = await cli.run(["audit", "tail", "-n", "1000"]);
    const [first = ""] = out.split("\n");

    expect(first).toMatch(/^0 {2}\d{4}-\d\d-\d\dT[\d:.]+Z {2}key\.created/);
    expect(out).toMatch(/session\.opened {2}ses_\w+ {2}report-agent/);
    expect((await cli.run(["audit", "tail", "-n", "2"])).out.trim().split("\n")).toHaveLength(2);
  });

  it("is followed until interrupted", async () => {
    const interrupt = new AbortController();
    const following = cli.run(["audit", "tail", "-f", "-n", "1", "-o", "jsonl"], {
      signal: interrupt.signal,
      onOut: (line) => {
        if (line.includes("followed-query")) interrupt.abort();
      },
    });
    const client = await connected("followed-query");
    await client.end();

    const { status, out } = await following;

    expect(status).toBe(0);
    const lines = out.trim().split("\n");
    expect(
      lines.map((line) => JSON.parse(line)).filter((entry) => entry.applicationName === "followed-query"),
    ).toHaveLength(1);
  });

  it("gives a proof of one entry that parses, with the entry byte for byte", async () => {
    await gateway.running.flushed();
    const base = join(cli.folder, "evidence");

    const printed = await cli.run(["audit", "prove", "0"]);
    await cli.run(["audit", "prove", "0", "--out", base]);

    expect(parseProof(printed.out).index).toBe(0);
    expect(JSON.parse(readFileSync(`${base}.json`, "utf8"))).toMatchObject({ seq: 0, type: "key.created" });
    expect(parseProof(readFileSync(`${base}.tlog-proof`, "utf8")).index).toBe(0);
    expect((await cli.run(["audit", "prove", "99999999"])).status).toBe(1);
  });

  it("is indexed anew by store rebuild", async () => {
    await gateway.running.flushed();

    const [row] = JSON.parse((await cli.run(["store", "rebuild", "-o", "json"])).out);

    expect(row).toMatchObject({ instance: gateway.running.instance });
    expect(row.entries).toBeGreaterThan(3);
  });
});

/** `postern start` as a process of its own. */
class Started {
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  readonly #lines: Record<string, unknown>[] = [];
  readonly #waiting = new Set<() => void>();
  err = "";

  constructor(config: string) {
    const bin = fileURLToPath(new URL("../../bin/postern.js", import.meta.url));
    this.child = spawn(process.execPath, [bin, "start", "--config", config], { stdio: ["ignore", "pipe", "pipe"] });
    this.exit = new Promise((resolve) => this.child.once("close", (code) => resolve(code)));
    this.child.stderr?.on("data", (bytes) => {
      this.err += bytes;
      for (const look of this.#waiting) look();
    });
    if (this.child.stdout === null) throw new Error("no output");
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      this.#lines.push(JSON.parse(line));
      for (const look of this.#waiting) look();
    });
  }

  /** The first log line with this message, when it comes. */
  line(message: string): Promise<Record<string, unknown>> {
    return this.#until(() => this.#lines.find(({ msg }) => msg === message));
  }

  /** Standard error once `part` is in it. */
  said(part: string): Promise<string> {
    return this.#until(() => (this.err.includes(part) ? this.err : undefined));
  }

  #until<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find();
        if (found === undefined) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      void this.exit.then((code) => reject(new Error(`ended with ${code}: ${this.err}`)));
      look();
    });
  }
}

describe("postern start", () => {
  it("logs JSON lines, reloads at HUP, keeps what it has where the file is bad, and stops at TERM with status 0", async () => {
    const config = join(cli.folder, "start.yaml");
    const base = parse(readFileSync(gateway.configPath, "utf8"));
    const password = join(cli.folder, "agent.pw");
    writeFileSync(password, "x", { mode: 0o600 });
    const role = { user: "shop_agent", password: { file: password }, groups: ["agents"] };
    const database = { ...base.databases[gateway.database], roles: { [gateway.role]: role } };
    const settings = { ...base, data: join(cli.folder, "data"), databases: { [gateway.database]: database } };
    writeFileSync(config, stringify(settings));
    const started = new Started(config);
    try {
      expect(await started.line("the gateway is ready")).toMatchObject({ level: "info" });

      writeFileSync(config, stringify({ ...settings, limits: { session: { idle: "5m" } } }));
      started.child.kill("SIGHUP");
      expect(await started.line("configuration reloaded")).toMatchObject({
        changed: ['limits.session.idle: "1h" -> "5m"'],
      });

      writeFileSync(config, stringify({ ...settings, limts: {} }));
      started.child.kill("SIGHUP");
      expect(await started.said("did you mean")).toContain('limts: unknown key (did you mean "limits"?)');

      started.child.kill("SIGTERM");
      expect(await started.exit).toBe(0);
      expect(existsSync(join(cli.folder, "data", "log"))).toBe(true);
    } finally {
      started.child.kill("SIGKILL");
    }
  });
});
