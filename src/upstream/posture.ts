/**
 * What the role that Postern logs in as can do beside what policy permits: the second lock, looked at. For `postern doctor`, and
 * for the gateway's start. Changes nothing; what to do about a finding is the caller's.
 */

import { GRANTED, LOGIN_SETTINGS, memberships, owned, ROLE } from "./posture-queries.ts";

/** `fail`: the gateway can be walked around, or statements cannot be judged. `warn`: more than the least. */
export type PostureSeverity = "ok" | "warn" | "fail";

export interface PostureFinding {
  /** Stable: `privileges`, `membership`, `functions`, `ownership`, `login-settings`, `encoding`, `log`. */
  readonly check: string;
  readonly severity: PostureSeverity;
  readonly message: string;
  /** SQL, for an administrator of the server; null where nothing needs mending. */
  readonly mend: string | null;
}

/** Runs one statement as the role. Values as the server writes them as text; null for SQL NULL. */
export type PostureQuery = (sql: string) => Promise<readonly (readonly (string | null)[])[]>;

/** Predefined roles that reach files or programs of the server, and with them everything. Source: PostgreSQL 18 docs, section 21.5 (predefined-roles). */
const SERVER_ROLES: ReadonlySet<string> = new Set([
  "pg_read_server_files",
  "pg_write_server_files",
  "pg_execute_server_program",
]);
/** Those that reach past table privileges, or other sessions. */
const WIDE_ROLES: ReadonlySet<string> = new Set([
  "pg_read_all_data",
  "pg_write_all_data",
  "pg_signal_backend",
  "pg_checkpoint",
  "pg_maintain",
  "pg_create_subscription",
  "pg_use_reserved_connections",
  "pg_signal_autovacuum_worker",
  "pg_monitor",
  "pg_read_all_settings",
  "pg_read_all_stats",
  "pg_stat_scan_tables",
]);
const MOST_NAMED = 5;

interface Role {
  readonly major: number;
  readonly session: string;
  readonly current: string;
  readonly mighty: readonly string[];
  readonly making: readonly string[];
  readonly encoding: string;
  readonly logMinMessages: string;
  readonly replicationRole: string;
  readonly preloaded: string;
  readonly tableMods: string;
}

interface Membership {
  readonly name: string;
  readonly attributes: readonly string[];
  readonly direct: boolean;
}

/** One finding for each check, in a fixed order. @throws what the query says. */
export async function posture(query: PostureQuery): Promise<readonly PostureFinding[]> {
  const role = roleOf((await query(ROLE))[0] ?? []);
  const members = (await query(memberships(role.major))).map(membershipOf);
  return [
    judgePrivileges(role),
    judgeMembership(role, members),
    judgeFunctions(
      role,
      (await query(GRANTED)).map(([name]) => name ?? ""),
    ),
    judgeOwnership(role, await query(owned(role.major))),
    judgeLoginSettings(role, await query(LOGIN_SETTINGS)),
    judgeEncoding(role),
    judgeTreeLog(role),
  ];
}

function roleOf(row: readonly (string | null)[]): Role {
  const [version, session, current, superuser, replication, bypass, createRole, createDb, ...settings] = row;
  const [encoding = "", logMinMessages = "", replicationRole = "", preloaded = "", tableMods = ""] = settings;
  return {
    major: Math.floor(Number(version) / 10_000),
    session: session ?? "",
    current: current ?? "",
    mighty: named([superuser, "SUPERUSER"], [replication, "REPLICATION"], [bypass, "BYPASSRLS"]),
    making: named([createRole, "CREATEROLE"], [createDb, "CREATEDB"]),
    encoding: encoding ?? "",
    logMinMessages: logMinMessages ?? "",
    replicationRole: replicationRole ?? "",
    preloaded: preloaded ?? "",
    tableMods: tableMods ?? "",
  };
}

function membershipOf([name, superuser, replication, bypass, createRole, direct]: readonly (
  | string
  | null
)[]): Membership {
  return {
    name: name ?? "",
    attributes: named(
      [superuser, "SUPERUSER"],
      [replication, "REPLICATION"],
      [bypass, "BYPASSRLS"],
      [createRole, "CREATEROLE"],
    ),
    direct: isTrue(direct),
  };
}

function named(...pairs: readonly (readonly [string | null | undefined, string])[]): readonly string[] {
  return pairs.filter(([held]) => isTrue(held)).map(([, name]) => name);
}

/** `t` on the wire, `true` of a cast. */
function isTrue(value: string | null | undefined): boolean {
  return value === "t" || value === "true";
}

function judgePrivileges({ session, mighty, making }: Role): PostureFinding {
  const held = [...mighty, ...making];
  if (held.length === 0) return ok("privileges", `${session} has no attribute that reaches further`);
  const without = held.map((attribute) => `NO${attribute}`).join(" ");
  const mend = `ALTER ROLE ${quoted(session)} ${without}`;
  return finding("privileges", mighty.length > 0 ? "fail" : "warn", `${session} has ${held.join(", ")}`, mend);
}

