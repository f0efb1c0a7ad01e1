/** What a command may touch of the outside: handed in, so that tests run commands without a terminal of their own. */

import { createInterface } from "node:readline";
import type { Clock } from "../base/clock.ts";
import { systemClock } from "../base/clock.ts";

export interface CliContext {
  readonly out: CliStream;
  readonly err: CliStream;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly clock: Clock;
  /** Aborted by the first interrupt. */
  readonly signal: AbortSignal;
  /** A line that a person types behind `question`; "" at an interrupt and at the end of input. Absent off a terminal: nothing is asked there. */
  readonly ask?: (question: string) => Promise<string>;
}

export interface CliStream {
  readonly isTerminal: boolean;
  /** Columns of the terminal; 0 off a terminal: nothing is cut there. */
  readonly columns: number;
  readonly color: boolean;
  write(text: string): void;
}

/** The context of this process. */
export function processContext(signal: AbortSignal): CliContext {
  return {
    out: streamTo(process.stdout, process.env),
    err: streamTo(process.stderr, process.env),
    env: process.env,
    cwd: process.cwd(),
    clock: systemClock,
    signal,
    ...(process.stdin.isTTY === true && process.stderr.isTTY === true ? { ask: (text) => ask(text, signal) } : {}),
  };
}

/** The terminal stays as it is (no `terminal: true`), so that an interrupt is one and not a character. */
async function ask(question: string, signal: AbortSignal): Promise<string> {
  process.stderr.write(question);
  const lines = createInterface({ input: process.stdin, signal });
  try {
    for await (const line of lines) return line;
    return "";
  } finally {
    lines.close();
  }
}

/** The part of a process's output stream that is looked at. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Colours on a terminal only, and not where NO_COLOR (no-color.org) or TERM say that they are not wanted. */
export function streamTo(to: Output, env: NodeJS.ProcessEnv): CliStream {
  const isTerminal = to.isTTY === true;
  return {
    isTerminal,
    get columns() {
      return isTerminal ? (to.columns ?? 80) : 0;
    },
    color: isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
    write: (text) => void to.write(text),
  };
}
