/**
 * Real PostgreSQL servers for tests, 15 to 18: each with its own data, on a port that the system picked, gone afterwards
 * (also when the test process is killed). The first start of a version initialises a template; the others copy it.
 */

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { appendFile, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import pg from "pg";
import { z } from "zod";
import { Secret } from "../../src/base/secret.ts";
import { type Authority, createAuthority } from "../../src/demo/certificates.ts";
import {
  initialiseData,
  makeTemporaryServerFolder,
  newPassword,
  type RunningPostgres,
  retryTakenPort,
  startServer,
} from "../../src/demo/embedded-postgres.ts";
import {
  findBinaries,
  type PostgresBinaries,
  platformPackage,
  serverOwner,
  systemBinaries,
} from "../../src/demo/postgres-binaries.ts";

const run = promisify(execFile);

export type PostgresVersion = 15 | 16 | 17 | 18;

export interface PostgresOptions {
  readonly version?: PostgresVersion;
  /** Settings of postgresql.conf, by name. Values are quoted here. */
  readonly settings?: Readonly<Record<string, string>>;
  /** TLS with a server certificate for localhost and 127.0.0.1 from an authority of this server's own. */
  readonly ssl?: boolean;
  /** All of pg_hba.conf, a line each, in place of "every user from loopback by SCRAM-SHA-256". */
  readonly hba?: readonly string[];
}

export interface TestPostgres extends AsyncDisposable {
  readonly host: "127.0.0.1";
  readonly port: number;
  readonly version: PostgresVersion;
  readonly superuser: "postgres";
  readonly password: string;
  readonly dataPath: string;
  /** The server's own log, from its start. */
  readonly logPath: string;
  /** Undefined without `ssl`. */
  readonly tls: ServerTls | undefined;
  /** A connection string of the superuser. */
  url(database?: string): string;
  /** Runs SQL (several statements too) as superuser; the last result's rows as `psql -tA` prints them. */
  psql(sql: string, database?: string): Promise<string>;
  /** The server's log so far. */
  log(): Promise<string>;
  /** Stops it, keeps its data and port; `start` brings it back. */
  pause(): Promise<void>;
  start(): Promise<void>;
  /** Reads pg_hba.conf, certificates and settings again. */
  reload(): void;
  stop(): Promise<void>;
}

export interface ServerTls {
  readonly caPath: string;
  /** Issues more certificates, that this server trusts as client certificates too. */
  readonly authority: Authority;
  /** A client certificate in files. */
  clientCertificate(commonName: string): Promise<{ readonly certPath: string; readonly keyPath: string }>;
}

const PACKAGES: Readonly<Record<PostgresVersion, string>> = {
  15: "pg15-linux-x64",
  16: "pg16-linux-x64",
  17: "pg17-linux-x64",
  18: platformPackage(),
};
const DEBIAN_15 = "/usr/lib/postgresql/15/bin";

/** The versions that can be started here: all four on x64 Linux, 18 alone elsewhere. */
export const POSTGRES_VERSIONS: readonly PostgresVersion[] = ([15, 16, 17, 18] as const).filter(isInstalled);

function isInstalled(version: PostgresVersion): boolean {
  try {
    createRequire(import.meta.url).resolve(PACKAGES[version]);
    return true;
  } catch {
    return version === 15 && existsSync(DEBIAN_15);
  }
}

/** Speed for safety that no test needs: these servers' data never outlives them. */
const TEST_SETTINGS = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  shared_buffers: "32MB",
  max_connections: "50",
  log_timezone: "UTC",
  timezone: "UTC",
  log_line_prefix: "%m [%p] %q%u@%d/%a ",
} as const;

/** Starts a server; about 0.3 s once the version's template exists. Call `stop()` or declare it with `await using`. */
export async function startPostgres(options: PostgresOptions = {}): Promise<TestPostgres> {
  const version = options.version ?? 18;
  const binaries = await binariesOf(version);
  const template = await templateOf(binaries);
  return retryTakenPort(async () => {
    const folder = await makeTemporaryServerFolder();
    try {
      return await startCopy({ version, binaries, template, folder, options });
    } catch (error) {
      await rm(folder, { recursive: true, force: true });
      throw error;
    }
  });
}

const found = new Map<PostgresVersion, Promise<PostgresBinaries>>();

function binariesOf(version: PostgresVersion): Promise<PostgresBinaries> {
  const known = found.get(version);
  if (known !== undefined) return known;
  const useDebian = version === 15 && !isPackage(PACKAGES[15]);
  const search = useDebian ? systemBinaries(DEBIAN_15) : findBinaries(PACKAGES[version]);
  found.set(version, search);
  return search;
}

function isPackage(name: string): boolean {
  return existsSync(join(projectRoot, "node_modules", name));
}

const projectRoot = fileURLToPath(new URL("../../", import.meta.url));

interface Template {
  readonly dataPath: string;
  readonly password: Secret;
}

