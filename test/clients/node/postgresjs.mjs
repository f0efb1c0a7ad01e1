/** postgres.js: Describe with Flush, named statements of random names, pipelining, cursors, COPY streams, LISTEN, cancel. */

import { pipeline } from "node:stream/promises";
import postgres from "postgres";
import { connection, digest, largeBytes, main, SETUP, SLEEP, STARTED, say, sayError, TYPES } from "./transcript.mjs";

const { user, ...rest } = connection;
const options = { ...rest, username: user, onnotice: () => {}, connection: { application_name: "clients-postgresjs" } };

async function queries(sql) {
  for (const [name, expression] of TYPES) {
    const [extended] = await sql.unsafe(`SELECT ${expression} AS value`, [], { prepare: true });
    const [simple] = await sql.unsafe(`SELECT ${expression} AS value`);
    say(`type ${name}`, [extended, simple]);
  }
  say(
    "template",
    await sql`SELECT ${1}::int AS a, ${"é'\"😀"} AS b, ${null}::text AS c, ${new Date(0)}::timestamptz AS d, ${[1, 2]}::int[] AS e, ${sql.json({ a: [1] })} AS f, ${Buffer.from([0, 255])}::bytea AS g`,
  );
  say(
    "values",
    await sql`SELECT * FROM ${sql.unsafe("(VALUES (1, 'x'), (2, 'y')) v (a, b)")} WHERE a IN ${sql([1, 2])}`.values(),
  );
  say(
    "raw",
    (await sql`SELECT 1::int AS a, 'é'::text AS b`.raw()).map((row) => [...row]),
  );
  const described = await sql`SELECT ${1}::int AS a, name FROM items`.describe();
  say("describe", [described.types, described.columns.map(({ name, type }) => [name, type])]);
  await sayError("syntax", () => sql`SELECT 'é' FRM ${1} z`);
  await sayError("unknown", () => sql`SELECT nothing FROM items WHERE id = ${1}`);
  await sayError("at run time", () => sql`SELECT 1 / ${0}::int`);
  await sayError("of a parameter", () => sql`SELECT ${"x"}::int`);
}

async function prepared(sql) {
  for (let i = 0; i < 9; i++) say("repeated", await sql`SELECT ${i}::int + 1 AS next, ${`w${i}`}::text AS word`);
  for (let i = 0; i < 8; i++) {
    say(
      "insert",
      await sql`INSERT INTO items ${sql({ name: `item ${i}`, price: i * 1.5, tags: [`t${i}`] })} RETURNING *`,
    );
  }
  const many = Array.from({ length: 40 }, (_, i) =>
    i === 20 ? sql`SELECT broken${sql.unsafe("")}` : sql`SELECT ${i}::int AS n`,
  );
  const settled = await Promise.allSettled(many);
  say(
    "pipeline",
    settled.map(({ value, reason }) => (reason ? reason.code : value[0].n)),
  );
}

async function cursors(sql) {
  const sizes = [];
  await sql`SELECT n FROM generate_series(1, 25) n`.cursor(10, (rows) => void sizes.push(rows.length));
  say("cursor", sizes);
  const seen = [];
  for await (const rows of sql`SELECT n FROM generate_series(1, 25) n`.cursor(4)) {
    seen.push(...rows.map(({ n }) => n));
    if (seen.length >= 12) break; // closes the portal
  }
  say("cursor left early", seen);
  say("after cursor", await sql`SELECT 1 AS one`);
  const each = [];
  await sql`SELECT n FROM generate_series(1, 5) n`.forEach(({ n }) => void each.push(n));
  say("for each", each);
}

