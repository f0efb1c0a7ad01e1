/** Why the upstream could not be had: one reason for metrics, one sentence for the client, one mend for the operator. */

import { type ErrorCode, GatewayError } from "../base/errors.ts";
import type { UpstreamTarget } from "./target.ts";

interface Failure {
  readonly code: ErrorCode;
  /** Told to the client as DETAIL: no host, no user, nothing that the server said. */
  readonly detail: string;
  /** For the operator, in the log: what to look at. */
  readonly mend: string;
}

const TLS_DETAIL =
  "The gateway could not verify the database server, and sends no credential to one that it cannot verify.";
const CREDENTIAL_DETAIL = "Postern's own credential was refused by the upstream.";

/** By reason, which is the label of the metric upstream_errors_total. */
export const UPSTREAM_FAILURES = {
  dns: failure(
    "The database server's name does not resolve.",
    "check `host` of the database and the gateway's resolver",
  ),
  refused: failure(
    "The database server is down, or does not listen.",
    "nothing listens at this host and port: start the server, or correct `host` and `port`",
  ),
  unreachable: failure(
    "The network does not reach the database server.",
    "check routes and firewalls between the gateway and the server",
  ),
  timeout: failure(
    "The database server did not answer in time.",
    "check the server's load and the firewalls, or raise `connectTimeout`",
  ),
  closed: failure(
    "The database server closed the connection.",
    "read the server's log: it ended the connection during startup",
  ),
  tls_not_offered: failure(
    "The database server does not offer TLS.",
    "turn on `ssl` on the server, or set `tls: { mode: disable }` if the network between is trusted",
  ),
  tls_untrusted: failure(TLS_DETAIL, "the server's certificate is not signed by the authority in `tls.ca`"),
  tls_hostname: failure(
    TLS_DETAIL,
    "the server's certificate is for another name: correct `host`, or set `tls.serverName` to a name in the certificate",
  ),
  tls_expired: failure(
    TLS_DETAIL,
    "the server's certificate has expired or is not valid yet: renew it, or check the clocks",
  ),
  tls_client_certificate: failure(
    "The upstream refused the gateway's TLS certificate.",
    "set `cert` and `key` to a certificate that the server's `ssl_ca_file` signs",
  ),
  tls_configuration: failure(
    "The gateway's TLS files for this database cannot be used.",
    "check that `tls.ca`, `cert` and `key` can be read, are PEM, and belong together",
  ),
  tls_handshake: failure(
    "The TLS handshake with the database server failed.",
    "check that the server speaks TLS 1.2 or newer",
  ),
  injected: failure(
    TLS_DETAIL,
    "bytes came before the TLS handshake (CVE-2021-23214): something between the gateway and the server speaks in its place",
  ),
  password: failure(
    CREDENTIAL_DETAIL,
    "the password of this role in the configuration is not the server's: set it anew on either side",
  ),
  no_password: failure(CREDENTIAL_DETAIL, "the server asks for a password and the role has none in the configuration"),
  not_permitted: failure(
    CREDENTIAL_DETAIL,
    "pg_hba.conf, a missing LOGIN or a missing CONNECT privilege keeps this role out",
  ),
  md5: failure(
    "The upstream asks for MD5 authentication, which Postern refuses.",
    "an MD5 hash can be replayed by whoever reads it: set `password_encryption = 'scram-sha-256'`, set the role's password again, and use `scram-sha-256` in pg_hba.conf",
  ),
  cleartext: failure(
    "The upstream asks for the password in clear text over a connection without TLS.",
    "use `tls: { mode: verify-full }`, or `scram-sha-256` in pg_hba.conf",
  ),
  method: failure(
    "The upstream asks for a way of authentication that Postern does not speak.",
    "use `scram-sha-256` or `cert` in pg_hba.conf for the gateway's address",
  ),
  downgrade: failure(
    TLS_DETAIL,
    "the server did not prove that it knows the password, or the exchange was tampered with: something may speak in its place",
  ),
  database_missing: failure(
    "The database does not exist on the upstream, or takes no connections.",
    "correct `database`, or create it",
  ),
  full: {
    code: "TOO_MANY_SESSIONS",
    detail: "The database server has no connection left.",
    mend: "raise `max_connections` on the server (or the role's or the database's CONNECTION LIMIT), or lower `maxConnections` here",
  },
  starting: {
    code: "UPSTREAM_NOT_READY",
    detail: "The database server is starting up, shutting down or in recovery.",
    mend: "wait, and read the server's log if it lasts",
  },
  parameter: {
    code: "STARTUP_PARAMETER_REFUSED",
    detail: "The database server does not take a setting of this startup.",
    mend: "the client asked for a value that the server refuses",
  },
  version: {
    code: "UPSTREAM_UNSUPPORTED",
    detail: "The database server is not PostgreSQL 15 to 18.",
    mend: "Postern judges statements by the server's own grammar, which it has for 15 to 18",
  },
  settings: {
    code: "UPSTREAM_UNSUPPORTED",
    detail: "The database server does not keep the settings that Postern judges statements by.",
    mend: "a pooler in between must pass on `client_encoding = UTF8` and `standard_conforming_strings = on`",
  },
  encoding: {
    code: "UPSTREAM_UNSUPPORTED",
    detail: "The database is not encoded in UTF-8.",
    mend: "make the database anew with `ENCODING 'UTF8'`: elsewhere two names of a statement may be one to the server",
  },
  protocol: failure(
    "The database server broke the protocol.",
    "check that this port is PostgreSQL's, and not a proxy's or another service's",
  ),
  server: failure("The database server refused the connection.", "read the server's message and its log"),
  abandoned: failure(
    "The connection was given up while it was made.",
    "the client left, or the gateway is stopping: nothing to mend",
  ),
} as const satisfies Record<string, Failure>;

