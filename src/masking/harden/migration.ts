/**
 * What `postern harden` prints: a migration for a DBA to read and run, as text. It takes from the gateway's role the right to read what it never
 * needs to read, gives others masked views, and installs the token function. Runs nothing.
 */

import { Buffer } from "node:buffer";
import { hash } from "node:crypto";
import type { Catalog, CatalogRelation } from "../../analysis/catalog.ts";
import type { LabelMap } from "../labels/label-map.ts";
import { safeMaskExpression } from "../masks/mask-expression.ts";
import { type LockedRelation, lockedRelations } from "./locked-columns.ts";
import { tokenStatements } from "./token-sql.ts";

export interface HardenOptions {
  /** As the configuration names the database. */
  readonly database: string;
  /** The gateway's role on the server. */
  readonly role: string;
  readonly catalog: Catalog;
  readonly labels: LabelMap;
  /** Whether policy shows a label's values to somebody. */
  readonly revealed: (label: string) => boolean;
  /** Labels whose mask is `token`. */
  readonly domains: readonly string[];
}

const OWNER = "postern_owner";

/** The whole of it, in one transaction. Run twice it changes nothing the second time. */
export function migration(options: HardenOptions): string {
  const { database, role, catalog, labels, revealed, domains } = options;
  const relations = lockedRelations(catalog, labels, revealed);
  const parts = [
    `-- Postern: the second lock of database ${oneLine(database)}, for the role ${oneLine(role)}.
-- Read it, then run it as a superuser, or as the owner of the tables who may create roles:
--   psql -v ON_ERROR_STOP=1 -f FILE ${oneLine(catalog.database)}
-- It can be run again at any time, and has to be after labels.yaml or the tables have changed. postern harden --undo prints the way back,
-- postern doctor tells whether it is in force. Nothing here was read from a table's rows.`,
    "BEGIN;\nSET LOCAL search_path = pg_catalog, pg_temp;",
    section(`An owner that nobody logs in as, and a schema of its own`, [
      `DO $owner$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${OWNER}') THEN CREATE ROLE ${OWNER} NOLOGIN; END IF;
END $owner$;`,
      `-- What somebody else had made there before would be taken for its own: keys that they know, triggers that run as whoever runs this.
DO $mine$ BEGIN
  IF EXISTS (SELECT FROM pg_namespace WHERE nspname = 'postern' AND nspowner <> '${OWNER}'::regrole)
    OR EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('postern') AND relowner <> '${OWNER}'::regrole)
    OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = to_regnamespace('postern') AND proowner <> '${OWNER}'::regrole) THEN
    RAISE EXCEPTION 'there is a schema "postern" already, or something in it, that ${OWNER} does not own'
      USING HINT = 'Look at what it is and who made it, then drop it, and run this again.';
  END IF;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '${OWNER}' AND (rolcanlogin OR rolsuper)) THEN
    RAISE EXCEPTION 'the role ${OWNER} may log in, or is a superuser: somebody else has made it';
  END IF;
END $mine$;`,
      `CREATE SCHEMA IF NOT EXISTS postern;`,
      `ALTER SCHEMA postern OWNER TO ${OWNER};`,
      "REVOKE ALL ON SCHEMA postern FROM PUBLIC;",
      `GRANT USAGE ON SCHEMA postern TO ${quoted(role)};`,
    ]),
    section("No more than a role needs that agents work with", [
      `ALTER ROLE ${quoted(role)} NOCREATEDB NOCREATEROLE;`,
      `-- A superuser alone can take these, and they undo everything else:
--   ALTER ROLE ${quoted(oneLine(role))} NOSUPERUSER NOREPLICATION NOBYPASSRLS;`,
    ]),
    section("Tokens", [
      ...tokenStatements(domains, OWNER),
      `-- Whoever may call it can find out what a token stands for by trying values: through the gateway no agent may, it stands in masks alone.
GRANT EXECUTE ON FUNCTION postern.token(pg_catalog.text, pg_catalog.text) TO ${quoted(role)};`,
    ]),
    section("What was readable before, for --undo", [
      `CREATE TABLE IF NOT EXISTS postern.hardened (
  role pg_catalog.text, relation pg_catalog.text, columns pg_catalog.text[], -- NULL: all, by the table's privilege
  made_at pg_catalog.timestamptz NOT NULL DEFAULT pg_catalog.now(), PRIMARY KEY (role, relation));`,
      `ALTER TABLE postern.hardened OWNER TO ${OWNER};`,
      "REVOKE ALL ON TABLE postern.hardened FROM PUBLIC;",
    ]),
    section("Tables that are locked already get back what they had: labels and columns may be others now", [
      restore(role),
    ]),
    ...relations.map((one) => lock(one, role)),
    section("Masked views, for readers that do not come through the gateway: grant SELECT on them", [
      ...relations.map(({ relation }) => maskedView(relation, labels, catalog)),
    ]),
    "COMMIT;",
  ];
  return `${parts.join("\n\n")}\n`;
}

