/** Sequences of messages against a gateway with a policy: nothing forbidden happens, and the session always answers or is closed. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeExecute, encodeFlush, encodeSync } from "../../src/wire/extended.ts";
import { encodeQuery } from "../../src/wire/query.ts";
import type { MessageWriter } from "../../src/wire/writer.ts";
import { bind, exchange, execute, parse } from "../support/policy-escape-messages.ts";
import { connectTo, type ShopGateway, startShopGateway } from "../support/policy-gateway.ts";
import { errorOf, startShop } from "../support/policy-server.ts";
import type { TestPostgres } from "../support/postgres.ts";
import { type RawClient, rows } from "../support/raw-client.ts";

type Part = Uint8Array | ((writer: MessageWriter) => void);

const FORBIDDEN = `SELECT (SELECT string_agg(body, ',' ORDER BY id) FROM notes), (SELECT sum(pay) FROM hr.salaries),
  (SELECT count(*) FROM hr.orders), (SELECT count(*) FROM audit.trail), (SELECT count(*) FROM payments)`;

/** Permitted and refused, of the session and of data, whole strings among them. */
const POOL: readonly string[] = [
  ...["", "SELECT 1", "SELECT 1/0", "SELECT nope", "SELECT syntax error here (", "TABLE notes", "SHOW search_path"],
  ...["SELECT id FROM orders WHERE id = 1", "DELETE FROM notes", "TRUNCATE notes", "SELECT * FROM hr.salaries"],
  ...["BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT a", "ROLLBACK TO a", "DISCARD ALL", "CALL close_order(1)"],
  ...["SET search_path = public", "SET search_path = hr", "SET LOCAL search_path = hr", "COPY orders TO STDOUT"],
  ...["SELECT set_config('search_path', 'hr', false)", "EXPLAIN SELECT id FROM orders"],
  ...["EXPLAIN ANALYZE DELETE FROM notes", "DECLARE c CURSOR WITH HOLD FOR SELECT id FROM orders", "FETCH 2 FROM c"],
  ...["CLOSE c", "PREPARE q AS SELECT id FROM orders", "EXECUTE q", "DEALLOCATE q", "SELECT 1; DELETE FROM notes"],
  ...["INSERT INTO orders (memo) VALUES ('f')", "SELECT 1; SELECT 2; INSERT INTO orders (memo) VALUES ('g')"],
  ...["SELECT run_sql('SELECT max(id) FROM orders')", "SELECT run_sql('SELECT 1/0')"],
];

const query = (text: string) => (writer: MessageWriter) =>
  encodeQuery(writer, { query: new TextEncoder().encode(text) });

describe("sequences of messages under a policy", () => {
  let postgres: TestPostgres;
  let gateway: ShopGateway;

  beforeAll(async () => {
    postgres = await startShop(18);
    gateway = await startShopGateway(postgres);
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
  });

  it.each([1, 2, 3, 4, 5, 6])("ends every batch, with nothing forbidden done, from seed %i", async (seed) => {
    const before = await postgres.psql(FORBIDDEN, "shop");
    const random = generator(seed);
    for (let session = 0; session < 4; session++) {
      const client = await connectTo(gateway);
      const sent: string[] = [];
      for (let burst = 0; burst < 5; burst++) {
        const { parts, names } = sequence(random);
        sent.push(names.join(" "));
        const ending = `${seed}-${session}-${burst}`;
        client.send(...parts, encodeSync, query("ROLLBACK"), query(`SELECT 'ends ${ending}'`));
        const ended = await Promise.race([endOf(client, `ends ${ending}`), silence()]);
        expect(ended, sent.join("\n")).not.toBe("silence");
        if (ended === "closed") break;
      }
      client.destroy();
    }
    expect(await postgres.psql(FORBIDDEN, "shop")).toBe(before);
  });

  it("skips what stands behind a refused statement up to the Sync, and goes on behind it", async () => {
    const client = await connectTo(gateway);
    const answer = await exchange(
      client,
      [...run("SELECT 1"), ...run("DELETE FROM notes"), ...run("SELECT 2"), encodeSync, ...run("SELECT 3"), encodeSync],
      2,
    );
    client.destroy();

    expect(rows(answer)).toEqual([["1"], ["3"]]);
    expect(errorOf(answer)).toBe("42501");
  });

  it("refuses a function in the arguments of EXECUTE inside EXPLAIN", async () => {
    const client = await connectTo(gateway);
    await client.query("PREPARE p (numeric) AS SELECT $1");
    const answer = await client.query("EXPLAIN (VERBOSE) EXECUTE p (peek_pay(1))");
    client.destroy();

    expect(errorOf(answer)).toBe("42501");
  });
});

