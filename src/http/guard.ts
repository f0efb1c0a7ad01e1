/**
 * What every request meets before a route: is it for us (Host), from us (Origin), and within its rate? And what every answer
 * carries. Knows no token: see authenticate.ts.
 */

import { isIP } from "node:net";
import type { Clock } from "../base/clock.ts";
import { HttpProblem } from "./problem.ts";

const LOOPBACK: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);

/** Probes and scrapers come by address. */
const OPERATIONAL: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);

/**
 * Refuses names that are not ours: a web page whose name its owner points at us (DNS rebinding) would otherwise speak to us as
 * our own page. A literal address cannot be rebound, so the operational addresses take any.
 * @throws {HttpProblem} host-refused
 */
export function checkHost(config: { readonly host: string; readonly publicUrl?: string }, url: URL): void {
  const name = url.hostname.toLowerCase();
  if (LOOPBACK.has(name) || name === bracketed(config.host) || name === publicName(config.publicUrl)) return;
  if (OPERATIONAL.has(url.pathname) && isIP(name.replace(/^\[|\]$/g, "")) !== 0) return;
  throw new HttpProblem("host-refused", {
    hint: "Use the address in gateway.http.publicUrl of postern.yaml, or set it to the one that you use.",
  });
}

function bracketed(host: string): string {
  return isIP(host) === 6 ? new URL(`http://[${host}]`).hostname : host.toLowerCase();
}

function publicName(publicUrl: string | undefined): string | undefined {
  return publicUrl === undefined ? undefined : new URL(publicUrl).hostname.toLowerCase();
}

/**
 * Refuses what another site's page sends. Programs that are no browser send neither header, and need a token anyway.
 * @throws {HttpProblem} origin-refused
 */
export function checkOrigin(publicUrl: string | undefined, url: URL, headers: Headers): void {
  const origin = headers.get("origin");
  const ours = publicUrl === undefined ? null : new URL(publicUrl).origin;
  if (origin !== null && origin !== ours && origin !== url.origin) throw new HttpProblem("origin-refused");
  const site = headers.get("sec-fetch-site");
  if (site === "cross-site" || site === "same-site") throw new HttpProblem("origin-refused");
}

/** Sets what every answer carries. No CORS header: no other site may read an answer. */
export function secure(headers: Headers, publicUrl: string | undefined): void {
  headers.set(
    "Content-Security-Policy",
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  );
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("X-Frame-Options", "DENY");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  headers.set("Permissions-Policy", "camera=(), microphone=(), geolocation=()");
  headers.set("Cache-Control", "no-store");
  if (publicUrl?.startsWith("https:")) headers.set("Strict-Transport-Security", "max-age=31536000");
}

/** Addresses remembered; beyond it those that have been quiet are forgotten, and in the end all. */
const MAX_CLIENTS = 10_000;

/** A token bucket for each client address; an IPv6 client is its /64. */
export class RateLimit {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #buckets = new Map<string, { left: number; atMs: number }>();

  constructor(clock: Clock, burst: number, perSecond: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#perSecond = perSecond;
  }

  /** Counts a request of `address`. @throws {HttpProblem} rate-limited, with Retry-After in seconds. */
  take(address: string): void {
    const nowMs = this.#clock.monotonicMs();
    const client = clientOf(address);
    const bucket = this.#buckets.get(client) ?? { left: this.#burst, atMs: nowMs };
    const left = Math.min(this.#burst, bucket.left + ((nowMs - bucket.atMs) / 1000) * this.#perSecond);
    if (!this.#buckets.has(client) && this.#buckets.size >= MAX_CLIENTS) this.#forget(nowMs);
    this.#buckets.set(client, { left: left < 1 ? left : left - 1, atMs: nowMs });
    if (left >= 1) return;
    const seconds = Math.ceil((1 - left) / this.#perSecond);
    throw new HttpProblem("rate-limited", { headers: { "Retry-After": String(seconds) } });
  }

  #forget(nowMs: number): void {
    const fullAfterMs = (this.#burst / this.#perSecond) * 1000;
    for (const [client, bucket] of this.#buckets) if (nowMs - bucket.atMs > fullAfterMs) this.#buckets.delete(client);
    if (this.#buckets.size >= MAX_CLIENTS) this.#buckets.clear();
  }
}

function clientOf(address: string): string {
  const mapped = address.replace(/^::ffff:(?=\d+\.)/i, "");
  if (isIP(mapped) !== 6) return mapped;
  const text = new URL(`http://[${mapped.replace(/%.*$/, "")}]`).hostname.slice(1, -1); // no dotted tail, no zone
  const [head = "", tail = ""] = text.split("::");
  const first = head.split(":").filter((group) => group !== "");
  const last = tail.split(":").filter((group) => group !== "");
  const middle = text.includes("::") ? Array<string>(8 - first.length - last.length).fill("0") : [];
  return [...first, ...middle, ...last].slice(0, 4).join(":");
}
