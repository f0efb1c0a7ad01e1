/** What all sessions of this process share: the log, identity, the parsers, who is connected, and how it stops. */

import { timingSafeEqual } from "node:crypto";
import { setMaxListeners } from "node:events";
import type { ListingProblem } from "../analysis/functions.ts";
import type { ParseOutcome } from "../analysis/parsed-statement.ts";
import { loadParser, type Parser } from "../analysis/parser.ts";
import { isServerMajor, type ServerMajor } from "../analysis/query-tree/tree-facts.ts";
import { StatementCache } from "../analysis/statement-cache.ts";
import type { Approvals } from "../approval/approvals.ts";
import type { AuditLog } from "../audit/log.ts";
import { type Clock, processorMs } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import type { Config } from "../config/schema.ts";
import type { Identity } from "../identity/identity.ts";
import type { Principal } from "../identity/principal.ts";
import type { CancelRequest } from "../listener/negotiate.ts";
import type { Logger } from "../telemetry/log.ts";
import { cancelUpstream } from "../upstream/cancel.ts";
import { CatalogWatch } from "../upstream/catalog-watch.ts";
import type { UpstreamConnection } from "../upstream/connect.ts";
import { rowsOf, treesOf } from "../upstream/own-questions.ts";
import type { UpstreamTarget } from "../upstream/target.ts";
import { type ActivePolicy, Enforcement } from "./enforcement.ts";
import type { HoldOptions } from "./hold.ts";
import { Rates } from "./limits-rate.ts";
import { RefusalRate } from "./refusals.ts";
import type { Session } from "./session.ts";
import { StatementMetrics } from "./statement-metrics.ts";

export interface GatewayOptions {
  readonly config: Config;
  readonly log: AuditLog;
  readonly identity: Identity;
  readonly isFrozen: (principalId: string) => { readonly reason: string } | null;
  /** Secret of this gateway from which each session's salt is derived. */
  readonly commitmentKey: Uint8Array;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onRefused: (reason: string) => void;
  readonly onUpstreamError: (reason: string) => void;
  /** The policy in force; null where none is configured. */
  readonly policy: () => ActivePolicy | null;
  /** Requests for approval; null: what needs approval is refused. */
  readonly approvals: Approvals | null;
}

interface CancelKey {
  readonly processId: number;
  readonly secretKey: Uint8Array;
}

const SWEEP_MS = 250;
/** The client is told this long before its token ends. */
const EXPIRY_NOTICE_MS = 60_000;
const STATEMENT_CACHE_BYTES = 32 * 1024 * 1024;
/** Outcomes wait this long for company before they are handed to the kernel. */
const SETTLE_MS = 3;
const CANCEL_TIMEOUT_MS = 10_000;
/** For the definition of a view, which the server has printed. */
const PARSE_MS = 10_000;
/** Connections that may be in the middle of their setting up, however few sessions are allowed. */
const LEAST_STARTING = 100;

export class Gateway {
  readonly log: AuditLog;
  readonly commitmentKey: Uint8Array;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics = new StatementMetrics();
  readonly refusalRate = new RefusalRate();
  /** Of a minute. */
  readonly statementRates = new Rates(1_000);
  /** Of an hour. */
  readonly revealRates = new Rates(60_000);
  /** Connections that are being set up. */
  starting = 0;
  readonly #options: GatewayOptions;
  readonly #sessions = new Map<string, { readonly session: Session; readonly key: CancelKey }>();
  readonly #parsers = new Map<number, Parser>();
  readonly #caches = new Map<number, StatementCache>();
  /** By database, role and major. */
  readonly #enforcements = new Map<
    string,
    Promise<{ readonly enforcement: Enforcement; readonly watch: CatalogWatch }>
  >();
  readonly #reserved = new Map<string, number>();
  #places = 0;
  readonly #stopping = new AbortController();
  readonly #sweeper: NodeJS.Timeout;
  #config: Config;
  #identity: Identity;
  #settling: NodeJS.Timeout | undefined;
  #whenEmpty: (() => void) | undefined;

