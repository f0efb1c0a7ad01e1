/**
 * Functions that came with PostgreSQL 15 to 18 and are not free, by name, each class with its reason. A name stands for all its
 * overloads, those of versions to come too; `name(types)` for one; `name*` for all that begin so. test/spec/functions.test.ts
 * holds every line against live servers. What is volatile and stands in no list is denied as well.
 */

export interface FunctionClass {
  readonly name: string;
  /** After "Why:". */
  readonly why: string;
  /** Whether an operator's listing can open it; data that no policy names stays shut, whoever asks for it. */
  readonly listable: boolean;
  readonly functions: string;
}

/** Earlier classes go first. */
export const DENY_CLASSES: readonly FunctionClass[] = [
  {
    name: "sql",
    why: "it runs SQL that is text, or reads a relation that is named, only when it runs",
    listable: false,
    functions: `
      query_to_xml query_to_xmlschema query_to_xml_and_xmlschema cursor_to_xml cursor_to_xmlschema
      table_to_xml table_to_xmlschema table_to_xml_and_xmlschema schema_to_xml schema_to_xmlschema schema_to_xml_and_xmlschema
      database_to_xml database_to_xmlschema database_to_xml_and_xmlschema ts_stat ts_rewrite(tsquery,text) currtid2`,
  },
  {
    name: "file",
    why: "it reads, writes or lists files of the server",
    listable: false,
    functions: `
      pg_read_file* pg_read_binary_file pg_ls_* pg_stat_file pg_current_logfile pg_hba_file_rules pg_ident_file_mappings
      pg_show_all_file_settings pg_config pg_get_loaded_modules pg_available_wal_summaries pg_wal_summary_contents`,
  },
  {
    name: "large-object",
    why: "it reaches large objects, which no policy names and no label covers",
    listable: false,
    functions: "lo_* loread lowrite",
  },
  {
    name: "session",
    why: "it ends, watches or shows other sessions, or statements that Postern itself prepared",
    listable: false,
    functions: `
      pg_terminate_backend pg_cancel_backend pg_log_backend_memory_contexts pg_get_backend_memory_contexts
      pg_stat_get_activity pg_stat_get_backend_* pg_stat_get_progress_info pg_lock_status pg_prepared_xact
      pg_cursor pg_prepared_statement pg_isolation_test_session_is_blocked pg_get_aios`,
  },
  {
    name: "replication",
    why: "it reads or steers the write-ahead log, replication, backup or recovery, which carry the data of all tables",
    listable: false,
    functions: `
      pg_logical_* pg_replication_* pg_show_replication_origin_status pg_get_replication_slots pg_stat_get_replication_slot
      pg_create_logical_replication_slot pg_create_physical_replication_slot pg_copy_logical_replication_slot
      pg_copy_physical_replication_slot pg_drop_replication_slot pg_sync_replication_slots pg_stat_get_wal_receiver
      pg_stat_get_wal_senders pg_stat_get_subscription pg_stat_get_subscription_stats pg_switch_wal pg_create_restore_point
      pg_backup_start pg_backup_stop pg_promote pg_wal_replay_pause pg_wal_replay_resume pg_log_standby_snapshot
      pg_get_wal_summarizer_state pg_get_wal_resource_managers`,
  },
  {
    name: "server",
    why: "it steers the server, or shows its insides",
    listable: false,
    functions: `
      pg_reload_conf pg_rotate_logfile pg_rotate_logfile_old pg_stat_reset* pg_stat_force_next_flush pg_clear_attribute_stats
      pg_clear_relation_stats pg_restore_attribute_stats pg_restore_relation_stats pg_import_system_collations
      pg_extension_config_dump pg_nextoid pg_stop_making_pinned_objects binary_upgrade_* pg_get_shmem_allocations*
      pg_control_* pg_get_multixact_members amvalidate`,
  },
  {
    name: "type",
    why: "it runs the input function, and the checks, of a type that is named only when it runs",
    listable: false,
    functions: `
      domain_in domain_recv array_in array_recv record_in record_recv range_in range_recv multirange_in multirange_recv
      pg_input_is_valid pg_input_error_info jsonb_populate_record_valid`,
  },
  {
    name: "lock",
    why: "advisory locks stop others without touching anything that a policy names",
    listable: true,
    functions: `
      pg_advisory_lock pg_advisory_lock_shared pg_advisory_xact_lock pg_advisory_xact_lock_shared pg_try_advisory_lock
      pg_try_advisory_lock_shared pg_try_advisory_xact_lock pg_try_advisory_xact_lock_shared pg_advisory_unlock
      pg_advisory_unlock_shared`,
  },
  {
    name: "sleep",
    why: "it holds a connection and does nothing",
    listable: true,
    functions: "pg_sleep pg_sleep_for pg_sleep_until",
  },
  {
    name: "maintenance",
    why: "it maintains indexes",
    listable: true,
    functions: "brin_desummarize_range brin_summarize_new_values brin_summarize_range gin_clean_pending_list",
  },
  {
    name: "state",
    why: "it sets state of the session that later statements depend on",
    listable: true,
    functions: "setseed",
  },
];

