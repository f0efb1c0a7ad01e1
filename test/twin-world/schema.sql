-- A shop whose labelled columns (labels.yaml) are of every kind of type and are copied in every way that a database copies by itself.
CREATE SCHEMA twin;
CREATE SCHEMA scratch; -- where the agent may create
SET search_path = twin;

CREATE TYPE address AS (street text, town text);
CREATE TYPE grade AS ENUM ('bronze', 'silver', 'gold', 'iron');
CREATE DOMAIN pin AS varchar(12) CHECK (length(VALUE) > 3);

CREATE TABLE customers (
  id int PRIMARY KEY, tenant int NOT NULL, country char(2) NOT NULL, joined date NOT NULL, visits int NOT NULL,
  name text NOT NULL, email varchar(60), ssn text UNIQUE, phone char(20), card text NOT NULL, born date NOT NULL,
  salary numeric(12, 2) CHECK (salary > 0), score int, big bigint, ratio float8, flag boolean, profile jsonb, raw json, tags text[],
  home address, code pin, photo bytea, level grade, period daterange, seen timestamptz, key uuid, host inet, words tsvector,
  place text GENERATED ALWAYS AS (split_part(email::text, '@', 2)) STORED);
CREATE INDEX customers_email ON customers (lower(email));
CREATE TABLE orders (id int PRIMARY KEY, customer int REFERENCES customers, amount numeric(10, 2), placed date, status text, note text);
CREATE TABLE payments (id int, region text, customer int, amount int, account text) PARTITION BY LIST (region);
CREATE TABLE payments_eu PARTITION OF payments FOR VALUES IN ('eu');
CREATE TABLE payments_us (account text, amount int, region text, customer int, id int);
ALTER TABLE payments ATTACH PARTITION payments_us FOR VALUES IN ('us');
CREATE TABLE people (id int, nick text);
CREATE TABLE staff (badge text) INHERITS (people);
CREATE TABLE vault (id int, owner name DEFAULT current_user, secret text);
ALTER TABLE vault ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON vault USING (owner = current_user);
CREATE TABLE countries (country char(2) PRIMARY KEY, title text, region text);
CREATE TABLE guesses (id int PRIMARY KEY, guess text);
CREATE SEQUENCE ticket;

CREATE VIEW plain AS SELECT id, country, email, ssn, salary FROM customers;
CREATE VIEW computing AS SELECT id, upper(name) AS shout, length(ssn) AS n, salary * 2 AS twice FROM customers;
CREATE VIEW filtering AS SELECT id, country FROM customers WHERE (salary::bigint % 2) = 0;
CREATE VIEW above AS SELECT p.id, p.email AS mail, p.ssn, c.shout FROM plain p JOIN computing c USING (id);
CREATE VIEW totals AS SELECT country, count(*) AS n, max(salary) AS most, min(name) AS first FROM customers GROUP BY country;
CREATE VIEW rows AS SELECT c AS whole, c.id FROM customers c;
CREATE VIEW shops AS SELECT country, title FROM countries;
CREATE MATERIALIZED VIEW kept AS SELECT id, ssn AS number, left(name, 6) AS short FROM customers;

CREATE FUNCTION email_of(int) RETURNS text LANGUAGE sql STABLE AS 'SELECT email FROM twin.customers WHERE id = $1';
CREATE FUNCTION customer_of(int) RETURNS customers LANGUAGE sql STABLE AS 'SELECT * FROM twin.customers WHERE id = $1';
CREATE FUNCTION all_names() RETURNS SETOF text LANGUAGE sql STABLE AS 'SELECT name FROM twin.customers ORDER BY id';
CREATE FUNCTION pay_of(n int) RETURNS numeric LANGUAGE plpgsql SECURITY DEFINER AS
  $$ BEGIN RETURN (SELECT salary FROM twin.customers WHERE id = n); END $$;
CREATE FUNCTION complain(n int) RETURNS int LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'customer %', (SELECT ssn FROM twin.customers WHERE id = n); END $$;
CREATE FUNCTION told() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'note was %', OLD.note; RETURN NEW; END $$;
CREATE TRIGGER told BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION told();
CREATE FUNCTION double(n int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT n * 2';

CREATE ROLE twin_app LOGIN PASSWORD 'twin-app-password';
ALTER ROLE twin_app SET search_path = twin, scratch, public;
GRANT USAGE ON SCHEMA twin TO twin_app;
GRANT USAGE, CREATE ON SCHEMA scratch TO twin_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA twin TO twin_app;
GRANT USAGE, SELECT ON SEQUENCE ticket TO twin_app;
