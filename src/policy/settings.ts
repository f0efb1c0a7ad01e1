/**
 * Which settings a session may change for itself without asking policy: what drivers, ORMs and pg_dump send about their own
 * session. Everything else needs a permit of the action `set`, custom settings too: conditions of row-level security read
 * those. What no policy may permit is refused before, by gateway/judge.ts.
 */

const FREE: ReadonlySet<string> = new Set([
  // How values are written.
  "datestyle",
  "intervalstyle",
  "timezone",
  "timezone_abbreviations",
  "extra_float_digits",
  "bytea_output",
  "xmloption",
  "xmlbinary",
  "array_nulls",
  "lc_messages",
  "lc_monetary",
  "lc_numeric",
  "lc_time",
  // Who and how long.
  "application_name",
  "client_min_messages",
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
  "idle_session_timeout",
  "transaction_timeout",
  // How text is read: gateway/judge.ts takes the one value that it knows.
  "client_encoding",
  "standard_conforming_strings",
  "backslash_quote",
  "escape_string_warning",
  // Transactions.
  "transaction_isolation",
  "transaction_read_only",
  "transaction_deferrable",
  "default_transaction_isolation",
  "default_transaction_read_only",
  "default_transaction_deferrable",
  // What names mean: a statement is judged by what it touches.
  "search_path",
  // See docs/adr/0008: off shows no row more.
  "row_security",
  // Of pg_dump and the planner.
  "check_function_bodies",
  "quote_all_identifiers",
  "synchronize_seqscans",
  "default_tablespace",
  "default_table_access_method",
  "default_toast_compression",
  "plan_cache_mode",
  "cursor_tuple_fraction",
  "jit",
  // Postern's own: how a statement waits for people, and what it says to them.
  "postern.approval",
  "postern.purpose",
]);

/** @param name as PostgreSQL compares it: in lower case. */
export function isFreeSetting(name: string): boolean {
  return FREE.has(name);
}
