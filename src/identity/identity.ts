/**
 * The identity stage as the listener sees it: a token or a certificate in, a principal out.
 * Wires keys, tokens and certificates; the rules are in token.ts and certificate.ts.
 */

import type { Logger } from "pino";
import type { Clock } from "../base/clock.ts";
import type { Secret } from "../base/secret.ts";
import type { CertificateConfig, IssuerConfig } from "../config/schema.ts";
import { certificateMap, verifyCertificate } from "./certificate.ts";
import { openidConfigurationUrl } from "./discovery.ts";
import { type IssuerState, KeyCache, type KeyCacheEvents, keySource } from "./key-cache.ts";
import type { Principal } from "./principal.ts";
import { type TokenIssuer, verifyToken } from "./token.ts";

export interface IdentityOptions {
  readonly issuers: readonly IssuerConfig[];
  readonly certificates: readonly CertificateConfig[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** The identity stage before a reload: keys of issuers that stay are taken over. It may be closed afterwards. */
  readonly previous?: Identity;
}

export interface Identity {
  /** @throws {TokenRejected} with a reason; the detail says it in words without a byte of the token. Waits for the issuer's keys at most ten seconds. */
  verifyToken(token: Secret): Promise<Principal>;
  /** @param der peer certificate whose chain the TLS layer has checked against the client CA. @throws {TokenRejected} */
  verifyCertificate(der: Uint8Array): Principal;
  /** For OAUTHBEARER's error answer (RFC 7628, section 3.2.2). Both "" where no issuer has a discovery document. */
  oauthDiscovery(): { readonly openidConfiguration: string; readonly scope: string };
  /** How each issuer's keys stand, in the configuration's order. */
  issuerStates(): readonly { readonly url: string; readonly state: IssuerState }[];
  /** Fetches all keys again, now, in the background. */
  refresh(): void;
  /** Ends fetches and timers. */
  close(): void;
}

/** Starts to fetch the issuers' keys and answers at once: an issuer that is down costs its own sessions only. */
export function createIdentity(options: IdentityOptions): Identity {
  const { clock, logger } = options;
  const certificates = certificateMap(options.certificates);
  const formerKeys = options.previous === undefined ? [] : (keyCaches.get(options.previous) ?? []);
  const caches = new Map<string, KeyCache>();
  const issuers = new Map<string, TokenIssuer[]>();
  for (const config of options.issuers) {
    const shared = `${keySource(config)} ${config.jwksMaxAgeMs}`;
    const former = formerKeys.find(({ source }) => source === keySource(config));
    const keys = caches.get(shared) ?? new KeyCache(config, clock, keyEvents(logger, config), former);
    caches.set(shared, keys);
    issuers.set(config.url, [...(issuers.get(config.url) ?? []), { config, keys }]);
  }
  for (const keys of caches.values()) keys.start();
  const identity: Identity = {
    verifyToken: (token) => verifyToken(token, issuers, clock),
    verifyCertificate: (der) => verifyCertificate(der, certificates, clock),
    oauthDiscovery: () => discoveryOf(options.issuers),
    issuerStates: () => [...issuers].map(([url, [first]]) => ({ url, state: first?.keys.state ?? "failed" })),
    refresh: () => {
      for (const keys of caches.values()) keys.start();
    },
    close: () => {
      for (const keys of caches.values()) keys.close();
    },
  };
  keyCaches.set(identity, [...caches.values()]);
  return identity;
}

/** What the next identity stage takes over: no other part of Postern gets at the keys. */
const keyCaches = new WeakMap<Identity, readonly KeyCache[]>();

/** People come by a device flow in their client, agents bring a token: so the first issuer of people, else the first of all. */
function discoveryOf(issuers: readonly IssuerConfig[]): { openidConfiguration: string; scope: string } {
  const online = issuers.filter((issuer) => issuer.jwksPath === undefined);
  const issuer = online.find(({ kind }) => kind === "human") ?? online[0];
  return issuer === undefined
    ? { openidConfiguration: "", scope: "" }
    : { openidConfiguration: openidConfigurationUrl(issuer.url), scope: "openid" };
}

function keyEvents(logger: Logger, { url: issuer }: IssuerConfig): KeyCacheEvents {
  return {
    changed: (keyIds) => logger.info({ issuer, keyIds }, "issuer keys fetched"),
    failed: (error, ageMs, nth) => {
      // Once for an outage: it is tried every minute, and each refused session says why.
      const level = nth === 1 ? "warn" : "debug";
      logger[level]({ issuer, err: error, keptKeysAgeMs: ageMs, nth }, "issuer keys could not be fetched");
    },
    recovered: () => logger.info({ issuer }, "issuer is back"),
  };
}
