/**
 * Records what real clients and a real server say to each other, for the vectors of the wire codecs: a proxy between them
 * that writes every chunk to a file. Run as test/vectors/wire/README.md says; tests only read what it wrote.
 */

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import postgres from "postgres";
import { encoded } from "../../src/wire/encode.ts";
import { encodeStartupMessage } from "../../src/wire/startup.ts";
import { startPostgres, type TestPostgres } from "./postgres.ts";

const run = promisify(execFile);

/** A piece of one direction, as it came from the socket. */
export interface Chunk {
  readonly from: "frontend" | "backend";
  readonly bytes: Buffer;
}

/** File format: for each chunk 'F' or 'B', its length in 4 bytes, its bytes. */
function writeRecording(path: string, chunks: readonly Chunk[]): Promise<void> {
  const parts = chunks.flatMap(({ from, bytes }) => {
    const header = Buffer.from(from === "frontend" ? "F\0\0\0\0" : "B\0\0\0\0");
    header.writeUInt32BE(bytes.length, 1);
    return [header, bytes];
  });
  return writeFile(path, Buffer.concat(parts));
}

export async function readRecording(path: string): Promise<readonly Chunk[]> {
  const file = await readFile(path);
  const chunks: Chunk[] = [];
  for (let at = 0; at < file.length; ) {
    const end = at + 5 + file.readUInt32BE(at + 1);
    chunks.push({ from: file[at] === 0x46 ? "frontend" : "backend", bytes: file.subarray(at + 5, end) });
    at = end;
  }
  return chunks;
}

