import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { checkConfig, loadConfig } from "./load.ts";
import { ConfigError, formatProblem } from "./problems.ts";

let folder = "";
let count = 0;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-config-"));
  for (const file of ["server.crt", "ca.crt"]) writeFileSync(join(folder, file), "PEM");
  for (const file of ["server.key", "agent.pw", "hook.key"])
    writeFileSync(join(folder, file), "from-a-file\n", { mode: 0o600 });
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(text: string): string {
  const path = join(folder, `postern-${count++}.yaml`);
  writeFileSync(path, text);
  return path;
}

/** What `checkConfig` says of `text`, each as `line:column key: message (suggestion)`. */
function problems(text: string, env: NodeJS.ProcessEnv = {}): readonly string[] {
  const path = file(text);
  return checkConfig(path, env).problems.map((problem) => formatProblem(problem).slice(path.length + 1));
}

const MINIMAL = `gateway: { name: shop, tls: off }
policyMode: none
store: { url: "postgres://postern@127.0.0.1/postern" }
issuers:
  - { url: "https://idp.example.com", audience: postern, kind: agent }
databases:
  shop:
    host: 127.0.0.1
    database: shop
    environment: prod
    tls: { mode: disable }
    roles:
      agent: { user: agent, groups: [agents] }
    defaultRole: agent
`;

const EVERY_KEY_OF_THE_DESIGN = `
gateway:
  name: shop                         # origin of the audit log
  listen: { host: 127.0.0.1, port: 6432 }
  tls: { cert: server.crt, key: server.key, clientCa: ca.crt }
  http: { host: 127.0.0.1, port: 8432, publicUrl: "http://127.0.0.1:8432" }
data: ./postern-data
store: { url: "postgres://postern@127.0.0.1:5433/postern" }
issuers:
  - url: https://idp.example.com
    audience: postern
    kind: agent
    groups: groups
    subject: sub
    actor: act.sub
    where: { repository: acme/shop }
databases:
  shop:
    host: 127.0.0.1
    port: 5432
    database: shop
    environment: prod
    tls: { mode: verify-full, ca: ca.crt }
    roles:
      agent: { user: agent, password: { file: agent.pw }, groups: [agents] }
    defaultRole: agent
policy: ./policy
labels: ./labels.yaml
limits: { agents: { rows: 10000, statementsPerMinute: 600, statementSeconds: 30 } }
approvals: { wait: 5m, notify: [ { webhook: { url: "https://hooks.example.com/a", secret: { file: hook.key } } } ] }
recording: { rowsPerStatement: 1000, retention: 400d }
audit: { durability: default, witnesses: [] }
roles: { reviewer: [dba], auditor: [audit], admin: [platform] }
`;

describe("a configuration as the design writes it", () => {
  it("is taken with every key, units resolved and paths absolute", () => {
    const config = loadConfig(file(EVERY_KEY_OF_THE_DESIGN), {});

    expect(config.gateway).toEqual({
      name: "shop",
      listen: {
        host: "127.0.0.1",
        port: 6432,
        startupTimeoutMs: 10_000,
        authentication: "password",
        maxSessions: 2000,
      },
      tls: {
        certPath: join(folder, "server.crt"),
        keyPath: join(folder, "server.key"),
        clientCaPath: join(folder, "ca.crt"),
      },
      http: { host: "127.0.0.1", port: 8432, publicUrl: "http://127.0.0.1:8432" },
    });
    expect(config.dataPath).toBe(join(folder, "postern-data"));
    expect(config.issuers[0]).toMatchObject({
      audience: ["postern"],
      clockToleranceMs: 30_000,
      jwksMaxAgeMs: 86_400_000,
    });
    expect(config.issuers[0]?.where["repository"]).toBe("acme/shop");
    expect(config.databases["shop"]).toMatchObject({
      tls: { mode: "verify-full", caPath: join(folder, "ca.crt") },
      connectTimeoutMs: 10_000,
      maxConnections: 100,
    });
    expect(config.limits).toEqual({
      agents: { rows: 10_000, statementsPerMinute: 600, statementSeconds: 30 },
      people: {},
      groups: {},
      session: { idleMs: 3_600_000, idleInTransactionMs: 600_000, lifetimeMs: 86_400_000 },
      statementBytes: 65_536,
      preparedStatements: 4096,
      portals: 1024,
      messageBytes: 268_435_456,
    });
    expect(config.approvals.waitMs).toBe(300_000);
    expect(config.recording.retentionMs).toBe(34_560_000_000);
    expect(config.roles).toEqual({ reviewer: ["dba"], auditor: ["audit"], admin: ["platform"] });
  });

  it("may name an issuer twice, with another audience or other conditions", () => {
    const again = `  - { url: "https://idp.example.com", audience: console, kind: human }\n`;

    expect(problems(MINIMAL.replace("databases:", `${again}databases:`))).toEqual([]);
  });

  it("has limits by group, bytes among them, and finds none by a name that every object has", () => {
    const limits = "limits: { groups: { etl: { bytes: 64MiB, rows: 5 } }, people: { statementSeconds: 9 } }\n";
    const config = loadConfig(file(`${MINIMAL}${limits}`), {});

    expect({ ...config.limits.groups }).toEqual({ etl: { bytes: 67_108_864, rows: 5 } });
    expect(config.limits).toMatchObject({ agents: {}, people: { statementSeconds: 9 } });
    expect(config.limits.groups["constructor"]).toBeUndefined();
  });

  it("is frozen, through and through", () => {
    const config = loadConfig(file(EVERY_KEY_OF_THE_DESIGN), {});

    expect(Object.isFrozen(config.gateway.listen)).toBe(true);
    expect(Object.isFrozen(config.databases["shop"]?.roles["agent"]?.groups)).toBe(true);
  });

  it("finds no database by a name that every object has", () => {
    const config = loadConfig(file(MINIMAL), {});

    expect(config.databases["constructor"]).toBeUndefined();
    expect(config.databases["shop"]?.roles["toString"]).toBeUndefined();
  });
});

