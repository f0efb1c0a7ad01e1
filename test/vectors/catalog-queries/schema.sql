-- What the queries of tools are asked about. Part 1 is what policy lets be seen; part 2, hidden, is made behind it, so that the
-- OIDs of part 1 are the same without it. No name of part 1 holds "canary"; every name of part 2 does.
CREATE SCHEMA shop;
CREATE DOMAIN shop.email AS text CHECK (VALUE LIKE '%@%') DEFAULT 'a@b';
CREATE TYPE shop.status AS ENUM ('new', 'sent');
CREATE TYPE shop.address AS (street text, town text);
CREATE SEQUENCE shop.numbers START 7;
CREATE FUNCTION shop.total(customer integer, rate numeric DEFAULT 1.2) RETURNS numeric LANGUAGE sql STABLE AS 'SELECT 1.0 * rate';
CREATE FUNCTION shop.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE PROCEDURE shop.tidy(days integer) LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE shop.product(numeric) (sfunc = numeric_mul, stype = numeric, initcond = '1');
CREATE TABLE shop.customers (id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, mail shop.email,
  state shop.status DEFAULT 'new', home shop.address, upper_name text GENERATED ALWAYS AS (upper(name)) STORED,
  number integer DEFAULT nextval('shop.numbers'), CONSTRAINT named CHECK (name <> ''));
CREATE TABLE shop.orders (id integer, customer integer REFERENCES shop.customers, placed date, note text, PRIMARY KEY (id, placed))
  PARTITION BY RANGE (placed);
