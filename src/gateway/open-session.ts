/**
 * A connection on its way to a session, as named steps: negotiate, read what is asked for, authenticate, choose the role,
 * connect upstream, record, greet. Whatever fails is answered in the protocol's words, and recorded.
 */

import { hkdfSync, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { GatewayError } from "../base/errors.ts";
import { newId } from "../base/ids.ts";
import type { Principal } from "../identity/principal.ts";
import { chooseRole } from "../identity/roles.ts";
import { authenticate, DiscoveryOnly } from "../listener/authenticate.ts";
import { type CancelRequest, negotiate, type StartupMessage } from "../listener/negotiate.ts";
import { ConnectionClosed } from "../listener/socket-reader.ts";
import { readStartupParameters, type StartupRequest } from "../listener/startup-parameters.ts";
import type { TlsContext } from "../listener/tls-context.ts";
import { connectUpstream, type UpstreamConnection } from "../upstream/connect.ts";
import { type UpstreamTarget, upstreamTarget } from "../upstream/target.ts";
import { encodeAuthenticationOk } from "../wire/authentication.ts";
import { encoded } from "../wire/encode.ts";
import {
  encodeBackendKeyData,
  encodeNegotiateProtocolVersion,
  encodeParameterStatus,
  encodeReadyForQuery,
} from "../wire/session-messages.ts";
import { negotiateVersion } from "../wire/startup.ts";
import { judgeConnect, PERMITTED, reasonOf, type Subject } from "./enforcement.ts";
import type { Gateway } from "./gateway.ts";
import { SessionJournal } from "./journal.ts";
import { principalLimits } from "./limits-principal.ts";
import { StatementLimits } from "./limits-statement.ts";
import { recordRefusal } from "./refusals.ts";
import { asGatewayError, errorResponse } from "./refuse.ts";
import { DEFAULT_LEVEL, STAND_IN } from "./rewrite-setting.ts";
import { Session } from "./session.ts";
import { StatementReader } from "./statement-reader.ts";
import type { SessionParts } from "./wire-link.ts";

/** What the client has said of itself so far, for the entry of a refusal. */
export interface Claimed {
  user?: string;
  database?: string;
  applicationName?: string;
}

const CANCEL_KEY_BYTES = { 0: 4, 2: 32 } as const;
/** NAMEDATALEN - 1: the server cuts application_name there. */
const NAME_BYTES = 63;

/** Never rejects: ends with a session, a cancel or a refusal. */
export async function admit(gateway: Gateway, raw: Socket, tls: TlsContext | null): Promise<void> {
  const clientAddress = `${raw.remoteAddress ?? "unknown"}:${raw.remotePort ?? 0}`;
  const claimed: Claimed = {};
  const startup = new Startup(gateway);
  const { signal } = startup;
  let socket = raw;
  raw.on("error", () => raw.destroy());
  try {
    gateway.requireRoomToStart();
    const negotiated = await negotiate(raw, tls, signal, (secured) => {
      socket = secured;
    });
    if (negotiated.message.type === "CancelRequest") {
      await gateway.cancel(negotiated.message);
      socket.end();
      return;
    }
    await open(gateway, socket, negotiated.message, clientAddress, claimed, signal);
  } catch (thrown) {
    const error = startupError(thrown, startup.timedOut, gateway);
    if (error === null) return void socket.destroy();
    if (!(thrown instanceof DiscoveryOnly) && raw.bytesRead > 0) {
      await recordRefusal(gateway, error, clientAddress, claimed);
    }
    if (!socket.destroyed) socket.end(errorResponse(error));
    raw.unref();
    setTimeout(() => raw.destroy(), 1_000).unref(); // a peer that does not close is not waited for
  } finally {
    startup.end();
  }
}

/**
 * One connection that is being set up: counted, and given up at its deadline or when the gateway stops. Not by AbortSignal.any: in
 * Node 20 every signal made of a long-lived one leaves something behind in it.
 */
class Startup {
  readonly #gateway: Gateway;
  readonly #aborter = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #stop = (): void => this.#aborter.abort(this.#gateway.stopping.reason);
  timedOut = false;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    gateway.starting++;
    gateway.stopping.addEventListener("abort", this.#stop, { once: true });
    if (gateway.stopping.aborted) this.#stop();
    this.#timer = setTimeout(() => {
      this.timedOut = true;
      this.#aborter.abort(new DOMException("the connection was not set up in time", "TimeoutError"));
    }, gateway.config.gateway.listen.startupTimeoutMs);
  }

  get signal(): AbortSignal {
    return this.#aborter.signal;
  }

  end(): void {
    this.#gateway.starting--;
    clearTimeout(this.#timer);
    this.#gateway.stopping.removeEventListener("abort", this.#stop);
  }
}