/** A superuser is a member of everything: that is told by its attribute. */
function judgeMembership({ session, mighty }: Role, members: readonly Membership[]): PostureFinding {
  if (mighty.includes("SUPERUSER")) return ok("membership", `${session} is a superuser: it needs no other role`);
  const grave = members.filter(({ name, attributes }) => SERVER_ROLES.has(name) || attributes.length > 0);
  const wide = members.filter((member) => !grave.includes(member) && WIDE_ROLES.has(member.name));
  const told = [...grave, ...wide];
  if (told.length === 0) return ok("membership", `${session} can act as no role that reaches further`);
  const words = told.map(({ name, attributes }) =>
    attributes.length === 0 ? name : `${name} (${attributes.join(", ")})`,
  );
  const direct = told.filter((member) => member.direct);
  const mend = [
    ...direct.map(({ name }) => `REVOKE ${quoted(name)} FROM ${quoted(session)}`),
    ...(direct.length < told.length
      ? [`the rest comes by way of other roles: \\drg ${session} in psql shows which`]
      : []),
  ].join("; ");
  return finding("membership", grave.length > 0 ? "fail" : "warn", `${session} can act as ${words.join(", ")}`, mend);
}

function judgeFunctions({ session, mighty }: Role, granted: readonly string[]): PostureFinding {
  if (mighty.includes("SUPERUSER") || granted.length === 0) {
    return ok("functions", `${session} was granted no function that reaches the server itself`);
  }
  const mend = granted.map((name) => `REVOKE EXECUTE ON FUNCTION ${name} FROM ${quoted(session)}, PUBLIC`).join("; ");
  return finding("functions", "fail", `${session} may run ${some(granted)}`, mend);
}

function judgeOwnership({ session, mighty }: Role, rows: readonly (readonly (string | null)[])[]): PostureFinding {
  const names = rows.map(([kind, name]) => `${kind} ${name}`);
  if (mighty.includes("SUPERUSER") || names.length === 0) return ok("ownership", `${session} owns nothing here`);
  const message = `${session} owns, or can act as the owner of, ${some(names)}: its own checks do not stop it there, and row security does not bind it`;
  return finding(
    "ownership",
    "warn",
    message,
    "give them to a role that nobody logs in as: ALTER … OWNER TO …, then GRANT what is needed",
  );
}

/** A start-up key of Postern's goes before a role's setting; those that no start-up key touches are judged. */
function judgeLoginSettings(role: Role, rows: readonly (readonly (string | null)[])[]): PostureFinding {
  const { session, current } = role;
  const scope = (name: string): string => {
    const [, , where] = rows.find(([key]) => key === name) ?? [];
    return where === "database"
      ? "ALTER DATABASE …"
      : `ALTER ROLE ${quoted(session)}${where === "role in database" ? " IN DATABASE …" : ""}`;
  };
  if (current !== session) {
    const message = `sessions of ${session} run as ${current}: what is granted to ${session} says nothing`;
    return finding("login-settings", "fail", message, `${scope("role")} RESET role`);
  }
  const bad = [
    role.replicationRole !== "origin" && "session_replication_role",
    role.preloaded !== "" && "local_preload_libraries",
    role.tableMods !== "off" && "allow_system_table_mods",
  ].filter((name) => name !== false);
  if (bad.length === 0) return ok("login-settings", `no setting of ${session} changes what statements do`);
  const mend = bad.map((name) => `${scope(name)} RESET ${name}`).join("; ");
  return finding(
    "login-settings",
    "fail",
    `${bad.join(", ")} ${bad.length === 1 ? "is" : "are"} not at the default`,
    mend,
  );
}

function judgeEncoding({ encoding }: Role): PostureFinding {
  if (encoding === "UTF8") return ok("encoding", "the database is in UTF8");
  const message = `the database is in ${encoding}: the server's trees can be read in UTF8 alone`;
  return finding("encoding", "fail", message, "move it to a database made with ENCODING 'UTF8'");
}

/** Trees are sent at level LOG. In the server's log that level stands above ERROR, so only fatal and panic leave it out. */
function judgeTreeLog({ session, logMinMessages }: Role): PostureFinding {
  if (logMinMessages === "panic" || logMinMessages === "fatal") {
    return ok("log", `log_min_messages is ${logMinMessages}: no query tree reaches the server's log`);
  }
  const message = `log_min_messages is ${logMinMessages}: the tree of each new statement, with its literals, reaches the server's log`;
  return finding("log", "warn", message, `as a superuser: ALTER ROLE ${quoted(session)} SET log_min_messages = panic`);
}

function ok(check: string, message: string): PostureFinding {
  return { check, severity: "ok", message, mend: null };
}

function finding(check: string, severity: PostureSeverity, message: string, mend: string): PostureFinding {
  return { check, severity, message, mend };
}

function some(names: readonly string[]): string {
  const rest = names.length - MOST_NAMED;
  return names.slice(0, MOST_NAMED).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** Always in quotes: a mend is copied as it is. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
