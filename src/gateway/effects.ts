/** What a statement does to the session's names when it runs, applied before it has run and taken back if it fails. */

import type { Undo } from "../statement/namespace.ts";
import type { PreparedStatement } from "../statement/statement.ts";
import type { WireLink } from "./wire-link.ts";

/** @returns how to take it back; null where nothing changed. */
export function applyEffects(link: WireLink, statement: PreparedStatement): readonly Undo[] | null {
  const { parsed } = statement;
  if (parsed === null) return null;
  const changes: Undo[] = [];
  const { prepared, cursor, setting } = parsed;
  if (prepared?.kind === "prepare") {
    changes.push(link.names.setStatement({ ...statement, name: prepared.name ?? "", batch: link.batch }));
  } else if (prepared?.kind === "deallocate") changes.push(link.names.removeStatement(prepared.name ?? ""));
  else if (prepared?.kind === "deallocateAll") changes.push(link.names.removeAllStatements());
  if (setting?.kind === "discardAll") changes.push(link.names.removeAllStatements());
  if (changes.length > 0) link.statementsChanged = link.batch;
  const before = changes.length;
  if (cursor?.kind === "declare") {
    const { name = "", hold = false } = cursor;
    changes.push(link.names.setPortal({ name, statement, batch: link.batch, parameters: null, hold }));
  } else if (cursor?.kind === "close") changes.push(link.names.removePortal(cursor.name ?? ""));
  else if (cursor?.kind === "closeAll" || setting?.kind === "discardAll") changes.push(link.names.removeAllPortals());
  if (changes.length > before) link.portalsChanged = link.batch;
  return changes.length === 0 ? null : changes;
}

/** Whether the statement may change data: then its intent is on disk before it is forwarded. */
export function mayWrite(link: WireLink, statement: PreparedStatement): boolean {
  const { parsed } = statement;
  if (parsed === null) return false;
  if (parsed.durability !== "execute") return parsed.durability === "write";
  const target = link.names.statement(parsed.prepared?.name ?? "")?.parsed;
  if (target === undefined || target === null) return true;
  return (target.prepared?.kind === "prepare" ? target.prepared.innerDurability : target.durability) !== "read";
}

/** Whether the names that the statement uses can be judged now; see WireLink.settled. */
export function namesSettled(link: WireLink, statement: PreparedStatement): boolean {
  const prepared = statement.parsed?.prepared;
  if (prepared?.kind === "execute") {
    const entry = link.names.statement(prepared.name ?? "");
    if (!link.settled(link.statementsChanged, entry?.batch)) return false;
  }
  const cursor = statement.parsed?.cursor;
  if (cursor?.kind === "fetch" || cursor?.kind === "move") {
    const entry = link.names.portal(cursor.name ?? "");
    if (!link.settled(link.portalsChanged, entry?.batch)) return false;
  }
  return true;
}