/** Null where nobody is left to be told. */
function startupError(thrown: unknown, timedOut: boolean, gateway: Gateway): GatewayError | null {
  if (gateway.stopping.aborted) return gateway.stoppingError();
  if (timedOut) return new GatewayError("STARTUP_TIMEOUT", "the connection was not set up in time");
  if (thrown instanceof ConnectionClosed) {
    return new GatewayError("PROTOCOL_VIOLATION", "the connection ended during startup");
  }
  const error = asGatewayError(thrown);
  if (error.code === "INTERNAL") gateway.logger.error({ err: error.cause }, "startup failed");
  return error;
}

async function open(
  gateway: Gateway,
  socket: Socket,
  startup: StartupMessage,
  clientAddress: string,
  claimed: Claimed,
  signal: AbortSignal,
): Promise<void> {
  const user = startup.parameters.get("user");
  const database = startup.parameters.get("database");
  const applicationName = startup.parameters.get("application_name");
  Object.assign(claimed, { user, database, applicationName });
  const version = negotiateVersion(startup);
  const { answer } = version;
  if (answer !== null) socket.write(encoded((writer) => encodeNegotiateProtocolVersion(writer, answer)));
  const request = readStartupParameters(startup.parameters);
  gateway.requireCapacity();
  const method = request.authentication ?? gateway.config.gateway.listen.authentication;
  const principal = await authenticate(socket, method, gateway.identity, signal);
  gateway.requireFree(principal);
  const { target, role } = chooseTarget(gateway, request, principal);
  const subject = subjectOf(principal, clientAddress);
  const policy = gateway.policy();
  const refusal = policy === null ? null : judgeConnect(policy, subject, request.database, gateway.clock);
  if (refusal !== null && policy?.mode === "enforce") throw refusal;
  gateway.requireLog();
  const release = gateway.reserve(request.database);
  let upstream: UpstreamConnection | null = null;
  try {
    upstream = await connectUpstream(target, upstreamParameters(request, principal, policy !== null), signal);
    const shared = await gateway.enforcementFor(target, upstream.serverVersion);
    const facts = {
      id: newId("ses", gateway.clock.nowMs()),
      principal,
      clientAddress,
      database: request.database,
      upstreamRole: role,
      tls: "getProtocol" in socket && typeof socket.getProtocol === "function" ? String(socket.getProtocol()) : "off",
      protocol: `3.${version.minor}`,
      applicationName: request.applicationName,
      ...(policy === null ? {} : { groups: principal.groups }),
      ...(policy?.mode === "shadow" ? { shadow: refusal === null ? PERMITTED : reasonOf(refusal) } : {}),
    };
    const salt = sessionSalt(gateway.commitmentKey, facts.id);
    const journal = new SessionJournal(gateway.log, { ...facts, salt });
    await handedOver(gateway, journal);
    try {
      signal.throwIfAborted();
      gateway.requireFree(principal); // frozen while it was connecting
      requireConnected(socket, upstream.socket);
      const enforcement = shared === null ? null : { shared, subject };
      start(gateway, { socket, upstream, target, journal, principal, minor: version.minor, release, enforcement });
    } catch (error) {
      journal.closed("ended before it was greeted"); // it is on record as opened
      gateway.settleSoon();
      throw error;
    }
  } catch (error) {
    upstream?.socket.destroy();
    release();
    throw error;
  }
}

/** A socket that closed while the other was set up says so no second time: the session would wait for it for ever. */
function requireConnected(client: Socket, upstream: Socket): void {
  if (client.destroyed) throw new ConnectionClosed();
  if (upstream.destroyed) {
    throw new GatewayError("UPSTREAM_UNAVAILABLE", "the database server closed the connection", {
      hint: "Connect again.",
    });
  }
}

function chooseTarget(gateway: Gateway, request: StartupRequest, principal: Principal) {
  const database = gateway.config.databases[request.database];
  if (database === undefined) {
    // The names of databases are told to nobody who may not connect to them.
    throw new GatewayError("DATABASE_UNKNOWN", `database "${request.database.slice(0, 63)}" does not exist here`, {
      hint: "See postern databases.",
    });
  }
  const role = chooseRole(database, principal, request.user);
  const settings = database.roles[role];
  if (settings === undefined) throw new GatewayError("INTERNAL", "a role without configuration");
  return { target: upstreamTarget(request.database, database, settings), role };
}

/**
 * The server's own trees, for policy. As start-up keys they are the session's reset values, which RESET ALL and DISCARD ALL
 * leave alone (design page tree, section 2).
 */
