/**
 * The demo's PostgreSQL: data kept between runs and made again when it is damaged, the shop in it, and a database for the
 * control store. Serves the gateway over TLS, as a real one would.
 */

import { chown, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { Secret } from "../base/secret.ts";
import type { Authority } from "./certificates.ts";
import { type DemoFolder, DemoProblem } from "./demo-folder.ts";
import {
  DataInUse,
  initialiseData,
  newPassword,
  PostgresFailed,
  type RunningPostgres,
  retryTakenPort,
  startServer,
} from "./embedded-postgres.ts";
import {
  findBinaries,
  type PostgresBinaries,
  platformPackage,
  reachableByServer,
  serverOwner,
} from "./postgres-binaries.ts";
import { createShop, type ShopPasswords, shopDamage } from "./shop.ts";

export interface DemoDatabase {
  readonly server: RunningPostgres;
  /** "18.4". */
  readonly version: string;
  readonly passwords: ShopPasswords;
  /** Connection string of the control store's own role. */
  readonly storeUrl: Secret;
}

export interface DatabaseOptions {
  readonly folder: DemoFolder;
  /** Signs the server's certificate. */
  readonly authority: Authority;
  /** Told what takes a while, and what had to be made again and why. */
  readonly say: (line: string) => void;
  /** Throws when the start is to be given up; called between its steps. */
  readonly check: () => void;
}

interface Passwords extends ShopPasswords {
  readonly postgres: Secret;
  readonly store: Secret;
}

/** Starts the server and makes whatever is missing; about 1 s, 8 s the first time. @throws {DemoProblem} {PostgresFailed} */
export async function startDatabase(options: DatabaseOptions): Promise<DemoDatabase> {
  const { folder, say, check } = options;
  const parent = await serverFolder(folder);
  const binaries = await findBinaries(platformPackage(), parent);
  const place: Place = { binaries, dataPath: join(parent, "data"), options };
  const { server, passwords } = await startKept(place);
  try {
    const url = (user: string, password: Secret, database: string): string =>
      `postgres://${user}:${password.reveal()}@127.0.0.1:${server.port}/${database}`;
    const admin = url("postgres", passwords.postgres, "postgres");
    check();
    if ((await shopDamage(admin, passwords)) !== null) {
      say("Filling the shop: 5,000 customers, 20,000 orders.");
      await createShop(admin, { passwords });
      await quietLog(admin);
    }
    check();
    await makeStore(admin, passwords.store);
    const storeUrl = new Secret(url("postern", passwords.store, "postern"));
    return { server, version: binaries.version, passwords, storeUrl };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

interface Place {
  readonly binaries: PostgresBinaries;
  readonly dataPath: string;
  readonly options: DatabaseOptions;
}

interface Started {
  readonly server: RunningPostgres;
  readonly passwords: Passwords;
}

/** The kept data's server where it starts and takes our password; else one on new data. */
async function startKept(place: Place): Promise<Started> {
  const { folder, say } = place.options;
  const passwords = await readPasswords(folder);
  if (passwords !== null && (await majorOf(place.dataPath)) === Number.parseInt(place.binaries.version, 10)) {
    try {
      return { server: await start(place), passwords };
    } catch (error) {
      if (!(error instanceof PostgresFailed) || error instanceof DataInUse) throw error;
      say(`The kept database does not start and is made again (${error.message.split("\n")[0]}).`);
    }
  }
  const fresh = await initialise(place);
  return { server: await start(place), passwords: fresh };
}

async function initialise({ binaries, dataPath, options }: Place): Promise<Passwords> {
  const { folder, say } = options;
  say(`Preparing PostgreSQL ${binaries.version}.`);
  const passwords = await writePasswords(folder);
  const unfinished = `${dataPath}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await rm(dataPath, { recursive: true, force: true });
  await initialiseData(binaries, unfinished, passwords.postgres);
  options.check();
  await rename(unfinished, dataPath);
  return passwords;
}

/** A demo that was just killed has a server that is about to notice: worth waiting for. */
const IN_USE_WAITS = 20;
const IN_USE_WAIT_MS = 250;

async function start(place: Place): Promise<RunningPostgres> {
  const { binaries, dataPath, options } = place;
  await configure(place);
  const logPath = options.folder.file("postgres.log");
  await writeFile(logPath, "", { mode: 0o600 });
  for (let waits = 0; ; waits++) {
    try {
      const owner = await ownerOf(dataPath);
      return await retryTakenPort(() => startServer({ binaries, dataPath, logPath, owner }));
    } catch (error) {
      if (!(error instanceof DataInUse)) throw error;
      options.check();
      if (waits < IN_USE_WAITS) await sleep(IN_USE_WAIT_MS);
      else
        throw new DemoProblem(
          `A demo runs in ${options.folder.path} already. Stop it, or name another folder: npm start -- --folder PATH`,
        );
    }
  }
}

const SETTINGS = `# Written at each start of the demo.
max_connections = 120
shared_buffers = 64MB
timezone = 'UTC'
log_timezone = 'UTC'
log_connections = on
log_line_prefix = '%m [%p] %u@%d %a '
ssl = on
ssl_cert_file = 'server.crt'
ssl_key_file = 'server.key'
`;

async function configure({ dataPath, options }: Place): Promise<void> {
  const issued = await options.authority.issue({
    commonName: "localhost",
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1"],
  });
  await writeOwned(dataPath, "postgresql.conf", SETTINGS);
  await writeOwned(dataPath, "pg_hba.conf", "host all all 127.0.0.1/32 scram-sha-256\n");
  await writeOwned(dataPath, "server.crt", issued.certificate);
  await writeOwned(dataPath, "server.key", issued.key);
}

async function writeOwned(dataPath: string, name: string, text: string): Promise<void> {
  const path = join(dataPath, name);
  await writeFile(path, text, { mode: 0o600 });
  const owner = await ownerOf(dataPath);
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
}

/** Root runs the server as whoever owns its data: nobody, or the ordinary user who ran the demo before. */
async function ownerOf(dataPath: string): Promise<{ uid: number; gid: number } | undefined> {
  if (serverOwner() === undefined) return undefined;
  const { uid, gid } = await stat(dataPath);
  return { uid, gid };
}

async function majorOf(dataPath: string): Promise<number | null> {
  const text = await readFile(join(dataPath, "PG_VERSION"), "utf8").catch(() => null);
  return text === null ? null : Number.parseInt(text, 10);
}

/** In the demo's folder; elsewhere where root's server, which runs as nobody, would not reach that. */
async function serverFolder(folder: DemoFolder): Promise<string> {
  if (await reachableByServer(folder.path)) {
    const parent = folder.file("postgres");
    await mkdir(parent, { recursive: true, mode: 0o711 });
    const owner = serverOwner();
    if (owner !== undefined) await chown(parent, owner.uid, owner.gid);
    return parent;
  }
  const kept = (await folder.read("postgres-location"))?.trim();
  if (
    kept !== undefined &&
    (await stat(kept).then(
      ({ uid }) => uid === serverOwner()?.uid,
      () => false,
    ))
  )
    return kept;
  const made = await mkdtemp(join(tmpdir(), "postern-demo-"));
  const owner = serverOwner();
  if (owner !== undefined) await chown(made, owner.uid, owner.gid);
  await folder.write("postgres-location", `${made}\n`);
  return made;
}

const NAMES = ["postgres", "store", "agent", "analyst", "owner"] as const;

async function readPasswords(folder: DemoFolder): Promise<Passwords | null> {
  const [postgres, store, agent, analyst, owner] = await Promise.all(
    NAMES.map((name) => folder.readSecret(`${name}.pw`)),
  );
  if (!postgres || !store || !agent || !analyst || !owner) return null;
  return { postgres, store, agent, analyst, owner };
}

async function writePasswords(folder: DemoFolder): Promise<Passwords> {
  const passwords = {
    postgres: newPassword(),
    store: newPassword(),
    agent: newPassword(),
    analyst: newPassword(),
    owner: newPassword(),
  };
  for (const name of NAMES) await folder.writeSecret(`${name}.pw`, passwords[name]);
  return passwords;
}

/** What `postern doctor` asks of the server: query trees, which masking will read, hold literals and do not belong in its log. */
async function quietLog(adminUrl: string): Promise<void> {
  await administer(adminUrl, async (client) => {
    for (const role of ["agent", "analyst"]) await client.query(`ALTER ROLE ${role} SET log_min_messages = panic`);
  });
}

/** The control store's role and database; nothing where they are there. */
async function makeStore(adminUrl: string, password: Secret): Promise<void> {
  await administer(adminUrl, async (client) => {
    const { rowCount: roles } = await client.query("SELECT 1 FROM pg_roles WHERE rolname = 'postern'");
    if (roles === 0) await client.query("CREATE ROLE postern");
    await client.query(`ALTER ROLE postern LOGIN PASSWORD '${password.reveal()}'`);
    const { rowCount: databases } = await client.query("SELECT 1 FROM pg_database WHERE datname = 'postern'");
    if (databases === 0) await client.query("CREATE DATABASE postern OWNER postern");
  });
}

async function administer(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined); // the query in flight rejects with it
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
