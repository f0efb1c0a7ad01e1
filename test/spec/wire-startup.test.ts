import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readEntries } from "../../src/audit/read.ts";
import { Secret } from "../../src/base/secret.ts";
import { type Authority, createAuthority } from "../../src/demo/certificates.ts";
import { encoded } from "../../src/wire/encode.ts";
import { encodeOAuthBearerResponse } from "../../src/wire/oauthbearer.ts";
import { encodeSASLInitialResponse, encodeSASLResponse } from "../../src/wire/password.ts";
import {
  encodeCancelRequest,
  encodeGSSENCRequest,
  encodeSSLRequest,
  encodeStartupMessage,
} from "../../src/wire/startup.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { forge } from "../support/issuer.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows, summary } from "../support/raw-client.ts";

let postgres: TestPostgres;
let gateway: TestGateway;
let tlsGateway: TestGateway;
let folder = "";
let authority: Authority;

beforeAll(async () => {
  postgres = await startPostgres();
  folder = await mkdtemp(join(tmpdir(), "postern-tls-"));
  authority = await createAuthority("Postern test");
  const issued = await authority.issue({
    commonName: "localhost",
    dnsNames: ["localhost"],
    ipAddresses: ["127.0.0.1"],
  });
  await writeFile(join(folder, "server.crt"), issued.certificate);
  await writeFile(join(folder, "server.key"), issued.key, { mode: 0o600 });
  await writeFile(join(folder, "ca.crt"), authority.certificate);
  gateway = await startGateway({ postgres });
  tlsGateway = await startGateway({
    postgres,
    config: {
      gateway: {
        name: "tls",
        listen: { host: "127.0.0.1", port: 0 },
        tls: { cert: join(folder, "server.crt"), key: join(folder, "server.key"), clientCa: join(folder, "ca.crt") },
        http: { host: "127.0.0.1", port: 0 },
      },
      certificates: [
        { spiffe: "spiffe://acme.example/agent/report", principal: { subject: "cert-agent", groups: ["agents"] } },
      ],
    },
  });
});
afterAll(async () => {
  await gateway?.stop();
  await tlsGateway?.stop();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

const startup = (parameters: Record<string, string>, minor = 0) =>
  encoded((w) => encodeStartupMessage(w, { minor, parameters: new Map(Object.entries(parameters)) }));
const user = () => ({ user: gateway.role, database: gateway.database });

/** What the gateway answers to these bytes, up to its closing of the connection. */
async function answer(bytes: Uint8Array, end = false): Promise<string[]> {
  const client = await RawClient.connect(gateway);
  client.send(bytes);
  if (end) client.socket.end();
  return summary(await client.rest());
}

/** Reasons of the refused sessions on record, once there are `count` of them after `from`. */
async function refusals(of: TestGateway): Promise<{ reason: string; sqlstate: string }[]> {
  await of.running.flushed();
  const found: { reason: string; sqlstate: string }[] = [];
  for await (const { json } of readEntries(join(of.dataPath, "log", of.running.instance), 0)) {
    const entry = JSON.parse(json);
    if (entry.type === "session.refused") found.push({ reason: entry.reason, sqlstate: entry.sqlstate });
  }
  return found;
}

function packet(code: number, body = new Uint8Array()): Uint8Array {
  const bytes = Buffer.alloc(8 + body.length);
  bytes.writeInt32BE(bytes.length, 0);
  bytes.writeInt32BE(code, 4);
  bytes.set(body, 8);
  return bytes;
}

describe("a startup packet", () => {
  it.each([
    ["of protocol 2", packet(2 << 16), "ErrorResponse 0A000"],
    ["with a length below 8", Buffer.from([0, 0, 0, 7, 0, 3, 0]), "ErrorResponse 08P01"],
    ["with a length over 10,000", Buffer.from([0, 0, 0x27, 0x11, 0, 3, 0, 0]), "ErrorResponse 08P01"],
    ["with a negative length", Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 3, 0, 0]), "ErrorResponse 08P01"],
    ["without its terminator", packet(3 << 16, Buffer.from("user\0a")), "ErrorResponse 08P01"],
    ["with bytes behind its terminator", packet(3 << 16, Buffer.from("user\0a\0\0x")), "ErrorResponse 08P01"],
    ["that names the user twice", packet(3 << 16, Buffer.from("user\0a\0user\0b\0\0")), "ErrorResponse 08P01"],
    ["that is not UTF-8", packet(3 << 16, Buffer.from([0x75, 0, 0xff, 0, 0])), "ErrorResponse 08P01"],
    [
      "that asks for replication",
      startup({ user: "a", database: "b", replication: "database" }),
      "ErrorResponse 0A000",
    ],
    ["that asks for a role", startup({ user: "a", database: "b", role: "postgres" }), "ErrorResponse 0A000"],
    [
      "that hides a role in options",
      startup({ user: "a", database: "b", options: "-c role=x" }),
      "ErrorResponse 0A000",
    ],
    ["with another encoding", startup({ user: "a", database: "b", client_encoding: "SJIS" }), "ErrorResponse 0A000"],
  ])("%s is refused", async (_, bytes, expected) => {
    expect(await answer(bytes)).toEqual([expected]);
  });

  it("that ends early is refused and recorded, wherever it ends", async () => {
    const whole = startup(user());
    const before = (await refusals(gateway)).length;

    for (let length = 1; length < whole.length; length += 7) await answer(whole.subarray(0, length), true);

    const recorded = (await refusals(gateway)).slice(before);
    expect(recorded.length).toBe(Math.ceil((whole.length - 1) / 7));
    expect(new Set(recorded.map(({ sqlstate }) => sqlstate))).toEqual(new Set(["08P01"]));
  });

  it("in protocol 3.9999 with unknown options is answered once with what is served", async () => {
    const client = await RawClient.connect(gateway);

    const messages = await client.login({ ...user(), "_pq_.greased": "1" }, await gateway.token(), 9999);
    client.destroy();

    const negotiations = messages.filter((message) => message.type === "NegotiateProtocolVersion");
    expect(negotiations).toEqual([expect.objectContaining({ major: 3, minor: 2, unknownOptions: ["_pq_.greased"] })]);
    expect(messages[0]?.type).toBe("NegotiateProtocolVersion");
  });

  it.each([
    [0, 4],
    [2, 32],
  ])("in protocol 3.%i gets a cancel key of %i bytes", async (minor, length) => {
    const client = await RawClient.connect(gateway);

    const messages = await client.login(user(), await gateway.token(), minor);
    client.destroy();

    const key = messages.find((message) => message.type === "BackendKeyData");
    expect(key?.type === "BackendKeyData" && key.secretKey.length).toBe(length);
  });

  it("may set what a session may start with", async () => {
    const client = await RawClient.connect(gateway);
    const parameters = {
      ...user(),
      client_encoding: "'utf-8'",
      options: "-c statement_timeout=12s --TimeZone=Asia/Tokyo",
    };

    await client.login({ ...parameters, DateStyle: "German" }, await gateway.token());
    const shown = await client.query("SHOW statement_timeout; SHOW timezone; SHOW datestyle; SHOW client_encoding");
    client.destroy();

    expect(rows(shown).flat()).toEqual(["12s", "Asia/Tokyo", "German, DMY", "UTF8"]);
  });
});

