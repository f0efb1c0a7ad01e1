/**
 * Planted secrets, used in every way that people and agents use them, rightly and wrongly; then everything that Postern has said
 * or kept is searched for them. The same search finds what is known to be there.
 */

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join, sep } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Secret } from "../../src/base/secret.ts";
import { type Authority, createAuthority } from "../../src/demo/certificates.ts";
import { encoded } from "../../src/wire/encode.ts";
import { encodeOAuthBearerResponse } from "../../src/wire/oauthbearer.ts";
import { encodePasswordMessage, encodeSASLInitialResponse } from "../../src/wire/password.ts";
import { encodeStartupMessage } from "../../src/wire/startup.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { forge, startIssuer, type TestIssuer } from "../support/issuer.ts";
import { readLog } from "../support/log-entries.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, summary } from "../support/raw-client.ts";

const plant = (what: string) => `planted-${what}-${randomBytes(9).toString("hex")}`;

/** Nobody may read these anywhere. By what each is, so that a finding says what was found and not the value. */
const secrets = new Map<string, string>();
/** What agents write in SQL. The server and the agent's own error messages may repeat it to that agent; nothing else may. */
const inStatements = new Map<string, string>();
/** Known to be there: the guard against a search that finds nothing. */
const SUBJECT = "planted-public-subject";

function keep<Value extends string>(map: Map<string, string>, name: string, value: Value): Value {
  map.set(name, value);
  return value;
}

/** A token, with its parts: also half of one must be nowhere. The header is the same in all and no secret. */
function keepToken(name: string, token: string): string {
  const [, payload = "", signature = ""] = token.split(".");
  keep(secrets, name, token);
  keep(secrets, `signature of ${name}`, signature === "" ? token : signature);
  keep(secrets, `part of the payload of ${name}`, payload.slice(-60, -20)); // the beginning is the issuer, in all alike
  return token;
}

/** Everything that was said or kept, by where. */
const said = new Map<string, Buffer[]>();
function hear(where: string, bytes: Uint8Array | string): void {
  said.set(where, [...(said.get(where) ?? []), Buffer.from(bytes)]);
}

let folder: string;
let upstream: TestPostgres;
let control: TestPostgres;
let agents: TestIssuer;
let people: TestIssuer;
let authority: Authority;
let gateway: TestGateway;
const upstreamPassword = keep(secrets, "the upstream password", plant("upstream"));
const storePassword = keep(secrets, "the store password", plant("store"));
const wrongPassword = keep(secrets, "a wrong upstream password", plant("wrong"));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-secrets-"));
  [upstream, control, agents, people] = await Promise.all([
    startPostgres(),
    startPostgres(),
    startIssuer(),
    startIssuer(),
  ]);
  await upstream.psql(`CREATE ROLE worker LOGIN CREATEROLE PASSWORD '${upstreamPassword}'`);
  await control.psql(`CREATE ROLE keeper LOGIN PASSWORD '${storePassword}'`);
  await control.psql("CREATE DATABASE control OWNER keeper");
  authority = await createAuthority("Planted authority");
  const issued = await authority.issue({ commonName: "localhost", dnsNames: ["localhost"], ipAddresses: [] });
  await writeFile(join(folder, "server.crt"), issued.certificate);
  await writeFile(join(folder, "server.key"), issued.key, { mode: 0o600 });
  await writeFile(join(folder, "wrong.pw"), wrongPassword, { mode: 0o600 });
  keep(secrets, "the TLS private key", pemBody(issued.key));
  gateway = await startGateway(options(issued.key === "" ? "" : folder));
}, 120_000);
afterAll(async () => {
  await gateway?.stop();
  await Promise.all([agents?.close(), people?.close(), upstream?.stop(), control?.stop()]);
  await rm(folder, { recursive: true, force: true });
});

/** A line of the key itself; the lines of every such key begin alike. */
function pemBody(pem: string): string {
  const lines = pem.split("\n").filter((line) => line !== "" && !line.startsWith("-----"));
  return (lines[1] ?? lines[0] ?? "").slice(0, 40);
}

function options(tlsFolder: string) {
  const database = (host: { host: string; port: number }, password: object) => ({
    host: host.host,
    port: host.port,
    database: "postgres",
    environment: "test",
    tls: { mode: "disable" },
    roles: { worker: { user: "worker", password, groups: ["agents"] } },
    defaultRole: "worker",
  });
  const issuer = { audience: "postern", groups: "groups" };
  return {
    postgres: upstream,
    issuer: agents,
    dataPath: join(folder, "data"),
    role: { user: "worker", password: upstreamPassword },
    env: { POSTERN_LOG_LEVEL: "debug" },
    config: {
      gateway: {
        name: "secrets",
        listen: { host: "127.0.0.1", port: 0 },
        tls: { cert: join(tlsFolder, "server.crt"), key: join(tlsFolder, "server.key") },
        http: { host: "127.0.0.1", port: 0 },
      },
      store: { url: `postgres://keeper:${storePassword}@${control.host}:${control.port}/control` },
      issuers: [
        { ...issuer, url: agents.url, kind: "agent", where: { client_id: ["planted"] } },
        { ...issuer, url: people.url, kind: "human" },
      ],
      roles: { admin: ["platform"] },
      databases: {
        shop: database(upstream, { file: "agent.pw" }),
        locked: database(upstream, { file: join(folder, "wrong.pw") }),
        down: database({ host: "127.0.0.1", port: 1 }, { file: "agent.pw" }),
      },
    },
  };
}

