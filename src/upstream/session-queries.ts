/**
 * Questions that are put to the server on a client's own connection: what names mean there, and what its open transaction has made
 * or changed. They run under the client's search_path and beside its temporary objects, so every name in them is qualified, operators
 * and types among them, and none of `USING`, `IN`, `BETWEEN`, `LIKE`, `IS DISTINCT FROM` or `CASE x WHEN`, which look up operators by
 * bare names, stands in them. One row with one value of JSON each.
 */

import { z } from "zod";
import type { Catalog, CatalogRelation, CatalogType, RelationKind } from "../analysis/catalog.ts";
import type { NamesFound } from "../analysis/session-names.ts";
import { type DomainCheckRow, domainChecks } from "./catalog-checks.ts";
import { FUNCTION_HASH } from "./catalog-queries.ts";

const EQ = "OPERATOR(pg_catalog.=)";
const NE = "OPERATOR(pg_catalog.<>)";
const TEXTS = "::pg_catalog.text[]";
const OIDS = "::pg_catalog.oid[]";
const JSON_OF = "pg_catalog.json_build_object";
const LIST = "pg_catalog.json_agg";

/** An OID as a number of JSON. */
const int = (sql: string): string => `${sql}::pg_catalog.int8`;

/**
 * What names mean. Parameters, arrays of text: of relations how ("bare": along the search_path; "qualified"; "creating": where CREATE
 * would put it), schema and name, both quoted; of functions schema ("" for none) and name; bare names of types; names of operators.
 *
 * Relations are found by the server's own functions, which see what the statement will see, also where the transaction's snapshot is
 * older, and which raise nothing in this form. Rows of the others are as old as the snapshot. Lists in FROM rather than JOINs: the server
 * prints every column of a JOIN when it shows its tree.
 */
const PATH = "'path', pg_catalog.current_schemas(true)";
const NAMED_RELATIONS = `'relations', (SELECT ${LIST}(CASE WHEN f.oid IS NULL THEN NULL ELSE ${JSON_OF}('oid', ${int("f.oid")},
      'type', a.type, 'names', a.object_names, 'partitioned', pg_catalog.pg_get_partkeydef(f.oid) IS NOT NULL) END ORDER BY w.i)
    FROM ROWS FROM (pg_catalog.unnest($1${TEXTS}), pg_catalog.unnest($2${TEXTS}), pg_catalog.unnest($3${TEXTS}))
      WITH ORDINALITY AS w (how, schema, name, i),
    LATERAL (SELECT CASE WHEN w.how ${EQ} 'bare' THEN pg_catalog.to_regclass(w.name)::pg_catalog.oid
      WHEN w.how ${EQ} 'creating' AND pg_catalog.current_schema() IS NOT NULL THEN pg_catalog.to_regclass(
        pg_catalog.concat(pg_catalog.quote_ident(pg_catalog.current_schema()::pg_catalog.text), '.', w.name))::pg_catalog.oid
      WHEN w.how ${EQ} 'qualified'
        AND pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace(w.schema)::pg_catalog.oid, 'USAGE')
      THEN pg_catalog.to_regclass(pg_catalog.concat(w.schema, '.', w.name))::pg_catalog.oid END) AS f (oid),
    LATERAL pg_catalog.pg_identify_object_as_address(1259, f.oid, 0) AS a)`;
const OTHERS_NAMED = `'functions', (SELECT ${LIST}(${JSON_OF}('at', w.i, 'oid', ${int("p.oid")}, 'schema', n.nspname,
      'hash', ${FUNCTION_HASH}))
    FROM ROWS FROM (pg_catalog.unnest($4${TEXTS}), pg_catalog.unnest($5${TEXTS})) WITH ORDINALITY AS w (schema, name, i),
      pg_catalog.pg_proc p, pg_catalog.pg_namespace n, pg_catalog.pg_language l
    WHERE p.proname ${EQ} w.name::pg_catalog.name AND n.oid ${EQ} p.pronamespace AND l.oid ${EQ} p.prolang
      AND CASE WHEN w.schema ${EQ} '' THEN n.nspname ${EQ} ANY (pg_catalog.current_schemas(true))
        ELSE n.nspname ${EQ} w.schema::pg_catalog.name END),
  'types', (SELECT ${LIST}((SELECT ${JSON_OF}('oid', ${int("t.oid")}, 'schema', n.nspname)
      FROM pg_catalog.unnest(pg_catalog.current_schemas(true)) WITH ORDINALITY AS s (name, i),
        pg_catalog.pg_namespace n, pg_catalog.pg_type t
      WHERE n.nspname ${EQ} s.name AND t.typnamespace ${EQ} n.oid AND t.typname ${EQ} w.name::pg_catalog.name
      ORDER BY s.i LIMIT 1) ORDER BY w.i)
    FROM pg_catalog.unnest($6${TEXTS}) WITH ORDINALITY AS w (name, i)),
  'operators', (SELECT ${LIST}(${int("o.oid")}) FROM pg_catalog.pg_operator o
    WHERE o.oprname ${EQ} ANY ($7${TEXTS}::pg_catalog.name[]) AND o.oid OPERATOR(pg_catalog.>=) 16384)`;
