/**
 * A real PostgreSQL server for the demo and the tests: initialise a data folder, start, stop, leave nothing behind.
 * Never the store of an installation.
 */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chown, type FileHandle, mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Secret } from "../base/secret.ts";
import { type Owner, type PostgresBinaries, serverOwner } from "./postgres-binaries.ts";
import { type Supervised, supervise } from "./supervise.ts";

/** A server that could not be made or started; the message carries the end of its own log. */
export class PostgresFailed extends Error {
  override readonly name = "PostgresFailed";
}

/** 144 random bits, letters and digits and `-_` only, so that it needs no quoting anywhere. */
export function newPassword(): Secret {
  return new Secret(randomBytes(18).toString("base64url"));
}

/** Makes a folder, private and the server's own. Its parent exists. */
export async function makeServerFolder(path: string, owner = serverOwner()): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
}

/** A new temporary folder of the server's own, its path short enough for sockets. */
export async function makeTemporaryServerFolder(owner = serverOwner()): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "postern-pg-"));
  if (owner !== undefined) await chown(path, owner.uid, owner.gid);
  return path;
}

/**
 * initdb into `dataPath`, which does not exist yet and whose parent does: superuser `postgres` by SCRAM-SHA-256, UTF-8, C.
 * A folder whose initialisation failed is removed.
 */
export async function initialiseData(
  binaries: PostgresBinaries,
  dataPath: string,
  password: Secret,
  owner = serverOwner(),
): Promise<void> {
  const work = await makeTemporaryServerFolder(owner);
  try {
    await makeServerFolder(dataPath, owner);
    const passwordFile = join(work, "password");
    await writeFile(passwordFile, password.reveal(), { mode: 0o600 });
    if (owner !== undefined) await chown(passwordFile, owner.uid, owner.gid);
    const args = ["-D", dataPath, "-U", "postgres", "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
    const log = await open(join(work, "log"), "w+", 0o600);
    const code = await supervise({
      command: binaries.initdb,
      args: [...args, "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"],
      owner,
      outputFd: log.fd,
    }).ended;
    const said = await tail(log, 0);
    await log.close();
    if (code === 0) return;
    await rm(dataPath, { recursive: true, force: true });
    throw new PostgresFailed(`initdb failed with exit code ${code}: ${said}`);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

export interface StartOptions {
  readonly binaries: PostgresBinaries;
  readonly dataPath: string;
  /** The server's own log; appended to. Its parent exists. */
  readonly logPath: string;
  /** Without it: any free one. */
  readonly port?: number | undefined;
  /** Removed when the server has ended, however it ends, unless a file `keep` is in it. For data that nobody needs again. */
  readonly removeFolder?: string;
  /** Runs as this user, who owns the data; where absent as {@link serverOwner}. */
  readonly owner?: Owner | undefined;
}

export interface RunningPostgres {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** Resolves when the server has ended, asked or not; with its exit code. */
  readonly ended: Promise<number>;
  /** Reads the configuration files again. */
  reload(): void;
  /**
   * Stops it and waits until it is gone. Asking again waits for the same end.
   * @param how "fast" (where not said) writes everything out; "immediate" is quicker and loses what was not synchronous.
   */
  stop(how?: "fast" | "immediate"): Promise<void>;
}

/** Another server runs on this data folder. */
export class DataInUse extends PostgresFailed {}

/** The port was free when we looked and taken when the server did: start again with another. */
export class PortTaken extends PostgresFailed {}

/** Runs `start` again, a few times, where another process took its port in between. */
export async function retryTakenPort<T>(start: (attempt: number) => Promise<T>, attempts = 5): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await start(attempt);
    } catch (error) {
      if (!(error instanceof PortTaken) || attempt + 1 >= attempts) throw error;
    }
  }
}

/** Starts the server of a data folder on a loopback port and waits until it takes connections. @throws {PostgresFailed} {PortTaken} */
export async function startServer(options: StartOptions): Promise<RunningPostgres> {
  const port = options.port ?? (await freePort());
  const log = await open(options.logPath, "a+", 0o600);
  const { size } = await log.stat();
  const server = supervise({
    command: options.binaries.postgres,
    args: [
      "-D",
      options.dataPath,
      "-p",
      String(port),
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      "unix_socket_directories=",
    ],
    owner: options.owner ?? serverOwner(),
    outputFd: log.fd,
    removeFolder: options.removeFolder,
  });
  try {
    await untilReady(server, options.dataPath, port);
    return handle(server, port);
  } catch (cause) {
    const said = await tail(log, size);
    if (/Address already in use/.test(said)) throw new PortTaken(`port ${port} is taken`, { cause });
    if (/lock file "postmaster.pid" already exists|pre-existing shared memory block/.test(said)) {
      throw new DataInUse(`another server runs on ${options.dataPath}`, { cause });
    }
    throw new PostgresFailed(`PostgreSQL did not start: ${said}`, { cause });
  } finally {
    await log.close();
  }
}

const START_TIMEOUT_MS = 60_000;
const POLL_MS = 15;

/**
 * Lines of postmaster.pid: the fourth is the port (the file may be another server's, that is in our way), the eighth the
 * server's own word on its state. Source: PostgreSQL 18, src/include/utils/pidfile.h.
 */
async function untilReady(server: Supervised, dataPath: string, port: number): Promise<void> {
  const pidFile = join(dataPath, "postmaster.pid");
  let code: number | undefined;
  void server.ended.then((ended) => {
    code = ended;
  });
  for (let waitedMs = 0; waitedMs < START_TIMEOUT_MS; waitedMs += POLL_MS) {
    if (code !== undefined) throw new PostgresFailed(`it ended with exit code ${code}`);
    const lines = (await readFile(pidFile, "utf8").catch(() => "")).split("\n");
    if (lines[3] === String(port) && lines[7]?.trim() === "ready") return;
    await sleep(POLL_MS);
  }
  server.signal("QUIT");
  await server.ended;
  throw new PostgresFailed(`it was not ready within ${START_TIMEOUT_MS / 1000} s`);
}

const PATIENCE_MS = 10_000;

function handle(server: Supervised, port: number): RunningPostgres {
  let stopping: Promise<void> | undefined;
  const stop = async (how: "fast" | "immediate"): Promise<void> => {
    server.signal(how === "fast" ? "INT" : "QUIT");
    const timers = [
      setTimeout(() => server.signal("QUIT"), PATIENCE_MS),
      setTimeout(() => server.signal("KILL"), PATIENCE_MS * 2),
    ];
    await server.ended;
    timers.forEach(clearTimeout);
  };
  return {
    host: "127.0.0.1",
    port,
    ended: server.ended,
    reload: () => server.signal("HUP"),
    stop: (how = "fast") => {
      stopping ??= stop(how);
      return stopping;
    },
  };
}

/** A loopback port that nothing listens on now. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new PostgresFailed("no loopback port is free");
  return address.port;
}

const TAIL_BYTES = 2000;

/** What was written to `file` since `from`, its last part. */
async function tail(file: FileHandle, from: number): Promise<string> {
  const { size } = await file.stat();
  const start = Math.max(from, size - TAIL_BYTES);
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(size - start), position: start });
  return buffer.subarray(0, bytesRead).toString("utf8").trim() || "it said nothing";
}
