/** The instance's id: kept in `<data>/instance`, so that a restart continues the same log. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { newId } from "../base/ids.ts";
import { AtomicFiles, isMissing } from "./atomic-file.ts";
import { isKeyName } from "./checkpoint.ts";

/**
 * The kept id, or a new one, or `wanted`, which is kept then. It names a folder and ends the log's origin.
 * @throws {Error} where the folder is another instance's, or the id cannot be a name.
 */
export function keepInstance(dataFolder: string, wanted: string | undefined, nowMs: number): string {
  const kept = readKept(dataFolder);
  const instance = kept ?? wanted ?? newId("gw", nowMs);
  if (wanted !== undefined && kept !== undefined && kept !== wanted) {
    throw new Error(`the data folder is of instance ${kept}, not ${wanted}`);
  }
  if (!isKeyName(instance) || !/^[\w.-]+$/.test(instance) || instance.startsWith(".") || instance === "registry") {
    throw new Error(`${JSON.stringify(instance)} cannot name an instance`);
  }
  if (kept === undefined) {
    const files = new AtomicFiles(dataFolder);
    files.write("instance", Buffer.from(`${instance}\n`));
    files.syncFolders();
  }
  return instance;
}

function readKept(dataFolder: string): string | undefined {
  try {
    return readFileSync(join(dataFolder, "instance"), "utf8").trim();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