export const NAMES = `SELECT ${JSON_OF}(${PATH}, ${NAMED_RELATIONS}, ${OTHERS_NAMED})`;

/** The same of relations alone, its first three parameters: most statements name nothing else, and the server plans a fourth of it. */
export const RELATION_NAMES = `SELECT ${JSON_OF}(${PATH}, ${NAMED_RELATIONS})`;

/**
 * What catalog-load.ts loads, of some objects alone. Parameters, arrays of OIDs: relations; types, with the types and composite
 * relations below them; functions.
 */
export const OBJECTS = `WITH RECURSIVE types (oid) AS (
  SELECT w.oid FROM pg_catalog.unnest($2${OIDS}) AS w (oid)
  UNION SELECT n.oid FROM types t, pg_catalog.pg_type p,
    LATERAL (SELECT p.typbasetype UNION ALL SELECT p.typelem
      UNION ALL SELECT r.rngsubtype FROM pg_catalog.pg_range r WHERE r.rngtypid ${EQ} p.oid OR r.rngmultitypid ${EQ} p.oid
      UNION ALL SELECT a.atttypid FROM pg_catalog.pg_attribute a
        WHERE a.attrelid ${EQ} p.typrelid AND a.attnum OPERATOR(pg_catalog.>) 0 AND NOT a.attisdropped) AS n (oid)
    WHERE p.oid ${EQ} t.oid AND n.oid OPERATOR(pg_catalog.>=) 16384),
relations (oid) AS (
  SELECT w.oid FROM pg_catalog.unnest($1${OIDS}) AS w (oid)
  UNION SELECT p.typrelid FROM types t, pg_catalog.pg_type p WHERE p.oid ${EQ} t.oid AND p.typrelid ${NE} 0),
below (root, oid) AS (
  SELECT r.oid, r.oid FROM relations r
  UNION SELECT b.root, i.inhrelid FROM below b, pg_catalog.pg_inherits i WHERE i.inhparent ${EQ} b.oid)
SELECT ${JSON_OF}(
  'relations', (SELECT ${LIST}(${JSON_OF}('oid', ${int("c.oid")}, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
      'owner', pg_catalog.pg_get_userbyid(c.relowner), 'rowSecurity', c.relrowsecurity,
      'triggers', EXISTS (SELECT FROM below b, pg_catalog.pg_trigger t
        WHERE t.tgrelid ${EQ} b.oid AND b.root ${EQ} c.oid AND t.tgenabled ${NE} 'D'),
      'userTriggers', EXISTS (SELECT FROM below b, pg_catalog.pg_trigger t
        WHERE t.tgrelid ${EQ} b.oid AND b.root ${EQ} c.oid AND t.tgenabled ${NE} 'D' AND NOT t.tgisinternal),
      'rules', EXISTS (SELECT FROM pg_catalog.pg_rewrite w
        WHERE w.ev_class ${EQ} c.oid AND w.rulename ${NE} '_RETURN' AND w.ev_enabled ${NE} 'D'),
      'parents', (SELECT ${LIST}(${int("i.inhparent")} ORDER BY i.inhseqno) FROM pg_catalog.pg_inherits i
        WHERE i.inhrelid ${EQ} c.oid),
      'partOf', (SELECT ${int("x.indrelid")} FROM pg_catalog.pg_index x WHERE x.indexrelid ${EQ} c.oid),
      'ownedBy', (SELECT ${int("d.refobjid")} FROM pg_catalog.pg_depend d WHERE d.objid ${EQ} c.oid AND c.relkind ${EQ} 'S'
        AND d.classid ${EQ} 'pg_catalog.pg_class'::pg_catalog.regclass AND d.deptype ${EQ} ANY ('{a,i}'::pg_catalog."char"[])
        AND d.refclassid ${EQ} 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid OPERATOR(pg_catalog.>) 0 LIMIT 1),
      'columns', (SELECT ${LIST}(${JSON_OF}('number', a.attnum, 'name', a.attname, 'type', ${int("a.atttypid")},
          'notNull', a.attnotnull, 'generated', a.attgenerated, 'identity', a.attidentity, 'hasDefault', a.atthasdef)
          ORDER BY a.attnum)
        FROM pg_catalog.pg_attribute a WHERE a.attrelid ${EQ} c.oid AND a.attnum OPERATOR(pg_catalog.>) 0
          AND NOT a.attisdropped AND c.relkind ${NE} ALL ('{i,I,t}'::pg_catalog."char"[]))))
    FROM relations r, pg_catalog.pg_class c, pg_catalog.pg_namespace n
    WHERE c.oid ${EQ} r.oid AND n.oid ${EQ} c.relnamespace),
  'types', (SELECT ${LIST}(${JSON_OF}('oid', ${int("p.oid")}, 'schema', n.nspname, 'name', p.typname, 'kind', p.typtype,
      'base', ${int("p.typbasetype")}, 'relation', ${int("p.typrelid")},
      'element', (SELECT ${int("e.oid")} FROM pg_catalog.pg_type e WHERE e.oid ${EQ} p.typelem AND e.typarray ${EQ} p.oid),
      'bound', (SELECT ${int("g.rngsubtype")} FROM pg_catalog.pg_range g
        WHERE g.rngtypid ${EQ} p.oid OR g.rngmultitypid ${EQ} p.oid LIMIT 1),
      'checks', (SELECT ${LIST}(${JSON_OF}('domain', ${int("k.contypid")}, 'name', k.conname,
          'definition', pg_catalog.pg_get_constraintdef(k.oid), 'tree', k.conbin::pg_catalog.text) ORDER BY k.conname)
        FROM pg_catalog.pg_constraint k WHERE k.contypid ${EQ} p.oid AND k.contype ${EQ} 'c'),
      'input', ${int("p.typinput::pg_catalog.oid")}, 'output', ${int("p.typoutput::pg_catalog.oid")},
      'receive', ${int("p.typreceive::pg_catalog.oid")}, 'send', ${int("p.typsend::pg_catalog.oid")}))
    FROM types t, pg_catalog.pg_type p, pg_catalog.pg_namespace n
    WHERE p.oid ${EQ} t.oid AND n.oid ${EQ} p.typnamespace),
  'functions', (SELECT ${LIST}(${JSON_OF}('oid', ${int("p.oid")}, 'schema', n.nspname, 'name', p.proname,
      'hash', ${FUNCTION_HASH}))
    FROM pg_catalog.unnest($3${OIDS}) AS w (oid), pg_catalog.pg_proc p, pg_catalog.pg_namespace n, pg_catalog.pg_language l
    WHERE p.oid ${EQ} w.oid AND n.oid ${EQ} p.pronamespace AND l.oid ${EQ} p.prolang)
)`;

