/**
 * Brings the control store's schema to what this code knows: each migration once, in its own transaction, under one advisory
 * lock, so that several gateways may start at once. Never goes back, and never touches a store that is newer than the code.
 */

import { createHash } from "node:crypto";
import { z } from "zod";
import { GatewayError } from "../base/errors.ts";
import type { Queryable } from "./connection.ts";
import { MIGRATIONS, type Migration } from "./migrations/all.ts";

/** Any constant that other programs on the same server are unlikely to use: the bytes of "postern1". */
const LOCK_KEY = "8102099357947293233";

const Applied = z.object({ version: z.number(), name: z.string(), checksum: z.string() });
type Applied = z.infer<typeof Applied>;

/** Runs its argument in one transaction. */
export type Transact = <T>(work: (q: Queryable) => Promise<T>) => Promise<T>;

/**
 * @returns the versions that were applied now, often none.
 * @throws {GatewayError} STORE_REFUSED where the store is newer than the code, or a migration was edited after it ran.
 */
export async function migrate(transact: Transact, migrations: readonly Migration[] = MIGRATIONS): Promise<number[]> {
  const done: number[] = [];
  for (const migration of migrations) {
    if (await transact((q) => applyOnce(q, migration, migrations))) done.push(migration.version);
  }
  return done;
}

async function applyOnce(q: Queryable, migration: Migration, all: readonly Migration[]): Promise<boolean> {
  // Held to the end of this transaction, not of the connection: a pooler in between may hand the connection to others.
  await q.query("SELECT pg_advisory_xact_lock($1)", [LOCK_KEY]);
  const applied = await readApplied(q);
  judge(applied, all);
  if (applied.some((row) => row.version === migration.version)) return false;
  await q.query(migration.sql);
  await q.query("INSERT INTO postern.migrations (version, name, checksum) VALUES ($1, $2, $3)", [
    migration.version,
    migration.name,
    checksum(migration),
  ]);
  return true;
}

async function readApplied(q: Queryable): Promise<Applied[]> {
  // Looked up first: an account that may use the schema but not create one must not fail on a store that is ready.
  const found = await q.query(
    "SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = 'postern' AND tablename = 'migrations'",
  );
  if (found.rowCount === 0) {
    await q.query("CREATE SCHEMA IF NOT EXISTS postern");
    await q.query(
      `CREATE TABLE postern.migrations (version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
       applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    return [];
  }
  const answer = await q.query("SELECT version, name, checksum FROM postern.migrations ORDER BY version");
  return answer.rows.map((row) => Applied.parse(row));
}

function judge(applied: readonly Applied[], known: readonly Migration[]): void {
  const newest = known.at(-1)?.version ?? 0;
  const last = applied.at(-1)?.version ?? 0;
  if (last > newest) {
    throw new GatewayError(
      "STORE_REFUSED",
      `the control store has schema version ${last}, and this Postern knows versions up to ${newest}`,
      { hint: "Start the newer Postern that migrated it, or give this one a store of its own (store.url)." },
    );
  }
  for (const row of applied) {
    const migration = known.find((candidate) => candidate.version === row.version);
    if (migration === undefined || checksum(migration) === row.checksum) continue;
    throw new GatewayError(
      "STORE_REFUSED",
      `migration ${row.version} (${row.name}) in the control store is not the one of this Postern`,
      {
        hint: "The store was made by a changed build. Point store.url at an empty database and run `postern store rebuild`.",
      },
    );
  }
}

/** Over version, name and text: what is recorded beside an applied migration and compared at each start. */
export function checksum(migration: Migration): string {
  return createHash("sha256").update(`${migration.version}\n${migration.name}\n${migration.sql}`).digest("hex");
}
