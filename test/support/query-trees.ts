/** Has a real server print the rewritten tree of a statement: Parse alone, byte for byte as a gateway's own session gets it. */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encoded } from "../../src/wire/encode.ts";
import { encodeParse } from "../../src/wire/extended.ts";
import { encodeStartupMessage } from "../../src/wire/startup.ts";

const SETTINGS = {
  debug_print_rewritten: "on",
  debug_pretty_print: "off",
  client_min_messages: "log",
  client_encoding: "UTF8",
} as const;

/** Flush would do; Sync also ends a failed statement. */
const SYNC = Uint8Array.of(0x53, 0, 0, 0, 4);

interface Message {
  readonly type: string;
  readonly body: Buffer;
}

export class TreeClient implements Disposable {
  readonly #socket: Socket;
  #buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
      socket.emit("progress");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => socket.emit("progress"));
  }

  /** The server must trust the user: `hba: ["host all all 127.0.0.1/32 trust"]`. */
  static async connect(port: number, user: string, database = "postgres"): Promise<TreeClient> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    await once(socket, "connect");
    const client = new TreeClient(socket);
    const parameters = new Map(Object.entries({ user, database, ...SETTINGS }));
    socket.write(encoded((writer) => encodeStartupMessage(writer, { minor: 0, parameters })));
    await client.#untilReady();
    return client;
  }

  /** Field D of the one tree. Rejects with the server's message where there is none. */
  async tree(sql: string): Promise<Uint8Array> {
    const query = new TextEncoder().encode(sql);
    const parse = encoded((writer) => encodeParse(writer, { statement: "", query, parameterTypes: [] }));
    this.#socket.write(Buffer.concat([parse, SYNC]));
    const messages = await this.#untilReady();
    const trees = messages.filter((one) => one.type === "N" && fieldOf(one.body, "M")?.toString() === TREE_MESSAGE);
    const tree = trees.length === 1 ? fieldOf(trees[0]!.body, "D") : undefined;
    if (tree !== undefined) return tree;
    const error = messages.find(({ type }) => type === "E");
    throw new Error(`no tree: ${error === undefined ? "" : fieldOf(error.body, "M")} (${sql})`);
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  async #untilReady(): Promise<Message[]> {
    const messages: Message[] = [];
    for (;;) {
      while (this.#buffer.length >= 5 && this.#buffer.length > this.#buffer.readInt32BE(1)) {
        const end = this.#buffer.readInt32BE(1) + 1;
        const message = { type: String.fromCharCode(this.#buffer[0]!), body: this.#buffer.subarray(5, end) };
        this.#buffer = this.#buffer.subarray(end);
        messages.push(message);
        if (message.type === "Z") return messages;
      }
      if (this.#socket.destroyed) throw new Error("the server has closed the connection");
      await once(this.#socket, "progress");
    }
  }
}

const TREE_MESSAGE = "rewritten parse tree:";

function fieldOf(body: Buffer, letter: string): Buffer | undefined {
  for (let at = 0; at < body.length && body[at] !== 0; ) {
    const end = body.indexOf(0, at + 1);
    if (String.fromCharCode(body[at]!) === letter) return body.subarray(at + 1, end);
    at = end + 1;
  }
  return undefined;
}