/** Settings by which a statement may come to something else, whoever has set them. */
const TELLING = [
  ...["search_path", "role", "session_authorization", "session_replication_role", "row_security", "TimeZone"],
  ...[
    "DateStyle",
    "IntervalStyle",
    "default_transaction_isolation",
    "transform_null_equals",
    "array_nulls",
    "xmloption",
  ],
];
/** Of those that the session itself has set, the ones by which it does not: names and limits of the client's own. */
const SILENT = ["application_name", "client_min_messages", "statement_timeout", "lock_timeout", "idle_session_timeout"];

/**
 * What may not change between what people read of a statement and what runs: a hash of the session's settings, of the rows of the relations
 * and what inherits from them, refers to them and is triggered by them, and, where anything but the server's own code may run,
 * of all functions that did not come with the server. Beside it what the session says of its approvals. Parameters: OIDs of relations; OIDs of
 * functions, operators and types; names of relations, quoted. xmin is the version of a row of a catalog.
 */
export const SURROUNDINGS = `WITH RECURSIVE rel (oid) AS (
  SELECT w.oid FROM pg_catalog.unnest($1${OIDS}) AS w (oid)
  UNION SELECT pg_catalog.to_regclass(w.name)::pg_catalog.oid FROM pg_catalog.unnest($3${TEXTS}) AS w (name)
  UNION SELECT n.oid FROM rel r,
    LATERAL (SELECT i.inhrelid FROM pg_catalog.pg_inherits i WHERE i.inhparent ${EQ} r.oid
      UNION ALL SELECT k.conrelid FROM pg_catalog.pg_constraint k WHERE k.confrelid ${EQ} r.oid) AS n (oid)),
versions (line) AS (
  SELECT pg_catalog.concat_ws(' ', 'r', c.oid, c.xmin, c.relowner) FROM rel r, pg_catalog.pg_class c WHERE c.oid ${EQ} r.oid
  UNION ALL SELECT pg_catalog.concat_ws(' ', 't', t.oid, t.xmin) FROM rel r, pg_catalog.pg_trigger t WHERE t.tgrelid ${EQ} r.oid
  UNION ALL SELECT pg_catalog.concat_ws(' ', 'k', k.oid, k.xmin) FROM rel r, pg_catalog.pg_constraint k
    WHERE k.conrelid ${EQ} r.oid OR k.confrelid ${EQ} r.oid
  UNION ALL SELECT pg_catalog.concat_ws(' ', 'w', w.oid, w.xmin) FROM rel r, pg_catalog.pg_rewrite w WHERE w.ev_class ${EQ} r.oid
  UNION ALL SELECT pg_catalog.concat_ws(' ', 'p', p.oid, p.xmin) FROM rel r, pg_catalog.pg_policy p WHERE p.polrelid ${EQ} r.oid
  UNION ALL SELECT pg_catalog.concat_ws(' ', 'a', a.oid, a.xmin) FROM rel r, pg_catalog.pg_attrdef a WHERE a.adrelid ${EQ} r.oid
  UNION ALL SELECT pg_catalog.concat_ws(' ', 'f', p.oid, p.xmin) FROM pg_catalog.pg_proc p
    WHERE p.oid OPERATOR(pg_catalog.>=) 16384
      AND (EXISTS (SELECT 1 FROM pg_catalog.unnest($2${OIDS}) AS w (oid) WHERE w.oid OPERATOR(pg_catalog.>=) 16384)
        OR EXISTS (SELECT 1 FROM rel r, pg_catalog.pg_trigger t WHERE t.tgrelid ${EQ} r.oid AND NOT t.tgisinternal))
  UNION ALL SELECT pg_catalog.concat_ws(' ', 's', s.name, s.setting) FROM pg_catalog.pg_settings s
    WHERE s.name ${EQ} ANY ('{${TELLING.join(",")}}'${TEXTS})
      OR (s.source ${EQ} ANY ('{session,client}'${TEXTS}) AND s.name ${NE} ALL ('{${SILENT.join(",")}}'${TEXTS})
        AND NOT pg_catalog.starts_with(s.name, 'postern.') AND NOT pg_catalog.starts_with(s.name, 'transaction_')
        AND NOT pg_catalog.starts_with(s.name, 'debug_print'))
  UNION ALL SELECT pg_catalog.concat_ws(' ', 'u', session_user, current_user))
SELECT ${JSON_OF}('approval', pg_catalog.current_setting('postern.approval', true),
  'purpose', pg_catalog.current_setting('postern.purpose', true),
  'hash', pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to((SELECT pg_catalog.string_agg(v.line, '; ' ORDER BY v.line COLLATE pg_catalog."C")
    FROM versions v), 'UTF8')), 'hex'))`;

