"""psycopg2: literals in the text, BEGIN first, named cursors, COPY, NOTIFY, two-phase commit, cancel from another thread."""

import io
import select
import threading

import psycopg2
import psycopg2.extensions
import psycopg2.extras
import psycopg2.pool
from transcript import SETUP, SLEEP, STARTED, TYPES, digest, end, large_bytes, say


def say_error(step, work):
    try:
        work()
        say(step, "<no error>")
    except psycopg2.Error as error:
        diag = error.diag
        say(step, [type(error).__name__, error.pgcode, diag.severity, diag.message_primary, diag.message_detail,
                   diag.message_hint, diag.statement_position, diag.constraint_name])


def queries(connection):
    with connection.cursor() as cursor:
        for name, expression in TYPES:
            cursor.execute(f"SELECT {expression.replace('%', '%%')} AS value, %s AS name", [name])
            say(f"type {name}", cursor.fetchone())
        cursor.execute("SELECT %s, %s, %s, %s, %s", ["é'\"\\😀", None, [1, 2], psycopg2.Binary(b"\0\xff"), 1.5])
        say("parameters", cursor.fetchone())
        cursor.execute("SELECT 1 AS a, 'x' AS b")
        say("description", [(column.name, column.type_code) for column in cursor.description])
        psycopg2.extras.execute_values(cursor, "INSERT INTO items (name, price) VALUES %s", [(f"item {n}", n) for n in range(250)])
        psycopg2.extras.execute_batch(cursor, "UPDATE items SET price = %s WHERE name = %s", [(n + 1, f"item {n}") for n in range(30)])
        cursor.execute("SELECT count(*), sum(price) FROM items")
        say("values", [cursor.fetchone(), cursor.statusmessage])
        cursor.execute("PREPARE plan (int, text) AS SELECT $1 + 1, $2")
        for n in range(8):
            cursor.execute("EXECUTE plan (%s, %s)", [n, f"w{n}"])
            say("executed", cursor.fetchone())
        cursor.execute("DEALLOCATE plan")
    connection.commit()
    with connection.cursor() as cursor:
        say_error("deallocated", lambda: cursor.execute("EXECUTE plan (1, 'x')"))
        connection.rollback()
        say_error("syntax", lambda: cursor.execute("SELECT 'é' FRM x y"))
        connection.rollback()
        say_error("unknown", lambda: cursor.execute("SELECT 'é', nothing FROM items"))
        connection.rollback()
        cursor.execute("DO $$ BEGIN RAISE NOTICE 'noticed é'; RAISE WARNING 'warned'; END $$")
        say("notices", connection.notices[-2:])
    connection.commit()


def cursors(connection):
    with connection.cursor("named") as cursor:
        cursor.itersize = 100
        cursor.execute("SELECT id FROM items ORDER BY id")
        say("named cursor", [sum(row[0] for row in cursor), cursor.rownumber])
    with connection.cursor("scrolled", scrollable=True, withhold=True) as cursor:
        cursor.execute("SELECT n FROM generate_series(1, 20) n")
        say("fetchmany", cursor.fetchmany(3))
        cursor.scroll(5)
        say("scrolled", cursor.fetchone())
        cursor.scroll(1, mode="absolute")
        connection.commit()
        say("held", cursor.fetchmany(2))
    connection.commit()


def copies(connection):
    with connection.cursor() as cursor:
        cursor.copy_expert("COPY items (name, price) FROM STDIN", io.StringIO("copied é\t1.5\nmore\t\\N\n"))
        say("copy in", [cursor.rowcount, cursor.statusmessage])
        out = io.StringIO()
        cursor.copy_expert("COPY (SELECT name, price FROM items WHERE id > 245 ORDER BY id) TO STDOUT (FORMAT csv, HEADER)", out)
        say("copy out", out.getvalue())
        binary = io.BytesIO()
        cursor.copy_expert("COPY (SELECT 1, 'x'::text) TO STDOUT (FORMAT binary)", binary)
        say("copy binary", binary.getvalue())
        connection.commit()
        say_error("copy violates", lambda: cursor.copy_expert("COPY items (name) FROM STDIN", io.StringIO("twice\ntwice\n")))
        connection.rollback()

        class Broken(io.StringIO):
            def read(self, *_):
                raise OSError("broken file")

        try:
            cursor.copy_expert("COPY items (name) FROM STDIN", Broken())
            say("broken copy", "<no error>")
        except psycopg2.Error as error:
            # The client's message holds a traceback with line numbers of the interpreter.
            say("broken copy", [type(error).__name__, error.pgcode])
        connection.rollback()