const SHOW_TREES = {
  debug_print_rewritten: "on",
  debug_pretty_print: "off",
  debug_print_parse: "off",
  debug_print_plan: "off",
  client_min_messages: "log",
  [STAND_IN]: DEFAULT_LEVEL,
} as const;

function upstreamParameters(
  request: StartupRequest,
  principal: Principal,
  judged: boolean,
): ReadonlyMap<string, string> {
  const parameters = new Map([...request.settings, ...(judged ? Object.entries(SHOW_TREES) : [])]);
  parameters.set("application_name", sessionName(principal, request.applicationName));
  parameters.set("client_encoding", "UTF8");
  return parameters;
}

/** `<actor>/<what the client calls itself>`, at most 63 bytes, so that the server's own log and pg_stat_activity name who acts. */
export function sessionName(principal: Principal, clientName: string): string {
  const name = clientName === "" ? principal.actor : `${principal.actor}/${clientName}`;
  const bytes = new TextEncoder().encode(name);
  if (bytes.length <= NAME_BYTES) return name;
  let end = NAME_BYTES;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--; // not inside a character
  return new TextDecoder().decode(bytes.subarray(0, end));
}

/** Whoever holds the gateway's commitment key can compute it again, nobody else. */
export function sessionSalt(commitmentKey: Uint8Array, sessionId: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", commitmentKey, "", `postern session ${sessionId}`, 32));
}

function handedOver(gateway: Gateway, journal: SessionJournal): Promise<void> {
  journal.opened();
  return new Promise((resolve, reject) => {
    gateway.log.afterHandOver((error) => (error === undefined ? resolve() : reject(error)));
  });
}

/** The principal of policy is who acts; on whose behalf is context (design page policy, "Entities"). */
function subjectOf(principal: Principal, clientAddress: string): Subject {
  const { kind, id, issuer, subject, actors, groups, claims } = principal;
  const actor = actors[0]?.subject;
  return {
    principal: { kind, id, issuer, subject, groups, claims, ...(actor === undefined ? {} : { actor }) },
    clientAddress: clientAddress.replace(/:\d+$/, ""), // a port is no part of an address that policy can read
    via: "wire",
    ...(actor === undefined ? {} : { onBehalfOf: subject }),
  };
}

interface Opened {
  readonly socket: Socket;
  readonly upstream: UpstreamConnection;
  readonly target: UpstreamTarget;
  readonly journal: SessionJournal;
  readonly principal: Principal;
  readonly minor: number;
  readonly release: () => void;
  readonly enforcement: SessionParts["enforcement"];
}

function start(gateway: Gateway, opened: Opened): void {
  const { socket, upstream, target, journal, principal, release, enforcement } = opened;
  const key = new Uint8Array(randomBytes(opened.minor === 0 ? CANCEL_KEY_BYTES[0] : CANCEL_KEY_BYTES[2]));
  const { limits } = gateway.config;
  const session = new Session({
    client: socket,
    upstream: upstream.socket,
    log: gateway.log,
    journal,
    reader: new StatementReader(
      gateway.parserFor(upstream.serverVersion),
      gateway.cacheFor(upstream.serverVersion),
      limits.statementBytes,
      journal.facts.salt,
    ),
    clock: gateway.clock,
    limits,
    statementLimits: new StatementLimits({
      limits: principalLimits(limits, principal),
      rates: gateway.statementRates,
      reveals: gateway.revealRates,
      principal: principal.id,
      clock: gateway.clock,
    }),
    metrics: gateway.metrics,
    serverMajor: Math.floor(upstream.serverVersion / 10_000),
    reported: upstream.parameters,
    settleSoon: gateway.settleSoon,
    applicationName: (name) => sessionName(principal, name),
    enforcement,
    hold: enforcement === null ? null : gateway.holdOptions(journal.facts.database),
    openedAtMs: gateway.clock.nowMs(),
    cancel: () => gateway.cancelUpstream(target, upstream),
    onClosed: (closed) => {
      release();
      gateway.remove(closed);
    },
    unrecorded: (error) =>
      gateway.logger.error({ err: error, session: journal.facts.id }, "the end of a session is not on record"),
  });
  gateway.add(session, { processId: upstream.processId, secretKey: key });
  socket.write(
    encoded((writer) => {
      encodeAuthenticationOk(writer);
      for (const [name, value] of upstream.parameters) encodeParameterStatus(writer, { name, value });
      encodeBackendKeyData(writer, { processId: upstream.processId, secretKey: key });
      encodeReadyForQuery(writer, "idle");
    }),
  );
  socket.resume();
  upstream.socket.resume();
}

export type { CancelRequest };
