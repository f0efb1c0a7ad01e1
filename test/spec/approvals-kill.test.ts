/**
 * `kill -9` of a gateway while statements wait for approval and while approvals are being used: nothing runs without one on record, nothing
 * runs twice on one, and the record says what became of each. POSTERN_KILLS=50 runs longer, POSTERN_SEED repeats one.
 */

import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyLog } from "../../src/audit/verify.ts";
import { type Desk, openDesk, person } from "../support/approvals-desk.ts";
import { type GatewayFolder, GatewayProcess, type Ready, writeGatewayFolder } from "../support/gateway-process.ts";
import { startIssuer, type TestIssuer } from "../support/issuer.ts";
import { type LogEntry, readLog } from "../support/log-entries.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, summary } from "../support/raw-client.ts";

const KILLS = Number(process.env["POSTERN_KILLS"] ?? 5);
const SEED = Number(process.env["POSTERN_SEED"] ?? 20_261);
const POLICY = `
@id("all") permit (principal, action, resource);
@id("wait") @approvers("dba") @reason("deletes wait") forbid (principal, action == Action::"delete", resource) unless { context.approvedBy.contains("dba") };
`;
const DBA = person("dora", "dba");

let folder: string;
let postgres: TestPostgres;
let issuer: TestIssuer;
let gateway: GatewayFolder;
let desk: Desk;
let live: GatewayProcess | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-approvals-kill-"));
  [postgres, issuer] = await Promise.all([startPostgres(), startIssuer()]);
  await postgres.psql("CREATE TABLE orders (id int PRIMARY KEY)");
  await mkdir(join(folder, "policy"));
  await writeFile(join(folder, "policy", "p.cedar"), POLICY);
  const policy = { policyMode: "enforce", policy: join(folder, "policy") };
  gateway = await writeGatewayFolder(folder, { postgres, issuer }, policy);
  desk = await openDesk(postgres.url("postgres"));
});
afterAll(async () => {
  await live?.kill();
  await desk?.[Symbol.asyncDispose]();
  await issuer?.close();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function start(): Promise<Ready> {
  live = new GatewayProcess(gateway.configPath);
  return live.ready;
}

async function connect(ready: Ready): Promise<RawClient> {
  const client = await RawClient.connect(ready);
  const exp = Math.floor(Date.now() / 1000) + 900;
  const token = await issuer.mint({ sub: "report-agent", aud: "postern", groups: ["agents"], exp });
  await client.login({ user: gateway.role, database: gateway.database }, token);
  return client;
}

async function entries(): Promise<LogEntry[]> {
  const found: LogEntry[] = [];
  for (const name of await readdir(join(gateway.dataPath, "log"))) {
    if (name !== "registry") found.push(...(await readLog(join(gateway.dataPath, "log", name))));
  }
  return found;
}

const left = async (id: number): Promise<boolean> =>
  (await postgres.psql(`SELECT count(*) FROM orders WHERE id = ${id}`)).trim() === "1";

/** Mulberry32: the same moments from the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe("a gateway that is killed", () => {
  it("leaves what waited withdrawn, says so when it is back, and nothing of it has run", {
    timeout: 120_000,
  }, async () => {
    await postgres.psql("INSERT INTO orders VALUES (-1)");
    const client = await connect(await start());
    void client.query("DELETE FROM orders WHERE id = -1");
    const { id } = await desk.next();
    await live?.kill();
    client.destroy();
    expect((await desk.decide(id, DBA, "approve")).approval.state).toBe("approved");

    await start();
    const ended = await desk.ended(id, "withdrawn");
    expect(ended.endedReason).toBe("the gateway that held it stopped");
    expect(await live?.stop()).toBe(0);
    const about = (await entries()).filter((entry) => entry["approval"] === id);
    expect(about.map(({ type, state }) => [type, state])).toEqual([
      ["approval.requested", undefined],
      ["approval.ended", "withdrawn"],
    ]);
    expect(await left(-1)).toBe(true);
  });

  it(`at ${KILLS} moments while approvals are used runs nothing without one, and nothing twice`, {
    timeout: 60_000 + KILLS * 20_000,
  }, async () => {
    const random = randomFrom(SEED);
    const tried = new Map<string, { readonly row: number; readonly said: boolean }>();
    await postgres.psql(`INSERT INTO orders SELECT generate_series(1, ${KILLS * 3})`);
    for (let kill = 0, row = 1; kill < KILLS; kill++) {
      const client = await connect(await start());
      await client.query("SET postern.approval = 'defer'");
      for (let attempt = 0; attempt < 3; attempt++, row++) {
        const sql = `DELETE FROM orders WHERE id = ${row}`;
        const known = await desk.approvals.list({}, 200);
        await client.query(sql);
        const { id } = await desk.next(known);
        await desk.decide(id, DBA, "approve");
        const last = attempt === 2;
        const answer = client.query(sql);
        if (last) {
          await wait(random() * 40);
          await live?.kill();
        }
        const said = summary(await answer).includes("CommandComplete DELETE 1");
        tried.set(id, { row, said });
        if (!last) expect(said).toBe(true);
      }
      client.destroy();
    }
    await start();
    expect(await live?.stop()).toBe(0);

    const all = await entries();
    for (const [id, { row, said }] of tried) {
      const about = all.filter((entry) => entry["approval"] === id);
      const of = (type: string): number =>
        about.filter((entry) => entry.type === type && entry["verdict"] !== "refused").length;
      const [ran, decided, consumed] = [!(await left(row)), of("statement.decided"), of("approval.consumed")];
      expect([id, consumed <= 1, decided <= consumed, !ran || decided === 1, !said || ran]).toEqual([
        id,
        true,
        true,
        true,
        true,
      ]);
      const store = await desk.approvals.read(id);
      expect([id, store?.state]).toEqual([id, consumed === 1 || store?.state === "consumed" ? "consumed" : "approved"]);
    }
    const report = await verifyLog(join(gateway.dataPath, "log"));
    expect(report.problems).toEqual([]);
  });
});
