/**
 * What a StartupMessage may ask for: which parameters go upstream, which are Postern's own, which are refused by name.
 * Postern builds its own startup packet from the result; none of the client's is forwarded.
 */

import { GatewayError } from "../base/errors.ts";

/** How the client wants to prove who it is. */
export type AuthenticationMethod = "password" | "oauthbearer";

export interface StartupRequest {
  /** Upstream role asked for; null: the database's default role. */
  readonly user: string | null;
  /** Name of a configured database. */
  readonly database: string;
  readonly applicationName: string;
  /** Settings for the upstream's startup packet, by PostgreSQL's spelling of the name. */
  readonly settings: ReadonlyMap<string, string>;
  /** Asked for by `options=-c postern.authentication=…`; null: the listener's default. */
  readonly authentication: AuthenticationMethod | null;
}

/**
 * Settings that a session may start with. Each is one that any role may SET, that changes how values are written or how long
 * a statement may take, and nothing that Postern relies on.
 */
const SETTINGS = new Map(
  [
    "DateStyle",
    "TimeZone",
    "IntervalStyle",
    "extra_float_digits",
    "search_path",
    "statement_timeout",
    "lock_timeout",
    "idle_in_transaction_session_timeout",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "default_transaction_deferrable",
    "bytea_output",
    "xmloption",
    "geqo",
    "jit",
  ].map((name) => [name.toLowerCase(), name]),
);

/** A JWT. Anywhere but in the password it would reach the server, its log and pg_stat_activity, or be repeated in an error. */
const TOKEN = /eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}/;

/** @throws {GatewayError} STARTUP_PARAMETER_REFUSED naming the parameter, and what to do. */
export function readStartupParameters(parameters: ReadonlyMap<string, string>): StartupRequest {
  for (const [name, value] of parameters) if (TOKEN.test(name) || TOKEN.test(value)) throw tokenMisplaced();
  const draft: Draft = { settings: new Map(), applicationName: "", authentication: null };
  for (const [name, value] of parameters) {
    if (name === "user" || name === "database" || name === "options") continue;
    apply(draft, name, value);
  }
  for (const [name, value] of readOptions(parameters.get("options") ?? "")) apply(draft, name, value);
  const user = parameters.get("user") ?? "";
  const database = parameters.get("database") || user; // as PostgreSQL: an absent database is the user's name
  if (database === "") {
    throw new GatewayError("DATABASE_UNKNOWN", "no database was named", {
      hint: "Put the database into the connection string: dbname=…",
    });
  }
  return { user: user === "" ? null : user, database, ...draft };
}

interface Draft {
  readonly settings: Map<string, string>;
  applicationName: string;
  authentication: AuthenticationMethod | null;
}

function apply(draft: Draft, name: string, value: string): void {
  const key = name.toLowerCase();
  const setting = SETTINGS.get(key);
  if (setting !== undefined) draft.settings.set(setting, value);
  else if (key === "application_name") draft.applicationName = value;
  else if (key === "client_encoding") requireUtf8(value);
  else if (key === "postern.authentication") draft.authentication = authenticationMethod(value);
  else if (key === "replication" && /^(false|off|no|0)$/i.test(value)) return;
  else throw refused(name);
}

function tokenMisplaced(): GatewayError {
  return new GatewayError("STARTUP_PARAMETER_REFUSED", "a token stands in a startup parameter", {
    detail: "Other parts of a connection string than the password are kept in logs.",
    hint: "Put the token into the password: PGPASSWORD=…",
  });
}

/** asyncpg sends `'utf-8'` with the quotes inside the value; "UNICODE" is PostgreSQL's old alias. */
function requireUtf8(value: string): void {
  if (/^(utf8|unicode)$/.test(value.toLowerCase().replace(/[^a-z0-9]/g, ""))) return;
  throw new GatewayError(
    "STARTUP_PARAMETER_REFUSED",
    `client_encoding ${JSON.stringify(value.slice(0, 40))} is not served`,
    {
      detail: "Postern reads every statement, and reads it as UTF-8.",
      hint: "Connect with client_encoding=UTF8.",
    },
  );
}

function authenticationMethod(value: string): AuthenticationMethod {
  if (value === "password" || value === "oauthbearer") return value;
  throw new GatewayError("STARTUP_PARAMETER_REFUSED", "postern.authentication is password or oauthbearer");
}

function refused(name: string): GatewayError {
  const shown = JSON.stringify(name.slice(0, 63));
  if (name.toLowerCase() === "replication") {
    return new GatewayError("STARTUP_PARAMETER_REFUSED", "replication connections are not served", {
      detail: "The replication protocol reads whole tables past every statement.",
    });
  }
  return new GatewayError("STARTUP_PARAMETER_REFUSED", `startup parameter ${shown} is not served`, {
    detail: `A session may start with: application_name, client_encoding, ${[...SETTINGS.values()].join(", ")}.`,
    hint: "Remove it from the connection string, from options or from PGOPTIONS.",
  });
}

/**
 * The settings inside `options`, split as PostgreSQL does (pg_split_opts: white space divides, a backslash takes the next
 * character as it is). `-c name=value`, `-cname=value` and `--name=value` are understood, nothing else.
 */
export function readOptions(options: string): [name: string, value: string][] {
  const words = splitOptions(options);
  const settings: [string, string][] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? "";
    let assignment: string;
    if (word === "-c") assignment = words[++i] ?? "";
    else if (word.startsWith("-c")) assignment = word.slice(2);
    else if (word.startsWith("--")) assignment = word.slice(2);
    else throw refused(`options: ${word}`);
    const equals = assignment.indexOf("=");
    if (equals <= 0) throw refused(`options: ${word}`);
    // PostgreSQL takes - for _ in the names of --name=value (ParseLongOption).
    settings.push([assignment.slice(0, equals).replaceAll("-", "_"), assignment.slice(equals + 1)]);
  }
  return settings;
}

function splitOptions(options: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (let i = 0; i < options.length; i++) {
    const character = options[i] ?? "";
    if (/\s/.test(character)) {
      if (word !== null) words.push(word);
      word = null;
    } else if (character === "\\") word = (word ?? "") + (options[++i] ?? "");
    else word = (word ?? "") + character;
  }
  if (word !== null) words.push(word);
  return words;
}
