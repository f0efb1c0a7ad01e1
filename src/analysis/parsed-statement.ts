/**
 * What analysis tells about one statement of a text: where it stands, what kind it is, and what session state it touches.
 * Facts of the grammar only. Resolves no name, decides nothing: that `users` is a table, and which, only the server knows.
 */

import type { StatementReferences } from "./references.ts";

/**
 * What the statement is for; metrics and entries carry it. "unknown" is a node that this table has no line for: deny it.
 * - read: SELECT, VALUES, TABLE (also FOR UPDATE) · write: INSERT, UPDATE, DELETE, MERGE, TRUNCATE, or one of them inside WITH
 * - define: DDL, GRANT, COMMENT, SELECT INTO, CREATE TABLE AS · session: SET, RESET, SHOW, DISCARD, SET TRANSACTION, SET CONSTRAINTS
 * - cursor: DECLARE, FETCH, MOVE, CLOSE · prepared: PREPARE, EXECUTE, DEALLOCATE · listen: LISTEN, UNLISTEN · call: CALL, DO
 * - maintain: VACUUM, ANALYZE, CLUSTER, REINDEX, REFRESH, CHECKPOINT, LOAD
 */
export type StatementClass =
  | "read"
  | "write"
  | "define"
  | "session"
  | "transaction"
  | "copyIn"
  | "copyOut"
  | "cursor"
  | "prepared"
  | "listen"
  | "notify"
  | "maintain"
  | "call"
  | "explain"
  | "lock"
  | "unknown";

/**
 * Whether the intent must be on disk before the statement is forwarded. "write" where it may change data or definitions;
 * "execute" where that depends on the prepared statement it names (see `prepared.name` and that one's `innerDurability`).
 */
export type Durability = "read" | "write" | "execute";

export interface TransactionFacts {
  readonly kind:
    | "begin"
    | "commit"
    | "rollback"
    | "savepoint"
    | "release"
    | "rollbackTo"
    | "prepare"
    | "commitPrepared"
    | "rollbackPrepared";
  /** Savepoint, or global identifier of a prepared transaction. */
  readonly name?: string;
  /** AND CHAIN. */
  readonly chain?: boolean;
  /** Of BEGIN: setting name -> value as text, such as transaction_isolation -> "repeatable read". */
  readonly options?: Readonly<Record<string, string>>;
}

export interface SettingFacts {
  readonly kind:
    | "set"
    | "setLocal"
    | "setDefault"
    | "reset"
    | "resetAll"
    | "discardAll"
    | "discardOther"
    | "setTransaction"
    | "setConstraints"
    | "show";
  /** Lower case. Absent for resetAll, discard and setConstraints; "all" for SHOW ALL; DISCARD's target in lower case for discardOther. */
  readonly name?: string;
  /** Text of the value; list elements joined by ", ". For SET TIME ZONE INTERVAL the interval's literal. */
  readonly value?: string;
  /** The elements of a list value, such as search_path's schemas, before quoting. */
  readonly values?: readonly string[];
  /** SET LOCAL or RESET of a setDefault: ends with the transaction. */
  readonly local?: boolean;
}

export interface PreparedFacts {
  readonly kind: "prepare" | "execute" | "deallocate" | "deallocateAll";
  readonly name?: string;
  /** Of PREPARE: what running it needs. */
  readonly innerDurability?: Durability;
  /** Of PREPARE: class of the inner statement. */
  readonly innerClass?: StatementClass;
  /** Of EXECUTE: its arguments that are short strings; null: another. Absent where there are none. */
  readonly arguments?: readonly (string | null)[];
}

export interface CursorFacts {
  readonly kind: "declare" | "fetch" | "move" | "close" | "closeAll";
  readonly name?: string;
  readonly binary?: boolean;
  readonly hold?: boolean;
}

export interface CopyFacts {
  readonly direction: "in" | "out";
  readonly target: "stdin" | "stdout" | "file" | "program";
  /** "text" where none is named. */
  readonly format: string;
}

export interface ExplainFacts {
  /** Runs the statement. */
  readonly analyze: boolean;
  readonly innerNode: string;
  readonly innerClass: StatementClass;
}

/**
 * A setting that is changed otherwise than by a SET of its own. `call`: set_config(); `clause`: SET inside ALTER ROLE, ALTER
 * DATABASE, ALTER SYSTEM or a function's definition; `pg_settings`: by writing to that view.
 */
export interface SettingWrite {
  readonly by: "call" | "clause" | "pg_settings";
  /** Lower case. Null where it is no constant of the text. */
  readonly name: string | null;
  /** Null where it is no constant of the text. */
  readonly value: string | null;
}

