/**
 * A session in which PostgreSQL's regression suite runs: each statement's tree, its run in a read-only transaction that leaves nothing
 * behind, then its real run as psql would. Raw messages: trees are taken byte for byte, as the gateway does.
 */

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { readNotice } from "../../src/gateway/tree-notice.ts";
import { encodeCopyData, encodeCopyDone } from "../../src/wire/copy.ts";
import { encoded } from "../../src/wire/encode.ts";
import { decodeReport, reportOf } from "../../src/wire/error-response.ts";
import { encodeBind, encodeExecute, encodeParse, encodeSync } from "../../src/wire/extended.ts";
import { encodeQuery } from "../../src/wire/query.ts";
import { decodeDataRow, decodeRowDescription } from "../../src/wire/results.ts";
import { encodeStartupMessage } from "../../src/wire/startup.ts";
import type { MessageWriter } from "../../src/wire/writer.ts";
import type { TestPostgres } from "./postgres.ts";

/** As pg_regress sets them, beside what its database has. */
const SETTINGS = {
  client_encoding: "UTF8",
  debug_pretty_print: "off",
  datestyle: "Postgres, MDY",
  timezone: "America/Los_Angeles",
  intervalstyle: "postgres_verbose",
} as const;

const TYPE = { error: 0x45, notice: 0x4e, ready: 0x5a, row: 0x44, columns: 0x54, copyIn: 0x47 } as const;

export interface ServerError {
  readonly sqlstate: string;
  readonly message: string;
  readonly position: number | undefined;
  /** The scanner or the grammar says it, of the text itself. */
  readonly byGrammar: boolean;
}

export interface Answer {
  /** The first one. */
  readonly error: ServerError | null;
  /** Trees that the server printed, not of what functions run inside. */
  readonly trees: readonly Uint8Array[];
  readonly columns: readonly string[];
  /** Of the last result, where rows were asked for. */
  readonly rows: readonly (readonly (string | null)[])[];
}

interface Wanted {
  /** What a COPY FROM STDIN gets. */
  readonly rows?: string;
  readonly wantsRows?: boolean;
}

export interface Probe {
  /** Its tree is wanted: it is sent by Parse. */
  readonly tree: Uint8Array | null;
  /** What runs, if anything. */
  readonly run: Uint8Array | null;
  readonly binds: readonly string[];
  readonly rows: string;
}

export interface Shown {
  readonly tree: Uint8Array | null;
  readonly error: ServerError | null;
}