/** Runs `client` against the port of a proxy before `server` and returns what went through its last connection. */
async function record(server: TestPostgres, client: (port: number) => Promise<unknown>): Promise<readonly Chunk[]> {
  const connections: Chunk[][] = [];
  const sockets: Socket[] = [];
  const proxy = createServer((frontend) => {
    const chunks: Chunk[] = [];
    connections.push(chunks);
    const backend = connect(server.port, server.host);
    sockets.push(frontend, backend);
    const tap = (source: Socket, target: Socket, from: Chunk["from"]) => {
      source.on("data", (bytes) => {
        chunks.push({ from, bytes: Buffer.from(bytes) });
        target.write(bytes);
      });
      source.on("end", () => target.end());
      source.on("error", () => target.destroy());
    };
    tap(frontend, backend, "frontend");
    tap(backend, frontend, "backend");
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const address = proxy.address();
  if (address === null || typeof address === "string") throw new Error("the proxy listens on a port");
  try {
    await client(address.port);
  } finally {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  }
  // pgbench looks at the server on a connection of its own first.
  const recorded = connections.at(-1);
  if (recorded === undefined) throw new Error("the client did not connect");
  return recorded;
}

const PSQL_SCRIPT = `
\\set VERBOSITY verbose
CREATE TEMP TABLE shelf (id int PRIMARY KEY, title text NOT NULL, price numeric(8,2), tags text[], seen timestamptz);
INSERT INTO shelf VALUES (1, 'Ünïcode 🐘', 9.50, '{a,"b c"}', '2026-01-02 03:04:05+00'), (2, 'nothing', NULL, NULL, NULL);
SELECT * FROM shelf ORDER BY id;
SELECT 1 AS one\\; SELECT 2 AS two, NULL AS none\\; UPDATE shelf SET price = 1;
SELECT FROM shelf;
;
SELECT 1/0;
SELECT * FROM no_such_relation;
INSERT INTO shelf VALUES (1, 'again');
DO $$ BEGIN RAISE NOTICE 'a notice' USING DETAIL = 'its detail', HINT = 'its hint'; END $$;
BEGIN; SAVEPOINT s; SELECT broken; ROLLBACK TO s; COMMIT;
LISTEN jobs; NOTIFY jobs, 'a payload'; SELECT 1;
SET application_name = 'renamed'; SET TIME ZONE 'Europe/Berlin';
\\copy shelf TO stdout
COPY shelf TO STDOUT (FORMAT binary);
COPY shelf (id, title) FROM stdin;
3	third
4	fourth
\\.
COPY shelf (id, title) FROM stdin;
not a number	fifth
\\.
\\lo_import /dev/null
\\lo_unlink :LASTOID
\\lo_unlink 12345
\\d shelf
DECLARE c CURSOR WITH HOLD FOR SELECT generate_series(1, 5); FETCH 2 FROM c; CLOSE c;
PREPARE p (int) AS SELECT $1 + 1; EXECUTE p (41); DEALLOCATE p;
`;

const PGBENCH_SCRIPT = `
\\startpipeline
SELECT abalance FROM accounts WHERE aid = :client_id + 1;
UPDATE accounts SET abalance = abalance + 1 WHERE aid = 2;
\\endpipeline
`;

function libpq(server: TestPostgres, port: number, user = "postgres", password = server.password): NodeJS.ProcessEnv {
  return {
    PATH: process.env["PATH"],
    LC_ALL: "C.UTF-8",
    PGHOST: "127.0.0.1",
    PGPORT: String(port),
    PGUSER: user,
    PGPASSWORD: password,
    PGDATABASE: "postgres",
    PGSSLMODE: "prefer",
  };
}

function psql(server: TestPostgres, user?: string, password?: string, script = PSQL_SCRIPT) {
  return (port: number): Promise<unknown> => {
    const child = run("psql", ["-X", "-f", "-"], { env: libpq(server, port, user, password) });
    child.child.stdin?.end(script);
    return child;
  };
}

function pgbench(server: TestPostgres, mode: string) {
  return async (port: number): Promise<void> => {
    const folder = await mkdtemp(join(tmpdir(), "postern-record-"));
    try {
      const script = join(folder, "script.sql");
      await writeFile(script, PGBENCH_SCRIPT);
      await run("pgbench", ["-n", "-M", mode, "-t", "2", "-f", script], { env: libpq(server, port) });
    } finally {
      await rm(folder, { recursive: true });
    }
  };
}

function nodePostgres(server: TestPostgres) {
  return async (port: number): Promise<void> => {
    const { superuser: user, password } = server;
    const client = new pg.Client({ host: "127.0.0.1", port, user, password, database: "postgres" });
    await client.connect();
    await client.query("SELECT $1::int AS n, $2::text AS t, $3::jsonb AS j", [7, null, { a: [1] }]);
    for (const n of [1, 2]) await client.query({ name: "named", text: "SELECT $1::bigint", values: [n] });
    await client.query("SELECT $1::int / 0", [1]).catch(() => undefined);
    await client.query("SELECT repeat('x', 20000) AS long");
    await client.query("");
    await client.end();
  };
}

function postgresJs(server: TestPostgres) {
  return async (port: number): Promise<void> => {
    const options = { host: "127.0.0.1", port, user: server.superuser, password: server.password, max: 1 };
    const sql = postgres({ ...options, database: "postgres", onnotice: () => undefined });
    await sql`SELECT ${[1, 2]}::int[] AS numbers, ${new Date(0)}::timestamptz AS then`;
    await sql`SELECT generate_series(1, 10) AS n`.cursor(3, () => undefined);
    await sql`SELECT generate_series(1, 10) AS n`.cursor(3, () => sql.CLOSE);
    await sql`CREATE TEMP TABLE intake (n int)`;
    const intake = await sql`COPY intake FROM STDIN`.writable();
    intake.write("1\n");
    intake.once("error", () => undefined);
    intake.destroy(new Error("given up"));
    await new Promise((resolve) => intake.once("close", resolve));
    await Promise.all([sql`SELECT 1`, sql`SELECT nope`.catch(() => undefined), sql`SELECT ${"x"}`]);
    await sql.begin((tx) => tx`SELECT txid_current()`);
    await sql.end();
  };
}

/** A client that asks for `minor` and an option that no server knows, and says goodbye. */
function negotiating(minor: number, options: readonly string[]) {
  return (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const parameters = new Map([["user", "postgres"], ...options.map((name): [string, string] => [name, ""])]);
      const socket = connect(port, "127.0.0.1", () => {
        socket.write(encoded((writer) => encodeStartupMessage(writer, { minor, parameters })));
      });
      let received = Buffer.alloc(0);
      socket.on("data", (bytes) => {
        received = Buffer.concat([received, bytes]);
        if (received.subarray(-6).equals(Buffer.from("Z\0\0\0\x05I"))) socket.end(Buffer.from("X\0\0\0\x04"));
      });
      socket.on("close", () => resolve());
      socket.on("error", reject);
    });
}

/** Passwords that SASLprep maps, normalizes, prohibits or leaves, in the ways that RFC 4013 and PostgreSQL tell apart. */
export const SASLPREP_PASSWORDS: readonly string[] = [
  "plain ASCII, as it is",
  "\u0007 a control character of ASCII",
  "I\u00adX", // RFC 4013, section 3: soft hyphen to nothing
  "\u00aa", // feminine ordinal to "a"
  "\u2168", // roman numeral to "IX"
  "\u0627\u0031", // prohibited: begins and does not end right-to-left
  "\u0627\u0031\u0628", // right-to-left at both ends
  "\u0627x\u0628", // a left-to-right letter of ASCII between
  "\u0627\u00e9\u0628", // another between
  "no\u00a0break", // to a space
  "zero\u200bwidth", // in both tables
  "\ufb01ligature",
  "e\u0301 composed",
  "\u212b ngstrom",
  "\u0221 unassigned in Unicode 3.2",
  "\u{1f418} unassigned, and normalized by nothing",
  "\u{1f100} unassigned, and normalized if it were not",
  "\u{1d400} assigned beyond 16 bits",
  "\ue000 private use",
  "\ufffd replacement character",
  "\u200e left-to-right mark",
  "\u2ff0 ideographic description",
  "\u00ad\u00ad", // to nothing at all
  "\u3164 Hangul filler",
  "\u1e9b\u0323 long s with dots",
];

/** Writes all recordings and the SASLprep vectors into `folder`. Needs the servers of npm and Debian's psql and pgbench. */
export async function recordAll(folder: string): Promise<void> {
  await using server = await startPostgres({
    version: 15,
    hba: ["host all clear 127.0.0.1/32 password", "host all all 127.0.0.1/32 scram-sha-256"],
  });
  await server.psql(
    "CREATE TABLE accounts (aid int PRIMARY KEY, abalance int); INSERT INTO accounts VALUES (1, 0), (2, 0)",
  );
  await server.psql("CREATE ROLE clear LOGIN PASSWORD 'not a secret'");
  const save = async (name: string, client: (port: number) => Promise<unknown>) =>
    writeRecording(join(folder, `${name}.bin`), await record(server, client));
  await save("psql", psql(server));
  await save("psql-password", psql(server, "clear", "not a secret", "SELECT 1;"));
  await save("psql-refused", (port) => psql(server, "clear", "wrong", "")(port).catch(() => undefined));
  await save("pgbench-prepared", pgbench(server, "prepared"));
  await save("pgbench-extended", pgbench(server, "extended"));
  await save("node-postgres", nodePostgres(server));
  await save("postgres-js", postgresJs(server));
  await writeFile(join(folder, "saslprep.json"), `${JSON.stringify(await saslprepVerifiers(server), null, 1)}\n`);
  for (const version of [15, 18] as const) {
    await using open = await startPostgres({ version, hba: ["host all all 127.0.0.1/32 trust"] });
    for (const [name, minor, options] of [
      ["3.0-option", 0, ["_pq_.unheard_of"]],
      ["3.2", 2, []],
      ["3.9999", 9999, ["_pq_.unheard_of"]],
    ] as const) {
      await writeRecording(
        join(folder, `negotiate-${version}-${name}.bin`),
        await record(open, negotiating(minor, options)),
      );
    }
  }
}

/** What the server keeps of each password: SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey. */
export async function saslprepVerifiers(
  server: TestPostgres,
  passwords = SASLPREP_PASSWORDS,
): Promise<readonly { readonly password: string; readonly verifier: string }[]> {
  const kept: { password: string; verifier: string }[] = [];
  for (const password of passwords) {
    const quoted = `'${password.replaceAll("'", "''")}'`;
    const sql = `CREATE ROLE prepared PASSWORD ${quoted}; SELECT rolpassword FROM pg_authid WHERE rolname = 'prepared'`;
    const verifier = await server.psql(sql);
    await server.psql("DROP ROLE prepared");
    kept.push({ password, verifier });
  }
  return kept;
}
