/**
 * SQL conditions for "this OID, or this name, is visible", made from lists of OIDs and names. All names and operators are
 * qualified, so that no search path changes their meaning; the lists are literals, so that nothing has to be bound.
 */

import type { VisibleObjects } from "./visible-objects.ts";

/** OIDs of the catalogs that pg_depend and pg_description speak of; the same on all majors (pg_class.dat and its like). */
export const CATALOG_OIDS = { type: 1247, function: 1255, relation: 1259, database: 1262, schema: 2615 } as const;

/** Their objects are seen where the row of their catalog is: by the filter of that catalog. */
const BY_CATALOG: readonly (readonly [number, string])[] = [
  ...([
    [826, "pg_default_acl"],
    [2328, "pg_foreign_data_wrapper"],
    [2602, "pg_amop"],
    [2603, "pg_amproc"],
  ] as const),
  ...([
    [2604, "pg_attrdef"],
    [2605, "pg_cast"],
    [2606, "pg_constraint"],
    [2607, "pg_conversion"],
  ] as const),
  ...([
    [2612, "pg_language"],
    [2616, "pg_opclass"],
    [2617, "pg_operator"],
    [2618, "pg_rewrite"],
  ] as const),
  ...([
    [2620, "pg_trigger"],
    [2753, "pg_opfamily"],
    [3079, "pg_extension"],
    [3256, "pg_policy"],
  ] as const),
  ...([
    [3381, "pg_statistic_ext"],
    [3456, "pg_collation"],
    [3466, "pg_event_trigger"],
  ] as const),
  ...([
    [3576, "pg_transform"],
    [3600, "pg_ts_dict"],
    [3601, "pg_ts_parser"],
    [3602, "pg_ts_config"],
  ] as const),
  ...([
    [3764, "pg_ts_template"],
    [6106, "pg_publication_rel"],
    [6237, "pg_publication_namespace"],
  ] as const),
];

/** Roles, tablespaces, access methods, servers, publications, parameters: in no schema. */
const FREE_CLASSES = [1213, 1260, 1417, 2601, 6104, 6243];

const EQ = "OPERATOR(pg_catalog.=)";
const NE = "OPERATOR(pg_catalog.<>)";
const OWN_TEMP = "pg_catalog.pg_my_temp_schema()";

export class FilterConditions {
  readonly #visible: VisibleObjects;
  /** The condition of a relation of pg_catalog over a row of the alias `z`. */
  readonly #filterOf: (relation: string) => string;

  constructor(visible: VisibleObjects, filterOf: (relation: string) => string) {
    this.#visible = visible;
    this.#filterOf = filterOf;
  }

  /** @throws {RangeError} for a macro that is not known: the rules' author must know at once. */
  expand(rule: string): string {
    return qualified(rule).replace(/\{(\w+):([^{}]*)\}/g, (_, macro: string, list: string) => {
      const [a = "", b = "", c = ""] = list.split(",");
      return this.#macro(macro, a, b, c);
    });
  }

  /** Of a relation's OID: it is no view whose definition names something hidden. */
  plainView(oid: string): string {
    return `${oid} ${NE} ALL (${oids(this.#visible.opaqueViews)})`;
  }

