/**
 * Runs a command that must not outlive this process, however this process ends: kill -9 included. Knows nothing of PostgreSQL.
 *
 * A small shell stands between: it holds the reading end of a pipe whose writing end only we have. A word on the pipe is a
 * signal to send; the end of the pipe, which the kernel delivers even when we are killed, means SIGQUIT. The shell is the
 * command's parent, so the process id that it signals cannot have become someone else's.
 */

import { spawn } from "node:child_process";

const SUPERVISOR = `
exec 3<&0
folder=$1; shift
"$@" </dev/null 3<&- &
command=$!
( while read -r word; do kill -s "$word" "$command" 2>/dev/null; done
  kill -s QUIT "$command" 2>/dev/null ) <&3 3<&- &
watcher=$!
exec 3<&- 0</dev/null
wait "$command"; code=$?
kill -s KILL "$watcher" 2>/dev/null
if [ -n "$folder" ] && [ ! -e "$folder/keep" ]; then rm -rf "$folder"; fi
exit "$code"
`;

export interface SuperviseOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Removed, with what is in it, when the command has ended; unless a file named `keep` is in it then. */
  readonly removeFolder?: string | undefined;
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  readonly env?: Readonly<Record<string, string>>;
  /** Open file descriptor that takes standard output and standard error. */
  readonly outputFd: number;
}

export interface Supervised {
  /** The exit code, 128 + n after signal n. Resolves once the command has ended and its folder is gone; never rejects. */
  readonly ended: Promise<number>;
  signal(name: "INT" | "TERM" | "QUIT" | "KILL" | "HUP"): void;
}

/** Starts a command in a session of its own (the terminal's Ctrl-C is ours to handle), with `/` as working folder. */
export function supervise(options: SuperviseOptions): Supervised {
  const child = spawn(
    "/bin/sh",
    ["-c", SUPERVISOR, "supervisor", options.removeFolder ?? "", options.command, ...options.args],
    {
      cwd: "/",
      detached: true,
      stdio: ["pipe", options.outputFd, options.outputFd],
      env: { LC_ALL: "C", PATH: "/usr/local/bin:/usr/bin:/bin", ...options.env },
      ...options.owner,
    },
  );
  const { stdin } = child;
  if (stdin === null) throw new TypeError("a supervised command was started without its pipe");
  stdin.on("error", () => undefined); // it ended first: `ended` tells
  const ended = new Promise<number>((resolve) => {
    child.once("error", () => resolve(127));
    child.once("exit", (code) => {
      stdin.destroy();
      resolve(code ?? 137);
    });
  });
  return { ended, signal: (name) => void stdin.write(`${name}\n`) };
}