def transactions(connection, other):
    connection.set_session(isolation_level="SERIALIZABLE", readonly=False, deferrable=True)
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        say("isolation", cursor.fetchone())
        cursor.execute("INSERT INTO items (name) VALUES ('in transaction')")
        cursor.execute("SAVEPOINT a")
        say_error("violation", lambda: cursor.execute("INSERT INTO items (name) VALUES ('in transaction')"))
        say("status", connection.info.transaction_status)
        say_error("aborted", lambda: cursor.execute("SELECT 1"))
        cursor.execute("ROLLBACK TO a")
        cursor.execute("RELEASE a")
    connection.commit()
    connection.set_session(isolation_level="DEFAULT")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 AS a; SELECT 'x' AS b; INSERT INTO items (name) VALUES ('several') RETURNING name")
        say("several", [cursor.fetchall(), cursor.statusmessage])
        say_error("several, one fails", lambda: cursor.execute("INSERT INTO items (name) VALUES ('gone'); SELECT 1/0"))
        cursor.execute("SELECT name FROM items WHERE name IN ('in transaction', 'several', 'gone') ORDER BY id")
        say("kept", cursor.fetchall())
        say_error("empty", lambda: cursor.execute(""))
    connection.autocommit = False
    xid = connection.xid(1, "global", "branch")
    connection.tpc_begin(xid)
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO items (name) VALUES ('two phases')")
    connection.tpc_prepare()
    # Not tpc_recover(): it reads pg_prepared_xacts, which shows other sessions' transactions.
    other.rollback()
    connection.tpc_commit()


def listening(connection, other):
    connection.autocommit = other.autocommit = True
    with connection.cursor() as cursor, other.cursor() as speaker:
        cursor.execute("LISTEN news")
        speaker.execute("NOTIFY news, 'é first'")
        speaker.execute("SELECT pg_notify('news', 'second')")
        while len(connection.notifies) < 2:
            select.select([connection], [], [])
            connection.poll()
        heard = [(notify.channel, notify.payload, notify.pid == other.info.backend_pid) for notify in connection.notifies]
        say("notifications", heard)
        cursor.execute("UNLISTEN news")


def cancelling(connection, other):
    with connection.cursor() as cursor, other.cursor() as watcher:
        def cancel():
            while True:
                watcher.execute(STARTED)
                if watcher.fetchone()[0]:
                    return connection.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        say_error("cancelled", lambda: cursor.execute(SLEEP))
        thread.join()
        cursor.execute("SELECT pg_backend_pid() = %s", [connection.info.backend_pid])
        say("after cancel", cursor.fetchone())


def large(connection):
    data = large_bytes()
    with connection.cursor() as cursor:
        # psycopg2 writes values into the text of the statement: large ones go by COPY.
        cursor.copy_expert("COPY blobs (id, data) FROM STDIN", io.BytesIO(b"1\t\\\\x" + data.hex().encode() + b"\n"))
        cursor.execute("SELECT data FROM blobs WHERE id = 1")
        say("large", digest(cursor.fetchone()[0]) == digest(data))
        cursor.execute("SELECT repeat('é', %s)", [len(data) // 2])
        say("large text", len(cursor.fetchone()[0]))
        cursor.execute("SELECT 'é', %s::text", ["x" * 30_000])
        say("long statement", len(cursor.fetchone()[1]))


connection = psycopg2.connect("")
other = psycopg2.connect("application_name=clients-other")
with connection.cursor() as setup:
    setup.execute(SETUP)
connection.commit()
queries(connection)
cursors(connection)
copies(connection)
transactions(connection, other)
listening(connection, other)
cancelling(connection, other)
large(connection)
connection.reset()
connection.close()
other.close()
pool = psycopg2.pool.ThreadedConnectionPool(1, 3, "options='-c search_path=work'")
lent = pool.getconn()
lent.cursor().execute("SELECT 1/1")
pool.putconn(lent)
lent = pool.getconn()
say("pool", [lent.info.transaction_status, lent.closed])
pool.putconn(lent)
pool.closeall()
end()
