/**
 * What of each relation of pg_catalog and information_schema, on PostgreSQL 15 to 18, tells of objects that may be hidden, and by
 * which of its columns. One line a relation; a test holds that no relation of any major is missing. Makes no SQL: see system-filters.ts.
 *
 * A condition is SQL over the row `z`, with macros in braces (system-filters.ts, MACROS). `column := expression` shows that in
 * the column's place. Lines that go on are indented.
 */

/** Tell nothing of what lies in a schema. */
export const FREE: readonly { readonly why: string; readonly relations: string }[] = [
  {
    why: "what came with the server, its settings and what is installed beside it",
    relations: `pg_settings pg_timezone_abbrevs pg_timezone_names pg_wait_events pg_available_extensions
      pg_available_extension_versions sql_features sql_implementation_info sql_parts sql_sizing character_sets
      information_schema_catalog_name`,
  },
  {
    why: "roles, tablespaces and parameters, which are of the whole server and in no schema",
    relations: `pg_auth_members pg_group pg_tablespace pg_parameter_acl administrable_role_authorizations
      applicable_roles enabled_roles`,
  },
  {
    why: "counters of the whole server",
    relations: `pg_stat_archiver pg_stat_bgwriter pg_stat_checkpointer pg_stat_io pg_stat_recovery_prefetch pg_stat_slru
      pg_stat_wal`,
  },
  {
    why: "names of servers, wrappers and publications, which are in no schema; none of the tables that they serve",
    relations: `pg_foreign_server pg_publication _pg_foreign_data_wrappers _pg_foreign_servers foreign_data_wrappers
      foreign_data_wrapper_options foreign_servers foreign_server_options user_mappings`,
  },
];

/** Beside what system-relations.ts denies to all: refused to those who may not see everything. */
export const REFUSED = "pg_replication_origin pg_aios pg_shmem_allocations_numa";