/** The way back. Tokens that were given out cannot be made again: their keys go. */
export function undoMigration({ database, role, catalog, labels, revealed }: HardenOptions): string {
  const relations = lockedRelations(catalog, labels, revealed);
  return `-- Postern: undoes the second lock of database ${oneLine(database)}, for the role ${oneLine(role)}.
-- The keys of tokens go with it: the same values will have other tokens if it is ever put in force again.
BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;

${restore(role)}
${doBlock(
  "rest",
  `BEGIN
  IF to_regclass('postern.hardened') IS NOT NULL THEN
    IF EXISTS (SELECT FROM postern.hardened) THEN
      RAISE NOTICE 'the schema postern stays: other roles are locked out by it';
      RETURN;
    END IF;
  END IF;
${relations.map(({ relation }) => `  DROP VIEW IF EXISTS ${viewName(relation)};`).join("\n")}
  DROP TABLE IF EXISTS postern.hardened;
  DROP FUNCTION IF EXISTS postern.token(pg_catalog.text, pg_catalog.text);
  DROP FUNCTION IF EXISTS postern.key_pad(pg_catalog.bytea, pg_catalog.int4);
  DROP TABLE IF EXISTS postern.token_keys;
  -- Fails where something else was put into it: that is yours to look at.
  DROP SCHEMA IF EXISTS postern;
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = '${OWNER}') THEN
    DROP OWNED BY ${OWNER}; -- its privileges on tables, in this database
    BEGIN
      DROP ROLE ${OWNER};
    EXCEPTION WHEN dependent_objects_still_exist THEN NULL; -- another database of the server has it too
    END;
  END IF;
END`,
)}
COMMIT;
`;
}

/** What the role had, by postern.hardened. */
function restore(role: string): string {
  const who = literal(role);
  return doBlock(
    "restore",
    `DECLARE one record;
BEGIN
  IF to_regclass('postern.hardened') IS NULL THEN RETURN; END IF;
  FOR one IN SELECT relation, columns FROM postern.hardened WHERE role = ${who} LOOP
    IF to_regclass(one.relation) IS NULL THEN CONTINUE; END IF;
    IF one.columns IS NULL THEN
      -- REVOKE of the table's privilege takes those of its columns with it.
      EXECUTE format('REVOKE SELECT ON %s FROM %I', one.relation, ${who});
      EXECUTE format('GRANT SELECT ON %s TO %I', one.relation, ${who});
    ELSE
      EXECUTE (SELECT format('GRANT SELECT (%s) ON %s TO %I', string_agg(quote_ident(c), ', '), one.relation, ${who})
        FROM unnest(one.columns) AS c, pg_attribute AS a
        WHERE a.attrelid = to_regclass(one.relation) AND a.attname = c AND NOT a.attisdropped HAVING count(*) > 0);
    END IF;
  END LOOP;
  DELETE FROM postern.hardened WHERE role = ${who};
END`,
  );
}

/**
 * A table's privilege counts for all of its columns: it has to go, and the columns' own to come. A role that has been given columns alone
 * loses those that are locked, and gets none.
 */
