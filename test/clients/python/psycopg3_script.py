"""psycopg 3: extended protocol always, text and binary, server-side prepare, pipeline mode, server cursors, COPY, async, pool of one."""

import asyncio
import threading

import psycopg
from psycopg.rows import dict_row, namedtuple_row
from psycopg.types.json import Jsonb
from transcript import SETUP, SLEEP, STARTED, TYPES, digest, end, large_bytes, say


def described(error):
    diag = error.diag
    return [type(error).__name__, error.sqlstate, diag.severity, diag.message_primary, diag.message_detail,
            diag.message_hint, diag.statement_position, diag.constraint_name]


def say_error(step, work):
    try:
        work()
        say(step, "<no error>")
    except psycopg.Error as error:
        say(step, described(error))


def queries(connection):
    for name, expression in TYPES:
        try:
            say(f"type {name}", connection.execute(f"SELECT {expression} AS value").fetchone())
        except psycopg.DataError as error:
            say(f"type {name}", str(error))  # 'infinity' is no date in Python
        raw = connection.cursor(binary=True).execute(f"SELECT {expression} AS value")
        result = raw.pgresult
        # Types that psycopg does not read in binary come as bytes; OIDs of our own types differ from run to run.
        data = result.get_value(0, 0)
        say(f"binary {name}", [result.fformat(0), data if "composite" not in name and name != "record" else None])
    values = [1, "é'\"\\😀", True, None, b"\0\xff", [1, None], Jsonb({"a": [1]}), 1.25]
    say("parameters", connection.execute("SELECT %s, %s, %s, %s::text, %s, %s::int[], %s, %s", values).fetchone())
    say("binary parameters", connection.execute("SELECT %b::int8, %b::text, %b::bytea", values[:2] + [b"\1"]).fetchone())
    connection.cursor().executemany("INSERT INTO items (name, price) VALUES (%s, %s)", [(f"item {n}", n) for n in range(250)])
    cursor = connection.cursor()
    cursor.executemany("INSERT INTO items (name) VALUES (%s) RETURNING id", [(f"many {n}",) for n in range(5)], returning=True)
    ids = [cursor.fetchone()]
    while cursor.nextset():
        ids.append(cursor.fetchone())
    say("executemany returning", ids)
    say("rows", connection.cursor(row_factory=dict_row).execute("SELECT id, name FROM items ORDER BY id LIMIT 2").fetchall())
    say("named tuple", connection.cursor(row_factory=namedtuple_row).execute("SELECT 1 AS a, 'x' AS b").fetchone())
    connection.commit()
    say_error("syntax", lambda: connection.execute("SELECT 'é' FRM x y"))
    connection.rollback()
    say_error("unknown", lambda: connection.execute("SELECT 'é', nothing FROM items WHERE id = %s", [1]))
    connection.rollback()
    say_error("at run time", lambda: connection.execute("SELECT 1 / %s::int", [0]))
    connection.rollback()
    say_error("several with parameters", lambda: connection.execute("SELECT %s; SELECT 2", [1]))
    connection.rollback()


def prepared(connection):
    for n in range(9):
        row = connection.execute("SELECT %s::int + 1, %s::text", [n, f"w{n}"]).fetchone()
        say("repeated", row)
    # pg_prepared_statements would show it too, and is not shown to agents.
    names = [name.decode() for name in connection._prepared._names.values()]
    say("prepared by itself", [connection.execute(f'EXPLAIN EXECUTE "{name}" (1, \'w\')').fetchone() for name in names])
    for n in range(3):
        say("prepared at once", connection.execute("SELECT %s::text || 'x'", [str(n)], prepare=True).fetchone())
    connection.execute("ALTER TABLE items ADD extra2 int")
    say("after DDL", connection.execute("SELECT %s::text || 'x'", ["d"], prepare=True).fetchone())
    connection.execute("DEALLOCATE ALL")
    connection.prepare_threshold = None
    connection._prepared.clear()
    connection.prepare_threshold = 5
    connection.commit()


