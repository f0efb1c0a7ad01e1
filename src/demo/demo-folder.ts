/** What the demo keeps between runs: one folder, its secrets in files that only their owner reads. */

import { chmod, chown, lchown, mkdir, readdir, readFile, rename, stat, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve, sep } from "node:path";
import { Secret } from "../base/secret.ts";
import type { Owner } from "./postgres-binaries.ts";

/** Something that the person who started the demo can mend; the message says how. */
export class DemoProblem extends Error {
  override readonly name = "DemoProblem";
}

export class DemoFolder {
  /** Absolute. */
  readonly path: string;
  /** As people in the working folder would write it. */
  readonly shown: string;
  /** Whose folder it is, when root runs the demo in someone's clone: the server runs as them. */
  readonly owner: Owner | undefined;

  private constructor(path: string, owner: Owner | undefined) {
    this.path = path;
    this.owner = owner;
    const near = relative(process.cwd(), path);
    this.shown = near === "" ? "." : near.startsWith("..") ? path : near;
  }

  /** Makes the folder where it is missing. Others may pass through it (the server's user must), not read it. */
  static async open(name: string): Promise<DemoFolder> {
    const path = resolve(name);
    try {
      const folder = new DemoFolder(path, await makeFolder(path));
      for (const name of ["secrets", "tls", "policy"]) await mkdir(folder.file(name), { recursive: true, mode: 0o700 });
      await folder.write("version", "1\n");
      return folder;
    } catch (cause) {
      const code = cause instanceof Error && "code" in cause ? String(cause.code) : "unknown";
      const why =
        code === "EACCES" || code === "EPERM" ? "It belongs to another user: remove it" : `Mend the cause (${code})`;
      throw new DemoProblem(`${path} cannot be used. ${why}, or name another: npm start -- --folder PATH`, { cause });
    }
  }

  /** Gives back what root wrote, so that the folder's owner can run the demo too. For the end of a run. */
  async giveBack(): Promise<void> {
    if (this.owner === undefined) return;
    const { uid, gid } = this.owner;
    for (const entry of await readdir(this.path, { recursive: true, withFileTypes: true })) {
      await lchown(join(entry.parentPath, entry.name), uid, gid).catch(() => undefined); // gone meanwhile
    }
  }

  file(...names: readonly string[]): string {
    return join(this.path, ...names);
  }

  /** The same for people: relative where that is shorter. */
  show(...names: readonly string[]): string {
    return [this.shown, ...names].join(sep);
  }

  /** Writes a file of ours, whole or not at all, readable by its owner alone. */
  async write(name: string, text: string): Promise<void> {
    const next = `${this.file(name)}.next`;
    await writeFile(next, text, { mode: 0o600 });
    await rename(next, this.file(name));
  }

  /** The text of a file, or null where there is none that we can read. */
  async read(name: string): Promise<string | null> {
    return readFile(this.file(name), "utf8").catch(() => null);
  }

  async writeSecret(name: string, secret: Secret): Promise<void> {
    await this.write(join("secrets", name), secret.reveal());
  }

  async readSecret(name: string): Promise<Secret | null> {
    const text = await this.read(join("secrets", name));
    return text === null || text === "" ? null : new Secret(text);
  }
}

/** @returns whose it is, where that is for root to heed. */
async function makeFolder(path: string): Promise<Owner | undefined> {
  const made = await mkdir(path, { recursive: true });
  await chmod(path, 0o711);
  if (process.getuid?.() !== 0) return undefined;
  if (made !== undefined) {
    const parent = await stat(dirname(made));
    await chown(path, parent.uid, parent.gid);
  }
  const { uid, gid } = await stat(path);
  return uid === 0 ? undefined : { uid, gid };
}
