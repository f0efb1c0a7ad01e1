/** The port that agents connect to. Accepts, hands each connection on, and reloads its certificate; judges nothing. */

import { createServer, type Server, type Socket } from "node:net";
import { GatewayError } from "../base/errors.ts";
import type { GatewayConfig, GatewayTls } from "../config/schema.ts";
import type { Logger } from "../telemetry/log.ts";
import { TlsContext } from "./tls-context.ts";

export interface ListenerOptions {
  readonly config: GatewayConfig;
  readonly logger: Logger;
  /** Owns the socket from then on. `tls` is null where the configuration says `tls: off`. */
  readonly onConnection: (socket: Socket, tls: TlsContext | null) => void;
}

export interface Listener {
  readonly host: string;
  readonly port: number;
  /** Reads the certificate again; sessions that are open keep the one they have. */
  reloadTls(tls: GatewayTls): void;
  close(): Promise<void>;
}

/** Certificates are looked at this often, beside SIGHUP: renewal tools do not always signal. */
const TLS_CHECK_MS = 10_000;
/** Connections that the kernel queues while many clients come at once. */
const BACKLOG = 1024;

/** @throws where the port is taken or the certificate cannot be read. */
export async function listen(options: ListenerOptions): Promise<Listener> {
  const { config, logger } = options;
  const tls = config.tls === "off" ? null : new TlsContext(config.tls, logger);
  const server = createServer({ noDelay: true, keepAlive: true, pauseOnConnect: false }, (socket) => {
    socket.pause();
    options.onConnection(socket, tls);
  });
  await listening(server, config.listen.host, config.listen.port);
  // No descriptor left for accept(), say: one connection is lost, not the process.
  server.on("error", (error) => logger.error({ err: error }, "a connection could not be accepted"));
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new GatewayError("INTERNAL", "the listener has no address");
  const check = tls === null ? null : setInterval(() => tls.reload(), TLS_CHECK_MS);
  return {
    host: address.address,
    port: address.port,
    reloadTls: (next) => {
      if (tls !== null && next !== "off") tls.reload(next);
    },
    close: () =>
      new Promise<void>((resolve) => {
        if (check !== null) clearInterval(check);
        server.close(() => resolve());
      }),
  };
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