export const PG_CATALOG = `
pg_aggregate {fn:z.aggfnoid::pg_catalog.oid} AND {fn0:z.aggtransfn::pg_catalog.oid} AND {fn0:z.aggfinalfn::pg_catalog.oid}
pg_am {fn0:z.amhandler::pg_catalog.oid}
pg_amop z.amopfamily = ANY (SELECT f.oid FROM pg_catalog.pg_opfamily f WHERE {ns:f.opfnamespace})
pg_amproc {fn:z.amproc::pg_catalog.oid} AND z.amprocfamily = ANY (SELECT f.oid FROM pg_catalog.pg_opfamily f WHERE {ns:f.opfnamespace})
pg_attrdef {rel:z.adrelid} AND {clean:2604,z.oid}
pg_attribute z.attrelid = ANY (SELECT v.oid FROM pg_catalog.pg_class v WHERE {class:v} AND ((v.relkind <> 'i' AND v.relkind <> 'I') OR {clean:1259,v.oid}))
pg_cast {typ:z.castsource} AND {typ:z.casttarget} AND {fn0:z.castfunc}
pg_class {class:z} AND ((z.relkind <> 'i' AND z.relkind <> 'I') OR {clean:1259,z.oid})
pg_collation {ns:z.collnamespace}
pg_constraint {con:z}
pg_conversion {ns:z.connamespace} AND {fn:z.conproc::pg_catalog.oid}
pg_database {db:z.datname}
pg_db_role_setting (z.setdatabase = 0 OR z.setdatabase = ANY (SELECT d.oid FROM pg_catalog.pg_database d WHERE {db:d.datname}))
  AND (z.setrole = 0 OR pg_catalog.pg_get_userbyid(z.setrole) = CURRENT_USER)
pg_default_acl (z.defaclnamespace = 0 OR {nss:z.defaclnamespace})
pg_depend {obj:z.classid,z.objid} AND {obj:z.refclassid,z.refobjid}
pg_description {obj:z.classoid,z.objoid}
pg_enum {typ:z.enumtypid}
pg_event_trigger {fn:z.evtfoid}
pg_extension {nss:z.extnamespace}
  extconfig := NULL::pg_catalog.oid[]
pg_foreign_data_wrapper {fn0:z.fdwhandler} AND {fn0:z.fdwvalidator}
pg_foreign_table {rel:z.ftrelid}
pg_index {rel:z.indexrelid} AND {rel:z.indrelid} AND {clean:1259,z.indexrelid}
pg_inherits {rel:z.inhrelid} AND {rel:z.inhparent}
pg_init_privs {obj:z.classoid,z.objoid}
pg_language {fn0:z.lanplcallfoid} AND {fn0:z.laninline} AND {fn0:z.lanvalidator}
pg_largeobject_metadata false
pg_namespace {nss:z.oid}
pg_opclass {ns:z.opcnamespace}
pg_operator {ns:z.oprnamespace} AND {fn0:z.oprcode::pg_catalog.oid}
pg_opfamily {ns:z.opfnamespace}
pg_partitioned_table {rel:z.partrelid} AND {clean:1259,z.partrelid}
  partdefid := CASE WHEN {rel:z.partdefid} THEN z.partdefid ELSE 0::pg_catalog.oid END
pg_policy {rel:z.polrelid} AND {clean:3256,z.oid}
pg_proc {proc:z}
pg_publication_namespace {nss:z.pnnspid}
pg_publication_rel {rel:z.prrelid} AND {clean:6106,z.oid}
pg_range {typ:z.rngtypid}
pg_rewrite {rel:z.ev_class} AND {clean:2618,z.oid}
pg_seclabel {obj:z.classoid,z.objoid}
pg_sequence {rel:z.seqrelid}
pg_shdepend z.dbid = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
  AND {obj:z.classid,z.objid}
pg_shdescription {shared:z.classoid,z.objoid}
pg_shseclabel {shared:z.classoid,z.objoid}
pg_statistic_ext {rel:z.stxrelid} AND {ns:z.stxnamespace} AND {clean:3381,z.oid}
pg_subscription false
  subconninfo := NULL::pg_catalog.text
pg_subscription_rel {rel:z.srrelid}
pg_transform {typ:z.trftype} AND {fn0:z.trffromsql::pg_catalog.oid} AND {fn0:z.trftosql::pg_catalog.oid}
pg_trigger {trigger:z}
pg_ts_config {ns:z.cfgnamespace}
pg_ts_config_map z.mapcfg = ANY (SELECT c.oid FROM pg_catalog.pg_ts_config c WHERE {ns:c.cfgnamespace})
  AND z.mapdict = ANY (SELECT d.oid FROM pg_catalog.pg_ts_dict d WHERE {ns:d.dictnamespace})
pg_ts_dict {ns:z.dictnamespace}
pg_ts_parser {ns:z.prsnamespace} AND {fn:z.prsstart::pg_catalog.oid} AND {fn:z.prstoken::pg_catalog.oid}
pg_ts_template {ns:z.tmplnamespace} AND {fn0:z.tmplinit::pg_catalog.oid} AND {fn:z.tmpllexize::pg_catalog.oid}
pg_type {type:z}
  typdefaultbin := CASE WHEN {clean:1247,z.oid} THEN z.typdefaultbin END
  typdefault := CASE WHEN {clean:1247,z.oid} THEN z.typdefault END
pg_indexes {rels:z.schemaname,z.tablename} AND {rels:z.schemaname,z.indexname}
  indexdef := CASE WHEN {indexclean:z.schemaname,z.indexname} THEN z.indexdef END
pg_matviews {rels:z.schemaname,z.matviewname}
  definition := CASE WHEN {viewclean:z.schemaname,z.matviewname} THEN z.definition END
pg_policies {rels:z.schemaname,z.tablename} AND (z.schemaname, z.tablename, z.policyname) = ANY (SELECT n.nspname, c.relname, p.polname
  FROM pg_catalog.pg_policy p JOIN pg_catalog.pg_class c ON c.oid = p.polrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE {clean:3256,p.oid})
pg_publication_tables {rels:z.schemaname,z.tablename}
pg_roles true
  rolconfig := CASE WHEN z.rolname = CURRENT_USER THEN z.rolconfig END
pg_rules {rels:z.schemaname,z.tablename} AND (z.schemaname, z.tablename, z.rulename) = ANY (SELECT n.nspname, c.relname, r.rulename
  FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE {clean:2618,r.oid})
pg_seclabels {obj:z.classoid,z.objoid}
pg_sequences {rels:z.schemaname,z.sequencename}
pg_stat_all_indexes {rel:z.relid} AND {rel:z.indexrelid}
pg_stat_all_tables {rel:z.relid}
pg_stat_database (z.datname IS NULL OR {db:z.datname})
pg_stat_database_conflicts {db:z.datname}
pg_stat_sys_indexes {rel:z.relid} AND {rel:z.indexrelid}
pg_stat_sys_tables {rel:z.relid}
pg_stat_user_functions {fn:z.funcid}
pg_stat_user_indexes {rel:z.relid} AND {rel:z.indexrelid}
pg_stat_user_tables {rel:z.relid}
pg_stat_xact_all_tables {rel:z.relid}
pg_stat_xact_sys_tables {rel:z.relid}
pg_stat_xact_user_functions {fn:z.funcid}
pg_stat_xact_user_tables {rel:z.relid}
pg_statio_all_indexes {rel:z.relid} AND {rel:z.indexrelid}
pg_statio_all_sequences {rel:z.relid}
pg_statio_all_tables {rel:z.relid}
pg_statio_sys_indexes {rel:z.relid} AND {rel:z.indexrelid}
pg_statio_sys_sequences {rel:z.relid}
pg_statio_sys_tables {rel:z.relid}
pg_statio_user_indexes {rel:z.relid} AND {rel:z.indexrelid}
pg_statio_user_sequences {rel:z.relid}
pg_statio_user_tables {rel:z.relid}
pg_tables {rels:z.schemaname,z.tablename}
pg_user true
  useconfig := CASE WHEN z.usename = CURRENT_USER THEN z.useconfig END
pg_views {rels:z.schemaname,z.viewname}
  definition := CASE WHEN {viewclean:z.schemaname,z.viewname} THEN z.definition END
`;

