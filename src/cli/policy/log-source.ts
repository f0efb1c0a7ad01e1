/** `--from`: which log, and since when; and the groups of who is on record, where an older gateway has not written them down. */

import { statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseDuration } from "../../config/duration.ts";
import type { Config } from "../../config/schema.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { logFolder } from "../log-folder.ts";
import type { RecordedStatement } from "./recorded.ts";

export interface LogSource {
  readonly folder: string;
  readonly sinceMs: number;
}

/** @param from a log's folder, a time (`2026-11-01`, `2026-11-01T08:00:00Z`) or how long ago (`7d`); of the two latter the log is that of --config. */
export function logSource(context: CliContext, from: string | undefined, configFile: string): LogSource {
  if (from === undefined) return { folder: logFolder(context, undefined, configFile), sinceMs: 0 };
  const path = resolve(context.cwd, from);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    // An instance's own folder was named: its log is one of those in the folder above, and alone there is not read.
    if (statSync(join(path, "checkpoint"), { throwIfNoEntry: false }) !== undefined) {
      throw new CliError(
        "usage",
        `${from} is the log of one instance`,
        `name the folder it is in: ${dirname(from)} (all but ${basename(from)} are read too)`,
      );
    }
    return { folder: logFolder(context, from, configFile), sinceMs: 0 };
  }
  const agoMs = parseDuration(from);
  const sinceMs = agoMs === null ? timeOf(from) : context.clock.nowMs() - agoMs;
  if (sinceMs === null) {
    throw new CliError(
      "usage",
      `--from ${from} is neither a folder nor a time`,
      "such as 7d, 2026-11-01 or ./postern-data/log",
    );
  }
  return { folder: logFolder(context, undefined, configFile), sinceMs };
}

function timeOf(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text)) return null;
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? null : timeMs;
}

/** Groups that a principal is in by its session's first entry; else those of the upstream role. @param given by the command line, for all. */
export function groupsOf(
  { database, upstreamRole, groups }: Pick<RecordedStatement, "database" | "upstreamRole" | "groups">,
  config: Config | undefined,
  given: readonly string[] | undefined,
): readonly string[] {
  if (given !== undefined) return given;
  if (groups !== null) return groups;
  const found =
    config !== undefined && Object.hasOwn(config.databases, database) ? config.databases[database] : undefined;
  const roles = Object.entries(found?.roles ?? {});
  const role = roles.find(([name, { user }]) => name === upstreamRole || user === upstreamRole)?.[1];
  return (role?.groups ?? []).filter((group) => group !== "*");
}
