/** One process per data folder: `<data>/lock` names it. A lock of a process that has ended is taken over. Node has no flock. */

import { linkSync, readFileSync, readlinkSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Folders that this process has open: a restarted container has the same process id as the one that died. */
const own = new Set<string>();

/** Takes the lock. @returns what gives it back. @throws {Error} where another living process has it. */
export function lockDataFolder(folder: string): () => void {
  const path = join(folder, "lock");
  if (own.has(path)) throw new Error("the data folder is open in this process already");
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, describeProcess(process.pid), { mode: 0o600 });
  try {
    // link() fails where the name exists, and shows the content complete: what open(O_EXCL) does not.
    while (!tryLink(mine, path)) takeOver(path);
  } finally {
    unlinkSync(mine);
  }
  own.add(path);
  return () => {
    own.delete(path);
    unlinkSync(path);
  };
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return false;
    throw error;
  }
}

/** Puts aside a stale lock. @throws {Error} where it is not stale. */
function takeOver(path: string): void {
  const holder = readOrEmpty(path);
  const pid = Number(holder.split(" ")[0]);
  if (pid !== process.pid && Number.isSafeInteger(pid) && pid > 0 && isRunning(pid, holder)) {
    throw new Error(`the data folder is in use by process ${pid}`);
  }
  const aside = `${path}.stale.${process.pid}`;
  renameSync(path, aside);
  // Between reading and renaming another process may have taken over: then it is its lock that was moved.
  if (readOrEmpty(aside) !== holder) {
    tryLink(aside, path);
    unlinkSync(aside);
    throw new Error("the data folder is being opened by another process");
  }
  unlinkSync(aside);
}

function isRunning(pid: number, holder: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
  }
  // The same id may be another process by now, or one of another boot or container.
  const now = describeProcess(pid);
  return now === holder || now.split(" ").length === 1;
}

/** `pid start-time boot namespace`; only the pid where the system does not tell the rest. */
function describeProcess(pid: number): string {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8");
    const startTime = fields.slice(fields.lastIndexOf(")") + 2).split(" ")[19] ?? "";
    const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return `${pid} ${startTime} ${boot} ${readlinkSync("/proc/self/ns/pid")}`;
  } catch {
    return String(pid);
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