describe("TLS", () => {
  it("is answered N where the listener has none, and the client may go on", async () => {
    const client = await RawClient.connect(gateway);

    client.send(encodeSSLRequest);
    const tls = await client.byte();
    client.send(encodeGSSENCRequest);
    const gss = await client.byte();
    const messages = await client.login(user(), await gateway.token());
    client.destroy();

    expect([tls, gss]).toEqual(["N", "N"]);
    expect(messages.at(-1)?.type).toBe("ReadyForQuery");
  });

  it("asked for twice is refused", async () => {
    const client = await RawClient.connect(gateway);
    client.send(encodeSSLRequest);
    await client.byte();
    client.send(encodeSSLRequest);
    expect(summary(await client.rest())).toEqual(["ErrorResponse 08P01"]);
  });

  // CVE-2021-23214
  it("with bytes buffered behind SSLRequest ends the session before any handshake", async () => {
    const client = await RawClient.connect(tlsGateway);
    client.send(encodeSSLRequest, startup(user()));
    expect(summary(await client.rest())).toEqual(["ErrorResponse 08P01"]);
  });

  async function overTls(direct: boolean, options: { cert?: string; key?: string; alpn?: string[] } = {}) {
    const plain = connectTcp({ host: tlsGateway.host, port: tlsGateway.port });
    await once(plain, "connect");
    if (!direct) {
      plain.write(encoded(encodeSSLRequest));
      const [answered] = await once(plain, "data");
      expect(String(answered)).toBe("S");
    }
    const socket = connectTls({
      socket: plain,
      ca: authority.certificate,
      servername: "localhost",
      ...(options.cert === undefined ? {} : { cert: options.cert, key: options.key ?? "" }),
      ALPNProtocols: options.alpn ?? ["postgresql"],
    });
    await once(socket, "secureConnect");
    return RawClient.connect({ host: "", port: 0, socket });
  }

  it.each([false, true])("works by SSLRequest and directly (direct: %s)", async (direct) => {
    const client = await overTls(direct);

    const messages = await client.login(user(), await tlsGateway.token());
    const answered = await client.query("SELECT 1");
    client.destroy();

    expect(messages.at(-1)?.type).toBe("ReadyForQuery");
    expect(rows(answered)).toEqual([["1"]]);
  });

  it("directly without ALPN is refused", async () => {
    const client = await overTls(true, { alpn: [] });
    client.send(startup(user()));
    expect(summary(await client.rest())).toEqual(["ErrorResponse 08P01"]);
  });

  it("with a certificate that is mapped needs no token", async () => {
    const { certificate, key } = await authority.issue({
      commonName: "x",
      uris: ["spiffe://acme.example/agent/report"],
    });
    const client = await overTls(false, { cert: certificate, key });

    client.send(startup(user()));
    const messages = await client.until("ReadyForQuery");
    const who = await client.query("SHOW application_name");
    client.destroy();

    expect(summary(messages).at(-1), tlsGateway.logLines.at(-1)).toBe("ReadyForQuery idle");
    expect(rows(who)).toEqual([["cert-agent"]]);
  });

  it("with a certificate of another authority is refused and falls back to nothing", async () => {
    const other = await createAuthority("Other");
    const { certificate, key } = await other.issue({ commonName: "x", uris: ["spiffe://acme.example/agent/report"] });
    const client = await overTls(false, { cert: certificate, key });

    client.send(startup(user()));

    expect(summary(await client.rest())).toEqual(["ErrorResponse 28000"]);
  });

  it("takes a renewed certificate without a restart", async () => {
    const renewed = await authority.issue({ commonName: "renewed", dnsNames: ["localhost"] });
    await writeFile(join(folder, "server.crt"), renewed.certificate);
    await writeFile(join(folder, "server.key"), renewed.key, { mode: 0o600 });

    await tlsGateway.running.reload();
    const client = await overTls(false);
    const shown = client.socket as ReturnType<typeof connectTls>;
    const name = shown.getPeerCertificate().subject.CN;
    client.destroy();

    expect(name).toBe("renewed");
  });
});

