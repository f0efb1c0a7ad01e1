/** Knex on node-postgres: schema builder, query builder, nested transactions, cancel by time-out, pool. */

import knex from "knex";
import { connection, digest, largeBytes, main, SETUP, say, sayError, TYPES } from "./transcript.mjs";

async function queries(db) {
  for (const [name, expression] of TYPES)
    say(
      `type ${name}`,
      (await db.raw(`SELECT ${expression.replaceAll("?", "\\?")} AS value, ?::text AS name`, [name])).rows,
    );
  for (let i = 0; i < 8; i++) {
    say(
      "insert",
      await db("items")
        .insert({ name: `item ${i}`, price: i * 1.5, tags: [`t${i}`], extra: { i } })
        .returning("*"),
    );
  }
  say(
    "batch",
    await db
      .batchInsert(
        "items",
        Array.from({ length: 25 }, (_, i) => ({ name: `batch ${i}` })),
        10,
      )
      .returning("id"),
  );
  say("where", await db("items").select("name").where("price", ">", 3).orderBy("id").limit(3).offset(1));
  say("count", await db("items").count({ n: "*" }).first());
  say(
    "update",
    await db("items")
      .whereIn("id", [1, 2])
      .update({ price: db.raw("price + ?", [1]) }),
  );
  say("merge", await db("items").insert({ name: "item 1", price: 5 }).onConflict("name").merge().returning("price"));
  say("delete", await db("items").where({ id: 8 }).del());
  say("has table", [await db.schema.hasTable("items"), await db.schema.hasTable("nowhere")]);
  say("columns", await db("items").columnInfo());
  await sayError("violation", () => db("items").insert({ name: "item 1" }));
  await sayError("unknown", () => db("nowhere").select());
}

async function schema(db) {
  await db.schema.createTable("made", (table) => {
    table.increments("id");
    table.string("name", 40).notNullable().index();
    table.integer("item").references("id").inTable("items").onDelete("cascade");
    table.timestamps(true, true);
  });
  await db.schema.alterTable("made", (table) => table.boolean("more").defaultTo(false));
  say("made", Object.keys(await db("made").columnInfo()));
  await db.schema.dropTable("made");
}

async function transactions(db) {
  await db.transaction(
    async (trx) => {
      await trx("items").insert({ name: "in transaction" });
      await sayError("violation in a savepoint", () =>
        trx.transaction((inner) => inner("items").insert({ name: "in transaction" })),
      );
      await trx("items").insert({ name: "after savepoint" });
    },
    { isolationLevel: "serializable" },
  );
  await sayError("rolled back", () =>
    db.transaction(async (trx) => {
      await trx("items").insert({ name: "gone" });
      await trx.raw("SELECT 1 / 0");
    }),
  );
  say("kept", await db("items").pluck("name").whereIn("name", ["in transaction", "gone", "after savepoint"]));
}

/** Not with { cancel: true }: Knex cancels by pg_cancel_backend(), which would reach other agents' sessions and is refused. */
async function timingOut(db) {
  await sayError("timeout", async () => {
    try {
      await db.raw("SELECT pg_sleep(1)").timeout(200);
    } catch (error) {
      throw Object.assign(new Error(error.message), { code: error.name });
    }
  });
}

await main(async () => {
  const db = knex({
    client: "pg",
    connection: async () => ({ ...connection }),
    searchPath: ["work"],
    pool: { min: 0, max: 3 },
  });
  await db.raw(SETUP);
  await queries(db);
  await schema(db);
  await transactions(db);
  await timingOut(db);
  const bytes = largeBytes();
  await db("blobs").insert({ id: 1, data: bytes });
  const { data } = await db("blobs").first();
  say("large", [data.length, digest(data) === digest(bytes)]);
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) => db.raw("SELECT ?::int AS n", [i])));
  say(
    "pool",
    many.map(({ rows }) => rows[0].n),
  );
  await db.destroy();
});
