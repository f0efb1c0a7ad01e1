/**
 * Postern as it is installed: `node dist/cli/main.js start`, identity, policy, audit log in default durability, control store,
 * metrics. It is a target like the others, and is left out with a clear line where it cannot start.
 */

import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { supervise } from "../../src/demo/supervise.ts";
import { findDescendant } from "../processes.ts";
import { type RunningTarget, TargetUnavailable } from "../target.ts";
import type { Certificate } from "./certificate.ts";
import { AUDIENCE, type BenchIssuer, ISSUER_URL } from "./issuer.ts";
import { freePort } from "./pgbouncer.ts";
import type { BenchServer } from "./postgres.ts";
import { waitFor } from "./wait.ts";

export interface GatewayOptions {
  /** The project's folder, with dist/ in it. */
  readonly projectPath: string;
  readonly upstream: BenchServer;
  readonly issuer: BenchIssuer;
  /** With it the listener takes TLS only, without it none. */
  readonly certificate?: Certificate;
  /** Folder for the CPU profiles of its threads. */
  readonly profilePath?: string;
  /** How many cells of text without a label detectors look at; none where absent, since pgbench's rows hold nothing for them. */
  readonly detectors?: "always";
  /** Another database of the server and what its agents may do there; pgbench's where absent. */
  readonly served?: Served;
}

export interface Served {
  readonly database: string;
  /** The upstream role, by which clients log in too. */
  readonly role: string;
  readonly password: string;
  /** Files of the policy folder, by name. */
  readonly policy: Readonly<Record<string, string>>;
}

export interface RunningGateway extends RunningTarget {
  /** The folder that verifiers take. */
  readonly logPath: string;
  /** Removes data folder and configuration. After stop(). */
  remove(): Promise<void>;
}

/** @throws {TargetUnavailable} with the end of its output where it does not get ready. */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const program = join(options.projectPath, "dist", "cli", "main.js");
  if (!existsSync(program)) throw new TargetUnavailable("dist/cli/main.js is not built");
  const folder = await mkdtemp(join(tmpdir(), "postern-bench-gateway-"));
  const [port, httpPort] = [await freePort(), await freePort()];
  const configPath = await writeConfiguration(folder, port, httpPort, options);
  const profiling = options.profilePath === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", options.profilePath];
  const output = await open(join(folder, "output"), "w");
  const server = supervise({
    command: process.execPath,
    args: [...profiling, program, "start", "--config", configPath],
    env: { NODE_ENV: "production" },
    outputFd: output.fd,
  });
  await output.close();
  const stop = async (): Promise<void> => {
    server.signal("TERM");
    const impatience = setTimeout(() => server.signal("KILL"), 20_000);
    await server.ended;
    clearTimeout(impatience);
  };
  try {
    const hop = await findDescendant("node", configPath);
    await waitFor(() => isReady(httpPort), server.ended);
    const { role, database } = servedBy(options);
    return {
      target: {
        name: "postern",
        host: "127.0.0.1",
        port,
        user: role,
        database,
        password: options.issuer.token,
        hop,
      },
      logPath: join(folder, "data", "log"),
      stop,
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  } catch (cause) {
    await stop();
    const said = (await readFile(join(folder, "output"), "utf8")).trim().split("\n").slice(-5).join("\n");
    await rm(folder, { recursive: true, force: true });
    const reason = cause instanceof Error ? cause.message : "unknown";
    throw new TargetUnavailable(`the gateway did not get ready: ${reason}\n${said}`, { cause });
  }
}

async function isReady(httpPort: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${httpPort}/readyz`).catch(() => undefined);
  await response?.arrayBuffer();
  return response?.ok === true;
}

/** JSON is YAML: no quoting of our own. */
async function writeConfiguration(
  folder: string,
  port: number,
  httpPort: number,
  options: GatewayOptions,
): Promise<string> {
  const { upstream, issuer, certificate } = options;
  const { database, role, password, policy } = servedBy(options);
  const document = {
    gateway: {
      name: "bench",
      listen: { host: "127.0.0.1", port },
      tls: certificate === undefined ? "off" : { cert: "server.crt", key: "server.key" },
      http: { host: "127.0.0.1", port: httpPort },
    },
    data: "./data",
    store: { url: { file: "store-url" } },
    issuers: [{ url: ISSUER_URL, audience: AUDIENCE, kind: "agent", groups: "groups", jwks: "jwks.json" }],
    policy: "./policy",
    labels: "./labels.yaml",
    databases: {
      [database]: {
        host: upstream.target.host,
        port: upstream.target.port,
        database,
        environment: "bench",
        tls: { mode: "disable" },
        roles: { [role]: { user: role, password: { file: "agent-password" }, groups: ["agents"] } },
        defaultRole: role,
        maxConnections: 1150,
      },
    },
  };
  const files = {
    "postern.yaml": JSON.stringify(document, null, 2),
    "labels.yaml": `${LABELS}detectors: { run: ${options.detectors ?? "off"} }\n`,
    "jwks.json": issuer.jwks,
    "store-url": upstream.storeUrl,
    "agent-password": password,
    "server.crt": certificate?.cert ?? "",
    "server.key": certificate?.key ?? "",
  };
  await mkdir(join(folder, "data"), { mode: 0o700 });
  await mkdir(join(folder, "policy"));
  for (const [name, text] of Object.entries(policy)) await writeFile(join(folder, "policy", name), text);
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text);
    await chmod(join(folder, name), 0o600);
  }
  return join(folder, "postern.yaml");
}

function servedBy({ served, upstream }: GatewayOptions): Served {
  const { database } = upstream.target;
  return served ?? { database, role: "agent", password: upstream.agentPassword, policy: { "agents.cedar": POLICY } };
}

/** Two of eight columns of one view: a constant, and a mask that is computed. */
const LABELS = `
masks: { pii.email: redact, pii.ssn: { mask: partial, show: 4 } }
columns: { "*.public.bulk_labelled.email": pii.email, "*.public.bulk_labelled.ssn": pii.ssn }
quarantine: off
`;

/** What an installation has: reads and writes are permitted, whole tables are not to be written, a bound on rows is looked at. */
const POLICY = `
@id("agents-connect") permit (principal in Group::"agents", action == Action::"connect", resource in Database::"bench");
@id("agents-read") @maxRows("100000000")
permit (principal in Group::"agents", action in Action::"read", resource in Database::"bench");
@id("agents-write")
permit (principal in Group::"agents", action in Action::"write", resource in Schema::"bench.public");
@id("name-the-rows") @reason("name the rows")
forbid (principal, action in [Action::"update", Action::"delete"], resource) when { context.matchesAll };
`;

/** The profiles that the gateway's threads left, largest first. */
export async function profilesIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".cpuprofile"));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
  return texts.sort((a, b) => b.length - a.length);
}
