"""asyncpg: Parse, Describe, Flush and wait before Bind; binary; cursors; COPY; LISTEN; cancel by time-out; pool with reset."""

import asyncio
import io
import os
import ssl

import asyncpg
from transcript import SETUP, SLEEP, STARTED, TYPES, digest, end, large_bytes, say


async def connect(**more):
    context = ssl.create_default_context(cafile=os.environ["PGSSLROOTCERT"]) if "PGSSLROOTCERT" in os.environ else False
    settings = {key: os.environ[f"PG{key.upper()}"] for key in ("host", "port", "user", "database", "password")}
    return await asyncpg.connect(**settings, ssl=context, **more)


async def say_error(step, work):
    try:
        await work
        say(step, "<no error>")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncio.TimeoutError) as error:
        fields = ("sqlstate", "severity", "message", "detail", "hint", "position", "constraint_name", "table_name")
        say(step, [type(error).__name__] + [getattr(error, field, None) for field in fields])


def row(record):
    return {key: tuple(value) if isinstance(value, asyncpg.Record) else value for key, value in record.items()}


async def queries(connection):
    for name, expression in TYPES:
        try:
            value = row(await connection.fetchrow(f"SELECT {expression} AS value, $1::text AS name", name))
        except asyncpg.UnsupportedClientFeatureError as error:
            value = type(error).__name__
        say(f"type {name}", value if "composite" not in name and name != "record" else repr(value).count("Record"))
    values = [1, "é'\"\\😀", True, None, b"\0\xff", [1, None], '{"a": [1]}', 1.25]
    query = "SELECT $1::int, $2::text, $3::bool, $4::text, $5::bytea, $6::int[], $7::jsonb, $8::float8"
    say("parameters", tuple(await connection.fetchrow(query, *values)))
    say("simple", await connection.execute("SELECT 1; SELECT 2; CREATE TEMP TABLE simple (a int); INSERT INTO simple VALUES (1), (2)"))
    await connection.executemany("INSERT INTO items (name, price) VALUES ($1, $2)", [(f"item {n}", n) for n in range(250)])
    say("executemany", await connection.fetchval("SELECT count(*) FROM items"))
    await say_error("executemany fails", connection.executemany("INSERT INTO items (name) VALUES ($1)", [("a",), ("a",)]))
    say("rolled back", await connection.fetchval("SELECT count(*) FROM items"))
    await say_error("syntax", connection.fetch("SELECT 'é' FRM x y"))
    await say_error("unknown", connection.fetch("SELECT 'é', nothing FROM items WHERE id = $1", 1))
    await say_error("at run time", connection.fetch("SELECT 1 / $1::int", 0))
    await say_error("several with parameters", connection.fetch("SELECT $1; SELECT 2", 1))
    await say_error("several, one fails", connection.execute("INSERT INTO items (name) VALUES ('gone'); SELECT 1/0"))
    say("implicit transaction", await connection.fetchval("SELECT count(*) FROM items WHERE name = 'gone'"))


async def prepared(connection):
    for n in range(9):
        say("repeated", tuple(await connection.fetchrow("SELECT $1::int + 1, $2::text", n, f"w{n}")))
    statement = await connection.prepare("SELECT id, name FROM items WHERE id = $1")
    say("statement", [[(p.name, p.kind) for p in statement.get_parameters()], [(a.name, a.type.name) for a in statement.get_attributes()]])
    for n in range(1, 4):
        say("prepared", row(await statement.fetchrow(n)))
    say("explained", "Plan" in (await statement.explain(1))[0])
    await connection.execute("ALTER TABLE items ADD extra2 int")
    say("after DDL", list((await connection.fetchrow("SELECT * FROM items ORDER BY id LIMIT 1")).keys()))
    await connection.execute("ALTER TABLE items ADD extra3 int")
    say("after more DDL", list((await connection.fetchrow("SELECT * FROM items ORDER BY id LIMIT 1")).keys()))


async def cursors(connection):
    async with connection.transaction():
        seen = 0
        async for record in connection.cursor("SELECT id FROM items WHERE id > $1 ORDER BY id", 5, prefetch=40):
            seen += record["id"]
        say("cursor", seen)
        cursor = await connection.cursor("SELECT n FROM generate_series(1, 20) n")
        other = await connection.cursor("SELECT n FROM generate_series(101, 120) n")
        say("interleaved", [[r["n"] for r in await one.fetch(3)] for one in (cursor, other, cursor, other)])
        say("forward", [await cursor.forward(4), (await cursor.fetchrow())["n"]])


async def copies(connection):
    say("copy records", await connection.copy_records_to_table("items", records=[("copied é", 2), ("mo\tre", None)], columns=["name", "price"], schema_name="work"))
    say("copy to table", await connection.copy_to_table("items", source=io.BytesIO(b"one,1\ntwo,2\n"), columns=["name", "price"], format="csv", schema_name="work"))
    out = io.BytesIO()
    say("copy from query", [await connection.copy_from_query("SELECT name, price FROM items WHERE id > $1 ORDER BY id", 248, output=out, format="csv"), out.getvalue()])
    out = io.BytesIO()
    say("copy from table", [await connection.copy_from_table("items", output=out, columns=["id"], format="binary", schema_name="work"), digest(out.getvalue())])
    await say_error("copy violates", connection.copy_to_table("items", source=io.BytesIO(b"twice\ntwice\n"), columns=["name"], schema_name="work"))

    async def broken():
        yield b"once\n"
        raise RuntimeError("changed my mind")

    try:
        await connection.copy_to_table("items", source=broken(), columns=["name"], schema_name="work")
    except RuntimeError as error:
        say("copy left", str(error))
    say("after copy", await connection.fetchval("SELECT count(*) FROM items"))


