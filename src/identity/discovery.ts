/**
 * Finds an issuer's keys: its metadata document, then the JWK set that this names. One attempt; when to try is key-cache.ts's.
 * Source: OpenID Connect Discovery 1.0, section 4; RFC 8414, section 3; RFC 7517, section 5.
 */

import { readFile } from "node:fs/promises";
import { z } from "zod";
import type { IssuerConfig } from "../config/schema.ts";
import { fetchJson, HttpStatusError, isTrustworthy } from "./fetch-json.ts";

const MAX_BYTES = 512 * 1024;
/** More keys than any issuer needs; each kid-less token is tried against all that fit. */
const MAX_KEYS = 100;

const Metadata = z.object({ issuer: z.string(), jwks_uri: z.string() });
const KeySet = z.object({
  keys: z.array(z.looseObject({ kty: z.string() })).max(MAX_KEYS),
});

/** A JWK set as published; members are judged where they are used. */
export type KeySetDocument = z.output<typeof KeySet>;

/** The address of the OpenID Connect metadata: the issuer without a slash at its end, then the well-known path. */
export function openidConfigurationUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
}

/** RFC 8414, section 3.1: the well-known path stands between host and path of the issuer. */
function oauthMetadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer);
  return `${origin}/.well-known/oauth-authorization-server${pathname.replace(/\/$/, "")}`;
}

/** Fetches the keys of `issuer`, or reads its key file. @throws an error whose message is for the operator. */
export async function loadKeys(issuer: IssuerConfig, signal: AbortSignal): Promise<KeySetDocument> {
  if (issuer.jwksPath !== undefined)
    return KeySet.parse(JSON.parse(await readFile(issuer.jwksPath, { encoding: "utf8", signal })));
  const ca = issuer.caPath === undefined ? undefined : await readFile(issuer.caPath, { encoding: "utf8", signal });
  const options = { ca, signal, maxBytes: MAX_BYTES };
  if (!isTrustworthy(issuer.url)) throw new Error(`${issuer.url} is neither https nor on this machine`);
  const metadata = Metadata.parse(await fetchMetadata(issuer.url, options));
  // Exactly, as OpenID Connect Discovery, section 4.3, and RFC 8414, section 3.3, ask: else one issuer could stand in for another.
  if (metadata.issuer !== issuer.url)
    throw new Error(`${issuer.url} calls itself ${JSON.stringify(metadata.issuer)} in its metadata`);
  if (!isTrustworthy(metadata.jwks_uri))
    throw new Error(`the jwks_uri of ${issuer.url} is neither https nor on this machine`);
  return KeySet.parse(await fetchJson(metadata.jwks_uri, options));
}

async function fetchMetadata(issuer: string, options: Parameters<typeof fetchJson>[1]): Promise<unknown> {
  try {
    return await fetchJson(openidConfigurationUrl(issuer), options);
  } catch (error) {
    if (!(error instanceof HttpStatusError) || error.status !== 404) throw error;
    return await fetchJson(oauthMetadataUrl(issuer), options);
  }
}
