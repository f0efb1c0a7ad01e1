/**
 * From the document to the Config: paths made absolute, secrets read, names of the YAML made names of the code.
 * Judges no relation between keys: see cross-checks.ts.
 */

import { dirname } from "node:path";
import type { ConfigDocument } from "./document.ts";
import { FileResolver, type Report } from "./files.ts";
import type { DocumentPath } from "./json-schema.ts";
import type * as schema from "./schema.ts";

/**
 * @param configPath absolute path of postern.yaml.
 * @param report takes files that cannot be read and secrets that others can. After an error the Config is not to be used.
 * @param onInline takes each secret that the document itself holds, in place of a file's path.
 */
export function resolveConfig(
  document: ConfigDocument,
  configPath: string,
  report: Report,
  onInline: (path: DocumentPath, text: string) => void,
): schema.Config {
  const files = new FileResolver(dirname(configPath), report, onInline);
  const { policy, labels } = document;
  return deepFreeze({
    gateway: gatewayConfig(document.gateway, files),
    dataPath: files.absolute(document.data),
    store: { url: files.secret(["store", "url"], document.store.url) },
    issuers: document.issuers.map((issuer, index) => issuerConfig(issuer, ["issuers", index], files)),
    certificates: document.certificates.map(certificateConfig),
    databases: mapValues(document.databases, (value, name) => databaseConfig(value, ["databases", name], files)),
    ...(policy === undefined ? {} : { policy: files.absolute(policy) }),
    policyMode: document.policyMode,
    ...(labels === undefined ? {} : { labels: files.absolute(labels) }),
    limits: limitsConfig(document.limits),
    approvals: approvalsConfig(document.approvals, files),
    recording: { rowsPerStatement: document.recording.rowsPerStatement, retentionMs: document.recording.retention },
    audit: document.audit,
    roles: document.roles,
  });
}

function gatewayConfig(gateway: ConfigDocument["gateway"], files: FileResolver): schema.GatewayConfig {
  const { host, port, startupTimeout, authentication, maxSessions } = gateway.listen;
  const { publicUrl, ...http } = gateway.http;
  return {
    name: gateway.name,
    listen: { host, port, startupTimeoutMs: startupTimeout, authentication, maxSessions },
    tls: gatewayTls(gateway.tls, files),
    http: publicUrl === undefined ? http : { ...http, publicUrl: publicUrl.replace(/\/+$/, "") },
  };
}

function gatewayTls(tls: ConfigDocument["gateway"]["tls"], files: FileResolver): schema.GatewayTls {
  if (tls === "off") return tls;
  const path = ["gateway", "tls"];
  return {
    certPath: files.readable([...path, "cert"], tls.cert),
    keyPath: files.privateKey([...path, "key"], tls.key),
    ...(tls.clientCa === undefined ? {} : { clientCaPath: files.readable([...path, "clientCa"], tls.clientCa) }),
  };
}

type IssuerDocument = ConfigDocument["issuers"][number];

function issuerConfig(issuer: IssuerDocument, path: DocumentPath, files: FileResolver): schema.IssuerConfig {
  return {
    url: issuer.url,
    audience: typeof issuer.audience === "string" ? [issuer.audience] : issuer.audience,
    kind: issuer.kind,
    ...(issuer.groups === undefined ? {} : { groups: issuer.groups }),
    subject: issuer.subject,
    actor: issuer.actor,
    where: withoutPrototype(issuer.where),
    ...(issuer.jwks === undefined ? {} : { jwksPath: files.readable([...path, "jwks"], issuer.jwks) }),
    ...(issuer.algorithms === undefined ? {} : { algorithms: issuer.algorithms }),
    clockToleranceMs: issuer.clockTolerance,
    jwksMaxAgeMs: issuer.jwksMaxAge,
    ...(issuer.ca === undefined ? {} : { caPath: files.readable([...path, "ca"], issuer.ca) }),
    ...(issuer.clientId === undefined ? {} : { clientId: issuer.clientId }),
  };
}