  private constructor(options: GatewayOptions) {
    this.#options = options;
    this.#config = options.config;
    this.log = options.log;
    this.#identity = options.identity;
    this.commitmentKey = options.commitmentKey;
    this.clock = options.clock;
    this.logger = options.logger;
    setMaxListeners(0, this.#stopping.signal); // one for each connection that is being set up
    this.#sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
  }

  /** Loads the grammars of all majors served, so that no session waits for one. */
  static async create(options: GatewayOptions): Promise<Gateway> {
    const gateway = new Gateway(options);
    for (const major of [15, 16, 17, 18] as const) {
      gateway.#parsers.set(major, await loadParser(major, { usedMs: processorMs }));
      gateway.#caches.set(major, new StatementCache(STATEMENT_CACHE_BYTES));
    }
    return gateway;
  }

  get config(): Config {
    return this.#config;
  }

  /** New sessions get the new configuration; those that are open keep theirs, but for limits that are read at each use. */
  reconfigure(config: Config, identity: Identity): void {
    this.#config = config;
    this.#identity = identity;
    if (this.policy() !== null) this.#endUnjudged();
  }

  /** Sessions that began without a policy do not show their trees, and could never be judged. */
  #endUnjudged(): void {
    const error = new GatewayError("SESSION_ENDED", "a policy has come into force", { hint: "Connect again." });
    this.#endWhere((session) => session.options.enforcement === null, error);
  }