/** A client over TLS of whose connection every byte received is kept. */
async function dial(): Promise<RawClient> {
  const socket = connectTls({
    host: gateway.host,
    port: gateway.port,
    ca: authority.certificate,
    servername: "localhost",
    ALPNProtocols: ["postgresql"],
  });
  await once(socket, "secureConnect");
  socket.on("data", (chunk: Buffer) => hear("messages to clients", chunk));
  return RawClient.connect({ host: "", port: 0, socket });
}

async function tryLogin(parameters: Readonly<Record<string, string>>, password: string): Promise<string | undefined> {
  const client = await dial();
  client.send((w) => encodeStartupMessage(w, { minor: 0, parameters: new Map(Object.entries(parameters)) }));
  client.send((w) => encodePasswordMessage(w, { password }));
  const last = summary(await client.until("ReadyForQuery")).at(-1);
  client.destroy();
  return last;
}

/** A token of the usual agent that also carries a secret, which an issuer should not have put there. */
const mint = (name: string, claims: Readonly<Record<string, unknown>> = {}) =>
  agents
    .mint({
      client_secret: keep(secrets, `the client secret in ${name}`, plant("claim")),
      sub: SUBJECT,
      client_id: "planted",
      groups: ["agents"],
      ...claims,
    })
    .then((token) => keepToken(name, token));

const here = { user: "worker", database: "shop" };

async function oauth(token: string): Promise<void> {
  const client = await dial();
  const parameters = new Map(Object.entries({ ...here, options: "-c postern.authentication=oauthbearer" }));
  client.send((w) => encodeStartupMessage(w, { minor: 0, parameters }));
  await client.until("AuthenticationSASL");
  const data = encodeOAuthBearerResponse(new Secret(token));
  client.send((w) => encodeSASLInitialResponse(w, { mechanism: "OAUTHBEARER", data }));
  const first = await client.next();
  if (first?.type === "AuthenticationSASLContinue")
    client.send(encoded((w) => w.begin(0x70).bytes(Uint8Array.of(1)).end()));
  await client.until("ReadyForQuery");
  client.destroy();
}

/** Good and bad logins, with the token and the password in every wrong place. */
async function logins(): Promise<void> {
  expect(await tryLogin(here, await mint("a good token"))).toBe("ReadyForQuery idle");
  const past = Math.floor(Date.now() / 1000) - 3_600;
  const bad = [
    await mint("an expired token", { exp: past }),
    await mint("a token for others", { aud: "other" }),
    await mint("a token of another issuer", { iss: "https://other.example" }),
    await mint("a token without the claim", { client_id: "somebody" }),
    `${(await mint("a token with another signature")).slice(0, -6)}AAAAAA`,
    keepToken("an unsigned token", forge({ alg: "none" }, { s: plant("unsigned"), sub: SUBJECT })),
    keep(secrets, "a password in place of a token", plant("password")),
  ];
  for (const token of bad) expect(await tryLogin(here, token)).toBe("ErrorResponse 28000");
  // A short header leaves most room for the payload, where a field is cut.
  const misplaced = keepToken(
    "a misplaced token",
    forge({ alg: "RS256" }, { s: plant("misplaced"), sub: SUBJECT }, randomBytes(64)),
  );
  keep(secrets, "beginning of the payload of a misplaced token", misplaced.split(".")[1]?.slice(0, 40) ?? "");
  const good = await mint("a second good token");
  for (const parameters of [
    { ...here, user: misplaced },
    { ...here, database: misplaced },
    { ...here, application_name: misplaced },
    { ...here, application_name: `client ${misplaced}` },
    { ...here, options: `-c search_path=${misplaced}` },
    { ...here, options: misplaced },
    { ...here, options: `-c ${misplaced}=on` },
    { ...here, client_encoding: misplaced },
    { ...here, DateStyle: misplaced },
    { ...here, [misplaced]: "on" },
  ])
    await tryLogin(parameters, good);
  await oauth(await mint("a bearer token"));
  await oauth(await mint("an expired bearer token", { exp: past }));
}