export class SuiteSession {
  readonly #socket: Socket;
  #buffer: Buffer = Buffer.alloc(0);
  /** Of the last ReadyForQuery: idle, in a transaction, in a failed one. */
  status = "I";

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
      socket.emit("progress");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => socket.emit("progress"));
  }

  /** As superuser, whom the server must trust: `hba: ["host all all 127.0.0.1/32 trust"]`. */
  static async open(postgres: TestPostgres, database: string): Promise<SuiteSession> {
    const socket = connect({ host: postgres.host, port: postgres.port, noDelay: true });
    await once(socket, "connect");
    const session = new SuiteSession(socket);
    const parameters = new Map(Object.entries({ user: postgres.superuser, database, ...SETTINGS }));
    session.#send((writer) => encodeStartupMessage(writer, { minor: 0, parameters }));
    const { error } = await session.#answer({});
    if (error !== null) throw new Error(`the server does not let the suite in: ${error.message}`);
    return session;
  }

  /** As psql sends it. */
  async run(sql: Uint8Array, wanted: Wanted = {}): Promise<Answer> {
    this.#send((writer) => encodeQuery(writer, { query: sql }));
    return this.#answer(wanted);
  }

  /** psql's \bind … \g. */
  async runBound(sql: Uint8Array, binds: readonly string[]): Promise<Answer> {
    this.#send((writer) => {
      encodeParse(writer, { statement: "", query: sql, parameterTypes: [] });
      execute(writer, binds);
      encodeSync(writer);
    });
    return this.#answer({});
  }

  /** The tree, and what a read-only transaction says to the statement. Nothing of it stays. Not for a failed transaction. */
  async probe({ run, tree, binds, rows }: Probe): Promise<Shown> {
    const [opening, closing] = this.status === "T" ? INSIDE : OUTSIDE;
    const together = run !== null && tree !== null && Buffer.compare(run, tree) === 0;
    // What may wait for rows must not take them from what comes behind.
    const copies = run !== null && /^copy\b/i.test(Buffer.from(run).toString("latin1"));
    this.#send((writer) => {
      query(writer, tree === null ? opening : `${opening}; ${SHOWN}`);
      if (tree !== null) {
        encodeParse(writer, { statement: "", query: tree, parameterTypes: [] });
        if (together) execute(writer, binds);
        encodeSync(writer);
      }
      if (run !== null && !together) encodeQuery(writer, { query: run });
      if (!copies) query(writer, closing);
    });
    const opened = await this.#answer({});
    const shown = tree === null ? null : await this.#answer({});
    const ran = run === null || together ? null : await this.#answer({ rows });
    if (copies) this.#send((writer) => query(writer, closing));
    const closed = await this.#answer({});
    const failed = opened.error ?? closed.error;
    if (failed !== null) throw new Error(`a read-only transaction cannot be had: ${failed.message}`);
    return { tree: shown?.trees[0] ?? null, error: shown?.error ?? ran?.error ?? null };
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(write: (writer: MessageWriter) => void): void {
    this.#socket.write(encoded(write));
  }

  /** Up to ReadyForQuery. */
  async #answer(wanted: Wanted): Promise<Answer> {
    const answer: Collected = { error: null, trees: [], columns: [], rows: [] };
    for (;;) {
      while (this.#buffer.length >= 5 && this.#buffer.length > this.#buffer.readInt32BE(1)) {
        const end = this.#buffer.readInt32BE(1) + 1;
        const type = this.#buffer[0] ?? 0;
        const body = this.#buffer.subarray(5, end);
        this.#buffer = this.#buffer.subarray(end);
        if (type === TYPE.ready) {
          this.status = String.fromCharCode(body[0] ?? 0);
          return answer;
        }
        if (type === TYPE.copyIn) this.#sendRows(wanted.rows ?? "");
        else collect(answer, type, body, wanted.wantsRows === true);
      }
      if (this.#socket.destroyed) throw new Error("the server has closed the connection");
      await once(this.#socket, "progress");
    }
  }

  #sendRows(rows: string): void {
    this.#send((writer) => {
      encodeCopyData(writer, { data: new TextEncoder().encode(rows) });
      encodeCopyDone(writer);
    });
  }
}

interface Collected {
  error: ServerError | null;
  trees: Uint8Array[];
  columns: string[];
  rows: (string | null)[][];
}

function collect(answer: Collected, type: number, body: Buffer, wantsRows: boolean): void {
  if (type === TYPE.error) answer.error ??= errorOf(body);
  else if (type === TYPE.notice) {
    const { tree, nested } = readNotice(body, 0, body.length);
    if (tree !== null && !nested) answer.trees.push(tree);
  } else if (type === TYPE.columns && wantsRows) {
    answer.columns = decodeRowDescription(body).columns.map(({ name }) => name);
    answer.rows = [];
  } else if (type === TYPE.row && wantsRows) {
    answer.rows.push(decodeDataRow(body).values.map((value) => (value === null ? null : String(Buffer.from(value)))));
  }
}

/** What opens and closes a read-only transaction, in a transaction of the suite's own and outside of one. */
const INSIDE = [
  "SAVEPOINT postern_probe; SET LOCAL transaction_read_only = on",
  "ROLLBACK TO SAVEPOINT postern_probe; RELEASE SAVEPOINT postern_probe",
] as const;
const OUTSIDE = ["BEGIN READ ONLY", "ROLLBACK"] as const;
/** As sessions of the gateway have it. */
const SHOWN = "SET LOCAL client_min_messages = log; SET LOCAL debug_print_rewritten = on";

function query(writer: MessageWriter, sql: string): void {
  encodeQuery(writer, { query: new TextEncoder().encode(sql) });
}

function execute(writer: MessageWriter, binds: readonly string[]): void {
  const parameters = binds.map((value) => new TextEncoder().encode(value));
  encodeBind(writer, { portal: "", statement: "", parameterFormats: [], parameters, resultFormats: [] });
  encodeExecute(writer, { portal: "", maxRows: 0 });
}

function errorOf(body: Uint8Array): ServerError {
  const { code, message, position, file, where } = reportOf(decodeReport("ErrorResponse", body).fields);
  const byGrammar = (file === "scan.l" || file === "gram.y") && where === undefined;
  return { sqlstate: code, message, position: position === undefined ? undefined : Number(position), byGrammar };
}
