import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { IssuerConfig } from "../../src/config/schema.ts";
import { type DemoIssuer, startDemoIssuer } from "../../src/demo/issuer/issuer.ts";
import { createIdentity, type Identity } from "../../src/identity/identity.ts";
import { createLogger } from "../../src/telemetry/log.ts";
import { type CliResult, type TestCli, testCli } from "../support/cli.ts";
import { FakeGateway, HttpApi, liveSession } from "../support/http-api.ts";
import { HeldClock } from "../support/issuer.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

let postgres: TestPostgres;
let issuer: DemoIssuer;
let identity: Identity;
let api: HttpApi;
let gateway: CliGateway;
let cli: TestCli;
let url = "";

/** The gateway of plain data, behind the real HTTP API, that tells of a real issuer. */
class CliGateway extends FakeGateway {
  readonly #issuers: readonly IssuerConfig[];

  constructor(issuers: readonly IssuerConfig[]) {
    super([]);
    this.#issuers = issuers;
  }

  override issuers() {
    return this.#issuers.map(({ url, kind, audience, clientId }) => ({ url, kind, audience: [...audience], clientId }));
  }

  override listener() {
    return { host: "127.0.0.1", port: 6432, tls: false };
  }
}

function entry(kind: "agent" | "human", clientIds: readonly string[]): IssuerConfig {
  const base = { url: issuer.url, audience: ["postern"], groups: "groups", subject: "sub", actor: "act.sub" };
  const times = { clockToleranceMs: 30_000, jwksMaxAgeMs: 86_400_000 };
  return {
    ...base,
    ...times,
    kind,
    where: { client_id: clientIds },
    ...(kind === "human" ? { clientId: "postern-cli" } : {}),
  };
}

beforeAll(async () => {
  postgres = await startPostgres();
  issuer = await startDemoIssuer();
  const issuers = [
    entry("human", ["postern-cli"]),
    entry(
      "agent",
      issuer.clients.map(({ id }) => id),
    ),
  ];
  const logger = createLogger({ level: "error", destination: { write: () => undefined } });
  identity = createIdentity({ issuers, certificates: [], clock: systemClock, logger });
  gateway = new CliGateway(issuers);
  api = await HttpApi.start(postgres.url(), { gateway, identity, limits: { burst: 1000, perSecond: 1000 } });
  const { host, port } = api.parts.server.address;
  url = `http://${host}:${port}`;
  cli = await testCli({ POSTERN_GATEWAY: url });
});
afterAll(async () => {
  await cli[Symbol.asyncDispose]();
  await api.close();
  identity.close();
  await issuer.close();
  await postgres.stop();
});

/** Logs `name` in by the device flow, entering the code that the command shows. */
async function logIn(name: string) {
  let entered: Promise<void> | undefined;
  const result = await cli.run(["login", "--device"], {
    onNote: (text) => {
      const code = /^Code +(\S+)/m.exec(text)?.[1];
      if (code !== undefined) entered = issuer.approveDevice(code, name);
    },
  });
  await entered;
  return result;
}

/** Runs a command as a person whose token is in the environment. */
async function as(name: string, args: readonly string[]): Promise<CliResult> {
  return cli.run(args, { env: { POSTERN_TOKEN: await issuer.tokenFor(name) } });
}

function agentEnvironment(): NodeJS.ProcessEnv {
  const [agent] = issuer.clients;
  return { POSTERN_CLIENT_ID: agent?.id, POSTERN_CLIENT_SECRET: agent?.secret };
}