def pipelines(connection):
    with connection.pipeline() as pipeline:
        cursors = [connection.execute("SELECT %s::int", [n]) for n in range(40)]
        say("pipeline", [cursor.fetchone()[0] for cursor in cursors])
        connection.execute("INSERT INTO items (name) VALUES ('in pipeline')")
        pipeline.sync()
        say("in it", connection.execute("SELECT count(*) FROM items WHERE name = 'in pipeline'").fetchone())
    connection.commit()

    def failing():
        with connection.pipeline():
            connection.execute("SELECT 1")
            connection.execute("SELECT broken")
            connection.execute("SELECT 2")

    say_error("pipeline fails", failing)
    connection.rollback()
    outcomes = []
    connection.autocommit = True
    with connection.pipeline() as pipeline:
        first = connection.execute("SELECT 1")
        pipeline.sync()
        try:
            connection.execute("SELECT 1/%s", [0])
            pipeline.sync()
        except psycopg.Error as error:
            outcomes.append(error.sqlstate)
        outcomes.append(first.fetchone())
    say("pipeline in parts", outcomes)
    connection.autocommit = False


def cursors(connection):
    with connection.cursor("named") as cursor:
        cursor.itersize = 100
        cursor.execute("SELECT id FROM items WHERE id > %s ORDER BY id", [5])
        say("server cursor", sum(row[0] for row in cursor))
    with connection.cursor("binary", binary=True, scrollable=True) as cursor:
        cursor.execute("SELECT n, n::text FROM generate_series(1, 20) n")
        say("fetchmany", cursor.fetchmany(3))
        cursor.scroll(5)
        say("scrolled", cursor.fetchone())
        cursor.scroll(0, mode="absolute")
        say("all", len(cursor.fetchall()))
    with psycopg.ServerCursor(connection, "held", withhold=True) as cursor:
        cursor.execute("SELECT 1 AS n UNION ALL SELECT 2")
        connection.commit()
        say("held", cursor.fetchall())
    say("stream", list(connection.cursor().stream("SELECT n, 'é' FROM generate_series(1, 5) n")))
    connection.commit()


