/**
 * `kill -9` of the gateway at random moments under load, again and again on the same data folder. The short form runs in CI;
 * POSTERN_KILLS=200 runs the long one, POSTERN_SEED repeats one.
 */

import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { verifyLog } from "../../src/audit/verify.ts";
import { sessionSalt } from "../../src/gateway/open-session.ts";
import { encodeBind, encodeExecute, encodeParse, encodeSync } from "../../src/wire/extended.ts";
import {
  type GatewayFolder,
  GatewayProcess,
  metric,
  type Ready,
  writeGatewayFolder,
} from "../support/gateway-process.ts";
import { startIssuer, type TestIssuer } from "../support/issuer.ts";
import { type LogEntry, readLog } from "../support/log-entries.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient } from "../support/raw-client.ts";

const KILLS = Number(process.env["POSTERN_KILLS"] ?? 12);
const SEED = Number(process.env["POSTERN_SEED"] ?? 20_260);
/** Verified after so many kills; the log of a long run is long. */
const VERIFY_EVERY = KILLS <= 20 ? 3 : 20;
const LIMIT_MS = 60_000 + KILLS * 10_000;
const PYTHON_VERIFIER = fileURLToPath(new URL("../../verifier/postern_verify.py", import.meta.url));

const hasPython = (() => {
  try {
    execFileSync("python3", ["--version"]);
    return true;
  } catch {
    return false;
  }
})();

