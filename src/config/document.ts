/**
 * The shape of postern.yaml: every key, its type, default and meaning. Source of `postern config schema` and, compared by
 * test/documentation.test.ts, of docs/reference/settings.md. What spans several keys is judged in cross-checks.ts.
 */

import { z } from "zod";
import { duration, integer, name, optionalSize, path, secret, size, text, timer, webUrl } from "./values.ts";

const Listen = z.strictObject({
  host: text().default("127.0.0.1").describe("Address that agents connect to."),
  port: integer(0, 65_535).default(6432).describe("Port that agents connect to; 0 picks a free one."),
  startupTimeout: timer("10s").describe("A client that has not finished its startup by then is dropped."),
  authentication: z
    .enum(["password", "oauthbearer"])
    .default("password")
    .describe(
      "How clients are asked for their token: in the password field, or by SASL OAUTHBEARER. A client chooses for itself with `options=-c postern.authentication=…`.",
    ),
  maxSessions: integer(1, 100_000).default(2000).describe("Sessions at once; one more is refused with 53300."),
});

const GatewayTls = z.union([
  z.literal("off"),
  z.strictObject({
    cert: path().describe("Certificate chain of the listener, PEM, own certificate first."),
    key: path().describe("Private key of the listener, PEM."),
    clientCa: path()
      .optional()
      .describe("CA certificates, PEM, that sign client certificates. Without it none is asked for."),
  }),
]);

const Http = z.strictObject({
  host: text().default("127.0.0.1").describe("Address of the HTTP API, health checks and metrics."),
  port: integer(0, 65_535).default(8432).describe("Port of the HTTP API; 0 picks a free one."),
  publicUrl: webUrl().optional().describe("Address under which people reach the HTTP port."),
});

const Gateway = z.strictObject({
  name: name("a gateway name").describe("Origin of the audit log. A new name starts a new log."),
  listen: Listen.prefault({}).describe("Where agents connect."),
  tls: GatewayTls.describe("Certificate of the listener, or `off`: only on a loopback address."),
  http: Http.prefault({}).describe("Where people and monitoring connect."),
});

const claims = z.record(text(), z.union([text(), z.array(text()).min(1)]));

