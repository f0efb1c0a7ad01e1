/**
 * Which principals are frozen, in memory, kept as the store has it: a freeze put at any gateway is here within a second. Where
 * the store is away a freeze holds at this gateway at once, survives a restart by its file, and reaches the store when that is back.
 * Ends no session: who is told by onFrozen() does.
 */

import { EventEmitter, once } from "node:events";
import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../base/clock.ts";
import { GatewayError } from "../base/errors.ts";
import type { Logger } from "../telemetry/log.ts";
import { asQueryable, inTransaction, isUnavailable, loggable, type Queryable } from "./connection.ts";
import { type FreezeChange, readFreezeFile, writeFreezeFile } from "./freeze-file.ts";
import { FREEZE_CHANNEL, type Freeze, liftFreeze, listFreezes, putFreeze } from "./freezes.ts";
import type { Store } from "./store.ts";

export interface FreezeRegistryOptions {
  readonly store: Store;
  /** `<data>/freezes.json`. */
  readonly path: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** The table is read again this often even where nothing was told: finds a listening connection that died unseen. */
  readonly rereadMs?: number;
  /** How long freeze() and unfreeze() wait for the store. */
  readonly answerMs?: number;
}

/** Who asks, and why; both are kept beside the freeze. */
export interface FreezeRequest {
  readonly principalId: string;
  readonly reason: string;
  /** Id of the person. */
  readonly by: string;
}

const RETRY_MS = 250;

/** Starts with what the file holds, then follows the store. @throws {GatewayError} STORE_REFUSED where the file is unreadable. */
export async function openFreezeRegistry(options: FreezeRegistryOptions): Promise<FreezeRegistry> {
  const kept = await readFreezeFile(options.path);
  return new FreezeRegistry(options, kept.frozen, kept.pending);
}

/** Made by openFreezeRegistry() alone. */
export class FreezeRegistry {
  readonly #options: FreezeRegistryOptions;
  readonly #closing = new AbortController();
  readonly #watchers = new Set<(freeze: Freeze) => void>();
  readonly #following: Promise<void>;
  #frozen: ReadonlyMap<string, Freeze>;
  /** Decided here, not yet in the store, oldest first. */
  #pending: readonly FreezeChange[];
  #signal = new AbortController();
  #writing: Promise<boolean> = Promise.resolve(true);
  /** Emits "round" after each reading of the table, and after each that failed. */
  readonly #progress = new EventEmitter();

  constructor(options: FreezeRegistryOptions, frozen: readonly Freeze[], pending: readonly FreezeChange[]) {
    this.#options = options;
    this.#frozen = byPrincipal(frozen);
    this.#pending = pending;
    this.#progress.setMaxListeners(0);
    this.#following = this.#follow();
  }

  /** Null where the principal is free. Asked for each new session and whenever a session needs to know: one look-up. */
  isFrozen(principalId: string): Freeze | null {
    return this.#frozen.get(principalId) ?? null;
  }

  /** Calls back for each principal that becomes frozen, wherever that was decided. The answer takes the callback off again. */
  onFrozen(callback: (freeze: Freeze) => void): () => void {
    this.#watchers.add(callback);
    return () => this.#watchers.delete(callback);
  }

