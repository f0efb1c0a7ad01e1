/** The demo's database: makes it, and tells whether a kept one is whole. Serves the tests too. */

import pg from "pg";
import type { Secret } from "../base/secret.ts";
import { newPassword } from "./embedded-postgres.ts";
import { FULL_SIZE, makeShopRows, type Row, type ShopSize } from "./shop-rows.ts";
import { SCHEMA, TABLES, VIEWS_AND_PRIVILEGES } from "./shop-schema.ts";

/** Who may log in: `agent` reads and writes, `analyst` reads, `owner` owns. None is a superuser. */
export type ShopRole = "agent" | "analyst" | "owner";
export type ShopPasswords = Readonly<Record<ShopRole, Secret>>;

export interface ShopOptions {
  /** Where not said: "shop". Letters and underscores. */
  readonly database?: string;
  readonly size?: Partial<ShopSize>;
  readonly seed?: number;
  /** New ones where not said. Roles belong to the server: a second shop on it changes their passwords. */
  readonly passwords?: ShopPasswords;
}

export interface Shop {
  readonly database: string;
  readonly passwords: ShopPasswords;
}

/** Written last, as the database's comment: a shop without it was not finished. Raise it when the shop's shape changes. */
const FINISHED = "Postern demo shop, version 1";
const BATCH_ROWS = 2_000;

export function newShopPasswords(): ShopPasswords {
  return { agent: newPassword(), analyst: newPassword(), owner: newPassword() };
}

/**
 * Makes the shop afresh, dropping a database of that name first; 3 s for the full size.
 * @param url of a superuser, to any database but the shop.
 */
export async function createShop(url: string, options: ShopOptions = {}): Promise<Shop> {
  const database = options.database ?? "shop";
  const passwords = options.passwords ?? newShopPasswords();
  await withClient(url, async (client) => {
    for (const role of ["agent", "analyst", "owner"] as const) await makeRole(client, role, passwords[role]);
    await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    await client.query(`CREATE DATABASE ${database} OWNER owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'`);
    await client.query(`REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC`);
    await client.query(`GRANT CONNECT, TEMPORARY ON DATABASE ${database} TO agent, analyst`);
  });
  await withClient(inDatabase(url, database), async (client) => {
    await client.query("SET ROLE owner");
    await client.query("BEGIN");
    await client.query(SCHEMA);
    await loadRows(client, options);
    await client.query(VIEWS_AND_PRIVILEGES);
    await client.query("COMMIT");
    await client.query("RESET ROLE");
    await client.query("VACUUM ANALYZE");
    await client.query(`COMMENT ON DATABASE ${database} IS '${FINISHED}'`);
  });
  return { database, passwords };
}

/** Why a kept shop must be made again, in words; null when it is whole. Rows that visitors changed are no damage. */
export async function shopDamage(url: string, passwords: ShopPasswords, database = "shop"): Promise<string | null> {
  try {
    return await withClient(inDatabase(url, database), async (client) => {
      const { rows } = await client.query<{ comment: string | null; missing: string[] | null }>(
        `SELECT shobj_description((SELECT oid FROM pg_database WHERE datname = current_database()), 'pg_database') AS comment,
                (SELECT array_agg(name) FROM unnest($1::text[]) name WHERE to_regclass('public.' || name) IS NULL) AS missing`,
        [[...Object.keys(TABLES), "analyst", "country_sales"]],
      );
      const [state] = rows;
      if (state?.comment !== FINISHED) return "it is unfinished or of another version";
      if (state.missing !== null) return `it lacks ${state.missing.join(", ")}`;
      const agent = new URL(inDatabase(url, database));
      agent.username = "agent";
      agent.password = passwords.agent.reveal();
      await withClient(agent.href, (asAgent) => asAgent.query("SELECT 1 FROM customers LIMIT 1"));
      return null;
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function makeRole(client: pg.Client, role: ShopRole, password: Secret): Promise<void> {
  const { rowCount } = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [role]);
  if (rowCount === 0) await client.query(`CREATE ROLE ${role}`);
  await client.query(`ALTER ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '${password.reveal()}'`);
}

async function loadRows(client: pg.Client, options: ShopOptions): Promise<void> {
  const rows = makeShopRows({ ...FULL_SIZE, ...options.size }, options.seed ?? 1);
  for (const table of ["products", "customers", "orders", "order_items", "payments", "employees"] as const) {
    for (let from = 0; from < rows[table].length; from += BATCH_ROWS) {
      await insert(client, table, rows[table].slice(from, from + BATCH_ROWS));
    }
    if (TABLES[table].identity) {
      await client.query(`SELECT setval(pg_get_serial_sequence('${table}', 'id'), (SELECT max(id) FROM ${table}))`);
    }
  }
}

async function insert(client: pg.Client, table: string, rows: readonly Row[]): Promise<void> {
  await client.query(`INSERT INTO ${table} SELECT * FROM json_populate_recordset(NULL::${table}, $1)`, [
    JSON.stringify(rows),
  ]);
}

function inDatabase(url: string, database: string): string {
  const there = new URL(url);
  there.pathname = `/${database}`;
  return there.href;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: "postern demo" });
  client.on("error", () => undefined); // the query in flight rejects with it
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
