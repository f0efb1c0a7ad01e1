"""psycopg 3, each statement a transaction of its own. One line on standard output for each step; reads a line where it waits for the test."""

import os
import sys
import threading

import psycopg


def say(*words):
    print(*words, flush=True)


def delete(connection, row):
    try:
        say("deleted", connection.execute("DELETE FROM orders WHERE id = %s", [row]).rowcount)
    except psycopg.Error as error:
        say("refused", error.sqlstate, error.diag.message_detail or "-")


def main():
    connection = psycopg.connect(password=os.environ["PGPASSWORD"], autocommit=True)
    delete(connection, 1)
    delete(connection, 2)
    say("lives", connection.execute("SELECT 1").fetchone()[0])
    connection.execute("SET postern.approval = 'defer'")
    delete(connection, 3)
    sys.stdin.readline()
    delete(connection, 3)
    delete(connection, 3)
    connection.execute("SET postern.approval = 'wait'")
    threading.Thread(target=lambda: (sys.stdin.readline(), connection.cancel())).start()
    delete(connection, 4)
    say("lives", connection.execute("SELECT 1").fetchone()[0])


main()
