/**
 * Keeps the catalog of one database and role at hand: loads it, looks whether it has changed, loads it anew. What is at hand
 * may be older than the server by a poll: OIDs that it does not know are looked up by `refresh`. Judges nothing.
 */

import type { Catalog } from "../analysis/catalog.ts";
import type { Clock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import type { Logger } from "../telemetry/log.ts";
import { CatalogConnection } from "./catalog-connection.ts";
import { type Epoch, readEpoch } from "./catalog-epoch.ts";
import { type LoadedCatalog, loadCatalog } from "./catalog-load.ts";
import { UpstreamFailure } from "./failure.ts";
import type { UpstreamTarget } from "./target.ts";

export interface CatalogWatchOptions {
  readonly target: UpstreamTarget;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Between two looks, while someone asks. */
  readonly pollMs?: number;
}

/**
 * - `current`: looked at within the last few polls.
 * - `behind`: not looked at for longer because nobody asked, or known to have changed and not loaded yet.
 * - `away`: the last look failed; what is at hand is the last that was seen.
 */
export type CatalogState = "current" | "behind" | "away" | "closed";

const POLL_MS = 1_000;
/** Without anyone asking for so long, the server is left alone. */
const IDLE_MS = 60_000;
/** Looks that may be missing before what is at hand counts as old. */
const STALE_POLLS = 3;
const LONGEST_BACK_OFF_MS = 30_000;
/** Where the catalog changes all the time (temporary tables of others), loads take one part in so many of the time. */
const LOAD_SHARE = 5;
/** The same for looks, on a server with many tables where something always commits. */
const LOOK_SHARE = 20;

/** One connection, one look at a time. Timers are not kept waiting for at the end of the process. */
export class CatalogWatch {
  readonly #options: CatalogWatchOptions;
  readonly #pollMs: number;
  readonly #closing = new AbortController();
  readonly #listeners = new Set<(catalog: Catalog) => void>();
  #connection: CatalogConnection | undefined;
  /** Of `#connection`; null where it has not looked yet. */
  #epoch: Epoch | null = null;
  #catalog: Catalog | undefined;
  #running: Promise<Catalog> | undefined;
  #next: Promise<Catalog> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #state: CatalogState = "behind";
  #failures = 0;
  #askedMs: number;
  #lookedMs = 0;
  /** When the last look began that found what is at hand to be current. */
  #asOfMs = Number.NEGATIVE_INFINITY;
  /** How long the last look took, without a load. */
  #lookMs = 0;
  /** No load before, by the timer. */
  #loadableMs = 0;

  private constructor(options: CatalogWatchOptions) {
    this.#options = options;
    this.#pollMs = options.pollMs ?? POLL_MS;
    this.#askedMs = options.clock.monotonicMs();
  }

  /** Resolves with the catalog loaded. @throws {GatewayError} UPSTREAM_UNAVAILABLE and the like where it cannot be. */
  static async open(options: CatalogWatchOptions): Promise<CatalogWatch> {
    const watch = new CatalogWatch(options);
    try {
      await watch.#look(true);
    } catch (error) {
      await watch.close();
      throw error;
    }
    watch.#schedule(watch.#pollMs);
    return watch;
  }

  /** What is at hand, and the sign that someone asks. The same object until something has changed. */
  get current(): Catalog {
    this.#askedMs = this.#now();
    if (this.#timer === undefined && this.#state !== "closed") this.#schedule(0);
    if (this.#catalog === undefined) throw new GatewayError("INTERNAL", "a catalog is asked for before it is loaded");
    return this.#catalog;
  }

  get state(): CatalogState {
    const old = this.#now() - this.#lookedMs > STALE_POLLS * this.#pollMs;
    return this.#state === "current" && old ? "behind" : this.#state;
  }

  /** By Clock.monotonicMs: what had been committed by then is in what is at hand. */
  get asOfMs(): number {
    return this.#asOfMs;
  }

  /** It looks by itself: someone has asked within the last minute. */
  get watching(): boolean {
    return this.#timer !== undefined;
  }

  /** What is at hand may be older than a few polls. */
  get isStale(): boolean {
    return this.state !== "current";
  }

  /**
   * The catalog as it is now or later: looks, and loads where it has changed. Those who ask while nothing of it has begun share one
   * look; what has begun may be of before the caller's own DDL. @throws {GatewayError} where the upstream is away.
   */
  refresh(): Promise<Catalog> {
    this.#askedMs = this.#now();
    return this.#queue();
  }

  /** What the timer does: a look, and a load where it has changed and it is not too soon. Never rejects. */
  async poll(): Promise<void> {
    await (this.#running ?? this.#run(false)).catch(() => undefined); // told by the state and the log
  }

  /** @param listener gets each catalog that differs from the one before. Answers with what takes it off. */
  onChange(listener: (catalog: Catalog) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Leaves no timer and no connection. What waits is rejected. */
  async close(): Promise<void> {
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#listeners.clear();
    this.#closing.abort(new GatewayError("GATEWAY_STOPPING", "the catalog is read no more"));
    await this.#drop();
    await Promise.allSettled([this.#running, this.#next]);
  }

  #now(): number {
    return this.#options.clock.monotonicMs();
  }

  #queue(): Promise<Catalog> {
    if (this.#running === undefined) return this.#run(true);
    const before = this.#running.catch(() => undefined);
    this.#next ??= before.then(() => {
      this.#next = undefined;
      return this.#running ?? this.#run(true);
    });
    return this.#next;
  }

  #run(mustLoad: boolean): Promise<Catalog> {
    const running = this.#look(mustLoad).finally(() => {
      this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #look(mustLoad: boolean): Promise<Catalog> {
    try {
      const catalog = await this.#again(mustLoad);
      this.#lookedMs = this.#now();
      if (this.#failures > 0) this.#log("info", "the catalog can be read again");
      this.#failures = 0;
      return catalog;
    } catch (error) {
      if (this.#state === "closed") throw error;
      if (this.#failures === 0) this.#log("warn", "the catalog cannot be read", error);
      this.#failures += 1;
      this.#state = "away";
      throw error;
    }
  }

  /** Twice: an idle connection may have been cut, and the server fails where what it lists is dropped meanwhile. */
  async #again(mustLoad: boolean): Promise<Catalog> {
    try {
      return await this.#once(mustLoad);
    } catch (error) {
      await this.#drop();
      if (error instanceof UpstreamFailure || this.#state === "closed") throw error;
      return await this.#once(mustLoad);
    }
  }

  async #once(mustLoad: boolean): Promise<Catalog> {
    const { signal } = this.#closing;
    signal.throwIfAborted();
    this.#connection ??= await CatalogConnection.open(this.#options.target, signal);
    const connection = this.#connection;
    if (signal.aborted) await this.#drop(); // closed while it was opened
    signal.throwIfAborted();
    const known = this.#catalog;
    const startedMs = this.#now();
    if (known !== undefined) {
      this.#epoch = await readEpoch(connection, this.#epoch);
      this.#lookMs = this.#now() - startedMs;
      if (this.#epoch.value === known.epoch) return this.#is("current", known, startedMs);
      if (!mustLoad && this.#now() < this.#loadableMs) return this.#is("behind", known, this.#asOfMs);
    }
    const loadingMs = this.#now();
    const loaded = await loadCatalog(connection, this.#options.target.name);
    this.#loadableMs = this.#now() + (this.#now() - loadingMs) * (LOAD_SHARE - 1);
    return this.#takeOver(loaded, startedMs);
  }

  #takeOver({ catalog, epoch }: LoadedCatalog, asOfMs: number): Catalog {
    this.#epoch = epoch;
    // Changed and changed back between the look and the load: who compares catalogs sees no change.
    if (this.#catalog?.epoch === catalog.epoch) return this.#is("current", this.#catalog, asOfMs);
    this.#catalog = catalog;
    this.#is("current", catalog, asOfMs);
    for (const listener of this.#listeners) listener(catalog);
    return catalog;
  }

  #is(state: "current" | "behind", catalog: Catalog, asOfMs: number): Catalog {
    this.#asOfMs = asOfMs;
    if (this.#state !== "closed") this.#state = state;
    return catalog;
  }

  async #drop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    this.#epoch = null;
    await connection?.close();
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#tick(), delayMs);
    this.#timer.unref();
  }

  async #tick(): Promise<void> {
    if (this.#now() - this.#askedMs > IDLE_MS) {
      this.#timer = undefined; // `current` starts it again
      return;
    }
    await this.poll();
    if (this.#state === "closed") return;
    const backedOffMs = Math.min(this.#pollMs * 2 ** Math.min(this.#failures, 10), LONGEST_BACK_OFF_MS);
    this.#schedule(Math.max(this.#pollMs, backedOffMs, this.#lookMs * (LOOK_SHARE - 1)));
  }

  #log(level: "info" | "warn", message: string, error?: unknown): void {
    const { logger, target } = this.#options;
    logger[level]({ database: target.name, ...(error === undefined ? {} : { err: error }) }, message);
  }
}
