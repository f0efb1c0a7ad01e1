/**
 * An OIDC issuer for tests: a real HTTP server with metadata and keys that can be rotated, stopped, started again on its port and made to misbehave, and
 * that signs whatever a test asks for.
 */

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import {
  type CryptoKey,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  type JWK,
  type JWTHeaderParameters,
  SignJWT,
} from "jose";
import type { Clock } from "../../src/base/clock.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { IssuerConfig } from "../../src/config/schema.ts";

/** A clock that stands still until it is moved. */
export class HeldClock implements Clock {
  #nowMs: number;

  constructor(startMs = Date.UTC(2030, 0, 1)) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  nowMicros(): number {
    return this.#nowMs * 1000;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  advance(durationMs: number): void {
    this.#nowMs += durationMs;
  }
}

export interface IssuerOptions {
  readonly clock?: Clock;
  /** Path of the issuer: "/realms/acme". */
  readonly path?: string;
  /** Algorithm of the first and every rotated key. */
  readonly algorithm?: string;
  /** Which metadata document it serves. */
  readonly metadata?: "openid-configuration" | "oauth-authorization-server";
  /** Members that stand in the metadata instead of the right ones. */
  readonly overrides?: (url: string) => Readonly<Record<string, unknown>>;
  /** Serve over TLS, as `localhost`. PEM. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** Leave `kid` out of keys and tokens. */
  readonly withoutKeyIds?: boolean;
}

/** "hang" takes the request and never answers. */
export type Behaviour = "normal" | "hang" | "error" | "garbage" | "redirect" | "huge";

export interface SigningKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

export interface MintOptions {
  /** Default: the algorithm of the current key. */
  readonly alg?: string;
  /** Default: the id of the current key; null: none. */
  readonly kid?: string | null;
  /** More header parameters, embedded keys and the like. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** Default: the current key. Bytes are a shared secret, for HMAC. */
  readonly key?: CryptoKey | Uint8Array;
}

export class TestIssuer {
  readonly url: string;
  /** Requests answered so far, by path. */
  readonly hits = new Map<string, number>();
  readonly #options: IssuerOptions;
  readonly #clock: Clock;
  readonly #port: number;
  #server: Server;
  #keys: SigningKey[] = [];
  #extraJwks: JWK[] = [];
  #behaviour: Behaviour = "normal";
  #tokens = 0;
  #rotations = 0;

  private constructor(options: IssuerOptions, server: Server, port: number) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#server = server;
    this.#port = port;
    this.url = `${options.tls === undefined ? "http://127.0.0.1" : "https://localhost"}:${port}${options.path ?? ""}`;
    server.on("request", (request, response) => void this.#answer(request, response));
  }

  static async start(options: IssuerOptions = {}): Promise<TestIssuer> {
    const server = newServer(options);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const issuer = new TestIssuer(options, server, portOf(server));
    await issuer.rotate();
    return issuer;
  }

  /** The configuration entry for this issuer, with the defaults of postern.yaml. */
  config(overrides: Partial<IssuerConfig> = {}): IssuerConfig {
    return {
      url: this.url,
      audience: ["postern"],
      kind: "agent",
      groups: "groups",
      subject: "sub",
      actor: "act.sub",
      where: {},
      clockToleranceMs: 30_000,
      jwksMaxAgeMs: 24 * 3_600_000,
      ...overrides,
    };
  }

  get key(): SigningKey {
    const key = this.#keys.at(-1);
    if (key === undefined) throw new Error("the issuer has no key");
    return key;
  }

