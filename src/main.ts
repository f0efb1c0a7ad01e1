/** Wires the parts: configuration in, a running gateway out. Everything is started here, and stopped here in the opposite order. */

import { createHash, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { Approvals } from "./approval/approvals.ts";
import { Webhooks } from "./approval/webhooks.ts";
import { AuditLog } from "./audit/log.ts";
import { readEntries } from "./audit/read.ts";
import { systemClock } from "./base/clock.ts";
import { GatewayError } from "./base/errors.ts";
import { configHash, diffConfig, formatChange } from "./config/diff.ts";
import { loadConfig } from "./config/load.ts";
import type { Config } from "./config/schema.ts";
import type { ActivePolicy } from "./gateway/enforcement.ts";
import { Gateway } from "./gateway/gateway.ts";
import { admit } from "./gateway/open-session.ts";
import { PolicySource } from "./gateway/policy-source.ts";
import { LATENCY_BOUNDS_MS } from "./gateway/statement-metrics.ts";
import { databaseViews, issuerViews, readiness, sessionView } from "./gateway/view.ts";
import { createHttpServer } from "./http/server.ts";
import { createIdentity, type Identity } from "./identity/identity.ts";
import { principalId } from "./identity/principal.ts";
import { type Listener, listen } from "./listener/listener.ts";
import { type FreezeRegistry, openFreezeRegistry } from "./store/freeze-registry.ts";
import { createIndexer } from "./store/indexer.ts";
import { openStore } from "./store/store.ts";
import { createLogger, type Logger, type LoggerOptions } from "./telemetry/log.ts";
import { createMetrics, type Metrics } from "./telemetry/metrics.ts";
import { PostureWatch } from "./upstream/posture-watch.ts";
import { VERSION } from "./version.ts";

export interface RunOptions {
  readonly configPath: string;
  readonly env: NodeJS.ProcessEnv;
  /** Where log lines go; standard output where absent. */
  readonly logDestination?: LoggerOptions["destination"];
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface RunningGateway {
  readonly addresses: { readonly wire: Address; readonly http: Address };
  /** Resolves with the exit code when it has stopped. */
  readonly closed: Promise<number>;
  /** Instance of the audit log: the folder in `<data>/log`. */
  readonly instance: string;
  /** Resolves when everything on record by now is in the log's tiles. */
  flushed(): Promise<void>;
  /** Resolves when everything on record by now is in the control store's index; never while the store is away. */
  indexed(): Promise<void>;
  /** Graceful: sessions finish their statement. */
  stop(reason: string): Promise<void>;
  /** Reads the configuration again. @returns what changed, a line each. @throws {ConfigError}: the old one stays in force. */
  reload(): Promise<string[]>;
}

const STOP_GRACE_MS = 30_000;
const POLL_MS = 5;

/** @throws where the configuration, the log or a port do not allow a start; what was started by then is stopped again. */
export async function runGateway(options: RunOptions): Promise<RunningGateway> {
  const config = loadConfig(options.configPath, options.env);
  const destination = options.logDestination;
  const level = options.env["POSTERN_LOG_LEVEL"] === "debug" ? "debug" : "info";
  const logger = createLogger({ level, ...(destination === undefined ? {} : { destination }) });
  const stack = new Undo();
  try {
    return await start(options, config, logger, stack);
  } catch (error) {
    await stack.dispose().catch((cause: unknown) => logger.error({ err: cause }, "the start could not be taken back"));
    throw error;
  }
}

/** What must be undone, newest first. Node 20 has no AsyncDisposableStack. */
class Undo {
  readonly #steps: (() => Promise<void> | void)[] = [];

  defer(step: () => Promise<void> | void): void {
    this.#steps.push(step);
  }

  /** Every step is taken, whatever one of them throws; the first error is thrown in the end. */
  async dispose(): Promise<void> {
    const errors: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

async function start(options: RunOptions, config: Config, logger: Logger, stack: Undo): Promise<RunningGateway> {
  await mkdir(config.dataPath, { recursive: true, mode: 0o700 });
  const metrics = createMetrics();
  let counters: () => Record<string, number> = () => ({});
  let stopReason = "stopped during start-up";
  const log = await AuditLog.open({
    folder: config.dataPath,
    gatewayName: config.gateway.name,
    clock: systemClock,
    durability: config.audit.durability,
    logger,
    version: VERSION,
    counters: () => counters(),
    onFlush: (seconds) => metrics.auditFlushSeconds.observe(seconds),
  });
  stack.defer(() => log.close(stopReason));
  recordConfig(log, "start", null, configHash(config), []);
  const policies = new PolicySource(config);
  recordPolicy(log, "start", null, policies.active);
  warnOfShadow(logger, policies.active);
  const identityOf = ({ issuers, certificates }: Config, previous?: Identity) =>
    createIdentity({
      issuers,
      certificates,
      clock: systemClock,
      logger,
      ...(previous === undefined ? {} : { previous }),
    });
  let identity = identityOf(config);
  stack.defer(() => identity.close());
  const store = await openStore(config.store.url, logger);
  stack.defer(() => store.close());
  const freezes = await openFreezeRegistry({
    store,
    path: join(config.dataPath, "freezes.json"),
    logger,
    clock: systemClock,
  });
  stack.defer(() => freezes.close());
  let current = config;
  const webhooks = new Webhooks({
    store,
    hooks: () => current.approvals.notify.map(({ webhook }) => webhook),
    logger,
    clock: systemClock,
    posted: (outcome) => metrics.webhookPosts.inc({ outcome }),
  });
  stack.defer(() => webhooks.close());
  const approvals = new Approvals({
    store,
    announce: (q, event, approval) => webhooks.announce(q, event, approval),
    record: async (entry) => {
      const index = log.append(entry);
      await log.whenDurable(index);
      return index;
    },
    instance: log.instance,
    logger,
    clock: systemClock,
    counts: {
      requested: (mode) => metrics.approvalsRequested.inc({ mode }),
      decided: (verdict, seconds) => {
        metrics.approvalsDecided.inc({ verdict });
        metrics.approvalDecisionSeconds.observe(seconds);
      },
      ended: (state) => metrics.approvalsEnded.inc({ state }),
    },
  });
  stack.defer(() => approvals.close());
  const gateway = await Gateway.create({
    config,
    log,
    identity,
    isFrozen: (id) => freezes.isFrozen(id),
    commitmentKey: await commitmentKey(join(config.dataPath, "keys", "commitment.key"), log),
    clock: systemClock,
    logger,
    onRefused: (reason) => metrics.sessionsRefused.inc({ reason }),
    onUpstreamError: (reason) => metrics.upstreamErrors.inc({ reason }),
    policy: () => policies.active,
    approvals,
  });
  counters = () => gatewayCounters(gateway);
  stack.defer(followFreezes(freezes, gateway));
  followMetrics(metrics, gateway, log, () => store.state.phase === "up");
  const indexer = startIndexer(config, log, store, logger);
  stack.defer(() => indexer.stop());
  // As it is at the scrape: entries that came since the last batch are behind too.
  metrics.beforeRender(() => metrics.storeLag.set(log.size - indexer.next()));
  let listener: Listener | null = null;
  const http = await createHttpServer({
    config: config.gateway.http,
    identity: { verifyToken: (token) => gateway.identity.verifyToken(token) },
    roles: rolesOf(gateway),
    gateway: {
      name: config.gateway.name,
      version: VERSION,
      instance: log.instance,
      issuers: () => issuerViews(gateway.config),
      listener: () => ({ host: listener?.host ?? "", port: listener?.port ?? 0, tls: config.gateway.tls !== "off" }),
      databases: () => databaseViews(gateway.config),
      liveSessions: () => gateway.sessions.map(sessionView),
      kill: (id, reason) => gateway.kill(id, reason),
      readiness: () => readiness(gateway, listener !== null),
    },
    freezes,
    store,
    approvals,
    record: (entry) => log.whenDurable(log.append(entry)),
    renderMetrics: () => metrics.render(),
    logger,
    clock: systemClock,
  });
  stack.defer(() => http.close());
  listener = await listen({
    config: config.gateway,
    logger,
    onConnection: (socket, tls) => void admit(gateway, socket, tls),
  });
  const wirePort = listener;
  stack.defer(() => wirePort.close());
  stack.defer(() => gateway.stop(STOP_GRACE_MS));
  const wire = { host: wirePort.host, port: wirePort.port };
  logger.info({ wire, http: http.address, version: VERSION }, "the gateway is ready");
  const postures = new PostureWatch({
    logger,
    found: (database, role, severity, count) => metrics.upstreamPosture.set({ database, role, severity }, count),
  });
  stack.defer(() => postures.close());
  postures.look(config);

  let stopped: Promise<void> | undefined;
  let resolveClosed: (code: number) => void = () => {};
  const closed = new Promise<number>((resolve) => {
    resolveClosed = resolve;
  });
  return {
    addresses: { wire, http: http.address },
    closed,
    instance: log.instance,
    flushed: () => whenIntegrated(log),
    indexed: async () => {
      const size = log.size;
      await whenIntegrated(log);
      for (; indexer.next() < size; await wait(POLL_MS)) indexer.wake();
    },
    stop: (reason) => {
      stopReason = reason;
      stopped ??= stack.dispose().then(
        () => resolveClosed(0),
        (error: unknown) => {
          logger.error({ err: error }, "the gateway did not stop cleanly");
          resolveClosed(1);
        },
      );
      return stopped;
    },
    reload: async () => {
      const next = loadConfig(options.configPath, options.env);
      const lines = diffConfig(current, next).map(formatChange);
      // Compiled before anything is exchanged: a policy with a mistake leaves everything as it was.
      const published = policies.reload(next);
      if (published !== null) {
        recordPolicy(log, "reload", published.before, policies.active);
        warnOfShadow(logger, policies.active);
      }
      if (lines.length > 0) recordConfig(log, "reload", configHash(current), configHash(next), lines);
      current = next;
      // New keys and conditions hold from the next connection on; sessions that are open keep their principal.
      const before = identity;
      identity = identityOf(next, before);
      gateway.reconfigure(next, identity);
      before.close();
      metrics.upstreamPosture.reset();
      postures.look(next);
      wirePort.reloadTls(next.gateway.tls);
      logger.info({ changed: lines }, "configuration reloaded");
      return lines;
    },
  };
}

/** The integrator works in another thread and says no more than how far it is. */
async function whenIntegrated(log: AuditLog): Promise<void> {
  log.handOver();
  for (const size = log.size; log.lag > log.size - size; ) await wait(POLL_MS);
}

/** The values of changed keys are not repeated in the log: their paths are. */
function recordConfig(
  log: AuditLog,
  actor: string,
  before: string | null,
  after: string,
  lines: readonly string[],
): void {
  log.append({
    type: "config.changed",
    actor,
    after,
    ...(before === null ? {} : { before }),
    ...(lines.length === 0 ? {} : { changed: lines.map((line) => line.slice(0, line.indexOf(":"))) }),
  });
  log.handOver();
}

/** The groups as the configuration has them at each request. */
function rolesOf(gateway: Gateway): Config["roles"] {
  return {
    get reviewer() {
      return gateway.config.roles.reviewer;
    },
    get auditor() {
      return gateway.config.roles.auditor;
    },
    get admin() {
      return gateway.config.roles.admin;
    },
  };
}

/** Which policy decides from here on. */
function recordPolicy(log: AuditLog, actor: string, before: string | null, active: ActivePolicy | null): void {
  if (active === null) return;
  const { set, mode, labels } = active;
  log.append({
    type: "policy.published",
    actor,
    after: set.version,
    mode,
    ...(before === null ? {} : { before }),
    ...(labels.file === "" ? {} : { labels: labels.version }),
  });
  log.handOver();
}

function warnOfShadow(logger: Logger, active: ActivePolicy | null): void {
  if (active?.mode !== "shadow") return;
  logger.warn("the policy is in shadow mode: its decisions are recorded, and nothing that it forbids is refused");
}

function gatewayCounters(gateway: Gateway): Record<string, number> {
  let statements = 0;
  for (const count of gateway.metrics.statements.values()) statements += count;
  return { sessions: gateway.sessions.length, statements };
}

function followFreezes(freezes: FreezeRegistry, gateway: Gateway): () => void {
  return freezes.onFrozen((freeze) => {
    gateway.endPrincipal(freeze.principalId, freeze.reason);
  });
}

function followMetrics(metrics: Metrics, gateway: Gateway, log: AuditLog, storeIsUp: () => boolean): void {
  metrics.follow(gateway.metrics, LATENCY_BOUNDS_MS);
  metrics.beforeRender(() => {
    metrics.sessions.reset();
    for (const session of gateway.sessions) metrics.sessions.inc({ state: session.activity });
    metrics.approvalsHeld.set(gateway.sessions.filter((session) => session.waits).length);
    metrics.auditLogLag.set(log.lag);
    metrics.auditLogUp.set(log.state === "ok" ? 1 : 0);
    for (const [counter, { hits, misses }] of [
      [metrics.parseCache, gateway.parseCache],
      [metrics.treeCache, gateway.treeCache],
    ] as const) {
      counter.reset();
      counter.inc({ result: "hit" }, hits);
      counter.inc({ result: "miss" }, misses);
    }
    metrics.policyMode.reset();
    metrics.policyMode.set({ mode: gateway.policy()?.mode ?? "none" }, 1);
    metrics.storeUp.set(storeIsUp() ? 1 : 0);
  });
}

function startIndexer(config: Config, log: AuditLog, store: Awaited<ReturnType<typeof openStore>>, logger: Logger) {
  const ending = new AbortController();
  const indexer = createIndexer({
    store,
    logFolder: join(config.dataPath, "log"),
    instance: log.instance,
    principalName: principalId,
    logger,
    clock: systemClock,
    signal: ending.signal,
    readEntries,
  });
  return {
    /** Entries before this one are in the store. */
    next: () => indexer.next ?? 0,
    wake: () => indexer.wake(),
    stop: async () => {
      ending.abort();
      await indexer.done;
    },
  };
}

/**
 * The secret from which sessions' salts are derived, made at the first start. Without it a commitment of the log can be
 * checked by nobody, so a file that is there and unreadable stops the start rather than be replaced.
 */
async function commitmentKey(path: string, log: AuditLog): Promise<Uint8Array> {
  try {
    const key = Buffer.from((await readFile(path, "utf8")).trim(), "hex");
    if (key.length === 32) return new Uint8Array(key);
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || error.code !== "ENOENT") throw error;
    const key = randomBytes(32);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, `${key.toString("hex")}\n`, { mode: 0o600, flag: "wx" });
    const vkey = createHash("sha256").update(key).digest("hex");
    log.append({ type: "key.created", purpose: "commitments", algorithm: "HKDF-SHA256", vkey });
    log.handOver();
    return new Uint8Array(key);
  }
  throw new GatewayError("INTERNAL", `${path} is not a key of 32 bytes in hexadecimal`);
}
