/** Picks ports for the demo: the ones that its guides name where they are free, others where they are taken. */

import { once } from "node:events";
import { createServer, type Server } from "node:net";

export interface WantedPort {
  /** For people: "agents". */
  readonly what: string;
  readonly port: number;
}

/** A port for each wanted one, in order, on 127.0.0.1, no two the same; `say` is told of those that were taken. */
export async function choosePorts(wanted: readonly WantedPort[], say: (line: string) => void): Promise<number[]> {
  // All are held until the last is chosen, so that none is chosen twice.
  const held: Server[] = [];
  try {
    const ports: number[] = [];
    for (const { what, port } of wanted) {
      const server = (await hold(port)) ?? (await hold(0));
      if (server === null) throw new Error("no port is free on 127.0.0.1");
      held.push(server);
      const chosen = portOf(server);
      if (port !== 0 && chosen !== port) say(`Port ${port} is taken: ${what} on ${chosen} instead.`);
      ports.push(chosen);
    }
    return ports;
  } finally {
    await Promise.all(held.map((server) => once(server.close(), "close")));
  }
}

async function hold(port: number): Promise<Server | null> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  // Taken, or not for us (below 1024).
  return once(server, "listening").then(
    () => server,
    () => null,
  );
}

function portOf(server: Server): number {
  const address = server.address();
  return address === null || typeof address === "string" ? 0 : address.port;
}