/** Statements with a password in them, right and wrong, and upstreams that are down or refuse. */
async function statements(): Promise<void> {
  const token = await mint("a third good token");
  const client = await dial();
  await client.login({ ...here, application_name: "statements" }, token);
  const inRole = keep(inStatements, "the password in ALTER ROLE", plant("alter"));
  const inError = keep(inStatements, "the password in a syntax error", plant("syntax"));
  const inFailure = keep(inStatements, "the value in an error of the server", plant("failure"));
  const answers: string[] = [];
  for (const text of [
    `CREATE ROLE planted PASSWORD '${inRole}'`,
    `ALTER ROLE planted PASSWORD '${inRole}'`,
    `ALTER ROLE planted PASSWORDD '${inError}'`,
    `ALTER ROLE planted '${inError}'`,
    `SELECT '${inFailure}'::int`,
    `SET search_path = '${inFailure}'`,
    `SET ROLE "${inFailure}"`,
    `DO $$ BEGIN RAISE NOTICE '${inFailure}'; END $$`,
    `SET application_name = '${inFailure}'`,
  ]) {
    answers.push(...summary(await client.query(text)));
  }
  client.destroy();
  expect(answers).toContain("CommandComplete ALTER ROLE");
  expect(answers).toContain("ErrorResponse 42601");
  expect(answers).toContain("ErrorResponse 22P02");
  expect(await tryLogin({ ...here, database: "locked" }, token)).toBe("ErrorResponse 08006");
  expect(await tryLogin({ ...here, database: "down" }, token)).toBe("ErrorResponse 08006");
}

interface Ask {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One request over HTTP, whose answer is kept. */
async function ask(where: string, path: string, { method = "GET", headers = {}, body }: Ask = {}): Promise<string> {
  const url = new URL(gateway.http);
  const asking = request({ host: url.hostname, port: url.port, path, method, headers, agent: false });
  asking.end(body);
  const [response] = await once(asking, "response");
  let text = `${response.statusCode} ${JSON.stringify(response.headers)}\n`;
  for await (const chunk of response) text += String(chunk);
  hear(where, text);
  return text;
}

async function httpCalls(): Promise<void> {
  const admin = keepToken("an admin's token", await people.mint({ sub: "ann", groups: ["platform"] }));
  const agent = await mint("an agent's token at the HTTP port");
  const basic = Buffer.from(`ann:${keep(secrets, "a password for HTTP", plant("basic"))}`).toString("base64");
  keep(secrets, "basic credentials", basic);
  const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
  const json = { "content-type": "application/json" };
  await gateway.running.indexed(); // else the list of sessions may still be empty, and nothing would be searched
  expect(await ask("the HTTP API", "/api/v1/sessions", { headers: bearer(admin) })).toMatch(/^200 /);
  expect(await ask("the HTTP API", "/api/v1/sessions", { headers: bearer(agent) })).toMatch(/^403 /);
  for (const [path, options] of [
    ["/api/v1/whoami", { headers: bearer(admin) }],
    ["/api/v1/whoami", { headers: bearer(`${agent.slice(0, -6)}AAAAAA`) }],
    ["/api/v1/whoami", { headers: { authorization: `Basic ${basic}` } }],
    ["/api/v1/whoami", { headers: { cookie: `session=${admin}` } }],
    [`/api/v1/whoami?access_token=${admin}`, {}],
    [`/api/v1/sessions?principal=${agent}`, { headers: bearer(admin) }],
    [`/api/v1/sessions/${agent}`, { headers: bearer(admin) }],
    [
      `/api/v1/sessions/${agent}/kill`,
      { method: "POST", headers: { ...bearer(admin), ...json }, body: '{"reason":"x"}' },
    ],
    [`/${admin}`, {}],
    [
      "/api/v1/principals/x/freeze",
      { method: "POST", headers: { ...bearer(admin), ...json }, body: `{"token":"${agent}"` },
    ],
    ["/api/v1/principals/x/freeze", { method: "POST", headers: { ...bearer(admin), ...json }, body: `{"${agent}":1}` }],
  ] as const satisfies readonly (readonly [string, Ask])[])
    await ask("the HTTP API", path, options);
}

/** The control store away for a while, and an own gateway that has never been let in. */
async function storeTroubles(): Promise<void> {
  await control.pause();
  await ask("the HTTP API", "/api/v1/sessions", {
    headers: {
      authorization: `Bearer ${keepToken("a late token", await people.mint({ sub: "ann", groups: ["platform"] }))}`,
    },
  });
  await ask("/readyz", "/readyz");
  await control.start();
  const wrong = keep(secrets, "a wrong store password", plant("badstore"));
  const base = options(folder);
  const url = `postgres://keeper:${wrong}@${control.host}:${control.port}/control`;
  const refused = await startGateway({
    ...base,
    dataPath: join(folder, "data-2"),
    config: { ...base.config, store: { url } },
  });
  hear("/readyz", await (await fetch(`${refused.http}/readyz`)).text());
  await refused.stop();
  for (const line of refused.logLines) hear("the operator's log", line);
}

/** Every row of every table of the control store, as text. */
async function dumpStore(): Promise<void> {
  const tables = await control.psql(
    "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    "control",
  );
  for (const table of tables.split("\n")) {
    hear("the control store", `${table}\n${await control.psql(`SELECT t::text FROM ${table} t`, "control")}`);
  }
}

async function readData(path: string): Promise<void> {
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const bytes = await readFile(file);
    if (file.slice(path.length).split(sep).includes("keys")) {
      const text = bytes.toString("latin1");
      keep(
        secrets,
        `${entry.name} of ${path.slice(folder.length)}`,
        text.includes("-----") ? lastBytes(text) : text.trim(),
      );
    } else hear("the data folder", bytes);
  }
}