const query1 = (text: string) => [query(text)];
const run = (text: string) => [parse("", text), bind("", ""), execute("")];

/** What came through before, by messages; each list is one batch. Builders may do everything outside of schema hr. */
const HOLES: readonly (readonly [string, "builders" | undefined, readonly (readonly Part[])[]])[] = [
  [
    "EXPLAIN ANALYZE of a write, prepared by the protocol and run by EXECUTE",
    undefined,
    [[parse("p", "EXPLAIN ANALYZE DELETE FROM notes"), encodeSync], query1("EXECUTE p")],
  ],
  [
    "EXECUTE of another EXECUTE",
    undefined,
    [[parse("q", "SELECT * FROM hr.salaries"), encodeSync], [parse("p", "EXECUTE q"), encodeSync], query1("EXECUTE p")],
  ],
  [
    "a setting, prepared by the protocol and run by EXECUTE, and what it would have hidden",
    "builders",
    [
      [parse("p", "SET debug_print_rewritten = off"), encodeSync],
      query1("EXECUTE p"),
      query1("DO $$ BEGIN DELETE FROM hr.orders; END $$"),
    ],
  ],
  [
    "an operator of the agent's own among the arguments of EXECUTE",
    undefined,
    [query1("PREPARE p (varchar) AS SELECT $1"), query1("EXECUTE p ('a'::varchar || 'b'::varchar)")],
  ],
  [
    "the query inside a statement that was parsed before names changed",
    "builders",
    [
      query1("SET search_path = public, hr"),
      [parse("s", "CREATE TABLE public.stolen AS SELECT * FROM salaries"), encodeSync],
      query1("CREATE TABLE public.salaries (a int)"),
      [bind("", "s"), execute(""), encodeSync],
      query1("SELECT * FROM public.stolen"),
    ],
  ],
  [
    "a bare name that means another table since the transaction dropped one",
    "builders",
    [
      query1("DROP TABLE IF EXISTS public.salaries"),
      query1("CREATE TABLE public.salaries (a int)"),
      query1("SET search_path = public, hr"),
      query1("BEGIN; DROP TABLE public.salaries; COPY salaries TO STDOUT; COMMIT"),
      query1("ROLLBACK"),
    ],
  ],
  [
    "a function that hides its trees by a setting of its own",
    "builders",
    [
      query1(
        "CREATE FUNCTION public.hid() RETURNS SETOF text LANGUAGE sql SET client_min_messages = error AS 'SELECT team FROM hr.salaries'",
      ),
      query1("SELECT * FROM public.hid()"),
    ],
  ],
  [
    "a trigger that the agent has made itself",
    "builders",
    [
      query1(
        "CREATE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM hr.orders; RETURN NEW; END'",
      ),
      query1("CREATE TABLE public.mine (a text)"),
      query1("CREATE TRIGGER t BEFORE INSERT ON public.mine FOR EACH ROW EXECUTE FUNCTION public.trap()"),
      query1("INSERT INTO public.mine VALUES ('x')"),
    ],
  ],
];

describe.each([15, 18] as const)("a way around the judgement on PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: ShopGateway;

  beforeAll(async () => {
    postgres = await startShop(version);
    await postgres.psql("UPDATE hr.salaries SET team = 'canary'; GRANT CREATE ON SCHEMA public TO shop_app", "shop");
    gateway = await startShopGateway(postgres);
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
  });

  it.each(HOLES)("is closed: %s", async (_, group, messages) => {
    const before = await postgres.psql(FORBIDDEN, "shop");
    const client = await connectTo(gateway, group);
    let heard = "";
    for (const batch of messages) {
      client.send(...batch);
      const answers = await Promise.race([client.until("ReadyForQuery"), silence()]);
      if (answers === "silence") throw new Error("no answer");
      heard += answers.map((message) => JSON.stringify(message, (_, value) => shown(value))).join("\n");
      if (answers.at(-1)?.type !== "ReadyForQuery") break; // the session was ended
    }
    client.destroy();

    expect(heard).not.toContain("canary");
    expect(await postgres.psql(FORBIDDEN, "shop")).toBe(before);
  });
});

/** Numbers below n, the same for the same seed. */
function generator(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % n;
  };
}

