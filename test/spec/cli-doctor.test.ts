import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { createAuthority } from "../../src/demo/certificates.ts";
import { type TestCli, testCli } from "../support/cli.ts";
import { HeldClock, startIssuer, type TestIssuer } from "../support/issuer.ts";
import { POSTGRES_VERSIONS, startPostgres, type TestPostgres } from "../support/postgres.ts";

let postgres: TestPostgres;
let issuer: TestIssuer;
let cli: TestCli;

const PASSWORD = "planted-doctor-password";

beforeAll(async () => {
  postgres = await startPostgres({
    ssl: true,
    hba: ["host all all 127.0.0.1/32 scram-sha-256", "hostssl all all 10.0.0.0/8 scram-sha-256"],
  });
  await postgres.psql(`
    CREATE ROLE quiet LOGIN PASSWORD '${PASSWORD}'; ALTER ROLE quiet SET log_min_messages = panic;
    CREATE ROLE loud LOGIN PASSWORD '${PASSWORD}' CREATEDB; ALTER ROLE loud SET log_statement = 'all';
    CREATE ROLE mighty LOGIN PASSWORD '${PASSWORD}' BYPASSRLS REPLICATION;
    GRANT pg_read_server_files, pg_execute_server_program TO mighty;
    GRANT SELECT ON pg_hba_file_rules TO quiet; GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO quiet;
    CREATE ROLE boss LOGIN SUPERUSER PASSWORD '${PASSWORD}'`);
  issuer = await startIssuer();
  cli = await testCli();
});
afterAll(async () => {
  await cli[Symbol.asyncDispose]();
  await issuer.close();
  await postgres.stop();
});

interface Finding {
  readonly check: string;
  readonly target: string;
  readonly state: string;
  readonly message: string;
  readonly mend: string | null;
}

let count = 0;

/** What doctor finds of a configuration of `roles`, with `more` over it. */
async function examine(
  roles: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
  clock?: HeldClock,
): Promise<{ status: number; findings: readonly Finding[]; output: string }> {
  const path = join(cli.folder, `postern-${count++}.yaml`);
  const password = join(cli.folder, "role.pw");
  writeFileSync(password, PASSWORD, { mode: 0o600 });
  const entries = roles.map((role) => [role, { user: role, password: { file: password }, groups: ["agents"] }]);
  const { host, port } = postgres;
  const tls = { mode: "verify-full", ca: postgres.tls?.caPath };
  writeFileSync(
    path,
    stringify({
      gateway: { name: "shop", tls: "off" },
      data: join(cli.folder, "data"),
      ...("policy" in more ? {} : { policyMode: "none" }),
      store: { url: `${postgres.url()}?sslmode=verify-full&sslrootcert=${postgres.tls?.caPath}` },
      issuers: [{ url: issuer.url, audience: "postern", kind: "agent" }],
      databases: {
        shop: {
          host,
          port,
          database: "postgres",
          environment: "test",
          tls,
          roles: Object.fromEntries(entries),
          defaultRole: roles[0],
        },
      },
      ...more,
    }),
    { mode: 0o600 },
  );
  const { status, out } = await cli.run(
    ["doctor", "--config", path, "-o", "json"],
    clock === undefined ? {} : { clock },
  );
  return { status, findings: JSON.parse(out), output: out };
}

function of(findings: readonly Finding[], check: string, target?: string): Finding | undefined {
  return findings.find((finding) => finding.check === check && (target === undefined || finding.target === target));
}

/** A folder with one policy, and functions.yaml where there are listings. */
function policyFolder(name: string, listings?: string, text = "permit (principal, action, resource);"): string {
  const folder = join(cli.folder, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "all.cedar"), text);
  if (listings !== undefined) writeFileSync(join(folder, "functions.yaml"), listings);
  return folder;
}

