/** node-postgres: simple and extended queries, prepared statements, portals, COPY, LISTEN, cancel, pool. */

import { once } from "node:events";
import pg from "pg";
import { connection, digest, largeBytes, main, SETUP, SLEEP, STARTED, say, sayError, TYPES } from "./transcript.mjs";

async function queries(client) {
  for (const [name, expression] of TYPES) {
    const text = await client.query(`SELECT ${expression} AS value`);
    const extended = await client.query({ text: `SELECT ${expression} AS value`, values: [], name: `type ${name}` });
    say(`type ${name}`, [
      text.rows,
      extended.rows,
      text.fields[0].dataTypeID < 16384 ? text.fields[0].dataTypeID : "own",
    ]);
  }
  // Those that pg-types reads in binary; on some others it takes minutes or reads nonsense.
  const binary = [
    "bool",
    "int2",
    "int4",
    "int8",
    "float4",
    "float8",
    "numeric",
    "text",
    "bytea",
    "timestamp",
    "timestamptz",
  ];
  for (const [name, expression] of TYPES.filter(([name]) => binary.includes(name))) {
    const { rows } = await client.query({
      text: `SELECT ${expression} AS value, $1::text AS other`,
      values: ["x"],
      binary: true,
    });
    say(`binary ${name}`, rows);
  }
  const values = [1, "é'\"\\😀", true, null, new Date(0), Buffer.from([0, 255]), [1, null], { a: [1] }, 1.25];
  const casts = ["int", "text", "bool", "text", "timestamptz", "bytea", "int[]", "jsonb", "numeric"];
  const { rows } = await client.query(
    `SELECT ${casts.map((cast, i) => `$${i + 1}::${cast} AS v${i}`).join(", ")}`,
    values,
  );
  say("parameters", rows);
  say("empty", (await client.query("")).command);
  say("comment only", (await client.query("-- nothing")).rows);
  say("array mode", (await client.query({ text: "SELECT 1 AS a, 2 AS a", rowMode: "array" })).rows);
  await sayError("syntax error", () => client.query("SELECT 'é', x FRM y z"));
  await sayError("unknown column", () => client.query("SELECT nothing FROM items"));
  await sayError("bad parameter", () => client.query("SELECT $1::int", ["x"]));
  await sayError("division", () => client.query("SELECT 1 / $1::int", [0]));
  await sayError("raise", () =>
    client.query("DO $$ BEGIN RAISE 'own é' USING ERRCODE = 'P1234', HINT = 'a hint', DETAIL = 'a detail'; END $$"),
  );
  await client.query("DO $$ BEGIN RAISE NOTICE 'a notice %', 1; RAISE WARNING 'a warning'; END $$");
}

async function prepared(client) {
  for (let i = 0; i < 9; i++) {
    const { rows } = await client.query({
      name: "named",
      text: "SELECT $1::int + 1 AS next, $2::text AS word",
      values: [i, `w${i}`],
    });
    say("prepared", rows);
  }
  for (let i = 0; i < 8; i++) {
    const insert = {
      name: "insert",
      text: "INSERT INTO items (name, price, tags, extra) VALUES ($1, $2, $3, $4) RETURNING *",
    };
    const { rows, rowCount, command } = await client.query({
      ...insert,
      values: [`item ${i}`, i * 1.5, [`t${i}`], { i }],
    });
    say("insert", [rows, rowCount, command]);
  }
  const pending = [];
  for (let i = 0; i < 30; i++) pending.push(client.query("SELECT $1::int AS n", [i]));
  pending.push(client.query("SELECT broken").catch((error) => ({ rows: error.code })));
  for (let i = 0; i < 5; i++) pending.push(client.query("SELECT $1::int AS n", [i]));
  say(
    "queued",
    (await Promise.all(pending)).map(({ rows }) => rows),
  );
  await client.query("DEALLOCATE ALL");
  await sayError("deallocated", () =>
    client.query({ name: "named", text: "SELECT $1::int + 1 AS next, $2::text AS word", values: [1, "x"] }),
  );
}

