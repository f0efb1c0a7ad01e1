import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { recordAll } from "../../test/support/record-wire.ts";
import { encodeBackend, encodeFrontend } from "../../test/vectors/wire/encode-any.ts";
import { readSession, SESSION_NAMES } from "../../test/vectors/wire/sessions.ts";
import { Secret } from "../base/secret.ts";
import { type BackendMessage, decodeBackend } from "./backend.ts";
import { encoded } from "./encode.ts";
import { backendLimits, type FrameLimits, frontendLimits } from "./frame-limits.ts";
import { FrameScanner } from "./framing.ts";
import { decodeFrontend } from "./frontend.ts";
import { decodePasswordMessage, decodeSASLInitialResponse, encodePasswordMessage } from "./password.ts";
import { saltPassword } from "./scram.ts";
import { decodeStartupPacket, negotiateVersion } from "./startup.ts";

const FOLDER = fileURLToPath(new URL("../../test/vectors/wire/", import.meta.url));

describe.runIf(process.env["POSTERN_RECORD"] === "wire")("the recordings of real sessions", () => {
  it("are made anew", () => recordAll(FOLDER));
});

/** The messages of a stream, each with its header. */
function split(limits: FrameLimits, stream: Uint8Array): Buffer[] {
  const messages: Buffer[] = [];
  const scanner = new FrameScanner(limits, {
    message: (_, bytes, start, end) => messages.push(Buffer.from(bytes.subarray(start, end))) > 0,
    streamed: () => expect.unreachable(),
    piece: () => expect.unreachable(),
  });
  scanner.feed(stream);
  expect(scanner.atBoundary).toBe(true);
  return messages;
}

const whole = { streamed: [] };
const answers = (stream: Uint8Array): BackendMessage[] =>
  split(backendLimits(whole), stream).map((bytes) => decodeBackend(bytes[0]!, bytes.subarray(5)));

/** All but what needs a client that misbehaves, and the copy in both directions of replication. */
const SENT = [
  "Query",
  "FunctionCall",
  "Parse",
  "Bind",
  "Describe",
  "Execute",
  "Close",
  "Flush",
  "Sync",
  "Terminate",
].concat(["CopyData", "CopyDone", "CopyFail"]);
const ANSWERED = [
  "AuthenticationCleartextPassword",
  "AuthenticationOk",
  "AuthenticationSASL",
  "AuthenticationSASLContinue",
]
  .concat(["AuthenticationSASLFinal", "BackendKeyData", "BindComplete", "CloseComplete", "CommandComplete", "CopyData"])
  .concat(["CopyDone", "CopyInResponse", "CopyOutResponse", "DataRow", "EmptyQueryResponse", "ErrorResponse"])
  .concat(["FunctionCallResponse", "NegotiateProtocolVersion", "NoData", "NoticeResponse", "NotificationResponse"])
  .concat([
    "ParameterDescription",
    "ParameterStatus",
    "ParseComplete",
    "PortalSuspended",
    "ReadyForQuery",
    "RowDescription",
  ]);

describe("a real session that was recorded", () => {
  it.each(SESSION_NAMES)("is decoded whole, and encoded to the same bytes: %s", async (name) => {
    const session = await readSession(name);

    for (const bytes of split(frontendLimits(whole), session.frontend)) {
      const message = decodeFrontend(bytes[0]!, bytes.subarray(5));
      expect(Buffer.from(encoded((writer) => encodeFrontend(writer, message)))).toEqual(bytes);
    }
    for (const bytes of split(backendLimits(whole), session.backend)) {
      const message = decodeBackend(bytes[0]!, bytes.subarray(5));
      expect(Buffer.from(encoded((writer) => void encodeBackend(writer, message)))).toEqual(bytes);
    }
  });

  it("holds all kinds of messages that clients and servers send without replication", async () => {
    const sessions = await Promise.all(SESSION_NAMES.map(readSession));

    const frontend = sessions.flatMap(({ frontend }) => split(frontendLimits(whole), frontend));
    const backend = sessions.flatMap((session) => answers(session.backend));

    const sent = new Set(frontend.map((bytes) => decodeFrontend(bytes[0]!, bytes.subarray(5)).type));
    expect(sent).toEqual(new Set(SENT));
    expect(new Set(backend.map(({ type }) => type))).toEqual(new Set(ANSWERED));
  });
});

describe("a real client's authentication that was recorded", () => {
  it("is a password in clear where the server asks for one", async () => {
    const { credentials } = await readSession("psql-password");

    const [bytes] = credentials;

    const message = decodePasswordMessage(bytes!.subarray(5));
    expect(message.password).toBe("not a secret");
    expect(Buffer.from(encoded((writer) => encodePasswordMessage(writer, message)))).toEqual(bytes);
  });

  it("is SCRAM where the server asks for that", async () => {
    const { credentials } = await readSession("psql");

    const initial = decodeSASLInitialResponse(credentials[0]!.subarray(5));

    expect(initial.mechanism).toBe("SCRAM-SHA-256");
    expect(Buffer.from(initial.data ?? []).toString()).toMatch(/^n,,n=,r=/);
    expect(credentials).toHaveLength(2);
  });
});

describe("the version that is negotiated", () => {
  it.each(["3.0-option", "3.2", "3.9999"])("is what PostgreSQL 18 answered to %s", async (asked) => {
    const { packets, backend } = await readSession(`negotiate-18-${asked}`);
    const startup = decodeStartupPacket(packets[0]!);
    if (startup.type !== "StartupMessage") throw new Error("the recording is of a StartupMessage");

    const { minor, answer } = negotiateVersion(startup);

    const sent = answers(backend);
    const negotiated = sent.filter(({ type }) => type === "NegotiateProtocolVersion");
    expect(negotiated).toEqual(answer === null ? [] : [{ type: "NegotiateProtocolVersion", ...answer }]);
    const key = sent.find((message) => message.type === "BackendKeyData");
    expect(key?.secretKey).toHaveLength(minor >= 2 ? 32 : 4);
  });

  it.each(["3.0-option", "3.2", "3.9999"])("is understood where PostgreSQL 15 answers to %s", async (asked) => {
    const { backend } = await readSession(`negotiate-15-${asked}`);

    expect(answers(backend)[0]).toMatchObject({ type: "NegotiateProtocolVersion", major: 3, minor: 0 });
  });
});

interface Verifier {
  readonly password: string;
  readonly verifier: string;
}

/** RFC 5803: what a server keeps. */
const VERIFIERS: readonly Verifier[] = JSON.parse(readFileSync(`${FOLDER}saslprep.json`, "utf8"));

describe("a password that SASLprep touches", () => {
  it.each(VERIFIERS)("is prepared as the server prepared it: $password", ({ password, verifier }) => {
    const [, iterations, salt, storedKey] = /^SCRAM-SHA-256\$(\d+):(.+)\$(.+):/.exec(verifier) ?? [];

    const salted = saltPassword(new Secret(password), {
      salt: Buffer.from(salt ?? "", "base64"),
      iterations: Number(iterations),
    });

    const clientKey = createHmac("sha256", salted).update("Client Key").digest();
    expect(createHash("sha256").update(clientKey).digest("base64")).toBe(storedKey);
  });
});