const Oid = z.int().min(0).max(0xffff_ffff);
/** json_agg of nothing is NULL. */
const list = <T extends z.ZodType>(of: T) =>
  z
    .array(of)
    .nullable()
    .transform((found) => found ?? []);

const Kind = z.enum(["r", "p", "v", "m", "f", "S", "c", "t", "i", "I"]);

/** As pg_identify_object_as_address() names them; NULLs for what has been dropped meanwhile. */
const TYPES: ReadonlyMap<string | null, RelationKind> = new Map([
  ["table", "r"],
  ["view", "v"],
  ["materialized view", "m"],
  ["foreign table", "f"],
  ["sequence", "S"],
  ["composite type", "c"],
  ["toast table", "t"],
  ["index", "i"],
]);

const Named = z
  .object({ oid: Oid, type: z.string().nullable(), names: z.array(z.string()).nullable(), partitioned: z.boolean() })
  .transform(({ oid, type, names, partitioned }) => ({
    oid,
    schema: names?.[0] ?? null,
    name: names?.[1] ?? null,
    kind: partitioned ? ("p" as const) : (TYPES.get(type) ?? null),
  }));

const Names = z.object({
  path: z.array(z.string()),
  relations: list(Named.nullable()),
  functions: list(z.object({ at: z.int(), oid: Oid, schema: z.string(), hash: z.string() })).default([]),
  types: list(z.object({ oid: Oid, schema: z.string() }).nullable()).default([]),
  operators: list(Oid).default([]),
});

