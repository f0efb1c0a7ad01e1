/** What posture.ts asks the server, for 15 to 18 and an ordinary role. All names are qualified; every value comes as text. */

/** One row. */
export const ROLE = `
  SELECT pg_catalog.current_setting('server_version_num'), session_user, current_user,
    r.rolsuper, r.rolreplication, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb,
    pg_catalog.current_setting('server_encoding'), pg_catalog.current_setting('log_min_messages'),
    pg_catalog.current_setting('session_replication_role'), pg_catalog.current_setting('local_preload_libraries'),
    pg_catalog.current_setting('allow_system_table_mods')
  FROM pg_catalog.pg_roles r WHERE r.rolname = session_user`;

/** A membership that can be used: by inheriting, by SET ROLE, or by granting it to oneself. 16 can withhold each; 15 cannot. */
const USABLE = `(pg_catalog.pg_has_role(session_user, r.oid, 'USAGE') OR pg_catalog.pg_has_role(session_user, r.oid, 'SET')
    OR pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER WITH ADMIN OPTION'))`;
const USABLE_15 = "pg_catalog.pg_has_role(session_user, r.oid, 'MEMBER')";

function usable(major: number): string {
  return major < 16 ? USABLE_15 : USABLE;
}

/** Roles that it can act as: name, the attributes of each, and whether it is a direct member (only that can be revoked from it). */
export function memberships(major: number): string {
  return `
  SELECT r.rolname, r.rolsuper, r.rolreplication, r.rolbypassrls, r.rolcreaterole,
    EXISTS (SELECT FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles s ON s.oid = m.member
      WHERE m.roleid = r.oid AND s.rolname = session_user)
  FROM pg_catalog.pg_roles r
  WHERE r.rolname <> session_user AND ${usable(major)}
    AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user) ORDER BY 1`;
}

/** What belongs to it or to a role that it can act as: kind and name. An owner drops, alters and grants without a privilege, and row security does not bind it. */
export function owned(major: number): string {
  const mine = `IN (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolname = session_user OR ${usable(major)})`;
  return `
  SELECT 'relation', pg_catalog.format('%I.%I', n.nspname, c.relname)
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.oid >= 16384 AND n.nspname !~ '^pg_' AND c.relowner ${mine}
  UNION ALL SELECT 'schema', pg_catalog.quote_ident(nspname) FROM pg_catalog.pg_namespace WHERE oid >= 16384 AND nspname !~ '^pg_' AND nspowner ${mine}
  UNION ALL SELECT 'database', pg_catalog.quote_ident(datname) FROM pg_catalog.pg_database
    WHERE datname = pg_catalog.current_database() AND datdba ${mine}
  ORDER BY 1, 2`;
}

/** Functions that reach files or settings of the server, which only superusers may run unless they were granted. */
export const GRANTED = `
  SELECT p.oid::pg_catalog.regprocedure FROM pg_catalog.pg_proc p
  WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace AND p.proname = ANY (ARRAY['pg_read_file', 'pg_read_binary_file',
    'pg_ls_dir', 'pg_stat_file', 'lo_import', 'lo_export', 'pg_reload_conf', 'pg_promote', 'pg_rotate_logfile'])
    AND pg_catalog.has_function_privilege(session_user, p.oid, 'EXECUTE') ORDER BY 1`;

/** Settings that the server puts in force at log-in, for the role, the database or both: name, value, for whom. */
export const LOGIN_SETTINGS = `
  SELECT pg_catalog.split_part(c, '=', 1), pg_catalog.substr(c, pg_catalog.strpos(c, '=') + 1),
    CASE WHEN s.setrole = 0 THEN 'database' WHEN s.setdatabase = 0 THEN 'role' ELSE 'role in database' END
  FROM pg_catalog.pg_db_role_setting s, pg_catalog.unnest(s.setconfig) c
  WHERE s.setrole IN (0, (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = session_user))
    AND s.setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()))
  ORDER BY 1`;