/** Data of a freshly initialised server, kept in node_modules/.cache: the test processes share it. */
async function templateOf(binaries: PostgresBinaries): Promise<Template> {
  const cache = join(projectRoot, "node_modules", ".cache", "postern-postgres");
  const path = join(cache, binaries.version);
  if (!existsSync(path)) await makeTemplate(binaries, path);
  return { dataPath: join(path, "data"), password: new Secret(await readFile(join(path, "password"), "utf8")) };
}

async function makeTemplate(binaries: PostgresBinaries, path: string): Promise<void> {
  const made = await makeTemporaryServerFolder();
  const copy = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const password = newPassword();
    await initialiseData(binaries, join(made, "data"), password);
    await mkdir(copy, { recursive: true, mode: 0o700 });
    await run("cp", ["-R", join(made, "data"), join(copy, "data")]);
    await writeFile(join(copy, "password"), password.reveal(), { mode: 0o600 });
    await rename(copy, path).catch((error: unknown) => {
      if (!existsSync(path)) throw error; // else another test process was first: its template serves as well
    });
  } finally {
    await rm(copy, { recursive: true, force: true });
    await rm(made, { recursive: true, force: true });
  }
}

interface CopyOptions {
  readonly version: PostgresVersion;
  readonly binaries: PostgresBinaries;
  readonly template: Template;
  readonly folder: string;
  readonly options: PostgresOptions;
}

async function startCopy({ version, binaries, template, folder, options }: CopyOptions): Promise<TestPostgres> {
  const dataPath = join(folder, "data");
  const logPath = join(folder, "log");
  const keepPath = join(folder, "keep");
  await run("cp", ["-R", template.dataPath, dataPath]);
  const tls = options.ssl === true ? await makeTls(folder) : undefined;
  await configure(dataPath, folder, options);
  await giveToServer(folder);
  const start = (port?: number): Promise<RunningPostgres> =>
    startServer({ binaries, dataPath, logPath, port, removeFolder: folder });
  let server = await start();
  const { port } = server;
  const password = template.password.reveal();
  const url = (database = "postgres"): string => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`;
  const stop = async (): Promise<void> => {
    await server.stop("immediate");
    await rm(folder, { recursive: true, force: true });
  };
  return {
    host: "127.0.0.1",
    port,
    version,
    superuser: "postgres",
    password,
    dataPath,
    logPath,
    tls,
    url,
    psql: (sql, database) => queryAsText(url(database), sql),
    log: () => readFile(logPath, "utf8"),
    pause: async () => {
      await writeFile(keepPath, "");
      await server.stop();
    },
    start: async () => {
      server = await start(port);
      await rm(keepPath, { force: true });
    },
    reload: () => server.reload(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function configure(dataPath: string, folder: string, options: PostgresOptions): Promise<void> {
  const tls = {
    ssl: "on",
    ssl_cert_file: join(folder, "server.crt"),
    ssl_key_file: join(folder, "server.key"),
    ssl_ca_file: join(folder, "ca.crt"),
  };
  const settings = { ...TEST_SETTINGS, ...(options.ssl === true ? tls : {}), ...options.settings };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
  await appendFile(join(dataPath, "postgresql.conf"), `\n${lines.join("")}`);
  const hba = options.hba ?? ["host all all 127.0.0.1/32 scram-sha-256"];
  await writeFile(join(dataPath, "pg_hba.conf"), `${hba.join("\n")}\n`);
}

async function makeTls(folder: string): Promise<ServerTls> {
  const authority = await createAuthority("Test authority");
  const server = await authority.issue({
    commonName: "localhost",
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1"],
  });
  const caPath = join(folder, "ca.crt");
  await writeFile(caPath, authority.certificate);
  await writeFile(join(folder, "server.crt"), server.certificate);
  await writeFile(join(folder, "server.key"), server.key, { mode: 0o600 });
  const clientCertificate: ServerTls["clientCertificate"] = async (commonName) => {
    const issued = await authority.issue({ commonName });
    const stem = join(folder, `client-${randomBytes(4).toString("hex")}`);
    await writeFile(`${stem}.crt`, issued.certificate);
    await writeFile(`${stem}.key`, issued.key, { mode: 0o600 });
    return { certPath: `${stem}.crt`, keyPath: `${stem}.key` };
  };
  return { caPath, authority, clientCertificate };
}

/** The copy was made by us; the server's user must own all of it. */
async function giveToServer(folder: string): Promise<void> {
  const owner = serverOwner();
  if (owner === undefined) return;
  await run("chown", ["-R", `${owner.uid}:${owner.gid}`, folder]);
}

/** Runs SQL over any connection string; the last result's rows as `psql -tA` prints them. */
export async function queryAsText(url: string, sql: string): Promise<string> {
  const client = new pg.Client({
    connectionString: url,
    types: { getTypeParser: () => (value: string) => value }, // as the server wrote them
  });
  client.on("error", () => undefined); // the server may be stopped under it: the query tells
  await client.connect();
  try {
    const result: unknown = await client.query({ text: sql, rowMode: "array" });
    const rows = Rows.parse(Array.isArray(result) ? result.at(-1) : result).rows;
    return rows.map((row) => row.map((value) => value ?? "").join("|")).join("\n");
  } finally {
    await client.end();
  }
}

const Rows = z.object({ rows: z.array(z.array(z.string().nullable())) });
