/** A PostgreSQL client that says exactly what a test wants said, and shows every message that comes back. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { type BackendMessage, decodeBackend } from "../../src/wire/backend.ts";
import { encoded } from "../../src/wire/encode.ts";
import { reportOf } from "../../src/wire/error-response.ts";
import { encodePasswordMessage } from "../../src/wire/password.ts";
import { encodeQuery } from "../../src/wire/query.ts";
import { encodeStartupMessage } from "../../src/wire/startup.ts";
import type { MessageWriter } from "../../src/wire/writer.ts";

export interface RawClientOptions {
  readonly host: string;
  readonly port: number;
  /** A socket to use instead of a new connection: after TLS, say. */
  readonly socket?: Socket;
}

export class RawClient {
  readonly socket: Socket;
  #buffer = Buffer.alloc(0);
  #ended = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      socket.emit("progress");
    });
    const end = () => {
      this.#ended = true;
      socket.emit("progress");
    };
    socket.on("error", end);
    socket.on("close", end);
  }

  static async connect(options: RawClientOptions): Promise<RawClient> {
    const socket = options.socket ?? connect({ host: options.host, port: options.port, noDelay: true });
    if (options.socket === undefined) await once(socket, "connect");
    return new RawClient(socket);
  }

  send(...parts: readonly (Uint8Array | ((writer: MessageWriter) => void))[]): void {
    this.socket.write(Buffer.concat(parts.map((part) => (typeof part === "function" ? encoded(part) : part))));
  }

  /** The next message; null when the gateway has closed the connection. */
  async next(): Promise<BackendMessage | null> {
    for (;;) {
      if (this.#buffer.length >= 5) {
        const length = this.#buffer.readInt32BE(1);
        if (this.#buffer.length >= length + 1) {
          const type = this.#buffer[0] ?? 0;
          const body = this.#buffer.subarray(5, length + 1);
          this.#buffer = this.#buffer.subarray(length + 1);
          return decodeBackend(type, body);
        }
      }
      if (this.#ended) return null;
      await once(this.socket, "progress");
    }
  }

  /** Bytes as they come, for answers that are not messages ('S', 'N'). */
  async byte(): Promise<string | null> {
    while (this.#buffer.length === 0) {
      if (this.#ended) return null;
      await once(this.socket, "progress");
    }
    const first = String.fromCharCode(this.#buffer[0] ?? 0);
    this.#buffer = this.#buffer.subarray(1);
    return first;
  }

  /** Messages up to and with the first of the type, or up to the end of the connection. */
  async until(type: BackendMessage["type"]): Promise<BackendMessage[]> {
    const messages: BackendMessage[] = [];
    for (let message = await this.next(); message !== null; message = await this.next()) {
      messages.push(message);
      if (message.type === type) break;
    }
    return messages;
  }

  /** Everything up to the end of the connection. */
  async rest(): Promise<BackendMessage[]> {
    const messages: BackendMessage[] = [];
    for (let message = await this.next(); message !== null; message = await this.next()) messages.push(message);
    return messages;
  }

  /** Logs in with a token in the password field. @returns the messages up to ReadyForQuery. */
  async login(parameters: Readonly<Record<string, string>>, token: string, minor = 0): Promise<BackendMessage[]> {
    this.send((writer) => encodeStartupMessage(writer, { minor, parameters: new Map(Object.entries(parameters)) }));
    const asked = await this.until("AuthenticationCleartextPassword");
    this.send((writer) => encodePasswordMessage(writer, { password: token }));
    return [...asked, ...(await this.until("ReadyForQuery"))];
  }

  async query(text: string): Promise<BackendMessage[]> {
    this.send((writer) => encodeQuery(writer, { query: new TextEncoder().encode(text) }));
    return this.until("ReadyForQuery");
  }

  /** Ends without a goodbye. */
  destroy(): void {
    this.socket.destroy();
  }
}

/** The names of messages, with SQLSTATE for errors and the tag for completed commands: what most tests compare. */
export function summary(messages: readonly BackendMessage[]): string[] {
  return messages.map((message) => {
    if (message.type === "ErrorResponse") return `ErrorResponse ${reportOf(message.fields).code}`;
    if (message.type === "CommandComplete") return `CommandComplete ${message.tag}`;
    if (message.type === "ReadyForQuery") return `ReadyForQuery ${message.status}`;
    return message.type;
  });
}

/** Text values of all rows. */
export function rows(messages: readonly BackendMessage[]): (string | null)[][] {
  return messages
    .filter((message) => message.type === "DataRow")
    .map((row) => row.values.map((value) => (value === null ? null : Buffer.from(value).toString("utf8"))));
}
