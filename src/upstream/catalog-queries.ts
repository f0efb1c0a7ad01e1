/**
 * The SQL that reads the catalog, for 15 to 18 and an ordinary role. All names are qualified: a pooler may hand us a session in
 * which someone made a temporary pg_class. Rows are read by catalog-load.ts, in the order of the columns here.
 */

/** Longest that the server may work on one statement of ours. */
const STATEMENT_TIMEOUT_MS = 60_000;

/** As analysis/query-tree/reader.ts takes at most. */
const MAX_VIEW_TREE_BYTES = 4 * 1024 * 1024;

/**
 * One snapshot for all that follows, and settings of this transaction alone: an empty path, so that names come out qualified
 * and operators are pg_catalog's.
 */
export const BEGIN = [
  "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY",
  `SELECT pg_catalog.set_config('search_path', '', true),
    pg_catalog.set_config('statement_timeout', '${STATEMENT_TIMEOUT_MS}', true),
    pg_catalog.set_config('quote_all_identifiers', 'off', true),
    pg_catalog.set_config('jit', 'off', true)`,
] as const;

export const COMMIT = "COMMIT";

/** What {@link EPOCH} looks at. pg_attrdef and pg_auth_members are small, and say what generated columns and privileges are. */
const WATCHED = [
  "pg_class",
  "pg_attribute",
  "pg_attrdef",
  "pg_proc",
  "pg_aggregate",
  "pg_rewrite",
  "pg_type",
  "pg_range",
  "pg_operator",
  "pg_constraint",
  "pg_namespace",
  "pg_inherits",
  "pg_index",
  "pg_trigger",
  "pg_policy",
  "pg_language",
  "pg_auth_members",
] as const;

/**
 * A row that was made, changed or dropped changes the set of (ctid, xmin), and so with the count and all but certainty the XOR
 * of its 64-bit hashes. Frozen rows keep their xmin since 9.4; a rewrite by VACUUM FULL costs one load for nothing. Statistics
 * are written in place and change neither.
 */
const FINGERPRINT = WATCHED.map(
  (name) => `(SELECT pg_catalog.concat(pg_catalog.count(*), ':',
      pg_catalog.bit_xor(pg_catalog.hashtidextended(ctid, xmin::pg_catalog.text::pg_catalog.int8)))
    FROM pg_catalog.${name})`,
).join(",\n    ");

/** pg_authid is not an ordinary role's to read, and a view has no xmin. */
const ROLE_NAMES = `(SELECT pg_catalog.bit_xor(pg_catalog.hashtextextended(rolname::pg_catalog.text, oid::pg_catalog.int8))
    FROM pg_catalog.pg_roles)`;

/** ALTER SEQUENCE … OWNED BY writes here alone of what is watched. */
const OWNERSHIP = `(SELECT pg_catalog.concat(pg_catalog.count(*), ':',
      pg_catalog.bit_xor(pg_catalog.hashtextextended(pg_catalog.concat(objid, ' ', refobjid), 0)))
    FROM pg_catalog.pg_depend WHERE classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND deptype IN ('a', 'i')
      AND refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND refobjsubid > 0)`;

const EPOCH_TEXT = `pg_catalog.concat_ws('|', ${FINGERPRINT},
    ${OWNERSHIP}, ${ROLE_NAMES})`;

/** A snapshot as pg_current_snapshot prints it: xmin, xmax, what runs between. */
const SNAPSHOT = /^\d+:\d+:[\d,]*$/;

/**
 * One row: the snapshot, and the epoch; null where the snapshot is `seen`. Two equal snapshots see the same rows, so that
 * while nothing at all commits on the server no row of the catalog is read. Not in recovery: a standby's
 * snapshot does not list what runs.
 */
