/** Where a command gets its token: from credentials in the environment, or from the kept login, renewed before it runs out. */

import * as oidc from "openid-client";
import type { z } from "zod";
import { Secret } from "../../base/secret.ts";
import { type Discovery, OPERATIONS } from "../../http/contract.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { GatewayApi } from "../gateway-api.ts";
import { type Login, StateFolder } from "../state-folder.ts";
import { type ClientCredentials, credentialsOf, logInByCredentials, readEnvironment } from "./client-credentials.ts";
import {
  discoverIssuer,
  type IssuedToken,
  type Issuer,
  issuerRefusal,
  tokenForGateway,
  tokenParameters,
} from "./issuer.ts";

/** A token that ends sooner is renewed first: a command, and a start of psql, take a moment. */
const RENEW_BEFORE_MS = 60_000;

export type GatewayDiscovery = z.infer<typeof Discovery>;

export interface GatewayAccess {
  readonly api: GatewayApi;
  readonly token: Secret;
  /** Absent where the token came ready-made from the environment. */
  readonly login?: Login;
}

/** The gateway that a command means: `--gateway`, POSTERN_GATEWAY, or that of the last login. */
export function chooseGateway(context: CliContext, option: string | undefined): GatewayApi {
  const url = option ?? (context.env["POSTERN_GATEWAY"] || new StateFolder(context).currentGateway());
  if (url === undefined || url === "") {
    throw new CliError(
      "usage",
      "no gateway is named, and nobody has logged in here yet",
      "postern login --gateway https://HOST:PORT",
    );
  }
  return new GatewayApi(url, context);
}

/** What anyone may know of a gateway. */
export function discoverGateway(api: GatewayApi): Promise<GatewayDiscovery> {
  return api.call({ path: OPERATIONS.discovery.path, answer: OPERATIONS.discovery.answer });
}

/**
 * A token for the gateway of `option`: POSTERN_TOKEN, credentials in the environment, or the kept login.
 * @throws {CliError} expired, where there is no login or it cannot be renewed.
 */
export async function accessGateway(context: CliContext, option: string | undefined): Promise<GatewayAccess> {
  const api = chooseGateway(context, option);
  const given = readEnvironment(context, "POSTERN_TOKEN");
  if (given !== undefined) return { api, token: new Secret(given) };
  const credentials = credentialsOf(context);
  const login =
    credentials === undefined ? await keptLogin(context, api) : await clientLogin(context, api, credentials);
  return { api, login, token: new Secret(login.token) };
}

/** The same for what only people may do: an agent's credentials in the environment are no one's there. */
export async function accessAsPerson(context: CliContext, option: string | undefined): Promise<GatewayAccess> {
  const api = chooseGateway(context, option);
  const given = readEnvironment(context, "POSTERN_TOKEN");
  if (given !== undefined) return { api, token: new Secret(given) };
  const login = await keptLogin(context, api);
  return { api, login, token: new Secret(login.token) };
}

async function keptLogin(context: CliContext, api: GatewayApi): Promise<Login> {
  const state = new StateFolder(context);
  const login = state.login(api.url.href);
  const next = `postern login --gateway ${api.url.origin}`;
  if (login === undefined) throw new CliError("expired", `nobody is logged in at ${api.url.origin}`, next);
  if (!runsOut(login, context)) return login;
  if (login.refreshToken === undefined) throw new CliError("expired", "the login has run out", next);
  const renewed = { ...login, ...(await renew(login, login.refreshToken)) };
  state.keep(renewed);
  return renewed;
}

async function renew(login: Login, refreshToken: string): Promise<IssuedToken> {
  const issuer: Issuer = { url: login.issuer, kind: login.kind, audience: login.audience, clientId: login.clientId };
  const configuration = await discoverIssuer(issuer, login.clientId);
  try {
    const { scope: _, ...resource } = tokenParameters(issuer, configuration, true);
    return tokenForGateway(await oidc.refreshTokenGrant(configuration, refreshToken, resource), issuer);
  } catch (error) {
    throw issuerRefusal(error, issuer);
  }
}

async function clientLogin(context: CliContext, api: GatewayApi, credentials: ClientCredentials): Promise<Login> {
  const state = new StateFolder(context);
  const kept = state.login(api.url.href, credentials.clientId);
  if (kept !== undefined && !runsOut(kept, context)) return kept;
  const issuer = chooseIssuer(await discoverGateway(api), "agent", context.env["POSTERN_ISSUER"]);
  const issued = await logInByCredentials(issuer, credentials);
  const login = loginOf(api, issuer, credentials.clientId, issued);
  state.keep(login, credentials.clientId);
  return login;
}

/** A login as it is kept. */
export function loginOf(api: GatewayApi, issuer: Issuer, clientId: string, issued: IssuedToken): Login {
  const { url, kind, audience } = issuer;
  return { v: 1, gateway: api.url.href, kind, issuer: url, clientId, audience: [...audience], ...issued };
}

/** The issuer of `kind` at a gateway; where there are several, the one that `wanted` names. */
export function chooseIssuer(discovery: GatewayDiscovery, kind: "agent" | "human", wanted: string | undefined): Issuer {
  const offered = discovery.issuers.filter((issuer) => issuer.kind === kind);
  const named = wanted === undefined ? offered : offered.filter(({ url }) => url === wanted);
  const [only, second] = named;
  const people = kind === "human" ? "people" : "agents";
  const list = offered.map(({ url }) => url).join(", ");
  if (only === undefined) {
    const message =
      offered.length === 0
        ? `${discovery.gateway.name} knows no issuer for ${people}`
        : `${wanted} is no issuer for ${people} there`;
    throw new CliError("usage", message, offered.length === 0 ? undefined : `one of ${list}`);
  }
  if (second === undefined) return only;
  throw new CliError(
    "usage",
    `${discovery.gateway.name} has several issuers for ${people}`,
    `name one with --issuer: ${list}`,
  );
}

function runsOut(login: Login, { clock }: CliContext): boolean {
  return login.expiresAtMs !== null && login.expiresAtMs - clock.nowMs() < RENEW_BEFORE_MS;
}
