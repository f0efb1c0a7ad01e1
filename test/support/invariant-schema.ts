/** The schema that statements of the invariant's test are written for, its labelled columns with their masks, and what the server makes of these. */

import { readQueryTree } from "../../src/analysis/query-tree/reader.ts";
import type { ServerMajor } from "../../src/analysis/query-tree/tree-facts.ts";
import { type LabelledColumns, type MaskForm, maskTemplate } from "../../src/masking/invariant/check-invariant.ts";
import type { TestPostgres } from "./postgres.ts";
import type { TreeClient } from "./query-trees.ts";

/** The last four characters of a text. Written out here: the checker must know it by the server's tree alone. */
export function last4(column: string): string {
  return `CAST((CAST('***' AS pg_catalog.text) OPERATOR(pg_catalog.||) pg_catalog.right(pg_catalog.right(CAST(${column} AS pg_catalog.text), -4), 4)) AS pg_catalog.text)`;
}

/** Of a varchar(40), which is cast on its way in and out. */
export function last4Varchar(column: string): string {
  return `CAST((CAST('***' AS pg_catalog.text) OPERATOR(pg_catalog.||) pg_catalog.right(pg_catalog.right(CAST(${column} AS pg_catalog.text), -4), 4)) AS pg_catalog."varchar"(40))`;
}

/** The year of a date. The column stands in it three times. */
export function year(column: string): string {
  const value = `CAST(${column} AS pg_catalog.date)`;
  const inside = `${value} OPERATOR(pg_catalog.>=) CAST('0001-01-01' AS pg_catalog.date) AND ${value} OPERATOR(pg_catalog.<=) CAST('9999-12-31' AS pg_catalog.date)`;
  return `CAST(CASE WHEN ${inside} THEN CAST(pg_catalog.date_trunc('year', CAST(${value} AS pg_catalog."timestamp")) AS pg_catalog.date) END AS pg_catalog.date)`;
}

/** References to labelled tables as they are put into a statement in their place. */
export const MASKED = {
  customers: `(SELECT id, name, ${last4("ssn")} AS ssn, ${last4Varchar("email")} AS email, ${year("birth")} AS birth, hired, CAST('{}' AS pg_catalog.jsonb) AS doc, CAST(NULL AS pg_catalog.int4) AS salary FROM public.customers)`,
  people: `(SELECT id, k, ${last4("ssn")} AS ssn FROM public.people)`,
  carrying: `(SELECT id, name, ${last4("ssn")} AS ssn, ${year("birth")} AS birth FROM public.carrying)`,
} as const;

type Mask = ((column: string) => string) | "constant";

/** By `relation.column`. */
const LABELS: Readonly<Record<string, Mask>> = {
  "customers.ssn": last4,
  "customers.email": last4Varchar,
  "customers.birth": year,
  "customers.doc": "constant",
  "customers.salary": "constant",
  "customers.home": "constant",
  "people.ssn": last4,
  "people_a.ssn": last4,
  "people_b.ssn": last4,
  "parent.ssn": last4,
  "child.ssn": last4,
  "guarded.ssn": last4,
  "ruled.ssn": last4,
  "stored.ssn": last4,
  "made.ssn": last4,
  "made.short": last4,
  "shaded.shade": last4,
  "over_shaded.shade": last4,
  "ruled_view.shade": last4,
  "carrying.ssn": last4,
  "carrying.birth": year,
  "accounts.code": (column) => `tok('d', ${column})`,
};

