/**
 * Many sessions on one gateway process, and sessions that read or are read slowly: what they cost in memory, and that the
 * others do not feel them. POSTERN_SLOW_BYTES sets the size of the slowly read result (5e9 for the long form).
 */

import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encoded } from "../../src/wire/encode.ts";
import { encodeQuery } from "../../src/wire/query.ts";
import { type GatewayFolder, GatewayProcess, type Ready, writeGatewayFolder } from "../support/gateway-process.ts";
import { startIssuer, type TestIssuer } from "../support/issuer.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows, summary } from "../support/raw-client.ts";

const MIB = 1024 * 1024;
const IDLE = 1_000;
const ACTIVE = 200;
const SLOW_BYTES = Number(process.env["POSTERN_SLOW_BYTES"] ?? 1e9);
/** What one session with a slow peer may cost the gateway, whatever the size of the result. */
const SLOW_BOUND_BYTES = 64 * MIB;
const LIMIT_MS = 120_000 + SLOW_BYTES / 1e4;

let folder: string;
let postgres: TestPostgres;
let issuer: TestIssuer;
let gateway: GatewayFolder;
let token: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-many-"));
  [postgres, issuer] = await Promise.all([startPostgres({ settings: { max_connections: "1300" } }), startIssuer()]);
  gateway = await writeGatewayFolder(folder, { postgres, issuer });
  token = await issuer.mint({ groups: ["agents"] });
});
afterAll(async () => {
  await issuer?.close();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function startProcess(): Promise<{ process: GatewayProcess; at: Ready } & AsyncDisposable> {
  const started = new GatewayProcess(gateway.configPath);
  const at = await started.ready;
  return { process: started, at, [Symbol.asyncDispose]: () => started.kill() };
}

async function login(at: Ready): Promise<RawClient> {
  const client = await RawClient.connect(at);
  const greeting = await client.login({ user: gateway.role, database: gateway.database }, token);
  if (greeting.at(-1)?.type !== "ReadyForQuery") throw new Error(summary(greeting).join(", "));
  return client;
}

/** Logs in so many, 50 at a time. */
async function loginMany(at: Ready, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  while (clients.length < count) {
    const batch = Math.min(50, count - clients.length);
    clients.push(...(await Promise.all(Array.from({ length: batch }, () => login(at)))));
  }
  return clients;
}

/** Highest resident memory of the process from now until `stop()`; null where the system does not tell. */
function watchMemory(of: GatewayProcess): { stop(): Promise<number | null> } {
  let highest: number | null = null;
  let over = false;
  const watching = (async () => {
    for (;;) {
      const bytes = await of.memoryBytes();
      if (bytes !== null) highest = Math.max(highest ?? 0, bytes);
      if (over) return;
      await wait(25);
    }
  })();
  return {
    stop: async () => {
      over = true;
      await watching;
      return highest;
    },
  };
}

const say = (what: string, figures: Readonly<Record<string, unknown>>) =>
  process.stdout.write(`${what} ${JSON.stringify(figures)}\n`);
const mib = (bytes: number | null) => (bytes === null ? null : Math.round((bytes / MIB) * 10) / 10);

describe("a gateway with a thousand idle sessions", () => {
  it(
    "serves two hundred active ones at once, and every session is still there after",
    async () => {
      await using own = await startProcess();
      const { at, process: gatewayProcess } = own;
      const warm = await loginMany(at, 20); // what the first sessions load is no cost of a session
      for (const client of warm) client.destroy();
      const before = await gatewayProcess.memoryBytes();

      const startMs = performance.now();
      const idle = await loginMany(at, IDLE);
      const loginMs = performance.now() - startMs;
      await wait(2_000); // a collection of garbage, should one be due
      const withIdle = await gatewayProcess.memoryBytes();
      const active = await loginMany(at, ACTIVE);
      const answers = await Promise.all(active.map((client, i) => work(client, i)));
      const withActive = await gatewayProcess.memoryBytes();
      const asleep = await Promise.all(idle.map((client, i) => client.query(`SELECT ${i}`)));
      for (const client of [...idle, ...active]) client.destroy();

      const perIdle = before === null || withIdle === null ? null : (withIdle - before) / IDLE;
      say("many sessions", {
        idle: IDLE,
        active: ACTIVE,
        loginMsEach: Math.round((loginMs / IDLE) * 10) / 10,
        rssBeforeMiB: mib(before),
        rssIdleMiB: mib(withIdle),
        rssActiveMiB: mib(withActive),
        kibPerIdleSession: perIdle === null ? null : Math.round(perIdle / 1024),
      });
      expect(answers.flat()).toEqual(Array.from({ length: ACTIVE }, (_, i) => expected(i)).flat());
      expect(asleep.map((answer) => rows(answer)[0]?.[0])).toEqual(Array.from({ length: IDLE }, (_, i) => String(i)));
      if (perIdle !== null) expect(perIdle).toBeLessThan(512 * 1024);
    },
    LIMIT_MS,
  );

  const ROUNDS = 10;

  async function work(client: RawClient, number: number): Promise<string[]> {
    const answers: string[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const answer = await client.query(`SELECT ${number} * 1000 + ${round}`);
      answers.push(rows(answer)[0]?.[0] ?? summary(answer).join(", "));
    }
    return answers;
  }

  function expected(number: number): string[] {
    return Array.from({ length: ROUNDS }, (_, round) => String(number * 1000 + round));
  }
});

/** A session on a bare socket, so that the test alone decides when it reads. */
async function bareSession(at: Ready): Promise<Socket> {
  const client = await RawClient.connect(at);
  await client.login({ user: gateway.role, database: gateway.database }, token);
  client.socket.removeAllListeners("data");
  client.socket.pause();
  return client.socket;
}

const query = (text: string) => encoded((w) => encodeQuery(w, { query: new TextEncoder().encode(text) }));

/** How long a small statement of another session takes, again and again, until `stop()`. */
function watchOther(client: RawClient): { stop(): Promise<readonly number[]> } {
  const tookMs: number[] = [];
  let over = false;
  const watching = (async () => {
    while (!over) {
      const startMs = performance.now();
      const answer = await client.query("SELECT 1");
      if (rows(answer)[0]?.[0] !== "1") throw new Error(summary(answer).join(", "));
      tookMs.push(performance.now() - startMs);
      await wait(20);
    }
  })();
  return {
    stop: async () => {
      over = true;
      await watching;
      return tookMs.sort((a, b) => a - b);
    },
  };
}

function assertBounded(before: number | null, highest: number | null, othersMs: readonly number[]): void {
  if (before !== null && highest !== null) expect(highest - before).toBeLessThan(SLOW_BOUND_BYTES);
  expect(othersMs.length).toBeGreaterThan(10);
  expect(othersMs[Math.floor(othersMs.length * 0.95)]).toBeLessThan(1_000);
}

describe("a client that reads slowly", () => {
  it(
    `gets all of ${SLOW_BYTES / 1e9} GB, costs the gateway less than 64 MiB, and others go on`,
    async () => {
      await using own = await startProcess();
      const { at, process: gatewayProcess } = own;
      const other = await login(at);
      const socket = await bareSession(at);
      await readAll(socket, query("SELECT repeat('w', 100000) FROM generate_series(1, 200)"));
      await other.query("SELECT 1");
      const before = await gatewayProcess.memoryBytes();

      const memory = watchMemory(gatewayProcess);
      const others = watchOther(other);
      const count = Math.ceil(SLOW_BYTES / 100_000);
      const received = await readAll(
        socket,
        query(`SELECT repeat('s', 100000) FROM generate_series(1, ${count})`),
        // Stops at first, in the middle and near the end: all that the upstream can send piles up then, if anywhere.
        (bytes) => ([0.0001, 0.1, 0.5, 0.9].some((part) => passes(bytes, part * SLOW_BYTES)) ? 2_000 : 0),
      );
      const highest = await memory.stop();
      const othersMs = await others.stop();
      socket.destroy();
      other.destroy();

      say("slow reader", {
        gigabytes: received / 1e9,
        rssBeforeMiB: mib(before),
        rssHighestMiB: mib(highest),
        othersMedianMs: othersMs[Math.floor(othersMs.length / 2)],
        othersWorstMs: othersMs.at(-1),
      });
      expect(received).toBeGreaterThan(SLOW_BYTES);
      assertBounded(before, highest, othersMs);
    },
    LIMIT_MS,
  );

  const passes = ({ before, now }: { readonly before: number; readonly now: number }, mark: number) =>
    before <= mark && mark < now;

  /** Bytes up to ReadyForQuery. @param pause how many ms to read nothing behind a chunk, by the bytes before it and with it. */
  async function readAll(
    socket: Socket,
    text: Uint8Array,
    pause?: (bytes: { readonly before: number; readonly now: number }) => number,
  ): Promise<number> {
    let received = 0;
    const done = new Promise<void>((resolve, reject) => {
      socket.on("data", (chunk: Buffer) => {
        received += chunk.length;
        if (isReadyForQuery(chunk)) return resolve();
        const pauseMs = pause?.({ before: received - chunk.length, now: received }) ?? 0;
        if (pauseMs === 0) return;
        socket.pause();
        setTimeout(() => socket.resume(), pauseMs);
      });
      socket.once("close", () => reject(new Error("the gateway closed the connection")));
    });
    socket.write(text);
    socket.resume();
    await done;
    socket.removeAllListeners("data");
    return received;
  }

  /** The rows of these tests are letters: the end of an answer cannot be one. */
  const isReadyForQuery = (chunk: Buffer) =>
    chunk.subarray(-6).equals(Buffer.from([0x5a, 0, 0, 0, 5, 0x49])) ||
    chunk.subarray(-2).equals(Buffer.from([5, 0x49]));
});

describe("an upstream that reads slowly", () => {
  it(
    "holds its own client back, costs the gateway less than 64 MiB, and others go on",
    async () => {
      await using own = await startProcess();
      const { at, process: gatewayProcess } = own;
      await postgres.psql("CREATE TABLE copied (line text)");
      const other = await login(at);
      const client = await login(at);
      const pid = Number(rows(await client.query("SELECT pg_backend_pid()"))[0]?.[0]);
      client.send(query("COPY copied FROM STDIN"));
      await client.until("CopyInResponse");
      const before = await gatewayProcess.memoryBytes();

      const memory = watchMemory(gatewayProcess);
      const others = watchOther(other);
      process.kill(pid, "SIGSTOP"); // a server that reads nothing at all
      const line = copyData(`${"c".repeat(65_000)}\n`);
      let sent = 0;
      let held = false;
      const LINES = 2_000;
      for (; sent < LINES && !held; sent++) {
        if (!client.socket.write(line)) held = !(await drained(client.socket, 3_000));
      }
      const sentWhileStopped = sent * line.length;
      const highestWhileStopped = await memory.stop();
      process.kill(pid, "SIGCONT");
      for (; sent < LINES; sent++) if (!client.socket.write(line)) await once(client.socket, "drain");
      client.socket.write(Buffer.from([0x63, 0, 0, 0, 4]));
      const done = await client.until("ReadyForQuery");
      const othersMs = await others.stop();
      client.destroy();
      other.destroy();

      say("slow upstream", {
        mibTakenWhileStopped: mib(sentWhileStopped),
        rssBeforeMiB: mib(before),
        rssHighestMiB: mib(highestWhileStopped),
        othersWorstMs: othersMs.at(-1),
      });
      expect(held).toBe(true);
      expect(summary(done)).toEqual([`CommandComplete COPY ${LINES}`, "ReadyForQuery idle"]);
      expect(await postgres.psql("SELECT count(*), sum(length(line)) FROM copied")).toBe(`${LINES}|${LINES * 65_000}`);
      assertBounded(before, highestWhileStopped, othersMs);
    },
    LIMIT_MS,
  );

  function copyData(text: string): Buffer {
    const header = Buffer.from([0x64, 0, 0, 0, 0]);
    header.writeInt32BE(text.length + 4, 1);
    return Buffer.concat([header, Buffer.from(text)]);
  }

  /** Whether the socket drained within the time. */
  async function drained(socket: Socket, limitMs: number): Promise<boolean> {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), limitMs);
    try {
      await once(socket, "drain", { signal: limit.signal });
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }
});
