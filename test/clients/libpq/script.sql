\set ON_ERROR_STOP off
\pset pager off
\set VERBOSITY verbose
\set ON_ERROR_ROLLBACK off
-- What was there before, if anything, is dropped with a notice.
SET client_min_messages = error;
\i :setup
RESET client_min_messages;
\echo -- queries
SELECT 1 AS one, 'é😀' AS text, NULL AS nothing;
SELECT n, n * n AS square FROM generate_series(1, 5) n \gx
SELECT 'a' AS x, 1 AS y UNION SELECT 'b', 2 ORDER BY 1 \crosstabview
SELECT 42 AS answer, 'it''s' AS quoted \gset
\echo :answer :'quoted'
SELECT format('SELECT %s AS generated', n) FROM generate_series(1, 3) n \gexec
SELECT 1 AS a, 'x'::text AS b, now() AS c \gdesc
SELECT 1 \; SELECT 'two' \; SELECT 3;
SELECT 'é', FROM x y;
SELECT 'é', nothing FROM items;
SELECT 1 / 0;
\errverbose
DO $$ BEGIN RAISE NOTICE 'noticed é %', 1; RAISE WARNING 'warned' USING DETAIL = 'a detail', HINT = 'a hint'; END $$;
SHOW server_encoding;
\encoding
\echo -- described
\d
\d items
\d+ items
\dt+ work.*
\di work.*
\ds work.*
\dT+ work.*
\dD work.*
\dn
\df work.*
\dp work.*
\dx
\du app
\dconfig search_path
\sf pg_catalog.lower
\l clients
\echo -- rows by cursor
\set FETCH_COUNT 7
SELECT n, repeat('x', n) FROM generate_series(1, 20) n;
SELECT 1 / (5 - n) FROM generate_series(1, 9) n;
\unset FETCH_COUNT
\echo -- copy
COPY items (name, price, tags) FROM STDIN;
first	1.50	{a,b}
second é	\N	{"c d"}
\.
COPY items (name) FROM STDIN (FORMAT csv);
"third, ""quoted"""
\.
COPY items (name) FROM STDIN;
twice
twice
\.
COPY items (id, name, price, tags) TO STDOUT;
COPY (SELECT name FROM items ORDER BY name DESC) TO STDOUT (FORMAT csv, HEADER);
\copy (SELECT id, name FROM items ORDER BY id) TO STDOUT
\copy items (name) FROM PROGRAM 'printf "from program\n"'
INSERT INTO blobs (id, body) SELECT 2, :'answer';
\set copying '\\copy blobs (id, body) FROM PROGRAM ''printf "3\\t"; head -c ' :large ' /dev/zero | tr "\\\\0" "x"'''
:copying
SELECT id, length(body), md5(body) FROM blobs ORDER BY id;
\copy (SELECT body FROM blobs WHERE id = 3) TO PROGRAM 'md5sum'
\echo -- transactions
BEGIN ISOLATION LEVEL SERIALIZABLE, READ WRITE;
INSERT INTO items (name) VALUES ('in transaction') RETURNING id, name;
SAVEPOINT a;
INSERT INTO items (name) VALUES ('in transaction');
SELECT 1;
ROLLBACK TO a;
RELEASE a;
COMMIT;
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT broken;
INSERT INTO items (name) VALUES ('after an error');
COMMIT AND CHAIN;
ROLLBACK;
\set ON_ERROR_ROLLBACK off
\set AUTOCOMMIT off
INSERT INTO items (name) VALUES ('not kept');
ROLLBACK;
\set AUTOCOMMIT on
BEGIN; SELECT 1/0; COMMIT;
INSERT INTO items (name) VALUES ('gone') \; SELECT 1/0;
SELECT name FROM items WHERE name IN ('in transaction', 'after an error', 'not kept', 'gone') ORDER BY id;
\echo -- prepared and cursors
PREPARE plan (int, text) AS SELECT $1 + 1 AS next, $2 AS word;
EXECUTE plan (1, 'é');
EXPLAIN (COSTS off) EXECUTE plan (1, 'x');
DEALLOCATE plan;
EXECUTE plan (1, 'x');
PREPARE plan AS INSERT INTO items (name) VALUES ($1) RETURNING name;
EXECUTE plan ('by plan');
CREATE TEMP TABLE copied AS EXECUTE plan ('by plan 2');
CREATE TEMP TABLE copied AS SELECT 1 AS a;
TABLE copied;
DISCARD ALL;
TABLE copied;
BEGIN;
DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT n FROM generate_series(1, 9) n;
FETCH 2 FROM c;
MOVE FORWARD 3 IN c;
COMMIT;
FETCH BACKWARD 2 FROM c;
CLOSE c;
FETCH c;
\echo -- settings
SET search_path = work, public;
SHOW search_path;
SET LOCAL work_mem = '5MB';
SET TIME ZONE 'Europe/Berlin';
SELECT timestamptz '2024-07-01 12:00Z';
SET DateStyle = 'German';
SELECT date '2024-07-01';
RESET ALL;
SHOW timezone;
SET no.such = 'x';
SHOW no.such;
SET no_such = 1;
\echo -- channels
LISTEN news;
NOTIFY news, 'é first';
SELECT pg_notify('news', 'second');
UNLISTEN *;
\echo -- time-out
SET statement_timeout = 50;
SELECT pg_sleep(30);
RESET statement_timeout;
\echo -- the end
SET search_path = work;
VACUUM items;
ANALYZE items;
\echo {"step":"end","value":"done"}