describe("a token that does not hold", () => {
  const cases: [string, string, () => Promise<string>][] = [
    ["is expired", "expired", () => gateway.token({ exp: Math.floor(Date.now() / 1000) - 3600 })],
    ["is for another audience", "audience", () => gateway.token({ aud: "other" })],
    ["is of an unknown issuer", "issuer_unknown", () => gateway.token({ iss: "https://other.example" })],
    ["is not yet valid", "not_yet_valid", () => gateway.token({ nbf: Math.floor(Date.now() / 1000) + 3600 })],
    [
      "has alg none",
      "algorithm",
      async () => forge({ alg: "none" }, { iss: gateway.issuer.url, aud: "postern", sub: "x", exp: 9e9 }),
    ],
    [
      "is signed by HMAC with the public key",
      "algorithm",
      async () =>
        gateway.issuer.mint(
          { groups: ["agents"] },
          { alg: "HS256", key: new TextEncoder().encode(await gateway.issuer.publicPem()) },
        ),
    ],
    ["names another key", "key_unknown", () => gateway.issuer.mint({ groups: ["agents"] }, { kid: "missing" })],
    ["is no token at all", "malformed", async () => "secret-password"],
  ];
  it.each(cases)("because it %s is refused with 28000, recorded, and harmless to others", async (_, reason, make) => {
    const other = await RawClient.connect(gateway);
    await other.login(user(), await gateway.token());
    const client = await RawClient.connect(gateway);

    const messages = await client.login(user(), await make());
    const after = await other.query("SELECT 1");
    other.destroy();

    expect(summary(messages).at(-1)).toBe("ErrorResponse 28000");
    expect((await refusals(gateway)).at(-1)).toEqual({ reason, sqlstate: "28000" });
    expect(summary(after).at(-1)).toBe("ReadyForQuery idle");
  });

  it("because its groups give no role here is refused, and so is a role that is not its own", async () => {
    const stranger = await RawClient.connect(gateway);
    const chooser = await RawClient.connect(gateway);

    const noGroup = await stranger.login(user(), await gateway.token({ groups: [] }));
    const noRole = await chooser.login({ ...user(), user: "owner" }, await gateway.token());

    expect(summary(noGroup).at(-1)).toBe("ErrorResponse 28000");
    expect(summary(noRole).at(-1)).toBe("ErrorResponse 28000");
  });
});

