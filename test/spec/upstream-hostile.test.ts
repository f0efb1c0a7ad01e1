/** What Postern makes of servers that are not there, not ready, or not PostgreSQL's: small servers say what real ones never do. */

import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import { connectUpstream } from "../../src/upstream/connect.ts";
import type { UpstreamTarget } from "../../src/upstream/target.ts";
import {
  encodeAuthenticationCleartextPassword,
  encodeAuthenticationOk,
  encodeAuthenticationSASL,
  encodeAuthenticationSASLContinue,
  encodeAuthenticationSASLFinal,
} from "../../src/wire/authentication.ts";
import { encoded } from "../../src/wire/encode.ts";
import { encodeErrorResponse, encodeNoticeResponse } from "../../src/wire/error-response.ts";
import { encodeBackendKeyData, encodeParameterStatus, encodeReadyForQuery } from "../../src/wire/session-messages.ts";
import type { MessageWriter } from "../../src/wire/writer.ts";
import { type Impostor, startImpostor } from "../support/impostor.ts";

const NEVER = new AbortController().signal;

function targetOf(impostor: { readonly port: number }, overrides: Partial<UpstreamTarget> = {}): UpstreamTarget {
  return {
    name: "shop",
    host: "127.0.0.1",
    port: impostor.port,
    database: "shop",
    user: "agent",
    password: new Secret("pencil"),
    tls: { mode: "disable" },
    connectTimeoutMs: 5_000,
    ...overrides,
  };
}

/** A server that waits for each of our messages and answers the next of `answers`. */
function answering(...answers: readonly ((received: string) => Uint8Array | string)[]): Promise<Impostor> {
  return startImpostor((socket) => {
    let next = 0;
    socket.on("data", (chunk) => {
      const answer = answers[next++];
      if (answer !== undefined) socket.write(answer(chunk.toString("latin1")));
    });
  });
}

const say =
  (...messages: readonly ((writer: MessageWriter) => void)[]) =>
  () =>
    encoded((writer) => {
      for (const message of messages) message(writer);
    });

const ok = (writer: MessageWriter): void => encodeAuthenticationOk(writer);
const key = (writer: MessageWriter): void =>
  encodeBackendKeyData(writer, { processId: 7, secretKey: Buffer.alloc(4, 1) });
const ready = (writer: MessageWriter): void => encodeReadyForQuery(writer, "idle");
const status =
  (name: string, value: string) =>
  (writer: MessageWriter): void =>
    encodeParameterStatus(writer, { name, value });
const settings = [
  status("server_encoding", "UTF8"),
  status("client_encoding", "UTF8"),
  status("standard_conforming_strings", "on"),
] as const;
const version = (value: string) => status("server_version", value);
const fatal =
  (code: string, message: string) =>
  (writer: MessageWriter): void =>
    encodeErrorResponse(writer, { severity: "FATAL", code, message });

async function refusal(
  target: UpstreamTarget,
  signal = NEVER,
): Promise<Error & { reason: string; detail: string; code: string }> {
  return connectUpstream(target, new Map(), signal).then(
    () => Promise.reject(new Error("it connected")),
    (error) => error,
  );
}

describe("an upstream that cannot be reached", () => {
  it("is down where nothing listens", async () => {
    const gone = await answering();
    await gone[Symbol.asyncDispose]();

    expect(await refusal(targetOf(gone))).toMatchObject({
      reason: "refused",
      code: "UPSTREAM_UNAVAILABLE",
      sqlstate: "08006",
    });
  });

  it("has a name that does not resolve", async () => {
    expect(await refusal(targetOf({ port: 5432 }, { host: "database.invalid" }))).toMatchObject({ reason: "dns" });
  });

  it("is given up when it says nothing within connectTimeout", async () => {
    await using silent = await answering();

    expect(await refusal(targetOf(silent, { connectTimeoutMs: 50 }))).toMatchObject({ reason: "timeout" });
  });

  it("is given up, its socket closed, when the client has left", async () => {
    const leaving = new AbortController();
    let closed: Promise<unknown> = Promise.resolve();
    await using silent = await startImpostor((socket) => {
      closed = once(socket, "close");
      socket.once("data", () => leaving.abort(new Error("gone")));
    });

    expect(await refusal(targetOf(silent), leaving.signal)).toMatchObject({ reason: "abandoned" });
    await closed;
  });

  it("is not called at all when the client had left before", async () => {
    await using silent = await answering();

    expect(await refusal(targetOf(silent), AbortSignal.abort())).toMatchObject({ reason: "abandoned" });
    expect(silent.received()).toHaveLength(0);
  });

  it("closed the connection in the middle", async () => {
    await using closing = await startImpostor((socket) =>
      socket.once("data", () => socket.end(Buffer.from([0x52, 0, 0]))),
    );

    expect(await refusal(targetOf(closing))).toMatchObject({ reason: "closed" });
  });

  it.each([
    ["57P03", "starting", "UPSTREAM_NOT_READY", "57P03"],
    ["53300", "full", "TOO_MANY_SESSIONS", "53300"],
    ["28P01", "password", "UPSTREAM_UNAVAILABLE", "08006"],
    ["3D000", "database_missing", "UPSTREAM_UNAVAILABLE", "08006"],
    ["42501", "not_permitted", "UPSTREAM_UNAVAILABLE", "08006"],
    ["XX000", "server", "UPSTREAM_UNAVAILABLE", "08006"],
  ])("refuses with %s: %s, told to the client as %s without the server's words", async (code, reason, ours, sqlstate) => {
    await using server = await answering(say(fatal(code, "secret words of db.internal")));

    const error = await refusal(targetOf(server));

    expect(error).toMatchObject({ reason, code: ours, sqlstate });
    expect(`${error.message} ${error.detail}`).not.toContain("secret words");
    expect(String(error.cause)).toContain("secret words");
  });
});

