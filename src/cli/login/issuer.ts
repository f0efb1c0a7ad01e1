/** An OIDC issuer as the CLI asks it for tokens: discovery, what to ask for, and which of its tokens the gateway will take. */

import { decodeJwt } from "jose";
import * as oidc from "openid-client";
import { z } from "zod";
import { isLoopback } from "../../config/cross-checks.ts";
import { CliError } from "../exit.ts";
import { networkReason } from "../gateway-api.ts";
import { visible } from "../text.ts";

/** An issuer as the gateway's discovery names it. */
export interface Issuer {
  readonly url: string;
  readonly kind: "agent" | "human";
  readonly audience: readonly string[];
  readonly clientId?: string | undefined;
}

export interface IssuedToken {
  readonly token: string;
  readonly refreshToken?: string;
  /** Milliseconds since the epoch; null where the token does not say. */
  readonly expiresAtMs: number | null;
}

/** Reads what `issuer` says of itself. @throws {CliError} where it cannot be reached, or would be asked over a network in the clear. */
export async function discoverIssuer(
  issuer: Issuer,
  clientId: string,
  clientSecret?: string,
): Promise<oidc.Configuration> {
  const url = new URL(issuer.url);
  const insecure = url.protocol === "http:";
  if (insecure && !isLoopback(url.hostname)) {
    throw new CliError(
      "failed",
      `${issuer.url} would carry credentials in the clear`,
      "the gateway must name an https issuer",
    );
  }
  const authentication = clientSecret === undefined ? oidc.None() : oidc.ClientSecretBasic(clientSecret);
  const options = insecure ? { execute: [oidc.allowInsecureRequests], timeout: 15 } : { timeout: 15 };
  try {
    return await oidc.discovery(url, clientId, {}, authentication, options);
  } catch (error) {
    throw new CliError(
      "failed",
      `${issuer.url} cannot be asked: ${networkReason(error)}`,
      "check that the issuer runs, or ask who runs it",
      error,
    );
  }
}

/** What to ask for, so that the token is for the gateway. Source: RFC 8707, section 2; `audience` is what others call the same. */
export function tokenParameters(
  issuer: Issuer,
  configuration: oidc.Configuration,
  person: boolean,
): Record<string, string> {
  const [audience] = issuer.audience;
  const parameters: Record<string, string> = {};
  if (audience !== undefined) parameters[URL.canParse(audience) ? "resource" : "audience"] = audience;
  if (!person) return parameters;
  const supported = configuration.serverMetadata().scopes_supported ?? ["openid"];
  const wanted = ["openid", "offline_access", "groups"].filter(
    (scope) => scope === "openid" || supported.includes(scope),
  );
  return { ...parameters, scope: wanted.join(" ") };
}

/**
 * Of the tokens in `answer`, the one that is for the gateway: the access token, or where that is for something else or no JWT, the
 * ID token. @throws {CliError} denied, where neither is.
 */
export function tokenForGateway(answer: oidc.TokenEndpointResponse, issuer: Issuer): IssuedToken {
  const seen: string[] = [];
  for (const token of [answer.access_token, answer.id_token]) {
    if (token === undefined) continue;
    const claims = readClaims(token);
    const audience = [claims?.aud ?? []].flat();
    if (claims !== undefined && audience.some((one) => issuer.audience.includes(one))) {
      const expiresAtMs = claims.exp === undefined ? null : claims.exp * 1000;
      const { refresh_token: refreshToken } = answer;
      return { token, expiresAtMs, ...(refreshToken === undefined ? {} : { refreshToken }) };
    }
    seen.push(...audience);
  }
  const wanted = issuer.audience.join(" or ");
  const given =
    seen.length === 0 ? "it gives none that says for whom it is" : `it gives one for ${visible(seen.join(", "))}`;
  throw new CliError(
    "denied",
    `${issuer.url} gives no token for ${wanted}: ${given}`,
    "the issuer's client must be allowed this audience",
  );
}

const Claims = z.looseObject({
  iss: z.string().optional(),
  sub: z.string().optional(),
  aud: z.union([z.string(), z.array(z.string())]).optional(),
  exp: z.number().optional(),
});
export type Claims = z.infer<typeof Claims>;

/** Claims of a token, unverified: to tell people what they hold, and when to ask for a new one. The gateway verifies. */
export function readClaims(token: string): Claims | undefined {
  try {
    return Claims.safeParse(decodeJwt(token)).data;
  } catch {
    return undefined;
  }
}

/** What an issuer's refusal means for the command. */
export function issuerRefusal(error: unknown, issuer: Issuer): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof oidc.ResponseBodyError || error instanceof oidc.AuthorizationResponseError) {
    const said = visible(error.error_description ?? error.error);
    if (error.error === "expired_token")
      return new CliError("expired", "the code has run out before it was entered", "postern login");
    if (error.error === "access_denied") return new CliError("denied", "the login was refused", "postern login");
    if (error.error === "invalid_grant")
      return new CliError("expired", `the login has run out: ${said}`, "postern login");
    return new CliError("denied", `${issuer.url} says no: ${said} (${visible(error.error)})`);
  }
  if (error instanceof oidc.WWWAuthenticateChallengeError) {
    return new CliError("denied", `${issuer.url} says no: it does not take this client and secret`);
  }
  return new CliError("failed", `${issuer.url} cannot be asked: ${networkReason(error)}`, "try again", error);
}
