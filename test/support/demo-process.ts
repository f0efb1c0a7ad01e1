/** The demo as a process of its own, so that it can be stopped and killed; and what is left of it afterwards. */

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { promisify } from "node:util";

const run = promisify(execFile);
const MAIN = new URL("../../dist/demo/main.js", import.meta.url).href;
const CODE = `
  import(${JSON.stringify(MAIN)}).then(async ({ runDemo }) => {
    const options = JSON.parse(process.argv[1]);
    process.exitCode = await runDemo({ ...options, stdout: process.stdout, env: process.env });
  });
`;

export interface DemoRun {
  readonly once?: boolean;
  readonly folder: string;
  readonly ports?: Readonly<Record<string, number>>;
}

export interface DemoProcess {
  /** Output so far. */
  readonly output: () => string;
  /** Waits for words in the output. @throws when the process ends before they came. */
  until(words: string): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Exit code, or the signal's name. */
  readonly ended: Promise<number | string>;
}

/** Starts it in the folder's parent. Ports that are not named are any free ones. */
export function startDemoProcess({ once: isOnce = false, folder, ports }: DemoRun): DemoProcess {
  const options = { once: isOnce, folder, ports: { wire: 0, http: 0, issuer: 0, ...ports } };
  const child = spawn(process.execPath, ["-e", CODE, JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const wake = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      for (const look of wake) look();
    });
  }
  const ended = once(child, "close").then(([code, signal]): number | string => code ?? signal);
  const until = (words: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (output.includes(words)) resolve();
      };
      wake.add(look);
      look();
      void ended.then(() => reject(new Error(`the demo ended before it said "${words}":\n${output}`)));
    });
  return { output: () => output, until, signal: (name) => void child.kill(name), ended };
}

/** Command lines of processes, other than ours, that name `folder`. */
export async function processesOf(folder: string): Promise<string[]> {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,args="]);
  return stdout.split("\n").filter((line) => line.includes(folder) && !line.includes("runDemo"));
}

/** Waits, up to `limitMs`, until no process names `folder`; those that are left then. */
export async function processesLeft(folder: string, limitMs: number): Promise<string[]> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const left = await processesOf(folder);
    if (left.length === 0 || performance.now() > deadline) return left;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The temporary folders of the demo and its server that are there now. */
export async function temporaryFolders(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => /^postern-(bin|demo)-/.test(name)).sort();
}