describe("a server between us and the upstream's TLS", () => {
  const overTls = (server: Impostor): UpstreamTarget => targetOf(server, { tls: { mode: "verify-full" } });

  // CVE-2021-23222: bytes in clear behind the 'S' would be read as if the server had sent them inside TLS.
  it("puts bytes behind its answer to SSLRequest: refused before anything is sent", async () => {
    await using server = await answering(() => Buffer.concat([Buffer.from("S"), say(ok, key, ready)()]));

    expect(await refusal(overTls(server))).toMatchObject({ reason: "injected" });
    expect(server.received()).toHaveLength(8);
  });

  it("has no TLS to offer: no startup message and no password goes out", async () => {
    await using server = await answering(() => "N", say(encodeAuthenticationCleartextPassword));

    expect(await refusal(overTls(server))).toMatchObject({ reason: "tls_not_offered" });
    expect(server.received()).toHaveLength(8);
  });

  // CVE-2024-10977: an error that arrives before TLS is of nobody in particular.
  it("answers SSLRequest with an error of its own: its text is shown to no one", async () => {
    await using server = await answering(say(fatal("28000", "call +1 900 555 0100 to renew")));

    const error = await refusal(overTls(server));

    expect(error).toMatchObject({ reason: "injected" });
    expect(`${error.message} ${error.detail} ${error.cause}`).not.toContain("900 555");
  });

  it("says S and then speaks no TLS", async () => {
    await using server = await answering(
      () => "S",
      () => "HTTP/1.1 400 Bad Request\r\n\r\n",
    );

    expect(await refusal(overTls(server))).toMatchObject({ reason: "tls_handshake" });
  });
});

describe("an impostor that does not know the password", () => {
  const offer = say((writer) => encodeAuthenticationSASL(writer, ["SCRAM-SHA-256"]));
  const challenge = (received: string): Uint8Array => {
    const nonce = /r=([^,]+)$/.exec(received)?.[1] ?? "";
    const data = Buffer.from(`r=${nonce}impostor,s=${Buffer.from("salt").toString("base64")},i=4096`);
    return encoded((writer) => encodeAuthenticationSASLContinue(writer, data));
  };

  it("lets us in without proving itself: refused", async () => {
    await using early = await answering(offer, say(ok, ...settings, version("18.4"), key, ready));
    await using late = await answering(offer, challenge, say(ok, ...settings, version("18.4"), key, ready));

    expect(await refusal(targetOf(early))).toMatchObject({ reason: "downgrade" });
    expect(await refusal(targetOf(late))).toMatchObject({ reason: "downgrade" });
  });

  it("makes its proof up: refused", async () => {
    const proof = Buffer.from(`v=${Buffer.alloc(32, 5).toString("base64")}`);
    await using server = await answering(
      offer,
      challenge,
      say((writer) => encodeAuthenticationSASLFinal(writer, proof), ok, key, ready),
    );

    expect(await refusal(targetOf(server))).toMatchObject({ reason: "downgrade" });
  });

  it("asks for the password in clear: it is not sent", async () => {
    await using server = await answering(say(encodeAuthenticationCleartextPassword));

    expect(await refusal(targetOf(server))).toMatchObject({ reason: "cleartext" });
    expect(Buffer.from(server.received()).includes("pencil")).toBe(false);
  });

  it.each([
    ["MD5", [0x52, 0, 0, 0, 12, 0, 0, 0, 5, 1, 2, 3, 4], "md5"],
    ["Kerberos", [0x52, 0, 0, 0, 8, 0, 0, 0, 7], "method"],
  ] as const)("asks for %s: refused with the mend", async (_name, bytes, reason) => {
    await using server = await answering(() => Buffer.from(bytes));

    const error = await refusal(targetOf(server));

    expect(error).toMatchObject({ reason });
    expect(String(error.cause)).toContain("scram-sha-256");
  });
});

