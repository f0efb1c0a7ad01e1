/** Which audit log a command means: a folder that is named, else that of the configuration; and which instance in it. */

import { statSync } from "node:fs";
import { join, resolve } from "node:path";
import { checkConfig } from "../config/load.ts";
import { ConfigError } from "../config/problems.ts";
import { listInstances } from "../store/rebuild.ts";
import type { CliContext } from "./context.ts";
import { CliError } from "./exit.ts";

/** `folder` as it was named, or `<data>/log` of the configuration. @throws {CliError} usage, where there is no log. */
export function logFolder(context: CliContext, folder: string | undefined, config: string): string {
  const path = folder === undefined ? join(dataPathOf(context, config), "log") : resolve(context.cwd, folder);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return path;
  const next =
    folder === undefined
      ? "the gateway writes one when it starts: postern start"
      : "name the folder log in the gateway's data folder";
  throw new CliError("failed", `there is no audit log in ${path}`, next);
}

/** The data folder alone: whoever reads a log needs no other part of the configuration to be right. */
function dataPathOf(context: CliContext, file: string): string {
  const path = resolve(context.cwd, file);
  const { config, problems } = checkConfig(path, context.env);
  if (config === undefined) {
    const missing = problems.some(({ path: key, line }) => key === "" && line === 1);
    if (missing)
      throw new CliError(
        "usage",
        `no folder is named, and ${file} cannot be read`,
        "name the log's folder, or give --config",
      );
    throw new ConfigError(problems.filter(({ severity }) => severity === "error"));
  }
  return config.dataPath;
}

/** An instance's log in `folder`: the one that is named, else the one whose checkpoint is newest. */
export async function instanceFolder(
  folder: string,
  instance: string | undefined,
): Promise<{ name: string; path: string }> {
  const known = await listInstances(folder);
  if (instance !== undefined) {
    if (known.includes(instance)) return { name: instance, path: join(folder, instance) };
    throw new CliError("usage", `there is no instance "${instance}" in ${folder}`, `one of ${known.join(", ")}`);
  }
  const [newest] = known
    .map((name) => ({ name, path: join(folder, name) }))
    .sort((a, b) => checkpointTime(b.path) - checkpointTime(a.path));
  if (newest === undefined)
    throw new CliError("failed", `there is no log of an instance in ${folder}`, "name the folder log, not one in it");
  return newest;
}

function checkpointTime(path: string): number {
  return statSync(join(path, "checkpoint"), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