function sequence(random: (n: number) => number): {
  readonly parts: readonly Part[];
  readonly names: readonly string[];
} {
  const parts: Part[] = [];
  const names: string[] = [];
  const add = (name: string, part: Part) => {
    names.push(name);
    parts.push(part);
  };
  for (let left = 1 + random(4); left > 0; left--) {
    const text = POOL[random(POOL.length)] ?? "";
    if (random(4) === 0) {
      add(`Q:${text}`, query(text));
      continue;
    }
    const statement = ["", "s", "t"][random(3)] ?? "";
    const portal = ["", "p"][random(2)] ?? "";
    const maxRows = random(3);
    if (random(5) > 0) add(`P(${statement}):${text}`, parse(statement, text));
    if (random(6) > 0) add(`B(${portal},${statement})`, bind(portal, statement));
    if (random(6) > 0) add(`E(${portal},${maxRows})`, (writer) => encodeExecute(writer, { portal, maxRows }));
    if (random(5) === 0) add("F", encodeFlush);
    if (random(2) === 0) add("S", encodeSync);
  }
  return { parts, names };
}

describe("a text made to keep the parser, the server's tree or its reader busy", () => {
  let postgres: TestPostgres;
  const gateways = new Map<string, ShopGateway>();

  beforeAll(async () => {
    postgres = await startShop(18);
    gateways.set("by default", await startShopGateway(postgres));
    gateways.set("where 16 MiB are let in", await startShopGateway(postgres, { limits: { statementSize: "16MiB" } }));
  });
  afterAll(async () => {
    for (const gateway of gateways.values()) await gateway.stop();
    await postgres?.stop();
  });

  const ANDS = `SELECT id FROM orders WHERE ${"true AND ".repeat(100_000)}true`;
  const LONG_LIST = `VALUES ${"(1234567),".repeat(104_857)}(1)`;
  const PARENTHESES = `SELECT ${"(".repeat(20_000)}1${")".repeat(20_000)}`;
  // Which of the limits is met first depends on the machine: the parser's deadline, its stack, the tree's size.
  const REFUSED = /^(54000|54001|0A000|42601)$/;
  // That others do not wait meanwhile is measured by bench/rows/attacks.ts.
  it.each([
    ["100,000 ANDs", "by default", ANDS, REFUSED],
    ["100,000 ANDs", "where 16 MiB are let in", ANDS, REFUSED],
    ["5,000 UNIONs", "by default", `SELECT 1${" UNION SELECT 1".repeat(5_000)}`, REFUSED],
    ["5,000 UNIONs", "where 16 MiB are let in", `SELECT 1${" UNION SELECT 1".repeat(5_000)}`, REFUSED],
    ["20,000 parentheses", "by default", PARENTHESES, REFUSED],
    ["20,000 parentheses", "where 16 MiB are let in", PARENTHESES, REFUSED],
    ["a VALUES list of 1 MB", "by default", LONG_LIST, REFUSED],
    ["a VALUES list of 1 MB", "where 16 MiB are let in", LONG_LIST, REFUSED],
    ["a VALUES list of 5,000 rows", "by default", `VALUES ${"(1234567),".repeat(5_000)}(1)`, /^none$/],
    ["24,000 additions", "by default", `SELECT 1${"+1".repeat(24_000)}`, REFUSED],
    ["20,000 nested comments", "by default", `SELECT 1 ${"/*".repeat(20_000)}${"*/".repeat(20_000)}`, REFUSED],
    ["a cross join of 400 relations", "by default", `SELECT 1 FROM ${"orders, ".repeat(399)}orders`, REFUSED],
  ])("is answered or refused, by either protocol, and its session and others go on: %s, %s", async (_, where, text, told) => {
    const gateway = gateways.get(where);
    if (gateway === undefined) throw new Error(where);
    const attacker = await connectTo(gateway);
    const other = await connectTo(gateway);
    const outcomes: string[] = [];
    for (const parts of [[query(text)], [parse("", text), bind("", ""), execute(""), encodeSync]]) {
      attacker.send(...parts);
      expect(rows(await other.query("SELECT 'others go on'"))).toEqual([["others go on"]]);
      outcomes.push(errorOf(await attacker.until("ReadyForQuery")) ?? "none");
      expect(rows(await attacker.query("SELECT 'and so does it'"))).toEqual([["and so does it"]]);
    }
    attacker.destroy();
    other.destroy();
    for (const outcome of outcomes) expect(outcome).toMatch(told);
  });
});

/** Reads up to a row of that value, and the end of its batch. */
async function endOf(client: RawClient, value: string): Promise<"ended" | "closed"> {
  for (let message = await client.next(); message !== null; message = await client.next()) {
    if (rows([message])[0]?.[0] !== value) continue;
    await client.until("ReadyForQuery");
    return "ended";
  }
  return "closed";
}

/** Bytes of a message as text. */
function shown(value: unknown): unknown {
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  return value instanceof Map ? [...value] : value;
}

function silence(): Promise<"silence"> {
  return new Promise((resolve) => void setTimeout(() => resolve("silence"), 5_000).unref());
}
