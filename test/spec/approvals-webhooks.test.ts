/** Webhooks of approvals: what they are told, signed as Standard Webhooks has it, until it is taken. */

import { createHmac } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { z } from "zod";
import { Approvals } from "../../src/approval/approvals.ts";
import { Webhooks } from "../../src/approval/webhooks.ts";
import { AuditLog } from "../../src/audit/log.ts";
import { systemClock } from "../../src/base/clock.ts";
import { Secret } from "../../src/base/secret.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { asking, person } from "../support/approvals-desk.ts";
import { startGateway } from "../support/gateway.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient } from "../support/raw-client.ts";

const KEY = Buffer.from("a key of thirty-two bytes, or so.");
const SECRET = new Secret(`whsec_${KEY.toString("base64")}`);
const DBA = person("dora", "dba");

interface Posted {
  readonly headers: IncomingHttpHeaders;
  readonly path: string;
  readonly text: string;
}

const Body = z.object({
  type: z.string(),
  timestamp: z.iso.datetime(),
  data: z.looseObject({ id: z.string(), state: z.string() }),
});

/** A receiver that keeps what comes, and answers as it is told to. */
class Receiver {
  readonly posts: Posted[] = [];
  /** Of the next posts; 200 behind them. */
  readonly answers: number[] = [];
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    server.on("request", (request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        this.posts.push({ headers: request.headers, path: request.url ?? "", text: Buffer.concat(chunks).toString() });
        response.writeHead(this.answers.shift() ?? 200, { location: `${this.url}/elsewhere` }).end();
      });
    });
  }

  static async start(): Promise<Receiver> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Receiver(server);
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("it does not listen");
    return `http://127.0.0.1:${address.port}`;
  }

  /** Once there are so many. */
  async until(count: number): Promise<readonly Posted[]> {
    while (this.posts.length < count) await wait(10);
    return this.posts;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }
}

const folders: string[] = [];
async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "postern-webhooks-"));
  folders.push(folder);
  return folder;
}

let postgres: TestPostgres;
let store: Store;
let log: AuditLog;
let client: pg.Client;
let receiver: Receiver;
const running: { close(): Promise<void> }[] = [];

beforeAll(async () => {
  postgres = await startPostgres();
  store = await openStore(new Secret(postgres.url("postgres")), pino({ level: "silent" }));
  log = await AuditLog.open({
    ...{ folder: await temporaryFolder(), gatewayName: "hooks", clock: systemClock, durability: "default" },
    ...{ logger: pino({ level: "silent" }), version: "0.0.0", counters: () => ({}), onFlush: () => {} },
  });
  client = new pg.Client({ connectionString: postgres.url("postgres") });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await log?.close("test ended");
  await store?.close();
  await postgres?.stop();
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});
beforeEach(async () => {
  receiver = await Receiver.start();
});
afterEach(async () => {
  for (const each of running.splice(0)) await each.close();
  await receiver.close();
  await client.query("TRUNCATE postern.approval_posts");
});

function webhooks(options: { readonly lines?: string[]; readonly backOffMs?: readonly number[] } = {}): Webhooks {
  const { lines = [], backOffMs = [20] } = options;
  const hooks = new Webhooks({
    ...{ store, clock: systemClock, lookMs: 20, backOffMs },
    hooks: () => [{ url: `${receiver.url}/hook`, secret: SECRET }],
    logger: pino({ level: "warn" }, { write: (line: string) => void lines.push(line) }),
  });
  running.push(hooks);
  return hooks;
}

function approvals(hooks: Webhooks): Approvals {
  const made = new Approvals({
    ...{ store, clock: systemClock, instance: log.instance, logger: pino({ level: "silent" }) },
    announce: (q, event, approval) => hooks.announce(q, event, approval),
    record: async (entry) => log.append(entry),
  });
  running.unshift(made);
  return made;
}

const bodyOf = ({ text }: Posted) => Body.parse(JSON.parse(text));
const left = async (): Promise<number> =>
  (await client.query("SELECT count(*)::int AS n FROM postern.approval_posts")).rows[0].n;
let count = 0;
const statement = () => `DELETE FROM secret_table WHERE id = ${count++}`;