  #macro(macro: string, a: string, b: string, c: string): string {
    const { openSchemas, shownSchemas } = this.#visible;
    switch (macro) {
      case "ns":
        return schemaIn(a, openSchemas);
      case "nss":
        return schemaIn(a, shownSchemas);
      case "class":
        return this.#class(a);
      case "proc":
        return this.#proc(a);
      case "type":
        return this.#type(a);
      case "rel":
        return this.#relation(a);
      case "fn":
        return this.#function(a);
      case "fn0":
        return `(${a} ${EQ} 0 OR ${this.#function(a)})`;
      case "typ":
        return this.#typed(a);
      case "con":
        return this.#constraint(a);
      case "trigger":
        return this.#trigger(a);
      case "clean":
        return this.#clean(a, b);
      case "obj":
        return this.#object(a, b);
      case "shared":
        return `(${a} ${NE} ${CATALOG_OIDS.database} OR ${b} ${EQ} ANY (SELECT v.oid FROM pg_catalog.pg_database v WHERE ${this.#database("v.datname")}))`;
      case "db":
        return this.#database(a);
      default:
        return this.#byName(macro, a, b, c);
    }
  }

  /** For views that show names and no OIDs. No name of anything hidden is written: a session can read its own statement. */
  #byName(macro: string, a: string, b: string, c: string): string {
    const join = "JOIN pg_catalog.pg_namespace n ON n.oid";
    const within = (names: readonly string[], select: string): string =>
      `ROW(${names.map(asText).join(", ")}) ${EQ} ANY (SELECT ${select})`;
    switch (macro) {
      case "nsn":
        return `(${asText(a)} ${EQ} ANY (${texts(this.#schemaNames(this.#visible.openSchemas))}) OR ${isOwnTemp(a)})`;
      case "nssn":
        return `(${asText(a)} ${EQ} ANY (${texts(this.#schemaNames(this.#visible.shownSchemas))}) OR ${isOwnTemp(a)})`;
      case "rels":
        return within([a, b], this.#relationNames(join));
      case "fns":
        return within([a, b], this.#functionNames(join));
      case "types":
        return within([a, b], this.#typeNames(join));
      case "any": {
        const all = [this.#relationNames(join), this.#functionNames(join), this.#typeNames(join)];
        return within([a, b], all.join(" UNION ALL SELECT "));
      }
      case "cons": {
        const from = `pg_catalog.pg_constraint k ${join} ${EQ} k.connamespace`;
        return within(
          [a, b],
          `${asText("n.nspname")}, ${asText("k.conname")} FROM ${from} WHERE ${this.#constraint("k")}`,
        );
      }
      case "trigs": {
        const from = `pg_catalog.pg_trigger t JOIN pg_catalog.pg_class k ON k.oid ${EQ} t.tgrelid ${join} ${EQ} k.relnamespace`;
        const columns = ["n.nspname", "k.relname", "t.tgname"].map(asText).join(", ");
        return within([a, b, c], `${columns} FROM ${from} WHERE ${this.#trigger("t")}`);
      }
      case "viewclean": {
        const from = `pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class k ON k.oid ${EQ} r.ev_class ${join} ${EQ} k.relnamespace`;
        const condition = `r.rulename ${EQ} '_RETURN' AND ${this.#clean("2618", "r.oid")}`;
        return within([a, b], `${asText("n.nspname")}, ${asText("k.relname")} FROM ${from} WHERE ${condition}`);
      }
      case "indexclean": {
        const from = `pg_catalog.pg_index i JOIN pg_catalog.pg_class k ON k.oid ${EQ} i.indexrelid ${join} ${EQ} k.relnamespace`;
        const condition = this.#clean("1259", "i.indexrelid");
        return within([a, b], `${asText("n.nspname")}, ${asText("k.relname")} FROM ${from} WHERE ${condition}`);
      }
      case "defclean": {
        const from = `pg_catalog.pg_attrdef e JOIN pg_catalog.pg_attribute a ON a.attrelid ${EQ} e.adrelid AND a.attnum ${EQ} e.adnum
          JOIN pg_catalog.pg_class k ON k.oid ${EQ} e.adrelid ${join} ${EQ} k.relnamespace`;
        const columns = ["n.nspname", "k.relname", "a.attname"].map(asText).join(", ");
        return within([a, b, c], `${columns} FROM ${from} WHERE ${this.#clean("2604", "e.oid")}`);
      }
      case "typeclean": {
        const from = `pg_catalog.pg_type t ${join} ${EQ} t.typnamespace`;
        const condition = this.#clean("1247", "t.oid");
        return within([a, b], `${asText("n.nspname")}, ${asText("t.typname")} FROM ${from} WHERE ${condition}`);
      }
    }
    throw new RangeError(`no macro ${macro}`);
  }

  #schemaNames(oids: readonly number[]): readonly string[] {
    const shown = new Set(oids);
    return this.#visible.catalog.schemas.filter(({ oid }) => shown.has(oid)).map(({ name }) => name);
  }

  #class(row: string): string {
    const { hiddenRelations, visibleRelations } = this.#visible;
    return this.#row(row, ["relnamespace", "relname"], hiddenRelations, visibleRelations);
  }

  #proc(row: string): string {
    const { hiddenFunctions, visibleFunctions } = this.#visible;
    return this.#row(row, ["pronamespace", "proname"], hiddenFunctions, visibleFunctions);
  }

  #type(row: string): string {
    const { hiddenTypes, visibleTypes } = this.#visible;
    return this.#row(row, ["typnamespace", "typname"], hiddenTypes, visibleTypes);
  }

  #row(
    row: string,
    [schema, name]: readonly [string, string],
    hidden: readonly number[],
    visible: readonly number[],
  ): string {
    const [oid, schemaOid] = [`${row}.oid`, `${row}.${schema}`];
    const open = `${schemaOid} ${EQ} ANY (${oids(this.#visible.openSchemas)})`;
    const own = `${schemaOid} ${EQ} ${OWN_TEMP} AND ${isPlain(`${row}.${name}`)}`;
    const shown = hidden.length === 0 ? open : `${open} AND ${oid} ${NE} ALL (${oids(hidden)})`;
    return `(${shown} OR ${own}${visible.length === 0 ? "" : ` OR ${oid} ${EQ} ANY (${oids(visible)})`})`;
  }

  #relation(oid: string): string {
    return `${oid} ${EQ} ANY (SELECT v.oid FROM pg_catalog.pg_class v WHERE ${this.#class("v")})`;
  }

  #function(oid: string): string {
    return `${oid} ${EQ} ANY (SELECT v.oid FROM pg_catalog.pg_proc v WHERE ${this.#proc("v")})`;
  }

  #typed(oid: string): string {
    return `${oid} ${EQ} ANY (SELECT v.oid FROM pg_catalog.pg_type v WHERE ${this.#type("v")})`;
  }

  /** Both ends of a foreign key, and all that a condition calls. */
  #constraint(row: string): string {
    const [table, type, other] = [`${row}.conrelid`, `${row}.contypid`, `${row}.confrelid`];
    return `((${table} ${EQ} 0 OR ${this.#relation(table)}) AND (${type} ${EQ} 0 OR ${this.#typed(type)})
      AND (${other} ${EQ} 0 OR ${this.#relation(other)}) AND ${this.#clean("2606", `${row}.oid`)})`;
  }

  #trigger(row: string): string {
    const other = `${row}.tgconstrrelid`;
    return `(${this.#relation(`${row}.tgrelid`)} AND ${this.#function(`${row}.tgfoid`)}
      AND (${other} ${EQ} 0 OR ${this.#relation(other)}) AND ${this.#clean("2620", `${row}.oid`)})`;
  }

  /** Nothing hidden is what the object is made of: its text, which functions show, would name it. */
  #clean(classOid: string, oid: string): string {
    return `NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid ${EQ} ${classOid} AND d.objid ${EQ} ${oid} AND NOT CASE
      WHEN d.refclassid ${EQ} ${CATALOG_OIDS.relation} THEN ${this.#relation("d.refobjid")}
      WHEN d.refclassid ${EQ} ${CATALOG_OIDS.function} THEN ${this.#function("d.refobjid")}
      WHEN d.refclassid ${EQ} ${CATALOG_OIDS.type} THEN ${this.#typed("d.refobjid")} ELSE true END)`;
  }

  #object(classOid: string, oid: string): string {
    const when = (of: number, condition: string): string => `WHEN ${classOid} ${EQ} ${of} THEN ${condition}`;
    const databases = `${oid} ${EQ} ANY (SELECT v.oid FROM pg_catalog.pg_database v WHERE ${this.#database("v.datname")})`;
    const lines = [
      when(CATALOG_OIDS.relation, this.#relation(oid)),
      when(CATALOG_OIDS.function, this.#function(oid)),
      when(CATALOG_OIDS.type, this.#typed(oid)),
      when(CATALOG_OIDS.schema, schemaIn(oid, this.#visible.shownSchemas)),
      when(CATALOG_OIDS.database, databases),
      ...BY_CATALOG.map(([of, name]) =>
        when(of, `${oid} ${EQ} ANY (SELECT z.oid FROM pg_catalog.${name} z WHERE ${this.#filterOf(name)})`),
      ),
    ];
    return `CASE ${lines.join("\n")} ELSE ${classOid} ${EQ} ANY (${oids(FREE_CLASSES)}) END`;
  }

  #database(name: string): string {
    const { databases } = this.#visible;
    const own = `${name} ${EQ} pg_catalog.current_database()`;
    return databases.length === 0 ? `(${own})` : `(${own} OR ${asText(name)} ${EQ} ANY (${texts(databases)}))`;
  }

  #relationNames(join: string): string {
    const from = `pg_catalog.pg_class k ${join} ${EQ} k.relnamespace`;
    return `${asText("n.nspname")}, ${asText("k.relname")} FROM ${from} WHERE ${this.#class("k")}`;
  }

  /** Specific names: name, underscore, OID. */
  #functionNames(join: string): string {
    const name = asText("pg_catalog.nameconcatoid(k.proname, k.oid)");
    const from = `pg_catalog.pg_proc k ${join} ${EQ} k.pronamespace`;
    return `${asText("n.nspname")}, ${name} FROM ${from} WHERE ${this.#proc("k")}`;
  }

  #typeNames(join: string): string {
    const from = `pg_catalog.pg_type k ${join} ${EQ} k.typnamespace`;
    return `${asText("n.nspname")}, ${asText("k.typname")} FROM ${from} WHERE ${this.#type("k")}`;
  }
}

