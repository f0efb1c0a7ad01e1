/**
 * Runs a driver's script against a real server, once straight and once through the gateway, and gives both transcripts: what
 * the driver showed of it, line by line. Both ways are TLS with verify-full; the second time the password is an agent's token,
 * and a policy is in force.
 */

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";
import { functionListings } from "../support/function-listings.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { type PostgresVersion, startPostgres, type TestPostgres } from "../support/postgres.ts";

/** A program to run, its connection in PG* variables. */
export interface ClientProgram {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Takes out of a line what no two runs have alike: process ids, times. Nothing else may be. */
  readonly mask?: (line: string) => string;
}

/** A server with a database of its own for the scripts, and a gateway in front of it. */
export interface ClientBench extends AsyncDisposable {
  readonly postgres: TestPostgres;
  readonly gateway: TestGateway;
  /** PG* variables of both ways. */
  readonly direct: Readonly<Record<string, string>>;
  through(): Promise<Readonly<Record<string, string>>>;
}

const ROLE = "app";
const DATABASE = "clients";
const PASSWORD = "app password of the tests";

/** @param policy more of it, beside one that permits all. */
export async function startBench(version: PostgresVersion, policy = ""): Promise<ClientBench> {
  const postgres = await startPostgres({ version, ssl: true, settings: { max_prepared_transactions: "2" } });
  const folder = await mkdtemp(join(tmpdir(), "postern-clients-"));
  const tls = postgres.tls;
  if (tls === undefined) throw new Error("the server has no TLS");
  const certificate = await tls.authority.issue({
    commonName: "gateway",
    ipAddresses: ["127.0.0.1"],
    dnsNames: ["localhost"],
  });
  await writeFile(join(folder, "gateway.crt"), certificate.certificate);
  await writeFile(join(folder, "gateway.key"), certificate.key, { mode: 0o600 });
  await postgres.psql(`CREATE ROLE ${ROLE} LOGIN PASSWORD '${PASSWORD}'`);
  await postgres.psql(`CREATE DATABASE ${DATABASE} OWNER ${ROLE}`);
  await postgres.psql(`GRANT pg_read_all_stats TO ${ROLE}`);
  const policyFolder = join(folder, "policy");
  await writePolicy(policyFolder, postgres);
  if (policy !== "") await writeFile(join(policyFolder, "more.cedar"), policy);
  const gateway = await startGateway({
    postgres,
    database: DATABASE,
    role: { user: ROLE, password: PASSWORD },
    config: {
      policy: policyFolder,
      gateway: {
        name: "clients",
        listen: { host: "127.0.0.1", port: 0 },
        tls: { cert: join(folder, "gateway.crt"), key: join(folder, "gateway.key") },
        http: { host: "127.0.0.1", port: 0 },
      },
    },
  });
  const common = { PGUSER: ROLE, PGDATABASE: DATABASE, PGSSLMODE: "verify-full", PGSSLROOTCERT: tls.caPath };
  return {
    postgres,
    gateway,
    direct: { ...common, PGHOST: postgres.host, PGPORT: String(postgres.port), PGPASSWORD: PASSWORD },
    through: async () => ({
      ...common,
      PGHOST: gateway.host,
      PGPORT: String(gateway.port),
      PGPASSWORD: await gateway.token(),
    }),
    async [Symbol.asyncDispose]() {
      await gateway.stop();
      await postgres.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/**
 * Permits all, and lists what a policy can permit of functions only once they are listed: what is refused all the same is
 * what a driver's user would meet whatever the policy says.
 */
export async function writePolicy(folder: string, postgres: TestPostgres, database = DATABASE): Promise<void> {
  await mkdir(folder);
  await writeFile(join(folder, "all.cedar"), '@id("all") permit (principal, action, resource);\n');
  const listed = /^pg_catalog\.(pg_sleep|pg_(try_)?advisory_(xact_)?(un)?lock)\(/;
  await writeFile(
    join(folder, "functions.yaml"),
    await functionListings(postgres, database, (signature) => listed.test(signature)),
  );
}

export interface ClientRun {
  readonly lines: readonly string[];
  readonly code: number | null;
  readonly stderr: string;
}

/** Time that a script has for all that it does, on a busy machine. */
const SCRIPT_MS = 240_000;

export async function runClient(
  program: ClientProgram,
  connection: Readonly<Record<string, string>>,
): Promise<ClientRun> {
  const child = spawn(program.command, program.args, {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: tmpdir(),
      LC_ALL: "C.UTF-8",
      TZ: "UTC",
      ...program.env,
      ...connection,
    },
    stdio: ["ignore", "pipe", "pipe"],
    signal: AbortSignal.timeout(SCRIPT_MS),
    killSignal: "SIGKILL",
  });
  child.on("error", () => {}); // the abort; the missing "end" line and the code tell of it
  const output: Uint8Array[] = [];
  const errors: Uint8Array[] = [];
  child.stdout.on("data", (chunk: Uint8Array) => output.push(chunk));
  child.stderr.on("data", (chunk: Uint8Array) => errors.push(chunk));
  const closed: unknown[] = await once(child, "close");
  const code = closed[0];
  const lines = Buffer.concat(output).toString().split("\n").slice(0, -1);
  return {
    lines: program.mask === undefined ? lines : lines.map(program.mask).filter((line) => line !== ""),
    code: typeof code === "number" ? code : null,
    stderr: Buffer.concat(errors).toString(),
  };
}

/** Runs the script both ways. Fails where either fails, is cut short, or shows anything that the other does not. */
export async function expectSame(bench: ClientBench, program: ClientProgram): Promise<void> {
  const direct = await runClient(program, bench.direct);
  mustEnd(direct);
  const through = await runClient(program, await bench.through());
  mustEnd(through);
  // What a thread of the script or the gateway complained of is the only trace of a cause that is not in the transcript.
  const told = [through.stderr, ...bench.gateway.logLines.filter((line) => !line.includes('"level":"info"'))].join(
    "\n",
  );
  expect(through.lines, told).toEqual(direct.lines);
}

function mustEnd(run: ClientRun): void {
  const last = run.lines.at(-1) ?? "";
  if (run.code === 0 && last === END_LINE) return;
  throw new Error(
    `the script ended with code ${run.code} behind ${last.slice(0, 300)}, not with ${END_LINE}\n${run.stderr}`,
  );
}

/** What every script says last, so that one cut short is not taken for one that is done. */
export const END_LINE = '{"step":"end","value":"done"}';

/** A script in this folder. */
export function script(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}

/** Whether `command args` runs and says yes: how a missing driver is found. */
export function runs(command: string, ...args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore", timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
}

export const DEBIAN_BIN = "/usr/lib/postgresql/15/bin";
export const hasDebianClients = existsSync(`${DEBIAN_BIN}/psql`);
