/** Waits for a server to take connections, or to end instead. */

import { createConnection } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE_MS = 30_000;
const POLL_MS = 25;

/** @param ended resolves when the server has. @throws {Error} when it ended or took too long. */
export async function waitForPort(port: number, ended: Promise<number>): Promise<void> {
  return waitFor(() => connects(port), ended);
}

/** Asks `ready` again and again. */
export async function waitFor(ready: () => Promise<boolean>, ended: Promise<number>): Promise<void> {
  const state: { code?: number } = {};
  void ended.then((code) => {
    state.code = code;
  });
  for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += POLL_MS) {
    if (await ready()) return;
    if (state.code !== undefined) throw new Error(`it ended with exit code ${state.code}`);
    await sleep(POLL_MS);
  }
  throw new Error(`it was not ready within ${PATIENCE_MS / 1000} s`);
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