export function epochQuery(seen: string | null): string {
  const known = seen !== null && SNAPSHOT.test(seen) ? `'${seen}'` : "NULL";
  return `SELECT s.t, CASE WHEN s.t = ${known} AND NOT pg_catalog.pg_is_in_recovery() THEN NULL ELSE ${EPOCH_TEXT} END
    FROM (SELECT pg_catalog.pg_current_snapshot()::pg_catalog.text AS t) AS s`;
}

export const SESSION = "SELECT current_user, pg_catalog.current_setting('server_version_num')";

export const SCHEMAS = `SELECT oid, nspname, pg_catalog.pg_get_userbyid(nspowner),
    pg_catalog.has_schema_privilege(oid, 'USAGE')
  FROM pg_catalog.pg_namespace ORDER BY oid`;

export const INHERITS = "SELECT inhrelid, inhparent FROM pg_catalog.pg_inherits ORDER BY inhrelid, inhseqno";

export const TRIGGERS = `SELECT tgrelid, pg_catalog.bool_or(NOT tgisinternal)
  FROM pg_catalog.pg_trigger WHERE tgenabled <> 'D' GROUP BY tgrelid`;

export const RULES = `SELECT DISTINCT ev_class FROM pg_catalog.pg_rewrite
  WHERE rulename <> '_RETURN' AND ev_enabled <> 'D'`;

export const VIEWS = `SELECT DISTINCT r.ev_class, d.refobjid
  FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_depend d
    ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
  WHERE r.rulename = '_RETURN' AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
    AND d.refobjid <> r.ev_class AND d.deptype = 'n' ORDER BY 1, 2`;

/**
 * What the columns of views are computed from stands in the trees that the server keeps of their definitions. None of its own:
 * their trees are long, and no label stands on what they show. A tree too long to be read comes as NULL.
 */
export const VIEW_TREES = `SELECT r.ev_class,
    CASE WHEN pg_catalog.octet_length(r.ev_action::pg_catalog.text) <= ${MAX_VIEW_TREE_BYTES}
      THEN r.ev_action::pg_catalog.text END
  FROM pg_catalog.pg_rewrite r WHERE r.rulename = '_RETURN' AND r.ev_class >= 16384`;

/** Columns of the index, 0 where it is an expression; and the expressions. */
export const INDEX_EXPRESSIONS = `SELECT indexrelid, indkey, indexprs::pg_catalog.text
  FROM pg_catalog.pg_index WHERE indexprs IS NOT NULL AND indexrelid >= 16384`;

export const INDEXES = "SELECT indexrelid, indrelid FROM pg_catalog.pg_index";

/** Sequences of columns: identity, serial, OWNED BY. */
export const OWNED_SEQUENCES = `SELECT d.objid, d.refobjid
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid
  WHERE c.relkind = 'S' AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0`;

export const COLUMNS = `SELECT a.attrelid, a.attnum, a.attname, a.atttypid, a.attnotnull, a.attgenerated, a.attidentity,
    a.atthasdef,
    CASE WHEN c.oid >= 16384 AND a.atttypmod >= 0 THEN a.atttypmod END,
    CASE WHEN c.oid >= 16384 AND a.atttypmod >= 0 AND a.atttypid >= 16384
      THEN pg_catalog.format_type(a.atttypid, a.atttypmod) END,
    CASE WHEN c.oid >= 16384 AND a.attcollation NOT IN (0, 100) AND a.atttypid <> 19 THEN
      (SELECT pg_catalog.format('%I.%I', n.nspname, o.collname) FROM pg_catalog.pg_collation o
        JOIN pg_catalog.pg_namespace n ON n.oid = o.collnamespace WHERE o.oid = a.attcollation) END,
    CASE WHEN a.attgenerated <> '' THEN (SELECT d.adbin::pg_catalog.text FROM pg_catalog.pg_attrdef d
      WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) END
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind NOT IN ('i', 'I', 't') ORDER BY a.attrelid, a.attnum`;

export const TOAST = "SELECT reltoastrelid, oid FROM pg_catalog.pg_class WHERE reltoastrelid <> 0";

