/** Sequelize on node-postgres: sync, models, bind and replacements, nested transactions, several statements at connect. */

import { DataTypes, Op, QueryTypes, Sequelize, Transaction } from "sequelize";
import { connection, digest, largeBytes, main, SETUP, say, sayError, TYPES } from "./transcript.mjs";

const plain = (instance) => instance.get({ plain: true });
const fixed = { made: new Date(0) };

async function queries(db, Author, Book) {
  for (const [name, expression] of TYPES) {
    say(
      `type ${name}`,
      await db.query(`SELECT ${expression.replaceAll("$", "$$")} AS value, $1::text AS name`, {
        bind: [name],
        type: QueryTypes.SELECT,
      }),
    );
  }
  say(
    "replacements",
    await db.query("SELECT :a AS a, :b::int AS b, ARRAY[:c] AS c", {
      replacements: { a: "é'\"\\", b: 2, c: ["x", "y"] },
      type: QueryTypes.SELECT,
    }),
  );
  for (let i = 0; i < 8; i++) {
    const author = await Author.create(
      { ...fixed, name: `author ${i}`, extra: { i }, tags: [`t${i}`], books: [{ title: `é ${i}`, price: i }] },
      { include: Book },
    );
    say("create", plain(author));
  }
  say(
    "bulk",
    (
      await Book.bulkCreate(
        Array.from({ length: 5 }, (_, i) => ({ title: `bulk ${i}` })),
        { returning: true },
      )
    ).map(plain),
  );
  say(
    "find",
    (await Author.findAll({ where: { id: { [Op.gt]: 6 } }, include: Book, order: [["id", "ASC"]] })).map(plain),
  );
  say("json", (await Author.findAll({ where: { "extra.i": 3 } })).map(plain));
  say(
    "count",
    await Author.findAndCountAll({ where: { name: { [Op.like]: "author%" } }, limit: 2, order: ["id"] }).then(
      ({ count, rows }) => [count, rows.map(plain)],
    ),
  );
  say(
    "update",
    await Author.update({ mood: "sad" }, { where: { id: [1, 2] }, returning: ["id", "mood"] }).then(([n, rows]) => [
      n,
      rows.map(plain),
    ]),
  );
  say("upsert", (await Author.upsert({ ...fixed, name: "author 1" }, { conflictFields: ["name"] }))[0].name);
  // Not findOrCreate(): it makes a PL/pgSQL function and calls it, which no operator has looked at.
  say(
    "find or create",
    await Author.findCreateFind({ where: { name: "new" }, defaults: fixed }).then(([row, created]) => [
      row.name,
      created,
    ]),
  );
  say("destroy", await Author.destroy({ where: { id: 8 } }));
  say("increment", await Book.increment({ price: 2 }, { where: { id: 2 } }).then(([[rows]]) => rows.length));
  await sayError("violation", () => Author.create({ ...fixed, name: "author 1" }));
  await sayError("syntax", () => db.query("SELECT 'é' FRM x y"));
  say("several", await db.query("SELECT 1 AS a; SELECT 2 AS b", { type: QueryTypes.SELECT }));
}

async function transactions(db, Author) {
  await db.transaction({ isolationLevel: Transaction.ISOLATION_LEVELS.SERIALIZABLE }, async (transaction) => {
    await Author.create({ ...fixed, name: "in transaction" }, { transaction });
    await sayError("violation in a savepoint", () =>
      db.transaction({ transaction }, (inner) =>
        Author.create({ ...fixed, name: "in transaction" }, { transaction: inner }),
      ),
    );
    await Author.create({ ...fixed, name: "after savepoint" }, { transaction });
    await Author.findAll({ where: { id: 1 }, lock: transaction.LOCK.UPDATE, transaction });
  });
  await sayError("rolled back", () =>
    db.transaction(async (transaction) => {
      await Author.create({ ...fixed, name: "gone" }, { transaction });
      await db.query("SELECT 1 / 0", { transaction });
    }),
  );
  const kept = await Author.findAll({ where: { name: ["in transaction", "gone", "after savepoint"] }, order: ["id"] });
  say(
    "kept",
    kept.map(({ name }) => name),
  );
}

await main(async () => {
  const { user, password: _, database, ssl, ...rest } = connection;
  const db = new Sequelize(database, user, "asked for at each connection", {
    ...rest,
    dialect: "postgres",
    logging: false,
    schema: "work",
    pool: { max: 3 },
    define: { timestamps: false, underscored: true },
    dialectOptions: { ssl, options: "-c search_path=work" },
  });
  // A token lives for minutes: each new connection gets one of its own.
  db.beforeConnect((options) => {
    options.password = connection.password;
  });
  await db.authenticate();
  await db.query(SETUP);
  const Author = db.define(
    "author",
    {
      name: { type: DataTypes.STRING(80), allowNull: false },
      mood: { type: DataTypes.ENUM("sad", "happy"), defaultValue: "happy" },
      made: DataTypes.DATE,
      extra: DataTypes.JSONB,
      tags: DataTypes.ARRAY(DataTypes.TEXT),
    },
    { indexes: [{ unique: true, name: "authors_name", fields: ["name"] }] },
  );
  const Book = db.define("book", { title: DataTypes.TEXT, price: DataTypes.DECIMAL(10, 2), cover: DataTypes.BLOB });
  Author.hasMany(Book, { onDelete: "CASCADE" });
  Book.belongsTo(Author);
  await db.sync();
  await db.sync({ alter: true });
  say("tables", (await db.getQueryInterface().showAllTables()).map(String).sort());
  say("describe", await db.getQueryInterface().describeTable({ tableName: "authors", schema: "work" }));
  await queries(db, Author, Book);
  await transactions(db, Author);
  const bytes = largeBytes();
  const { id } = await Book.create({ title: "large", cover: bytes });
  const { cover } = await Book.findByPk(id);
  say("large", [cover.length, digest(cover) === digest(bytes)]);
  const many = await Promise.all(
    Array.from({ length: 20 }, (_, i) => db.query("SELECT $1::int AS n", { bind: [i], type: QueryTypes.SELECT })),
  );
  say(
    "pool",
    many.map(([{ n }]) => n),
  );
  await db.close();
});
