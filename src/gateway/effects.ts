/** What a statement does to the session's names when it runs, applied before it has run and taken back if it fails. */

import type { NameChange } from "../statement/namespace.ts";
import type { PreparedStatement } from "../statement/statement.ts";
import type { WireLink } from "./wire-link.ts";

/** @returns what it changes; null where nothing. */
export function applyEffects(link: WireLink, statement: PreparedStatement): readonly NameChange[] | null {
  const { parsed } = statement;
  if (parsed === null) return null;
  const { prepared, cursor, setting } = parsed;
  if (prepared === undefined && cursor === undefined && setting?.kind !== "discardAll") return null;
  const { names, batch } = link;
  const changes: NameChange[] = [];
  const discards = setting?.kind === "discardAll";
  if (prepared?.kind === "prepare") {
    changes.push(names.setStatement({ ...statement, name: prepared.name ?? "" }, batch));
  } else if (prepared?.kind === "deallocate") changes.push(names.removeStatement(prepared.name ?? "", batch));
  else if (prepared?.kind === "deallocateAll" || discards) changes.push(...names.removeAllStatements(batch));
  if (cursor?.kind === "declare") {
    const { name = "", hold = false } = cursor;
    changes.push(names.setPortal({ name, statement, parameters: null, hold }, batch));
  } else if (cursor?.kind === "close") changes.push(names.removePortal(cursor.name ?? "", batch));
  else if (cursor?.kind === "closeAll" || discards) changes.push(...names.removeAllPortals(batch));
  return changes.length === 0 ? null : changes;
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
  if (target === undefined || target === null) return true;
  return (target.prepared?.kind === "prepare" ? target.prepared.innerDurability : target.durability) !== "read";
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
