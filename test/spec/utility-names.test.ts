/** Names without a schema in utility statements mean what they mean to the server when the statement runs. */

import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { encodeSync } from "../../src/wire/extended.ts";
import { bind, exchange, execute, parse } from "../support/policy-escape-messages.ts";
import { connectTo, type ShopGateway, startShopGateway } from "../support/policy-gateway.ts";
import { errorOf, startShop } from "../support/policy-server.ts";
import { POSTGRES_VERSIONS, type TestPostgres } from "../support/postgres.ts";
import { rows } from "../support/raw-client.ts";

const versions = POSTGRES_VERSIONS.filter((version) => version === 15 || version === 18);

/** Before public on every session's path, once it is there; agents may read public alone. */
const SHADOW = `CREATE SCHEMA shop_app AUTHORIZATION shop_app; CREATE TABLE shop_app.orders AS SELECT team FROM hr.salaries;
  ALTER TABLE shop_app.orders OWNER TO shop_app`;

describe.each(versions)("a utility statement's bare name on PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: ShopGateway;
  const asOwner = (sql: string) => postgres.psql(sql, "shop");

  beforeAll(async () => {
    postgres = await startShop(version);
    await asOwner(`UPDATE hr.salaries SET team = 'canary'; GRANT CREATE ON SCHEMA public, hr TO shop_app;
      CREATE TABLE public.ours (a int); CREATE TABLE hr.theirs (a int); INSERT INTO hr.theirs VALUES (1);
      ALTER TABLE public.ours OWNER TO shop_app; ALTER TABLE hr.theirs OWNER TO shop_app`);
    gateway = await startShopGateway(postgres);
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
  });
  afterEach(async () => {
    await asOwner("DROP SCHEMA IF EXISTS shop_app CASCADE; DROP TABLE IF EXISTS hr.ours");
  });

  it("is judged as the table that another session has put in its way a moment ago", async () => {
    const client = await connectTo(gateway);
    const before = await client.query("COPY orders (id) TO STDOUT");
    await asOwner(SHADOW);
    const after = await client.query("COPY orders TO STDOUT");
    client.destroy();

    expect(errorOf(before)).toBe(null);
    expect(errorOf(after)).toBe("42501");
    expect(JSON.stringify(after)).not.toContain(JSON.stringify([...Buffer.from("canary")]).slice(1, -1));
  });

  it("is judged again where it was prepared before, in the batch that runs it", async () => {
    const client = await connectTo(gateway);
    const prepared = await exchange(client, [parse("s", "COPY orders TO STDOUT"), encodeSync], 1);
    await asOwner(SHADOW);
    const answer = await exchange(client, [bind("", "s"), execute(""), encodeSync], 1);
    client.destroy();

    expect([errorOf(prepared), errorOf(answer)]).toEqual([null, "42501"]);
  });

  it.each([
    "TRUNCATE ours",
    "DROP TABLE ours",
    "CREATE INDEX ON ours (a)",
    "COMMENT ON TABLE ours IS 'x'",
    "BEGIN; LOCK ours",
  ])("is judged as what it has been moved to: %s", async (text) => {
    const client = await connectTo(gateway, "builders");
    await client.query("SET search_path = hr, public");
    expect(errorOf(await client.query("COPY ours TO STDOUT"))).toBe(null);
    await asOwner("CREATE TABLE hr.ours AS SELECT 1 AS a; ALTER TABLE hr.ours OWNER TO shop_app");
    const answer = await client.query(text);
    client.destroy();

    expect(errorOf(answer)).toBe("42501");
    expect(await asOwner("SELECT count(*) FROM hr.ours")).toBe("1");
  });

  it("is that of a function, a type or an index too", async () => {
    const client = await connectTo(gateway, "builders");
    const answers: (string | null)[] = [];
    for (const text of [
      "BEGIN",
      "SET LOCAL search_path = hr, public",
      "CREATE FUNCTION public.f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
      "COMMENT ON FUNCTION f(int) IS 'x'",
      "DROP FUNCTION f(int)",
      "CREATE TYPE public.kind AS ENUM ('a')",
      "ALTER TYPE kind RENAME TO sort",
      "DROP TYPE sort",
      "CREATE INDEX by_a ON public.ours (a)",
      "DROP INDEX by_a",
      "CREATE SEQUENCE public.s",
      "DROP SEQUENCE s",
      "ROLLBACK",
    ]) {
      answers.push(errorOf(await client.query(text)));
    }
    client.destroy();

    expect(answers.filter((error) => error !== null)).toEqual([]);
  });

  it("does not keep from running what may not run in a transaction", async () => {
    const client = await connectTo(gateway, "builders");
    const simple = await client.query("VACUUM ours");
    const index = await client.query("CREATE INDEX CONCURRENTLY alone ON ours (a)");
    const prepared = await exchange(client, [parse("v", "VACUUM ours"), encodeSync], 1);
    const ran = await exchange(client, [bind("", "v"), execute(""), encodeSync], 1);
    const again = await exchange(client, [bind("", "v"), execute(""), encodeSync], 1);
    const whole = await exchange(client, [parse("", "VACUUM ours"), bind("", ""), execute(""), encodeSync], 1);
    const dropped = await client.query("DROP INDEX CONCURRENTLY alone");
    client.destroy();

    expect([simple, index, prepared, ran, again, whole, dropped].map(errorOf)).toEqual(Array(7).fill(null));
  });

  it("means the same in a string of several statements", async () => {
    const client = await connectTo(gateway, "builders");
    const answer = await client.query(
      "BEGIN; SET LOCAL search_path = public; CREATE TABLE paired (a int); SET LOCAL search_path = hr; DROP TABLE theirs",
    );
    const after = await client.query("ROLLBACK; SELECT 'on'");
    client.destroy();

    expect([errorOf(answer), rows(after)]).toEqual(["42501", [["on"]]]);
    expect(await asOwner("SELECT count(*) FROM hr.theirs")).toBe("1");
  });
});

