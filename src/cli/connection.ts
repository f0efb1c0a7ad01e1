/** Where and as whom to connect to a database through the gateway, as libpq takes it. Holds no token. */

import { OPERATIONS } from "../http/contract.ts";
import { CliError } from "./exit.ts";
import { discoverGateway, type GatewayAccess } from "./login/token-source.ts";

export interface Connection {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  /** Upstream role, by the name that the gateway's configuration gives it. */
  readonly user: string;
  readonly sslmode: "verify-full" | "disable";
}

/** @param role asked for; the database's default role where undefined, which only people with a right to see it can look up. */
export async function connectionTo(
  access: GatewayAccess,
  database: string,
  role: string | undefined,
): Promise<Connection> {
  const { listener } = await discoverGateway(access.api);
  // A gateway that listens on every address is where its HTTP port is.
  const everywhere = listener.host === "0.0.0.0" || listener.host === "::";
  const host = everywhere ? access.api.url.hostname.replace(/^\[|\]$/g, "") : listener.host;
  const user = role ?? (await defaultRole(access, database));
  return { host, port: listener.port, database, user, sslmode: listener.tls ? "verify-full" : "disable" };
}

/** A connection URL without a password (libpq, 34.1.1.2 of PostgreSQL 18's docs). */
export function connectionUrl({ host, port, database, user, sslmode }: Connection): string {
  const name = host.includes(":") ? `[${host}]` : host;
  return `postgresql://${encodeURIComponent(user)}@${name}:${port}/${encodeURIComponent(database)}?sslmode=${sslmode}`;
}

async function defaultRole({ api, token, login }: GatewayAccess, database: string): Promise<string> {
  const ask = new CliError(
    "usage",
    `the default role of ${database} is told to auditors and admins only`,
    "name yours with --role",
  );
  if (login?.kind === "agent") throw ask;
  const { path, answer } = OPERATIONS.listDatabases;
  const { databases } = await api.call({ path, answer, token }).catch((error: unknown) => {
    throw error instanceof CliError && error.exit === "denied" ? ask : error;
  });
  const found = databases.find(({ name }) => name === database);
  if (found !== undefined) return found.defaultRole;
  throw new CliError(
    "usage",
    `the gateway has no database "${database}"`,
    `one of ${databases.map(({ name }) => name).join(", ")}`,
  );
}
