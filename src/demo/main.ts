/**
 * `postern demo`, which is what `npm start` runs: PostgreSQL with the shop, an OIDC issuer and the gateway, from nothing, and
 * nothing of it left when it ends. With `once`, a scripted agent goes through it all and the log is verified.
 */

import type { Writable } from "node:stream";
import { DemoProblem } from "./demo-folder.ts";
import { PostgresFailed } from "./embedded-postgres.ts";
import { Interrupted, Interruption } from "./interruption.ts";
import { PostgresMissing } from "./postgres-binaries.ts";
import { demoScreen } from "./screen.ts";
import { runScript } from "./script.ts";
import { type Demo, type DemoPorts, startDemo } from "./start-demo.ts";

export interface DemoOptions {
  /** Runs the script and ends, instead of showing the screen and waiting. */
  readonly once: boolean;
  /** Kept between runs; `.postern` in the working folder where absent. */
  readonly folder?: string;
  /** Tried first. */
  readonly ports?: Partial<DemoPorts>;
  readonly stdout: Pick<Writable, "write">;
  readonly env: NodeJS.ProcessEnv;
}

export const DEFAULT_PORTS: DemoPorts = { wire: 6432, http: 8432, issuer: 9432 };

/** @returns the exit status: 0 when it was stopped or the script met no surprise, 1 otherwise. */
export async function runDemo(options: DemoOptions): Promise<number> {
  using interruption = new Interruption();
  const say = (line: string): void => void options.stdout.write(`${line}\n`);
  try {
    const demo = await startDemo({
      folder: options.folder ?? ".postern",
      ports: { ...DEFAULT_PORTS, ...options.ports },
      env: options.env,
      say,
      interruption,
    });
    try {
      return await (options.once ? script(demo, say, interruption) : wait(demo, say, interruption));
    } finally {
      await demo.stop();
    }
  } catch (error) {
    return tell(error, say);
  }
}

async function wait(demo: Demo, say: (line: string) => void, interruption: Interruption): Promise<number> {
  say(demoScreen(demo).trimEnd());
  const broken = await Promise.race([demo.broken, interruption.happened.then(() => null)]);
  say(broken === null ? "\nStopping." : `\nStopping: ${broken}.`);
  return broken === null ? 0 : 1;
}

async function script(demo: Demo, say: (line: string) => void, interruption: Interruption): Promise<number> {
  const ended = await Promise.race([
    runScript(demo, say),
    demo.broken.then((why) => `A part of the demo ended by itself: ${why}.`),
    interruption.happened.then((signal) => `Stopped by ${signal}.`),
  ]);
  if (typeof ended === "boolean") return ended ? 0 : 1;
  say(ended);
  return 1;
}

function tell(error: unknown, say: (line: string) => void): number {
  if (error instanceof Interrupted) {
    say("\nStopped.");
    return 0;
  }
  // What its reader can mend is told in its own words; anything else is ours, and goes up with its stack.
  if (!(error instanceof DemoProblem || error instanceof PostgresFailed || error instanceof PostgresMissing))
    throw error;
  say(error.message);
  return 1;
}
