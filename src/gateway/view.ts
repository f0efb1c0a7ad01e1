/** The gateway as people see it over HTTP: live sessions, databases, readiness. Reads, and ends sessions when asked to. */

import type { Config } from "../config/schema.ts";
import type { Gateway } from "./gateway.ts";
import type { Session } from "./session.ts";

/** One live session, in plain values. */
export function sessionView(session: Session) {
  const { journal, openedAtMs } = session.options;
  const { facts } = journal;
  return {
    id: session.id,
    principal: facts.principal,
    database: facts.database,
    role: facts.upstreamRole,
    clientAddress: facts.clientAddress,
    via: "wire" as const,
    applicationName: facts.applicationName === "" ? null : facts.applicationName,
    openedAtMs,
    activity: session.activity,
    statements: journal.statements,
    rows: journal.rows,
    bytes: journal.bytes,
  };
}

/** The configured databases and the roles that exist in each; no host and no credential. */
export function databaseViews(config: Config) {
  return Object.entries(config.databases).map(([name, { environment, roles, defaultRole }]) => ({
    name,
    environment,
    roles: Object.keys(roles),
    defaultRole,
  }));
}

/** Who may sign tokens, for those who look for one. */
export function issuerViews(config: Config) {
  return config.issuers.map(({ url, kind, audience, clientId }) => ({ url, kind, audience, clientId }));
}

/** @param listening whether the wire port is open. */
export function readiness(gateway: Gateway, listening: boolean) {
  return {
    stopping: gateway.stopping.aborted,
    auditLog: gateway.log.state,
    listener: listening ? ("ok" as const) : ("failed" as const),
    issuers: gateway.identity.issuerStates(),
  };
}