/** `rows` makes Execute ask for so many at a time, so that the portal is suspended in between. */
async function portals(client) {
  for (const rows of [1, 7, 100]) {
    const query = new pg.Query({
      text: "SELECT n, repeat('x', n) AS x FROM generate_series(1, $1::int) n",
      values: [50],
      rows,
    });
    client.query(query);
    let count = 0;
    query.on("row", () => count++);
    await once(query, "end");
    say(`portal of ${rows}`, count);
  }
  await client.query("BEGIN");
  await client.query("DECLARE c SCROLL CURSOR FOR SELECT generate_series(1, 10) AS n");
  for (const fetch of [
    "FETCH 3 FROM c",
    "FETCH BACKWARD 1 FROM c",
    "FETCH ABSOLUTE 8 c",
    "MOVE 1 IN c",
    "FETCH ALL c",
  ]) {
    const { rows, command, rowCount } = await client.query(fetch);
    say(fetch, [rows, command, rowCount]);
  }
  await client.query("CLOSE c");
  await sayError("closed cursor", () => client.query("FETCH c"));
  await client.query("ROLLBACK");
}

/** COPY as pg-copy-streams does it, on the connection's own messages. */
class Copy {
  constructor(text, chunks, fail) {
    this.text = text;
    this.chunks = chunks;
    this.fail = fail;
    this.received = [];
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
  submit(connection) {
    connection.query(this.text);
  }
  handleCopyInResponse(connection) {
    for (const chunk of this.chunks) connection.sendCopyFromChunk(Buffer.from(chunk));
    if (this.fail) connection.sendCopyFail("the client changed its mind");
    else connection.endCopyFrom();
  }
  handleCopyData({ chunk }) {
    this.received.push(Buffer.from(chunk));
  }
  handleCommandComplete({ text }) {
    this.tag = text;
  }
  handleError(error) {
    this.reject(error);
  }
  handleReadyForQuery() {
    this.resolve(this);
  }
  handleRowDescription() {}
  handleDataRow() {}
  handlePortalSuspended() {}
  handleEmptyQuery() {}
}

async function copies(client) {
  const copy = (text, chunks = [], fail = false) => client.query(new Copy(text, chunks, fail)).done;
  const out = await copy("COPY items (id, name, price) TO STDOUT");
  say("copy out", [out.tag, Buffer.concat(out.received).toString()]);
  const csv = await copy("COPY (SELECT id, name FROM items ORDER BY id DESC LIMIT 2) TO STDOUT (FORMAT csv, HEADER)");
  say("copy csv", [csv.tag, Buffer.concat(csv.received).toString()]);
  const binary = await copy("COPY (SELECT 1::int, 'x'::text) TO STDOUT (FORMAT binary)");
  say("copy binary", Buffer.concat(binary.received));
  const rows = ["from copy\t1.5\nan", "d é\t\\N\n", "more\t2\n\\.\n"];
  say("copy in", (await copy("COPY items (name, price) FROM STDIN", rows)).tag);
  await sayError("copy in violates", () => copy("COPY items (name) FROM STDIN", ["twice\n", "twice\n"]));
  await sayError("copy in fails", () => copy("COPY items (name) FROM STDIN", ["one\n"], true));
  await sayError("copy of nothing", () => copy("COPY nowhere TO STDOUT"));
  say("after copy", (await client.query("SELECT count(*) FROM items")).rows);
}

async function transactions(client) {
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  await client.query("INSERT INTO items (name) VALUES ($1)", ["in transaction"]);
  await client.query("SAVEPOINT a");
  await sayError("unique violation", () => client.query("INSERT INTO items (name) VALUES ($1)", ["in transaction"]));
  await sayError("aborted", () => client.query("SELECT 1"));
  await client.query("ROLLBACK TO SAVEPOINT a");
  say("after savepoint", (await client.query("SELECT name FROM items WHERE name = 'in transaction'")).rows);
  await client.query("RELEASE a");
  say("commit", (await client.query("COMMIT")).command);
  await client.query("BEGIN");
  await sayError("fails", () => client.query("SELECT 1/0"));
  say("commit of failed", (await client.query("COMMIT")).command);
  await sayError("check", () => client.query("SELECT (-1)::positive"));
}

async function several(client) {
  const results = await client.query(
    "SELECT 1 AS a; SELECT 'x' AS b, 2 AS c; INSERT INTO items (name) VALUES ('several') RETURNING name; SET work_mem = '5MB'; SHOW work_mem",
  );
  say(
    "several",
    results.map(({ command, rowCount, rows }) => [command, rowCount, rows]),
  );
  await sayError("several, one fails", () =>
    client.query("INSERT INTO items (name) VALUES ('gone'); SELECT 1/0; SELECT 2"),
  );
  say("implicit transaction", (await client.query("SELECT count(*) FROM items WHERE name = 'gone'")).rows);
  await sayError("several, one misspelt: 'é' before it", () => client.query("SELECT 'é'; SELEC 2"));
  await sayError("several with an unknown table", () => client.query("SELECT 'é😀'; SELECT * FROM nowhere"));
  const own = await client.query(
    "BEGIN; INSERT INTO items (name) VALUES ('kept'); COMMIT; SELECT count(*) FROM items WHERE name = 'kept'",
  );
  say(
    "transaction in a string",
    own.map(({ command, rows }) => [command, rows]),
  );
  await sayError("several, extended", () => client.query({ text: "SELECT 1; SELECT 2", name: "two", values: [] }));
  say("trailing semicolons", (await client.query(";;SELECT 3 AS n;;")).rows ?? "several");
}

async function listening(client) {
  const other = new pg.Client(connection);
  await other.connect();
  const heard = [];
  const waitFor = async (count) => {
    while (heard.length < count) await once(client, "notification");
  };
  client.on("notification", ({ channel, payload }) => heard.push([channel, payload]));
  await client.query('LISTEN news; LISTEN "Own Name"');
  await other.query("NOTIFY news, 'first'");
  await other.query("SELECT pg_notify($1, $2)", ["Own Name", "é😀"]);
  await waitFor(2);
  await client.query("NOTIFY news"); // to itself
  await waitFor(3);
  say("notifications", heard);
  await client.query("UNLISTEN *");
  await other.end();
}

async function cancelling(client) {
  await client.query("SET statement_timeout = 50");
  await sayError("statement_timeout", () => client.query("SELECT pg_sleep(30)"));
  await client.query("RESET statement_timeout");
  const other = new pg.Client(connection);
  await other.connect();
  const sleeping = sayError("cancelled", () => client.query(SLEEP));
  while ((await other.query(STARTED)).rows[0].n === 0);
  await other.end();
  // client.cancel() knows no TLS.
  const canceller = new pg.Connection({ ssl: connection.ssl });
  canceller.connect(connection.port, connection.host);
  await once(canceller, "connect");
  if (connection.ssl) {
    canceller.requestSsl();
    await once(canceller, "sslconnect");
  }
  canceller.cancel(client.processID, client.secretKey);
  await sleeping;
  say("after cancel", (await client.query("SELECT 1 AS one")).rows);
}

async function large(client) {
  const bytes = largeBytes();
  await client.query("INSERT INTO blobs (id, data) VALUES (1, $1)", [bytes]);
  const { rows } = await client.query("SELECT data, length(data) FROM blobs WHERE id = $1", [1]);
  say("large bytea", [rows[0].length, digest(rows[0].data) === digest(bytes)]);
  const text = "é".repeat(bytes.length / 2);
  const echoed = await client.query("SELECT $1::text AS body", [text]);
  say("large text", [echoed.rows[0].body.length, echoed.rows[0].body === text]);
  say("many rows", (await client.query("SELECT n, md5(n::text) AS m FROM generate_series(1, 100000) n")).rows.length);
}

async function pools() {
  // A token lives for minutes: each new connection asks for one.
  const pool = new pg.Pool({ ...connection, password: async () => connection.password, max: 4 });
  const rows = await Promise.all(Array.from({ length: 20 }, (_, i) => pool.query("SELECT $1::int AS n", [i])));
  say(
    "pool",
    rows.map(({ rows: [row] }) => row.n),
  );
  const lent = await pool.connect();
  await lent.query("SET application_name = 'lent'");
  lent.release();
  await sayError("pool error", () => pool.query("SELECT 1/0"));
  say("pool after error", (await pool.query("SELECT 1 AS one")).rows);
  await pool.end();
  await sayError("wrong password", async () => {
    const refused = new pg.Client({ ...connection, password: "wrong" });
    try {
      await refused.connect();
    } catch (error) {
      // What is said differs, and must: only that it is an identity's refusal is compared.
      throw Object.assign(new Error("refused"), { code: error.code.slice(0, 2) });
    }
  });
}

await main(async () => {
  const client = new pg.Client({ ...connection, application_name: "clients-pg" });
  const notices = [];
  client.on("notice", ({ severity, code, message }) => notices.push({ severity, code, message }));
  await client.connect();
  await client.query(SETUP);
  notices.length = 0; // of dropping what may not have been there

  await queries(client);
  await prepared(client);
  await portals(client);
  await copies(client);
  await transactions(client);
  await several(client);
  say("notices", notices.splice(0));
  await listening(client);
  await cancelling(client);
  await large(client);
  await client.end();
  await pools();
});
