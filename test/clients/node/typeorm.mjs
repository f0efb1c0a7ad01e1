/** TypeORM on node-postgres: schema synchronisation, repositories, query builder, nested transactions. */

import "reflect-metadata";
import { DataSource, EntitySchema, In, MoreThan } from "typeorm";
import { connection, digest, largeBytes, main, SETUP, say, sayError, TYPES } from "./transcript.mjs";

const Author = new EntitySchema({
  name: "Author",
  tableName: "authors",
  columns: {
    id: { type: "int", primary: true, generated: "increment" },
    name: { type: "varchar", length: 80, unique: true },
    mood: { type: "enum", enum: ["sad", "happy"], default: "happy", enumName: "author_mood" },
    born: { type: "date", nullable: true },
    extra: { type: "jsonb", nullable: true },
    tags: { type: "text", array: true, nullable: true },
  },
  relations: { books: { type: "one-to-many", target: "Book", inverseSide: "author", cascade: true } },
});
const Book = new EntitySchema({
  name: "Book",
  tableName: "books",
  columns: {
    id: { type: "int", primary: true, generated: "increment" },
    title: { type: "text" },
    price: { type: "numeric", precision: 10, scale: 2, nullable: true },
    cover: { type: "bytea", nullable: true, select: false },
  },
  relations: {
    author: { type: "many-to-one", target: "Author", inverseSide: "books", joinColumn: true, onDelete: "CASCADE" },
  },
  indices: [{ columns: ["title"] }],
});

async function queries(source) {
  for (const [name, expression] of TYPES)
    say(`type ${name}`, await source.query(`SELECT ${expression} AS value, $1::text AS name`, [name]));
  const authors = source.getRepository(Author);
  for (let i = 0; i < 8; i++) {
    const author = {
      name: `author ${i}`,
      born: "2000-02-29",
      extra: { i },
      tags: [`t${i}`],
      books: [{ title: `é ${i}`, price: i }, { title: "other" }],
    };
    const saved = await authors.save(author);
    say("save", [saved.id, saved.books.map(({ id }) => id)]);
  }
  say(
    "find",
    await authors.find({
      where: { id: MoreThan(6) },
      relations: { books: true },
      order: { id: "ASC", books: { id: "ASC" } },
    }),
  );
  say("count", await authors.countBy({ name: In(["author 1", "author 2", "nobody"]) }));
  say("page", await authors.findAndCount({ skip: 2, take: 2, order: { id: "DESC" } }));
  say(
    "builder",
    await source
      .createQueryBuilder(Book, "b")
      .innerJoinAndSelect("b.author", "a")
      .where("a.name = :name", { name: "author 3" })
      .orderBy("b.id")
      .getMany(),
  );
  say(
    "raw",
    await source.createQueryBuilder(Book, "b").select("sum(b.price)", "total").addSelect("count(*)", "n").getRawOne(),
  );
  say("update", (await authors.update({ id: 1 }, { mood: "sad" })).affected);
  say("upsert", (await authors.upsert({ name: "author 1", born: "1999-01-01" }, ["name"])).identifiers);
  say("delete", (await authors.delete({ id: 8 })).affected);
  await sayError("violation", () => authors.insert({ name: "author 1" }));
  await sayError("syntax", () => source.query("SELECT 'é' FRM x y"));
}

async function transactions(source) {
  await source.transaction("REPEATABLE READ", async (manager) => {
    await manager.insert(Author, { name: "in transaction" });
    await sayError("violation in a savepoint", () =>
      manager.transaction((inner) => inner.insert(Author, { name: "in transaction" })),
    );
    await manager.insert(Author, { name: "after savepoint" });
  });
  await sayError("rolled back", () =>
    source.transaction(async (manager) => {
      await manager.insert(Author, { name: "gone" });
      await manager.query("SELECT 1 / 0");
    }),
  );
  const kept = await source.getRepository(Author).findBy({ name: In(["in transaction", "gone", "after savepoint"]) });
  say(
    "kept",
    kept.map(({ name }) => name),
  );
  const runner = source.createQueryRunner();
  await runner.startTransaction();
  await runner.query("INSERT INTO authors (name) VALUES ($1)", ["not kept"]);
  await runner.rollbackTransaction();
  await runner.release();
}

await main(async () => {
  const { user, ...rest } = connection;
  const source = new DataSource({
    type: "postgres",
    ...rest,
    password: async () => connection.password,
    username: user,
    schema: "work",
    entities: [Author, Book],
    extra: { max: 3, options: "-c search_path=work" },
  });
  await source.initialize();
  await source.query(SETUP);
  await source.synchronize();
  await source.synchronize(); // reads the whole schema again and finds nothing to do
  const runner = source.createQueryRunner();
  const table = await runner.getTable("work.books");
  say(
    "schema",
    table.columns.map(({ name, type, isNullable, isPrimary }) => [name, type, isNullable, isPrimary]),
  );
  await runner.release();
  await queries(source);
  await transactions(source);
  const bytes = largeBytes();
  await source.getRepository(Book).insert({ title: "large", cover: bytes });
  const { cover } = await source
    .getRepository(Book)
    .findOne({ where: { title: "large" }, select: { id: true, cover: true } });
  say("large", [cover.length, digest(cover) === digest(bytes)]);
  const many = await Promise.all(Array.from({ length: 20 }, (_, i) => source.query("SELECT $1::int AS n", [i])));
  say(
    "pool",
    many.map(([{ n }]) => n),
  );
  await source.destroy();
});
