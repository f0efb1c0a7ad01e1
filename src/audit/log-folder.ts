/** The folder of one log: made whole (key, empty checkpoint), or opened with its checkpoint verified. See events.md, "The folder". */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { AtomicFiles, TEMPORARY_PREFIX } from "./atomic-file.ts";
import { formatVkey, openCheckpoint, parseVkey, rawPublicKey, type Signer, type TreeHead } from "./checkpoint.ts";
import { EMPTY_EDGE, TreeWriter } from "./tree-writer.ts";

/** The verifier key that `log.vkey` must hold for `signer`. */
export function vkeyOf(signer: Signer): string {
  return formatVkey(signer.name, rawPublicKey(signer.privateKey));
}

/** Makes the folder of a log of size 0 where there is none; it appears with all its files or not at all. */
export function ensureLogFolder(folder: string, signer: Signer): void {
  if (existsSync(folder)) return;
  const parent = dirname(folder);
  mkdirSync(parent, { recursive: true, mode: 0o700 });
  const temporary = join(parent, TEMPORARY_PREFIX + basename(folder));
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { mode: 0o700 });
  const files = new AtomicFiles(temporary);
  files.write("log.vkey", Buffer.from(`${vkeyOf(signer)}\n`));
  new TreeWriter(temporary, signer, EMPTY_EDGE, files).publish();
  renameSync(temporary, folder);
  const above = new AtomicFiles(parent);
  above.touch(parent);
  above.syncFolders();
}

/** The verified head of a log that is to be continued. @throws {Error} where key or checkpoint are not those of `signer`. */
export function readHead(folder: string, signer: Signer): TreeHead {
  const vkey = vkeyOf(signer);
  if (readFileSync(join(folder, "log.vkey"), "utf8") !== `${vkey}\n`) {
    throw new Error(`${basename(folder)}/log.vkey is not the key in keys/log.key`);
  }
  const head = openCheckpoint(readFileSync(join(folder, "checkpoint"), "utf8"), [parseVkey(vkey)]);
  if (head.origin !== signer.name)
    throw new Error(`${basename(folder)}/checkpoint is of ${head.origin}, not ${signer.name}`);
  return head;
}