describe("SASL OAUTHBEARER", () => {
  const oauth = () => startup({ ...user(), options: "-c postern.authentication=oauthbearer" });
  const response = (token: string) => encodeOAuthBearerResponse(token === "" ? null : new Secret(token));

  async function begin(): Promise<RawClient> {
    const client = await RawClient.connect(gateway);
    client.send(oauth());
    const [offer] = await client.until("AuthenticationSASL");
    expect(offer).toMatchObject({ mechanisms: ["OAUTHBEARER"] });
    return client;
  }

  it("lets a token in", async () => {
    const client = await begin();
    const data = response(await gateway.token());
    client.send((w) => encodeSASLInitialResponse(w, { mechanism: "OAUTHBEARER", data }));

    const messages = await client.until("ReadyForQuery");
    client.destroy();

    expect(messages[0]?.type).toBe("AuthenticationOk");
  });

  it("asks for a response that was left out of the first message", async () => {
    const client = await begin();
    client.send((w) => encodeSASLInitialResponse(w, { mechanism: "OAUTHBEARER", data: null }));
    const challenge = await client.until("AuthenticationSASLContinue");
    const data = response(await gateway.token());
    client.send((w) => encodeSASLResponse(w, { data }));

    const messages = await client.until("ReadyForQuery");
    client.destroy();

    expect(summary(challenge), gateway.logLines.slice(-2).join()).toEqual(["AuthenticationSASLContinue"]);
    expect(messages[0]?.type).toBe("AuthenticationOk");
  });

  // libpq 18 connects once with an empty token to learn where tokens come from.
  it("tells an empty token where tokens come from, and does not record it as an attack", async () => {
    const before = (await refusals(gateway)).length;
    const client = await begin();
    client.send((w) => encodeSASLInitialResponse(w, { mechanism: "OAUTHBEARER", data: response("") }));
    const [challenge] = await client.until("AuthenticationSASLContinue");
    client.send((w) => encodeSASLResponse(w, { data: Uint8Array.of(1) }));
    const rest = summary(await client.rest());

    const told =
      challenge?.type === "AuthenticationSASLContinue" ? JSON.parse(Buffer.from(challenge.data).toString()) : {};
    expect(told).toMatchObject({
      status: "invalid_token",
      "openid-configuration": `${gateway.issuer.url}/.well-known/openid-configuration`,
    });
    expect(rest).toEqual(["ErrorResponse 28000"]);
    expect((await refusals(gateway)).length).toBe(before);
  });

  it("refuses a bad token, with the challenge before the error", async () => {
    const client = await begin();
    const data = response(await gateway.token({ aud: "other" }));
    client.send((w) => encodeSASLInitialResponse(w, { mechanism: "OAUTHBEARER", data }));
    await client.until("AuthenticationSASLContinue");
    client.send((w) => encodeSASLResponse(w, { data: Uint8Array.of(1) }));

    expect(summary(await client.rest())).toEqual(["ErrorResponse 28000"]);
    expect((await refusals(gateway)).at(-1)).toEqual({ reason: "audience", sqlstate: "28000" });
  });
});

/** Bytes that clients have sent so far. */
async function received({ http }: TestGateway): Promise<number> {
  const metrics = await (await fetch(`${http}/metrics`)).text();
  return Number(/^postern_bytes_total\{direction="client"\} (\d+)$/m.exec(metrics)?.[1] ?? Number.NaN);
}

