/** Where a command looks names up: the database's own server as its upstream role, or a catalog that was saved. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Catalog } from "../../analysis/catalog.ts";
import { CatalogFileError, catalogFromJson } from "../../analysis/catalog-json.ts";
import type { FunctionListing } from "../../analysis/functions.ts";
import type { Config } from "../../config/schema.ts";
import { AnalysisConnection } from "../../upstream/analyse.ts";
import { CatalogConnection } from "../../upstream/catalog-connection.ts";
import { loadCatalog } from "../../upstream/catalog-load.ts";
import { UpstreamFailure } from "../../upstream/failure.ts";
import { type UpstreamTarget, upstreamTarget } from "../../upstream/target.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import type { Source } from "./resolver.ts";

/** As the server gives them to a session that has set nothing. */
const SEARCH_PATH = "SELECT s FROM pg_catalog.unnest(pg_catalog.current_schemas(true)) AS s";
/** What a server that was set up by nobody looks in; a saved catalog does not say. */
const USUAL_PATH = ["$user", "public"];

/** @param role the database's default role where undefined. @throws {CliError} usage, naming what there is. */
export function targetOf(config: Config, database: string, role: string | undefined): UpstreamTarget {
  const found = Object.hasOwn(config.databases, database) ? config.databases[database] : undefined;
  if (found === undefined) {
    const names = Object.keys(config.databases).join(", ");
    throw new CliError("usage", `the configuration has no database "${database}"`, `one of ${names}`);
  }
  const name = role ?? found.defaultRole;
  const roleConfig = Object.hasOwn(found.roles, name) ? found.roles[name] : undefined;
  if (roleConfig === undefined) {
    throw new CliError(
      "usage",
      `database "${database}" has no role "${name}"`,
      `one of ${Object.keys(found.roles).join(", ")}`,
    );
  }
  return upstreamTarget(database, found, roleConfig);
}

/** Where there is but one database, it is meant. */
export function onlyDatabase(config: Config | undefined): string | undefined {
  const names = Object.keys(config?.databases ?? {});
  return names.length === 1 ? names[0] : undefined;
}

/** The catalog of the server as it is now, and its search path. */
export async function loadFrom(
  context: CliContext,
  target: UpstreamTarget,
): Promise<{ readonly catalog: Catalog; readonly searchPath: readonly string[] }> {
  const connection = await reached(target, CatalogConnection.open(target, context.signal));
  try {
    const searchPath: string[] = [];
    await connection.query([{ sql: SEARCH_PATH, row: ([schema]) => searchPath.push(schema ?? "") }]);
    return { catalog: (await loadCatalog(connection, target.name)).catalog, searchPath };
  } finally {
    await connection.close();
  }
}

/** @param file as it was named. @throws {CliError} where it is no catalog. */
export function savedCatalog(context: CliContext, file: string): Catalog {
  const advice = "postern policy catalog save --database NAME FILE writes one";
  let text: string;
  try {
    text = readFileSync(resolve(context.cwd, file), "utf8");
  } catch (error) {
    const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CliError("usage", `${file} cannot be read (${why})`, advice);
  }
  try {
    return catalogFromJson(text);
  } catch (error) {
    if (!(error instanceof CatalogFileError)) throw error;
    throw new CliError("usage", `${file} is no catalog of this version of Postern: ${error.message}`, advice);
  }
}

/** By the catalog alone. */
export function offlineSource(catalog: Catalog, listings: readonly FunctionListing[]): Source {
  return { catalog, server: null, searchPath: USUAL_PATH, listings };
}

/** Runs `work` with the server at hand, and leaves no connection. */
export async function withServer<T>(
  context: CliContext,
  target: UpstreamTarget,
  listings: readonly FunctionListing[],
  work: (source: Source) => Promise<T>,
): Promise<T> {
  const { catalog, searchPath } = await loadFrom(context, target);
  const server = await reached(target, AnalysisConnection.open(target, context.signal));
  try {
    return await work({ catalog, server, searchPath, listings });
  } finally {
    server.close();
  }
}

async function reached<T>(target: UpstreamTarget, opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
    throw new CliError(
      "failed",
      `${target.host}:${target.port} does not let ${target.user} in (${error.reason}${cause})`,
      "postern doctor tells what is wrong; without the server: --catalog FILE",
    );
  }
}
