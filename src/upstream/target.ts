/** Which server to connect to, and as whom: one database and one role of the configuration, put together. */

import type { Secret } from "../base/secret.ts";
import type { DatabaseConfig, DatabaseRoleConfig, DatabaseTls } from "../config/schema.ts";

export interface UpstreamTarget {
  /** The database's name in the configuration: what clients and errors call it. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** Name on the upstream. */
  readonly database: string;
  readonly user: string;
  readonly password?: Secret;
  readonly tls: DatabaseTls;
  /** For everything up to the first ReadyForQuery. */
  readonly connectTimeoutMs: number;
}

/** @param name key of `database` in the configuration. The role's client certificate goes before the database's own. */
export function upstreamTarget(name: string, database: DatabaseConfig, role: DatabaseRoleConfig): UpstreamTarget {
  return {
    name,
    host: database.host,
    port: database.port,
    database: database.database,
    user: role.user,
    ...(role.password === undefined ? {} : { password: role.password }),
    tls: withRoleCertificate(database.tls, role),
    connectTimeoutMs: database.connectTimeoutMs,
  };
}

function withRoleCertificate(tls: DatabaseTls, role: DatabaseRoleConfig): DatabaseTls {
  if (tls.mode === "disable" || role.certPath === undefined || role.keyPath === undefined) return tls;
  return { ...tls, certPath: role.certPath, keyPath: role.keyPath };
}