/** What a utility statement names, as it is written: utility-requests.ts finds out what that means. Names only, no literals. */
export interface UtilityTarget {
  readonly action: TargetAction;
  /** "database": the database itself, or what belongs to no schema (a role, an extension, a server). "other": of a schema, but neither relation, function nor type. */
  readonly object: "relation" | "function" | "schema" | "database" | "type" | "operator" | "other";
  /** [name] or [schema, name], folded as the grammar does; of a schema [name]; empty for the database. `pg_temp` stands for TEMPORARY. */
  readonly name: readonly string[];
  /** Where the statement lists some. */
  readonly columns?: readonly string[];
  /** What it is in words: "table", "role". {@link TARGET_KINDS} mean something beside that. */
  readonly kind: string;
}

/** `select` is LIKE's, which copies what a table is made of. */
export type TargetAction =
  | "select"
  | "copyOut"
  | "truncate"
  | "copyIn"
  | "create"
  | "alter"
  | "drop"
  | "grant"
  | "comment"
  | "call"
  | "lock"
  | "set"
  | "listen"
  | "notify"
  | "maintain";

/**
 * Kinds that change what a target means. `replaced`: OR REPLACE, nothing where there is none yet. `onTable`: made on a relation that
 * is there. `expression`: a function or a type's cast in an expression that no query tree shows. `trigger`: a function that the server is to call.
 */
export const TARGET_KINDS = {
  replaced: "replaced",
  onTable: "on table",
  expression: "expression",
  trigger: "trigger function",
} as const;

/** Targets, and columns of them, of a statement that is judged: an entry could not name more, and caches hold them. */
export const MAX_TARGETS = 1_000;

/** The query inside a statement: bytes of the whole text that, parsed alone, are that query and nothing else. */
export interface InnerQuery {
  readonly startByte: number;
  readonly endByte: number;
  /** Of the outermost statement: EXPLAIN CREATE TABLE AS is "explain". */
  readonly by: "explain" | "declare" | "ctas" | "copy" | "view" | "matview" | "prepare";
  /** Of PREPARE with types, as SQL writes them. */
  readonly parameterTypes?: readonly string[];
}

export interface ParsedStatement {
  /** First byte of the statement itself: white space, comments and semicolons before it are left out. */
  readonly startByte: number;
  /** Behind its last byte; the semicolon and white space after it are left out. */
  readonly endByte: number;
  /** Characters before startByte: what to add to the position of an ErrorResponse for this statement alone. */
  readonly startCharacter: number;
  /** Node name of PostgreSQL's raw parse tree, such as "SelectStmt". */
  readonly node: string;
  readonly class: StatementClass;
  /** SELECT, VALUES, TABLE, INSERT, UPDATE, DELETE, MERGE, but no SELECT INTO: its Parse has the server print its tree. */
  readonly optimisable: boolean;
  readonly durability: Durability;
  /** Calls a function outside the list of known-pure ones, so that durability "write" is a precaution (see pure-functions.ts). */
  readonly callsUnknownFunction: boolean;
  /** INSERT, UPDATE, DELETE or MERGE without RETURNING: it answers no row. */
  readonly silent?: true;
  readonly transaction?: TransactionFacts;
  readonly setting?: SettingFacts;
  /** Also on EXPLAIN EXECUTE and CREATE TABLE AS EXECUTE, with kind "execute": the name must exist there as well. */
  readonly prepared?: PreparedFacts;
  readonly cursor?: CursorFacts;
  readonly copy?: CopyFacts;
  readonly explain?: ExplainFacts;
  /** It joins so many relations that the server's tree of it would be out of all proportion. */
  readonly tooWide?: true;
  /** Absent where there is none. */
  readonly settingWrites?: readonly SettingWrite[];
  /** Of every statement that is not optimisable, empty where it needs no permit. Absent where `undecided` says why. */
  readonly targets?: readonly UtilityTarget[];
  readonly inner?: InnerQuery;
  /**
   * Why it cannot be judged. selectInto: what it reads has no text of its own · inner: the query inside was not found, or is
   * another alone · many: more than MAX_TARGETS · form: a node, or a form of one, that utility-targets.ts does not know.
   */
  readonly undecided?: "selectInto" | "inner" | "many" | "form";
  /** Absent where it names no relation and no column by its schema. */
  readonly references?: StatementReferences;
  /** Of LISTEN, UNLISTEN (absent for UNLISTEN *) and NOTIFY. */
  readonly channel?: string;
  /** Highest $n that Bind must give; 0 for none. $n inside PREPARE or a function body is not Bind's and is not counted. */
  readonly parameterNumbers: number;
  /** 16 hex digits: the same for texts that differ in constants, case of keywords, white space and comments only. The same on every major. */
  readonly fingerprint: string;
}

/** `position` is the 1-based character in the whole text, as PostgreSQL counts; absent where PostgreSQL gives none. */
export interface ParseFailure {
  readonly ok: false;
  readonly sqlstate: string;
  /** PostgreSQL's own words, without severity. */
  readonly message: string;
  readonly position?: number;
}

export type ParseOutcome = { readonly ok: true; readonly statements: readonly ParsedStatement[] } | ParseFailure;