export const INVARIANT_SCHEMA = `
CREATE ROLE agent LOGIN;
CREATE ROLE owner;
CREATE TYPE address AS (street text, city text);
CREATE TABLE customers (id int PRIMARY KEY, gone int, name text, ssn text UNIQUE, email varchar(40), birth date, hired date, doc jsonb, salary int, home address);
ALTER TABLE customers DROP COLUMN gone;
CREATE FUNCTION tok(text, text) RETURNS text LANGUAGE sql IMMUTABLE SECURITY DEFINER AS 'SELECT $1 || md5($2)';
CREATE TABLE accounts (id int PRIMARY KEY, code text, owner text);
CREATE TABLE orders (id int PRIMARY KEY, customer int, note text, ssn text, placed date);
CREATE TABLE people (id int, k int, ssn text) PARTITION BY RANGE (k);
CREATE TABLE people_a PARTITION OF people FOR VALUES FROM (0) TO (10);
CREATE TABLE people_b (ssn text, k int, id int);
ALTER TABLE people ATTACH PARTITION people_b FOR VALUES FROM (10) TO (20);
CREATE TABLE parent (id int, ssn text);
CREATE TABLE child (extra text) INHERITS (parent);
CREATE TABLE guarded (id int, owner text, ssn text);
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON guarded USING (owner = current_user AND ssn <> '' AND EXISTS (SELECT 1 FROM customers c WHERE c.ssn = guarded.ssn));
CREATE TABLE log (id int, what text);
CREATE TABLE ruled (id int, ssn text, note text);
CREATE RULE ruled_d AS ON DELETE TO ruled DO ALSO INSERT INTO log VALUES (OLD.id, OLD.ssn);
CREATE RULE ruled_u AS ON UPDATE TO ruled DO ALSO INSERT INTO log VALUES (OLD.id, OLD.note);
CREATE RULE ruled_i AS ON INSERT TO ruled DO ALSO NOTIFY ruled;
CREATE TABLE made (id int, ssn text, short text GENERATED ALWAYS AS (left(ssn, 2)) STORED);
CREATE MATERIALIZED VIEW stored AS SELECT id, ssn FROM customers;
CREATE VIEW carrying AS SELECT id, name, ssn, birth FROM customers;
CREATE VIEW twice AS SELECT id AS n, ssn AS s FROM carrying WHERE id > 0;
CREATE VIEW joining AS SELECT o.id, o.note, c.ssn FROM orders o LEFT JOIN customers c ON c.id = o.customer;
CREATE VIEW computing AS SELECT id, upper(ssn) AS ssn FROM customers;
CREATE VIEW filtering AS SELECT id, name FROM customers WHERE ssn <> '';
CREATE VIEW sorting AS SELECT id, ssn FROM customers ORDER BY ssn;
CREATE VIEW sorted AS SELECT id, ssn FROM customers ORDER BY id LIMIT 5;
CREATE VIEW united AS SELECT id, ssn FROM customers UNION ALL SELECT id, ssn FROM people;
CREATE VIEW first_of AS SELECT DISTINCT ON (id) id, ssn FROM customers;
CREATE VIEW grouped AS SELECT ssn, count(*) AS n FROM customers GROUP BY ssn;
CREATE VIEW by_key AS SELECT id, ssn, count(*) AS n FROM customers GROUP BY id;
CREATE VIEW with_cte AS WITH x AS (SELECT id, ssn FROM customers), y AS (SELECT id, note FROM orders) SELECT x.id, x.ssn, y.note FROM x JOIN y USING (id);
CREATE VIEW asking AS SELECT o.id FROM orders o WHERE EXISTS (SELECT * FROM customers c WHERE c.id = o.customer);
CREATE VIEW whole_rows AS SELECT c AS whole FROM customers c;
CREATE VIEW counting AS SELECT count(*) AS n FROM customers;
CREATE VIEW barred WITH (security_barrier) AS SELECT id, name, ssn FROM customers WHERE id > 0;
CREATE VIEW barred_by WITH (security_barrier) AS SELECT id, name FROM customers WHERE ssn <> '';
CREATE VIEW invoking WITH (security_invoker) AS SELECT id, ssn FROM customers;
CREATE VIEW checked AS SELECT id, name, ssn FROM customers WHERE id > 0 WITH CHECK OPTION;
CREATE VIEW checked_by AS SELECT id, name, ssn FROM customers WHERE ssn <> '' WITH CHECK OPTION;
CREATE VIEW guarding AS SELECT id, ssn FROM guarded;
CREATE VIEW guard_barred WITH (security_barrier) AS SELECT id, owner, ssn FROM guarded WHERE ssn <> '';
CREATE VIEW shaded AS SELECT id, note || 'x' AS shade FROM orders;
CREATE VIEW over_shaded AS SELECT id, shade FROM shaded WHERE id > 0;
CREATE VIEW ruled_view AS SELECT id, note || 'x' AS shade FROM orders;
CREATE RULE ruled_view_d AS ON DELETE TO ruled_view DO INSTEAD DELETE FROM orders WHERE orders.id = OLD.id RETURNING orders.id, orders.note || 'x';
CREATE VIEW triggered AS SELECT o.id, o.note, c.ssn FROM orders o JOIN customers c ON c.id = o.customer;
CREATE FUNCTION tf() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER instead INSTEAD OF INSERT OR UPDATE OR DELETE ON triggered FOR EACH ROW EXECUTE FUNCTION tf();
CREATE FUNCTION table_rows() RETURNS SETOF orders LANGUAGE sql AS 'SELECT * FROM orders';
GRANT ALL ON ALL TABLES IN SCHEMA public TO agent;
`;

/** As a gateway would tell the checker: OIDs and numbers from the catalog, templates from the server's trees of the masks. */
export async function labelledColumns(
  server: TestPostgres,
  client: TreeClient,
  major: ServerMajor,
): Promise<LabelledColumns> {
  const forms = new Map<number, Map<number, MaskForm>>();
  for (const [name, mask] of Object.entries(LABELS)) {
    const [relation = "", column = ""] = name.split(".");
    const found = await server.psql(
      `SELECT attrelid::int || ' ' || attnum FROM pg_attribute WHERE attrelid = '${relation}'::regclass AND attname = '${column}'`,
    );
    const [oid = 0, number = 0] = found.split(" ").map(Number);
    const of = forms.get(oid) ?? new Map<number, MaskForm>();
    forms.set(oid, of.set(number, await formOf(mask, relation, column, client, major)));
  }
  const token = Number(await server.psql("SELECT 'tok'::regproc::oid::bigint"));
  return {
    formOf: (relation, column) => forms.get(relation)?.get(column),
    isLabelled: (relation) => forms.has(relation),
    makesMasks: (fn) => fn === token,
  };
}

async function formOf(
  mask: Mask,
  relation: string,
  column: string,
  client: TreeClient,
  major: ServerMajor,
): Promise<MaskForm> {
  if (mask === "constant") return { kind: "constant" };
  const tree = await client.tree(`SELECT ${mask(column)} FROM ${relation}`);
  return { kind: "expression", template: maskTemplate(readQueryTree(tree, major)) };
}