/** Free of danger, not of effects: policy's `call` decides. They write to sequences, assign a transaction number, or notify. */
export const CALL_FUNCTIONS = "nextval setval txid_current pg_current_xact_id pg_notify";

/**
 * Volatile, and free all the same: clocks, chance, sizes, positions, what the session itself did. Each with its types, so that an
 * overload of a version to come is not free by its name. set_config is here because setting-writes.ts and judge.ts judge it, by the
 * setting's name. pg_export_snapshot: pg_dump with jobs gives its connections one view of the data. pg_advisory_unlock_all: pools
 * of drivers send it when a connection goes back (asyncpg), and it frees only what is one's own.
 */
export const FREE_VOLATILE = `
  random() random(int4,int4) random(int8,int8) random(numeric,numeric) random_normal(float8,float8)
  array_sample(anyarray,int4) array_shuffle(anyarray) gen_random_uuid() uuidv4() uuidv7() uuidv7(interval)
  clock_timestamp() timeofday() current_query() set_config(text,text,bool) pg_advisory_unlock_all()
  currval(regclass) lastval() pg_export_snapshot() pg_sequence_last_value(regclass) pg_get_sequence_data(regclass)
  bernoulli(internal) system(internal)
  pg_database_size(name) pg_database_size(oid) pg_indexes_size(regclass) pg_relation_size(regclass)
  pg_relation_size(regclass,text) pg_table_size(regclass) pg_total_relation_size(regclass)
  pg_tablespace_size(name) pg_tablespace_size(oid) pg_partition_ancestors(regclass) pg_partition_tree(regclass)
  pg_collation_actual_version(oid) pg_database_collation_actual_version(oid) pg_jit_available()
  pg_is_in_recovery() pg_is_wal_replay_paused() pg_get_wal_replay_pause_state() pg_last_wal_receive_lsn()
  pg_last_wal_replay_lsn() pg_last_xact_replay_timestamp() pg_current_wal_flush_lsn() pg_current_wal_insert_lsn()
  pg_current_wal_lsn() pg_last_committed_xact() pg_xact_commit_timestamp(xid) pg_xact_commit_timestamp_origin(xid)
  pg_xact_status(xid8) txid_status(int8) pg_notification_queue_usage() pg_blocking_pids(int4)
  pg_safe_snapshot_blocking_pids(int4) pg_get_wait_events() pg_stat_clear_snapshot() pg_stat_get_io()
  pg_stat_get_recovery_prefetch() pg_stat_have_stats(text,oid,oid) pg_stat_have_stats(text,oid,int8)
  pg_stat_get_xact_blocks_fetched(oid) pg_stat_get_xact_blocks_hit(oid) pg_stat_get_xact_function_calls(oid)
  pg_stat_get_xact_function_self_time(oid) pg_stat_get_xact_function_total_time(oid) pg_stat_get_xact_numscans(oid)
  pg_stat_get_xact_tuples_deleted(oid) pg_stat_get_xact_tuples_fetched(oid) pg_stat_get_xact_tuples_hot_updated(oid)
  pg_stat_get_xact_tuples_inserted(oid) pg_stat_get_xact_tuples_newpage_updated(oid) pg_stat_get_xact_tuples_returned(oid)
  pg_stat_get_xact_tuples_updated(oid)
`;

/**
 * Written in C for the server's own extensions and some that are common: they reach beyond the database, or run text. No listing
 * opens them. By name alone, since an extension may be in any schema; a function of the same name in another language is not meant.
 */
export const DENIED_EXTENSION_FUNCTIONS = `
  dblink* crosstab* connectby xpath_table xslt_process pg_file_* pg_logdir_ls lo_manage get_raw_page bt_page_* heap_page_items
  page_header pgstattuple_by_text plprofiler_* pg_stat_statements pg_stat_statements_reset postgres_fdw_disconnect
  postgres_fdw_disconnect_all pg_background_launch http http_* file_fdw_handler pg_surgery_* heap_force_kill heap_force_freeze
  pg_prewarm autoprewarm_* pg_read_file_v1_1 pg_truncate_visibility_map
`;