  /** Requests of any path so far. */
  get requests(): number {
    return [...this.hits.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * Signs a token. Standard claims are filled in (15 minutes, audience "postern", subject "report-agent"); one given as undefined is left out.
   */
  async mint(claims: Readonly<Record<string, unknown>> = {}, options: MintOptions = {}): Promise<string> {
    const { key, kid = this.#options.withoutKeyIds ? null : this.key.kid } = options;
    const now = Math.floor(this.#clock.nowMs() / 1000);
    const defaults = {
      iss: this.url,
      aud: "postern",
      sub: "report-agent",
      iat: now,
      exp: now + 900,
      jti: `t${++this.#tokens}`,
    };
    const header: JWTHeaderParameters = {
      alg: options.alg ?? this.key.algorithm,
      typ: "at+jwt",
      ...(kid === null ? {} : { kid }),
      ...options.header,
    };
    return await new SignJWT({ ...defaults, ...claims }).setProtectedHeader(header).sign(key ?? this.key.privateKey);
  }

  /** Signs with a new key from now on and publishes it. @param keep how many of the former ones stay published. */
  async rotate(
    keep = 1,
    algorithm = this.#options.algorithm ?? "ES256",
    kid = `key-${++this.#rotations}`,
  ): Promise<SigningKey> {
    const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
    this.#keys = [...(keep === 0 ? [] : this.#keys.slice(-keep)), { kid, algorithm, privateKey, publicKey }];
    return this.key;
  }

  /** Publishes these members too, as they are. */
  publish(...keys: readonly JWK[]): void {
    this.#extraJwks = [...keys];
  }

  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
  }

  async jwks(): Promise<{ keys: JWK[] }> {
    const keys = this.#keys.map(async ({ kid, algorithm, publicKey }) => ({
      ...(await exportJWK(publicKey)),
      ...(this.#options.withoutKeyIds ? {} : { kid }),
      alg: algorithm,
      use: "sig",
    }));
    return { keys: [...(await Promise.all(keys)), ...this.#extraJwks] };
  }

  /** The current public key as PEM: what an attacker would take for an HMAC secret. */
  async publicPem(): Promise<string> {
    return await exportSPKI(this.key.publicKey);
  }

  /** Stops listening and drops every connection; the port is kept for `back`. */
  async outage(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async back(): Promise<void> {
    this.#server = newServer(this.#options);
    this.#server.on("request", (request, response) => void this.#answer(request, response));
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  async close(): Promise<void> {
    if (this.#server.listening) await this.outage();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? "";
    this.hits.set(path, (this.hits.get(path) ?? 0) + 1);
    switch (this.#behaviour) {
      case "normal":
        return send(response, 200, await this.#documentAt(path));
      case "hang":
        return;
      case "error":
        return send(response, 500, {});
      case "garbage":
        response.end("<!doctype html>");
        return;
      case "redirect":
        response.writeHead(302, { location: `${this.url}/elsewhere` }).end();
        return;
      case "huge":
        response.end(JSON.stringify({ keys: [], padding: "x".repeat(1_000_000) }));
    }
  }

  async #documentAt(path: string): Promise<unknown> {
    const issuerPath = (this.#options.path ?? "").replace(/\/$/, "");
    if (path === `${issuerPath}/keys`) return await this.jwks();
    const wellKnown =
      this.#options.metadata === "oauth-authorization-server"
        ? `/.well-known/oauth-authorization-server${issuerPath}`
        : `${issuerPath}/.well-known/openid-configuration`;
    if (path !== wellKnown) return undefined;
    return {
      issuer: this.url,
      jwks_uri: `${this.url.replace(/\/$/, "")}/keys`,
      ...this.#options.overrides?.(this.url),
    };
  }
}

function newServer(options: IssuerOptions): Server {
  return options.tls === undefined ? createServer() : createTlsServer(options.tls);
}

/** A real issuer on a free port of the loopback address. Close it, or take it with `await using`. */
export function startIssuer(options: IssuerOptions = {}): Promise<TestIssuer> {
  return TestIssuer.start(options);
}

/** A compact token of these very parts, for what no library would sign. */
export function forge(header: unknown, claims: unknown, signature: Uint8Array = new Uint8Array()): string {
  const encoded = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return [...encoded, Buffer.from(signature).toString("base64url")].join(".");
}

function send(response: ServerResponse, status: number, document: unknown): void {
  if (document === undefined) response.writeHead(404).end();
  else response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(document));
}

function portOf(server: Server): number {
  const address: AddressInfo | string | null = server.address();
  if (address === null || typeof address === "string") throw new Error("the issuer listens on no port");
  return address.port;
}