CREATE TABLE shop.orders_old PARTITION OF shop.orders FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
CREATE TABLE shop.big (LIKE shop.customers INCLUDING DEFAULTS, extra text) ;
CREATE TABLE shop.base (a integer);
CREATE TABLE shop.derived (b integer) INHERITS (shop.base);
CREATE TABLE shop.tied (id integer PRIMARY KEY, staff integer, number integer DEFAULT 1);
CREATE VIEW shop.mixed AS SELECT name, name AS other FROM shop.customers;
CREATE INDEX customers_name ON shop.customers (lower(name)) WHERE id > 0;
CREATE UNIQUE INDEX customers_mail ON shop.customers (mail DESC NULLS LAST) INCLUDE (name);
CREATE VIEW shop.customer_names AS SELECT id, name FROM shop.customers WHERE state = 'new';
CREATE MATERIALIZED VIEW shop.totals AS SELECT count(*) AS n FROM shop.orders;
CREATE RULE names_rule AS ON INSERT TO shop.customer_names DO INSTEAD NOTHING;
CREATE TRIGGER stamped BEFORE UPDATE ON shop.customers FOR EACH ROW EXECUTE FUNCTION shop.stamp();
CREATE POLICY own_rows ON shop.customers USING (id > 0);
CREATE STATISTICS shop.names_stats ON name, number FROM shop.customers;
CREATE OPERATOR shop.=== (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq);
CREATE COLLATION shop.plain FROM "C";
CREATE TEXT SEARCH CONFIGURATION shop.words (COPY = simple);
COMMENT ON TABLE shop.customers IS 'who buys';
COMMENT ON COLUMN shop.customers.name IS 'as written on the door';
COMMENT ON FUNCTION shop.total(integer, numeric) IS 'what is owed';
COMMENT ON SCHEMA shop IS 'the shop';
COMMENT ON CONSTRAINT named ON shop.customers IS 'nobody is nameless';
GRANT SELECT, INSERT ON shop.customers TO app;
GRANT USAGE ON SCHEMA shop TO app;
GRANT SELECT ON ALL TABLES IN SCHEMA shop TO app;
ALTER DEFAULT PRIVILEGES IN SCHEMA shop GRANT SELECT ON TABLES TO app;
-- part 2
CREATE SCHEMA canary_hr;
CREATE DOMAIN canary_hr.canary_mail AS text CHECK (VALUE LIKE '%canary%');
CREATE TYPE canary_hr.canary_mood AS ENUM ('canary_happy', 'canary_sad');
CREATE TYPE canary_hr.canary_pair AS (canary_left text, canary_right text);
CREATE TYPE canary_hr.canary_range AS RANGE (subtype = numeric);
CREATE SEQUENCE canary_hr.canary_seq;
CREATE FUNCTION canary_hr.canary_fn(canary_arg integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1 /* canary_body */';
CREATE FUNCTION canary_hr.canary_trigger_fn() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE PROCEDURE canary_hr.canary_proc() LANGUAGE sql AS 'SELECT 1';
CREATE AGGREGATE canary_hr.canary_agg(numeric) (sfunc = numeric_mul, stype = numeric, initcond = '1');
CREATE TABLE canary_hr.canary_staff (canary_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, canary_name text NOT NULL DEFAULT 'canary_default',
  canary_state canary_hr.canary_mood, canary_both canary_hr.canary_pair, CONSTRAINT canary_check CHECK (canary_name <> 'canary_no'));
CREATE TABLE canary_hr.canary_pay (canary_staff integer REFERENCES canary_hr.canary_staff, canary_customer integer CONSTRAINT canary_to_shop REFERENCES shop.customers,
  canary_when date) PARTITION BY LIST (canary_when);
CREATE TABLE canary_hr.canary_pay_part PARTITION OF canary_hr.canary_pay DEFAULT;
CREATE INDEX canary_index ON canary_hr.canary_staff (upper(canary_name));
CREATE VIEW canary_hr.canary_view AS SELECT s.canary_name, c.name FROM canary_hr.canary_staff s, shop.customers c;
CREATE MATERIALIZED VIEW canary_hr.canary_matview AS SELECT canary_name FROM canary_hr.canary_staff;
CREATE RULE canary_rule AS ON DELETE TO canary_hr.canary_staff DO INSTEAD NOTHING;
CREATE TRIGGER canary_trigger BEFORE UPDATE ON canary_hr.canary_staff FOR EACH ROW EXECUTE FUNCTION canary_hr.canary_trigger_fn();
CREATE POLICY canary_policy ON canary_hr.canary_staff USING (canary_name <> 'canary_policy_text');
CREATE STATISTICS canary_hr.canary_stats ON canary_name, canary_id FROM canary_hr.canary_staff;
CREATE FUNCTION canary_hr.canary_equal(canary_hr.canary_mood, canary_hr.canary_mood) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR canary_hr.<#> (LEFTARG = canary_hr.canary_mood, RIGHTARG = canary_hr.canary_mood, FUNCTION = canary_hr.canary_equal);
CREATE COLLATION canary_hr.canary_collation FROM "C";
CREATE TEXT SEARCH CONFIGURATION canary_hr.canary_words (COPY = simple);
CREATE TEXT SEARCH DICTIONARY canary_hr.canary_dict (TEMPLATE = simple);
CREATE CONVERSION canary_hr.canary_conversion FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1;
CREATE OPERATOR FAMILY canary_hr.canary_family USING btree;
CREATE CAST (canary_hr.canary_mood AS integer) WITH INOUT;
CREATE FUNCTION canary_hr.canary_event_fn() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER canary_event ON sql_drop EXECUTE FUNCTION canary_hr.canary_event_fn();
COMMENT ON TABLE canary_hr.canary_staff IS 'canary_comment';
COMMENT ON COLUMN canary_hr.canary_staff.canary_name IS 'canary_column_comment';
COMMENT ON SCHEMA canary_hr IS 'canary_schema_comment';
COMMENT ON FUNCTION canary_hr.canary_fn(integer) IS 'canary_function_comment';
COMMENT ON CONSTRAINT canary_check ON canary_hr.canary_staff IS 'canary_constraint_comment';
GRANT USAGE ON SCHEMA canary_hr TO app;
GRANT ALL ON ALL TABLES IN SCHEMA canary_hr TO app;
GRANT ALL ON ALL SEQUENCES IN SCHEMA canary_hr TO app;
ALTER DEFAULT PRIVILEGES IN SCHEMA canary_hr GRANT SELECT ON TABLES TO app;
INSERT INTO canary_hr.canary_staff (canary_name) VALUES ('canary_value');
-- part 3: what is visible is tied to what is hidden
ALTER TABLE shop.tied ADD CONSTRAINT canary_fk FOREIGN KEY (staff) REFERENCES canary_hr.canary_staff;
ALTER TABLE shop.tied ALTER number SET DEFAULT nextval('canary_hr.canary_seq');
ALTER TABLE shop.tied ADD CONSTRAINT canary_tied_check CHECK (canary_hr.canary_fn(id) > 0);
COMMENT ON CONSTRAINT canary_fk ON shop.tied IS 'canary_fk_comment';
CREATE TRIGGER canary_tied_trigger BEFORE UPDATE ON shop.tied FOR EACH ROW EXECUTE FUNCTION canary_hr.canary_trigger_fn();
CREATE INDEX tied_index ON shop.tied (canary_hr.canary_fn(id));
CREATE POLICY canary_tied_policy ON shop.tied USING (EXISTS (SELECT 1 FROM canary_hr.canary_staff));
CREATE OR REPLACE VIEW shop.mixed AS SELECT c.name, s.canary_name AS other FROM shop.customers c, canary_hr.canary_staff s;
CREATE TABLE canary_hr.canary_orders PARTITION OF shop.orders FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE canary_hr.canary_derived (canary_column integer) INHERITS (shop.base);
CREATE RULE canary_tied_rule AS ON DELETE TO shop.base DO ALSO SELECT 1 FROM canary_hr.canary_staff;
