/**
 * A client with as little of its own as possible: bytes out, messages counted in. For what pgbench cannot measure.
 * Source of the formats: PostgreSQL 18 docs, section 54.7 (protocol-message-formats).
 */

import { once } from "node:events";
import { createConnection, type Socket } from "node:net";
import type { Target } from "./target.ts";

const [AUTHENTICATION, DATA_ROW, ERROR, READY] = [..."RDEZ"].map((letter) => letter.charCodeAt(0));
const CLEARTEXT_PASSWORD = 3;

export interface Answer {
  readonly rows: number;
  readonly bytes: number;
  /** From sending to the first DataRow, and to ReadyForQuery. */
  readonly firstRowMs: number;
  readonly doneMs: number;
}

/** One session. Answers are read in order; one question at a time. */
export class BenchClient {
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #pending: { resolve(answer: Answer): void; reject(error: Error): void } | undefined;
  #counts = { rows: 0, bytes: 0, firstRowMs: 0, sentAtMs: 0 };
  readonly #password: string;
  /** What the question under way came to; the session goes on at ReadyForQuery. */
  #error: Error | undefined;

  private constructor(socket: Socket, password: string) {
    this.#socket = socket;
    this.#password = password;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", (error) => this.#pending?.reject(error));
    socket.on("close", () => this.#pending?.reject(this.#error ?? new Error("the server closed the connection")));
  }

  /** Connects and authenticates; returns at the first ReadyForQuery. */
  static async connect(target: Target): Promise<BenchClient> {
    const socket = createConnection(target.port, target.host);
    const client = new BenchClient(socket, target.password);
    await once(socket, "connect");
    await client.#ask(startupMessage(target));
    return client;
  }

  /** A simple Query. */
  query(text: string): Promise<Answer> {
    return this.#ask(message("Q", cstring(text)));
  }

  /** Parse, Bind, Describe, Execute and Sync of the unnamed statement, in one write. */
  extended(text: string): Promise<Answer> {
    const parse = message("P", cstring(""), cstring(text), int16(0));
    const bind = message("B", cstring(""), cstring(""), int16(0), int16(0), int16(0));
    const describe = message("D", Buffer.from("P"), cstring(""));
    const execute = message("E", cstring(""), int32(0));
    return this.#ask(Buffer.concat([parse, bind, describe, execute, message("S")]));
  }

  /** Names a statement on the server. */
  prepare(name: string, text: string): Promise<Answer> {
    return this.#ask(Buffer.concat([message("P", cstring(name), cstring(text), int16(0)), message("S")]));
  }

  /** Bind, Execute and Sync of a statement that was named. */
  prepared(name: string): Promise<Answer> {
    const bind = message("B", cstring(""), cstring(name), int16(0), int16(0), int16(0));
    return this.#ask(Buffer.concat([bind, message("E", cstring(""), int32(0)), message("S")]));
  }

  /** Reads nothing more until resume(): a slow reader. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  #ask(bytes: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#pending = { resolve, reject };
      this.#counts = { rows: 0, bytes: 0, firstRowMs: 0, sentAtMs: performance.now() };
      this.#socket.write(bytes);
    });
  }

  /** Walks the headers in place; a message cut by the chunk's end is kept for the next. */
  #receive(chunk: Buffer): void {
    this.#counts.bytes += chunk.length;
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + 5 <= data.length) {
      const end = at + 1 + data.readInt32BE(at + 1);
      if (end > data.length) break;
      const type = data[at] ?? 0;
      if (type === DATA_ROW)
        this.#row(); // a million of these: no view, no object
      else this.#message(type, data.subarray(at + 5, end));
      at = end;
    }
    this.#rest = data.subarray(at);
  }

  #row(): void {
    const counts = this.#counts;
    if (counts.rows++ === 0) counts.firstRowMs = performance.now() - counts.sentAtMs;
  }

  #message(type: number, body: Buffer): void {
    const counts = this.#counts;
    if (type === AUTHENTICATION) {
      if (body.readInt32BE(0) === CLEARTEXT_PASSWORD) this.#socket.write(message("p", cstring(this.#password)));
    } else if (type === READY) {
      const [pending, error] = [this.#pending, this.#error];
      this.#pending = undefined;
      this.#error = undefined;
      if (error === undefined) pending?.resolve({ ...counts, doneMs: performance.now() - counts.sentAtMs });
      else pending?.reject(error);
    } else if (type === ERROR) {
      this.#error = new Error(`the server answered: ${body.toString("utf8").replaceAll("\0", " ")}`);
    }
  }
}

function startupMessage(target: Target): Buffer {
  const parameters = ["user", target.user, "database", target.database, "application_name", "bench"].map(cstring);
  const body = Buffer.concat([int32(196_608), ...parameters, Buffer.from([0])]);
  return Buffer.concat([int32(body.length + 4), body]);
}

function message(type: string, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
}

function cstring(text: string): Buffer {
  return Buffer.from(`${text}\0`);
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