async function copies(sql) {
  const writable = await sql`COPY items (name, price) FROM STDIN`.writable();
  await pipeline(["copied\t1.5\nal", "so é\t\\N\n"], writable);
  const chunks = [];
  for await (const chunk of await sql`COPY (SELECT name, price FROM items ORDER BY id) TO STDOUT (FORMAT csv)`.readable())
    chunks.push(chunk);
  say("copy", Buffer.concat(chunks).toString());
  // A COPY that fails at its end is never settled by postgres.js 3.4.9.
  await sayError("copy to nowhere", () => sql`COPY nowhere FROM STDIN`.writable());
  say("after copy", await sql`SELECT count(*)::int AS n FROM items`);
}

async function transactions(sql) {
  await sql.begin("isolation level serializable", async (tx) => {
    await tx`INSERT INTO items (name) VALUES ('in transaction')`;
    await sayError("violation in a savepoint", () =>
      tx.savepoint((sp) => sp`INSERT INTO items (name) VALUES ('in transaction')`),
    );
    say("pipelined in a transaction", await Promise.all([tx`SELECT 1 AS n`, tx`SELECT 2 AS n`]));
  });
  await sayError("rolled back", () =>
    sql.begin(async (tx) => {
      await tx`INSERT INTO items (name) VALUES ('gone')`;
      await tx`SELECT 1 / 0`;
    }),
  );
  say("kept", await sql`SELECT name FROM items WHERE name IN ('in transaction', 'gone')`);
}

async function several(sql) {
  say("several", await sql`SELECT 1 AS a; SELECT 'x' AS b; UPDATE items SET price = 1 WHERE name = 'item 1'`.simple());
  await sayError("several, one fails", () => sql`INSERT INTO items (name) VALUES ('gone'); SELECT 1 / 0`.simple());
  say("implicit transaction", await sql`SELECT count(*)::int AS n FROM items WHERE name = 'gone'`);
  await sayError("several, one misspelt", () => sql`SELECT 'é'; SELEC 2`.simple());
}

async function listening(sql) {
  const heard = [];
  let wake = () => {};
  const { unlisten } = await sql.listen("news", (payload) => {
    heard.push(payload);
    wake();
  });
  await sql.notify("news", "é😀");
  await sql`SELECT pg_notify('news', 'second')`;
  while (heard.length < 2) await new Promise((resolve) => (wake = resolve));
  await unlisten();
  say("notifications", heard);
}

async function cancelling(sql, other) {
  const query = sql.unsafe(SLEEP);
  const sleeping = sayError("cancelled", () => query);
  while ((await other.unsafe(STARTED))[0].n === 0);
  query.cancel();
  await sleeping;
  say("after cancel", await sql`SELECT 1 AS one`);
}

async function large(sql) {
  const bytes = largeBytes();
  await sql`INSERT INTO blobs (id, data) VALUES (1, ${bytes})`;
  const [row] = await sql`SELECT data FROM blobs WHERE id = 1`;
  say("large bytea", [row.data.length, digest(row.data) === digest(bytes)]);
  const text = "é".repeat(bytes.length / 2);
  const [{ body }] = await sql`SELECT ${text}::text AS body`;
  say("large text", [body.length, body === text]);
}

await main(async () => {
  // One connection: postgres.js gives each of many whatever is free, and the order would be no two times the same.
  const sql = postgres({ ...options, max: 1 });
  const other = postgres({ ...options, max: 1 });
  await sql.unsafe(SETUP);
  await sql`SET search_path = work`;
  await queries(sql);
  await prepared(sql);
  await cursors(sql);
  await copies(sql);
  await transactions(sql);
  await several(sql);
  await listening(sql);
  await cancelling(sql, other);
  await large(sql);
  await sql.end();
  await other.end();
  const pool = postgres({ ...options, password: async () => connection.password, max: 5, idle_timeout: 1 });
  const rows = await Promise.all(Array.from({ length: 30 }, (_, i) => pool`SELECT ${i}::int AS n`));
  say(
    "pool",
    rows.map(([{ n }]) => n),
  );
  const reserved = await pool.reserve();
  say("reserved", await reserved`SELECT 1 AS one`);
  reserved.release();
  await pool.end();
});
