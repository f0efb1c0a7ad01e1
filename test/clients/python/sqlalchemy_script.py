"""SQLAlchemy 1.4 on psycopg2 and asyncpg: first-connect queries, reflection, ORM, savepoints, server-side cursors, two-phase, pools."""

import asyncio
import os
import ssl

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.ext.asyncio import create_async_engine
from transcript import SETUP, TYPES, digest, end, large_bytes, say

TLS = {"sslmode": os.environ["PGSSLMODE"], "sslrootcert": os.environ.get("PGSSLROOTCERT", "")}
URL = sa.engine.URL.create("postgresql+psycopg2", os.environ["PGUSER"], "asked for at each connection", os.environ["PGHOST"],
                           int(os.environ["PGPORT"]), os.environ["PGDATABASE"])
Base = orm.declarative_base()


class Author(Base):
    __tablename__ = "authors"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(80), nullable=False, unique=True)
    mood = sa.Column(sa.Enum("sad", "happy", name="author_mood"), default="happy")
    born = sa.Column(sa.Date)
    tags = sa.Column(pg.ARRAY(sa.Text))
    extra = sa.Column(pg.JSONB)
    books = orm.relationship("Book", back_populates="author", cascade="all, delete-orphan", order_by="Book.id")


class Book(Base):
    __tablename__ = "books"
    id = sa.Column(sa.Integer, primary_key=True)
    title = sa.Column(sa.Text, index=True)
    price = sa.Column(sa.Numeric(10, 2))
    cover = orm.deferred(sa.Column(sa.LargeBinary))
    author_id = sa.Column(sa.ForeignKey("authors.id", ondelete="CASCADE"))
    author = orm.relationship(Author, back_populates="books")


def say_error(step, work):
    try:
        work()
        say(step, "<no error>")
    except sa.exc.DBAPIError as error:
        diag = getattr(error.orig, "diag", None)
        say(step, [type(error).__name__, getattr(error.orig, "pgcode", None), diag and diag.message_primary, diag and diag.constraint_name])


def core(engine):
    with engine.connect() as connection:
        for name, expression in TYPES:
            row = connection.execute(sa.text(f"SELECT {expression.replace(':', chr(92) + ':')} AS value, CAST(:name AS text) AS name"), {"name": name}).one()
            say(f"type {name}", tuple(row))
        streamed = connection.execution_options(stream_results=True, max_row_buffer=50).execute(sa.text("SELECT n FROM generate_series(1, 500) n"))
        say("streamed", sum(row.n for row in streamed))
    with engine.begin() as connection:
        table = sa.Table("many", sa.MetaData(), sa.Column("a", sa.Integer), sa.Column("b", sa.Text))
        table.create(connection)
        connection.execute(table.insert(), [{"a": n, "b": f"é {n}"} for n in range(2500)])
        say("many", connection.execute(sa.select(sa.func.count(), sa.func.sum(table.c.a)).select_from(table)).one()[:])
        say("upsert", connection.execute(pg.insert(table).values(a=1, b="x").on_conflict_do_nothing().returning(table.c.b)).scalar())
        table.drop(connection)
    for level in ("SERIALIZABLE", "REPEATABLE READ", "AUTOCOMMIT"):
        with engine.connect().execution_options(isolation_level=level) as connection:
            say("isolation", connection.execute(sa.text("SHOW transaction_isolation")).scalar())


def reflection(engine):
    inspector = sa.inspect(engine)
    say("tables", sorted(inspector.get_table_names(schema="work")))
    for table in ("authors", "books", "items"):
        columns = [(column["name"], str(column["type"]), column["nullable"], column["default"]) for column in inspector.get_columns(table, schema="work")]
        say(f"columns of {table}", columns)
        say(f"keys of {table}", [inspector.get_pk_constraint(table, schema="work"), inspector.get_foreign_keys(table, schema="work"),
                                 inspector.get_indexes(table, schema="work"), inspector.get_unique_constraints(table, schema="work")])
    say("enums", inspector.get_enums(schema="work"))
    say("views", inspector.get_view_names(schema="work"))
    metadata = sa.MetaData()
    metadata.reflect(engine, schema="work")
    say("reflected", sorted(metadata.tables))
    say("has table", [inspector.has_table("authors", schema="work"), inspector.has_table("nowhere")])


