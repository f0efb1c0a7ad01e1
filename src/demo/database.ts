/** The demo's databases on its server: the shop, made again when it is damaged, and one for the control store. */

import pg from "pg";
import { Secret } from "../base/secret.ts";
import type { RunningPostgres } from "./embedded-postgres.ts";
import { type KeptServerOptions, startKeptServer } from "./kept-server.ts";
import { createShop, type ShopPasswords, shopDamage } from "./shop.ts";

export interface DemoDatabase {
  readonly server: RunningPostgres;
  /** "18.4". */
  readonly version: string;
  readonly passwords: ShopPasswords;
  /** Connection string of the control store's own role. */
  readonly storeUrl: Secret;
}

/** Starts the server and makes whatever is missing; about 1 s, 6 s the first time. @throws {DemoProblem} {PostgresFailed} */
export async function startDatabase(options: KeptServerOptions): Promise<DemoDatabase> {
  const { say, check } = options;
  const { server, passwords, version } = await startKeptServer(options);
  try {
    const url = (user: string, password: Secret, database: string): string =>
      `postgres://${user}:${password.reveal()}@127.0.0.1:${server.port}/${database}`;
    const admin = url("postgres", passwords.postgres, "postgres");
    check();
    if ((await shopDamage(admin, passwords)) !== null) {
      say("Filling the shop: 5,000 customers, 20,000 orders.");
      await createShop(admin, { passwords });
      await quietLog(admin);
    }
    check();
    await makeStore(admin, passwords.store);
    const storeUrl = new Secret(url("postern", passwords.store, "postern"));
    return { server, version, passwords, storeUrl };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** What `postern doctor` asks of the server: query trees, which masking will read, hold literals and do not belong in its log. */
async function quietLog(adminUrl: string): Promise<void> {
  await administer(adminUrl, async (client) => {
    for (const role of ["agent", "analyst"]) await client.query(`ALTER ROLE ${role} SET log_min_messages = panic`);
  });
}

/** The control store's role and database; nothing where they are there. */
async function makeStore(adminUrl: string, password: Secret): Promise<void> {
  await administer(adminUrl, async (client) => {
    const { rowCount: roles } = await client.query("SELECT 1 FROM pg_roles WHERE rolname = 'postern'");
    if (roles === 0) await client.query("CREATE ROLE postern");
    await client.query(`ALTER ROLE postern LOGIN PASSWORD '${password.reveal()}'`);
    const { rowCount: databases } = await client.query("SELECT 1 FROM pg_database WHERE datname = 'postern'");
    if (databases === 0) await client.query("CREATE DATABASE postern OWNER postern");
  });
}

async function administer(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined); // the query in flight rejects with it
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
