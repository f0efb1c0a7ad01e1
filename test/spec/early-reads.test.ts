/** Reads that go out before their Bind has shown what they have come to: what a session beside the gateway makes of them writes nothing. */

import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { BackendMessage } from "../../src/wire/backend.ts";
import { encodeSync } from "../../src/wire/extended.ts";
import { logEntries } from "../support/log-entries.ts";
import { bind, exchange, execute, parse } from "../support/policy-escape-messages.ts";
import { ESCAPE_SQL } from "../support/policy-escape-texts.ts";
import { connectTo, type ShopGateway, startShopGateway } from "../support/policy-gateway.ts";
import { errorOf, startShop } from "../support/policy-server.ts";
import type { TestPostgres } from "../support/postgres.ts";
import { type RawClient, rows, summary } from "../support/raw-client.ts";

const READ = "SELECT id FROM customers WHERE code = 'C1'::varchar";
/** It fits better than the server's own, and its function writes. */
const CHANGE = "CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = sly_equal)";
const UNDO = "DROP OPERATOR IF EXISTS public.= (varchar, varchar)";

describe.each([15, 18] as const)("a read that is run again before PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: ShopGateway;
  let client: RawClient;
  const asOwner = (sql: string) => postgres.psql(sql, "shop");
  const written = () => asOwner("SELECT count(*) FROM audit.trail");

  beforeAll(async () => {
    postgres = await startShop(version);
    await asOwner(ESCAPE_SQL);
    gateway = await startShopGateway(postgres);
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
  });
  afterEach(async () => {
    client?.destroy();
    await asOwner(UNDO);
  });

  /** A session in which that is prepared as `s`, and has run. */
  async function prepared(query: string): Promise<void> {
    client = await connectTo(gateway);
    for (const parts of [[parse("s", query), encodeSync], RUN, RUN])
      expect(errorOf(await exchange(client, parts, 1))).toBe(null);
  }
  const RUN = [bind("", "s"), execute(""), encodeSync];

  it.each([
    ["in one packet", async () => exchange(client, RUN, 1)],
    [
      "message by message",
      async () => {
        for (const part of [bind("", "s"), execute("")]) {
          client.send(part);
          await asOwner("SELECT 1");
        }
        return exchange(client, [encodeSync], 1);
      },
    ],
    [
      "behind another in its batch",
      async () => exchange(client, [bind("", "s"), execute(""), bind("", "s"), execute(""), encodeSync], 1),
    ],
    [
      "before a COMMIT that does not wait for it",
      async () => {
        await exchange(client, [parse("commit", "COMMIT"), encodeSync], 1);
        await client.query("BEGIN");
        return exchange(client, [bind("", "s"), execute(""), bind("", "commit"), execute(""), encodeSync], 1);
      },
    ],
    ["by simple Query", async () => client.query(READ)],
  ] as const)("writes nothing, whatever it has come to: %s", async (_, again) => {
    await prepared(READ);
    const before = await written();
    await asOwner(CHANGE);
    const answer = await again();

    expect(rows(answer)).toEqual([]);
    expect(errorOf(answer)).not.toBe(null);
    client.destroy();
    expect(await written()).toBe(before);
  });

  it("does not keep a write behind it in its batch from running, in one packet or two", async () => {
    await prepared("SELECT count(*) FROM orders");
    const insert = "INSERT INTO orders (id, customer_id) SELECT max(id) + 1, 1 FROM orders";
    await exchange(client, [parse("w", insert), encodeSync], 1);
    const read = [bind("", "s"), execute("")];
    const write = [bind("", "w"), execute(""), encodeSync];
    const together = await exchange(client, [...read, ...write], 1);
    client.send(...read);
    await asOwner("SELECT 1");
    const apart = await exchange(client, write, 1);

    for (const answer of [together, apart])
      expect(summary(answer).filter((name) => /^(Command|Error|Ready)/.test(name))).toEqual([
        "CommandComplete SELECT 1",
        "CommandComplete INSERT 0 1",
        "ReadyForQuery idle",
      ]);
  });

  it("raises an alarm where it is stopped while it runs", async () => {
    await prepared(READ);
    const seen = (await logEntries(gateway)).length;
    await asOwner(CHANGE);
    const answer = await exchange(client, RUN, 1);
    const alarms = (await logEntries(gateway)).slice(seen).filter(({ type }) => type === "alarm.unproven");

    expect(errorOf(answer)).not.toBe(null);
    expect(alarms).toMatchObject([{ code: "JUDGEMENT_LOST", statement: expect.any(Number) }]);
  });

  it("does not show, and does not leave, another setting than the client's own", async () => {
    await prepared("SELECT current_setting('transaction_read_only')");
    const shown = [...(await exchange(client, RUN, 1)), ...(await client.query("SHOW transaction_read_only"))];
    const [name] = rows(await client.query("SELECT setting FROM pg_settings WHERE name = 'transaction_read_only'"));

    expect(rows(shown)).toEqual([["off"], ["off"]]);
    expect(name).toEqual(["off"]);
    expect(settingsOf(shown)).toEqual([]);
  });

  it("goes on where others change its table all the time, and it comes to the same", async () => {
    await prepared("SELECT count(*) FROM orders");
    const errors = new Set<string | null>();
    for (let i = 0; i < 20; i++) {
      await asOwner(
        `ALTER TABLE orders ALTER memo SET STATISTICS ${100 + i}; CREATE TABLE IF NOT EXISTS made_${i} (n int)`,
      );
      for (let again = 0; again < 3; again++) errors.add(errorOf(await exchange(client, RUN, 1)));
    }

    expect([...errors]).toEqual([null]);
  });

  it.each(["DEALLOCATE ALL", "DISCARD ALL"])("goes on behind %s", async (text) => {
    await prepared(READ);
    const dropped = await client.query(text);
    const again = [await exchange(client, [parse("s", READ), encodeSync], 1)];
    for (let i = 0; i < 3; i++) again.push(await exchange(client, RUN, 1));

    expect([errorOf(dropped), ...again.map(errorOf)]).toEqual([null, null, null, null, null]);
  });

  it("goes on where the role may not make its transactions read-only", async () => {
    const owned = "pg_catalog.set_config(text, text, boolean)";
    await asOwner(`REVOKE EXECUTE ON FUNCTION ${owned} FROM PUBLIC`);
    try {
      await prepared(READ);
      const before = await written();
      await asOwner(CHANGE);

      expect(errorOf(await exchange(client, RUN, 1))).not.toBe(null);
      client.destroy();
      expect(await written()).toBe(before);
    } finally {
      await asOwner(`GRANT EXECUTE ON FUNCTION ${owned} TO PUBLIC`);
    }
  });
});

function settingsOf(messages: readonly BackendMessage[]): string[] {
  return messages.flatMap((message) => (message.type === "ParameterStatus" ? [message.name] : []));
}
