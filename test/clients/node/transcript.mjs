/** What the Node scripts share: connection from PG* variables, a transcript of JSON lines on standard output. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const shared = new URL("../shared/", import.meta.url);

/** SQL that makes the tables and types anew. */
export const SETUP = readFileSync(new URL("setup.sql", shared), "utf8");

/**
 * Shows to other connections that it runs: the sequence moves before the sleep, and for all at once. What other sessions do
 * (pg_stat_activity) is not shown to agents.
 */
export const SLEEP = "SELECT nextval('work.running'), pg_sleep(30)";

/** How often SLEEP has begun. */
export const STARTED = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END::int AS n FROM work.running";

/** [name, expression] of every common type. */
export const TYPES = readFileSync(new URL("types.txt", shared), "utf8")
  .trimEnd()
  .split("\n")
  .map((line) => {
    const tab = line.indexOf("\t");
    return [line.slice(0, tab), line.slice(tab + 1)];
  });

/** Connection options as node-postgres and postgres.js take them. */
export const connection = {
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  user: process.env.PGUSER,
  database: process.env.PGDATABASE,
  password: process.env.PGPASSWORD,
  ssl:
    process.env.PGSSLMODE === "verify-full"
      ? { ca: readFileSync(process.env.PGSSLROOTCERT, "utf8"), rejectUnauthorized: true }
      : false,
};

export const LARGE_BYTES = Number(process.env.LARGE_BYTES ?? 50_000_000);

/** Bytes that do not compress and that every run makes alike. */
export function largeBytes() {
  const bytes = Buffer.alloc(LARGE_BYTES);
  let state = 1;
  for (let at = 0; at < bytes.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export const digest = (value) => createHash("sha256").update(value).digest("hex");

/** One line of the transcript. Bytes as hex, what JSON lacks by name. */
export function say(step, value) {
  process.stdout.write(`${JSON.stringify({ step, value: plain(value) })}\n`);
}

function plain(value) {
  if (value === undefined) return "<undefined>";
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0) ? value : `<${value}>`;
  if (typeof value === "bigint") return `<bigint ${value}>`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "<no date>" : `<date ${value.toISOString()}>`;
  if (value instanceof Uint8Array) return `<bytes ${Buffer.from(value).toString("hex")}>`;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]));
  return `<${typeof value}>`;
}

/** Runs what must fail, and says how PostgreSQL put it. Routine, file and line are the server's source code: not compared. */
export async function sayError(step, work) {
  try {
    await work();
    say(step, "<no error>");
  } catch (error) {
    // ORMs wrap the driver's error.
    const cause = error.parent ?? error.driverError ?? error.cause ?? error;
    const { code, severity, message, detail, hint, position, constraint, constraint_name, table, schema } = cause;
    say(step, {
      code,
      severity,
      message,
      detail,
      hint,
      position,
      constraint: constraint ?? constraint_name,
      table,
      schema,
    });
  }
}

/** Ends the process with the error where anything unexpected is thrown; a script that hangs is ended by its caller. */
export async function main(work) {
  try {
    await work();
    say("end", "done");
  } catch (error) {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  }
}