describe("a server that is not one of PostgreSQL 15 to 18", () => {
  it.each([
    "14.19",
    "19.0",
    "9.6.24",
    "13.0.0 CockroachDB",
    "",
    "eighteen",
  ])("is refused for version '%s'", async (said) => {
    await using server = await answering(say(ok, ...settings, version(said), key, ready));

    expect(await refusal(targetOf(server))).toMatchObject({
      reason: "version",
      code: "UPSTREAM_UNSUPPORTED",
      sqlstate: "0A000",
    });
  });

  it.each([
    ["18.4", 180_004],
    ["15.18 (Debian 15.18-0+deb12u1)", 150_018],
    ["18beta2", 180_000],
  ])("is served for version '%s'", async (said, number) => {
    await using server = await answering(say(ok, ...settings, version(said), key, ready));

    const connection = await connectUpstream(targetOf(server), new Map(), NEVER);

    expect(connection.serverVersion).toBe(number);
    connection.socket.destroy();
  });

  it.each([
    ["client_encoding", "LATIN1"],
    ["standard_conforming_strings", "off"],
  ])("is refused where it does not keep %s", async (name, value) => {
    await using server = await answering(say(ok, ...settings, status(name, value), version("18.4"), key, ready));

    expect(await refusal(targetOf(server))).toMatchObject({ reason: "settings" });
  });

  it.each<[string, () => Uint8Array | string]>([
    ["speaks HTTP", () => "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"],
    ["announces a message of 2 GB", () => Buffer.from([0x52, 0x7f, 0xff, 0xff, 0xff])],
    ["announces a message shorter than its length", () => Buffer.from([0x52, 0, 0, 0, 3])],
    ["sends rows before anyone asked", () => Buffer.from([0x44, 0, 0, 0, 6, 0, 0])],
    [
      "is ready inside a transaction",
      say(ok, ...settings, version("18.4"), key, (writer) => encodeReadyForQuery(writer, "transaction")),
    ],
    ["is ready without a cancel key", say(ok, ...settings, version("18.4"), ready)],
    [
      "never ends its notices",
      say(
        ...Array.from(
          { length: 2_000 },
          () => (writer: MessageWriter) =>
            encodeNoticeResponse(writer, { severity: "NOTICE", code: "00000", message: "x" }),
        ),
      ),
    ],
  ])("is refused when it %s", async (_what, answer) => {
    await using server = await answering(answer);

    expect(await refusal(targetOf(server))).toMatchObject({ reason: "protocol" });
  });
});

describe("what the server says besides", () => {
  const notice = (writer: MessageWriter): void =>
    encodeNoticeResponse(writer, { severity: "NOTICE", code: "00000", message: "be kind" });

  it("at startup comes as a list of notices", async () => {
    await using server = await answering(say(ok, notice, ...settings, version("18.4"), key, ready));

    const connection = await connectUpstream(targetOf(server), new Map(), NEVER);

    expect(connection.notices).toMatchObject([{ severity: "NOTICE", message: "be kind" }]);
    connection.socket.destroy();
  });

  it("behind its ReadyForQuery waits in the socket, whole", async () => {
    await using server = await answering(say(ok, ...settings, version("18.4"), key, ready, notice));

    const { socket } = await connectUpstream(targetOf(server), new Map(), NEVER);
    const [chunk] = await once(socket.resume(), "data");

    expect(chunk).toEqual(Buffer.from(say(notice)()));
    socket.destroy();
  });
});

describe("a startup message to the upstream", () => {
  it("holds the target's user and database, the settings, and nothing that a client could slip in", async () => {
    await using server = await answering(say(ok, ...settings, version("18.4"), key, ready));
    const given = new Map([
      ["application_name", "agent-7"],
      ["client_encoding", "LATIN1"],
    ]);

    const { socket } = await connectUpstream(targetOf(server), given, NEVER);

    expect(Buffer.from(server.received().subarray(4)).toString("latin1")).toBe(
      "\0\x03\0\0user\0agent\0database\0shop\0application_name\0agent-7\0client_encoding\0UTF8\0standard_conforming_strings\0on\0\0",
    );
    await expect(connectUpstream(targetOf(server), new Map([["user", "postgres"]]), NEVER)).rejects.toMatchObject({
      code: "INTERNAL",
    });
    socket.destroy();
  });
});
