/** What a command may touch of the outside: handed in, so that tests run commands without a terminal of their own. */

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
    out: stream(process.stdout),
    err: stream(process.stderr),
    env: process.env,
    cwd: process.cwd(),
    clock: systemClock,
    signal,
  };
}

function stream(to: NodeJS.WriteStream): CliStream {
  const { NO_COLOR, TERM } = process.env;
  const isTerminal = to.isTTY === true;
  return {
    isTerminal,
    get columns() {
      return isTerminal ? to.columns : 0;
    },
    color: isTerminal && (NO_COLOR === undefined || NO_COLOR === "") && TERM !== "dumb",
    write: (text) => void to.write(text),
  };
}
