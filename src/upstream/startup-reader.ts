/**
 * Reads a connection that is being made: exact numbers of bytes, so that nothing of what follows is taken from the socket.
 * Knows no messages but their frame.
 */

import type { Socket } from "node:net";
import { ProtocolViolation } from "../wire/protocol-violation.ts";

/** libpq's own limit for what a server says before it is ready (fe-connect.c: 30,000 for an error, 2,000 for the rest). */
const MAX_MESSAGE_BYTES = 30_000;

/** The server ended the connection in the middle. */
export class ConnectionEnded extends Error {
  readonly code = "ECONNRESET";
  constructor() {
    super("the server closed the connection");
    this.name = "ConnectionEnded";
  }
}

export interface Frame {
  readonly type: number;
  /** After type byte and length; the caller's. */
  readonly body: Uint8Array;
}

/** One reader, one socket, one read at a time. Listens until `release`, and then leaves the socket paused and untouched. */
export class StartupReader {
  readonly #socket: Socket;
  readonly #signal: AbortSignal;
  #wake: (() => void) | undefined;
  #error: unknown;
  readonly #onReadable = (): void => this.#wake?.();
  readonly #onError = (error: unknown): void => {
    this.#error ??= error;
    this.#wake?.();
  };

  /** @param signal ends every wait; its reason is what `read` throws then. */
  constructor(socket: Socket, signal: AbortSignal) {
    this.#socket = socket;
    this.#signal = signal;
    socket.on("readable", this.#onReadable);
    socket.on("end", this.#onReadable);
    socket.on("close", this.#onReadable);
    socket.on("error", this.#onError);
    signal.addEventListener("abort", this.#onReadable);
  }

  /** Bytes that came and were not asked for yet. */
  get waitingBytes(): number {
    return this.#socket.readableLength;
  }

  /** Waits for exactly `size` bytes. @throws what the socket or the signal says, {@link ConnectionEnded}. */
  async read(size: number): Promise<Uint8Array> {
    for (;;) {
      this.#signal.throwIfAborted();
      const bytes: Uint8Array | null = size === 0 ? new Uint8Array(0) : this.#socket.read(size);
      if (bytes?.length === size) return bytes;
      if (this.#error !== undefined) throw this.#error;
      // At the end of the stream read() gives what is left, however little.
      if (bytes !== null || this.#socket.readableEnded || this.#socket.destroyed) throw new ConnectionEnded();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** The next message. @throws {ProtocolViolation} where its length cannot be. */
  async frame(): Promise<Frame> {
    const header = await this.read(5);
    const type = header[0] ?? 0;
    const length = new DataView(header.buffer, header.byteOffset).getInt32(1);
    if (length < 4 || length > MAX_MESSAGE_BYTES) {
      throw new ProtocolViolation("backend message", `its length is not between 4 and ${MAX_MESSAGE_BYTES}`, 1);
    }
    return { type, body: await this.read(length - 4) };
  }

  /** Takes our listeners off. What the server has sent since waits in the socket. */
  release(): void {
    this.#signal.removeEventListener("abort", this.#onReadable);
    this.#socket.off("readable", this.#onReadable);
    this.#socket.off("end", this.#onReadable);
    this.#socket.off("close", this.#onReadable);
    this.#socket.off("error", this.#onError);
    this.#socket.pause();
  }
}
