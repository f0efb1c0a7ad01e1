/** The log's Ed25519 key as a file: `<data>/keys/log.key`, PKCS#8 PEM, mode 0600 in a folder of mode 0700. Signs nothing. */

import { createPrivateKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { constants } from "node:fs";
import { access, chmod, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { AtomicFiles, isMissing } from "./atomic-file.ts";

const FILE = "log.key";

export interface LogKey {
  readonly privateKey: KeyObject;
  /** Made just now: there was none. */
  readonly created: boolean;
}

export function keyFolder(dataFolder: string): string {
  return join(dataFolder, "keys");
}

/** Reads the key, or makes one where `mayCreate`. @throws what the file system or the PEM parser throws. */
export async function loadLogKey(dataFolder: string, mayCreate: boolean): Promise<LogKey> {
  const folder = keyFolder(dataFolder);
  try {
    const privateKey = createPrivateKey(await readFile(join(folder, FILE)));
    if (privateKey.asymmetricKeyType !== "ed25519") throw new Error("keys/log.key is not an Ed25519 key");
    return { privateKey, created: false };
  } catch (error) {
    if (!isMissing(error)) throw error;
    if (!mayCreate) throw new Error("keys/log.key is missing, and the log was signed with it", { cause: error });
  }
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  const { privateKey } = generateKeyPairSync("ed25519");
  const files = new AtomicFiles(folder);
  files.write(FILE, Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" })));
  files.syncFolders();
  return { privateKey, created: true };
}

/** Whether the key still can be read. The key is in memory: without its file a restart could not go on with the log. */
export async function checkLogKey(dataFolder: string): Promise<void> {
  await access(join(keyFolder(dataFolder), FILE), constants.R_OK);
}