function lock({ relation, locked, kept }: LockedRelation, role: string): string {
  const [name, who] = [nameOf(relation), literal(role)];
  const of = literal(name);
  const columns = locked.map(quoted).join(", ");
  const readable = relation.columns.filter((column) => !locked.includes(column.name));
  const grant =
    readable.length === 0
      ? "-- nothing of it is left to read"
      : `GRANT SELECT (${readable.map((column) => quoted(column.name)).join(", ")}) ON ${name} TO ${quoted(role)};`;
  return section(`${oneLine(relation.schema)}.${oneLine(relation.name)}: ${locked.map(oneLine).join(", ")}`, [
    ...kept.map(({ column, why }) => `-- ${oneLine(column)} stays readable: ${oneLine(why)}.`),
    doBlock(
      "lock",
      `DECLARE
  of_all boolean := EXISTS (SELECT FROM pg_class AS c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) AS a
      WHERE c.oid = ${of}::regclass AND a.grantee = ${literal(quoted(role))}::regrole AND a.privilege_type = 'SELECT');
  own text[] := ARRAY(SELECT attname FROM pg_attribute AS c, aclexplode(c.attacl) AS a
    WHERE c.attrelid = ${of}::regclass AND c.attname = ANY (ARRAY[${locked.map(literal).join(", ")}])
      AND a.grantee = ${literal(quoted(role))}::regrole AND a.privilege_type = 'SELECT');
BEGIN
  IF of_all THEN
    INSERT INTO postern.hardened (role, relation) VALUES (${who}, ${of});
    REVOKE SELECT ON ${name} FROM ${quoted(role)};
    ${grant}
  ELSIF own <> '{}' THEN
    INSERT INTO postern.hardened (role, relation, columns) VALUES (${who}, ${of}, own);
    REVOKE SELECT (${columns}) ON ${name} FROM ${quoted(role)};
  END IF;
  IF has_any_column_privilege(${who}, ${of}, 'SELECT') AND (${locked.map((column) => `has_column_privilege(${who}, ${of}, ${literal(column)}, 'SELECT')`).join(" OR ")}) THEN
    RAISE WARNING 'role % can still read masked columns of %: it is a superuser, or has the privilege by PUBLIC or another role', ${who}, ${of};
  END IF;
END`,
    ),
  ]);
}

function maskedView(relation: CatalogRelation, labels: LabelMap, catalog: Catalog): string {
  const columns = relation.columns.map((column) => {
    const labelled = labels.column(relation.oid, column.number);
    const reference = `masked.${quoted(column.name)}`;
    return labelled === undefined
      ? reference
      : `${safeMaskExpression(reference, column, labelled.mask, catalog, true)} AS ${quoted(column.name)}`;
  });
  const name = viewName(relation);
  // Made anew, since CREATE OR REPLACE takes no other columns; who could read it still can.
  return `GRANT SELECT ON ${nameOf(relation)} TO ${OWNER};
GRANT USAGE ON SCHEMA ${quoted(relation.schema)} TO ${OWNER};
${doBlock(
  "view",
  `DECLARE
  readers text[] := ARRAY(SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END
    FROM pg_class AS c, aclexplode(c.relacl) AS a
    WHERE c.oid = to_regclass(${literal(name)}) AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner);
  reader text;
BEGIN
  DROP VIEW IF EXISTS ${name};
  CREATE VIEW ${name} WITH (security_barrier) AS
SELECT ${columns.join(",\n  ")}
FROM ${nameOf(relation)} AS masked;
  ALTER VIEW ${name} OWNER TO ${OWNER};
  FOREACH reader IN ARRAY readers LOOP EXECUTE format('GRANT SELECT ON %s TO %s', ${literal(name)}, reader); END LOOP;
END`,
)}`;
}

/** Bytes of a name that the server keeps (NAMEDATALEN - 1). */
const LONGEST_NAME = 63;

/** `postern."schema.table"`; with a hash where that is too long, or could be another's. */
function viewName({ schema, name }: CatalogRelation): string {
  const plain = `${schema}.${name}`;
  if (Buffer.byteLength(plain) <= LONGEST_NAME && !schema.includes(".") && !name.includes("."))
    return `postern.${quoted(plain)}`;
  const mark = hash("sha256", JSON.stringify([schema, name]), "hex").slice(0, 8);
  const kept = [...plain].slice(0, 12).join("");
  return `postern.${quoted(`${kept}_${mark}`)}`;
}

/** Its quotes are of a tag that does not occur in it: a column may be called `x$lock$; ROLLBACK; …`. */
function doBlock(tag: string, body: string): string {
  let quotes = `$${tag}$`;
  for (let more = 1; body.includes(quotes); more++) quotes = `$${tag}${more}$`;
  return `DO ${quotes}\n${body} ${quotes};`;
}

function section(title: string, statements: readonly string[]): string {
  return [`-- ${title}`, ...statements].join("\n");
}

function nameOf({ schema, name }: CatalogRelation): string {
  return `${quoted(schema)}.${quoted(name)}`;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

function literal(text: string): string {
  return text.includes("\\")
    ? `E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`
    : `'${text.replaceAll("'", "''")}'`;
}

/** A comment ends with its line, whatever somebody has called a table. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, " ");
}
