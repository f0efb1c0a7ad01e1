/** Two servers that differ only in labelled values, scripts run in them message by message, and whether anything of those values shows. */

import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import type { BackendMessage } from "../../src/wire/backend.ts";
import { encodeCopyData, encodeCopyDone } from "../../src/wire/copy.ts";
import { encodeBind, encodeDescribe, encodeExecute, encodeParse, encodeSync } from "../../src/wire/extended.ts";
import { encodeQuery } from "../../src/wire/query.ts";
import type { MessageWriter } from "../../src/wire/writer.ts";
import type { Attack, ExtendedStep, Step } from "../twin-world/attack.ts";
import { functionListings } from "./function-listings.ts";
import { startGateway } from "./gateway.ts";
import { type PostgresVersion, startPostgres, type TestPostgres } from "./postgres.ts";
import { RawClient } from "./raw-client.ts";

export const TWIN_FOLDER = fileURLToPath(new URL("../twin-world/", import.meta.url));
export const TWIN_ROLE = { user: "twin_app", password: "twin-app-password" } as const;
export const TWIN_DATABASE = "twin";

export type World = "a" | "b";
const FILLINGS = {
  a: { word: "xalpha", digits: "731946", step: "7" },
  b: { word: "ybravo", digits: "942735", step: "11" },
} as const;

/** What connects a session as the agent: straight to a server, or through a gateway over it. */
export type Connect = () => Promise<RawClient>;

/**
 * A server of one world: all servers of a major are made by the same steps, so that their OIDs agree.
 * @param more SQL of the same kind as schema.sql and fill.sql, after them.
 */
export async function startWorld(
  version: PostgresVersion,
  world: World,
  more: readonly string[] = [],
): Promise<TestPostgres> {
  const postgres = await startPostgres({
    version,
    hba: ["host all twin_app 127.0.0.2/32 password", "host all all 127.0.0.1/32 scram-sha-256"],
    settings: { autovacuum: "off", jit: "off", max_parallel_workers_per_gather: "0" },
  });
  await postgres.psql(`CREATE DATABASE ${TWIN_DATABASE}`);
  const texts = await Promise.all(["schema.sql", "fill.sql"].map((name) => readFile(join(TWIN_FOLDER, name), "utf8")));
  for (const text of [...texts, ...more]) await postgres.psql(filled(text, world), TWIN_DATABASE);
  return postgres;
}

/** @returns the text with {word}, {digits} and {step} of a world. */
export function filled(text: string, world: World): string {
  const values: Readonly<Record<string, string>> = FILLINGS[world];
  return text.replaceAll(/\{(word|digits|step)\}/g, (_, key: string) => values[key] ?? "");
}

/** Sessions of the agent straight on a server. */
export function direct(postgres: TestPostgres): Connect {
  return async () => {
    // From an address of its own, where the server asks for the password as RawClient says it.
    const socket = connect({ host: postgres.host, port: postgres.port, localAddress: "127.0.0.2", noDelay: true });
    await once(socket, "connect");
    const client = await RawClient.connect({ ...postgres, socket });
    const greeting = await client.login({ user: TWIN_ROLE.user, database: TWIN_DATABASE }, TWIN_ROLE.password);
    if (greeting.at(-1)?.type !== "ReadyForQuery") throw new Error("twin_app cannot log in");
    return client;
  };
}

const STEP_MS = 10_000;

/** Everything that every session of the script was told, a line a message. */
export async function runAttack(session: Connect, { steps, open }: Pick<Attack, "steps" | "open">): Promise<string[]> {
  const clients = new Map<number, RawClient>();
  const lines: string[] = [];
  try {
    for (const step of open ? steps : ["BEGIN", ...steps]) {
      const number = typeof step === "string" ? 1 : (step.in ?? 1);
      const client = clients.get(number) ?? (await session());
      clients.set(number, client);
      const answer = await within(runStep(client, step));
      lines.push(...(answer ?? ["no answer"]).map((line) => `${number} ${line}`));
      if (answer === null) break;
    }
    for (const client of clients.values())
      await within(told(client, (writer) => encodeQuery(writer, { query: bytes("ROLLBACK") })));
    return lines;
  } finally {
    for (const client of clients.values()) client.destroy();
  }
}