let folder: string;
let postgres: TestPostgres;
let issuer: TestIssuer;
let gateway: GatewayFolder;
let live: GatewayProcess | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-kill-"));
  [postgres, issuer] = await Promise.all([startPostgres(), startIssuer()]);
  await postgres.psql("CREATE TABLE written (id text PRIMARY KEY)");
  gateway = await writeGatewayFolder(folder, { postgres, issuer });
});
afterAll(async () => {
  await live?.kill();
  await issuer?.close();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** What a client sent for one row: by the row's id, the session that sent it, and what the log must commit to. */
interface Attempt {
  readonly session: string;
  readonly member: "sql" | "parameters";
  readonly bytes: Uint8Array;
}

const attempts = new Map<string, Attempt>();
const bytes = (text: string) => new TextEncoder().encode(text);

/** Mulberry32: the same moments from the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One client's connection: writes rows, each with an id of its own, until the gateway is gone. */
class Writer {
  readonly #client: RawClient;
  readonly #session: string;
  #rows = 0;

  constructor(client: RawClient, session: string) {
    this.#client = client;
    this.#session = session;
  }

  /** A statement that writes one row, its id a literal in it. */
  literal(slow = false): string {
    const id = this.#newId();
    const text = slow
      ? `INSERT INTO written SELECT '${id}' FROM pg_sleep(0.02)`
      : `INSERT INTO written VALUES ('${id}')`;
    attempts.set(id, { session: this.#session, member: "sql", bytes: bytes(text) });
    return text;
  }

  /** @returns whether the gateway answered to the end. */
  async query(text: string): Promise<boolean> {
    return (await this.#client.query(text)).at(-1)?.type === "ReadyForQuery";
  }

  /** Several rows with one Sync, their ids parameters. */
  async pipeline(count: number): Promise<boolean> {
    for (let i = 0; i < count; i++) {
      const id = this.#newId();
      const value = bytes(id);
      attempts.set(id, {
        session: this.#session,
        member: "parameters",
        bytes: Uint8Array.from([0, 0, 0, 1, 0, 0, 0, value.length, ...value]),
      });
      this.#client.send(
        (w) => encodeParse(w, { statement: "", query: bytes("INSERT INTO written VALUES ($1)"), parameterTypes: [25] }),
        (w) =>
          encodeBind(w, {
            portal: "",
            statement: "",
            parameterFormats: [],
            parameters: [value],
            resultFormats: [],
          }),
        (w) => encodeExecute(w, { portal: "", maxRows: 0 }),
      );
    }
    this.#client.send(encodeSync);
    return (await this.#client.until("ReadyForQuery")).at(-1)?.type === "ReadyForQuery";
  }

  #newId(): string {
    return `${this.#session}.${this.#rows++}`;
  }
}

/** Ways in which a client writes; each does one thing and says whether it was answered. */
const WAYS: readonly ((writer: Writer) => Promise<boolean>)[] = [
  (writer) => writer.query(writer.literal()),
  async (writer) => {
    for (const text of ["BEGIN", writer.literal(), writer.literal(), "COMMIT"])
      if (!(await writer.query(text))) return false;
    return true;
  },
  async (writer) => {
    for (const text of ["BEGIN", writer.literal(), "SAVEPOINT s", writer.literal(), "ROLLBACK TO s", "COMMIT"])
      if (!(await writer.query(text))) return false;
    return true;
  },
  (writer) => writer.pipeline(8),
  (writer) => writer.query(`${writer.literal()}; ${writer.literal()}; SELECT 1`),
  (writer) => writer.query(writer.literal(true)),
];

interface Load {
  /** Resolves when so many things have been answered, to all writers together. */
  readonly reached: Promise<void>;
  /** Resolves when all writers have lost the gateway. */
  readonly over: Promise<unknown>;
}

/** Runs every way of writing at once. */
async function load(at: Ready, round: number, target: number): Promise<Load> {
  const token = await issuer.mint({ sub: "writer", groups: ["agents"] });
  let answered = 0;
  let reach: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => {
    reach = resolve;
  });
  const workers = WAYS.map(async (way, number) => {
    const session = `r${round}w${number}`;
    const client = await RawClient.connect(at);
    const { database, role: user } = gateway;
    await client.login({ user, database, application_name: session }, token);
    const writer = new Writer(client, session);
    return async () => {
      while (await way(writer)) if (++answered >= target) reach();
      client.destroy();
    };
  });
  const running = (await Promise.all(workers)).map((start) => start());
  return { reached, over: Promise.all(running) };
}

/** Resolves when the process has taken the data folder, which is what it does before it recovers. */
async function recovering(process: GatewayProcess): Promise<void> {
  const lock = join(gateway.dataPath, "lock");
  for (;;) {
    const holder = await readFile(lock, "utf8").catch(() => "");
    if (holder.split(" ")[0] === String(process.pid)) return;
    await wait(1);
  }
}

/** The entries of all logs but the registry, once everything on record is in the tiles. */
async function entriesOf(at: Ready): Promise<LogEntry[]> {
  while ((await metric(at.http, "postern_audit_log_lag_entries")) > 0) await wait(20);
  const logs = join(gateway.dataPath, "log");
  const instances = (await readdir(logs)).filter((name) => name !== "registry");
  return (await Promise.all(instances.map((name) => readLog(join(logs, name))))).flat();
}

async function pythonFindings(): Promise<string> {
  const run = promisify(execFile)("python3", ["-B", PYTHON_VERIFIER, join(gateway.dataPath, "log")]);
  return run.then(
    () => "",
    (error: Error & { stdout?: string }) => `${error.stdout ?? ""}${error.message}`,
  );
}

const Decided = z.looseObject({
  type: z.literal("statement.decided"),
  verdict: z.literal("permitted"),
  session: z.string(),
  sessionSeq: z.number(),
  sql: z.object({ commitment: z.string() }),
  parameters: z.string().optional(),
});
const Settled = z.looseObject({ statements: z.array(z.tuple([z.number(), z.number()])) });

/** What the log says about each statement, by `session sessionSeq`. */
function readOutcomes(entries: readonly LogEntry[]) {
  const intents = new Map<string, string>(); // commitment, with its session, to the statement
  const finished = new Map<string, unknown[]>();
  const fates = new Map<string, string>();
  const open = new Set<string>();
  const names = new Map<string, string>(); // application_name to session
  for (const entry of entries) {
    const { type, session = "" } = entry;
    const decided = Decided.safeParse(entry);
    if (decided.success) {
      const { sessionSeq, sql, parameters } = decided.data;
      finished.set(`${session} ${sessionSeq}`, []);
      intents.set(`${session} ${parameters ?? sql.commitment}`, `${session} ${sessionSeq}`);
    } else if (type === "statement.finished") {
      finished.get(`${session} ${entry["statement"]}`)?.push(entry["outcome"]);
    } else if (type.startsWith("transaction.")) {
      for (const [from, to] of Settled.parse(entry).statements)
        for (let seq = from; seq <= to; seq++) fates.set(`${session} ${seq}`, type);
    } else if (type === "session.opened") {
      open.add(session);
      names.set(String(entry["applicationName"]), session);
    } else if (type === "session.closed") open.delete(session);
  }
  return { intents, finished, fates, open, names };
}

interface Findings {
  readonly typescript: readonly string[];
  readonly python: string;
  /** Rows in the table whose intent is not in the log. */
  readonly withoutIntent: readonly string[];
  /** Statements without exactly one outcome. */
  readonly withoutOutcome: readonly string[];
  readonly openSessions: number;
  /** Rows whose being there is not what the log says of their transaction. */
  readonly wrongFate: readonly string[];
}

/** Everything that must hold whenever the gateway has come back. */
async function inspect(at: Ready) {
  const others = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'writer/%'";
  while ((await postgres.psql(others)) !== "0") await wait(20); // what was forwarded runs to its end without a gateway
  const entries = await entriesOf(at);
  const rows = (await postgres.psql("SELECT id FROM written")).split("\n").filter((id) => id !== "");
  const written = new Set(rows);
  const outcomes = readOutcomes(entries);
  const key = Buffer.from((await readFile(join(gateway.dataPath, "keys", "commitment.key"), "utf8")).trim(), "hex");
  const salts = new Map<string, Uint8Array>();
  const statementOf = (id: string): string | undefined => {
    const attempt = attempts.get(id);
    const session = outcomes.names.get(attempt?.session ?? "");
    if (attempt === undefined || session === undefined) return undefined;
    const salt = salts.get(session) ?? sessionSalt(key, session);
    salts.set(session, salt);
    const kind = attempt.member === "sql" ? "s" : "p";
    const commitment = createHash("sha256").update(salt).update(kind).update(attempt.bytes).digest("hex");
    return outcomes.intents.get(`${session} ${commitment}`);
  };
  const fates = [...attempts.keys()].map((id) => [id, outcomes.fates.get(statementOf(id) ?? "")] as const);
  const report = await verifyLog(join(gateway.dataPath, "log"));
  const findings: Findings = {
    typescript: report.problems,
    python: hasPython ? await pythonFindings() : "",
    withoutIntent: rows.filter((id) => statementOf(id) === undefined),
    withoutOutcome: [...outcomes.finished].filter(([, ends]) => ends.length !== 1).map(([statement]) => statement),
    openSessions: outcomes.open.size,
    wrongFate: fates
      .filter(([id, fate]) => fate !== undefined && (fate === "transaction.committed") !== written.has(id))
      .map(([id, fate]) => `${id} ${fate}`),
  };
  const ends = [...outcomes.finished.values()].flat();
  return {
    findings,
    figures: {
      entries: entries.length,
      rows: rows.length,
      statements: ends.length,
      unknown: ends.filter((end) => end === "unknown").length,
      recoveries: entries.filter(({ type }) => type === "journal.recovered").length,
      rolledBack: fates.filter(([, fate]) => fate === "transaction.rolled_back").length,
    },
  };
}

const NOTHING_WRONG: Findings = {
  typescript: [],
  python: "",
  withoutIntent: [],
  withoutOutcome: [],
  openSessions: 0,
  wrongFate: [],
};

describe("a gateway that is killed at random moments under load", () => {
  it.skipIf(hasPython)("is verified without Python, which is not installed here", () => expect(hasPython).toBe(false));

  it(
    `comes back ${KILLS} times with a log that verifies, an intent for every row and an outcome for every statement`,
    async () => {
      const random = randomFrom(SEED);
      let duringStart = 0;
      for (let kill = 1; kill <= KILLS; kill++) {
        while (random() < 0.2) {
          live = new GatewayProcess(gateway.configPath);
          await recovering(live);
          await wait(random() * 400); // somewhere in the recovery, or just behind it
          await live.kill();
          duringStart++;
        }
        live = new GatewayProcess(gateway.configPath);
        const ready = await live.ready;
        if (kill % VERIFY_EVERY === 0) expect((await inspect(ready)).findings).toEqual(NOTHING_WRONG);
        const { reached, over } = await load(ready, kill, 1 + random() * 80);
        await reached;
        await wait(random() * 10); // not only just behind an answer
        await live.kill();
        await over;
      }

      live = new GatewayProcess(gateway.configPath);
      const { findings, figures } = await inspect(await live.ready);
      const status = await live.stop();

      process.stdout.write(`kills ${JSON.stringify({ seed: SEED, underLoad: KILLS, duringStart, ...figures })}\n`);
      expect(findings).toEqual(NOTHING_WRONG);
      expect(status).toBe(0);
      // It was under load when it was killed, else all of this says nothing.
      expect(figures.rows).toBeGreaterThan(KILLS * 5);
      expect(figures.unknown).toBeGreaterThan(KILLS);
      expect(figures.rolledBack).toBeGreaterThan(0);
      expect(figures.recoveries).toBeGreaterThanOrEqual(KILLS);
      expect((await verifyLog(join(gateway.dataPath, "log"))).problems).toEqual([]);
    },
    LIMIT_MS,
  );
});
