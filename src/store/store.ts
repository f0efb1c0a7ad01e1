/**
 * The control store: an index of the audit log in PostgreSQL, and the freezes that gateways share. It may be away at any time,
 * at start too: the log is the truth, so nothing here is on the way of a statement. Holds no query: see the query groups.
 */

import { once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import pg from "pg";
import { GatewayError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { Logger } from "../telemetry/log.ts";
import {
  asQueryable,
  clientConfig,
  inTransaction,
  isUnavailable,
  loggable,
  type Queryable,
  unavailable,
} from "./connection.ts";
import { migrate } from "./migrate.ts";
import type { Migration } from "./migrations/migration.ts";

export type StoreState =
  | { readonly phase: "connecting" }
  | { readonly phase: "up" }
  /** `reason` is a code (ECONNREFUSED, 28P01): it may be shown to anyone, so it names no host and no account. */
  | { readonly phase: "down"; readonly reason: string }
  | { readonly phase: "closed" };

export interface StoreOptions {
  /** Limit of open() and of the first wait between two tries; later waits double up to 5 s. */
  readonly openTimeoutMs?: number;
  readonly retryMs?: number;
  /** How often an idle store is asked whether it is there. */
  readonly probeMs?: number;
  readonly poolSize?: number;
  readonly migrations?: readonly Migration[];
}

const DEFAULTS = { openTimeoutMs: 10_000, retryMs: 250, probeMs: 5_000, poolSize: 5 } as const;
const RETRY_LIMIT_MS = 5_000;
const CLOSE_LIMIT_MS = 3_000;

/**
 * Opens the store and migrates it. A store that is away is not an error: it comes back as `down`, is tried again in the
 * background, and is migrated when it answers.
 * @throws {GatewayError} STORE_REFUSED where it is newer than this code; STORE_UNAVAILABLE where the URL cannot be used.
 */
export async function openStore(url: Secret, logger: Logger, options: StoreOptions = {}): Promise<Store> {
  const store = new Store(clientConfig(url), logger, options);
  await store.firstTry();
  return store;
}

/** An open store; made by openStore() alone. */
export class Store {
  readonly #config: pg.ClientConfig;
  readonly #pool: pg.Pool;
  readonly #logger: Logger;
  readonly #options: Required<Omit<StoreOptions, "migrations">>;
  readonly #migrations: readonly Migration[] | undefined;
  readonly #closing = new AbortController();
  readonly #watchers = new Set<(state: StoreState) => void>();
  #state: StoreState = { phase: "connecting" };
  #refusal: GatewayError | null = null;
  #wake = new AbortController();
  #keeper: Promise<void> = Promise.resolve();

  constructor(config: pg.ClientConfig, logger: Logger, options: StoreOptions) {
    const { migrations, ...times } = options;
    this.#config = config;
    this.#logger = logger;
    this.#options = { ...DEFAULTS, ...times };
    this.#migrations = migrations;
    this.#pool = new pg.Pool({
      ...config,
      max: this.#options.poolSize,
      idleTimeoutMillis: 30_000,
      allowExitOnIdle: true,
    });
    // An idle connection that breaks: without a listener this would end the process.
    this.#pool.on("error", (error) => this.#lost(unavailable(error)));
  }

  get state(): StoreState {
    return this.#state;
  }

  /** Calls back at each change of state; the answer takes the callback off again. */
  onState(callback: (state: StoreState) => void): () => void {
    this.#watchers.add(callback);
    return () => this.#watchers.delete(callback);
  }

  /** Resolves when the store is up and migrated. @throws AbortError by `signal`; GatewayError STORE_UNAVAILABLE once closed. */
  async whenUp(signal: AbortSignal): Promise<void> {
    while (this.#state.phase !== "up") {
      signal.throwIfAborted();
      if (this.#state.phase === "closed") throw closed();
      await new Promise<void>((resolve) => {
        const done = (): void => {
          off();
          signal.removeEventListener("abort", done);
          resolve();
        };
        const off = this.onState(done);
        signal.addEventListener("abort", done);
      });
    }
  }

  /** Gives `work` one connection, without a transaction. @throws {GatewayError} STORE_UNAVAILABLE at once while it is down. */
  async run<T>(work: (q: Queryable) => Promise<T>): Promise<T> {
    if (this.#state.phase !== "up") throw this.#state.phase === "closed" ? closed() : unavailable(this.#downCause());
    return this.#withClient(work);
  }

  /** As run(), in one transaction: committed when `work` resolves, rolled back when it rejects. */
  async transaction<T>(work: (q: Queryable) => Promise<T>): Promise<T> {
    return this.run((q) => inTransaction(q, work));
  }

  /** A connection outside the pool, for LISTEN. The caller ends it. @throws {GatewayError} STORE_UNAVAILABLE */
  async connectDedicated(): Promise<pg.Client> {
    const client = new pg.Client(this.#config);
    client.on("error", () => {}); // the caller hears of it by "end"; an unheard "error" would end the process
    try {
      await client.connect();
      return client;
    } catch (error) {
      client.end().catch(() => {});
      throw unavailable(error);
    }
  }

  /** Ends the connections. Work under way is let finish. */
  async close(): Promise<void> {
    if (this.#state.phase === "closed") return;
    this.#closing.abort();
    this.#wake.abort();
    this.#enter({ phase: "closed" });
    // A store that accepts connections and then says nothing must not hold up the stop of the gateway.
    await Promise.race([
      Promise.all([this.#keeper, this.#pool.end()]),
      wait(CLOSE_LIMIT_MS, undefined, { ref: false }),
    ]);
  }

  /** For openStore(): waits for the first answer, good or bad, but no longer than `openTimeoutMs`. */
  async firstTry(): Promise<void> {
    this.#keeper = this.#keep();
    const deadline = AbortSignal.timeout(this.#options.openTimeoutMs);
    const settled = new Promise<void>((resolve) => {
      const off = this.onState(() => {
        off();
        resolve();
      });
    });
    await Promise.race([settled, once(deadline, "abort")]);
    if (this.#refusal === null) return;
    await this.close();
    throw this.#refusal;
  }

  /** Keeps the state true until closed: migrates when the store answers, asks now and then whether it still does. */
  async #keep(): Promise<void> {
    let retryMs = this.#options.retryMs;
    while (!this.#closing.signal.aborted) {
      this.#wake = new AbortController();
      try {
        if (this.#state.phase === "up") await this.#withClient((q) => q.query("SELECT 1"));
        else await this.#comeUp();
        retryMs = this.#options.retryMs;
      } catch (error) {
        this.#fail(error);
        retryMs = Math.min(retryMs * 2, RETRY_LIMIT_MS);
      }
      const pauseMs = this.#state.phase === "up" ? this.#options.probeMs : retryMs;
      await wait(pauseMs, undefined, { signal: this.#wake.signal, ref: false }).catch(() => {});
    }
  }

  async #comeUp(): Promise<void> {
    const transact = <T>(work: (q: Queryable) => Promise<T>): Promise<T> =>
      this.#withClient((q) => inTransaction(q, work));
    const applied = await migrate(transact, this.#migrations);
    if (applied.length > 0) this.#logger.info({ versions: applied }, "control store migrated");
    if (!this.#closing.signal.aborted) this.#enter({ phase: "up" });
  }

  #fail(error: unknown): void {
    if (!(error instanceof GatewayError) || error.code !== "STORE_REFUSED") {
      this.#lost(isUnavailable(error) ? error : unavailable(error));
      return;
    }
    this.#refusal = error;
    this.#logger.error({ hint: error.hint }, error.message);
    this.#enter({ phase: "down", reason: error.message });
  }

  async #withClient<T>(work: (q: Queryable) => Promise<T>): Promise<T> {
    let client: pg.PoolClient;
    try {
      client = await this.#pool.connect();
    } catch (error) {
      // With every connection in use, waiting in vain for one says nothing of the server.
      const full = this.#pool.totalCount >= this.#options.poolSize;
      throw full ? unavailable(error) : this.#lost(unavailable(error));
    }
    // Between two statements of a transaction a broken connection speaks by an event, not by a rejected query.
    const ignore = (): void => {};
    client.on("error", ignore);
    let broken = false;
    try {
      return await work(asQueryable(client));
    } catch (error) {
      broken = true; // whatever happened, the next user of the pool gets a connection in a known state
      throw isUnavailable(error) ? this.#lost(error) : error;
    } finally {
      client.off("error", ignore);
      client.release(broken);
    }
  }

  /** Notes that the store is away, once per loss, and passes the error on. */
  #lost(error: GatewayError): GatewayError {
    if (this.#state.phase === "closed") return error;
    if (this.#state.phase !== "down") {
      this.#logger.warn(
        { reason: loggable(error) },
        "control store is away: the audit log goes on, the index catches up later",
      );
    }
    const wasUp = this.#state.phase === "up";
    this.#enter({ phase: "down", reason: error.detail ?? error.message });
    if (wasUp) this.#wake.abort(); // try again now rather than at the next probe
    return error;
  }

  #downCause(): Error {
    return new Error(this.#state.phase === "down" ? this.#state.reason : this.#state.phase);
  }

  #enter(state: StoreState): void {
    const before = this.#state;
    if (before.phase === "closed") return;
    this.#state = state;
    if (before.phase === state.phase) return;
    if (state.phase === "up" && before.phase === "down") this.#logger.info("control store is back");
    for (const watcher of [...this.#watchers]) watcher(state);
  }
}

function closed(): GatewayError {
  return new GatewayError("STORE_UNAVAILABLE", "the control store is closed", { detail: "closed" });
}
