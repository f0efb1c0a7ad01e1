/** node-postgres. One line on standard output for each step; reads a line where it waits for the test. */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import pg from "pg";

const lines = createInterface({ input: process.stdin });
const say = (...words) => process.stdout.write(`${words.join(" ")}\n`);
const { PGHOST, PGPORT, PGUSER, PGDATABASE, PGPASSWORD, PGSSLROOTCERT } = process.env;
const options = {
  ...{ host: PGHOST, port: Number(PGPORT), user: PGUSER, database: PGDATABASE, password: PGPASSWORD },
  ssl: { ca: readFileSync(PGSSLROOTCERT, "utf8") },
};
const client = new pg.Client(options);
await client.connect();
client.on("error", () => {}); // its connection is cut below, on purpose

async function remove(row) {
  try {
    say("deleted", (await client.query("DELETE FROM orders WHERE id = $1", [row])).rowCount);
  } catch (error) {
    say("refused", error.code ?? "?", error.detail ?? "-");
  }
}

await remove(1);
await remove(2);
say("lives", (await client.query("SELECT 1 AS one")).rows[0].one);
await client.query("SET postern.approval = 'defer'");
await remove(3);
await once(lines, "line");
await remove(3);
await remove(3);
await client.query("SET postern.approval = 'wait'");
// Its own cancel is not for TLS: an aborted connection withdraws too, and another one looks.
const last = remove(4);
await once(lines, "line");
client.connection.stream.destroy();
await last;
const next = new pg.Client(options);
await next.connect();
say("lives", (await next.query("SELECT 1 AS one")).rows[0].one);
await next.end();
process.exit(0);