describe.each(versions)("a prepared read on PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: ShopGateway;
  const READ = "SELECT count(*) FROM orders WHERE memo::varchar = 'x'::varchar OR id > 0";
  const TRAP = `CREATE OR REPLACE FUNCTION traps.sprung(varchar, varchar) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
    AS 'BEGIN INSERT INTO audit.trail (what) VALUES (''sprung''); RETURN true; END'`;
  const sprung = () => postgres.psql("SELECT count(*) FROM audit.trail WHERE what = 'sprung'", "shop");

  beforeAll(async () => {
    postgres = await startShop(version);
    await postgres.psql(
      `CREATE SCHEMA traps; GRANT ALL ON SCHEMA traps TO shop_app; ${TRAP};
      CREATE SCHEMA pathed; GRANT ALL ON SCHEMA pathed TO shop_app;
      CREATE OPERATOR pathed.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = traps.sprung)`,
      "shop",
    );
    gateway = await startShopGateway(postgres);
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
  });

  it("goes upstream as it came where nothing has changed names, behind what makes its batch read-only: no question, no Flush, no wait", async () => {
    const proxy = await startProxy(postgres.port);
    const behind = await startShopGateway({ ...postgres, port: proxy.port });
    const client = await connectTo(behind);
    const batch = [bind("", "s"), execute(""), encodeSync];
    await exchange(client, [parse("s", READ), ...batch], 1);
    for (let i = 0; i < 2; i++) await exchange(client, batch, 1);
    const before = proxy.sentWith(READ).length;
    for (let i = 0; i < 5; i++) expect(errorOf(await exchange(client, batch, 1))).toBe(null);
    const sent = proxy.sentWith(READ).slice(before);
    client.destroy();
    await behind.stop();
    await proxy.stop();

    expect(sent.map(typesOf)).toEqual(Array(5).fill("BEBES"));
  });

  it.each([
    ["a SET", ["SET search_path = pathed, public"], ["RESET search_path"]],
    ["a SET inside a transaction", ["BEGIN", "SET LOCAL search_path = pathed, public"], ["ROLLBACK"]],
    ["set_config()", ["SELECT set_config('search_path', 'pathed, public', false)"], ["RESET search_path"]],
  ])("runs no operator that %s has put in the place of its own", async (_, before, after) => {
    const client = await connectTo(gateway, "builders");
    const first = await exchange(client, [parse("s", READ), bind("", "s"), execute(""), encodeSync], 1);
    expect(errorOf(first)).toBe(null);
    for (const text of before) await client.query(text);
    const moved = await exchange(client, [bind("", "s"), execute(""), encodeSync], 1);
    for (const text of after) await client.query(text);
    const back = await exchange(client, [bind("", "s"), execute(""), encodeSync], 1);
    client.destroy();

    expect(errorOf(moved)).toBe("42501");
    expect(errorOf(back)).toBe(null);
    expect(await sprung()).toBe("0");
  });

  it("runs no operator that a transaction rolled back by an error has put there", async () => {
    const client = await connectTo(gateway, "builders");
    await client.query("SET search_path = pathed, public");
    const made = await exchange(client, [parse("s", READ), encodeSync], 1);
    await client.query("SET search_path = public; SELECT 1/0"); // taken back: the path is the other again
    const answer = await exchange(client, [bind("", "s"), execute(""), encodeSync], 1);
    client.destroy();

    expect([errorOf(made), errorOf(answer)]).toEqual([null, "42501"]);
    expect(await sprung()).toBe("0");
  });

  it("runs no operator that another session of this gateway has just made", async () => {
    const [reader, builder] = [await connectTo(gateway), await connectTo(gateway, "builders")];
    await reader.query("SET search_path = traps, public");
    const batch = [bind("", "s"), execute(""), encodeSync];
    await exchange(reader, [parse("s", READ), ...batch], 1);
    for (let i = 0; i < 3; i++) expect(errorOf(await exchange(reader, batch, 1))).toBe(null);
    const made = await builder.query(
      "CREATE OPERATOR traps.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = traps.sprung)",
    );
    const answers = [await exchange(reader, batch, 1), await exchange(reader, batch, 1)].map(errorOf);
    await builder.query("DROP OPERATOR traps.= (varchar, varchar)");
    const back = errorOf(await exchange(reader, batch, 1));
    reader.destroy();
    builder.destroy();

    expect(errorOf(made)).toBe(null);
    expect(answers).toEqual(["42501", "42501"]);
    expect(back).toBe(null);
    expect(await sprung()).toBe("0");
  });
});

/** Takes down what goes to the server, chunk by chunk of each connection. */
async function startProxy(port: number) {
  const connections: Buffer[][] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const chunks: Buffer[] = [];
    connections.push(chunks);
    const upstream = connect({ port, host: "127.0.0.1", noDelay: true });
    for (const each of [socket, upstream]) sockets.add(each.on("error", () => each.destroy()));
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.pipe(upstream).pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    /** Of the connection that has sent this text. */
    sentWith: (text: string) => connections.find((chunks) => Buffer.concat(chunks).includes(text)) ?? [],
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Types of whole messages. */
function typesOf(bytes: Buffer): string {
  let types = "";
  for (let at = 0; at < bytes.length; at += 1 + bytes.readInt32BE(at + 1)) types += String.fromCharCode(bytes[at] ?? 0);
  return types;
}
