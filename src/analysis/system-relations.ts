/**
 * Relations of the server's own schemas that hold passwords, values of tables, or other people's statements: no agent reads them,
 * whatever policy says. All others of those schemas are free to read. That none is written is for the caller to see to.
 */

interface Denied {
  readonly why: string;
  readonly relations: string;
}

const DENIED: readonly Denied[] = [
  { why: "it holds passwords of roles", relations: "pg_authid pg_shadow" },
  {
    why: "it holds values of columns, which the labels of those columns do not cover",
    relations: "pg_statistic pg_statistic_ext_data pg_stats pg_stats_ext pg_stats_ext_exprs",
  },
  { why: "it holds large objects, which no policy names and no label covers", relations: "pg_largeobject" },
  {
    why: "it holds credentials of other servers",
    relations: "pg_user_mapping pg_user_mappings pg_subscription _pg_user_mappings user_mapping_options",
  },
  {
    why: "it shows statements or doings of other sessions, or what Postern itself prepared",
    relations: `pg_stat_activity pg_stat_ssl pg_stat_gssapi pg_stat_progress_analyze pg_stat_progress_basebackup
      pg_stat_progress_cluster pg_stat_progress_copy pg_stat_progress_create_index pg_stat_progress_vacuum pg_locks
      pg_prepared_xacts pg_prepared_statements pg_cursors pg_backend_memory_contexts pg_aios`,
  },
  {
    why: "it shows files or insides of the server",
    relations: `pg_hba_file_rules pg_ident_file_mappings pg_file_settings pg_config pg_shmem_allocations
      pg_shmem_allocations_numa`,
  },
  {
    why: "it shows how the server replicates, and to whom",
    relations: `pg_stat_replication pg_stat_replication_slots pg_replication_slots pg_replication_origin_status
      pg_stat_wal_receiver pg_stat_subscription pg_stat_subscription_stats`,
  },
];

/** The column that makes it secret: the others tell no more than the views that everyone reads. pg_dump counts pg_subscription. */
const SECRET_COLUMNS: ReadonlyMap<string, string> = new Map([
  ["pg_subscription", "subconninfo"],
  ["pg_user_mapping", "umoptions"],
  ["pg_user_mappings", "umoptions"],
]);

const WHY: ReadonlyMap<string, string> = new Map(
  DENIED.flatMap(({ why, relations }) => relations.split(/\s+/).map((name) => [name, why] as const)),
);

/** Views that extensions put where the operator installs them, so known by their names alone. */
const EXTENSION_RELATIONS: ReadonlySet<string> = new Set(["pg_stat_statements", "pg_stat_statements_info"]);

/** All names that are denied in the server's own schemas: for tests and the reference. */
export const DENIED_SYSTEM_RELATIONS: readonly string[] = [...WHY.keys()];

/**
 * Why a relation of a system schema is never read by an agent; null where it may be.
 * @param columns names of the columns read, "*" for a whole row; without it the relation as a whole is meant.
 */
export function deniedRelation(schema: string, name: string, columns?: readonly string[]): string | null {
  // TOAST tables hold the long values of every table, in pieces that no label covers.
  if (schema === "pg_toast" || schema.startsWith("pg_toast_temp")) return "it holds values of another table";
  if (EXTENSION_RELATIONS.has(name)) return "it shows statements of others";
  if (schema !== "pg_catalog" && schema !== "information_schema") return null;
  const secret = SECRET_COLUMNS.get(name);
  if (secret !== undefined && columns !== undefined && !columns.includes("*") && !columns.includes(secret)) return null;
  return WHY.get(name) ?? null;
}