/** @param text the value of {@link NAMES}. Null: it is not as expected. */
export function namesAnswer(text: string): NamesFound | null {
  return Names.safeParse(parsed(text)).data ?? null;
}

const Surroundings = z.object({
  hash: z.string(),
  /** As the session has set them; null or "": it has not. */
  approval: z.string().nullable(),
  purpose: z.string().nullable(),
});
export type SurroundingsFound = Readonly<z.infer<typeof Surroundings>>;

/** @param text the value of {@link SURROUNDINGS}. Null: it is not as expected. */
export function surroundingsAnswer(text: string): SurroundingsFound | null {
  return Surroundings.safeParse(parsed(text)).data ?? null;
}

const Column = z.object({
  number: z.int(),
  name: z.string(),
  type: Oid,
  notNull: z.boolean(),
  generated: z.enum(["", "s", "v"]),
  identity: z.enum(["", "a", "d"]),
  hasDefault: z.boolean(),
});

const Objects = z.object({
  relations: list(
    z.object({
      oid: Oid,
      schema: z.string(),
      name: z.string(),
      kind: Kind,
      owner: z.string(),
      rowSecurity: z.boolean(),
      triggers: z.boolean(),
      userTriggers: z.boolean(),
      rules: z.boolean(),
      parents: list(Oid),
      partOf: Oid.nullable(),
      ownedBy: Oid.nullable(),
      columns: list(Column),
    }),
  ),
  types: list(
    z.object({
      oid: Oid,
      schema: z.string(),
      name: z.string(),
      kind: z.enum(["b", "c", "d", "e", "p", "r", "m"]),
      base: Oid,
      relation: Oid,
      element: Oid.nullable(),
      bound: Oid.nullable(),
      checks: list(z.object({ domain: Oid, name: z.string(), definition: z.string(), tree: z.string() })),
      input: Oid,
      output: Oid,
      receive: Oid,
      send: Oid,
    }),
  ),
  functions: list(z.object({ oid: Oid, schema: z.string(), name: z.string(), hash: z.string() })),
});
type Shape = z.infer<typeof Objects>;

/** Objects as a session sees them. Those that it does not see are missing. */
export interface ObjectsAnswer {
  readonly relations: readonly CatalogRelation[];
  readonly types: readonly CatalogType[];
  readonly functions: readonly {
    readonly oid: number;
    readonly schema: string;
    readonly name: string;
    readonly hash: string;
  }[];
}

/** @param text the value of {@link OBJECTS}. @param catalog knows the operators. Null: it is not as expected. */
export function objectsAnswer(text: string, catalog: Catalog): ObjectsAnswer | null {
  const shape = Objects.safeParse(parsed(text)).data;
  if (shape === undefined) return null;
  const { relations, types, functions } = shape;
  const rows: DomainCheckRow[] = types.flatMap(({ checks }) => checks);
  const checks = rows.length === 0 ? NO_CHECKS : domainChecks(rows, catalog.data.operators);
  return {
    relations: relations.map(relationOf),
    types: types.map((type) => typeOf(type, checks.get(type.oid) ?? [])),
    functions,
  };
}

const NO_CHECKS: ReturnType<typeof domainChecks> = new Map();

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function relationOf(shape: Shape["relations"][number]): CatalogRelation {
  const { triggers, userTriggers, rules, parents, partOf, ownedBy, columns, ...same } = shape;
  return {
    ...same,
    hasTriggers: triggers,
    hasUserTriggers: userTriggers,
    hasRules: rules,
    parents,
    columns: columns.map((column) => ({ ...column, hasDefault: column.hasDefault && column.generated === "" })),
    ...(partOf === null ? {} : { partOf }),
    ...(ownedBy === null ? {} : { ownedBy }),
  };
}

function typeOf(shape: Shape["types"][number], checks: CatalogType["checks"]): CatalogType {
  const { base, relation, element, bound, checks: _, ...same } = shape;
  const made = element ?? bound;
  return {
    ...same,
    checks,
    hasChecks: checks.length > 0,
    ...(base === 0 ? {} : { base }),
    ...(relation === 0 ? {} : { relation }),
    ...(made === null ? {} : { element: made }),
  };
}