describe("postern doctor on a policy", () => {
  it("warns where there is none, and where it is not enforced", async () => {
    const without = await examine(["quiet"]);
    const shadow = await examine(["quiet"], { policy: policyFolder("shadow"), policyMode: "shadow" });

    expect(of(without.findings, "policy.mode")).toMatchObject({
      state: "warn",
      message: expect.stringContaining("none"),
    });
    expect(of(shadow.findings, "policy.mode")).toMatchObject({
      state: "warn",
      message: expect.stringContaining("shadow"),
      mend: expect.stringContaining("policyMode: enforce"),
    });
  });

  it("says what is wrong with one that cannot be used", async () => {
    const { status, findings } = await examine(["quiet"], { policy: policyFolder("broken", undefined, "permit (") });

    expect(of(findings, "policy.mode")).toMatchObject({
      state: "fail",
      message: expect.stringContaining("all.cedar:1"),
    });
    expect(status).toBe(1);
  });

  it("names the listings that open nothing", async () => {
    const none = "0".repeat(64);
    const listings = `functions: [{ signature: "pg_catalog.lo_import(text)", bodyHash: "${none}" }, { signature: "public.gone()", bodyHash: "${none}" }]`;
    const { findings } = await examine(["quiet"], { policy: policyFolder("listings", listings) });

    const told = findings.filter(({ check }) => check === "policy.listings");
    expect(told.map(({ state, target }) => `${state} ${target}`)).toEqual(["warn shop", "warn shop"]);
    expect(told.map(({ message }) => message).join("\n")).toMatch(
      /lo_import\(text\) in vain.*\n.*gone\(\) in vain: the database has no such function/,
    );
  });
});

describe("postern doctor on an installation that is in order", () => {
  it("says ok of each part and ends with status 0", async () => {
    const { status, findings } = await examine(["quiet"], { policy: policyFolder("in-order") });

    expect(findings.map(({ check, state }) => `${state} ${check}`)).toEqual([
      "ok config",
      "ok tls.chain",
      "ok issuer.keys",
      "ok clock",
      "ok upstream.reach",
      "ok upstream.version",
      "ok upstream.privileges",
      "ok upstream.membership",
      "ok upstream.functions",
      "ok upstream.ownership",
      "ok upstream.login-settings",
      "ok upstream.encoding",
      "ok upstream.log",
      "ok upstream.statement-log",
      "warn upstream.way-around",
      "ok policy.mode",
      "ok store.reach",
      "ok data.folder",
      "ok disk",
      "ok log.verify",
    ]);
    expect(of(findings, "upstream.way-around")).toMatchObject({
      message: "its password serves from elsewhere: hostssl 10.0.0.0/255.0.0.0 (scram-sha-256)",
      mend: "in pg_hba.conf let this role in from 127.0.0.1 alone",
    });
    expect(status).toBe(0);
  });

  it("is told on a narrow terminal without running over its edge", async () => {
    await examine(["quiet"]);

    const { out } = await cli.run(["doctor", "--config", join(cli.folder, `postern-${count - 1}.yaml`)], {
      columns: 70,
    });

    expect(
      Math.max(
        ...out
          .split("\n")
          .filter((line) => !line.includes("http"))
          .map(({ length }) => length),
      ),
    ).toBeLessThanOrEqual(70);
    expect(out).toContain("mend: in pg_hba.conf");
  });
});