  get identity(): Identity {
    return this.#identity;
  }

  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  get sessions(): readonly Session[] {
    return [...this.#sessions.values()].map(({ session }) => session);
  }

  session(id: string): Session | undefined {
    return this.#sessions.get(id)?.session;
  }

  caches(): readonly StatementCache[] {
    return [...this.#caches.values()];
  }

  stoppingError(): GatewayError {
    return new GatewayError("GATEWAY_STOPPING", "the gateway is stopping", { hint: "Connect again in a moment." });
  }

  parserFor(serverVersion: number): Parser {
    const parser = this.#parsers.get(Math.floor(serverVersion / 10_000));
    if (parser === undefined) throw new GatewayError("INTERNAL", "no grammar for this server's major version");
    return parser;
  }

  cacheFor(serverVersion: number): StatementCache {
    const cache = this.#caches.get(Math.floor(serverVersion / 10_000));
    if (cache === undefined) throw new GatewayError("INTERNAL", "no grammar for this server's major version");
    return cache;
  }

  /** Texts that had been parsed before, and that had not. */
  get parseCache(): { readonly hits: number; readonly misses: number } {
    const caches = [...this.#caches.values()];
    return {
      hits: caches.reduce((sum, { hits }) => sum + hits, 0),
      misses: caches.reduce((sum, { misses }) => sum + misses, 0),
    };
  }

  /** The policy in force; null where none is configured. */
  policy(): ActivePolicy | null {
    return this.#options.policy();
  }

  /**
   * What judges the statements of a database for a role, with its catalog; null where no policy is configured.
   * @throws {GatewayError} where the catalog cannot be loaded.
   */
  async enforcementFor(target: UpstreamTarget, serverVersion: number): Promise<Enforcement | null> {
    if (this.policy() === null) return null;
    const major = Math.floor(serverVersion / 10_000);
    if (!isServerMajor(major)) throw new GatewayError("INTERNAL", "no tables for this server's major version");
    const key = JSON.stringify([target.name, target.user, target.host, target.port, target.database, major]);
    const known = this.#enforcements.get(key) ?? this.#openEnforcement(target, major);
    this.#enforcements.set(key, known);
    known.catch(() => this.#enforcements.delete(key)); // the next session tries again
    return (await known).enforcement;
  }

  /** Trees that were read before, and that were not. */
  readonly treeCache = { hits: 0, misses: 0 };

  async #openEnforcement(target: UpstreamTarget, major: ServerMajor) {
    const { logger, clock } = this;
    const watch = await CatalogWatch.open({ target, logger, clock });
    const policies = (): ActivePolicy => {
      const active = this.policy();
      // Policy was taken out of the configuration: sessions that began with one go on being judged, by nothing that permits.
      if (active === null) throw new GatewayError("STATEMENT_DENIED", "the gateway has no policy any more");
      return active;
    };
    return {
      enforcement: new Enforcement({
        database: target.name,
        major,
        catalogs: watch,
        questions: {
          trees: (texts) => treesOf(target, texts),
          rows: (sql) => rowsOf(target, sql),
          parse: (text) => this.#parse(text, major),
        },
        policies,
        clock,
        counts: this.treeCache,
        uselessListings: this.#warnOfListings(target.name),
      }),
      watch,
    };
  }

  async #parse(text: Uint8Array, major: ServerMajor): Promise<ParseOutcome> {
    return await this.parserFor(major * 10_000).parseLarge(text, AbortSignal.timeout(PARSE_MS));
  }

  /** A listing that opens nothing is told once, until it has been in order. */
  #warnOfListings(database: string): (problems: readonly ListingProblem[]) => void {
    let told: ReadonlySet<string> = new Set();
    return (problems) => {
      for (const { signature, message } of problems) {
        if (!told.has(`${signature} ${message}`))
          this.logger.warn({ database, signature }, `functions.yaml lists a function in vain: ${message}`);
      }
      told = new Set(problems.map(({ signature, message }) => `${signature} ${message}`));
    };
  }

  /** Anyone can begin connections and leave them so: more than these at once get no memory and no descriptor. */
  requireRoomToStart(): void {
    const limit = Math.max(LEAST_STARTING, this.#config.gateway.listen.maxSessions);
    if (this.starting > limit) {
      throw new GatewayError("TOO_MANY_SESSIONS", "too many connections are being set up on this gateway", {
        hint: "Connect again in a moment.",
      });
    }
  }

  /** Sessions that are open or past authentication: those before it take no place, or anyone could fill the gateway. */
  requireCapacity(): void {
    const { maxSessions } = this.#config.gateway.listen;
    if (this.#places >= maxSessions) {
      throw new GatewayError("TOO_MANY_SESSIONS", "too many sessions on this gateway", {
        detail: `The limit is ${maxSessions}.`,
        hint: "Close idle connections, or have gateway.listen.maxSessions raised.",
      });
    }
  }

  /** @throws {GatewayError} where the principal is frozen. */
  requireFree(principal: Principal): void {
    const freeze = this.#options.isFrozen(principal.id);
    if (freeze !== null) throw frozen(freeze.reason);
  }

  requireLog(): void {
    if (this.log.state !== "ok")
      throw new GatewayError("AUDIT_UNAVAILABLE", "the audit log cannot be written, so no session starts");
  }

  /** Takes a place for a session, here and at the database. @returns gives both back. */
  reserve(database: string): () => void {
    this.requireCapacity(); // again: others may have been let in while this one proved who it is
    const used = this.#reserved.get(database) ?? 0;
    const limit = this.#config.databases[database]?.maxConnections ?? 0;
    if (used >= limit) {
      throw new GatewayError("TOO_MANY_SESSIONS", `too many sessions of database "${database}" on this gateway`, {
        detail: `The limit is ${limit}.`,
        hint: "Close idle connections, or have the database's maxConnections raised.",
      });
    }
    this.#reserved.set(database, used + 1);
    this.#places++;
    let given = false;
    return () => {
      if (given) return;
      given = true;
      this.#places--;
      this.#reserved.set(database, (this.#reserved.get(database) ?? 1) - 1);
    };
  }

  add(session: Session, key: CancelKey): void {
    this.#sessions.set(session.id, { session, key });
  }

  remove(session: Session): void {
    this.#sessions.delete(session.id);
    if (this.#sessions.size === 0) this.#whenEmpty?.();
  }

  /**
   * Nothing is answered, whether the key fits or not (PostgreSQL 18 docs, protocol-flow, "Canceling Requests in Progress").
   * Resolves when the upstream has had the request: a client waits for the end of its connection before it sends what is next,
   * and that must not be hit.
   */
  async cancel(request: CancelRequest): Promise<void> {
    for (const { session, key } of this.#sessions.values()) {
      if (key.processId !== request.processId || key.secretKey.length !== request.secretKey.length) continue;
      if (timingSafeEqual(key.secretKey, request.secretKey)) await session.cancel();
    }
  }

  cancelUpstream(target: UpstreamTarget, upstream: UpstreamConnection): Promise<void> {
    return cancelUpstream(target, upstream.processId, upstream.secretKey, AbortSignal.timeout(CANCEL_TIMEOUT_MS)).catch(
      (error: unknown) => {
        this.#options.onUpstreamError("cancel");
        this.logger.warn({ err: error }, "a cancel did not reach the upstream");
      },
    );
  }

  /** For sessions of a database: how its statements wait for people. */
  holdOptions(database: string): HoldOptions | null {
    const { approvals } = this.#options;
    if (approvals === null) return null;
    return {
      approvals,
      waitMs: () => this.#config.approvals.waitMs,
      heartbeatMs: () => this.#config.approvals.heartbeatMs,
      url: () => null,
      environment: this.#config.databases[database]?.environment ?? "",
    };
  }

  refused(reason: string): void {
    this.#options.onRefused(reason);
  }

  /** Has what settles statements handed over within a few milliseconds, together with what others have. */
  readonly settleSoon = (): void => {
    if (this.#settling !== undefined) return;
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      try {
        this.log.handOver();
      } catch {
        // The log is failed and says so itself; it keeps what settles and writes it when it is back.
      }
    }, SETTLE_MS);
  };

  /** Ends every live session of a principal. @returns how many. */
  endPrincipal(principalId: string, reason: string): number {
    return this.#endWhere((session) => session.options.journal.facts.principal.id === principalId, frozen(reason));
  }

  /** @returns false where there is no such session. */
  kill(sessionId: string, reason: string): boolean {
    const error = new GatewayError("SESSION_ENDED", "an administrator of the gateway ended this session", {
      detail: reason,
    });
    return this.#endWhere((session) => session.id === sessionId, error) > 0;
  }

  #endWhere(matches: (session: Session) => boolean, error: GatewayError): number {
    const ended = this.sessions.filter(matches);
    for (const session of ended) session.end(error);
    return ended.length;
  }

  /** New connections get 57P03; sessions finish their statement; those that have not by then are ended. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    const error = new GatewayError("SESSION_ENDED", "the gateway is stopping", { hint: "Connect again in a moment." });
    for (const session of this.sessions) session.drain(error);
    await this.#emptied(graceMs);
    for (const session of this.sessions) session.end(error);
    await this.#emptied(graceMs);
    clearInterval(this.#sweeper);
    clearTimeout(this.#settling);
    for (const parser of this.#parsers.values()) await parser.close();
    for (const opened of this.#enforcements.values()) await opened.then(({ watch }) => watch.close()).catch(() => {});
  }

  async #emptied(limitMs: number): Promise<void> {
    if (this.#sessions.size === 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, limitMs);
      this.#whenEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #sweep(): void {
    const { idleMs, idleInTransactionMs, lifetimeMs } = this.#config.limits.session;
    const nowMs = this.clock.nowMs();
    const monotonicMs = this.clock.monotonicMs();
    for (const { session } of this.#sessions.values()) {
      session.limitTime(monotonicMs);
      session.keepInSight();
      const { principal } = session.options.journal.facts;
      const idleSinceMs = monotonicMs - session.lastActivityMs;
      const leftMs = principal.expiresAtMs === null ? Number.POSITIVE_INFINITY : principal.expiresAtMs - nowMs;
      if (leftMs <= 0) session.end(expired());
      else if (leftMs <= EXPIRY_NOTICE_MS) session.warnOfExpiry(Math.ceil(leftMs / 1000));
      if (nowMs - session.options.openedAtMs >= lifetimeMs) session.end(tooOld());
      if (session.activity === "idle" && idleSinceMs >= idleMs) session.end(idle());
      if (session.activity === "idle in transaction" && idleSinceMs >= idleInTransactionMs)
        session.end(idleInTransaction());
    }
  }
}

function frozen(reason: string): GatewayError {
  return new GatewayError("PRINCIPAL_FROZEN", "this identity is frozen", {
    detail: `Reason: ${reason}`,
    hint: "An administrator of the gateway can lift the freeze.",
  });
}

function expired(): GatewayError {
  return new GatewayError("SESSION_ENDED", "the token of this session has expired", {
    hint: "Connect again with a new token.",
  });
}

function tooOld(): GatewayError {
  return new GatewayError("SESSION_ENDED", "the session has reached its lifetime", { hint: "Connect again." });
}

function idle(): GatewayError {
  return new GatewayError("IDLE_TIMEOUT", "the session was idle for too long", {
    hint: "Connect again when there is work.",
  });
}

function idleInTransaction(): GatewayError {
  return new GatewayError("IDLE_IN_TRANSACTION_TIMEOUT", "the transaction was left open for too long", {
    hint: "Commit or roll back when the work is done.",
  });
}
