/**
 * What a statement does to the session, read from its tree: transaction, settings, prepared statements, cursors, copy, channels.
 * The gateway keeps its picture of the session by these. Judges none of them.
 */

import type {
  CopyFacts,
  CursorFacts,
  ParsedStatement,
  PreparedFacts,
  SettingFacts,
  TransactionFacts,
} from "./parsed-statement.ts";
import { constantText, definitions, flag, isNode, list, type Node, number, text, unwrap } from "./tree.ts";

/** The members of a ParsedStatement that only some nodes have; `explain` and PREPARE's inner class need the classifier and are added by it. */
export type SessionFacts = Pick<
  ParsedStatement,
  "transaction" | "setting" | "prepared" | "cursor" | "copy" | "channel"
>;

/** Of a statement that does nothing to the session. */
export const NO_FACTS: SessionFacts = {};

/** @param node the statement node's name and its fields. */
export function sessionFacts(node: string, fields: Node): SessionFacts {
  switch (node) {
    case "TransactionStmt":
      return { transaction: transactionFacts(fields) };
    case "VariableSetStmt":
      return { setting: variableFacts(fields) };
    case "VariableShowStmt":
      return { setting: { kind: "show", ...named(text(fields, "name")?.toLowerCase()) } };
    case "DiscardStmt":
      return { setting: discardFacts(fields) };
    case "ConstraintsSetStmt":
      return { setting: { kind: "setConstraints", value: flag(fields, "deferred") ? "deferred" : "immediate" } };
    case "PrepareStmt":
    case "ExecuteStmt":
    case "DeallocateStmt":
      return { prepared: preparedFacts(node, fields) };
    case "ExplainStmt":
    case "CreateTableAsStmt":
      return { ...executedInside(fields) };
    case "DeclareCursorStmt":
    case "FetchStmt":
    case "ClosePortalStmt":
      return { cursor: cursorFacts(node, fields) };
    case "CopyStmt":
      return { copy: copyFacts(fields) };
    case "ListenStmt":
    case "UnlistenStmt":
    case "NotifyStmt":
      return channelFacts(fields);
    default:
      return NO_FACTS;
  }
}

/** exactOptionalPropertyTypes: an absent name is no member, not an undefined one. */
function named(name: string | undefined): { readonly name?: string } {
  return name === undefined ? {} : { name };
}

const TRANSACTION_KINDS: ReadonlyMap<string, TransactionFacts["kind"]> = new Map([
  ["TRANS_STMT_BEGIN", "begin"],
  ["TRANS_STMT_START", "begin"],
  ["TRANS_STMT_COMMIT", "commit"],
  ["TRANS_STMT_ROLLBACK", "rollback"],
  ["TRANS_STMT_SAVEPOINT", "savepoint"],
  ["TRANS_STMT_RELEASE", "release"],
  ["TRANS_STMT_ROLLBACK_TO", "rollbackTo"],
  ["TRANS_STMT_PREPARE", "prepare"],
  ["TRANS_STMT_COMMIT_PREPARED", "commitPrepared"],
  ["TRANS_STMT_ROLLBACK_PREPARED", "rollbackPrepared"],
] as const);

function transactionFacts(fields: Node): TransactionFacts {
  const kind = TRANSACTION_KINDS.get(text(fields, "kind") ?? "");
  if (kind === undefined) throw new TypeError("a TransactionStmt of no known kind");
  const options = transactionModes(list(fields, "options"));
  return {
    kind,
    ...named(text(fields, "savepoint_name") ?? text(fields, "gid")),
    ...(flag(fields, "chain") ? { chain: true } : {}),
    ...(options === undefined ? {} : { options }),
  };
}

/** transaction_isolation, transaction_read_only and transaction_deferrable, the last two as on or off. */
function transactionModes(elements: readonly unknown[]): Readonly<Record<string, string>> | undefined {
  if (elements.length === 0) return undefined;
  const modes: Record<string, string> = {};
  for (const [name, value] of definitions(elements)) {
    modes[name] = name === "transaction_isolation" ? value : value === "1" ? "on" : "off";
  }
  return modes;
}