  list(): readonly Freeze[] {
    return [...this.#frozen.values()];
  }

  /**
   * Freezes at once at this gateway; resolves when it is kept: in the file, and in the store unless that is away.
   * @returns false where the principal was frozen already; then who did it and why stay as they are.
   */
  async freeze(request: FreezeRequest): Promise<boolean> {
    if (this.#frozen.has(request.principalId)) return false;
    const freeze: Freeze = { ...request, at: this.#now() };
    await this.#decide({ kind: "freeze", freeze });
    return true;
  }

  /** The opposite, in the same way. @returns false where the principal was not frozen. */
  async unfreeze(principalId: string): Promise<boolean> {
    const freeze = this.#frozen.get(principalId);
    if (freeze === undefined) return false;
    await this.#decide({ kind: "unfreeze", principalId, at: freeze.at });
    return true;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#signal.abort();
    await this.#following;
    await this.#writing;
  }

  async #decide(change: FreezeChange): Promise<void> {
    this.#pending = [...this.#pending, change];
    this.#enter(applied(this.#frozen, [change]));
    const kept = await this.#keep();
    const told = await this.#told(change);
    if (kept || told) return;
    throw new GatewayError("STORE_UNAVAILABLE", "this holds at this gateway until it restarts, and is kept nowhere", {
      hint: "Neither the control store nor freezes.json in the data folder could be written: mend one of them and ask again.",
    });
  }

  /**
   * Waits until the store knows of `change`; false where it is away, or does not answer in time. The following connection alone
   * writes, so that it never reads the table as it was before a change that it has already ticked off.
   */
  async #told(change: FreezeChange): Promise<boolean> {
    const { store, logger, clock, answerMs = 3_000 } = this.#options;
    const untilMs = clock.monotonicMs() + answerMs;
    while (this.#pending.includes(change)) {
      const leftMs = untilMs - clock.monotonicMs();
      if (store.state.phase !== "up" || leftMs <= 0 || this.#closing.signal.aborted) {
        logger.warn(
          { kind: change.kind },
          "the control store is away: this holds at this gateway alone until it is back",
        );
        return false;
      }
      this.#signal.abort();
      await Promise.race([once(this.#progress, "round"), wait(leftMs, undefined, { ref: false })]);
    }
    return true;
  }

  /** Follows the store until closed: a connection that listens, and the whole table read again at each sign and each connection. */
  async #follow(): Promise<void> {
    const { store, logger } = this.#options;
    while (!this.#closing.signal.aborted) {
      try {
        await store.whenUp(this.#closing.signal);
        await this.#listen();
      } catch (error) {
        this.#progress.emit("round");
        if (this.#closing.signal.aborted || store.state.phase === "closed") return;
        if (!isUnavailable(error)) logger.warn({ reason: loggable(error) }, "freezes could not be read; trying again");
        await wait(RETRY_MS, undefined, { signal: this.#closing.signal, ref: false }).catch(() => {});
      }
    }
  }

  async #listen(): Promise<void> {
    const client = await this.#options.store.connectDedicated();
    const wake = (): void => this.#signal.abort();
    client.on("notification", wake);
    client.on("end", wake);
    try {
      const q = asQueryable(client);
      await q.query(`LISTEN ${FREEZE_CHANNEL}`); // before the first reading: what comes in between is told
      while (!this.#closing.signal.aborted) {
        this.#signal = new AbortController();
        await this.#read(q);
        this.#progress.emit("round");
        await this.#sleep();
      }
    } finally {
      client.off("end", wake);
      await client.end().catch(() => {});
    }
  }

  async #sleep(): Promise<void> {
    const { rereadMs = 5_000 } = this.#options;
    await wait(rereadMs, undefined, { signal: this.#signal.signal, ref: false }).catch(() => {});
  }

  /** Takes the table as it is, after telling it what was decided here. */
  async #read(q: Queryable): Promise<void> {
    const told = this.#pending;
    if (told.length > 0) await inTransaction(q, (inside) => tell(inside, told));
    const frozen = byPrincipal(await listFreezes(q));
    // What was decided while the table was being read is not in it: it stays pending, and stands over what was read.
    this.#pending = this.#pending.filter((change) => !told.includes(change));
    const changed = this.#enter(applied(frozen, this.#pending));
    if (changed || told.length > 0) await this.#keep();
  }

  #enter(next: ReadonlyMap<string, Freeze>): boolean {
    const before = this.#frozen;
    this.#frozen = next;
    const added = [...next.values()].filter((freeze) => !before.has(freeze.principalId));
    for (const freeze of added) for (const watcher of [...this.#watchers]) watcher(freeze);
    return added.length > 0 || next.size !== before.size;
  }

  /** Writes the file, one writing at a time, each with what is known when its turn comes; false where it could not be written. */
  #keep(): Promise<boolean> {
    const { path, logger } = this.#options;
    this.#writing = this.#writing.then(async () => {
      try {
        await writeFreezeFile(path, { frozen: [...this.#frozen.values()], pending: this.#pending });
        return true;
      } catch (error) {
        logger.error({ reason: loggable(error) }, "freezes.json could not be written");
        return false;
      }
    });
    return this.#writing;
  }

  #now(): string {
    return new Date(this.#options.clock.nowMs()).toISOString();
  }
}

async function tell(q: Queryable, changes: readonly FreezeChange[]): Promise<void> {
  for (const change of changes) {
    if (change.kind === "freeze") await putFreeze(q, change.freeze);
    else await liftFreeze(q, change.principalId, change.at);
  }
}

function byPrincipal(freezes: readonly Freeze[]): ReadonlyMap<string, Freeze> {
  return new Map(freezes.map((freeze) => [freeze.principalId, freeze]));
}

function applied(frozen: ReadonlyMap<string, Freeze>, changes: readonly FreezeChange[]): ReadonlyMap<string, Freeze> {
  const next = new Map(frozen);
  for (const change of changes) {
    if (change.kind === "unfreeze") next.delete(change.principalId);
    else if (!next.has(change.freeze.principalId)) next.set(change.freeze.principalId, change.freeze);
  }
  return next;
}
