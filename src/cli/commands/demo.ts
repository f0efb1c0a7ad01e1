/** `postern demo`: everything from nothing, in one process; what `npm start` runs. */

import { type Command, Option } from "commander";
import { examples } from "../command-options.ts";
import type { CliContext } from "../context.ts";

interface DemoOptions {
  readonly once?: boolean;
  readonly folder?: string;
}

export function addDemo(program: Command, context: CliContext, exit: (status: number) => void): void {
  const command = program
    .command("demo")
    .summary("try it: PostgreSQL with a shop, an issuer and the gateway")
    .description(
      "Starts a PostgreSQL of its own with sample data, an OIDC issuer and the gateway, and prints how to connect. Ctrl-C stops all " +
        "of it. For trying only: never the store or issuer of an installation.",
    )
    .option("--once", "run a scripted agent through it, verify the log, and end")
    .addOption(new Option("--folder <path>", "where it keeps its data between runs").default(undefined, ".postern"))
    .action(async ({ once = false, folder }: DemoOptions) => {
      const { runDemo } = await import("../../demo/main.ts"); // here: the demo's parts are no part of an installation
      const stdout = {
        write: (text: string) => {
          context.out.write(text);
          return true;
        },
      };
      exit(await runDemo({ once, env: context.env, stdout, ...(folder === undefined ? {} : { folder }) }));
    });
  examples(command, [
    ["postern demo", "look around"],
    ["postern demo --once", "see it work, unattended"],
  ]);
}
