/** `postern init`: a first postern.yaml, with every line explained. Never writes over a file. */

import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { examples } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { note } from "../output.ts";
import { STARTER } from "../starter.ts";

export function addInit(program: Command, context: CliContext): void {
  const command = program
    .command("init")
    .summary("write a first postern.yaml")
    .description("Writes a configuration to start from, with every line explained. A file that is there is left alone.")
    .argument("[file]", "where to", "postern.yaml")
    .action((file: string) => init(context, file));
  examples(command, [["postern init", "postern.yaml in this folder"]]);
}

function init(context: CliContext, file: string): void {
  const path = resolve(context.cwd, file);
  try {
    writeFileSync(path, STARTER, { flag: "wx", mode: 0o600 });
  } catch (error) {
    const exists = error instanceof Error && "code" in error && error.code === "EEXIST";
    const why = exists ? `${file} is there already` : `${file} cannot be written: ${String(error)}`;
    throw new CliError("failed", why, exists ? `postern init OTHER-FILE, or: postern config check ${file}` : undefined);
  }
  note(context, `${file} is written. Next:`);
  note(context, "  1. put your issuer and your database in it");
  note(context, "  2. set POSTERN_STORE_URL and POSTERN_SHOP_PASSWORD, or name files instead");
  note(context, `  3. postern config check ${file}; postern doctor --config ${file}; postern start --config ${file}`);
}
