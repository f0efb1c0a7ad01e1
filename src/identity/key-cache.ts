/**
 * The keys of one issuer over time: fetched at start and every ten minutes, at once when a token names a key that is not there, kept through an outage
 * until they are too old. Verifies no signature: see signature.ts.
 */

import { createLocalJWKSet, type LocalJWKSet } from "jose";
import type { Clock } from "../base/clock.ts";
import type { IssuerConfig } from "../config/schema.ts";
import { type KeySetDocument, loadKeys } from "./discovery.ts";
import { TokenRejected } from "./rejection.ts";

/** After this the keys are fetched again: a key that the issuer withdrew is not trusted much longer. */
const REFRESH_MS = 10 * 60_000;
/** Between two attempts, whoever asks: any number of tokens with invented key ids costs the issuer one fetch in that time. */
export const COOLDOWN_MS = 5_000;
const LONGEST_RETRY_MS = 60_000;
/** For metadata and keys together. A session waits no longer for its issuer. */
const ATTEMPT_MS = 5_000;

/** The keys as last fetched. A new object for each fetch that changed them. */
export interface KeySnapshot {
  /** Canonical enough to compare two fetches of one issuer. */
  readonly text: string;
  /** Picks the key for a header: `kid`, `alg`, `kty`, `crv`, `use` and `key_ops` must all fit. */
  readonly resolve: LocalJWKSet;
}

export interface KeyCacheEvents {
  /** Keys came in that differ from those before. */
  changed(keyIds: readonly string[]): void;
  /** An attempt failed, the `nth` in a row; `ageMs` of the kept keys, null where there are none. */
  failed(error: unknown, ageMs: number | null, nth: number): void;
  /** The first success after a failure. */
  recovered(): void;
}

/** Names what keys are fetched from: two entries of one issuer share it. */
export function keySource({ url, jwksPath, caPath }: IssuerConfig): string {
  return JSON.stringify([url, jwksPath, caPath]);
}

/** What can be said of an issuer without asking it. */
export type IssuerState = "ok" | "stale" | "failed";

export class KeyCache {
  readonly #issuer: IssuerConfig;
  readonly #clock: Clock;
  readonly #events: KeyCacheEvents;
  readonly #closing = new AbortController();
  #snapshot: KeySnapshot | null = null;
  #fetchedMs = 0;
  #attemptedMs = Number.NEGATIVE_INFINITY;
  /** Attempts that failed in a row. */
  #failures = 0;
  #attempt: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** @param former whose keys are taken over, with their age, where it has some of the same source: a reload in an outage must not lose them. */
  constructor(issuer: IssuerConfig, clock: Clock, events: KeyCacheEvents, former?: KeyCache) {
    this.#issuer = issuer;
    this.#clock = clock;
    this.#events = events;
    if (former === undefined) return;
    this.#snapshot = former.#snapshot;
    this.#fetchedMs = former.#fetchedMs;
    this.#failures = former.#failures;
  }

  /** Where the keys come from. Caches of one source may differ in how long they keep them. */
  get source(): string {
    return keySource(this.#issuer);
  }

  /** Starts to fetch, now and again as long as the cache lives. Never throws: sessions of an issuer that is down are refused one by one. */
  start(): void {
    void this.#refreshNow().then(() => this.#schedule());
  }

  /**
   * Keys to verify with: waits for a fetch where they are due, and goes on with the kept ones where it fails.
   * @throws {TokenRejected} "issuer_unreachable" where there were never any, "keys_stale" where they are older than `jwksMaxAgeMs`.
   */
  async current(): Promise<KeySnapshot> {
    const usable = this.#snapshot !== null && this.#ageMs() <= this.#issuer.jwksMaxAgeMs;
    if (!usable || (this.#ageMs() >= REFRESH_MS && this.#failures === 0)) await this.refresh();
    else if (this.#ageMs() >= REFRESH_MS) void this.refresh(); // an outage that is known makes no session wait again
    if (this.#snapshot === null) throw new TokenRejected("issuer_unreachable");
    if (this.#ageMs() > this.#issuer.jwksMaxAgeMs) throw new TokenRejected("keys_stale");
    return this.#snapshot;
  }

  /**
   * Keys other than `seen`, fetched if the last attempt is more than the cooldown ago; null where there are none.
   * For a token that `seen` does not verify: the issuer may have changed its keys since.
   */
  async newerThan(seen: KeySnapshot): Promise<KeySnapshot | null> {
    if (this.#snapshot === seen) await this.refresh();
    return this.#snapshot === seen ? null : this.#snapshot;
  }

  /** Fetches unless the last attempt is too recent; waits for one under way. Never throws. */
  async refresh(): Promise<void> {
    if (this.#attempt === null && this.#clock.monotonicMs() - this.#attemptedMs < COOLDOWN_MS) return;
    await this.#refreshNow();
  }

  /** `stale`: the last fetch failed, and the keys that are kept still serve. `failed`: no session can be verified. */
  get state(): IssuerState {
    if (this.#snapshot === null || this.#ageMs() > this.#issuer.jwksMaxAgeMs) return "failed";
    return this.#failures > 0 ? "stale" : "ok";
  }

  /** Ends every wait; no fetch after it. */
  close(): void {
    this.#closing.abort();
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #ageMs(): number {
    return this.#clock.monotonicMs() - this.#fetchedMs;
  }

  /** One flight at a time: whoever comes while one is under way shares it. */
  #refreshNow(): Promise<void> {
    this.#attempt ??= this.#fetch().finally(() => {
      this.#attempt = null;
    });
    return this.#attempt;
  }

  async #fetch(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    const askedMs = this.#clock.monotonicMs();
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(ATTEMPT_MS)]);
    try {
      this.#take(await loadKeys(this.#issuer, signal), askedMs);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#failures++;
      this.#events.failed(error, this.#snapshot === null ? null : this.#ageMs(), this.#failures);
    } finally {
      this.#attemptedMs = this.#clock.monotonicMs(); // from the end: an issuer that hangs must not hold up every session
    }
  }

  #take(document: KeySetDocument, askedMs: number): void {
    this.#fetchedMs = askedMs; // as old as the question, not the answer
    if (this.#failures > 0) this.#events.recovered();
    this.#failures = 0;
    const text = JSON.stringify(document);
    if (this.#snapshot?.text === text) return;
    this.#snapshot = { text, resolve: createLocalJWKSet(document) };
    this.#events.changed(document.keys.map(({ kid }) => String(kid ?? "")));
  }

  /** In the background, so that a session seldom waits: every ten minutes; of a failing issuer after five seconds, ten, and so on up to a minute. */
  #schedule(): void {
    if (this.#closing.signal.aborted) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const failingMs = Math.min(COOLDOWN_MS * 2 ** (this.#failures - 1), LONGEST_RETRY_MS);
    this.#timer = setTimeout(() => this.start(), this.#failures > 0 ? failingMs : REFRESH_MS);
    this.#timer.unref();
  }
}
