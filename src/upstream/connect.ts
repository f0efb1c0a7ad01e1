/**
 * Makes a session on the real server, as far as its first ReadyForQuery, and hands the socket over. Sends a startup message of
 * its own: no packet of a client passes. Speaks protocol 3.0, which every served version and every pooler does; 3.2 would
 * bring longer cancel keys and nothing else that Postern uses.
 */

import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { GatewayError } from "../base/errors.ts";
import { decodeBackend } from "../wire/backend.ts";
import { encoded } from "../wire/encode.ts";
import { type Report, reportOf } from "../wire/error-response.ts";
import { encodeStartupMessage } from "../wire/startup.ts";
import { authenticate } from "./authenticate.ts";
import { dial, failed } from "./dial.ts";
import { UpstreamFailure } from "./failure.ts";
import { refusal } from "./refusal.ts";
import { StartupReader } from "./startup-reader.ts";
import type { UpstreamTarget } from "./target.ts";

export interface UpstreamConnection {
  /**
   * Paused: attach your listeners and resume. What the server has said since its ReadyForQuery waits in it. One listener of
   * ours stays, which does nothing, so that an error before yours is attached ends no process: look at `destroyed` then.
   */
  readonly socket: Socket | TLSSocket;
  /** What the server reported, by name: `server_version`, `TimeZone`, … The caller's. */
  readonly parameters: Map<string, string>;
  readonly processId: number;
  /** A credential for CancelRequest; the caller's. */
  readonly secretKey: Uint8Array;
  /** As `server_version_num`: 180004 for 18.4. */
  readonly serverVersion: number;
  /** Notices of the startup, in order (a login trigger's, for example). */
  readonly notices: readonly Report[];
}

/** Majors whose grammar and query tree Postern knows. */
const OLDEST_MAJOR = 15;
const NEWEST_MAJOR = 18;

/** Bounds what a server may say before it is ready: 13 settings and a few notices are usual. */
const MAX_STARTUP_MESSAGES = 1_000;

/** Statements are judged as the text in this encoding, with these quoting rules. */
const FIXED = new Map([
  ["client_encoding", "UTF8"],
  ["standard_conforming_strings", "on"],
]);

/**
 * @param startup settings for the session (`application_name`, `TimeZone`, …); `user` and `database` come from the target.
 * @param signal gives the attempt up and closes what was opened. @throws {UpstreamFailure} with a reason for metrics.
 */
export async function connectUpstream(
  target: UpstreamTarget,
  startup: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<UpstreamConnection> {
  const parameters = startupParameters(target, startup);
  return withDeadline(target, signal, async (within) => {
    const socket = await dial(target, within);
    const reader = new StartupReader(socket, within);
    try {
      socket.write(encoded((writer) => encodeStartupMessage(writer, { minor: 0, parameters })));
      const early = await authenticate(reader, socket, target);
      const connection = { socket, ...(await untilReady(reader, target, early)) };
      socket.on("error", () => undefined);
      reader.release();
      return connection;
    } catch (error) {
      socket.on("error", () => undefined); // what follows on a refused connection is no news
      reader.release();
      socket.destroy();
      throw failed(error, error instanceof GatewayError ? "protocol" : "closed", target, within);
    }
  });
}

/** Runs `work` with a signal that also ends after the target's connect time-out. */
export async function withDeadline<T>(
  target: UpstreamTarget,
  signal: AbortSignal,
  work: (within: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController();
  const timeout = new DOMException(`no answer within ${target.connectTimeoutMs} ms`, "TimeoutError");
  const timer = setTimeout(() => deadline.abort(timeout), target.connectTimeoutMs);
  const giveUp = (): void => deadline.abort(signal.reason);
  signal.addEventListener("abort", giveUp);
  if (signal.aborted) giveUp();
  try {
    return await work(deadline.signal);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", giveUp);
  }
}

function startupParameters(target: UpstreamTarget, startup: ReadonlyMap<string, string>): Map<string, string> {
  for (const name of ["user", "database", "replication"]) {
    if (startup.has(name))
      throw new GatewayError("INTERNAL", `startup parameter ${name} is the upstream target's to set`);
  }
  return new Map([["user", target.user], ["database", target.database], ...startup, ...FIXED]);
}

type Ready = Omit<UpstreamConnection, "socket">;

/** From AuthenticationOk to ReadyForQuery. @param notices those that came before. */
async function untilReady(reader: StartupReader, target: UpstreamTarget, notices: Report[]): Promise<Ready> {
  const parameters = new Map<string, string>();
  let key: { processId: number; secretKey: Uint8Array } | undefined;
  for (let count = 0; count < MAX_STARTUP_MESSAGES; count++) {
    const { type, body } = await reader.frame();
    const message = decodeBackend(type, body);
    switch (message.type) {
      case "ParameterStatus":
        parameters.set(message.name, message.value);
        break;
      case "BackendKeyData":
        key = { processId: message.processId, secretKey: message.secretKey.slice() };
        break;
      case "NoticeResponse":
        notices.push(reportOf(message.fields));
        break;
      case "ErrorResponse":
        throw refusal(reportOf(message.fields), target);
      case "ReadyForQuery":
        if (key === undefined || message.status !== "idle") throw new UpstreamFailure("protocol", target);
        return { ...key, parameters, notices, serverVersion: checkedVersion(parameters, target) };
      default:
        throw new UpstreamFailure("protocol", target, { cause: new Error(`${message.type} during startup`) });
    }
  }
  throw new UpstreamFailure("protocol", target, { cause: new Error("more messages than a startup has") });
}

/** The version as a number. @throws {UpstreamFailure} where Postern does not judge statements of such a server. */
function checkedVersion(parameters: ReadonlyMap<string, string>, target: UpstreamTarget): number {
  // In other encodings different names of a text may be one name to the server.
  const encoding = parameters.get("server_encoding") ?? "not reported";
  if (encoding !== "UTF8")
    throw new UpstreamFailure("encoding", target, { cause: new Error(`server_encoding is ${encoding}`) });
  for (const [name, value] of FIXED) {
    const cause = new Error(`${name} is ${parameters.get(name) ?? "not reported"}`);
    if (parameters.get(name) !== value) throw new UpstreamFailure("settings", target, { cause });
  }
  const said = parameters.get("server_version") ?? "";
  // "18.4", "15.18 (Debian 15.18-0+deb12u1)", "18beta1": a pre-release counts as its major's .0.
  const [, major = "0", minor = "0"] = /^(\d{1,3})(?:\.(\d{1,4}))?/.exec(said) ?? [];
  if (Number(major) < OLDEST_MAJOR || Number(major) > NEWEST_MAJOR) {
    throw new UpstreamFailure("version", target, { cause: new Error(`server_version is "${said.slice(0, 60)}"`) });
  }
  return Number(major) * 10_000 + Number(minor);
}
