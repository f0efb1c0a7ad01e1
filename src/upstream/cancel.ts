/** Asks the server to stop what one of our sessions runs, on a connection of its own. Whether it did, that session tells. */

import { encoded } from "../wire/encode.ts";
import { encodeCancelRequest } from "../wire/startup.ts";
import { withDeadline } from "./connect.ts";
import { dial, failed } from "./dial.ts";
import { ConnectionEnded, StartupReader } from "./startup-reader.ts";
import type { UpstreamTarget } from "./target.ts";

/**
 * Resolves when the server has taken the request, which it shows by closing; encrypted and verified as the target says.
 * Source: PostgreSQL 18 docs, section 54.2.9 (protocol-flow), "Canceling Requests in Progress". @throws {UpstreamFailure}
 */
export async function cancelUpstream(
  target: UpstreamTarget,
  processId: number,
  secretKey: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  await withDeadline(target, signal, async (within) => {
    const socket = await dial(target, within);
    const reader = new StartupReader(socket, within);
    try {
      socket.write(encoded((writer) => encodeCancelRequest(writer, { processId, secretKey })));
      await reader.read(1); // never answered: the end comes instead
    } catch (error) {
      if (error instanceof ConnectionEnded || isReset(error)) return;
      throw failed(error, "closed", target, within);
    } finally {
      socket.on("error", () => undefined);
      reader.release();
      socket.destroy();
    }
  });
}

function isReset(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE");
}
