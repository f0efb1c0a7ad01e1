/**
 * Functions that came with the server and tell of an object that is given to them, by OID or by name: which argument names it, and
 * as what. One line a class; a test holds that no function of 15 to 18 with such an argument is missing. Decides nothing.
 *
 * Arguments of types regclass, regproc, regtype and their like stand in no line: wherever such a value is made, the proof asks
 * whose it is.
 */

/** What the catalog snapshot does not list: their visible OIDs are learned, by the name of the catalog that has them. */
export type LearnedKind =
  | "pg_constraint"
  | "pg_trigger"
  | "pg_rewrite"
  | "pg_statistic_ext"
  | "pg_index"
  | "pg_ts_config"
  | "pg_ts_dict";
/** What an OID or a name is to name. `plainView`: a relation whose definition names nothing hidden. `other`: what is known of those alone that came with the server. */
export type ObjectKind = "relation" | "plainView" | "function" | "type" | "schema" | LearnedKind | "other";

/** With the column that tells their OID. */
export const LEARNED: Readonly<Record<LearnedKind, string>> = {
  pg_constraint: "oid",
  pg_trigger: "oid",
  pg_rewrite: "oid",
  pg_statistic_ext: "oid",
  pg_index: "indexrelid",
  pg_ts_config: "oid",
  pg_ts_dict: "oid",
};

/**
 * `object`: a class and an OID in it. `described`: an OID and the name of its catalog. `expression`: a stored expression and the
 * relation whose columns it means.
 */
export type FunctionCheck = ObjectKind | "free" | "denied" | "object" | "described" | "expression";

/**
 * Columns whose OIDs may be given to functions of these kinds: those of others may be of a hidden parent, or of an index over
 * something hidden. pg_depend and pg_description are filtered by what each row is about.
 */
export const SOURCES: ReadonlyMap<ObjectKind, ReadonlySet<string>> = new Map([
  ["pg_constraint", new Set(["pg_constraint.oid", "pg_depend.objid", "pg_depend.refobjid", "pg_description.objoid"])],
  ["pg_trigger", new Set(["pg_trigger.oid", "pg_depend.objid", "pg_depend.refobjid", "pg_description.objoid"])],
  ["pg_rewrite", new Set(["pg_rewrite.oid", "pg_depend.objid", "pg_depend.refobjid", "pg_description.objoid"])],
  ["pg_statistic_ext", new Set(["pg_statistic_ext.oid"])],
  ["pg_index", new Set(["pg_index.indexrelid", "pg_class.oid", "pg_attribute.attrelid"])],
] as const);

