/** A catalog that becomes another one while a statement runs: what runs inside is judged by what the principal could see at its start. */

import pg from "pg";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { connectTo, type ShopGateway, startShopGateway } from "../support/policy-gateway.ts";
import { errorOf, startShop } from "../support/policy-server.ts";
import type { TestPostgres } from "../support/postgres.ts";
import { type RawClient, rows } from "../support/raw-client.ts";

describe.each([15, 18] as const)("a catalog of PostgreSQL %i that changes while a function runs", (version) => {
  let postgres: TestPostgres;
  let gateway: ShopGateway;
  let owner: pg.Client;

  beforeAll(async () => {
    postgres = await startShop(version);
    gateway = await startShopGateway(postgres);
    const { host, port, superuser: user, password } = postgres;
    owner = new pg.Client({ host, port, user, password, database: "shop" });
    await owner.connect();
  });
  afterAll(async () => {
    await owner?.end();
    await gateway?.stop();
    await postgres?.stop();
  });

  /** Has the client run that while `notes` is locked, and the gateway learn of a new table before the lock goes. */
  async function meanwhile(client: RawClient, sql: string, table: string) {
    await owner.query("BEGIN");
    await owner.query("LOCK TABLE notes IN ACCESS EXCLUSIVE MODE");
    const answer = client.query(sql);
    await vi.waitFor(async () => expect(await postgres.psql(WAITING, "shop")).toBe("1"), { timeout: 20_000 });
    await postgres.psql(`CREATE TABLE ${table} (id int); GRANT SELECT ON ${table} TO shop_app`, "shop");
    // Another's sight of the catalog, so that this one's has to be asked for.
    const other = await connectTo(gateway, "builders");
    expect(errorOf(await other.query(`SELECT * FROM ${table}`))).toBe(null);
    other.destroy();
    await owner.query("ROLLBACK");
    return answer;
  }

  it("does not end the session of who is in it", async () => {
    const client = await connectTo(gateway);
    await client.query("SELECT run_sql('SELECT count(*) FROM public.orders')");

    const answer = await meanwhile(client, "SELECT run_sql('SELECT count(*) FROM public.notes')", "made_meanwhile");

    expect(errorOf(answer)).toBe(null);
    expect(rows(answer)).toEqual([["2"]]);
    client.destroy();
  });

  it("does not let it read what it may not", async () => {
    const client = await connectTo(gateway);
    await client.query("SELECT run_sql('SELECT count(*) FROM public.orders')");
    const secret = "SELECT count(*) FROM public.notes, pg_catalog.pg_class WHERE relname = ''salaries''";

    const answer = await meanwhile(client, `SELECT run_sql('${secret}')`, "made_meanwhile_too");

    expect(errorOf(answer)).toMatch(/^(42501|0A000)$/);
    expect(rows(answer)).toEqual([]);
    client.destroy();
  });
});

const WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'notes'::regclass";
