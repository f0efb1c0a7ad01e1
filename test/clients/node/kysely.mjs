/** Kysely on node-postgres: query builder, introspection, transactions with savepoints, raw SQL. */

import { Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import { connection, digest, largeBytes, main, SETUP, say, sayError, TYPES } from "./transcript.mjs";

async function queries(db) {
  for (const [name, expression] of TYPES)
    say(`type ${name}`, (await sql`SELECT ${sql.raw(expression)} AS value, ${name}::text AS name`.execute(db)).rows);
  for (let i = 0; i < 8; i++) {
    const row = { name: `item ${i}`, price: i * 1.5, tags: [`t${i}`], extra: JSON.stringify({ i }) };
    say("insert", await db.insertInto("items").values(row).returningAll().executeTakeFirst());
  }
  say(
    "join",
    await db
      .selectFrom("items as a")
      .innerJoin("items as b", "a.id", "b.id")
      .select(["a.id", "b.name as other"])
      .where("a.price", ">", 3)
      .orderBy("a.id")
      .limit(3)
      .execute(),
  );
  say(
    "group",
    await db
      .selectFrom("items")
      .select(({ fn }) => [fn.countAll().as("n"), fn.max("price").as("most")])
      .executeTakeFirst(),
  );
  say("update", await db.updateTable("items").set({ price: 9 }).where("id", "in", [1, 2]).executeTakeFirst());
  say(
    "upsert",
    await db
      .insertInto("items")
      .values({ name: "item 1", price: 5 })
      .onConflict((c) => c.column("name").doUpdateSet({ price: 7 }))
      .returning("price")
      .execute(),
  );
  say("delete", await db.deleteFrom("items").where("id", "=", 8).executeTakeFirst());
  say(
    "with",
    await db
      .with("dear", (q) => q.selectFrom("items").selectAll().where("price", ">", 6))
      .selectFrom("dear")
      .select("name")
      .orderBy("name")
      .execute(),
  );
  await sayError("violation", () => db.insertInto("items").values({ name: "item 1" }).execute());
  await sayError("unknown", () => db.selectFrom("nowhere").selectAll().execute());
  const tables = await db.introspection.getTables();
  say(
    "introspection",
    tables
      .filter(({ schema }) => schema === "work")
      .map(({ name, columns }) => [
        name,
        columns.map(({ name, dataType, isNullable }) => [name, dataType, isNullable]),
      ]),
  );
}

async function transactions(db) {
  await db
    .transaction()
    .setIsolationLevel("serializable")
    .execute(async (trx) => {
      await trx.insertInto("items").values({ name: "in transaction" }).execute();
      say("isolation", (await sql`SHOW transaction_isolation`.execute(trx)).rows);
    });
  await sayError("rolled back", () =>
    db.transaction().execute(async (trx) => {
      await trx.insertInto("items").values({ name: "gone" }).execute();
      await sql`SELECT 1 / 0`.execute(trx);
    }),
  );
  const trx = await db.startTransaction().execute();
  const saved = await trx.savepoint("a").execute();
  await sayError("violation in a savepoint", () =>
    saved.insertInto("items").values({ name: "in transaction" }).execute(),
  );
  const back = await saved.rollbackToSavepoint("a").execute();
  await back.insertInto("items").values({ name: "after savepoint" }).execute();
  await trx.commit().execute();
  say(
    "kept",
    await db
      .selectFrom("items")
      .select("name")
      .where("name", "in", ["in transaction", "gone", "after savepoint"])
      .execute(),
  );
  say(
    "one connection",
    await db.connection().execute(async (one) => {
      await sql`SET work_mem = '7MB'`.execute(one);
      return (await sql`SHOW work_mem`.execute(one)).rows;
    }),
  );
}

await main(async () => {
  const pool = new pg.Pool({ ...connection, max: 3, options: "-c search_path=work" });
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  await pool.query(SETUP);
  await queries(db);
  await transactions(db);
  const bytes = largeBytes();
  await db.insertInto("blobs").values({ id: 1, data: bytes }).execute();
  const { data } = await db.selectFrom("blobs").select("data").executeTakeFirstOrThrow();
  say("large", [data.length, digest(data) === digest(bytes)]);
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) => sql`SELECT ${i}::int AS n`.execute(db)));
  say(
    "pool",
    many.map(({ rows }) => rows[0].n),
  );
  await db.destroy();
});
