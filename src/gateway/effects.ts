/** What a statement does to the session's names when it runs, applied before it has run and taken back if it fails. */

import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import type { NameChange } from "../statement/namespace.ts";
import { Delivered, Evidence, type PreparedStatement, type StatementRecord } from "../statement/statement.ts";
import type { WireLink } from "./wire-link.ts";

/** @returns what it changes; null where nothing. */
export function applyEffects(
  link: WireLink,
  statement: PreparedStatement,
  inner: Evidence | null,
): readonly NameChange[] | null {
  const { parsed } = statement;
  if (parsed === null) return null;
  const { prepared, cursor, setting } = parsed;
  if (prepared === undefined && cursor === undefined && setting?.kind !== "discardAll") return null;
  const { names, batch } = link;
  const changes: NameChange[] = [];
  const discards = setting?.kind === "discardAll";
  if (prepared?.kind === "prepare") {
    const named = { ...statement, name: prepared.name ?? "", parsed: inside(parsed), evidence: inner };
    changes.push(names.setStatement(named, batch));
  } else if (prepared?.kind === "deallocate") changes.push(names.removeStatement(prepared.name ?? "", batch));
  else if (prepared?.kind === "deallocateAll" || discards) changes.push(...names.removeAllStatements(batch));
  if (prepared?.kind === "deallocateAll" || discards) link.readOnly.dropped();
  if (cursor?.kind === "declare") {
    const { name = "", hold = false, binary = false } = cursor;
    const query = { ...statement, parsed: inside(parsed), evidence: inner };
    const boundAfter = link.executions;
    changes.push(
      names.setPortal(
        {
          ...{ name, statement: query, parameters: null, maskLike: null, hold, binary, inner: null, boundAfter },
          delivered: new Delivered(),
          resultFormats: binary ? BINARY : [],
          lifted: null,
        },
        batch,
      ),
    );
  } else if (cursor?.kind === "close") changes.push(names.removePortal(cursor.name ?? "", batch));
  else if (cursor?.kind === "closeAll" || discards) changes.push(...names.removeAllPortals(batch));
  return changes.length === 0 ? null : changes;
}

const BINARY: readonly number[] = [1];

/** Where the evidence of the query inside will be: PREPARE shows it when it runs, for the rest it is asked before. */
export function innerFor(link: WireLink, { parsed }: PreparedStatement): Evidence | null {
  if (parsed?.inner === undefined) return null;
  const evidence = new Evidence();
  evidence.sight = link.enforcer?.sightFor(parsed) ?? null;
  return evidence;
}

/** What PREPARE or DECLARE gave a name to, as a statement of its own: whoever runs the name prepares and declares nothing. */
function inside(parsed: ParsedStatement): ParsedStatement {
  const { prepared, cursor, ...rest } = parsed;
  if (prepared === undefined) return { ...rest, class: "read", optimisable: true };
  return {
    ...rest,
    optimisable: true,
    class: prepared.innerClass ?? "unknown",
    durability: prepared.innerDurability ?? "write",
  };
}

/** What EXECUTE, FETCH and MOVE run: the statement behind the name, with the parameters that it was bound to. */
export function behindName(
  link: WireLink,
  { parsed }: PreparedStatement,
): { readonly record: StatementRecord; readonly parameters: string | null } | null {
  if (parsed?.prepared?.kind === "execute") {
    const target = link.names.statement(parsed.prepared.name ?? "");
    return target === undefined ? null : { record: target.record, parameters: null };
  }
  if (parsed?.cursor?.kind !== "fetch" && parsed?.cursor?.kind !== "move") return null;
  const portal = link.names.portal(parsed.cursor.name ?? "");
  return portal === undefined ? null : { record: portal.statement.record, parameters: portal.parameters };
}

/**
 * Whether the statement may change data: then its intent is on disk before it is forwarded. Asked before its own effects and
 * those of what stands behind it are applied: EXECUTE is what the name means now.
 */
export function mayWrite(link: WireLink, statement: PreparedStatement): boolean {
  const { parsed } = statement;
  if (parsed === null) return false;
  // A cursor's query runs when it is fetched from.
  if (parsed.cursor?.kind === "fetch" || parsed.cursor?.kind === "move") {
    const query = link.names.portal(parsed.cursor.name ?? "")?.statement.parsed;
    return query?.durability !== "read";
  }
  if (parsed.durability !== "execute") return parsed.durability === "write";
  const target = link.names.statement(parsed.prepared?.name ?? "")?.parsed;
  return target?.durability !== "read";
}

/** Whether the names that the statement uses can be judged now; see Namespace.settledStatement. */
export function namesSettled(link: WireLink, statement: PreparedStatement): boolean {
  const { names, batch, answeredBatch } = link;
  const prepared = statement.parsed?.prepared;
  if (prepared?.kind === "execute" && !names.settledStatement(prepared.name ?? "", batch, answeredBatch)) return false;
  const cursor = statement.parsed?.cursor;
  if (cursor?.kind !== "fetch" && cursor?.kind !== "move") return true;
  return names.settledPortal(cursor.name ?? "", batch, answeredBatch);
}
