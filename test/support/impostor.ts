/** A small server that speaks PostgreSQL's startup as a test tells it to, byte by byte: for what real servers never do. */

import { once } from "node:events";
import { createServer, type Socket } from "node:net";

export interface Impostor extends AsyncDisposable {
  readonly port: number;
  /** All bytes that were received, over all connections. */
  received(): Uint8Array;
}

/** @param behave called with each connection; the first data is waited for with `once(socket, "data")`. */
export async function startImpostor(behave: (socket: Socket) => void): Promise<Impostor> {
  const chunks: Uint8Array[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => chunks.push(chunk));
    behave(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("no port");
  return {
    port: address.port,
    received: () => Buffer.concat(chunks),
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
