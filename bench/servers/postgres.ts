/**
 * The PostgreSQL server of the bench: embedded 18, a fresh data folder, pgbench's tables and a table of a million rows.
 * Everything runs at the server's own durability (fsync on), so writes cost what they cost.
 */

import { execFile } from "node:child_process";
import { appendFile, chown, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  initialiseData,
  makeTemporaryServerFolder,
  newPassword,
  retryTakenPort,
  startServer,
} from "../../src/demo/embedded-postgres.ts";
import { findBinaries, platformPackage, serverOwner } from "../../src/demo/postgres-binaries.ts";
import { clientProgram } from "../pgbench.ts";
import type { RunningTarget } from "../target.ts";
import type { Certificate } from "./certificate.ts";

const run = promisify(execFile);

export interface BenchServer extends RunningTarget {
  readonly version: string;
  /** Of the control store, a database of its own on the same server. */
  readonly storeUrl: string;
  /** What Postern logs in with: SCRAM, as in an installation. */
  readonly agentPassword: string;
  /** Runs SQL as superuser. @param database the bench's where absent. */
  sql(text: string, database?: string): Promise<void>;
}

/** TLS is offered. @param scale pgbench's: 100,000 accounts each, and at least the number of writing clients. @param bulkRows of table `bulk`. */
export async function startPostgres(scale: number, bulkRows: number, certificate: Certificate): Promise<BenchServer> {
  const binaries = await findBinaries(platformPackage());
  const folder = await makeTemporaryServerFolder();
  const data = join(folder, "data");
  const superuser = newPassword();
  const agent = newPassword();
  await initialiseData(binaries, data, superuser);
  await appendFile(join(data, "postgresql.conf"), SETTINGS);
  await writeFile(join(data, "pg_hba.conf"), HOSTS);
  const owner = serverOwner();
  for (const [name, text] of [
    ["server.crt", certificate.cert],
    ["server.key", certificate.key],
  ] as const) {
    await writeFile(join(data, name), text, { mode: 0o600 });
    if (owner !== undefined) await chown(join(data, name), owner.uid, owner.gid);
  }
  const server = await retryTakenPort(() =>
    startServer({
      binaries,
      dataPath: data,
      logPath: join(folder, "server.log"),
      removeFolder: folder,
    }),
  );
  const postmaster = Number((await readFile(join(data, "postmaster.pid"), "utf8")).split("\n")[0]);
  const environment = { ...process.env, PGPASSWORD: superuser.reveal(), PGSSLMODE: "disable", LC_ALL: "C" };
  const at = ["-h", "127.0.0.1", "-p", String(server.port), "-U", "postgres"];
  const sql = async (text: string, database = "bench"): Promise<void> => {
    await run(clientProgram("psql"), [...at, "-d", database, "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", text], {
      env: environment,
    });
  };
  try {
    await run(clientProgram("psql"), [...at, "-Xq", "-c", "CREATE DATABASE bench", "-c", "CREATE DATABASE store"], {
      env: environment,
    });
    await run(clientProgram("pgbench"), [...at, "-i", "-q", "-I", "dtgvp", "-s", String(scale), "bench"], {
      env: environment,
    });
    await sql(`CREATE ROLE bench LOGIN SUPERUSER; CREATE ROLE agent LOGIN PASSWORD '${agent.reveal()}';
      GRANT ALL ON ALL TABLES IN SCHEMA public TO agent; ${bulkTable(bulkRows)}; CHECKPOINT`);
  } catch (error) {
    await server.stop("immediate");
    throw error;
  }
  return {
    target: {
      name: "direct",
      host: "127.0.0.1",
      port: server.port,
      user: "bench",
      database: "bench",
      password: "",
      hop: postmaster,
    },
    version: binaries.version,
    storeUrl: `postgres://postgres:${superuser.reveal()}@127.0.0.1:${server.port}/store`,
    agentPassword: agent.reveal(),
    sql,
    stop: () => server.stop("immediate"),
  };
}

/** 1,200 connections: a thousand idle sessions of one target and room for the rest. */
const SETTINGS = `
max_connections = 2500
shared_buffers = 512MB
ssl = on
max_wal_size = 4GB
checkpoint_timeout = 30min
autovacuum = off
log_checkpoints = off
`;

const HOSTS = `
host all bench 127.0.0.1/32 trust
host all all   127.0.0.1/32 scram-sha-256
`;

/** Eight columns of the kinds that tables have, about 130 bytes a row; and the same by a name that has labels through Postern. */
function bulkTable(rows: number): string {
  return `CREATE TABLE bulk AS SELECT n AS id, 'customer ' || n AS name, 'c' || n || '@example.com' AS email,
      lpad((n::bigint * 7919 % 1000000000)::text, 9, '0') AS ssn, n % 97 AS branch, (n * 1.37)::numeric(12,2) AS balance,
      timestamptz '2026-01-01 00:00:00Z' + n * interval '1 second' AS opened, repeat('note ', 6) AS note
    FROM generate_series(1, ${rows}) n; GRANT SELECT ON bulk TO agent;
    CREATE VIEW bulk_labelled AS SELECT * FROM bulk; GRANT SELECT ON bulk_labelled TO agent`;
}