/** Of an Ed25519 key's 48 bytes of PKCS#8, the key itself is the end. */
const lastBytes = (pem: string) =>
  pem
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("-----"))[0]
    ?.slice(-40) ?? "";

/** The forms in which a value may hide. */
function forms(value: string): Buffer[] {
  const bytes = Buffer.from(value);
  const quoted = JSON.stringify(value).slice(1, -1);
  const base64 = bytes.toString("base64").replace(/=+$/, "").slice(0, -1);
  const base64url = bytes.toString("base64url").slice(0, -1);
  const texts = [value, quoted, encodeURIComponent(value), base64, base64url, bytes.toString("hex")];
  return [...new Set(texts)].map((text) => Buffer.from(text));
}

/** Where the value is: never the value itself, which would put it into the test's output. */
function findings(values: ReadonlyMap<string, string>, except: readonly string[] = []): string[] {
  return [...said].flatMap(([where, pieces]) => {
    if (except.includes(where)) return [];
    const all = Buffer.concat(pieces);
    return [...values]
      .filter(([, value]) => forms(value).some((form) => all.includes(form)))
      .map(([name]) => `${name} in ${where}`);
  });
}

describe("a secret", () => {
  beforeAll(async () => {
    await logins();
    await statements();
    await httpCalls();
    await storeTroubles();
    await gateway.running.indexed();
    while (!(await ask("/readyz", "/readyz")).startsWith("200 "));
    await ask("/metrics", "/metrics");
    await readData(gateway.dataPath); // with the journal, which an orderly stop may clear
    const entries = await readLog(join(gateway.dataPath, "log", gateway.running.instance));
    hear("the entries", JSON.stringify(entries));
    await gateway.running.stop("searched");
    await readData(gateway.dataPath);
    await readData(join(folder, "data-2"));
    await dumpStore();
    for (const line of gateway.logLines) hear("the operator's log", line);
    hear("the upstream's own log", await upstream.log());
    hear("the control store's own log", await control.log());
  }, 120_000);

  it("is nowhere in what Postern has said or kept", () => {
    expect([...secrets.keys()]).toEqual(
      expect.arrayContaining([
        "the upstream password",
        "the TLS private key",
        "log.key of /data",
        "commitment.key of /data",
      ]),
    );
    expect([...secrets].filter(([, value]) => value.length < 16)).toEqual([]);
    expect(findings(secrets)).toEqual([]);
  });

  it("that stands in a statement is told to nobody but the agent that sent it, and the server", () => {
    expect(findings(inStatements, ["messages to clients", "the upstream's own log"])).toEqual([]);
  });

  it.each([
    "utf8",
    "base64",
    "base64url",
    "hex",
  ] as const)("would be found as %s, in the middle of other bytes", (form) => {
    const where = `something in ${form}`;
    const value = 'hidden "value"/in\\every form';

    hear(where, `before ${Buffer.from(value).toString(form)} after`);

    expect(findings(new Map([["hidden", value]]))).toContain(`hidden in ${where}`);
  });

  it("would be found at every place: what is known to be there is", () => {
    const known = new Map([
      ["the subject", SUBJECT],
      ["an address", agents.url],
      ["a code", "28000"],
      ["a metric", "postern_statements_total"],
      ["a check", "control store"],
      ["a problem", "urn:postern:problem"],
      ["an application", "statements"],
      ["a reason", "session refused"],
      ["a value of a statement", inStatements.get("the value in an error of the server") ?? ""],
    ]);

    const found = findings(known);

    expect(found).toEqual(
      expect.arrayContaining([
        "the subject in the entries",
        "the subject in the data folder",
        "the subject in the control store",
        "a code in messages to clients",
        "a reason in the operator's log",
        "a metric in /metrics",
        "a check in /readyz",
        "a problem in the HTTP API",
        "the subject in the HTTP API",
        "an application in the upstream's own log",
        "a value of a statement in messages to clients",
      ]),
    );
  });
});