def objects(engine):
    with orm.Session(engine) as session:
        for n in range(8):
            session.add(Author(name=f"author {n}", tags=[f"t{n}"], extra={"n": n}, books=[Book(title=f"é {n}", price=n), Book(title="other")]))
            session.flush()
        session.commit()
        query = sa.select(Author).options(orm.selectinload(Author.books)).where(Author.id > 6).order_by(Author.id)
        say("loaded", [(author.name, author.mood, author.tags, author.extra, [(book.title, book.price) for book in author.books]) for author in session.scalars(query)])
        joined = sa.select(Author.name, sa.func.count(Book.id)).join(Book).group_by(Author.name).having(sa.func.count(Book.id) > 1).order_by(Author.name).limit(3)
        say("joined", [tuple(row) for row in session.execute(joined)])
        say("json", session.scalars(sa.select(Author.name).where(Author.extra["n"].as_integer() == 3)).all())
        say("any", session.scalars(sa.select(Author.name).where(Author.tags.any("t2"))).all())
        session.get(Author, 1, with_for_update=True).mood = "sad"
        session.commit()
        session.delete(session.get(Author, 8))
        session.commit()
        nested = session.begin_nested()
        session.add(Author(name="author 1"))
        say_error("violation in a savepoint", session.flush)
        nested.rollback()
        session.add(Author(name="after savepoint"))
        session.commit()
        session.add(Author(name="gone"))
        session.flush()
        say_error("at run time", lambda: session.execute(sa.text("SELECT 1/0")))
        session.rollback()
        say("kept", session.scalars(sa.select(Author.name).where(Author.name.in_(["after savepoint", "gone"]))).all())
    with orm.Session(engine, twophase=True) as session:
        session.add(Author(name="two phases"))
        session.commit()
        say("two phases", session.scalar(sa.select(sa.func.count()).where(Author.name == "two phases")))
    data = large_bytes()[:2_000_000]
    with orm.Session(engine) as session:
        # On psycopg2 values travel in the text of the statement, which the gateway bounds: pages of it.
        for at in range(0, len(data), 20_000):
            session.add(Book(title="large", cover=data[at:at + 20_000]))
            session.flush()
        session.commit()
        pages = session.scalars(sa.select(Book).where(Book.title == "large").order_by(Book.id).options(orm.undefer(Book.cover)))
        say("large", digest(b"".join(page.cover for page in pages)) == digest(data))


async def asynchronously():
    context = ssl.create_default_context(cafile=TLS["sslrootcert"]) if TLS["sslrootcert"] else False
    engine = create_async_engine(URL.set(drivername="postgresql+asyncpg"), pool_size=2, max_overflow=0, connect_args={"ssl": context})
    sa.event.listen(engine.sync_engine, "do_connect", give_token)
    async with engine.begin() as connection:
        await connection.execute(sa.text("SET LOCAL search_path = work"))
        for n in range(8):
            row = (await connection.execute(sa.text("SELECT CAST(:n AS int) + 1, CAST(:w AS text)"), {"n": n, "w": "é"})).one()
            say("async", tuple(row))
        say("async insert", (await connection.execute(sa.insert(Author.__table__).values(name="async").returning(Author.id))).scalar_one() > 0)
        result = await connection.stream(sa.text("SELECT n FROM generate_series(1, 300) n"))
        say("async stream", sum([row.n async for row in result]))
        data = large_bytes()
        got = (await connection.execute(sa.text("SELECT CAST(:data AS bytea)"), {"data": data})).scalar_one()
        say("async large", digest(got) == digest(data))

    async def one(n):
        async with engine.connect() as connection:
            return (await connection.execute(sa.text("SELECT CAST(:n AS int)"), {"n": n})).scalar_one()

    say("async pool", await asyncio.gather(*[one(n) for n in range(12)]))
    await engine.dispose()


engine = sa.create_engine(URL, connect_args={**TLS, "options": "-c search_path=work"}, pool_size=2, pool_pre_ping=True, future=True)


def give_token(_dialect, _record, _arguments, parameters):
    """A token lives for minutes: each new connection gets one of its own."""
    parameters["password"] = os.environ["PGPASSWORD"]


sa.event.listen(engine, "do_connect", give_token)
with engine.begin() as setup:
    setup.execute(sa.text(SETUP))
Base.metadata.create_all(engine)
Base.metadata.create_all(engine)  # looks, and finds all there
core(engine)
reflection(engine)
objects(engine)
say("pool", engine.pool.checkedin() > 0)
asyncio.run(asynchronously())
engine.dispose()
end()
