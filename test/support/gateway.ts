/** A gateway as main.ts wires it, in this process, on free ports, with a real issuer and a configuration of its own. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { type RunningGateway, runGateway } from "../../src/main.ts";
import { startIssuer, type TestIssuer } from "./issuer.ts";
import type { TestPostgres } from "./postgres.ts";

export interface GatewayTestOptions {
  readonly postgres: TestPostgres;
  /** Database on the upstream; also the name that agents use. */
  readonly database?: string;
  /** Upstream role and its password; the superuser where absent. */
  readonly role?: { readonly user: string; readonly password: string };
  /** Merged over the configuration, top-level key by key. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** An issuer that the test owns. */
  readonly issuer?: TestIssuer;
  /** Data folder to continue; a new one where absent. */
  readonly dataPath?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export interface TestGateway extends AsyncDisposable {
  readonly running: RunningGateway;
  readonly host: string;
  readonly port: number;
  readonly http: string;
  readonly issuer: TestIssuer;
  readonly configPath: string;
  readonly dataPath: string;
  readonly database: string;
  readonly role: string;
  /** Every line of the operator's log so far. */
  readonly logLines: readonly string[];
  /** A token of an agent; `claims` over the usual ones. */
  token(claims?: Readonly<Record<string, unknown>>): Promise<string>;
  /** PG* variables for a driver. */
  environment(): Promise<Record<string, string>>;
  url(token: string): string;
  stop(): Promise<void>;
}

/** Claims of the usual agent. */
export const AGENT = { sub: "report-agent", aud: "postern", groups: ["agents"] } as const;

export async function startGateway(options: GatewayTestOptions): Promise<TestGateway> {
  const folder = await mkdtemp(join(tmpdir(), "postern-test-"));
  const issuer = options.issuer ?? (await startIssuer());
  const database = options.database ?? "postgres";
  const role = options.role ?? { user: options.postgres.superuser, password: options.postgres.password };
  const dataPath = options.dataPath ?? join(folder, "data");
  const configPath = join(folder, "postern.yaml");
  await writeFile(join(folder, "agent.pw"), role.password, { mode: 0o600 });
  await writeFile(
    configPath,
    stringify({ ...defaults(options, issuer, database, role.user, dataPath), ...options.config }),
  );
  const logLines: string[] = [];
  const running = await runGateway({
    configPath,
    env: options.env ?? {},
    logDestination: { write: (line: string) => void logLines.push(line) },
  });
  const { wire, http } = running.addresses;
  const token = (claims: Readonly<Record<string, unknown>> = {}) =>
    issuer.mint({ ...AGENT, exp: Math.floor(Date.now() / 1000) + 900, ...claims });
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    await running.stop("test ended");
    if (options.issuer === undefined) await issuer.close();
    await rm(folder, { recursive: true, force: true });
  };
  return {
    running,
    host: wire.host,
    port: wire.port,
    http: `http://${http.host}:${http.port}`,
    issuer,
    configPath,
    dataPath,
    database,
    role: role.user,
    logLines,
    token,
    environment: async () => ({
      PGHOST: wire.host,
      PGPORT: String(wire.port),
      PGUSER: role.user,
      PGDATABASE: database,
      PGPASSWORD: await token(),
      PGSSLMODE: "disable",
    }),
    url: (password) => `postgres://${role.user}:${password}@${wire.host}:${wire.port}/${database}`,
    stop: () => (stopped ??= stop()),
    [Symbol.asyncDispose]: () => (stopped ??= stop()),
  };
}

function defaults(options: GatewayTestOptions, issuer: TestIssuer, database: string, user: string, dataPath: string) {
  const { postgres } = options;
  return {
    gateway: {
      name: "test",
      listen: { host: "127.0.0.1", port: 0 },
      tls: "off",
      http: { host: "127.0.0.1", port: 0 },
    },
    data: dataPath,
    ...(options.config?.["policy"] === undefined ? { policyMode: "none" } : {}),
    store: { url: postgres.url("postgres") },
    issuers: [{ url: issuer.url, audience: "postern", kind: "agent", groups: "groups" }],
    databases: {
      [database]: {
        host: postgres.host,
        port: postgres.port,
        database,
        environment: "test",
        tls: { mode: "disable" },
        maxConnections: 1500,
        roles: { [user]: { user, password: { file: "agent.pw" }, groups: ["agents"] } },
        defaultRole: user,
      },
    },
  };
}
