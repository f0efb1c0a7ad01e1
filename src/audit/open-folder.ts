/**
 * The steps before a log can be written: lock, instance, key, folders, recovery. Each ends in an error rather than in a log
 * that goes on from a state which nobody signed.
 */

import type { KeyObject } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import type { Clock } from "../base/clock.ts";
import { formatVkey, isKeyName, rawPublicKey } from "./checkpoint.ts";
import { lockDataFolder } from "./data-lock.ts";
import { keepInstance } from "./instance.ts";
import { journalFolderOf, type LogPlace, logFolderOf, prepareFolders } from "./integrate.ts";
import { loadLogKey } from "./key.ts";
import { type Recovered, recover } from "./recovery.ts";

export interface OpenedFolder extends LogPlace {
  readonly origin: string;
  readonly vkey: string;
  readonly privateKey: KeyObject;
  /** The key was made just now. */
  readonly keyCreated: boolean;
  readonly recovered: Recovered;
  /** Lets other processes open the folder. */
  readonly unlock: () => void;
}

/** @throws {Error} saying which step failed and why; nothing is locked then. */
export async function openFolder(
  dataFolder: string,
  gatewayName: string,
  wanted: string | undefined,
  clock: Clock,
): Promise<OpenedFolder> {
  if (!isKeyName(gatewayName)) throw new Error("gateway.name may have no white space and no +");
  await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  const unlock = lockDataFolder(dataFolder);
  try {
    const place = { dataFolder, gatewayName, instance: keepInstance(dataFolder, wanted, clock.nowMs()) };
    const { privateKey, created } = await loadLogKey(dataFolder, !existsSync(logFolderOf(place)));
    await mkdir(journalFolderOf(place), { recursive: true, mode: 0o700 });
    const head = await prepareFolders(place, privateKey, clock);
    const recovered = await recover(journalFolderOf(place), logFolderOf(place), head.size);
    const vkey = formatVkey(head.origin, rawPublicKey(privateKey));
    return { ...place, origin: head.origin, vkey, privateKey, keyCreated: created, recovered, unlock };
  } catch (error) {
    unlock();
    throw error;
  }
}