describe("a person who logs in by the device flow", () => {
  let login: CliResult;
  beforeAll(async () => {
    login = await logIn("dan"); // once: an issuer lets the device ask every five seconds
  });

  it("is shown the address and the code, and is who the gateway says", async () => {
    expect(login).toMatchObject({ status: 0, out: "" });
    expect(login.err).toContain(`Open   ${issuer.url}/device`);
    const me = JSON.parse((await cli.run(["whoami", "-o", "json"])).out);
    expect(me).toMatchObject({ verified: true, kind: "human", subject: "dan", groups: ["platform"], roles: ["admin"] });
    expect(Date.parse(me.expiresAt)).toBeGreaterThan(Date.now());
  });

  it("keeps its token in a file of its own and in no output but that of postern token", async () => {
    const token = (await cli.run(["token"])).out.trim();

    expect(token).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(login.err + (await cli.run(["whoami"])).out).not.toContain(token);
    const files = readdirSync(join(cli.folder, "postern")).map((name) => join(cli.folder, "postern", name));
    expect(files.filter((file) => readFileSync(file, "utf8").includes(token))).toHaveLength(1);
  });

  it("is warned when its token is printed on a terminal", async () => {
    expect((await cli.run(["token"], { columns: 80 })).err).toContain("This is a credential");
    expect((await cli.run(["token"])).err).toBe("");
  });

  it("has its token renewed before it runs out", async () => {
    const first = (await cli.run(["token"])).out;
    const later = new HeldClock(Date.now() + 14.5 * 60_000);

    const second = await cli.run(["token"], { clock: later });

    expect(second.status).toBe(0);
    expect(second.out).not.toBe(first);
    expect((await cli.run(["whoami"])).status).toBe(0);
  });

  it("ends with status 5 where the login cannot be renewed any more", async () => {
    const copy = join(cli.folder, "copy");
    cpSync(join(cli.folder, "postern"), join(copy, "postern"), { recursive: true });
    for (const name of readdirSync(join(copy, "postern"))) {
      const path = join(copy, "postern", name);
      const kept = JSON.parse(readFileSync(path, "utf8"));
      if ("refreshToken" in kept)
        writeFileSync(path, JSON.stringify({ ...kept, refreshToken: "gone", expiresAtMs: 1 }));
    }

    const { status, err } = await cli.run(["token"], { env: { XDG_STATE_HOME: copy } });

    expect(status).toBe(5);
    expect(err).toContain("the login has run out");
  });

  it("is logged out: the files are gone, and what follows ends with status 5", async () => {
    const logout = await cli.run(["logout"]);
    const after = await cli.run(["whoami"]);

    expect(logout.err).toContain("deleted and revoked at the issuer");
    expect(readdirSync(join(cli.folder, "postern"))).toEqual([]);
    expect(after).toMatchObject({ status: 5, out: "" });
    expect(after.err).toContain(`postern login --gateway ${url}`);
  });

  it("gives up when interrupted", async () => {
    const interrupt = new AbortController();

    const { status, err } = await cli.run(["login", "--device"], {
      signal: interrupt.signal,
      onNote: (text) => {
        if (text.startsWith("Waiting")) interrupt.abort();
      },
    });

    expect(status).toBe(1);
    expect(err).toContain("nobody is logged in");
  });
});

describe("an agent that logs in by its secret", () => {
  it("gets a token for the gateway without a prompt, from the environment or a file", async () => {
    const { POSTERN_CLIENT_ID, POSTERN_CLIENT_SECRET } = agentEnvironment();
    writeFileSync(join(cli.folder, "secret"), `${POSTERN_CLIENT_SECRET}\n`, { mode: 0o600 });

    const token = await cli.run(["token"], { env: { POSTERN_CLIENT_ID, POSTERN_CLIENT_SECRET_FILE: "secret" } });

    expect(token).toMatchObject({ status: 0, err: "" });
    const [, claims = ""] = token.out.split(".");
    expect(JSON.parse(Buffer.from(claims, "base64url").toString())).toMatchObject({
      aud: "postern",
      sub: POSTERN_CLIENT_ID,
    });
  });

  it("asks the issuer once while its token runs", async () => {
    const env = agentEnvironment();

    expect((await cli.run(["token"], { env })).out).toBe((await cli.run(["token"], { env })).out);
  });

  it("is told that the API is for people, and what its token says", async () => {
    const { status, out, err } = await cli.run(["whoami", "-o", "json"], { env: agentEnvironment() });

    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ verified: false, kind: "agent", subject: "report-agent" });
    expect(err).toContain("answers people only");
  });

  it("with a wrong secret ends with status 3, the secret in no output", async () => {
    const env = { ...agentEnvironment(), POSTERN_CLIENT_SECRET: "planted-wrong-secret" };

    const { status, out, err } = await cli.run(["login"], { env });

    expect(status).toBe(3);
    expect(err).toContain("says no");
    expect(out + err).not.toContain("planted-wrong-secret");
  });
});

describe("postern url", () => {
  it("prints where and as whom, and no token", async () => {
    expect((await as("dan", ["url", "shop"])).out).toBe("postgresql://agent@127.0.0.1:6432/shop?sslmode=disable\n");
    expect(JSON.parse((await as("dan", ["url", "shop", "--role", "r w", "-o", "json"])).out)).toMatchObject({
      url: "postgresql://r%20w@127.0.0.1:6432/shop?sslmode=disable",
      user: "r w",
    });
  });

  it("of a database that is not there names those that are", async () => {
    expect(await as("dan", ["url", "shoop"])).toMatchObject({ status: 2, err: expect.stringContaining("one of shop") });
  });

  it("asks an agent for its role, which it cannot look up", async () => {
    const env = agentEnvironment();

    expect(await cli.run(["url", "shop"], { env })).toMatchObject({
      status: 2,
      err: expect.stringContaining("--role"),
    });
    expect((await cli.run(["url", "shop", "--role", "agent"], { env })).status).toBe(0);
  });
});

