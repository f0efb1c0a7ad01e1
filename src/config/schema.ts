/**
 * The configuration as the rest of Postern sees it: one read-only value, handed down in parts by main.ts.
 * Durations end in Ms, sizes in Bytes, files in Path (absolute). What postern.yaml may say is in document.ts.
 */

import type { Secret } from "../base/secret.ts";

export interface Config {
  readonly gateway: GatewayConfig;
  /** Folder of the audit log, recordings and keys. Absolute; made by `start` where it is missing. */
  readonly dataPath: string;
  readonly store: { readonly url: Secret };
  readonly issuers: readonly IssuerConfig[];
  readonly certificates: readonly CertificateConfig[];
  /** By the name that agents ask for. Null prototype: the key comes from outside. */
  readonly databases: Readonly<Record<string, DatabaseConfig>>;
  readonly policy?: string;
  /** `shadow`: decided and recorded, not enforced. */
  readonly policyMode: "enforce" | "shadow" | "none";
  readonly labels?: string;
  readonly limits: LimitsConfig;
  readonly approvals: ApprovalsConfig;
  readonly recording: { readonly rowsPerStatement: number; readonly retentionMs: number };
  readonly audit: { readonly durability: "default" | "strict"; readonly witnesses: readonly string[] };
  /** Groups of human issuers whose people hold the right. */
  readonly roles: {
    readonly reviewer: readonly string[];
    readonly auditor: readonly string[];
    readonly admin: readonly string[];
  };
}

export interface GatewayConfig {
  /** Origin of the audit log: `<name>/<instance>`. */
  readonly name: string;
  readonly listen: ListenConfig;
  readonly tls: GatewayTls;
  readonly http: HttpConfig;
}

export interface ListenConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** A client that has not finished its startup by then is dropped. */
  readonly startupTimeoutMs: number;
  /** How clients are asked for their token, where they do not choose. */
  readonly authentication: "password" | "oauthbearer";
  readonly maxSessions: number;
}

/** Paths, not contents: the listener reads them at start and at each reload. "off" only on a loopback address. */
export type GatewayTls =
  | "off"
  | { readonly certPath: string; readonly keyPath: string; readonly clientCaPath?: string };

export interface HttpConfig {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Where people reach the HTTP port; no slash at the end. */
  readonly publicUrl?: string;
}

/** Who may sign tokens. Source: OpenID Connect Discovery 1.0; RFC 9068 for the claims. */
export interface IssuerConfig {
  /** Exactly as in the tokens' `iss`. */
  readonly url: string;
  /** A token must be for one of these. */
  readonly audience: readonly string[];
  readonly kind: "agent" | "human";
  /** Claim that holds the groups, as a path: `groups`, `realm_access.roles`. */
  readonly groups?: string;
  /** Claim that names the subject. */
  readonly subject: string;
  /** Claim that names the actor (RFC 8693, section 4.1). */
  readonly actor: string;
  /** Claim path to what it must be: one of the values. */
  readonly where: Readonly<Record<string, string | readonly string[]>>;
  /** Keys from a file instead of discovery. */
  readonly jwksPath?: string;
  /** Signature algorithms, where narrower than what Postern takes. */
  readonly algorithms?: readonly string[];
  readonly clockToleranceMs: number;
  /** How long kept keys serve while the issuer cannot be reached. */
  readonly jwksMaxAgeMs: number;
  /** CA certificates (PEM) of the issuer's own TLS, where the system's do not do. */
  readonly caPath?: string;
  /** Public OIDC client that people log in with (`postern login`, the console). */
  readonly clientId?: string;
}

/** A client certificate and who it is. One of `spiffe` and `subject` is there. */
export interface CertificateConfig {
  /** URI of the subject alternative name. Source: SPIFFE X.509-SVID, section 2. */
  readonly spiffe?: string;
  /** Subject as RFC 4514 text: `CN=reporter,O=Acme`. */
  readonly subject?: string;
  readonly principal: {
    readonly subject: string;
    readonly actor?: string;
    readonly groups: readonly string[];
    readonly kind: "agent" | "human";
  };
}

export interface DatabaseConfig {
  readonly host: string;
  readonly port: number;
  /** Name on the upstream. */
  readonly database: string;
  readonly environment: string;
  readonly tls: DatabaseTls;
  /** By upstream role name as agents ask for it. Null prototype. */
  readonly roles: Readonly<Record<string, DatabaseRoleConfig>>;
  /** A key of `roles`. */
  readonly defaultRole: string;
  readonly connectTimeoutMs: number;
  /** Upstream connections that this gateway opens to this database at most. */
  readonly maxConnections: number;
}

export type DatabaseTls =
  | { readonly mode: "disable" }
  | {
      readonly mode: "verify-full";
      /** The system's CA certificates where absent. */
      readonly caPath?: string;
      readonly certPath?: string;
      readonly keyPath?: string;
      /** Name that the certificate must carry, where it is not `host`. */
      readonly serverName?: string;
    };

export interface DatabaseRoleConfig {
  /** Upstream role that Postern logs in as. */
  readonly user: string;
  readonly password?: Secret;
  /** Client certificate of this role, with `keyPath`; before the database's own. */
  readonly certPath?: string;
  readonly keyPath?: string;
  /** Groups whose principals get this role; `"*"` stands for every authenticated principal. Never empty. */
  readonly groups: readonly string[];
}

/** Limits of statements; a member that is absent limits nothing. */
export interface StatementLimitsConfig {
  /** Rows, or messages of copied data, that one statement delivers. */
  readonly rows?: number;
  /** The same in bytes, with the protocol's own. */
  readonly bytes?: number;
  /** Of one principal, over all its sessions of this gateway. */
  readonly statementsPerMinute?: number;
  readonly statementSeconds?: number;
  /** Rows of statements that use revealed columns, of one principal, over all its sessions of this gateway. */
  readonly revealedRowsPerHour?: number;
}

export interface LimitsConfig {
  readonly agents: StatementLimitsConfig;
  readonly people: StatementLimitsConfig;
  /** By group, before `agents` and `people`. Null prototype: the names are tokens'. */
  readonly groups: Readonly<Record<string, StatementLimitsConfig>>;
  readonly session: {
    readonly idleMs: number;
    readonly idleInTransactionMs: number;
    readonly lifetimeMs: number;
  };
  /** Statement text that is parsed at most. */
  readonly statementBytes: number;
  /** Per session. */
  readonly preparedStatements: number;
  /** Per session. */
  readonly portals: number;
  /** One message of a client, its length field included. */
  readonly messageBytes: number;
}

export interface ApprovalsConfig {
  readonly waitMs: number;
  readonly heartbeatMs: number;
  readonly notify: readonly { readonly webhook: { readonly url: string; readonly secret?: Secret } }[];
}
