/** Runs the command line in this process, with streams that are read back, a state folder of its own and no terminal unless asked. */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../src/base/clock.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { CliContext, CliStream } from "../../src/cli/context.ts";
import { runCli } from "../../src/cli/program.ts";

export interface CliOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** A terminal of so many columns; none where absent. */
  readonly columns?: number;
  readonly color?: boolean;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  /** What a person types behind a question; off a terminal where absent. */
  readonly typed?: (question: string) => string | Promise<string>;
  /** Called with each text on standard error, as it is written. */
  readonly onNote?: (text: string) => void;
  /** The same for standard output. */
  readonly onOut?: (text: string) => void;
}

export interface CliResult {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export interface TestCli extends AsyncDisposable {
  /** Working folder and XDG_STATE_HOME. */
  readonly folder: string;
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>;
}

export async function testCli(env: NodeJS.ProcessEnv = {}): Promise<TestCli> {
  const folder = await mkdtemp(join(tmpdir(), "postern-cli-"));
  return {
    folder,
    run: (args, options = {}) => run(args, folder, { ...options, env: { ...env, ...options.env } }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function run(args: readonly string[], folder: string, options: CliOptions): Promise<CliResult> {
  const text = { out: "", err: "" };
  const { typed } = options;
  const stream = (name: "out" | "err"): CliStream => ({
    isTerminal: options.columns !== undefined,
    columns: options.columns ?? 0,
    color: options.color ?? false,
    write: (more) => {
      text[name] += more;
      (name === "err" ? options.onNote : options.onOut)?.(more);
    },
  });
  const context: CliContext = {
    out: stream("out"),
    err: stream("err"),
    env: { XDG_STATE_HOME: folder, ...options.env },
    cwd: folder,
    clock: options.clock ?? systemClock,
    signal: options.signal ?? new AbortController().signal,
    ...(typed === undefined ? {} : { ask: async (question) => typed(question) }),
  };
  return { status: await runCli(args, context), ...text };
}