describe("postern doctor on an upstream role", () => {
  it("fails one that reaches the server's files and programs, and says what takes it away", async () => {
    const { status, findings } = await examine(["mighty"]);

    expect(of(findings, "upstream.privileges")).toMatchObject({
      state: "fail",
      message: "mighty has REPLICATION, BYPASSRLS",
      mend: 'ALTER ROLE "mighty" NOREPLICATION NOBYPASSRLS',
    });
    expect(of(findings, "upstream.membership")).toMatchObject({
      state: "fail",
      message: "mighty can act as pg_execute_server_program, pg_read_server_files",
      mend: 'REVOKE "pg_execute_server_program" FROM "mighty"; REVOKE "pg_read_server_files" FROM "mighty"',
    });
    expect(status).toBe(1);
  });

  it("fails a superuser", async () => {
    const { findings } = await examine(["boss"]);

    expect(of(findings, "upstream.privileges")).toMatchObject({
      state: "fail",
      message: expect.stringMatching(/^boss has SUPERUSER/),
    });
  });

  it("warns of one whose trees and statements reach the server's log, and does not guess what it may not read", async () => {
    const { status, findings } = await examine(["loud"]);

    expect(of(findings, "upstream.privileges")).toMatchObject({ state: "warn", message: "loud has CREATEDB" });
    expect(of(findings, "upstream.log")).toMatchObject({
      state: "warn",
      mend: 'as a superuser: ALTER ROLE "loud" SET log_min_messages = panic',
    });
    expect(of(findings, "upstream.statement-log")).toMatchObject({
      state: "warn",
      message: expect.stringMatching(/^log_statement is all/),
    });
    expect(of(findings, "upstream.way-around")).toMatchObject({
      state: "skip",
      message: expect.stringMatching(/^unknown/),
    });
    expect(status).toBe(0);
  });

  it("fails one whose password is wrong, without printing it", async () => {
    const wrong = join(cli.folder, "wrong.pw");
    writeFileSync(wrong, "planted-wrong-password", { mode: 0o600 });
    const { host, port } = postgres;
    const database = {
      host,
      port,
      database: "postgres",
      environment: "test",
      tls: { mode: "verify-full", ca: postgres.tls?.caPath },
    };
    const roles = { quiet: { user: "quiet", password: { file: wrong }, groups: ["agents"] } };

    const { status, findings, output } = await examine(["quiet"], {
      databases: { shop: { ...database, roles, defaultRole: "quiet" } },
    });

    expect(of(findings, "upstream.reach")).toMatchObject({
      state: "fail",
      target: "shop/quiet",
      message: expect.stringContaining("password authentication failed"),
    });
    expect(output).not.toContain("planted");
    expect(status).toBe(1);
  });

  it.each(POSTGRES_VERSIONS.filter((version) => version !== 18))("knows PostgreSQL %d", async (version) => {
    await using server = await startPostgres({ version });
    const roles = { postgres: { user: "postgres", password: server.password, groups: ["agents"] } };
    const database = {
      host: server.host,
      port: server.port,
      database: "postgres",
      environment: "test",
      tls: { mode: "disable" },
    };

    const { findings } = await examine(["quiet"], {
      databases: { old: { ...database, roles, defaultRole: "postgres" } },
    });

    expect(of(findings, "upstream.version")).toMatchObject({
      state: "ok",
      message: expect.stringContaining(`PostgreSQL ${version}.`),
    });
  });
});

describe("postern doctor on what is away", () => {
  it("fails issuer, upstream and store, each with a mend, and goes on to the rest", async () => {
    const away = { host: "127.0.0.1", port: 1, database: "x", environment: "test", tls: { mode: "disable" } };
    const roles = { a: { user: "a", password: "p", groups: ["agents"] } };

    const { status, findings } = await examine(["quiet"], {
      issuers: [{ url: "http://127.0.0.1:1", audience: "postern", kind: "agent" }],
      databases: { gone: { ...away, roles, defaultRole: "a" } },
      store: { url: "postgres://postern:planted-store-password@127.0.0.1:1/postern" },
    });

    for (const check of ["issuer.keys", "upstream.reach", "store.reach"]) {
      expect(of(findings, check)).toMatchObject({ state: "fail", mend: expect.stringMatching(/./) });
    }
    expect(of(findings, "clock")?.state).toBe("skip");
    expect(of(findings, "disk")?.state).toBe("ok");
    expect(JSON.stringify(findings)).not.toContain("planted");
    expect(status).toBe(1);
  });
});

describe("postern doctor on the clock", () => {
  it.each([
    ["ahead by a minute", 60_000, "fail", "60 s ahead of"],
    ["behind by 10 seconds", -10_000, "warn", "10 s behind"],
  ])("that is %s", async (_, offMs, state, said) => {
    const { findings } = await examine(["quiet"], {}, new HeldClock(Date.now() + offMs));

    const clock = of(findings, "clock");
    expect(clock?.state).toBe(state);
    expect(Number(/(\d+) s/.exec(clock?.message ?? "")?.[1])).toBeGreaterThanOrEqual(Math.abs(offMs) / 1000 - 5);
    expect(clock?.message).toContain(said.split(" ").at(-1));
  });
});

