/** Drizzle on node-postgres: query builder, prepared statements, nested transactions. */

import { eq, gt, inArray, sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import { customType, integer, jsonb, numeric, pgSchema, text, timestamp } from "drizzle-orm/pg-core";
import pg from "pg";
import { connection, digest, largeBytes, main, SETUP, say, sayError, TYPES } from "./transcript.mjs";

const work = pgSchema("work");
const bytea = customType({ dataType: () => "bytea" });
const items = work.table("items", {
  id: integer("id").primaryKey().generatedByDefaultAsIdentity(),
  name: text("name").notNull(),
  price: numeric("price", { precision: 10, scale: 2 }),
  tags: text("tags").array(),
  extra: jsonb("extra"),
  made: timestamp("made", { withTimezone: true }),
});
const blobs = work.table("blobs", { id: integer("id").primaryKey(), data: bytea("data"), body: text("body") });

async function queries(db) {
  for (const [name, expression] of TYPES)
    say(`type ${name}`, (await db.execute(sql`SELECT ${sql.raw(expression)} AS value, ${name}::text AS name`)).rows);
  for (let i = 0; i < 8; i++) {
    say(
      "insert",
      await db
        .insert(items)
        .values({ name: `item ${i}`, price: String(i * 1.5), tags: [`t${i}`], extra: { i } })
        .returning(),
    );
  }
  const byId = db
    .select()
    .from(items)
    .where(eq(items.id, sql.placeholder("id")))
    .prepare("by_id");
  for (let i = 1; i <= 8; i++) say("prepared", await byId.execute({ id: i }));
  say(
    "where",
    await db.select({ name: items.name }).from(items).where(gt(items.price, "3")).orderBy(items.id).limit(3),
  );
  say(
    "update",
    await db
      .update(items)
      .set({ price: "9" })
      .where(inArray(items.id, [1, 2]))
      .returning({ id: items.id }),
  );
  say(
    "upsert",
    await db
      .insert(items)
      .values({ name: "item 1" })
      .onConflictDoUpdate({ target: items.name, set: { price: "7" } })
      .returning(),
  );
  say("delete", (await db.delete(items).where(eq(items.id, 8))).rowCount);
  say("count", await db.$count(items));
  await sayError("violation", () => db.insert(items).values({ name: "item 1" }));
  await sayError("syntax", () => db.execute(sql`SELECT 'é' FRM x y`));
}

async function transactions(db) {
  await db.transaction(
    async (tx) => {
      await tx.insert(items).values({ name: "in transaction" });
      await sayError("violation in a savepoint", () =>
        tx.transaction((inner) => inner.insert(items).values({ name: "in transaction" })),
      );
      await tx.insert(items).values({ name: "after savepoint" });
    },
    { isolationLevel: "repeatable read", accessMode: "read write" },
  );
  await sayError("rolled back", () =>
    db.transaction(async (tx) => {
      await tx.insert(items).values({ name: "gone" });
      await tx.execute(sql`SELECT 1 / 0`);
    }),
  );
  say(
    "kept",
    await db
      .select({ name: items.name })
      .from(items)
      .where(inArray(items.name, ["in transaction", "gone", "after savepoint"])),
  );
}

await main(async () => {
  const pool = new pg.Pool({ ...connection, max: 3 });
  const db = drizzle(pool);
  await db.execute(sql.raw(SETUP));
  await db.execute(sql`SELECT 1`);
  // Types of the setup are used unqualified; every connection of the pool needs the path.
  pool.options.options = "-c search_path=work";
  await pool.query("SET search_path = work");
  await queries(db);
  await transactions(db);
  const bytes = largeBytes();
  await db.insert(blobs).values({ id: 1, data: bytes });
  const [{ data }] = await db.select().from(blobs);
  say("large", [data.length, digest(data) === digest(bytes)]);
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) => db.execute(sql`SELECT ${i}::int AS n`)));
  say(
    "pool",
    many.map(({ rows }) => rows[0].n),
  );
  await pool.end();
});
