/** Reads exact numbers of bytes from a socket that is not flowing yet: the startup and authentication part of a connection. */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { Socket } from "node:net";
import { GatewayError } from "../base/errors.ts";
import { ProtocolViolation } from "../wire/protocol-violation.ts";

/** The peer went away before it had said anything that needs an answer. */
export class ConnectionClosed extends Error {
  constructor() {
    super("the client closed the connection during startup");
    this.name = "ConnectionClosed";
  }
}

/**
 * Waits for `size` bytes. @throws {ConnectionClosed} when the peer ends first; the signal's reason when it is aborted.
 * The bytes are the caller's.
 */
export async function readExactly(socket: Socket, size: number, signal: AbortSignal): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let have = 0;
  while (have < size) {
    signal.throwIfAborted();
    // All that is there, not `size` of it: waiting for "readable" with unread bytes in the stream is answered at once, for
    // ever, and one client that stops inside a packet would hold the whole process.
    const piece: Uint8Array | null = socket.read();
    if (piece === null) {
      if (socket.readableEnded || socket.destroyed) throw new ConnectionClosed();
      await readable(socket, signal);
      continue;
    }
    pieces.push(piece);
    have += piece.length;
  }
  const bytes = pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
  if (have > size) socket.unshift(bytes.subarray(size));
  return bytes.subarray(0, size);
}

async function readable(socket: Socket, signal: AbortSignal): Promise<void> {
  const settled = new AbortController();
  const either = AbortSignal.any([signal, settled.signal]);
  try {
    await Promise.race([
      once(socket, "readable", { signal: either }),
      once(socket, "end", { signal: either }),
      once(socket, "close", { signal: either }),
    ]);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof GatewayError) throw error;
    throw new ConnectionClosed(); // ECONNRESET and the like: nobody is there to be told
  } finally {
    settled.abort();
  }
}

/**
 * One message with a type byte. @param limit of the length field, checked before the body is waited for.
 * @throws {ProtocolViolation} where the type is not `type` or the length is out of bounds.
 */
export async function readMessage(
  socket: Socket,
  name: string,
  type: number,
  limit: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const header = await readExactly(socket, 5, signal);
  if (header[0] !== type) throw new ProtocolViolation(name, "another message came in its place", 0);
  const length = new DataView(header.buffer, header.byteOffset).getInt32(1);
  if (length < 4 || length > limit) throw new ProtocolViolation(name, "its length is out of bounds", 0);
  return readExactly(socket, length - 4, signal);
}