describe("postern doctor on the gateway's certificate", () => {
  async function withCertificate(
    make: (authority: Awaited<ReturnType<typeof createAuthority>>) => Promise<{ cert: string; key: string }>,
    clock?: HeldClock,
  ) {
    const { cert, key } = await make(await createAuthority("Doctor CA"));
    const [certPath, keyPath] = [join(cli.folder, "own.crt"), join(cli.folder, "own.key")];
    writeFileSync(certPath, cert);
    writeFileSync(keyPath, key, { mode: 0o600 });
    return examine(["quiet"], { gateway: { name: "shop", tls: { cert: certPath, key: keyPath } } }, clock);
  }

  const issue = { commonName: "localhost", dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] };

  it("passes one that carries the address and leads to a CA", async () => {
    const { findings } = await withCertificate(async (authority) => {
      const { certificate, key } = await authority.issue(issue);
      return { cert: certificate + authority.certificate, key };
    });

    expect(
      findings.filter(({ check }) => check.startsWith("tls.")).map(({ check, state }) => `${state} ${check}`),
    ).toEqual(["ok tls.chain", "ok tls.expiry", "ok tls.name"]);
  });

  it("fails one that is not of the key", async () => {
    const { findings } = await withCertificate(async (authority) => {
      const [one, other] = [await authority.issue(issue), await authority.issue(issue)];
      return { cert: one.certificate, key: other.key };
    });

    expect(of(findings, "tls.chain")).toMatchObject({
      state: "fail",
      message: expect.stringContaining("is not the certificate of the key"),
    });
  });

  it("fails a chain in the wrong order", async () => {
    const { findings } = await withCertificate(async (authority) => {
      const { certificate, key } = await authority.issue(issue);
      const stranger = await createAuthority("Another CA");
      return { cert: certificate + stranger.certificate, key };
    });

    expect(of(findings, "tls.chain")).toMatchObject({
      state: "fail",
      message: expect.stringContaining("did not sign"),
    });
  });

  it("warns of one without the name by which agents connect", async () => {
    const { findings } = await withCertificate(async (authority) => {
      const { certificate, key } = await authority.issue({ commonName: "db", dnsNames: ["db.example.com"] });
      return { cert: certificate, key };
    });

    expect(of(findings, "tls.name")).toMatchObject({
      state: "warn",
      message: "carries DNS:db.example.com, and not 127.0.0.1",
    });
  });

  it("warns of one that ends soon", async () => {
    const { findings } = await withCertificate(async (authority) => {
      const day = (days: number) => new Date(Date.now() + days * 86_400_000 + 60_000);
      const { certificate, key } = await authority.issue({ ...issue, notBefore: day(-80), notAfter: day(10) });
      return { cert: certificate, key };
    });

    expect(of(findings, "tls.expiry")).toMatchObject({
      state: "warn",
      message: expect.stringMatching(/^ends in 10 days/),
    });
  });

  it("fails one that has ended", async () => {
    const { findings } = await withCertificate(
      async (authority) => {
        const { certificate, key } = await authority.issue(issue);
        return { cert: certificate, key };
      },
      new HeldClock(Date.now() + 30 * 365 * 86_400_000),
    );

    expect(of(findings, "tls.expiry")).toMatchObject({ state: "fail", message: expect.stringMatching(/^ended on/) });
  });
});

describe("postern doctor on files", () => {
  it("warns of a data folder that others can reach into", async () => {
    const data = join(cli.folder, "open-data");
    mkdirSync(data, { mode: 0o755 });

    const { findings } = await examine(["quiet"], { data });

    expect(of(findings, "data.folder")).toMatchObject({ state: "warn", mend: `chmod 700 ${data}` });
  });

  it("fails a log that does not verify", async () => {
    const data = join(cli.folder, "bad-data");
    mkdirSync(join(data, "log", "gw_x"), { recursive: true, mode: 0o700 });
    writeFileSync(join(data, "log", "gw_x", "checkpoint"), "nonsense");

    const { status, findings } = await examine(["quiet"], { data });

    expect(of(findings, "log.verify")).toMatchObject({ state: "fail" });
    expect(status).toBe(1);
  });
});

describe("postern doctor on a configuration with mistakes", () => {
  it("names them and looks at nothing else", async () => {
    const { status, findings } = await examine(["quiet"], { lables: "x" });

    expect(findings).toMatchObject([{ check: "config", state: "fail", mend: 'did you mean "labels"?' }]);
    expect(status).toBe(1);
  });
});
