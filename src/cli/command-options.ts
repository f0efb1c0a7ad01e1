/** Options that many commands share, so that each means the same everywhere. */

import { type Command, Option } from "commander";
import { FORMATS, type Format } from "./output.ts";

export interface FormatOptions {
  readonly output: Format;
}

export interface GatewayOptions {
  readonly gateway?: string;
}

export interface ConfigOptions {
  readonly config: string;
}

/** `-o, --output FORMAT`. */
export function formatOption(): Option {
  return new Option("-o, --output <format>", "how to print the result").choices([...FORMATS]).default("table");
}

/** `--gateway URL`. */
export function gatewayOption(): Option {
  return new Option(
    "--gateway <url>",
    "address of the gateway's HTTP port (default: POSTERN_GATEWAY, else that of the last login)",
  );
}

/** `-c, --config FILE`. */
export function configOption(env: NodeJS.ProcessEnv): Option {
  const fallback = env["POSTERN_CONFIG"] || "postern.yaml";
  return new Option("-c, --config <file>", "configuration of the gateway").default(
    fallback,
    "POSTERN_CONFIG, else postern.yaml",
  );
}

/** Adds examples below the help of `command`. */
export function examples(command: Command, lines: readonly (readonly [string, string])[]): Command {
  const text = lines.map(([line, meaning]) => `  $ ${line}\n      ${meaning}`).join("\n");
  return command.addHelpText("after", `\nExamples:\n${text}\n`);
}