describe("a webhook", () => {
  it("is told of each step, signed, and of no statement and no value", async () => {
    const made = approvals(webhooks());
    const asked = asking(statement(), { mode: "defer" });
    const { approval } = await made.ask(asked);
    await made.decide(approval.id, DBA, "approve", "go");
    const ready = await made.read(approval.id);
    if (ready === null) throw new Error("it is gone");
    expect(await made.consume(ready, asked.sameness, "ses_x")).toBe(true);
    const other = (await made.ask(asking(statement(), { mode: "defer" }))).approval;
    await made.end(other.id, "withdrawn", "gone");
    const posts = await receiver.until(5);

    const told = posts.map(bodyOf).map(({ type, data }) => [type, data.id, data.state]);
    expect(told.filter(([, id]) => id === approval.id).sort()).toEqual([
      ["approval.consumed", approval.id, "consumed"],
      ["approval.decided", approval.id, "approved"],
      ["approval.requested", approval.id, "pending"],
    ]);
    expect(told.filter(([, id]) => id === other.id).sort()).toEqual([
      ["approval.ended", other.id, "withdrawn"],
      ["approval.requested", other.id, "pending"],
    ]);
    for (const { headers, text, path } of posts) {
      const id = headers["webhook-id"];
      const seconds = headers["webhook-timestamp"];
      const expected = createHmac("sha256", KEY).update(`${id}.${seconds}.${text}`).digest("base64");
      expect([path, headers["webhook-signature"]]).toEqual(["/hook", `v1,${expected}`]);
      expect(Math.abs(Number(seconds) - Date.now() / 1_000)).toBeLessThan(60);
      expect(text).not.toContain("secret_table");
      expect(text).not.toContain('"7"');
    }
    expect(new Set(posts.map(({ headers }) => headers["webhook-id"])).size).toBe(5);
  });

  it("is told again, under the same id, until it takes it", async () => {
    const lines: string[] = [];
    receiver.answers.push(500, 429);
    const { approval } = await approvals(webhooks({ lines })).ask(asking(statement(), { mode: "defer" }));
    const posts = await receiver.until(3);
    while ((await left()) > 0) await wait(10);

    expect(posts.map(bodyOf).map(({ data }) => data.id)).toEqual([approval.id, approval.id, approval.id]);
    expect(new Set(posts.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    expect(lines.map((line) => JSON.parse(line)["problem"])).toEqual(["status 500"]);
    expect(lines.join()).not.toContain("/hook"); // its path may be a secret
  });

  it("is told at the address that was configured, and not where that sends it", async () => {
    receiver.answers.push(307);
    await approvals(webhooks()).ask(asking(statement(), { mode: "defer" }));
    const posts = await receiver.until(2);
    expect(posts.map(({ path }) => path)).toEqual(["/hook", "/hook"]);
  });

  it("is told once of each, by whichever of several gateways", async () => {
    const [one] = [webhooks(), webhooks(), webhooks()];
    if (one === undefined) throw new Error("none");
    const made = approvals(one);
    for (let n = 0; n < 40; n++) {
      const { approval } = await made.ask(asking(statement(), { mode: "defer" }));
      await made.end(approval.id, "withdrawn", "done");
    }
    const posts = await receiver.until(80);
    while ((await left()) > 0) await wait(10);
    expect(new Set(posts.map(({ headers }) => headers["webhook-id"])).size).toBe(80);
    expect(posts.length).toBe(80);
  });

  it("is told by the next gateway of what the last one could not tell", async () => {
    receiver.answers.push(503);
    const first = webhooks({ backOffMs: [60_000] });
    const made = approvals(first);
    const { approval } = await made.ask(asking(statement(), { mode: "defer" }));
    await receiver.until(1);
    for (const each of running.splice(0)) await each.close();
    expect(await left()).toBe(1);
    await client.query("UPDATE postern.approval_posts SET due_at = now()");
    webhooks();
    expect((await receiver.until(2)).map(bodyOf)[1]?.data.id).toBe(approval.id);
  });

  it("is given up after a day, which is said", async () => {
    const lines: string[] = [];
    receiver.answers.push(500, 500, 500);
    const made = approvals(webhooks({ lines, backOffMs: [60_000] }));
    await made.ask(asking(statement(), { mode: "defer" }));
    await receiver.until(1);
    await client.query("UPDATE postern.approval_posts SET created_at = now() - interval '25 hours', due_at = now()");
    while ((await left()) > 0) await wait(10);
    expect(receiver.posts.length).toBe(2);
    expect(JSON.parse(lines.at(-1) ?? "{}")).toMatchObject({ msg: "a webhook was given up", attempts: 2 });
  });

  it("is told by a gateway that is configured so, until it is no more", async () => {
    const folder = await temporaryFolder();
    await writeFile(
      join(folder, "all.cedar"),
      `permit (principal, action, resource);
       @approvers("dba") @reason("wait") forbid (principal, action == Action::"delete", resource) unless { context.approvedBy.contains("dba") };`,
    );
    await postgres.psql("CREATE TABLE IF NOT EXISTS held (id int)");
    await using gateway = await startGateway({
      postgres,
      config: {
        policy: folder,
        approvals: { notify: [{ webhook: { url: `${receiver.url}/hook`, secret: SECRET.reveal() } }] },
      },
    });
    const agent = await RawClient.connect(gateway);
    await agent.login({ user: postgres.superuser, database: "postgres" }, await gateway.token());
    await agent.query("SET postern.approval = 'defer'");
    await agent.query("DELETE FROM held");
    const [first] = await receiver.until(1);
    expect(first === undefined ? null : bodyOf(first)).toMatchObject({
      type: "approval.requested",
      data: { database: "postgres", reason: "wait", approvers: ["dba"] },
    });

    const config = parse(await readFile(gateway.configPath, "utf8"));
    await writeFile(gateway.configPath, stringify({ ...config, approvals: {} }));
    await gateway.running.reload();
    await agent.query("DELETE FROM held WHERE id = 1");
    agent.destroy();
    await gateway.stop();
    expect([receiver.posts.length, await left()]).toEqual([1, 0]);
  });
});