export const RELATIONS = `SELECT oid, relnamespace, relname, relkind, pg_catalog.pg_get_userbyid(relowner), relrowsecurity
  FROM pg_catalog.pg_class ORDER BY oid`;

/**
 * json_build_array keeps the parts apart: no text in one of them can pass for the next. Where a default stood in the text of
 * CREATE FUNCTION makes no difference. Declared volatility, strictness and LEAKPROOF say when, how often and on which rows it
 * runs; a support function may put something else in place of a call.
 *
 * Of `p`, a row of pg_proc, and `l`, of its language. Asked in clients' sessions too, so every name is qualified, operators among
 * them, and no text depends on a setting, but for the name of a support function that is no part of the server.
 */
export const FUNCTION_HASH = `pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(
    pg_catalog.json_build_array(p.prosrc, p.probin, p.proconfig,
      p.prosqlbody::pg_catalog.text, l.lanname, p.prosecdef,
      CASE WHEN p.prosecdef THEN pg_catalog.pg_get_userbyid(p.proowner) END,
      pg_catalog.regexp_replace(p.proargdefaults::pg_catalog.text, ':location -?[0-9]+', '', 'g'),
      p.provolatile, p.proisstrict, p.proleakproof, p.prosupport::pg_catalog.text, p.protrftypes::pg_catalog.text,
      p.provariadic OPERATOR(pg_catalog.<>) 0)::pg_catalog.text, 'UTF8')), 'hex')`;

export const FUNCTIONS = `SELECT p.oid, p.pronamespace, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid),
    p.proargtypes, pg_catalog.pg_get_function_result(p.oid), p.prokind, p.provolatile, l.lanname, p.prosecdef,
    p.proleakproof, pg_catalog.pg_get_userbyid(p.proowner), p.pronargdefaults > 0,
    p.proconfig IS NOT NULL,
    ${FUNCTION_HASH}
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang ORDER BY p.oid`;

/** An aggregate's own prosrc says nothing: what it runs stands here. */
export const AGGREGATES = `SELECT aggfnoid::pg_catalog.oid, a::pg_catalog.text,
    pg_catalog.concat_ws(' ', aggtransfn::pg_catalog.oid, aggfinalfn::pg_catalog.oid, aggcombinefn::pg_catalog.oid,
      aggserialfn::pg_catalog.oid, aggdeserialfn::pg_catalog.oid, aggmtransfn::pg_catalog.oid,
      aggminvtransfn::pg_catalog.oid, aggmfinalfn::pg_catalog.oid)
  FROM pg_catalog.pg_aggregate a WHERE aggfnoid::pg_catalog.oid >= 16384`;

export const OPERATORS = `SELECT oid, oprnamespace, oprname, oprcode::pg_catalog.oid
  FROM pg_catalog.pg_operator ORDER BY oid`;

export const RANGES = "SELECT rngtypid, rngmultitypid, rngsubtype FROM pg_catalog.pg_range";

export const CHECKS = `SELECT contypid, conname, pg_catalog.pg_get_constraintdef(oid), conbin::pg_catalog.text
  FROM pg_catalog.pg_constraint WHERE contype = 'c' AND contypid <> 0 ORDER BY contypid, conname`;

/** typelem alone does not make an array: point has one, and subscripts. */
export const TYPES = `SELECT t.oid, t.typnamespace, t.typname, t.typtype, t.typbasetype, t.typrelid,
    CASE WHEN e.oid IS NULL THEN 0 ELSE t.typelem END, t.typinput::pg_catalog.oid, t.typoutput::pg_catalog.oid,
    t.typreceive::pg_catalog.oid, t.typsend::pg_catalog.oid, t.typnotnull,
    CASE WHEN t.typtypmod >= 0 THEN t.typtypmod END
  FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND e.typarray = t.oid ORDER BY t.oid`;
