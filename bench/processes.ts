/** What a process and its descendants cost, from Linux's /proc. Source: proc(5), /proc/pid/stat and /proc/pid/statm. */

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** USER_HZ: 100 on every Linux that Node runs on; the kernel keeps it so for user space. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;

interface Stat {
  readonly parent: number;
  /** Own time, and that of ended children that were waited for. */
  readonly ticks: number;
}

function stat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined; // it ended between the listing and now; its time is in its parent's from here on
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" "); // the command before it may hold spaces
  const [utime, stime, cutime, cstime] = [11, 12, 13, 14].map((index) => Number(fields[index]));
  return { parent: Number(fields[1]), ticks: (utime ?? 0) + (stime ?? 0) + (cutime ?? 0) + (cstime ?? 0) };
}

/** `root` and all its descendants that live now. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    const parent = Number.isInteger(pid) ? stat(pid)?.parent : undefined;
    if (parent === undefined) continue;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [pid]);
    else siblings.push(pid);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** CPU seconds that a process tree has used so far, its ended and reaped processes included. */
export function cpuSeconds(root: number): number {
  return processTree(root).reduce((sum, pid) => sum + (stat(pid)?.ticks ?? 0), 0) / TICKS_PER_SECOND;
}

/** CPU seconds of this process's children that have ended: pgbench's, in the end. */
export function endedChildrenCpuSeconds(): number {
  const fields = readFileSync("/proc/self/stat", "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}

/** Resident bytes of a process tree. Shared pages count once for each process: of use for trees of one process. */
export function residentBytes(root: number): number {
  let pages = 0;
  for (const pid of processTree(root)) {
    try {
      pages += Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]);
    } catch {
      // it ended meanwhile
    }
  }
  return pages * PAGE_BYTES;
}

/** The process below this one whose command line holds both words. It may take a moment to appear. */
export async function findDescendant(program: string, argument: string): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const found = processTree(process.pid).find((pid) => {
      const words = commandLine(pid);
      return words[0]?.endsWith(program) === true && words.some((word) => word === argument);
    });
    if (found !== undefined) return found;
    await sleep(25);
  }
  throw new Error(`${program} ${argument} did not start`);
}

function commandLine(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}
