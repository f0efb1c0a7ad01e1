/** Postern's side of the real server: what it gets, what it proves and demands, on PostgreSQL 15 to 18. */

import { on } from "node:events";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import { createAuthority } from "../../src/demo/certificates.ts";
import { cancelUpstream } from "../../src/upstream/cancel.ts";
import { connectUpstream, type UpstreamConnection } from "../../src/upstream/connect.ts";
import type { UpstreamTarget } from "../../src/upstream/target.ts";
import { encodeAuthenticationSASL } from "../../src/wire/authentication.ts";
import { encoded } from "../../src/wire/encode.ts";
import { encodeQuery } from "../../src/wire/query.ts";
import { POSTGRES_VERSIONS, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { startTlsProxy } from "../support/tls-proxy.ts";

const NEVER = new AbortController().signal;
const HBA = [
  "hostssl all by_certificate 127.0.0.1/32 cert",
  "hostssl all by_cleartext 127.0.0.1/32 password",
  "hostnossl all by_cleartext 127.0.0.1/32 password",
  "host all by_md5 127.0.0.1/32 md5",
  "host all by_trust 127.0.0.1/32 trust",
  "host all kept_out 127.0.0.1/32 reject",
  "host all all 127.0.0.1/32 scram-sha-256",
];
const ROLES = `
  CREATE ROLE worker LOGIN PASSWORD 'pen,cil=\u00e9';
  CREATE ROLE by_certificate LOGIN;
  CREATE ROLE by_cleartext LOGIN PASSWORD 'pencil';
  CREATE ROLE by_trust LOGIN;
  CREATE ROLE kept_out LOGIN PASSWORD 'pencil';
  SET password_encryption = 'md5';
  CREATE ROLE by_md5 LOGIN PASSWORD 'pencil';
`;

describe.each(POSTGRES_VERSIONS)("a connection to PostgreSQL %i", (version) => {
  let server: TestPostgres;
  let otherCaPath: string;
  beforeAll(async () => {
    server = await startPostgres({ version, ssl: true, hba: HBA, settings: { log_connections: "on" } });
    await server.psql(ROLES);
    otherCaPath = join(dirname(server.dataPath), "other.crt");
    await writeFile(otherCaPath, (await createAuthority("Another authority")).certificate);
  });
  afterAll(() => server.stop());

  const plain = (overrides: Partial<UpstreamTarget> = {}): UpstreamTarget => ({
    name: "shop",
    host: "127.0.0.1",
    port: server.port,
    database: "postgres",
    user: "worker",
    password: new Secret("pen,cil=é"),
    tls: { mode: "disable" },
    connectTimeoutMs: 10_000,
    ...overrides,
  });
  const verified = (tls: object = {}, overrides: Partial<UpstreamTarget> = {}): UpstreamTarget =>
    plain({ tls: { mode: "verify-full", caPath: server.tls?.caPath ?? "", ...tls }, ...overrides });

  it("reports the version, the settings and a cancel key, and answers statements", async () => {
    const connection = await connectUpstream(
      plain(),
      new Map([
        ["application_name", "agent-7"],
        ["TimeZone", "Asia/Tokyo"],
      ]),
      NEVER,
    );

    const answer = await query(connection, "SELECT current_user, current_setting('application_name')");

    expect(Math.floor(connection.serverVersion / 10_000)).toBe(version);
    expect(connection.serverVersion).toBe(Number(await server.psql("SHOW server_version_num")));
    expect(connection.parameters.get("TimeZone")).toBe("Asia/Tokyo");
    expect(connection.parameters.get("client_encoding")).toBe("UTF8");
    expect(connection.processId).toBeGreaterThan(0);
    expect(connection.secretKey).toHaveLength(4);
    expect(answer).toContain("worker");
    expect(answer).toContain("agent-7");
    connection.socket.destroy();
  });

  it("hands the socket over paused, with nothing read of what follows, and safe against an early error", async () => {
    const connection = await connectUpstream(plain(), new Map(), NEVER);

    const { socket } = connection;

    expect(socket.isPaused()).toBe(true);
    for (const event of ["readable", "data", "close"]) expect([event, socket.listenerCount(event)]).toEqual([event, 0]);
    expect(socket.readableLength).toBe(0);
    expect(() => socket.emit("error", new Error("reset before anyone listened"))).not.toThrow();
    socket.destroy();
  });

  it("is encrypted, and the server verified in full", async () => {
    const connection = await connectUpstream(verified(), new Map(), NEVER);

    const ssl = await query(
      connection,
      "SELECT 'ssl=' || ssl || ' ' || version FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
    );

    expect(connection.socket).toBeInstanceOf(TLSSocket);
    expect(ssl).toMatch(/ssl=true TLSv1\.[23]/);
    connection.socket.destroy();
  });

  it("proves its password by SCRAM-SHA-256-PLUS: a man in the middle with a trusted certificate is found out", async () => {
    const certificate = await server.tls!.authority.issue({ commonName: "proxy", ipAddresses: ["127.0.0.1"] });
    await using proxy = await startTlsProxy({ upstreamPort: server.port, certificate });

    const attempt = connectUpstream(verified({}, { port: proxy.port }), new Map(), NEVER);

    await expect(attempt).rejects.toMatchObject({
      reason: "downgrade",
      cause: { message: expect.stringContaining("channel binding") },
    });
    expect(proxy.sent()).toContain("SCRAM-SHA-256-PLUS\0");
  });

  it("is not downgraded: whoever hides the server's offer of PLUS is found out", async () => {
    const certificate = await server.tls!.authority.issue({ commonName: "proxy", ipAddresses: ["127.0.0.1"] });
    const change = (chunk: Uint8Array): Uint8Array => replace(chunk, OFFER_WITH_PLUS, OFFER_WITHOUT_PLUS);
    await using proxy = await startTlsProxy({ upstreamPort: server.port, certificate, change });

    const attempt = connectUpstream(verified({}, { port: proxy.port }), new Map(), NEVER);

    await expect(attempt).rejects.toMatchObject({
      reason: "downgrade",
      cause: { message: expect.stringContaining("channel binding") },
    });
    expect(proxy.sent()).toContain("SCRAM-SHA-256\0");
    expect(proxy.sent()).not.toContain("PLUS");
  });

  it("takes a client certificate in place of a password", async () => {
    const certificate = await server.tls!.clientCertificate("by_certificate");

    const connection = await connectUpstream(verified(certificate, { user: "by_certificate" }), new Map(), NEVER);

    expect(
      await query(connection, "SELECT 'dn=' || client_dn FROM pg_stat_ssl WHERE pid = pg_backend_pid()"),
    ).toContain("dn=/CN=by_certificate");
    connection.socket.destroy();
  });

  it("sends the password in clear inside verified TLS, where the server asks for it", async () => {
    const connection = await connectUpstream(
      verified({}, { user: "by_cleartext", password: new Secret("pencil") }),
      new Map(),
      NEVER,
    );

    expect(await query(connection, "SELECT current_user")).toContain("by_cleartext");
    connection.socket.destroy();
  });

  it("needs no password where the server trusts", async () => {
    const connection = await connectUpstream(withoutPassword(plain({ user: "by_trust" })), new Map(), NEVER);

    expect(await query(connection, "SELECT current_user")).toContain("by_trust");
    connection.socket.destroy();
  });

  it.each([
    [
      "a certificate authority that did not sign the server",
      "tls_untrusted",
      async () => verified({ caPath: otherCaPath }),
    ],
    [
      "a server name that the certificate does not carry",
      "tls_hostname",
      async () => verified({ serverName: "db.example.com" }),
    ],
    ["a CA file that is missing", "tls_configuration", async () => verified({ caPath: "/nonexistent/ca.crt" })],
    ["a wrong password", "password", async () => plain({ password: new Secret("wrong") })],
    ["a wrong password over TLS", "password", async () => verified({}, { password: new Secret("wrong") })],
    ["no password where one is asked for", "no_password", async () => withoutPassword(plain())],
    ["a role that does not exist", "password", async () => plain({ user: "nobody_here" })],
    [
      "a role that pg_hba.conf keeps out",
      "not_permitted",
      async () => plain({ user: "kept_out", password: new Secret("pencil") }),
    ],
    [
      "a role that needs a certificate and has none",
      "not_permitted",
      async () => verified({}, { user: "by_certificate" }),
    ],
    [
      "a certificate for another role",
      "not_permitted",
      async () => verified(await server.tls!.clientCertificate("someone"), { user: "by_certificate" }),
    ],
    ["MD5", "md5", async () => plain({ user: "by_md5", password: new Secret("pencil") })],
    [
      "a password in clear without TLS",
      "cleartext",
      async () => plain({ user: "by_cleartext", password: new Secret("pencil") }),
    ],
    ["a database that does not exist", "database_missing", async () => plain({ database: "nowhere" })],
    [
      "a database of another encoding",
      "encoding",
      async () => {
        await server.psql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
        return plain({ database: "latin" });
      },
    ],
  ] as const)("is refused for %s, and says which reason: %s", async (_why, reason, target) => {
    const attempt = connectUpstream(await target(), new Map(), NEVER);

    await expect(attempt).rejects.toMatchObject({ name: "UpstreamFailure", reason });
  });

  it("tells the client neither host, role nor password when Postern's own credential is refused", async () => {
    const error = await connectUpstream(plain({ password: new Secret("hunter2") }), new Map(), NEVER).catch(
      (caught: Error) => caught,
    );

    expect(error).toMatchObject({
      code: "UPSTREAM_UNAVAILABLE",
      sqlstate: "08006",
      message: 'database "shop" cannot be reached',
      detail: "Postern's own credential was refused by the upstream.",
    });
    const { message, detail, hint } = error as Error & { detail: string; hint: string };
    expect(`${message} ${detail} ${hint}`).not.toMatch(/127\.0\.0\.1|worker|hunter2/);
    const cause = (error as Error).cause;
    expect(String(cause)).toContain(`127.0.0.1:${server.port} as worker`);
    expect(String(cause)).not.toContain("hunter2");
  });

  it("passes on what is wrong with a setting that the client asked for", async () => {
    const attempt = connectUpstream(plain(), new Map([["TimeZone", "Mars/Olympus"]]), NEVER);

    await expect(attempt).rejects.toMatchObject({
      reason: "parameter",
      code: "STARTUP_PARAMETER_REFUSED",
      detail: 'invalid value for parameter "TimeZone": "Mars/Olympus"',
    });
  });

  it("is too many where the role has no connection left: 53300", async () => {
    await server.psql("CREATE ROLE limited LOGIN PASSWORD 'pencil' CONNECTION LIMIT 1");
    const target = plain({ user: "limited", password: new Secret("pencil") });
    const first = await connectUpstream(target, new Map(), NEVER);

    const second = connectUpstream(target, new Map(), NEVER);

    await expect(second).rejects.toMatchObject({ reason: "full", code: "TOO_MANY_SESSIONS", sqlstate: "53300" });
    first.socket.destroy();
  });

  it.each([
    "disable",
    "verify-full",
  ] as const)("stops a running statement when its key is used, with tls: %s", async (mode) => {
    const target = mode === "disable" ? plain() : verified();
    const connection = await connectUpstream(target, new Map(), NEVER);
    const running = query(connection, "SELECT pg_sleep(60)");
    await server.psql(
      `DO $$ BEGIN WHILE (SELECT state IS DISTINCT FROM 'active' FROM pg_stat_activity WHERE pid = ${connection.processId}) LOOP PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(0.01); END LOOP; END $$`,
    );

    await cancelUpstream(target, connection.processId, connection.secretKey, NEVER);

    expect(await running).toContain("57014");
    connection.socket.destroy();
  });

  it("does not stop a statement for another key", async () => {
    const connection = await connectUpstream(plain(), new Map(), NEVER);
    const wrong = connection.secretKey.map((byte) => byte ^ 0xff);

    await cancelUpstream(plain(), connection.processId, wrong, NEVER);

    expect(await query(connection, "SELECT 'still here'")).toContain("still here");
    connection.socket.destroy();
  });
});

function withoutPassword({ password: _, ...target }: UpstreamTarget): UpstreamTarget {
  return target;
}

/** AuthenticationSASL as PostgreSQL sends it over TLS, and the same without its first mechanism. */
const OFFER_WITH_PLUS = offer("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256");
const OFFER_WITHOUT_PLUS = offer("SCRAM-SHA-256");

function offer(...mechanisms: string[]): Uint8Array {
  return encoded((writer) => encodeAuthenticationSASL(writer, mechanisms));
}

function replace(chunk: Uint8Array, what: Uint8Array, by: Uint8Array): Uint8Array {
  const at = Buffer.from(chunk).indexOf(what);
  return at === -1 ? chunk : Buffer.concat([chunk.subarray(0, at), by, chunk.subarray(at + what.length)]);
}

/** Sends a simple query; all that comes until ReadyForQuery, one byte a character. */
async function query({ socket }: UpstreamConnection, text: string): Promise<string> {
  let answer = "";
  socket.write(encoded((writer) => encodeQuery(writer, { query: Buffer.from(text) })));
  for await (const chunk of on(socket.resume(), "data")) {
    answer += String(chunk[0].toString("latin1"));
    if (answer.endsWith("Z\0\0\0\x05I")) break;
  }
  socket.pause();
  return answer;
}
