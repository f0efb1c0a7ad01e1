/**
 * The demo's server on data that is kept between runs: initialised where there is none, made again where it does not start.
 * Offers TLS, as a real one would. Knows no database in it: see database.ts.
 */

import { execFile } from "node:child_process";
import { chown, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Secret } from "../base/secret.ts";
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
  type Owner,
  type PostgresBinaries,
  platformPackage,
  reachableByServer,
  serverOwner,
} from "./postgres-binaries.ts";
import type { ShopPasswords } from "./shop.ts";

const run = promisify(execFile);

export interface KeptServerOptions {
  readonly folder: DemoFolder;
  /** Signs the server's certificate. */
  readonly authority: Authority;
  /** Told what takes a while, and what had to be made again and why. */
  readonly say: (line: string) => void;
  /** Throws when the start is to be given up; called between its steps. */
  readonly check: () => void;
}

/** Passwords of the server's roles. */
export interface Passwords extends ShopPasswords {
  readonly postgres: Secret;
  readonly store: Secret;
}

export interface KeptServer {
  readonly server: RunningPostgres;
  readonly passwords: Passwords;
  /** "18.4". */
  readonly version: string;
}

interface Place {
  readonly binaries: PostgresBinaries;
  readonly dataPath: string;
  /** Who the server runs as, where that is not us. */
  readonly owner: Owner | undefined;
  readonly options: KeptServerOptions;
}

/** Starts the kept server, or one on new data. @throws {DemoProblem} {PostgresFailed} {PostgresMissing} */
export async function startKeptServer(options: KeptServerOptions): Promise<KeptServer> {
  const owner = options.folder.owner ?? serverOwner();
  const parent = await serverFolder(options.folder, owner);
  const binaries = await findBinaries(platformPackage(), { copyFolder: parent, owner });
  const place: Place = { binaries, dataPath: join(parent, "data"), owner, options };
  return { ...(await startKept(place)), version: binaries.version };
}

/** The kept data's server where it starts; else one on new data. */
async function startKept(place: Place): Promise<Omit<KeptServer, "version">> {
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

async function initialise({ binaries, dataPath, owner, options }: Place): Promise<Passwords> {
  const { folder, say } = options;
  say(`Preparing PostgreSQL ${binaries.version}.`);
  const passwords = await writePasswords(folder);
  const unfinished = `${dataPath}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await rm(dataPath, { recursive: true, force: true });
  await initialiseData(binaries, unfinished, passwords.postgres, owner);
  options.check();
  await rename(unfinished, dataPath);
  return passwords;
}

/** A demo that was just killed has a server that is about to notice: worth waiting for. */
const IN_USE_WAITS = 20;
const IN_USE_WAIT_MS = 250;

async function start(place: Place): Promise<RunningPostgres> {
  const { binaries, dataPath, owner, options } = place;
  await own(dataPath, owner);
  await configure(place);
  const logPath = options.folder.file("postgres.log");
  await writeFile(logPath, "", { mode: 0o600 });
  for (let waits = 0; ; waits++) {
    try {
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

async function configure({ dataPath, owner, options }: Place): Promise<void> {
  const { certificate, key } = await options.authority.issue({
    commonName: "localhost",
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1"],
  });
  const files = {
    "postgresql.conf": SETTINGS,
    "pg_hba.conf": "host all all 127.0.0.1/32 scram-sha-256\n",
    "server.crt": certificate,
    "server.key": key,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(dataPath, name), text, { mode: 0o600 });
    if (owner !== undefined) await chown(join(dataPath, name), owner.uid, owner.gid);
  }
}

/** Data of a run as another user is handed over: root alone can, and an ordinary user has no owner to give it to. */
async function own(dataPath: string, owner: Owner | undefined): Promise<void> {
  if (owner === undefined || (await stat(dataPath)).uid === owner.uid) return;
  await run("chown", ["-R", `${owner.uid}:${owner.gid}`, dataPath]);
}

async function majorOf(dataPath: string): Promise<number | null> {
  const text = await readFile(join(dataPath, "PG_VERSION"), "utf8").catch(() => null);
  return text === null ? null : Number.parseInt(text, 10);
}

/** In the demo's folder; elsewhere where root's server, which runs as nobody, would not reach that. */
async function serverFolder(folder: DemoFolder, owner: Owner | undefined): Promise<string> {
  if (await reachableByServer(folder.path, owner)) {
    const parent = folder.file("postgres");
    await mkdir(parent, { recursive: true, mode: 0o711 });
    if (owner !== undefined) await chown(parent, owner.uid, owner.gid);
    return parent;
  }
  const kept = (await folder.read("postgres-location"))?.trim();
  const keptUid =
    kept === undefined
      ? undefined
      : await stat(kept).then(
          ({ uid }) => uid,
          () => undefined,
        );
  if (kept !== undefined && keptUid !== undefined && keptUid === owner?.uid) return kept;
  const made = await mkdtemp(join(tmpdir(), "postern-demo-"));
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
