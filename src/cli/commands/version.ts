/** `postern version`: what runs here. */

import type { Command } from "commander";
import { VERSION } from "../../version.ts";
import { type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { printOne } from "../output.ts";

export function addVersion(program: Command, context: CliContext): void {
  program
    .command("version")
    .summary("print the version")
    .addOption(formatOption())
    .action(({ output }: FormatOptions) => {
      const value = {
        name: "postern",
        version: VERSION,
        node: process.version,
        platform: `${process.platform}-${process.arch}`,
      };
      printOne(context, output, value, Object.entries(value));
    });
}
