/** `postern start`: the gateway in the foreground, and the signals that stop and reload it. */

import { resolve } from "node:path";
import type { Command } from "commander";
import { Option } from "commander";
import { checkConfig } from "../../config/load.ts";
import { ConfigError } from "../../config/problems.ts";
import type { RunningGateway } from "../../main.ts";
import { type ConfigOptions, configOption, examples } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { note } from "../output.ts";

interface StartOptions extends ConfigOptions {
  readonly logLevel: "info" | "debug";
}

export function addStart(program: Command, context: CliContext, exit: (status: number) => void): void {
  const command = program
    .command("start")
    .summary("run the gateway")
    .description(
      "Runs the gateway in the foreground, its log as JSON lines on standard output. TERM and INT stop it: sessions finish their " +
        "statement. A second one stops it at once. HUP reads the configuration and the certificates again.",
    )
    .addOption(configOption(context.env))
    .addOption(new Option("--log-level <level>", "how much is logged").choices(["info", "debug"]).default("info"))
    .action(async (options: StartOptions) => exit(await start(context, options)));
  examples(command, [["postern start --config /etc/postern/postern.yaml", "as a service would"]]);
}

async function start(context: CliContext, options: StartOptions): Promise<number> {
  const configPath = resolve(context.cwd, options.config);
  for (const { severity, message, path } of checkConfig(configPath, context.env).problems) {
    if (severity === "warning") note(context, `warning: ${path}: ${message}`);
  }
  const { runGateway } = await import("../../main.ts"); // here, so that other commands start without the gateway's parts
  const env = { ...context.env, POSTERN_LOG_LEVEL: options.logLevel };
  // Signals are taken before the gateway is there: a HUP on the way would end the process, a TERM leave things half open.
  const signals = new Signals(context);
  try {
    const running = await runGateway({ configPath, env });
    signals.serve(running);
    return await running.closed;
  } finally {
    signals.release();
  }
}

/** Exit status of a process that a signal ended at once: 128 and the signal's number, as shells have it. */
const INTERRUPTED = 130;

/** Both copies of one Ctrl-C: the terminal's own, and the one that a parent such as npm passes on. */
const SAME_PRESS_MS = 500;

/** TERM and INT stop the gateway, HUP reloads it; what comes before it runs is done as soon as it does. */
class Signals {
  readonly #context: CliContext;
  #running: RunningGateway | undefined;
  #stop: { readonly signal: NodeJS.Signals; readonly atMs: number } | undefined;
  #reloadAsked = false;

  constructor(context: CliContext) {
    this.#context = context;
    process.on("SIGTERM", this.#onStop).on("SIGINT", this.#onStop).on("SIGHUP", this.#onReload);
  }

  serve(running: RunningGateway): void {
    this.#running = running;
    if (this.#stop !== undefined) this.#stopNow(running, this.#stop.signal);
    else if (this.#reloadAsked) this.#onReload();
  }

  release(): void {
    process.off("SIGTERM", this.#onStop).off("SIGINT", this.#onStop).off("SIGHUP", this.#onReload);
  }

  readonly #onStop = (signal: NodeJS.Signals): void => {
    const atMs = this.#context.clock.monotonicMs();
    if (this.#stop !== undefined) {
      if (atMs - this.#stop.atMs > SAME_PRESS_MS) process.exit(INTERRUPTED);
      return;
    }
    this.#stop = { signal, atMs };
    if (this.#running !== undefined) this.#stopNow(this.#running, signal);
  };

  readonly #onReload = (): void => {
    this.#reloadAsked = true;
    // What changed is in the log; here is only what kept it from being read.
    this.#running?.reload().catch((error: unknown) => {
      note(this.#context, `not reloaded, the old configuration stays: ${reason(error)}`);
    });
  };

  #stopNow(running: RunningGateway, signal: NodeJS.Signals): void {
    running.stop(signal).catch((error: unknown) => {
      note(this.#context, `the gateway did not stop in order: ${reason(error)}`);
      process.exit(1);
    });
  }
}

function reason(error: unknown): string {
  if (error instanceof ConfigError) return `\n${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