def copies(connection):
    cursor = connection.cursor()
    with cursor.copy("COPY items (name, price) FROM STDIN") as copy:
        copy.write_row(("copied é", 1.5))
        copy.write_row(("mo\tre", None))
    say("copy in", [cursor.rowcount, cursor.statusmessage])
    with cursor.copy("COPY items (name) FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["text"])
        copy.write_row(("in binary",))
    say("copy in binary", cursor.rowcount)
    with cursor.copy("COPY (SELECT name, price FROM items WHERE id > %s ORDER BY id) TO STDOUT", [254]) as copy:
        say("copy out", list(copy.rows()))
    with cursor.copy("COPY (SELECT 1, 'x'::text) TO STDOUT (FORMAT binary)") as copy:
        copy.set_types(["int4", "text"])
        say("copy out binary", list(copy.rows()))
    connection.commit()

    def violating():
        with cursor.copy("COPY items (name) FROM STDIN") as copy:
            copy.write("twice\ntwice\n")

    say_error("copy violates", violating)
    connection.rollback()

    def leaving():
        with cursor.copy("COPY items (name) FROM STDIN") as copy:
            copy.write("once\n")
            raise RuntimeError("changed my mind")

    say_error("copy left", leaving)
    connection.rollback()


def transactions(connection):
    connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
    with connection.transaction():
        say("isolation", connection.execute("SHOW transaction_isolation").fetchone())
        connection.execute("INSERT INTO items (name) VALUES ('in transaction')")

        def violating():
            with connection.transaction("inner"):
                connection.execute("INSERT INTO items (name) VALUES ('in transaction')")

        say_error("violation in a savepoint", violating)
        with connection.transaction():
            connection.execute("INSERT INTO items (name) VALUES ('rolled back')")
            raise psycopg.Rollback()
    connection.isolation_level = None
    connection.autocommit = True
    cursor = connection.execute("SELECT 1 AS a; SELECT 'x' AS b; INSERT INTO items (name) VALUES ('several') RETURNING name")
    results = [cursor.fetchall()]
    while cursor.nextset():
        results.append([cursor.fetchall(), cursor.statusmessage])
    say("several", results)
    say_error("several, one fails", lambda: connection.execute("INSERT INTO items (name) VALUES ('gone'); SELECT 1/0"))
    kept = "SELECT name FROM items WHERE name IN ('in transaction', 'rolled back', 'several', 'gone') ORDER BY id"
    say("kept", connection.execute(kept).fetchall())
    connection.autocommit = False
    connection.tpc_begin("global two phases")
    connection.execute("INSERT INTO items (name) VALUES ('two phases')")
    connection.tpc_prepare()
    connection.tpc_commit()
    say("two phases", connection.execute("SELECT count(*) FROM items WHERE name = 'two phases'").fetchone())
    connection.commit()


async def asynchronously():
    async with await psycopg.AsyncConnection.connect("", autocommit=True) as listener, \
            await psycopg.AsyncConnection.connect("", autocommit=True) as speaker:
        await listener.execute("LISTEN news")
        await speaker.execute("NOTIFY news, 'é first'")
        await speaker.execute("SELECT pg_notify('news', %s)", ["second"])
        heard = []
        async for notify in listener.notifies():
            heard.append((notify.channel, notify.payload, notify.pid == speaker.info.backend_pid))
            if len(heard) == 2:
                break
        say("notifications", heard)
        async with listener.pipeline():
            cursors = await asyncio.gather(*[listener.execute("SELECT %s::int", [n]) for n in range(10)])
        say("async pipeline", [(await cursor.fetchone())[0] for cursor in cursors])


def cancelling(connection):
    with psycopg.connect("", autocommit=True) as watcher:
        def cancel():
            while True:
                if watcher.execute(STARTED).fetchone()[0]:
                    return connection.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        say_error("cancelled", lambda: connection.execute(SLEEP))
        thread.join()
    connection.rollback()
    say("after cancel", connection.execute("SELECT pg_backend_pid() = %s", [connection.info.backend_pid]).fetchone())
    connection.execute("SET LOCAL statement_timeout = 50")
    say_error("statement_timeout", lambda: connection.execute("SELECT pg_sleep(30)"))
    connection.rollback()


def large(connection):
    data = large_bytes()
    connection.execute("INSERT INTO blobs (id, data) VALUES (1, %s)", [data])
    for binary in (False, True):
        row = connection.cursor(binary=binary).execute("SELECT data FROM blobs WHERE id = %s", [1]).fetchone()
        say("large", digest(row[0]) == digest(data))
    with connection.cursor().copy("COPY blobs (data) TO STDOUT") as copy:
        say("large copy", sum(len(block) for block in copy))
    rows = connection.execute("SELECT n, md5(n::text) FROM generate_series(1, 100000) n").fetchall()
    say("many rows", len(rows))
    connection.commit()


connection = psycopg.connect("")
notices = []
connection.execute(SETUP)
connection.commit()
connection.add_notice_handler(lambda diag: notices.append([diag.severity, diag.sqlstate, diag.message_primary]))
queries(connection)
prepared(connection)
pipelines(connection)
cursors(connection)
copies(connection)
transactions(connection)
connection.execute("DO $$ BEGIN RAISE NOTICE 'noticed é'; RAISE WARNING 'warned'; END $$")
say("notices", notices)
connection.commit()
asyncio.run(asynchronously())
cancelling(connection)
large(connection)
say("parameters of the server", [connection.info.parameter_status(name) for name in
                                 ("server_encoding", "client_encoding", "DateStyle", "TimeZone", "integer_datetimes",
                                  "standard_conforming_strings", "is_superuser", "session_authorization", "IntervalStyle")])
connection.close()
end()