/** Names, or `name*`. Earlier lines go first. */
const CHECKS: readonly (readonly [FunctionCheck, string])[] = [
  // What they say follows names or OIDs that cannot be told apart beforehand, or they list what no filter reaches.
  [
    "denied",
    `pg_get_publication_tables pg_filenode_relation pg_get_object_address pg_tablespace_databases pg_stat_have_stats
      pg_input_is_valid pg_input_error_info pg_stat_get_subscription pg_stat_get_subscription_stats enum_recv
      pg_logical_slot_get_changes pg_get_acl`,
  ],
  [
    "relation",
    `pg_get_partkeydef pg_get_partition_constraintdef pg_table_is_visible
      pg_sequence_parameters row_security_active col_description satisfies_hash_partition _pg_index_position
      has_table_privilege has_any_column_privilege has_column_privilege has_sequence_privilege pg_get_serial_sequence
      to_regclass regclass`,
  ],
  ["plainView", "pg_get_viewdef"],
  ["other", "pg_stat_get_db_*"],
  [
    "function",
    `pg_get_functiondef pg_get_function_arguments pg_get_function_identity_arguments pg_get_function_result
      pg_get_function_arg_default pg_get_function_sqlbody pg_function_is_visible has_function_privilege
      pg_stat_get_function_* pg_stat_get_xact_function_* to_regproc to_regprocedure`,
  ],
  ["relation", "pg_stat_get_*"],
  ["type", "format_type pg_type_is_visible has_type_privilege enum_in to_regtype to_regtypemod"],
  ["schema", "has_schema_privilege to_regnamespace"],
  [
    "other",
    `pg_opclass_is_visible pg_operator_is_visible pg_opfamily_is_visible
      pg_collation_is_visible pg_conversion_is_visible pg_statistics_obj_is_visible pg_ts_config_is_visible
      pg_ts_dict_is_visible pg_ts_parser_is_visible pg_ts_template_is_visible pg_collation_actual_version
      pg_database_collation_actual_version pg_database_size shobj_description ts_parse ts_token_type to_regcollation
      to_regoper to_regoperator`,
  ],
  ["pg_constraint", "pg_get_constraintdef"],
  ["pg_trigger", "pg_get_triggerdef"],
  ["pg_rewrite", "pg_get_ruledef"],
  ["pg_index", "pg_get_indexdef"],
  ["pg_statistic_ext", "pg_get_statisticsobjdef pg_get_statisticsobjdef_columns pg_get_statisticsobjdef_expressions"],
  ["object", "pg_describe_object pg_identify_object pg_identify_object_as_address"],
  ["described", "obj_description"],
  ["expression", "pg_get_expr"],
  // Roles, tablespaces and what is in no schema; arithmetic on OIDs; code that only the server itself calls.
  [
    "free",
    `pg_get_userbyid pg_has_role has_database_privilege has_tablespace_privilege has_language_privilege
      has_foreign_data_wrapper_privilege has_server_privilege has_parameter_privilege has_largeobject_privilege
      pg_tablespace_location pg_tablespace_size pg_indexam_has_property pg_indexam_progress_phasename acldefault makeaclitem
      to_regrole pg_is_other_temp_schema pg_typeof get_current_ts_config pg_get_keywords pg_get_catalog_foreign_keys
      pg_get_wait_events pg_get_wal_replay_pause_state pg_get_multixact_members pg_my_temp_schema
      int8 max min oid* hashoid hashoidextended btoidcmp btequalimage btvarstrequalimage nameconcatoid pg_visible_in_snapshot
      txid_visible_in_snapshot _pg_char_max_length _pg_char_octet_length _pg_datetime_precision _pg_interval_type
      _pg_numeric_precision _pg_numeric_precision_radix _pg_numeric_scale
      bit_in bpcharin varbit_in varcharin interval_in numeric_in time_in timetz_in timestamp_in timestamptz_in`,
  ],
];

const EXACT = new Map<string, FunctionCheck>();
const PREFIXES: (readonly [string, FunctionCheck])[] = [];
for (const [kind, names] of CHECKS) {
  for (const name of names.split(/\s+/).filter(Boolean)) {
    if (name.endsWith("*")) PREFIXES.push([name.slice(0, -1), kind]);
    else if (!EXACT.has(name)) EXACT.set(name, kind);
  }
}

/** Undefined: nothing is known of it; then it may take no OID. @param name of a function that came with the server. */
export function checkOf(name: string): FunctionCheck | undefined {
  return EXACT.get(name) ?? PREFIXES.find(([prefix]) => name.startsWith(prefix))?.[1];
}

/** Which argument names the object: the role that a privilege is asked for may come before it, column and privilege behind. */
export function objectArgument(name: string, count: number): number {
  if (name === "has_column_privilege") return count - 3;
  if (name.startsWith("has_")) return count - 2;
  return name === "enum_in" || name === "pg_get_expr" ? 1 : 0;
}

/** Functions that hand on the OIDs in what they are given. */
export const PASSING: ReadonlySet<string> = new Set([
  "unnest",
  "_pg_expandarray",
  "min",
  "max",
  "array_agg",
  "pg_basetype",
]);

/** They follow a relation to its parents or children, which may be hidden though it is not. */
export const FAMILY: ReadonlyMap<string, "parents" | "children"> = new Map([
  ["pg_partition_tree", "children"],
  ["pg_partition_ancestors", "parents"],
  ["pg_partition_root", "parents"],
]);
