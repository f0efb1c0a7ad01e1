/**
 * TLS of the listener: handshakes on sockets that have asked for it, with a certificate and key that are read again when they
 * change, so that a renewal needs no restart.
 */

import { readFileSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from "node:tls";
import type { GatewayTls } from "../config/schema.ts";
import type { Logger } from "../telemetry/log.ts";
import { ConnectionClosed } from "./socket-reader.ts";

type TlsFiles = Exclude<GatewayTls, "off">;

interface Handshake {
  readonly resolve: (socket: TLSSocket) => void;
  readonly reject: (error: Error) => void;
}

export class TlsContext {
  #files: TlsFiles;
  readonly #logger: Logger;
  readonly #server: Server;
  /** By the client's address: one connection has it at a time. */
  readonly #handshakes = new Map<string, Handshake>();
  #stamp: string;

  /** @throws where a file cannot be read or the key does not belong to the certificate: a gateway does not start like that. */
  constructor(files: TlsFiles, logger: Logger) {
    this.#files = files;
    this.#logger = logger;
    this.#stamp = stamp(files);
    // Never listens: connections are put into it, since only a tls.Server says whether a client's certificate verifies.
    this.#server = createServer({
      ...load(files),
      // Asked for only where there is a CA to check it against; one that does not verify is refused in authenticate.ts.
      requestCert: files.clientCaPath !== undefined,
      rejectUnauthorized: false,
      ALPNProtocols: ["postgresql"],
    });
    this.#server.on("secureConnection", (socket) => this.#take(socket)?.resolve(socket));
    this.#server.on("tlsClientError", (_, socket) => this.#take(socket)?.reject(new ConnectionClosed()));
  }

  /** The encrypted socket, when the client has shaken hands. @throws {ConnectionClosed} where it does not. */
  async secure(raw: Socket, signal: AbortSignal): Promise<TLSSocket> {
    const address = addressOf(raw);
    const abort = () => raw.destroy();
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await new Promise<TLSSocket>((resolve, reject) => {
        this.#handshakes.set(address, { resolve, reject });
        raw.once("close", () => reject(new ConnectionClosed()));
        this.#server.emit("connection", raw);
      });
    } finally {
      this.#handshakes.delete(address);
      signal.removeEventListener("abort", abort);
    }
  }

  /**
   * Takes the files as they are now. A pair that does not load leaves the old one in use, and says so in the log:
   * a half-written renewal must not end the service. @returns whether something changed.
   */
  reload(files: TlsFiles = this.#files): boolean {
    try {
      const next = stamp(files);
      if (next === this.#stamp) return false;
      this.#server.setSecureContext(load(files));
      this.#files = files;
      this.#stamp = next;
      this.#logger.info({ cert: files.certPath }, "TLS certificate loaded");
      return true;
    } catch (error) {
      this.#logger.error(
        { err: error, cert: files.certPath },
        "TLS certificate not loaded, the one before stays in use",
      );
      return false;
    }
  }

  #take(socket: TLSSocket): Handshake | undefined {
    socket.on("error", () => socket.destroy());
    return this.#handshakes.get(addressOf(socket));
  }
}

function addressOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}

function load(files: TlsFiles): SecureContextOptions {
  return {
    cert: readFileSync(files.certPath),
    key: readFileSync(files.keyPath),
    ...(files.clientCaPath === undefined ? {} : { ca: readFileSync(files.clientCaPath) }),
    minVersion: "TLSv1.2",
  };
}

/** Changes when any of the files does. */
function stamp(files: TlsFiles): string {
  const paths = [files.certPath, files.keyPath, ...(files.clientCaPath === undefined ? [] : [files.clientCaPath])];
  return paths
    .map((path) => [path, statSync(path)] as const)
    .map(([path, stat]) => `${path}:${stat.ino}:${stat.size}:${stat.mtimeMs}`)
    .join(" ");
}