async function within<T>(work: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), STEP_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

type Write = (writer: MessageWriter) => void;

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A simple query and what comes back, a line a message. */
export function linesOf(client: RawClient, sql: string): Promise<string[]> {
  return told(client, (writer) => encodeQuery(writer, { query: bytes(sql) }));
}

async function runStep(client: RawClient, step: Step): Promise<string[]> {
  if (typeof step === "string") return told(client, (writer) => encodeQuery(writer, { query: bytes(step) }));
  if ("query" in step) return told(client, (writer) => encodeQuery(writer, { query: bytes(step.query) }));
  if ("copy" in step) {
    return told(client, (writer) => encodeQuery(writer, { query: bytes(step.copy) }), step.data);
  }
  return told(client, (writer) => {
    for (const part of extended(step)) part(writer);
  });
}

function extended(step: ExtendedStep): Write[] {
  const statement = step.name ?? "";
  const parse: Write = (writer) => encodeParse(writer, { statement, query: bytes(step.text), parameterTypes: [] });
  const sync: Write = (writer) => encodeSync(writer);
  const begin = step.again === true ? [] : [parse];
  if (step.describeOnly === true) {
    return [...begin, (writer) => encodeDescribe(writer, { kind: "statement", name: statement }), sync];
  }
  const execute: Write = (writer) => encodeExecute(writer, { portal: "", maxRows: step.limit ?? 0 });
  return [
    ...begin,
    (writer) =>
      encodeBind(writer, {
        portal: "",
        statement,
        parameterFormats: [],
        parameters: (step.values ?? []).map((value) => (value === null ? null : bytes(value))),
        resultFormats: step.binary === true ? [1] : [],
      }),
    (writer) => encodeDescribe(writer, { kind: "portal", name: "" }),
    ...(step.limit === undefined ? [execute] : [execute, execute, execute, execute]),
    sync,
  ];
}

/** What comes back up to ReadyForQuery; a COPY FROM STDIN is given `data`. */
async function told(client: RawClient, write: Write, data = ""): Promise<string[]> {
  client.send(write);
  const lines: string[] = [];
  for (let message = await client.next(); message !== null; message = await client.next()) {
    lines.push(lineOf(message));
    if (message.type === "CopyInResponse")
      client.send((writer) => encodeCopyData(writer, { data: bytes(data) }), encodeCopyDone);
    if (message.type === "ReadyForQuery") return lines;
  }
  return [...lines, "closed"];
}

/** Bytes as latin1, so that nothing is lost; Maps as their entries. */
function lineOf(message: BackendMessage): string {
  return JSON.stringify(message, (_, value: unknown) => {
    if (value instanceof Map) return [...value].map(([key, of]) => [key, of instanceof Uint8Array ? latin1(of) : of]);
    if (value instanceof Uint8Array) return latin1(value);
    return isSerialisedBuffer(value) ? Buffer.from(value.data).toString("latin1") : value;
  });
}

function latin1(value: Uint8Array): string {
  return Buffer.from(value).toString("latin1");
}

/** A Buffer has answered for itself before a replacer sees it. */
function isSerialisedBuffer(value: unknown): value is { readonly data: number[] } {
  return typeof value === "object" && value !== null && "type" in value && value.type === "Buffer" && "data" in value;
}

