/** Opens the way to the server: TCP, then TLS where the configuration asks for it. Sends no startup message and no credential. */

import { readFile } from "node:fs/promises";
import net from "node:net";
import tls from "node:tls";
import type { DatabaseTls } from "../config/schema.ts";
import { encoded } from "../wire/encode.ts";
import { encodeSSLRequest } from "../wire/startup.ts";
import { reasonOf, UpstreamFailure } from "./failure.ts";
import { StartupReader } from "./startup-reader.ts";
import type { UpstreamTarget } from "./target.ts";

type VerifyFull = Extract<DatabaseTls, { readonly mode: "verify-full" }>;

const KEEP_ALIVE_MS = 60_000;
const [SSL_YES, SSL_NO] = [0x53, 0x4e];

/**
 * A connected socket, encrypted and the server verified where `target.tls` says so. Aborting destroys it.
 * @throws {UpstreamFailure}
 */
export async function dial(target: UpstreamTarget, signal: AbortSignal): Promise<net.Socket | tls.TLSSocket> {
  const tlsOptions = target.tls.mode === "disable" ? undefined : await tlsOptionsOf(target, target.tls);
  const socket = await settle(
    net.connect({ host: target.host, port: target.port, noDelay: true }),
    "connect",
    signal,
  ).catch((error: unknown) => Promise.reject(failed(error, "unreachable", target, signal)));
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  if (tlsOptions === undefined) return socket;
  try {
    await requestTls(socket, target, signal);
    const secured = tls.connect({ ...tlsOptions, socket });
    return await settle(secured, "secureConnect", signal);
  } catch (error) {
    socket.destroy();
    throw failed(error, "tls_handshake", target, signal);
  }
}

/** An error of this connection as the client and the operator are told it. */
export function failed(
  error: unknown,
  fallback: Parameters<typeof reasonOf>[1],
  target: UpstreamTarget,
  signal: AbortSignal,
): UpstreamFailure {
  if (error instanceof UpstreamFailure) return error;
  if (signal.aborted)
    return new UpstreamFailure(isTimeout(signal) ? "timeout" : "abandoned", target, { cause: signal.reason });
  return new UpstreamFailure(reasonOf(error, fallback), target, { cause: error });
}

function isTimeout(signal: AbortSignal): boolean {
  return signal.reason instanceof Error && signal.reason.name === "TimeoutError";
}

/** Waits for a socket to be connected; destroys it where it fails or is given up. */
async function settle<S extends net.Socket>(
  socket: S,
  event: "connect" | "secureConnect",
  signal: AbortSignal,
): Promise<S> {
  const { promise, resolve, reject } = withResolvers<S>();
  const onEvent = (): void => resolve(socket);
  const onClose = (): void => reject(new Error("the server closed the connection"));
  const onAbort = (): void => reject(signal.reason);
  socket.once(event, onEvent).once("error", reject).once("close", onClose);
  signal.addEventListener("abort", onAbort);
  try {
    signal.throwIfAborted();
    return await promise;
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket.off(event, onEvent).off("error", reject).off("close", onClose);
    if (socket.destroyed) socket.on("error", () => undefined); // said already
  }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}

/** SSLRequest and its one byte of answer. Source: PostgreSQL 18 docs, section 54.2.11 (protocol-flow), "SSL Session Encryption". */
async function requestTls(socket: net.Socket, target: UpstreamTarget, signal: AbortSignal): Promise<void> {
  const reader = new StartupReader(socket, signal);
  try {
    socket.write(encoded(encodeSSLRequest));
    const [answer] = await reader.read(1);
    // Bytes that came before the TLS handshake may be an attacker's (CVE-2021-23222): end the connection rather than read on.
    if (reader.waitingBytes > 0) throw new UpstreamFailure("injected", target);
    if (answer === SSL_YES) return;
    // An ErrorResponse here is of nobody verified: its text is neither shown nor logged (CVE-2024-10977).
    throw new UpstreamFailure(answer === SSL_NO ? "tls_not_offered" : "protocol", target);
  } finally {
    reader.release();
  }
}

/** Read at each connection, so that renewed certificates need no restart. */
async function tlsOptionsOf(target: UpstreamTarget, config: VerifyFull): Promise<tls.ConnectionOptions> {
  const name = config.serverName ?? target.host;
  try {
    const [ca, cert, key] = await Promise.all([config.caPath, config.certPath, config.keyPath].map(readOptional));
    return {
      secureContext: tls.createSecureContext({ ca, cert, key, minVersion: "TLSv1.2" }),
      ALPNProtocols: ["postgresql"], // a server of another protocol refuses it (ALPACA)
      ...(net.isIP(name) === 0 ? { servername: name } : {}), // RFC 6066, section 3: no address in SNI
      checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
      rejectUnauthorized: true,
    };
  } catch (cause) {
    throw new UpstreamFailure("tls_configuration", target, { cause });
  }
}

async function readOptional(path: string | undefined): Promise<string | undefined> {
  return path === undefined ? undefined : readFile(path, "utf8");
}
