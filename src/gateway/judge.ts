/**
 * What no policy may permit: settings by which a session would leave its role or make Postern misread its statements, and
 * names that Postern has not seen made. Policy itself comes with src/policy; until then everything else that the upstream
 * role may do is permitted.
 */

import type { ParsedStatement, SettingWrite } from "../analysis/parsed-statement.ts";
import { GatewayError } from "../base/errors.ts";
import type { Namespace } from "../statement/namespace.ts";

/** Never by an agent (design page wire, "SET"). The value says what the setting would undo. */
const NEVER_SET: ReadonlyMap<string, string> = new Map([
  ["role", "the upstream role is configuration, and the agent cannot choose beyond it"],
  ["session_authorization", "the upstream role is configuration, and the agent cannot choose beyond it"],
  ["session_replication_role", "it switches triggers and foreign keys off"],
  ["debug_print_parse", "the server's own trees are Postern's evidence"],
  ["debug_print_rewritten", "the server's own trees are Postern's evidence"],
  ["debug_print_plan", "the server's own trees are Postern's evidence"],
  ["debug_pretty_print", "the server's own trees are Postern's evidence"],
]);

/** May be set to this and nothing else: Postern's parser reads text as the server does only under these. */
const ONLY: ReadonlyMap<string, RegExp> = new Map([
  ["standard_conforming_strings", /^(on|true|yes|1|default)$/i],
  ["client_encoding", /^['"]?(utf-?8|unicode)['"]?$/i],
  ["backslash_quote", /^(safe_encoding|off|false|no|0)$/i],
]);

/** Before the server sees it, where the server is to show its tree. */
export function judgeWidth({ tooWide }: ParsedStatement): GatewayError | null {
  if (tooWide !== true) return null;
  return new GatewayError("STATEMENT_OVER_LIMIT", "the statement joins too many relations to be judged", {
    hint: "Split it, or have a view made of some of them.",
  });
}

/** Null: nothing stands against it. */
export function judge(statement: ParsedStatement, names: Namespace): GatewayError | null {
  if (statement.class === "unknown") {
    return new GatewayError("CANNOT_JUDGE", `statements of the kind ${statement.node} are not served`);
  }
  return (
    judgeSetting(statement) ??
    judgeSettingWrites(statement) ??
    judgeCopy(statement) ??
    judgePrepared(statement, names) ??
    judgeCursor(statement, names)
  );
}

function judgeSetting({ setting }: ParsedStatement): GatewayError | null {
  if (setting === undefined || setting.kind === "show" || setting.name === undefined) return null;
  if (setting.kind === "reset" || setting.kind === "setDefault") return null;
  return judgeValue(setting.name, setting.value ?? "");
}

function judgeValue(name: string, value: string): GatewayError | null {
  const why = NEVER_SET.get(name);
  if (why !== undefined) return unsettable(name, why, "Leave the setting out.");
  const only = ONLY.get(name);
  if (only === undefined || only.test(value)) return null;
  return new GatewayError("STATEMENT_DENIED", `setting "${name}" cannot have this value through Postern`, {
    detail: "Why: Postern would read the statements after it otherwise than the server does.",
    hint: name === "client_encoding" ? "Use UTF8." : "Leave the setting at its default.",
  });
}

function unsettable(name: string, why: string, hint: string): GatewayError {
  return new GatewayError("STATEMENT_DENIED", `setting "${name}" cannot be changed through Postern`, {
    detail: `Why: ${why}.`,
    hint,
  });
}

/** set_config() and the other ways around SET. */
function judgeSettingWrites({ settingWrites }: ParsedStatement): GatewayError | null {
  for (const write of settingWrites ?? []) {
    const refusal = judgeSettingWrite(write);
    if (refusal !== null) return refusal;
  }
  return null;
}

function judgeSettingWrite({ by, name, value }: SettingWrite): GatewayError | null {
  if (by === "pg_settings") {
    return new GatewayError("STATEMENT_DENIED", "pg_settings cannot be written through Postern", {
      detail: "Why: it changes settings whose names only the server would know.",
      hint: "Use SET.",
    });
  }
  if (name === null) {
    return new GatewayError("CANNOT_JUDGE", "set_config() of a setting whose name is not a constant is not served", {
      hint: "Write the setting's name into the statement, or use SET.",
    });
  }
  // Under another level the server would show no tree of what runs then.
  if (name === "client_min_messages")
    return unsettable(name, "the server's own trees are Postern's evidence", "Use SET client_min_messages by itself.");
  // By SET the actor's name stays in front of it, and a new session's own start overrides what ALTER ROLE has put there.
  if (by === "call" && name === "application_name")
    return unsettable(name, "the server's own log names the actor by it", "Use SET application_name.");
  return judgeValue(name, value ?? "");
}

function judgeCopy({ copy }: ParsedStatement): GatewayError | null {
  if (copy === undefined || copy.target === "stdin" || copy.target === "stdout") return null;
  return new GatewayError("STATEMENT_DENIED", `COPY with a ${copy.target} of the server is not served`, {
    detail: "It reads or writes the database server's own files, or runs a program there.",
    hint: "Use COPY … FROM STDIN or COPY … TO STDOUT.",
  });
}

function judgePrepared({ prepared }: ParsedStatement, names: Namespace): GatewayError | null {
  if (prepared?.kind !== "execute" || prepared.name === undefined) return null;
  const target = names.statement(prepared.name);
  if (target === undefined) return unknownStatement(prepared.name);
  if (target.parsed === null || target.parsed.optimisable) return null;
  // Only the extended protocol gives such a name; what it does to the session would go past whoever looks at EXECUTE.
  return new GatewayError("CANNOT_JUDGE", `EXECUTE of ${target.parsed.node} is not served`, {
    hint: "Bind and execute it by the protocol that prepared it, or send it as it is.",
  });
}

function judgeCursor({ cursor }: ParsedStatement, names: Namespace): GatewayError | null {
  if (cursor?.name === undefined || (cursor.kind !== "fetch" && cursor.kind !== "move")) return null;
  return names.portal(cursor.name) === undefined ? unknownCursor(cursor.name) : null;
}

export function unknownStatement(name: string): GatewayError {
  return new GatewayError("STATEMENT_UNKNOWN", `prepared statement "${name}" does not exist`);
}

export function unknownPortal(name: string): GatewayError {
  return new GatewayError("PORTAL_UNKNOWN", `portal "${name}" does not exist`);
}

function unknownCursor(name: string): GatewayError {
  return new GatewayError("PORTAL_UNKNOWN", `cursor "${name}" does not exist`);
}
