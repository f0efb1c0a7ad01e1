/**
 * The token exchange grant: an agent that holds a person's token gets one that says so, with the person as subject and the agent as actor.
 * Source: RFC 8693, sections 2 and 4.1.
 */

import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from "jose";
import { InvalidGrant, InvalidRequest } from "oidc-provider/lib/helpers/errors.js";
import type { Context, Provider } from "oidc-provider/lib/provider.js";
import { AUDIENCE, findPerson, RESOURCE } from "./people.ts";

export const TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
export const ACCESS_TOKEN_TYPE = "urn:ietf:params:oauth:token-type:access_token";

/** The `act` claim of tokens that were exchanged, until they are signed. */
export type Delegations = WeakMap<object, { readonly sub: string; readonly act?: unknown }>;

/** Parameters that the token endpoint lets through to the grant. */
const PARAMETERS = ["subject_token", "subject_token_type", "requested_token_type", "audience", "resource", "scope"];

/** @param resourceServer what the issuer says of the gateway as a resource. */
export function registerTokenExchange(
  provider: Provider,
  keys: JSONWebKeySet,
  delegations: Delegations,
  resourceServer: object,
): void {
  const exchange = async (context: Context) => {
    const { client } = context.oidc;
    const subject = await subjectOf(context, provider.issuer, keys);
    const token = new provider.AccessToken({
      accountId: subject.sub,
      client,
      expiresIn: subject.remainingS,
      gty: "token_exchange",
    });
    token.resourceServer = new provider.ResourceServer(RESOURCE, resourceServer);
    // An actor that was there before stays in the chain, behind the one acting now.
    delegations.set(token, { sub: client.clientId, ...(subject.act === undefined ? {} : { act: subject.act }) });
    context.oidc.entity("AccessToken", token);
    context.body = {
      access_token: await token.save(),
      issued_token_type: ACCESS_TOKEN_TYPE,
      token_type: "Bearer",
      expires_in: token.expiration,
    };
  };
  provider.registerGrantType(TOKEN_EXCHANGE, exchange, PARAMETERS);
}

interface Subject {
  readonly sub: string;
  readonly act: unknown;
  /** Seconds that the person's token still lives, fifteen minutes at most: the agent's lives no longer. */
  readonly remainingS: number;
}

/** The person in the subject token, which must be one of ours, for the same audience, and alive. */
async function subjectOf(context: Context, issuer: string, keys: JSONWebKeySet): Promise<Subject> {
  const { subject_token: token, subject_token_type: type, requested_token_type: wanted } = context.oidc.params;
  if (token === undefined) throw new InvalidRequest("missing required parameter 'subject_token'");
  if (type !== ACCESS_TOKEN_TYPE) throw new InvalidRequest("subject_token_type must be that of an access token");
  if (wanted !== undefined && wanted !== ACCESS_TOKEN_TYPE) throw new InvalidRequest("only access tokens are issued");
  const options = { issuer, audience: AUDIENCE, typ: "at+jwt", requiredClaims: ["exp"] };
  const verified = await jwtVerify(token, createLocalJWKSet(keys), options).catch(() => null);
  const sub = verified?.payload.sub;
  if (verified === null || sub === undefined || findPerson(sub) === undefined) {
    throw new InvalidGrant("the subject token is not a valid one of a person");
  }
  const remainingS = (verified.payload.exp ?? 0) - Math.floor(Date.now() / 1000);
  return { sub, act: verified.payload["act"], remainingS: Math.max(1, Math.min(remainingS, 900)) };
}