describe("postern databases", () => {
  it("shows roles to an admin", async () => {
    expect(JSON.parse((await as("dan", ["databases", "-o", "json"])).out)).toEqual([
      { name: "shop", environment: "prod", roles: ["agent"], defaultRole: "agent" },
    ]);
    expect((await as("dan", ["databases"])).out).toMatch(
      /^NAME +ENVIRONMENT +ROLES +DEFAULT ROLE\nshop +prod +agent +agent\n$/,
    );
  });

  it("shows names to a person without a right", async () => {
    expect(JSON.parse((await as("sam", ["databases", "-o", "json"])).out)).toEqual([
      { name: "shop", environment: null, roles: null, defaultRole: null },
    ]);
  });
});

describe("postern sessions", () => {
  it("lists live sessions as a table, and as objects for programs", async () => {
    gateway.live = [liveSession("ses_one"), liveSession("ses_two", { activity: "active" })];

    const table = await as("dan", ["sessions", "ls"]);
    const lines = (await as("dan", ["sessions", "ls", "-o", "jsonl"])).out.trim().split("\n");

    expect(table.out).toMatch(/^SESSION +STATE +PRINCIPAL/);
    expect(table.out).toMatch(/ses_two +active/);
    expect(lines.map((line) => JSON.parse(line).id).sort()).toEqual(["ses_one", "ses_two"]);
  });

  it("says so where there is none, and prints an empty list for programs", async () => {
    gateway.live = [];

    expect((await as("dan", ["sessions", "ls"])).out).toBe("No session.\n");
    expect((await as("dan", ["sessions", "ls", "-o", "json"])).out).toBe("[]\n");
    expect((await as("dan", ["sessions", "ls", "-o", "jsonl"])).out).toBe("");
  });

  it("shows one with its statements", async () => {
    gateway.live = [liveSession("ses_one")];

    const { status, out } = await as("dan", ["sessions", "show", "ses_one"]);

    expect(status).toBe(0);
    expect(out).toMatch(/^session +ses_one\nstate +idle/);
    expect(out).toContain("assistant (verified)");
    expect(out).toContain("No statement yet.");
    expect(JSON.parse((await as("dan", ["sessions", "show", "ses_one", "-o", "json"])).out)).toMatchObject({
      id: "ses_one",
      statementList: [],
    });
  });

  it("ends one, once", async () => {
    gateway.live = [liveSession("ses_one")];

    expect((await as("dan", ["sessions", "kill", "ses_one", "--reason", "runaway"])).err).toBe(
      "Session ses_one is ended.\n",
    );
    expect((await as("dan", ["sessions", "kill", "ses_one", "--reason", "again"])).status).toBe(1);
  });

  it("are refused with status 3 to a person without the right, in the gateway's words", async () => {
    const { status, err } = await as("sam", ["sessions", "ls"]);

    expect(status).toBe(3);
    expect(err).toContain("Your groups do not give the role that this needs");
  });
});

describe("postern freeze", () => {
  it("locks a principal out, lists it, and lets it in again", async () => {
    const principal = "https://agents.example.test bot/1 (assistant)";

    expect((await as("dan", ["freeze", principal, "--reason", "leaked"])).err).toBe(`${principal} is frozen.\n`);
    expect((await as("dan", ["freeze", principal, "--reason", "leaked"])).err).toContain("it was so already");
    expect(JSON.parse((await as("dan", ["freeze", "--list", "-o", "json"])).out)).toMatchObject([
      { id: principal, reason: "leaked" },
    ]);
    expect((await as("dan", ["unfreeze", principal, "--reason", "new secret"])).err).toBe(
      `${principal} may connect again.\n`,
    );
    expect((await as("dan", ["freeze", "--list"])).out).toBe("Nobody is frozen.\n");
  });
});

describe("a gateway that is not there", () => {
  it("is named, with what to check", async () => {
    const { status, err } = await cli.run(["login", "--device", "--gateway", "http://127.0.0.1:9"]);

    expect(status).toBe(1);
    expect(err).toMatch(/http:\/\/127\.0\.0\.1:9 cannot be reached: .+\n {2}check --gateway/);
  });
});

describe("a token that the environment gives", () => {
  it("is used as it is", async () => {
    const env = { POSTERN_TOKEN: await issuer.tokenFor("carol") };

    expect(JSON.parse((await cli.run(["whoami", "-o", "json"], { env })).out)).toMatchObject({
      subject: "carol",
      roles: ["auditor"],
    });
    expect((await cli.run(["token"], { env })).out.trim()).toBe(env.POSTERN_TOKEN);
  });

  it("and that the gateway does not take ends with status 3 or 5", async () => {
    const { status, err } = await cli.run(["whoami"], { env: { POSTERN_TOKEN: "planted-nonsense" } });

    expect([3, 5]).toContain(status);
    expect(err).not.toContain("planted-nonsense");
  });
});