export type UpstreamReason = keyof typeof UPSTREAM_FAILURES;

function failure(detail: string, mend: string): Failure {
  return { code: "UPSTREAM_UNAVAILABLE", detail, mend };
}

/** A connection that was not made. What the client reads names the database as the configuration does, never the server. */
export class UpstreamFailure extends GatewayError {
  override readonly name = "UpstreamFailure";
  readonly reason: UpstreamReason;
  /** For the operator: what to do, without the credential. */
  readonly mend: string;

  /** @param options.detail in place of the reason's own, where it holds only what the client itself sent. */
  constructor(
    reason: UpstreamReason,
    target: UpstreamTarget,
    options: { readonly cause?: unknown; readonly detail?: string } = {},
  ) {
    const { code, detail, mend }: Failure = UPSTREAM_FAILURES[reason];
    const hint =
      code === "STARTUP_PARAMETER_REFUSED"
        ? "Correct the setting in the connection string."
        : code === "UPSTREAM_NOT_READY" || code === "TOO_MANY_SESSIONS"
          ? "Try again in a moment."
          : "The gateway's operator finds the cause in its log.";
    const where = `${target.host}:${target.port} as ${target.user}`;
    super(code, `database "${target.name}" cannot be reached`, {
      detail: options.detail ?? detail,
      hint,
      cause: new Error(`${where}: ${describe(options.cause, reason)}; ${mend}`, { cause: options.cause }),
    });
    this.reason = reason;
    this.mend = mend;
  }
}

function describe(cause: unknown, reason: UpstreamReason): string {
  return cause instanceof Error && cause.message !== "" ? cause.message : reason;
}

/** Codes of the network and of TLS verification. Sources: errno(3), getaddrinfo(3), OpenSSL's X509_V_ERR names as Node gives them. */
const REASONS: Readonly<Record<string, UpstreamReason>> = {
  ENOTFOUND: "dns",
  EAI_AGAIN: "dns",
  EAI_FAIL: "dns",
  ECONNREFUSED: "refused",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  EADDRNOTAVAIL: "unreachable",
  EACCES: "unreachable",
  EPERM: "unreachable",
  ETIMEDOUT: "timeout",
  ECONNRESET: "closed",
  EPIPE: "closed",
  ERR_STREAM_DESTROYED: "closed",
  ERR_TLS_CERT_ALTNAME_INVALID: "tls_hostname",
  CERT_HAS_EXPIRED: "tls_expired",
  CERT_NOT_YET_VALID: "tls_expired",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "tls_untrusted",
  UNABLE_TO_GET_ISSUER_CERT: "tls_untrusted",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "tls_untrusted",
  SELF_SIGNED_CERT_IN_CHAIN: "tls_untrusted",
  DEPTH_ZERO_SELF_SIGNED_CERT: "tls_untrusted",
  CERT_SIGNATURE_FAILURE: "tls_untrusted",
  CERT_UNTRUSTED: "tls_untrusted",
  CERT_REJECTED: "tls_untrusted",
  CERT_REVOKED: "tls_untrusted",
  INVALID_CA: "tls_untrusted",
  INVALID_PURPOSE: "tls_untrusted",
  PATH_LENGTH_EXCEEDED: "tls_untrusted",
};

/** The reason behind an error of a socket. @param fallback where the code says nothing. */
export function reasonOf(error: unknown, fallback: UpstreamReason): UpstreamReason {
  // Several addresses of one name were tried: the first failure stands for all.
  const one: unknown = error instanceof AggregateError ? error.errors[0] : error;
  const code = one instanceof Error && "code" in one && typeof one.code === "string" ? one.code : "";
  // In TLS 1.3 the server judges our certificate after the handshake: its alert is the first thing read.
  if (/ALERT/.test(code))
    return /CERTIFICATE|UNKNOWN_CA|ACCESS_DENIED/.test(code) ? "tls_client_certificate" : "tls_handshake";
  if (code.startsWith("ERR_SSL_")) return "tls_handshake";
  return REASONS[code] ?? fallback;
}