/** SQLSTATE of the first error, null where there is none. */
export function refusedBy(lines: readonly string[]): string | null {
  for (const line of lines) {
    const found = /^\d+ \{"type":"ErrorResponse".*?\["C","(\w{5})"\]/.exec(line);
    if (found !== null) return found[1] ?? null;
  }
  return null;
}

const CANARIES = Object.values(FILLINGS).flatMap(({ word, digits }) => [...formsOf(word), digits, reversed(digits)]);

function reversed(text: string): string {
  return [...text].reverse().join("");
}

/** A word as it was, backwards, in hex, in base64 at each of the three places where it may begin, in upper case (all are sought in any case). */
function formsOf(word: string): string[] {
  return [word, reversed(word)].flatMap((text) => {
    const inner = ["", "x", "xx"].map((before) => {
      const encoded = Buffer.from(before + text)
        .toString("base64")
        .replaceAll("=", "");
      return encoded.slice(before.length === 0 ? 0 : before.length + 1, -2);
    });
    return [text, Buffer.from(text).toString("hex"), ...inner.map((part) => part.toLowerCase())];
  });
}

const CODES = Object.values(FILLINGS).map(
  ({ word }) => new RegExp([...word].map((letter) => letter.charCodeAt(0)).join("\\D{1,12}")),
);

/** Which canaries occur, in any of their forms, also one letter a row. */
export function canariesIn(lines: readonly string[]): string[] {
  const text = lines.join("\n").toLowerCase();
  return [
    ...CANARIES.filter((canary) => text.includes(canary)),
    ...CODES.filter((code) => code.test(text)).map(String),
  ];
}

/** `same`: nothing of labelled values shows. `noise`: a world differs from itself, and the script proves nothing. */
export type Verdict = "leaks" | "same" | "noise" | `refused ${string}`;

/** @param again the first world once more: what differs between two of its own runs is no leak. */
export function verdictOf(a: readonly string[], b: readonly string[], again: readonly string[] | null = null): Verdict {
  if (canariesIn([...a, ...b]).length > 0) return "leaks";
  if (again !== null && withoutIds(a) !== withoutIds(again)) return "noise";
  if (withoutIds(a) !== withoutIds(b)) return "leaks";
  const code = refusedBy(a);
  return code === null ? "same" : `refused ${code}`;
}

/** OIDs of what the scripts made, process ids and numbers of temporary schemas count up as sessions come and go. */
export function withoutIds(lines: readonly string[]): string {
  return lines
    .join("\n")
    .replaceAll(/("tableOid":|function |relation |type )\d{5}\b/g, "$1#")
    .replaceAll(/"processId":\d+/g, '"processId":#')
    .replaceAll(/pg_temp_\d+/g, "pg_temp_#");
}

/** Everything is permitted, but to see what is labelled: what holds then holds by the masks. */
const POLICY = `permit (principal, action in [Action::"read", Action::"write", Action::"define"], resource);
permit (principal, action in [Action::"connect", Action::"call", Action::"lock", Action::"set", Action::"listen", Action::"notify", Action::"maintain"], resource);
`;

export interface TwinGateway extends AsyncDisposable {
  readonly connect: Connect;
  stop(): Promise<void>;
}

/** A gateway over one world with labels.yaml in force. */
export async function startTwinGateway(postgres: TestPostgres): Promise<TwinGateway> {
  const folder = await mkdtemp(join(tmpdir(), "postern-twin-"));
  await writeFile(join(folder, "agents.cedar"), POLICY);
  await writeFile(
    join(folder, "functions.yaml"),
    await functionListings(postgres, TWIN_DATABASE, (name) => LISTED.has(name)),
  );
  const config = { policy: folder, labels: join(TWIN_FOLDER, "labels.yaml") };
  const gateway = await startGateway({ postgres, database: TWIN_DATABASE, role: TWIN_ROLE, config });
  const session: Connect = async () => {
    const client = await RawClient.connect(gateway);
    const greeting = await client.login({ user: TWIN_ROLE.user, database: TWIN_DATABASE }, await gateway.token());
    if (greeting.at(-1)?.type !== "ReadyForQuery")
      throw new Error(`no session: ${JSON.stringify(greeting.map(lineOf))}`);
    return client;
  };
  const stop = async () => {
    await gateway.stop();
    await rm(folder, { recursive: true, force: true });
  };
  return { connect: session, stop, [Symbol.asyncDispose]: stop };
}

/** Functions that an operator has looked at: none of them reads what is labelled. */
const LISTED: ReadonlySet<string> = new Set(["twin.double(n integer)", "twin.told()"]);

/** Rows of a script that answers in text, or the error's SQLSTATE. */
export function rowsOf(lines: readonly string[]): unknown {
  const refused = refusedBy(lines);
  if (refused !== null) return refused;
  return lines.flatMap((line) => {
    const message = DataRow.safeParse(JSON.parse(line.replace(/^\d+ /, "")));
    return message.success ? [message.data.values] : [];
  });
}

const DataRow = z.object({ type: z.literal("DataRow"), values: z.array(z.string().nullable()) });