async def transactions(connection):
    async with connection.transaction(isolation="serializable", readonly=False, deferrable=True):
        say("isolation", await connection.fetchval("SHOW transaction_isolation"))
        await connection.execute("INSERT INTO items (name) VALUES ('in transaction')")

        async def violating():
            async with connection.transaction():
                await connection.execute("INSERT INTO items (name) VALUES ($1)", "in transaction")

        await say_error("violation in a savepoint", violating())
        await connection.execute("INSERT INTO items (name) VALUES ('after savepoint')")

    async def failing():
        async with connection.transaction():
            await connection.execute("INSERT INTO items (name) VALUES ('gone')")
            await connection.fetch("SELECT 1/0")

    await say_error("rolled back", failing())
    kept = await connection.fetch("SELECT name FROM items WHERE name IN ('in transaction', 'after savepoint', 'gone') ORDER BY id")
    say("kept", [record["name"] for record in kept])


async def listening(connection, other):
    heard, both = [], asyncio.Event()

    def hear(_, pid, channel, payload):
        heard.append((channel, payload, pid == other.get_server_pid()))
        if len(heard) == 2:
            both.set()

    await connection.add_listener("news", hear)
    await other.execute("NOTIFY news, 'é first'")
    await other.execute("SELECT pg_notify('news', $1)", "second")
    await both.wait()
    await connection.remove_listener("news", hear)
    say("notifications", heard)


async def cancelling(connection, other):
    # The lock is held for as long as the statement runs.
    await say_error("timeout", connection.fetch("SELECT pg_advisory_xact_lock(41), pg_sleep(30)", timeout=0.3))
    while not await other.fetchval("SELECT pg_try_advisory_xact_lock(41)"):
        pass  # asyncpg does not wait for its CancelRequest
    say("cancelled on the server", True)
    task = asyncio.create_task(connection.fetch(SLEEP))
    while not await other.fetchval(STARTED):
        pass
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        say("task", "cancelled")
    say("after cancel", await connection.fetchval("SELECT pg_backend_pid()") == connection.get_server_pid())
    await connection.execute("SET statement_timeout = 50")
    await say_error("statement_timeout", connection.fetch("SELECT pg_sleep(30)"))
    await connection.execute("RESET statement_timeout")


async def large(connection):
    data = large_bytes()
    await connection.execute("INSERT INTO blobs (id, data) VALUES (1, $1)", data)
    say("large", digest(await connection.fetchval("SELECT data FROM blobs WHERE id = $1", 1)) == digest(data))
    text = "é" * (len(data) // 2)
    say("large text", await connection.fetchval("SELECT $1::text", text) == text)
    say("many rows", len(await connection.fetch("SELECT n, md5(n::text) FROM generate_series(1, 100000) n")))


async def pools(other):
    context = ssl.create_default_context(cafile=os.environ["PGSSLROOTCERT"]) if "PGSSLROOTCERT" in os.environ else False
    settings = {key: os.environ[f"PG{key.upper()}"] for key in ("host", "port", "user", "database", "password")}
    async def password():
        return os.environ["PGPASSWORD"]

    async with asyncpg.create_pool(**{**settings, "password": password}, ssl=context, min_size=1, max_size=4) as pool:
        say("pool", sorted(await asyncio.gather(*[pool.fetchval("SELECT $1::int", n) for n in range(20)])))
    async with asyncpg.create_pool(**settings, ssl=context, min_size=1, max_size=1) as pool:
        async with pool.acquire() as lent:
            await lent.execute("SET work_mem = '7MB'; SET search_path = work; LISTEN left_behind")
            await lent.execute("SELECT pg_advisory_lock(42)")
            await lent.execute("BEGIN; DECLARE left_open CURSOR WITH HOLD FOR SELECT 1; COMMIT")
            # Its release is "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;" in one string.
        async with pool.acquire() as lent:
            say("reset", [await lent.fetchval("SHOW work_mem"), await lent.fetchval("SHOW search_path"),
                          await other.fetchval("SELECT pg_try_advisory_lock(42)"),
                          await lent.fetch("SELECT pg_listening_channels()")])
            await say_error("cursor is closed", lent.execute("MOVE left_open"))


async def main():
    connection = await connect(server_settings={"application_name": "clients-asyncpg", "timezone": "UTC"})
    other = await connect()
    notices = []
    await connection.execute(SETUP)
    connection.add_log_listener(lambda _, message: notices.append([message.severity, message.sqlstate, message.message]))
    await queries(connection)
    await prepared(connection)
    await cursors(connection)
    await copies(connection)
    await transactions(connection)
    await connection.execute("DO $$ BEGIN RAISE NOTICE 'noticed é'; RAISE WARNING 'warned'; END $$")
    say("notices", notices)
    await listening(connection, other)
    await cancelling(connection, other)
    await large(connection)
    say("settings", [connection.get_settings().client_encoding, connection.get_server_version().major])
    await connection.close()
    await pools(other)
    await other.close()
    end()


asyncio.run(main())
