"""A cancel that has returned is over: PQcancel waits for the end of its connection, and what runs next is not hit."""

import threading
import time

import psycopg2
from transcript import end, say


def late_cancels(connection):
    late = 0
    with connection.cursor() as cursor:
        for _ in range(60):
            def sleep():
                try:
                    cursor.execute("SELECT pg_sleep(0.004)")
                except psycopg2.errors.QueryCanceled:
                    pass

            thread = threading.Thread(target=sleep)
            thread.start()
            time.sleep(0.003)
            connection.cancel()
            thread.join()
            try:
                cursor.execute("SELECT pg_sleep(0.03)")
            except psycopg2.errors.QueryCanceled:
                late += 1
    say("late cancels", late)


connection = psycopg2.connect("")
connection.autocommit = True
late_cancels(connection)
connection.close()
end()