describe("CancelRequest", () => {
  it.each([0, 2])("cancels the running statement with the key of protocol 3.%i", async (minor) => {
    const client = await RawClient.connect(gateway);
    const messages = await client.login(user(), await gateway.token(), minor);
    const key = messages.find((message) => message.type === "BackendKeyData");
    if (key?.type !== "BackendKeyData") throw new Error("no key");
    client.send((w) => w.begin(0x51).cstring("SELECT pg_sleep(60)").end());
    // Cancels until the statement runs: a cancel that comes before it has no effect, as in PostgreSQL.
    let finished = false;
    const answered = client.until("ReadyForQuery").finally(() => {
      finished = true;
    });
    while (!finished) {
      const canceller = await RawClient.connect(gateway);
      canceller.send((w) => encodeCancelRequest(w, key));
      expect(await canceller.rest()).toEqual([]);
    }

    expect(summary(await answered)).toContain("ErrorResponse 57014");
    client.destroy();
  });

  it("hits a statement that has come and waits here yet", { timeout: 30_000 }, async () => {
    // The first long text of a gateway waits until the thread that parses it has begun: the server knows nothing of it by then.
    await using fresh = await startGateway({ postgres });
    const client = await RawClient.connect(fresh);
    const messages = await client.login(user(), await fresh.token());
    const key = messages.find((message) => message.type === "BackendKeyData");
    if (key?.type !== "BackendKeyData") throw new Error("no key");
    const text = `SELECT pg_sleep(60) WHERE '${"x".repeat(60_000)}' <> ''`;
    const before = await received(fresh);
    client.send((w) => w.begin(0x51).cstring(text).end());
    while ((await received(fresh)) < before + text.length);

    const canceller = await RawClient.connect(fresh);
    canceller.send((w) => encodeCancelRequest(w, key));
    expect(await canceller.rest()).toEqual([]);

    expect(summary(await client.until("ReadyForQuery"))).toContain("ErrorResponse 57014");
    expect(summary(await client.query("SELECT 1")).at(-1)).toBe("ReadyForQuery idle");
    client.destroy();
  });

  it("with a wrong key does nothing and says nothing", async () => {
    const client = await RawClient.connect(gateway);
    const messages = await client.login(user(), await gateway.token());
    const key = messages.find((message) => message.type === "BackendKeyData");
    if (key?.type !== "BackendKeyData") throw new Error("no key");
    const canceller = await RawClient.connect(gateway);

    canceller.send((w) => encodeCancelRequest(w, { processId: key.processId, secretKey: Uint8Array.of(1, 2, 3, 4) }));
    const silence = await canceller.rest();
    const after = await client.query("SELECT 1");
    client.destroy();

    expect(silence).toEqual([]);
    expect(summary(after).at(-1)).toBe("ReadyForQuery idle");
  });
});

describe("a session that breaks the protocol", () => {
  it.each([
    ["an unknown message type", Buffer.from([0x7a, 0, 0, 0, 4])],
    ["a second startup", Buffer.from(startup({ user: "a" }))],
    ["a length below 4", Buffer.from([0x51, 0, 0, 0, 3])],
    ["a Sync with a body", Buffer.from([0x53, 0, 0, 0, 5, 0])],
    ["an oversized Sync", Buffer.from([0x53, 0x7f, 0, 0, 0])],
    ["a Query without its terminator", Buffer.from([0x51, 0, 0, 0, 5, 0x41])],
    ["a Query with bytes behind its terminator", Buffer.from([0x51, 0, 0, 0, 7, 0x41, 0, 0x42])],
    ["a Bind that is cut short", Buffer.from([0x42, 0, 0, 0, 6, 0, 0])],
    ["a Describe of neither kind", Buffer.from([0x44, 0, 0, 0, 6, 0x58, 0])],
    ["a password", Buffer.from([0x70, 0, 0, 0, 5, 0])],
  ])("with %s is ended with 08P01", async (_, bytes) => {
    const client = await RawClient.connect(gateway);
    await client.login(user(), await gateway.token());

    client.send(bytes);

    expect(summary(await client.rest())).toEqual(["ErrorResponse 08P01"]);
  });
});
