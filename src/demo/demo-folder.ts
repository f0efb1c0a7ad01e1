/** What the demo keeps between runs: one folder, its secrets in files that only their owner reads. */

import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { Secret } from "../base/secret.ts";

/** Something that the person who started the demo can mend; the message says how. */
export class DemoProblem extends Error {
  override readonly name = "DemoProblem";
}

export class DemoFolder {
  /** Absolute. */
  readonly path: string;
  /** As people in the working folder would write it. */
  readonly shown: string;

  private constructor(path: string) {
    this.path = path;
    const near = relative(process.cwd(), path);
    this.shown = near === "" ? "." : near.startsWith("..") ? path : near;
  }

  /** Makes the folder where it is missing. Others may pass through it (the server's user must), not read it. */
  static async open(path: string): Promise<DemoFolder> {
    const folder = new DemoFolder(resolve(path));
    try {
      await mkdir(folder.path, { recursive: true });
      await chmod(folder.path, 0o711);
      for (const name of ["secrets", "tls"]) await mkdir(folder.file(name), { recursive: true, mode: 0o700 });
      await folder.write("version", "1\n");
      return folder;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new DemoProblem(
        `${folder.path} cannot be used (${why}). Was the demo run as another user? Remove the folder, or name another: npm start -- --folder PATH`,
        { cause },
      );
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
