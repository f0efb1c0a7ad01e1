/** `doctor`: the data folder and the disk under it. */

import { existsSync } from "node:fs";
import { access, constants, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { formatSize } from "../../config/duration.ts";
import { type Check, type DoctorFinding, fail, ok, reasonOf, warn } from "./finding.ts";

const GIB = 2 ** 30;
const LEAST_FREE_BYTES = GIB / 4;
const LITTLE_FREE_BYTES = 5 * GIB;

/** Whether there is room for the log, and whether others can read or no one can write the data folder. */
export const checkData: Check = async ({ config }) => {
  const { dataPath } = config;
  const standing = nearestFolder(dataPath);
  try {
    return [...(await checkFolder(dataPath, standing)), await checkSpace(standing)];
  } catch (error) {
    return [
      fail(
        "data.folder",
        dataPath,
        `the data folder cannot be looked at: ${reasonOf(error)}`,
        "check its path and owner",
      ),
    ];
  }
};

async function checkFolder(dataPath: string, standing: string): Promise<readonly DoctorFinding[]> {
  try {
    await access(standing, constants.W_OK | constants.X_OK);
  } catch {
    return [
      fail(
        "data.folder",
        dataPath,
        `${standing} cannot be written by this account`,
        "run as the gateway's account, or give it the folder",
      ),
    ];
  }
  if (standing !== dataPath) return [ok("data.folder", dataPath, "not there yet: start makes it")];
  const { mode } = await stat(dataPath);
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    const bits = (mode & 0o777).toString(8);
    return [
      warn("data.folder", dataPath, `others than its owner can reach into it (mode ${bits})`, `chmod 700 ${dataPath}`),
    ];
  }
  return [ok("data.folder", dataPath, "is there, for its owner alone")];
}

async function checkSpace(folder: string): Promise<DoctorFinding> {
  const { bavail, bsize } = await statfs(folder);
  const freeBytes = bavail * bsize;
  const free = `${(freeBytes / GIB).toFixed(1)} GiB free`;
  const mend = "make room: when the disk is full no statement runs";
  if (freeBytes < LEAST_FREE_BYTES)
    return fail("disk", folder, `${free}, less than ${formatSize(LEAST_FREE_BYTES)}`, mend);
  if (freeBytes < LITTLE_FREE_BYTES)
    return warn("disk", folder, `${free}, less than ${formatSize(LITTLE_FREE_BYTES)}`, mend);
  return ok("disk", folder, free);
}

function nearestFolder(path: string): string {
  let folder = path;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}