function variableFacts(fields: Node): SettingFacts {
  const name = text(fields, "name")?.toLowerCase();
  const local = flag(fields, "is_local") ? { local: true } : {};
  switch (text(fields, "kind")) {
    case "VAR_RESET_ALL":
      return { kind: "resetAll" };
    case "VAR_RESET":
      return { kind: "reset", ...named(name) };
    case "VAR_SET_DEFAULT":
      return { kind: "setDefault", ...named(name), ...local };
    case "VAR_SET_MULTI":
      return { kind: "setTransaction", ...named(name), ...multiValue(fields) };
    case "VAR_SET_CURRENT":
      return { kind: flag(fields, "is_local") ? "setLocal" : "set", ...named(name), ...local };
    case "VAR_SET_VALUE": {
      const values = list(fields, "args").map((value) => constantText(value) ?? "");
      const kind = flag(fields, "is_local") ? "setLocal" : "set";
      return { kind, ...named(name), value: values.join(", "), values, ...local };
    }
    default:
      throw new TypeError("a VariableSetStmt of no known kind");
  }
}

/** SET TRANSACTION's modes as "transaction_isolation = serializable, …", or the snapshot's name. */
function multiValue(fields: Node): { readonly value: string } {
  const args = list(fields, "args");
  const snapshot = constantText(args[0]);
  if (snapshot !== undefined) return { value: snapshot };
  const modes = Object.entries(transactionModes(args) ?? {});
  return { value: modes.map(([mode, value]) => `${mode} = ${value}`).join(", ") };
}

function discardFacts(fields: Node): SettingFacts {
  const target = (text(fields, "target") ?? "").replace("DISCARD_", "").toLowerCase();
  return target === "all" ? { kind: "discardAll" } : { kind: "discardOther", name: target };
}

function preparedFacts(node: string, fields: Node): PreparedFacts {
  const name = text(fields, "name");
  if (node === "PrepareStmt") return { kind: "prepare", ...named(name) };
  if (node === "ExecuteStmt") return { kind: "execute", ...named(name), ...argumentsOf(fields) };
  // 15 and 16 have no `isall`: there ALL is the absent name. Nothing can be named "" ("zero-length delimited identifier").
  return name === undefined ? { kind: "deallocateAll" } : { kind: "deallocate", name };
}

/** Long ones are of no use to who asks what they look like, and the facts of a text are kept. */
const MAX_ARGUMENT = 128;

function argumentsOf(fields: Node): Pick<PreparedFacts, "arguments"> {
  const given = list(fields, "params").map((value) => {
    const constant = stringOf(value);
    return constant === undefined || constant.length > MAX_ARGUMENT ? null : constant;
  });
  return given.some((one) => one !== null) ? { arguments: given } : {};
}

function stringOf(value: unknown): string | undefined {
  const node = unwrap(value);
  if (node?.name === "TypeCast") return stringOf(node.fields["arg"]);
  return isNode(node?.fields["sval"]) ? constantText(value) : undefined;
}

function executedInside(fields: Node): SessionFacts {
  const inner = unwrap(fields["query"]);
  if (inner?.name === "ExecuteStmt") return { prepared: preparedFacts(inner.name, inner.fields) };
  // EXPLAIN ANALYZE CREATE TABLE t AS EXECUTE p
  if (inner?.name === "CreateTableAsStmt" || inner?.name === "DeclareCursorStmt") return executedInside(inner.fields);
  return NO_FACTS;
}

/** PostgreSQL's parsenodes.h: CURSOR_OPT_BINARY, CURSOR_OPT_HOLD. */
const CURSOR_BINARY = 0x01;
const CURSOR_HOLD = 0x20;

function cursorFacts(node: string, fields: Node): CursorFacts {
  const name = text(fields, "portalname");
  if (node === "DeclareCursorStmt") {
    const options = number(fields, "options");
    return {
      kind: "declare",
      ...named(name),
      binary: (options & CURSOR_BINARY) !== 0,
      hold: (options & CURSOR_HOLD) !== 0,
    };
  }
  if (node === "FetchStmt") return { kind: flag(fields, "ismove") ? "move" : "fetch", ...named(name) };
  return name === undefined ? { kind: "closeAll" } : { kind: "close", name };
}

function copyFacts(fields: Node): CopyFacts {
  const direction = flag(fields, "is_from") ? "in" : "out";
  const standard = direction === "in" ? "stdin" : "stdout";
  const target = flag(fields, "is_program") ? "program" : fields["filename"] === undefined ? standard : "file";
  return { direction, target, format: definitions(list(fields, "options")).get("format") ?? "text" };
}

function channelFacts(fields: Node): SessionFacts {
  const channel = text(fields, "conditionname");
  return channel === undefined ? NO_FACTS : { channel };
}
