/** A database that keeps what is to be labelled in every form in which it can be copied, for the tests of labels. */

export const LABELS_SCHEMA = `
  CREATE SCHEMA shop;
  CREATE TABLE shop.customers (id int PRIMARY KEY, gone int, name text, email varchar(60), ssn text, salary numeric(10, 2),
    domain text GENERATED ALWAYS AS (split_part(email, '@', 2)) STORED, country char(2));
  ALTER TABLE shop.customers DROP COLUMN gone;
  CREATE TABLE shop.orders (id int, customer int, note text, total numeric);
  CREATE VIEW shop.plain AS SELECT id, email, upper(ssn) AS shout, name || ' ' || country AS who FROM shop.customers;
  CREATE VIEW shop.above AS SELECT p.email::text AS mail, p.who, 1 AS one FROM shop.plain p;
  CREATE MATERIALIZED VIEW shop.kept AS
    SELECT c.id, c.ssn, (SELECT max(o.total) FROM shop.orders o WHERE o.note = c.ssn) AS top FROM shop.customers c;
  CREATE VIEW shop.joined AS SELECT * FROM shop.customers c FULL JOIN shop.orders o USING (id);
  CREATE VIEW shop.rows AS SELECT c, to_jsonb(c) AS whole, c.id FROM shop.customers c;
  CREATE VIEW shop.both AS SELECT ssn AS a, id FROM shop.customers UNION SELECT note, id FROM shop.orders;
  CREATE VIEW shop.ranked AS SELECT id, rank() OVER (ORDER BY salary) AS place, count(*) OVER () AS n FROM shop.customers;
  CREATE VIEW shop.grouped AS SELECT country, count(*) AS n, max(salary) AS most FROM shop.customers GROUP BY country;
  CREATE VIEW shop.deep AS WITH RECURSIVE t(n, v) AS (
      SELECT 1, ssn FROM shop.customers UNION ALL SELECT n + 1, v FROM t WHERE n < 3), u AS (SELECT id AS i FROM shop.orders)
    SELECT t.v, t.n, u.i FROM t, u;
  CREATE VIEW shop.asks AS SELECT o.id, EXISTS (SELECT 1 FROM (SELECT 1 FROM shop.customers c WHERE c.ssn = o.note) s) AS known
    FROM shop.orders o;
  CREATE VIEW shop.lateral AS SELECT o.id, x.e, f.w FROM shop.orders o,
    LATERAL (SELECT c.email AS e FROM shop.customers c WHERE c.id = o.customer) x, regexp_split_to_table(x.e, '@') AS f(w);
  CREATE VIEW shop.listed AS SELECT v.a, v.b FROM shop.customers c, LATERAL (VALUES (c.ssn, 1), (c.name, 2)) AS v(a, b);
  CREATE VIEW shop.looks AS SELECT id, note AS email FROM shop.orders;
  CREATE INDEX shouted ON shop.customers (id, lower(email));

  CREATE TABLE shop.people (id int, phone text) PARTITION BY LIST (id);
  CREATE TABLE shop.people_1 (phone text, id int);
  ALTER TABLE shop.people ATTACH PARTITION shop.people_1 FOR VALUES IN (1);
  CREATE TABLE shop.people_2 PARTITION OF shop.people FOR VALUES IN (2);
  CREATE TABLE shop.animals (id int); CREATE TABLE shop.cats (chip text) INHERITS (shop.animals);
  CREATE TABLE shop.tagged (chip text); CREATE TABLE shop.dogs () INHERITS (shop.animals, shop.tagged);

  CREATE TYPE shop.address AS (street text, city text);
  CREATE DOMAIN shop.home AS shop.address;
  CREATE DOMAIN shop.code AS varchar(9) NOT NULL CHECK (length(VALUE) > 2);
  CREATE TABLE shop.places (id int, at shop.address, many shop.address[], home shop.home, old shop.customers, code shop.code,
    doc jsonb, tags text[]);
`;
