/** `postern init`: a first postern.yaml and a first policy, with every line explained. Never writes over a file. */

import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { Command } from "commander";
import { examples } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { note } from "../output.ts";
import { STARTER } from "../starter.ts";
import { starterFolder } from "../starter-policy.ts";

export function addInit(program: Command, context: CliContext): void {
  const command = program
    .command("init")
    .summary("write a first postern.yaml and policy")
    .description(
      "Writes a configuration and, in the folder policy beside it, a policy to start from, with every line explained: agents read, writes wait for approval, definitions are denied. A file or folder that is there is left alone.",
    )
    .argument("[file]", "where to", "postern.yaml")
    .action((file: string) => init(context, file));
  examples(command, [["postern init", "postern.yaml and policy/ in this folder"]]);
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
  const folder = join(dirname(path), "policy");
  const written = writePolicy(folder);
  note(context, `${file} ${written ? "and the folder policy are" : "is"} written. Next:`);
  if (!written) note(context, "  The folder policy was there already, and is as it was.");
  note(context, "  1. put your issuer and your database in it, and the database's name in policy/agents.cedar");
  note(context, "  2. set POSTERN_STORE_URL and POSTERN_SHOP_PASSWORD, or name files instead");
  note(
    context,
    `  3. postern config check ${file}; postern policy check; postern doctor --config ${file}; postern start --config ${file}`,
  );
}

/** The database's name is that of the configuration beside it. @returns whether it was not there. */
function writePolicy(folder: string): boolean {
  if (existsSync(folder)) return false;
  try {
    mkdirSync(folder);
    for (const [name, text] of starterFolder("shop")) writeFileSync(join(folder, name), text, { flag: "wx" });
    return true;
  } catch (error) {
    throw new CliError("failed", `the folder policy cannot be written: ${String(error)}`);
  }
}
