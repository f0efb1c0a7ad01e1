/**
 * The demo's OIDC issuer: a real provider with real signatures, on the loopback address. It stands where a company's own issuer stands in an installation;
 * the gateway knows it by its address only.
 */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createMemoryAdapter } from "oidc-provider/lib/adapters/memory_adapter.js";
import type { Provider } from "oidc-provider/lib/provider.js";
import type { Logger } from "pino";
import { answerLogin, sendPage } from "./login.ts";
import { errorPage } from "./pages.ts";
import { AGENTS, AUDIENCE, CLI_CLIENT, findAgent, PEOPLE } from "./people.ts";
import { createProvider } from "./provider.ts";
import { approveDevice, logIn, requestToken } from "./scripted-person.ts";
import { type IssuerState, loadState, rotated, saveState } from "./signing-keys.ts";
import { ACCESS_TOKEN_TYPE, TOKEN_EXCHANGE } from "./token-exchange.ts";

const ROTATE_MS = 6 * 3_600_000;

export interface DemoIssuerOptions {
  /** 0 or absent: any free port. */
  readonly port?: number;
  readonly host?: "127.0.0.1" | "localhost";
  /** Keeps keys and agents' secrets, so that tokens of one run are good in the next. Absent: new ones at each start. */
  readonly folder?: string;
  /** Takes what goes wrong inside the provider. */
  readonly logger?: Logger;
}

export interface DemoClient {
  readonly id: string;
  readonly secret: string;
}

export interface DemoIssuer {
  /** Issuer identifier; discovery is at `<url>/.well-known/openid-configuration`. */
  readonly url: string;
  /** The agents, for the client credentials grant. */
  readonly clients: readonly DemoClient[];
  /** What postern.yaml says of it under `issuers`: one address, agents and people by the client that they come with. */
  readonly entries: readonly object[];
  /** Names that `tokenFor` knows. */
  readonly names: readonly string[];
  /**
   * An access token for the gateway, got over HTTP as anyone would: an agent by client credentials, one that acts for a person by token
   * exchange, a person by authorization code. Fifteen minutes. @throws for a name that the demo does not have.
   */
  tokenFor(name: string): Promise<string>;
  /** Enters a device flow's code and logs in as this person, as a browser would. */
  approveDevice(userCode: string, name: string): Promise<void>;
  /** Signs with a new key from now on; the former one goes on verifying until the next change. Happens by itself every six hours. */
  rotate(): Promise<void>;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/** Listens, and answers once tokens can be had. @throws the listener's error, EADDRINUSE for a port that is taken. */
export async function startDemoIssuer(options: DemoIssuerOptions = {}): Promise<DemoIssuer> {
  const { port = 0, host = "127.0.0.1", folder, logger } = options;
  let state = await loadState(
    folder,
    AGENTS.map(({ name }) => name),
  );
  const server = createServer();
  server.listen(port, host);
  await once(server, "listening");
  const url = `http://${host}:${portOf(server)}`;
  const adapter = createMemoryAdapter();
  const cookieKey = randomBytes(32).toString("base64url");
  const provider = () => {
    const created = createProvider({ issuer: url, state, adapter, cookieKey });
    created.on("error", (error) => logger?.warn({ err: error }, "demo issuer")); // without a listener it writes to standard error
    created.on("server_error", (_context, error) => logger?.warn({ err: error }, "demo issuer"));
    return created;
  };
  let current = provider();
  server.on("request", (request, response) => void answer(current, request, response, url, logger));
  const rotate = async () => {
    state = { ...state, keys: await rotated(state.keys) };
    if (folder !== undefined) await saveState(folder, state);
    current = provider(); // oidc-provider's keys are fixed when it is made; sessions and codes are in the adapter
  };
  const timer = setInterval(
    () => void rotate().catch((error) => logger?.warn({ err: error }, "demo issuer")),
    ROTATE_MS,
  ).unref();
  return {
    url,
    clients: AGENTS.map(({ name }) => ({ id: name, secret: secretOf(state, name) })),
    entries: issuerEntries(url),
    names: [...AGENTS, ...PEOPLE].map(({ name }) => name),
    tokenFor: (name) => tokenFor(url, name, state),
    approveDevice: (userCode, name) => approveDevice(url, userCode, name),
    rotate,
    close: async () => {
      clearInterval(timer);
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function issuerEntries(url: string): object[] {
  const common = { url, audience: AUDIENCE, groups: "groups" };
  return [
    { ...common, kind: "agent", where: { client_id: AGENTS.map(({ name }) => name) } },
    { ...common, kind: "human", where: { client_id: CLI_CLIENT }, clientId: CLI_CLIENT },
  ];
}

async function answer(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
  url: string,
  logger: Logger | undefined,
): Promise<void> {
  try {
    // A page of another site whose name was made to lead here must not drive the login (DNS rebinding).
    if (request.headers.host !== new URL(url).host) sendPage(response, 421, errorPage({ error: `this is ${url}` }));
    else if (request.url?.startsWith("/interaction/")) await answerLogin(provider, request, response);
    else await provider.callback()(request, response);
  } catch (error) {
    logger?.warn({ err: error }, "demo issuer");
    if (!response.headersSent) sendPage(response, 500, errorPage({ error: "server_error" }));
  }
}

async function tokenFor(url: string, name: string, state: IssuerState): Promise<string> {
  const agent = findAgent(name);
  if (agent === undefined) return await logIn(url, name);
  const secret = secretOf(state, name);
  if (agent.actsFor === undefined)
    return await requestToken(url, { grant_type: "client_credentials", client_id: name }, secret);
  const form = {
    grant_type: TOKEN_EXCHANGE,
    client_id: name,
    subject_token: await logIn(url, agent.actsFor),
    subject_token_type: ACCESS_TOKEN_TYPE,
  };
  return await requestToken(url, form, secret);
}

function secretOf(state: IssuerState, client: string): string {
  return state.secrets[client] ?? "";
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the demo issuer listens on no port");
  return address.port;
}