describe("a configuration with mistakes", () => {
  it("is refused with all of them, each with its line, column and what was probably meant", () => {
    const found = problems(`gateway:
  name: shop
  listen: { hots: 127.0.0.1, port: 99999 }
  tls: of
isuers: []
store: { url: "" }
databases:
  shop:
    host: 127.0.0.1
    port: many
    environment: prod
    tls: { mode: verify-ful }
    roles:
      agent: { user: agent, groups: [] }
    defaultRole: agent
limits: { session: { idle: 90 } }
`);

    expect(found).toEqual([
      '3:13: gateway.listen.hots: unknown key (did you mean "host"?)',
      "3:36: gateway.listen.port: expected at most 65535",
      '4:8: gateway.tls: expected off or a block with cert, key, clientCa, found text (did you mean "off"?)',
      '5:1: isuers: unknown key (did you mean "issuers"?)',
      "6:15: store.url: expected a secret that is not empty",
      "8:3: databases.shop.database: this key is missing (Name of the database on the server.)",
      "10:11: databases.shop.port: expected a whole number, found text",
      '12:18: databases.shop.tls.mode: expected verify-full or disable (did you mean "verify-full"?)',
      "14:37: databases.shop.roles.agent.groups: expected at least one",
      "16:28: limits.session.idle: expected a duration such as 500ms, 90s, 5m, 8h or 400d, found a number",
    ]);
  });

  it("says where a key belongs that stands at the wrong place", () => {
    expect(problems(MINIMAL.replace("tls: off }", "tls: off, publicUrl: x }"))).toEqual([
      "1:34: gateway.publicUrl: unknown key (it belongs under gateway.http)",
    ]);
  });

  it("throws a ConfigError that prints file, line and column", () => {
    const path = file(MINIMAL.replace("kind: agent", "kind: robot"));

    expect(() => loadConfig(path, {})).toThrow(ConfigError);
    expect(() => loadConfig(path, {})).toThrow(`${path}:5:64: issuers[0].kind: expected agent or human`);
  });

  it.each([
    [
      "a key given twice",
      `${MINIMAL}audit: {}\naudit: {}\n`,
      "16:1: this key stands here already (keep one of the two)",
    ],
    ["text that is no YAML", "gateway: {", "1:11: not valid YAML"],
    ["an empty file", "", "1:1: gateway: this key is missing"],
    ["a list instead of keys", "- a", "1:1: expected a block with gateway"],
    [
      "a database name that no URL can carry",
      MINIMAL.replace("  shop:", "  sh op:"),
      "7:3: databases.sh op: this name will not do",
    ],
    [
      "a timer beyond what timers hold",
      `${MINIMAL}limits: { session: { lifetime: 30d } }`,
      "15:32: limits.session.lifetime: expected a duration of more than 0 and at most 24d",
    ],
    [
      "a size that is too small",
      `${MINIMAL}limits: { messageSize: 1B }`,
      "15:24: limits.messageSize: expected a size from 64KiB to 1GiB",
    ],
    [
      "a role that is not there",
      MINIMAL.replace("defaultRole: agent", "defaultRole: agnet"),
      '14:18: databases.shop.defaultRole: there is no role "agnet" under roles (did you mean "agent"?)',
    ],
    [
      "no TLS beyond loopback",
      MINIMAL.replace("tls: off", "listen: { host: 0.0.0.0 }, tls: off"),
      "1:56: gateway.tls: off is for a loopback address",
    ],
    ["an issuer in the clear", MINIMAL.replace("https:", "http:"), "5:12: issuers[0].url: expected https"],
    ["an issuer that is no address", MINIMAL.replace("https:", "ftp:"), "5:12: issuers[0].url: expected an address"],
    [
      "an issuer twice",
      MINIMAL.replace(
        "databases:",
        `  - { url: "https://idp.example.com/", audience: postern, kind: human }\ndatabases:`,
      ),
      "6:12: issuers[1].url: issuers[0] is the same, with the same audience",
    ],
    [
      "a certificate that nobody asks for",
      `${MINIMAL}certificates: [{ subject: "CN=a", principal: { subject: a } }]`,
      "15:1: certificates: no client certificate is ever asked for",
    ],
    [
      "a certificate named in two ways",
      `${EVERY_KEY_OF_THE_DESIGN}certificates: [{ subject: "CN=a", spiffe: "spiffe://a.example/b", principal: { subject: a } }]`,
      "expected either spiffe or subject",
    ],
    [
      "a key without its certificate",
      MINIMAL.replace("user: agent,", "user: agent, key: server.key,"),
      "13:34: databases.shop.roles.agent.key: key is of no use without cert",
    ],
    [
      "TLS files where TLS is off",
      MINIMAL.replace("mode: disable", "mode: disable, ca: ca.crt"),
      "has no effect with mode: disable",
    ],
    [
      "a file that is not there",
      MINIMAL.replace("tls: off", "tls: { cert: gone.crt, key: server.key }"),
      "no such file",
    ],
    ["no policy", MINIMAL.replace("policyMode: none\n", ""), "policy: is missing: nothing would be permitted"],
    ["a shadow of no policy", MINIMAL.replace("Mode: none", "Mode: shadow"), "policy: is missing"],
    [
      "labels without a policy",
      `${MINIMAL}labels: ./labels.yaml\n`,
      "labels: nothing would be masked where policyMode is none",
    ],
    [
      "labels beside a shadow",
      `${MINIMAL.replace("Mode: none", "Mode: shadow")}policy: ./policy\nlabels: ./labels.yaml\n`,
      "labels: nothing would be masked where policyMode is shadow",
    ],
    ["a policy that is not used", `${MINIMAL}policy: ./policy\n`, "the policy is not used"],
    [
      "a limit that is none",
      `${MINIMAL}limits: { groups: { etl: { bytes: 1B } } }`,
      "15:35: limits.groups.etl.bytes: expected a size from 1KiB to 1TiB",
    ],
    [
      "two listeners on one port",
      MINIMAL.replace("tls: off", "tls: off, http: { port: 6432 }"),
      "the gateway listens for agents on this port already",
    ],
  ])("names %s", (_, text, expected) => {
    expect(problems(text).join("\n")).toContain(expected);
  });

  it("says how to get a first file where there is none", () => {
    const { problems: found } = checkConfig(join(folder, "gone.yaml"), {});

    expect(found).toMatchObject([
      { message: "there is no such file", suggestion: "postern init writes one to start from" },
    ]);
  });

  it("is refused where the file is not UTF-8", () => {
    const path = join(folder, "latin1.yaml");
    writeFileSync(path, Uint8Array.of(0x61, 0xe9));

    expect(checkConfig(path, {}).problems[0]?.message).toBe("this file is not UTF-8 text");
  });

  it("does not hang on aliases that multiply", () => {
    const levels = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`);

    expect(problems(`l0: &l0 [x]\n${levels.join("\n")}\n`).join("\n")).toContain("multiply beyond reason");
  });
});

describe("any text at all", () => {
  it("ends in a configuration or in problems, never in an error of another kind", () => {
    const path = file("");
    const pieces = [
      "{",
      "}",
      "[",
      "]",
      ":",
      "- ",
      "*a",
      "&a ",
      "!!x ",
      '"',
      "\n  ",
      "\t",
      "null",
      "0x1F",
      "__proto__: ",
      "<<: ",
      "\u0000",
      "%YAML 9",
    ];
    const edit = fc.tuple(fc.nat(EVERY_KEY_OF_THE_DESIGN.length), fc.nat(12), fc.constantFrom(...pieces, ""));

    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 4 }), (edits) => {
        let text = EVERY_KEY_OF_THE_DESIGN;
        for (const [at, drop, piece] of edits) text = text.slice(0, at) + piece + text.slice(at + drop);
        writeFileSync(path, text);
        const { config, problems: found } = checkConfig(path, {});
        return config !== undefined || found.some(({ severity }) => severity === "error");
      }),
      { numRuns: 150 },
    );
  });
});

describe("a secret", () => {
  it("comes from a file without the line end that editors add, and prints as [redacted]", () => {
    const config = loadConfig(file(MINIMAL.replace("user: agent,", "user: agent, password: { file: agent.pw },")), {});

    const password = config.databases["shop"]?.roles["agent"]?.password;
    expect(password?.reveal()).toBe("from-a-file");
    expect(inspect(config, { depth: 10 })).not.toContain("from-a-file");
    expect(JSON.stringify(config)).not.toContain("from-a-file");
  });

  it("in a file that others can read is used, with a warning", () => {
    writeFileSync(join(folder, "open.pw"), "x");
    chmodSync(join(folder, "open.pw"), 0o644);
    const path = file(MINIMAL.replace("user: agent,", "user: agent, password: { file: open.pw },"));

    const { config, problems: found } = checkConfig(path, {});

    expect(config).toBeDefined();
    expect(found).toMatchObject([
      { severity: "warning", line: 13, column: 47, path: "databases.shop.roles.agent.password.file" },
    ]);
    expect(found[0]?.message).toContain("mode 644");
  });

  it("that stands in a file which others can read is used, with a warning", () => {
    const text = MINIMAL.replace("user: agent,", "user: agent, password: planted,");

    expect(problems(text)).toEqual([
      expect.stringMatching(
        /^13:39: warning: databases\.shop\.roles\.agent\.password: this secret stands in the file itself.*chmod 600/,
      ),
    ]);
    const path = file(text);
    chmodSync(path, 0o600);
    expect(checkConfig(path, {}).problems).toEqual([]);
  });

  it("is in no refusal of the YAML parser", () => {
    for (const written of [
      "*planted",
      '"a"planted',
      "!planted x",
      "a: planted: b",
      "@planted",
      '"planted',
      "{ planted",
    ]) {
      const found = problems(MINIMAL.replace("environment: prod", `environment: ${written}`)).join();

      expect([written, found.length > 0, found.includes("planted")]).toEqual([written, true, false]);
    }
  });

  it.each([
    ["is missing", "gone.pw", "no such file"],
    ["is a folder", "folder.pw", "is not a file"],
    ["is empty", "empty.pw", "is empty"],
  ])("whose file %s is named", (_, name, expected) => {
    mkdirSync(join(folder, "folder.pw"), { recursive: true });
    writeFileSync(join(folder, "empty.pw"), "\n", { mode: 0o600 });

    const found = problems(MINIMAL.replace("user: agent,", `user: agent, password: { file: ${name} },`));

    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });
});

describe("a variable of the environment", () => {
  it("is filled in, as a number where a number belongs and as text where text does", () => {
    const port = `database: shop\n    port: \${PORT}\n`;
    const password = `user: agent, password: "\${DIGITS}",`;

    const config = loadConfig(file(MINIMAL.replace("database: shop\n", port).replace("user: agent,", () => password)), {
      PORT: "5433",
      DIGITS: "0042",
    });

    expect(config.databases["shop"]?.port).toBe(5433);
    expect(config.databases["shop"]?.roles["agent"]?.password?.reveal()).toBe("0042");
  });

  it("fills a part of a text, and with two dollar signs stands for itself", () => {
    const text = MINIMAL.replace("postgres://postern@", () => `postgres://postern:\${PW}$\${x}@`);

    const config = loadConfig(file(text), { PW: "s3cret" });

    expect(config.store.url.reveal()).toBe(`postgres://postern:s3cret\${x}@127.0.0.1/postern`);
  });

  it("cannot add keys, whatever it holds", () => {
    const config = loadConfig(file(MINIMAL.replace("environment: prod", `environment: \${E}`)), {
      E: "prod, port: 1",
    });

    expect(config.databases["shop"]?.port).toBe(5432);
  });

  it.each([
    ["is not set", {}],
    ["is empty", { STAGE: "" }],
  ])("that %s is named, once, where it is used", (state, env) => {
    expect(problems(MINIMAL.replace("environment: prod", `environment: \${STAGE}`), env)).toEqual([
      `10:18: databases.shop.environment: the environment variable STAGE ${state}`,
    ]);
  });

  it.each([`"\${STAGE"`, `"\${}"`, `"\${A B}"`])("that is written %s is refused", (written) => {
    expect(problems(MINIMAL.replace("environment: prod", () => `environment: ${written}`)).join()).toContain(
      "10:18: databases.shop.environment: a variable is written",
    );
  });

  it("without quotes inside a block in braces is answered with what to do", () => {
    expect(problems(MINIMAL.replace("user: agent", () => `user: \${AGENT}`)).join()).toContain(
      "(inside { } and [ ] a variable stands in quotes)",
    );
  });

  it("is never shown in a refusal", () => {
    const text = MINIMAL.replace("kind: agent", () => `kind: "\${KIND}"`).replace("database: shop", `port: \${KIND}`);

    const found = problems(text, { KIND: "s3cret" });

    expect(found).toHaveLength(3);
    expect(found.join()).not.toContain("s3cret");
  });
});