const Issuer = z.strictObject({
  url: webUrl().describe("Issuer, exactly as in `iss` of its tokens; its keys are found by OIDC discovery."),
  audience: z.union([text(), z.array(text()).min(1)]).describe("A token must be for this, or for one of these."),
  kind: z.enum(["agent", "human"]).describe("Whether this issuer vouches for agents or for people."),
  groups: text()
    .optional()
    .describe("Claim that holds the groups; a path such as `realm_access.roles` reaches inside."),
  subject: text().default("sub").describe("Claim that names the subject."),
  actor: text().default("act.sub").describe("Claim that names the actor (RFC 8693)."),
  where: claims.default({}).describe("Claims that must match: the value, or one of a list."),
  jwks: path().optional().describe("JSON Web Key Set in a file, instead of discovery."),
  algorithms: z
    .array(
      z.enum(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"]),
    )
    .min(1)
    .optional()
    .describe("Signature algorithms taken, where fewer than all asymmetric ones."),
  clockTolerance: duration("30s").describe("Difference between the issuer's clock and ours that is let pass."),
  jwksMaxAge: duration("24h").describe("How long kept keys serve while the issuer cannot be reached."),
  ca: path().optional().describe("CA certificates, PEM, of the issuer's own TLS; else the system's."),
  clientId: text().optional().describe("Public OIDC client that people log in with."),
});

const Certificate = z.strictObject({
  spiffe: z
    .string()
    .regex(/^spiffe:\/\/[a-z0-9._-]+(\/[A-Za-z0-9._-]+)+$/, {
      error: "expected a SPIFFE ID such as spiffe://acme.example/agent/report",
    })
    .optional()
    .describe("SPIFFE ID in the certificate. Either this or `subject`."),
  subject: text().optional().describe("Subject of the certificate, such as `CN=report,O=Acme`."),
  principal: z
    .strictObject({
      subject: text().describe("On whose behalf the holder acts."),
      actor: text().optional().describe("The agent that acts, where it is not the subject."),
      groups: z.array(text()).default([]).describe("Groups of the principal."),
      kind: z.enum(["agent", "human"]).default("agent").describe("Whether the holder is an agent or a person."),
    })
    .describe("Who the holder is."),
});

const DatabaseTls = z.strictObject({
  mode: z
    .enum(["verify-full", "disable"])
    .describe("`verify-full`: certificate and name are checked. `disable`: no TLS."),
  ca: path().optional().describe("CA certificates, PEM, of the server; else the system's."),
  cert: path().optional().describe("Client certificate, PEM, that Postern shows to the server."),
  key: path().optional().describe("Private key of `cert`, PEM."),
  serverName: text().optional().describe("Name that the server's certificate must carry, where it is not `host`."),
});

const DatabaseRole = z.strictObject({
  user: text().describe("Role on the server that Postern logs in as."),
  password: secret().optional().describe("Its password."),
  cert: path().optional().describe("Its client certificate, PEM, instead of the one of `tls`."),
  key: path().optional().describe("Private key of `cert`, PEM."),
  groups: z
    .array(text())
    .min(1)
    .describe('Groups whose principals may use this role; `"*"` means every authenticated principal.'),
});

const Database = z.strictObject({
  host: text().describe("Address of the PostgreSQL server."),
  port: integer(1, 65_535).default(5432).describe("Port of the PostgreSQL server."),
  database: text().describe("Name of the database on the server."),
  environment: text().describe("What policy calls this database: `prod`, `staging`, …"),
  tls: DatabaseTls.default({ mode: "verify-full" }).describe("How the connection to the server is secured."),
  roles: z.record(text(), DatabaseRole).describe("Roles that agents can have here, by the name that they ask for."),
  defaultRole: text().describe("Role of an agent that asks for none."),
  connectTimeout: timer("10s").describe("A server that has not answered by then counts as down."),
  maxConnections: integer(1, 100_000).default(100).describe("Connections of this gateway to this database at most."),
});

const StatementLimits = z.strictObject({
  rows: integer(1, 1e12).optional().describe("Rows that one statement may deliver."),
  bytes: optionalSize("1KiB", "1TiB").describe("Bytes of rows that one statement may deliver."),
  statementsPerMinute: integer(1, 1e9)
    .optional()
    .describe("Statements of one principal in a minute, over all its sessions."),
  statementSeconds: integer(1, 86_400).optional().describe("Run time of one statement."),
  revealedRowsPerHour: integer(1, 1e9)
    .optional()
    .describe("Rows with values that policy reveals, of one principal in an hour, over all its sessions."),
});

const Limits = z.strictObject({
  agents: StatementLimits.prefault({}).describe("Limits of agents, where no group of theirs says otherwise."),
  people: StatementLimits.prefault({}).describe("Limits of people, where no group of theirs says otherwise."),
  groups: z
    .record(text(), StatementLimits)
    .default({})
    .describe("Limits of the principals of a group, by its name; of several groups the strictest."),
  session: z
    .strictObject({
      idle: timer("1h").describe("A session without a statement for so long ends (57P05)."),
      idleInTransaction: timer("10m").describe("The same inside an open transaction (25P03)."),
      lifetime: timer("24h").describe("A session ends after so long (57P01), whatever it does."),
    })
    .prefault({})
    .describe("Time limits of a session."),
  statementSize: size("1KiB", "16MiB", "64KiB").describe(
    "Statement text that is judged; a longer one is refused with 54000.",
  ),
  preparedStatements: integer(1, 1e6).default(4096).describe("Prepared statements of one session."),
  portals: integer(1, 1e6).default(1024).describe("Portals of one session."),
  messageSize: size("64KiB", "1GiB", "256MiB").describe("One message of a client."),
});

const Approvals = z.strictObject({
  wait: timer("5m").describe("How long a client waits for reviewers before it is told to come back."),
  heartbeat: timer("15s").describe("How often a waiting client is told that it waits."),
  notify: z
    .array(
      z.strictObject({
        webhook: z
          .strictObject({
            url: webUrl().describe("Where the request is posted."),
            secret: secret().optional().describe("Key of the signature on each post."),
          })
          .describe("A web address that is told."),
      }),
    )
    .default([])
    .describe("Who is told of a held statement."),
});

const Recording = z.strictObject({
  rowsPerStatement: integer(0, 1e9).default(1000).describe("Rows of one answer that are kept for replay."),
  retention: duration("400d").describe("How long recordings are kept."),
});

const Audit = z.strictObject({
  durability: z
    .enum(["default", "strict"])
    .default("default")
    .describe("`strict`: reads too are on disk before they run, not only writes."),
  witnesses: z.array(text()).default([]).describe("Witnesses that cosign checkpoints."),
});

const groupList = z.array(text()).default([]);

const Roles = z.strictObject({
  reviewer: groupList.describe("Groups whose people decide held statements."),
  auditor: groupList.describe("Groups whose people read sessions and the log."),
  admin: groupList.describe("Groups whose people end sessions and freeze principals."),
});

/** postern.yaml. Its output has units resolved, paths and secrets not: see resolve.ts. */
export const ConfigDocument = z.strictObject({
  gateway: Gateway.describe("This gateway."),
  data: path().default("./postern-data").describe("Folder of the audit log, recordings and keys."),
  store: z
    .strictObject({
      url: secret().describe("Connection URL of the PostgreSQL database that keeps sessions, statements and freezes."),
    })
    .describe("Control store."),
  issuers: z.array(Issuer).prefault([]).describe("Who may sign tokens."),
  certificates: z.array(Certificate).default([]).describe("Client certificates and who they are."),
  databases: z.record(name("a database name"), Database).describe("Databases, by the name that agents ask for."),
  policy: path()
    .optional()
    .describe("Folder of the policy: *.cedar and functions.yaml. What it does not permit is refused."),
  policyMode: z
    .enum(["enforce", "shadow", "none"])
    .default("enforce")
    .describe(
      "`shadow`: the policy decides and its decisions are recorded, and none is enforced. `none`: every agent may do what its upstream role may.",
    ),
  labels: path().optional().describe("File of the labels: which columns are masked, and how. Needs a policy in force."),
  limits: Limits.prefault({}).describe("Limits of sessions, statements and messages."),
  approvals: Approvals.prefault({}).describe("Statements that wait for approval."),
  recording: Recording.prefault({}).describe("Recordings. Accepted now, used when recordings are."),
  audit: Audit.prefault({}).describe("Audit log."),
  roles: Roles.prefault({}).describe("People's rights over the gateway, by the groups of their issuer."),
});

export type ConfigDocument = z.output<typeof ConfigDocument>;
