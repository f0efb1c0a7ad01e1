/** SET application_name keeps the actor in front, so that the server's own log goes on naming who acts. */

import type { ParsedStatement } from "../analysis/parsed-statement.ts";

const encoder = new TextEncoder();

/** The statement's new text; null where it stays as it is. @param naming the session's way of naming itself. */
export function rewriteApplicationName(parsed: ParsedStatement, naming: (name: string) => string): Uint8Array | null {
  const { setting } = parsed;
  if (setting?.name !== "application_name") return null;
  const local = setting.local === true || setting.kind === "setLocal" ? "LOCAL " : "";
  switch (setting.kind) {
    case "set":
    case "setLocal":
      return encoder.encode(`SET ${local}application_name = ${literal(naming(setting.value ?? ""))}`);
    case "reset":
    case "setDefault":
      return null; // the session's default is what Postern connected with
    default:
      return null;
  }
}

/** A string literal under standard_conforming_strings = on, which Postern never lets change. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
