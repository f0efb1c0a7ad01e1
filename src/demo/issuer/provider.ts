/** Configures oidc-provider as the demo's issuer: clients, tokens, people, pages. Everything that it would warn of is set. */

import type { JSONWebKeySet } from "jose";
import { InvalidTarget } from "oidc-provider/lib/helpers/errors.js";
import { base, Check } from "oidc-provider/lib/helpers/interaction_policy/index.js";
import { type Client, type Context, Provider, type Token } from "oidc-provider/lib/provider.js";
import { deviceCodePage, deviceConfirmPage, deviceDonePage, errorPage } from "./pages.ts";
import { AGENTS, AUDIENCE, CLI_CLIENT, findAgent, findPerson, RESOURCE } from "./people.ts";
import { type IssuerState, SIGNING_ALGORITHM } from "./signing-keys.ts";
import { type Delegations, registerTokenExchange, TOKEN_EXCHANGE } from "./token-exchange.ts";

const MINUTE_S = 60;
const SCOPES = ["openid", "offline_access", "groups"];

/** Where the code flow ends. Any port of the loopback address will do (RFC 8252, section 7.3). */
export const REDIRECT_URI = "http://127.0.0.1/callback";

/** The gateway as a resource: signed tokens of RFC 9068, for fifteen minutes. */
const RESOURCE_SERVER = {
  scope: "groups",
  audience: AUDIENCE,
  accessTokenFormat: "jwt",
  accessTokenTTL: 15 * MINUTE_S,
  jwt: { sign: { alg: SIGNING_ALGORITHM } },
};

export interface ProviderParts {
  readonly issuer: string;
  readonly state: IssuerState;
  /** Sessions, codes and grants. Outlives the provider when keys change. */
  readonly adapter: (model: string) => object;
  /** Signs the cookies. */
  readonly cookieKey: string;
}

export function createProvider(parts: ProviderParts): Provider {
  const delegations: Delegations = new WeakMap();
  const provider = new Provider(parts.issuer, {
    ...staticConfiguration(),
    adapter: parts.adapter,
    jwks: { keys: parts.state.keys },
    cookies: {
      keys: [parts.cookieKey],
      long: { httpOnly: true, sameSite: "lax", signed: true },
      short: { httpOnly: true, sameSite: "lax", signed: true },
    },
    clients: clients(parts.state.secrets),
    extraTokenClaims: async (_context: Context, token: Token) => extraClaims(token, delegations),
  });
  registerTokenExchange(provider, publicKeys(parts.state), delegations, RESOURCE_SERVER);
  return provider;
}

function clients(secrets: IssuerState["secrets"]): object[] {
  const agents = AGENTS.map(({ name, actsFor }) => ({
    client_id: name,
    client_secret: secrets[name],
    grant_types: ["client_credentials", ...(actsFor === undefined ? [] : [TOKEN_EXCHANGE])],
    redirect_uris: [],
    response_types: [],
  }));
  const cli = {
    client_id: CLI_CLIENT,
    client_name: "The Postern command line",
    application_type: "native",
    token_endpoint_auth_method: "none",
    grant_types: ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
    redirect_uris: [REDIRECT_URI],
  };
  return [...agents, cli];
}

function staticConfiguration(): object {
  return {
    scopes: SCOPES,
    claims: { openid: ["sub"], groups: ["groups"] },
    clientDefaults: { id_token_signed_response_alg: SIGNING_ALGORITHM },
    enabledJWA: { idTokenSigningAlgValues: [SIGNING_ALGORITHM] },
    pkce: { required: () => true },
    interactions: { policy: alwaysAsk(), url: (_context: Context, { uid }: { uid: string }) => `/interaction/${uid}` },
    findAccount: async (_context: Context, name: string) => account(name),
    loadExistingGrant: grantEverything,
    clientBasedCORS: () => false,
    renderError: async (context: Context, out: Readonly<Record<string, string>>) => show(context, errorPage(out)),
    ttl: lifetimes(),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: {
        enabled: true,
        allowedPolicy: (_: Context, client: Client, token: Token) => token.clientId === client.clientId,
      },
      rpInitiatedLogout: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: async () => RESOURCE,
        useGrantedResource: async () => true,
        getResourceServerInfo: async (_context: Context, indicator: string) => {
          if (indicator !== RESOURCE) throw new InvalidTarget();
          return RESOURCE_SERVER;
        },
      },
      deviceFlow: devicePages(),
    },
  };
}

function lifetimes(): Readonly<Record<string, number>> {
  return {
    AccessToken: 15 * MINUTE_S,
    AuthorizationCode: MINUTE_S,
    ClientCredentials: 15 * MINUTE_S,
    DeviceCode: 10 * MINUTE_S,
    Grant: 24 * 60 * MINUTE_S,
    IdToken: 15 * MINUTE_S,
    Interaction: 10 * MINUTE_S,
    RefreshToken: 24 * 60 * MINUTE_S,
    Session: 60 * MINUTE_S,
  };
}

/** Asks at each login who it is, so that one browser can be requester and reviewer in turn; asks for no consent. */
function alwaysAsk(): object {
  const policy = base();
  policy.remove("consent");
  const asks = (context: Context) =>
    context.oidc.result?.login === undefined ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT;
  policy.get("login")?.checks.add(new Check("always_ask", "the demo asks each time who you are", asks));
  return policy;
}

async function grantEverything(context: Context): Promise<object> {
  const { client, account: person, provider } = context.oidc;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: person?.accountId });
  grant.addOIDCScope(SCOPES.join(" "));
  grant.addResourceScope(RESOURCE, RESOURCE_SERVER.scope);
  await grant.save();
  return grant;
}

function account(name: string): object | undefined {
  const person = findPerson(name);
  if (person === undefined) return undefined;
  return { accountId: name, claims: async () => ({ sub: name, groups: person.groups }) };
}

/** Groups of whoever acts: an agent that acts for a person has its own rights, not that person's. */
function extraClaims(token: Token, delegations: Delegations): Readonly<Record<string, unknown>> {
  const act = delegations.get(token);
  if (act !== undefined) return { act, groups: findAgent(act.sub)?.groups ?? [] };
  const holder = token.accountId === undefined ? findAgent(token.clientId) : findPerson(token.accountId);
  return { groups: holder?.groups ?? [] };
}

function devicePages(): object {
  return {
    enabled: true,
    userCodeInputSource: async (context: Context, form: string, _out: unknown, error: unknown) =>
      show(context, deviceCodePage(form, error ? "That code is not known, or no longer good. Try again." : null)),
    userCodeConfirmSource: async (context: Context, form: string, client: Client, _info: unknown, userCode: string) =>
      show(context, deviceConfirmPage(form, client.clientName ?? client.clientId, userCode)),
    successSource: async (context: Context) => show(context, deviceDonePage()),
  };
}

function show(context: Context, html: string): void {
  context.type = "html";
  context.body = html;
}

function publicKeys(state: IssuerState): JSONWebKeySet {
  return { keys: state.keys.map(({ d: _private, ...publicPart }) => publicPart) };
}
