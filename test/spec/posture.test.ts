import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type PostureFinding, posture } from "../../src/upstream/posture.ts";
import { POSTGRES_VERSIONS, type PostgresVersion, startPostgres, type TestPostgres } from "../support/postgres.ts";

const PASSWORD = "posture-password";
const SCHEMA = `
  CREATE ROLE least LOGIN; GRANT CONNECT ON DATABASE postgres TO least; ALTER ROLE least SET log_min_messages = panic;
  CREATE ROLE boss LOGIN SUPERUSER;
  CREATE ROLE bypass LOGIN BYPASSRLS REPLICATION; CREATE ROLE maker LOGIN CREATEROLE CREATEDB;
  CREATE ROLE reader LOGIN; GRANT pg_read_server_files TO reader;
  CREATE ROLE files; GRANT pg_write_server_files TO files; CREATE ROLE through LOGIN; GRANT files TO through;
  CREATE ROLE wide LOGIN; GRANT pg_read_all_data TO wide;
  CREATE ROLE climber LOGIN NOINHERIT; GRANT boss TO climber;
  CREATE ROLE "Odd ""role" LOGIN CREATEDB;
  CREATE ROLE granted LOGIN; GRANT EXECUTE ON FUNCTION pg_read_file(text) TO granted;
  CREATE ROLE owner LOGIN; CREATE SCHEMA own AUTHORIZATION owner; CREATE ROLE holder; CREATE ROLE heir LOGIN; GRANT holder TO heir;
  CREATE TABLE held (id int); ALTER TABLE held OWNER TO holder;
  CREATE ROLE disguised LOGIN; GRANT holder TO disguised; ALTER ROLE disguised SET role = holder;
  CREATE ROLE replica LOGIN; ALTER ROLE replica IN DATABASE postgres SET session_replication_role = replica;
  CREATE ROLE fatal LOGIN; ALTER ROLE fatal SET log_min_messages = fatal;`;

const servers = new Map<PostgresVersion, TestPostgres>();
beforeAll(async () => {
  for (const version of POSTGRES_VERSIONS) {
    const server = await startPostgres({ version });
    servers.set(version, server);
    await server.psql(SCHEMA);
    await server.psql(`DO $$ DECLARE r record; BEGIN FOR r IN SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname <> 'postgres' LOOP
      EXECUTE format('ALTER ROLE %I PASSWORD %L', r.rolname, '${PASSWORD}'); END LOOP; END $$`);
    await server.psql("CREATE DATABASE old ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
  }
}, 60_000);
afterAll(async () => {
  for (const server of servers.values()) await server.stop();
});

async function found(
  version: PostgresVersion,
  user: string,
  database = "postgres",
): Promise<readonly PostureFinding[]> {
  const server = servers.get(version);
  if (server === undefined) throw new Error(`no server ${version}`);
  const client = new pg.Client({ host: server.host, port: server.port, user, password: PASSWORD, database });
  await client.connect();
  try {
    return await posture(async (text) => {
      const types = { getTypeParser: () => (value: string) => value };
      return (await client.query<(string | null)[]>({ text, rowMode: "array", types })).rows;
    });
  } finally {
    await client.end();
  }
}

/** Without those that are in order. */
async function wrong(version: PostgresVersion, user: string, database?: string): Promise<readonly PostureFinding[]> {
  const all = await found(version, user, database);
  expect(all).toHaveLength(7);
  return all.filter(({ severity, check }) => severity !== "ok" && check !== "log");
}

describe.each(POSTGRES_VERSIONS)("the upstream role on %d", (version) => {
  it("is in order where it can do nothing but what was granted on tables", async () => {
    expect((await found(version, "least")).map(({ check, severity }) => `${severity} ${check}`)).toEqual([
      "ok privileges",
      "ok membership",
      "ok functions",
      "ok ownership",
      "ok login-settings",
      "ok encoding",
      "ok log",
    ]);
  });

  it.each([
    ["boss", "fail", "privileges", /^boss has SUPERUSER/, 'ALTER ROLE "boss" NOSUPERUSER'],
    ["bypass", "fail", "privileges", /REPLICATION, BYPASSRLS$/, 'ALTER ROLE "bypass" NOREPLICATION NOBYPASSRLS'],
    ["maker", "warn", "privileges", /CREATEROLE, CREATEDB$/, 'ALTER ROLE "maker" NOCREATEROLE NOCREATEDB'],
    ['Odd "role', "warn", "privileges", /CREATEDB$/, 'ALTER ROLE "Odd ""role" NOCREATEDB'],
    ["reader", "fail", "membership", /pg_read_server_files$/, 'REVOKE "pg_read_server_files" FROM "reader"'],
    ["through", "fail", "membership", /pg_write_server_files$/, expect.stringContaining("by way of other roles")],
    ["wide", "warn", "membership", /pg_read_all_data$/, 'REVOKE "pg_read_all_data" FROM "wide"'],
    ["climber", "fail", "membership", /boss \(SUPERUSER\)/, 'REVOKE "boss" FROM "climber"'],
    [
      "granted",
      "fail",
      "functions",
      /pg_read_file\(text\)$/,
      expect.stringMatching(/^REVOKE EXECUTE ON FUNCTION pg_read_file\(text\)/),
    ],
    ["owner", "warn", "ownership", /schema own/, expect.stringContaining("OWNER TO")],
    ["heir", "warn", "ownership", /relation public\.held/, expect.stringContaining("OWNER TO")],
    [
      "replica",
      "fail",
      "login-settings",
      /session_replication_role/,
      'ALTER ROLE "replica" IN DATABASE … RESET session_replication_role',
    ],
  ])("is told where it is more: %s", async (user, severity, check, message, mend) => {
    const first = (await wrong(version, user)).find((each) => each.check === check);
    expect(first).toMatchObject({ severity, message: expect.stringMatching(message), mend });
  });

  it("is told where its sessions run as another", async () => {
    const disguised = (await wrong(version, "disguised")).find(({ check }) => check === "login-settings");
    expect(disguised).toMatchObject({ severity: "fail", mend: 'ALTER ROLE "disguised" RESET role' });
  });

  it("is told where its trees reach the server's log, with the line that stops it", async () => {
    const log = async (user: string) => (await found(version, user)).find(({ check }) => check === "log");
    expect(await log("wide")).toMatchObject({
      severity: "warn",
      mend: 'as a superuser: ALTER ROLE "wide" SET log_min_messages = panic',
    });
    expect(await log("fatal")).toMatchObject({ severity: "ok" });
  });

  it("is told where the database is not in UTF8", async () => {
    const [first] = await wrong(version, "least", "old");
    expect(first).toMatchObject({ severity: "fail", check: "encoding", message: expect.stringContaining("LATIN1") });
  });
});

describe.each(
  POSTGRES_VERSIONS.filter((version) => version >= 16),
)("a membership on %d that cannot be used", (version) => {
  it("is not told: neither inherited, nor for SET ROLE, nor to be granted on", async () => {
    await servers.get(version)?.psql(`CREATE ROLE idle LOGIN PASSWORD '${PASSWORD}';
      GRANT pg_read_server_files TO idle WITH INHERIT FALSE, SET FALSE`);
    expect(await wrong(version, "idle")).toEqual([]);

    await servers.get(version)?.psql("GRANT pg_read_server_files TO idle WITH SET TRUE");
    expect(await wrong(version, "idle")).toMatchObject([{ check: "membership", severity: "fail" }]);
  });
});
