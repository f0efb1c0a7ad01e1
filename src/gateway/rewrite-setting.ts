/**
 * SETs that go upstream otherwise than they came: application_name keeps the actor in front, so that the server's own log goes on
 * naming who acts, and client_min_messages is Postern's to keep, since the server must go on sending its trees.
 */

import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import type { WireLink } from "./wire-link.ts";

const encoder = new TextEncoder();

/** The statement's new text; null where it stays as it is. @param link the session's way of naming itself, and who keeps its level. */
export function rewriteSetting(parsed: ParsedStatement, link: WireLink): Uint8Array | null {
  const { setting } = parsed;
  if (setting === undefined) return null;
  const local = setting.local === true || setting.kind === "setLocal" ? "LOCAL " : "";
  const sets = setting.kind === "set" || setting.kind === "setLocal";
  if (setting.name === "application_name" && sets) {
    const name = link.parts.applicationName(setting.value ?? "");
    return encoder.encode(`SET ${local}application_name = ${literal(name)}`);
  }
  if (setting.name !== "client_min_messages" || link.enforcer === null) return null;
  // A setting of no meaning: it answers as the real one would, also in a transaction that is rolled back.
  if (setting.kind === "show")
    return encoder.encode(`SELECT pg_catalog.current_setting('${STAND_IN}') AS client_min_messages`);
  if (sets) return encoder.encode(`SET ${local}${STAND_IN} = ${literal((setting.value ?? "").toLowerCase())}`);
  if (setting.kind === "reset") return encoder.encode(`RESET ${STAND_IN}`);
  return setting.kind === "setDefault" ? encoder.encode(`SET ${local}${STAND_IN} TO DEFAULT`) : null;
}

/** The level that a completed statement leaves; null: the one there was. */
export function clientLevel({ setting }: ParsedStatement): string | null {
  if (setting === undefined) return null;
  if (setting.kind === "resetAll" || setting.kind === "discardAll") return DEFAULT_LEVEL;
  if (setting.name !== "client_min_messages") return null;
  if (setting.kind === "reset" || setting.kind === "setDefault") return DEFAULT_LEVEL;
  return setting.kind === "set" || setting.kind === "setLocal" ? (setting.value ?? DEFAULT_LEVEL).toLowerCase() : null;
}

/** Its value when the session begins is a start-up key, so that RESET ALL finds it again. */
export const STAND_IN = "postern.client_min_messages";
/** The server's own default. */
export const DEFAULT_LEVEL = "notice";
/** What the server answers to the question that stands in for SHOW, and what SHOW would be answered with. */
export const SHOWN = { asked: "SELECT 1", told: "SHOW" } as const;

/** A string literal under standard_conforming_strings = on, which Postern never lets change. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
