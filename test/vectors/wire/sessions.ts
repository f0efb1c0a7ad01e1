/** The recorded sessions as streams of messages: what each side sent, without the packets and bytes that come before. */

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { FRONTEND } from "../../../src/wire/message-types.ts";
import { decodeStartupPacket, type StartupPacket } from "../../../src/wire/startup.ts";
import { readRecording } from "../../support/record-wire.ts";

const FOLDER = fileURLToPath(new URL("./", import.meta.url));

export const SESSION_NAMES: readonly string[] = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".bin"))
  .map((name) => name.slice(0, -4));

export interface RecordedSession {
  readonly name: string;
  /** Startup packets in their order: SSLRequest, StartupMessage. */
  readonly packets: readonly Buffer[];
  /** The 'p' messages: how the client authenticated. */
  readonly credentials: readonly Buffer[];
  /** What the client sent once authenticated. */
  readonly frontend: Buffer;
  /** What the server sent, from its first message. */
  readonly backend: Buffer;
}

export async function readSession(name: string): Promise<RecordedSession> {
  const chunks = await readRecording(`${FOLDER}${name}.bin`);
  const join = (from: "frontend" | "backend") =>
    Buffer.concat(chunks.filter((chunk) => chunk.from === from).map(({ bytes }) => bytes));
  let frontend = join("frontend");
  let backend = join("backend");
  const packets: Buffer[] = [];
  let packet: StartupPacket;
  do {
    const bytes = frontend.subarray(0, frontend.readInt32BE(0));
    packet = decodeStartupPacket(bytes);
    packets.push(bytes);
    frontend = frontend.subarray(bytes.length);
    if (packet.type !== "StartupMessage") backend = backend.subarray(1); // the answer 'N'
  } while (packet.type !== "StartupMessage");
  const credentials: Buffer[] = [];
  while (frontend[0] === FRONTEND.Authentication) {
    const end = 1 + frontend.readInt32BE(1);
    credentials.push(frontend.subarray(0, end));
    frontend = frontend.subarray(end);
  }
  return { name, packets, credentials, frontend, backend };
}
