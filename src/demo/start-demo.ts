/** Starts the parts of the demo in order, and undoes them in the opposite one: database, issuer, gateway. Shows nothing. */

import { createWriteStream } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type RunningGateway, runGateway } from "../main.ts";
import { type Authority, createAuthority } from "./certificates.ts";
import { type DemoDatabase, startDatabase } from "./database.ts";
import { demoConfig } from "./demo-config.ts";
import { DemoFolder } from "./demo-folder.ts";
import { DEMO_LABELS } from "./demo-labels.ts";
import { DEMO_POLICY } from "./demo-policy.ts";
import type { Interruption } from "./interruption.ts";
import { type DemoIssuer, startDemoIssuer } from "./issuer/issuer.ts";
import { choosePorts } from "./ports.ts";

/** Ports to try first; others are taken where these are not free. */
export interface DemoPorts {
  readonly wire: number;
  readonly http: number;
  readonly issuer: number;
}

export interface Demo {
  readonly folder: DemoFolder;
  readonly database: DemoDatabase;
  readonly issuer: DemoIssuer;
  readonly gateway: RunningGateway;
  /** Authority of the gateway's certificate, PEM. */
  readonly ca: string;
  /** Resolves, with what it was, when a part ends by itself. */
  readonly broken: Promise<string>;
  /** Stops the gateway alone, so that its log is complete. Stopping twice is stopping once. */
  stopGateway(): Promise<void>;
  stop(): Promise<void>;
}

export interface StartDemoOptions {
  readonly folder: string;
  readonly ports: DemoPorts;
  readonly env: NodeJS.ProcessEnv;
  readonly say: (line: string) => void;
  readonly interruption: Interruption;
}

/** @throws {DemoProblem} {PostgresMissing} {PostgresFailed} {Interrupted}; whatever was started by then is stopped again. */
export async function startDemo(options: StartDemoOptions): Promise<Demo> {
  const undo: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (let step = undo.pop(); step !== undefined; step = undo.pop()) {
      await step().catch((error: unknown) => failures.push(error)); // one part that does not stop must not keep the others
    }
    if (failures.length > 0) throw failures[0];
  };
  try {
    return await startParts(options, undo, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startParts(
  options: StartDemoOptions,
  undo: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<Demo> {
  const { say, interruption } = options;
  const folder = await DemoFolder.open(options.folder);
  undo.push(() => folder.giveBack());
  const authority = await createAuthority("Postern demo authority");
  interruption.check();
  // First, since its data folder's lock keeps a second demo out before anything is written.
  const database = await startDatabase({ folder, authority, say, check: () => interruption.check() });
  undo.push(() => database.server.stop());
  interruption.check();
  await writeTls(folder, authority);
  await folder.writeSecret("store.url", database.storeUrl);
  const { gateway, issuer } = await startOnPorts(options, folder, database, undo);
  let isAsked = false;
  const stopGateway = (): Promise<void> => {
    isAsked = true;
    return gateway.stop("the demo was stopped");
  };
  undo.push(stopGateway);
  undo.push(await keepToken(folder, issuer));
  interruption.check();
  const broken = Promise.race([
    database.server.ended.then(() => `PostgreSQL ended; its log is ${folder.show("postgres.log")}`),
    gateway.closed.then(() => (isAsked ? NEVER : `the gateway ended; its log is ${folder.show("gateway.log")}`)),
  ]);
  return { folder, database, issuer, gateway, ca: authority.certificate, broken, stopGateway, stop };
}

const NEVER = new Promise<never>(() => undefined);

async function writeTls(folder: DemoFolder, authority: Authority): Promise<void> {
  const issued = await authority.issue({
    commonName: "localhost",
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1"],
  });
  await folder.write("tls/ca.crt", authority.certificate);
  await folder.write("tls/server.crt", issued.certificate);
  await folder.write("tls/server.key", issued.key);
}

const PORT_ATTEMPTS = 3;

async function startOnPorts(
  { ports, env, say }: StartDemoOptions,
  folder: DemoFolder,
  database: DemoDatabase,
  undo: (() => Promise<void>)[],
): Promise<{ gateway: RunningGateway; issuer: DemoIssuer }> {
  for (let attempt = 1; ; attempt++) {
    const [wirePort = 0, httpPort = 0, issuerPort = 0] = await choosePorts(
      [
        { what: "agents", port: ports.wire },
        { what: "HTTP", port: ports.http },
        { what: "the issuer", port: ports.issuer },
      ],
      say,
    );
    let issuer: DemoIssuer | undefined;
    try {
      issuer = await startDemoIssuer({ port: issuerPort, folder: folder.file("issuer") });
      const addresses = { wirePort, httpPort, issuerUrl: issuer.url, postgresPort: database.server.port };
      await folder.write("policy/shop.cedar", DEMO_POLICY);
      await folder.write("labels.yaml", DEMO_LABELS);
      await folder.write("postern.yaml", demoConfig(addresses));
      const gateway = await runGateway({
        configPath: folder.file("postern.yaml"),
        env,
        logDestination: logFile(folder),
      });
      undo.push(issuer.close);
      return { gateway, issuer };
    } catch (error) {
      await issuer?.close();
      if (!isPortTaken(error) || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** Another process took the port between our look and our use of it. */
function isPortTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

function logFile(folder: DemoFolder): { write(line: string): void } {
  const stream = createWriteStream(folder.file("gateway.log"), { mode: 0o600 });
  stream.on("error", () => undefined); // a full disk must not end the demo: the audit log has its own word on that
  return { write: (line) => void stream.write(line) };
}

/** Tokens live for fifteen minutes; a new one is in the file before that. */
const RENEW_MS = 8 * 60_000;

/** The agent whose token the printed psql line uses: it acts for a person. */
export const TOKEN_AGENT = "support-agent";
export const TOKEN_FILE = "agent.token";

/** Keeps a fresh token in a file, for the psql line. @returns what ends it. */
async function keepToken(folder: DemoFolder, issuer: DemoIssuer): Promise<() => Promise<void>> {
  const ending = new AbortController();
  const renew = async (): Promise<void> => folder.write(TOKEN_FILE, await issuer.tokenFor(TOKEN_AGENT));
  await renew();
  const renewing = (async () => {
    for (;;) {
      await sleep(RENEW_MS, undefined, { signal: ending.signal, ref: false });
      await renew();
    }
  })().catch(() => undefined); // ended, or the issuer is gone, which the demo notices by itself
  return async () => {
    ending.abort();
    await renewing;
  };
}