function certificateConfig(certificate: ConfigDocument["certificates"][number]): schema.CertificateConfig {
  const { subject, actor, groups, kind } = certificate.principal;
  return {
    ...(certificate.spiffe === undefined ? {} : { spiffe: certificate.spiffe }),
    ...(certificate.subject === undefined ? {} : { subject: certificate.subject }),
    principal: { subject, ...(actor === undefined ? {} : { actor }), groups, kind },
  };
}

type DatabaseDocument = ConfigDocument["databases"][string];

function databaseConfig(database: DatabaseDocument, path: DocumentPath, files: FileResolver): schema.DatabaseConfig {
  const { roles, tls, connectTimeout, ...same } = database;
  return {
    ...same,
    tls: databaseTls(tls, [...path, "tls"], files),
    roles: mapValues(roles, (role, name) => roleConfig(role, [...path, "roles", name], files)),
    connectTimeoutMs: connectTimeout,
  };
}

function databaseTls(tls: DatabaseDocument["tls"], path: DocumentPath, files: FileResolver): schema.DatabaseTls {
  if (tls.mode === "disable") return { mode: "disable" };
  return {
    mode: "verify-full",
    ...(tls.ca === undefined ? {} : { caPath: files.readable([...path, "ca"], tls.ca) }),
    ...clientCertificate(tls, path, files),
    ...(tls.serverName === undefined ? {} : { serverName: tls.serverName }),
  };
}

function roleConfig(
  role: DatabaseDocument["roles"][string],
  path: DocumentPath,
  files: FileResolver,
): schema.DatabaseRoleConfig {
  return {
    user: role.user,
    ...(role.password === undefined ? {} : { password: files.secret([...path, "password"], role.password) }),
    ...clientCertificate(role, path, files),
    groups: role.groups,
  };
}

function clientCertificate(
  names: { readonly cert?: string | undefined; readonly key?: string | undefined },
  path: DocumentPath,
  files: FileResolver,
): { certPath?: string; keyPath?: string } {
  return {
    ...(names.cert === undefined ? {} : { certPath: files.readable([...path, "cert"], names.cert) }),
    ...(names.key === undefined ? {} : { keyPath: files.privateKey([...path, "key"], names.key) }),
  };
}

function limitsConfig(limits: ConfigDocument["limits"]): schema.LimitsConfig {
  const { idle, idleInTransaction, lifetime } = limits.session;
  return {
    agents: statementLimits(limits.agents),
    people: statementLimits(limits.people),
    groups: mapValues(limits.groups, statementLimits),
    session: { idleMs: idle, idleInTransactionMs: idleInTransaction, lifetimeMs: lifetime },
    statementBytes: limits.statementSize,
    preparedStatements: limits.preparedStatements,
    portals: limits.portals,
    messageBytes: limits.messageSize,
  };
}

function statementLimits({
  rows,
  bytes,
  statementsPerMinute,
  statementSeconds,
  revealedRowsPerHour,
}: ConfigDocument["limits"]["agents"]): schema.StatementLimitsConfig {
  return {
    ...(rows === undefined ? {} : { rows }),
    ...(bytes === undefined ? {} : { bytes }),
    ...(statementsPerMinute === undefined ? {} : { statementsPerMinute }),
    ...(statementSeconds === undefined ? {} : { statementSeconds }),
    ...(revealedRowsPerHour === undefined ? {} : { revealedRowsPerHour }),
  };
}

function approvalsConfig(approvals: ConfigDocument["approvals"], files: FileResolver): schema.ApprovalsConfig {
  const notify = approvals.notify.map(({ webhook: { url, secret } }, index) => {
    const path = ["approvals", "notify", index, "webhook", "secret"];
    return { webhook: secret === undefined ? { url } : { url, secret: files.secret(path, secret) } };
  });
  return { waitMs: approvals.wait, heartbeatMs: approvals.heartbeat, notify };
}

function mapValues<In, Out>(
  record: Readonly<Record<string, In>>,
  change: (value: In, key: string) => Out,
): Readonly<Record<string, Out>> {
  return withoutPrototype(Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value, key)])));
}

/** Names come from outside: `constructor` must find nothing where nobody configured it. */
function withoutPrototype<T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  const bare: Record<string, T> = Object.create(null);
  for (const [key, value] of Object.entries(record)) bare[key] = value;
  return bare;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const inner of Object.values(value)) deepFreeze(inner);
  }
  return value;
}