export const INFORMATION_SCHEMA = `
_pg_foreign_table_columns {rels:z.nspname,z.relname}
_pg_foreign_tables {rels:z.foreign_table_schema,z.foreign_table_name}
attributes {types:z.udt_schema,z.udt_name}
check_constraint_routine_usage {cons:z.constraint_schema,z.constraint_name} AND {fns:z.specific_schema,z.specific_name}
check_constraints ({cons:z.constraint_schema,z.constraint_name} OR z.constraint_name::pg_catalog.text = ANY (SELECT
  pg_catalog.concat(c.relnamespace, '_', a.attrelid, '_', a.attnum, '_not_null')
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid WHERE {class:c}))
collation_character_set_applicability {nsn:z.collation_schema}
collations {nsn:z.collation_schema}
column_column_usage {rels:z.table_schema,z.table_name}
column_domain_usage {types:z.domain_schema,z.domain_name} AND {rels:z.table_schema,z.table_name}
column_options {rels:z.table_schema,z.table_name}
column_privileges {rels:z.table_schema,z.table_name}
column_udt_usage {types:z.udt_schema,z.udt_name} AND {rels:z.table_schema,z.table_name}
columns {rels:z.table_schema,z.table_name}
  column_default := CASE WHEN {defclean:z.table_schema,z.table_name,z.column_name} THEN z.column_default END
  generation_expression := CASE WHEN {defclean:z.table_schema,z.table_name,z.column_name} THEN z.generation_expression END
constraint_column_usage {rels:z.table_schema,z.table_name} AND {cons:z.constraint_schema,z.constraint_name}
constraint_table_usage {rels:z.table_schema,z.table_name} AND {cons:z.constraint_schema,z.constraint_name}
data_type_privileges {any:z.object_schema,z.object_name}
domain_constraints {types:z.domain_schema,z.domain_name} AND {cons:z.constraint_schema,z.constraint_name}
domain_udt_usage {types:z.domain_schema,z.domain_name} AND {types:z.udt_schema,z.udt_name}
domains {types:z.domain_schema,z.domain_name}
  domain_default := CASE WHEN {typeclean:z.domain_schema,z.domain_name} THEN z.domain_default END
element_types {any:z.object_schema,z.object_name}
foreign_table_options {rels:z.foreign_table_schema,z.foreign_table_name}
foreign_tables {rels:z.foreign_table_schema,z.foreign_table_name}
key_column_usage {rels:z.table_schema,z.table_name} AND {cons:z.constraint_schema,z.constraint_name}
parameters {fns:z.specific_schema,z.specific_name}
referential_constraints {cons:z.constraint_schema,z.constraint_name}
  AND (z.unique_constraint_name IS NULL OR {cons:z.unique_constraint_schema,z.unique_constraint_name})
role_column_grants {rels:z.table_schema,z.table_name}
role_routine_grants {fns:z.specific_schema,z.specific_name}
role_table_grants {rels:z.table_schema,z.table_name}
role_udt_grants {types:z.udt_schema,z.udt_name}
role_usage_grants (z.object_schema::pg_catalog.text = '' OR {any:z.object_schema,z.object_name})
routine_column_usage {fns:z.specific_schema,z.specific_name} AND {rels:z.table_schema,z.table_name}
routine_privileges {fns:z.specific_schema,z.specific_name}
routine_routine_usage {fns:z.specific_schema,z.specific_name} AND {fns:z.routine_schema,z.routine_name}
routine_sequence_usage {fns:z.specific_schema,z.specific_name} AND {rels:z.sequence_schema,z.sequence_name}
routine_table_usage {fns:z.specific_schema,z.specific_name} AND {rels:z.table_schema,z.table_name}
routines {fns:z.specific_schema,z.specific_name}
schemata {nssn:z.schema_name}
sequences {rels:z.sequence_schema,z.sequence_name}
table_constraints {rels:z.table_schema,z.table_name} AND ({cons:z.constraint_schema,z.constraint_name} OR z.constraint_type::pg_catalog.text = 'CHECK')
table_privileges {rels:z.table_schema,z.table_name}
tables {rels:z.table_schema,z.table_name}
transforms {types:z.udt_schema,z.udt_name} AND {fns:z.specific_schema,z.specific_name}
triggered_update_columns {rels:z.event_object_schema,z.event_object_table} AND {trigs:z.event_object_schema,z.event_object_table,z.trigger_name}
triggers {rels:z.event_object_schema,z.event_object_table} AND {trigs:z.event_object_schema,z.event_object_table,z.trigger_name}
udt_privileges {types:z.udt_schema,z.udt_name}
usage_privileges (z.object_schema::pg_catalog.text = '' OR {any:z.object_schema,z.object_name})
user_defined_types {types:z.user_defined_type_schema,z.user_defined_type_name}
view_column_usage {rels:z.view_schema,z.view_name} AND {rels:z.table_schema,z.table_name}
view_routine_usage {rels:z.table_schema,z.table_name} AND {fns:z.specific_schema,z.specific_name}
view_table_usage {rels:z.view_schema,z.view_name} AND {rels:z.table_schema,z.table_name}
views {rels:z.table_schema,z.table_name}
  view_definition := CASE WHEN {viewclean:z.table_schema,z.table_name} THEN z.view_definition END
`;