/** Of rules, whose literals hold no operators. */
function qualified(rule: string): string {
  return rule.replace(/ (=|<>) /g, " OPERATOR(pg_catalog.$1) ");
}

/** The session's own temporary schema is its own matter. */
function schemaIn(oid: string, schemas: readonly number[]): string {
  return `(${oid} ${EQ} ANY (${oids(schemas)}) OR ${oid} ${EQ} ${OWN_TEMP})`;
}

/** Names that could be read as two, put together without quotes: a session makes temporary ones as it likes. */
function isPlain(name: string): string {
  return `${name} OPERATOR(pg_catalog.!~) '[".]'`;
}

function isOwnTemp(schema: string): string {
  return `${asText(schema)} ${EQ} (SELECT ${asText("v.nspname")} FROM pg_catalog.pg_namespace v WHERE v.oid ${EQ} ${OWN_TEMP})`;
}

function oids(all: readonly number[]): string {
  return `'{${all.join(",")}}'::pg_catalog.oid[]`;
}

function asText(column: string): string {
  return `${column}::pg_catalog.text`;
}

function texts(all: readonly string[]): string {
  const items = all.map((name) => `"${name.replace(/["\\]/g, "\\$&")}"`);
  return `${literal(`{${items.join(",")}}`)}::pg_catalog.text[]`;
}

/** Names may hold backslashes and line breaks: written so that no setting changes what they mean, on one line. */
function literal(text: string): string {
  const quoted = text.replaceAll("'", "''");
  if (!/[\\\n]/.test(text)) return `'${quoted}'`;
  return `E'${quoted.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}'`;
}
