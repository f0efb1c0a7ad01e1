/**
 * Tells a session which columns are masked for it, once for each, with the statement that first shows it. A NOTICE of Postern's own,
 * which goes to the client right before the end of that statement: between two rows drivers expect none.
 */

import type { MaskedUse } from "../statement/statement.ts";
import { encoded } from "../wire/encode.ts";
import { encodeNoticeResponse } from "../wire/error-response.ts";
import { isForClient } from "./tree-notice.ts";

/** Columns that one notice names; the others are counted. */
const MAX_NAMED = 40;

export class MaskedNotice {
  readonly #told = new Set<string>();

  /**
   * @param columns that a statement shows by their masks. @param level the client's client_min_messages.
   * @returns the message; null: the session has been told of all of them, or does not want to be.
   */
  of(columns: readonly MaskedUse[], level: string): Uint8Array | null {
    const fresh = columns.filter(({ name }) => !this.#told.has(name));
    if (fresh.length === 0 || !isForClient("NOTICE", level)) return null;
    for (const { name } of fresh) this.#told.add(name);
    const named = fresh.slice(0, MAX_NAMED).map(({ name, labels, mask }) => `${name} (${labels.join(", ")}: ${mask})`);
    const more = fresh.length > MAX_NAMED ? ` and ${fresh.length - MAX_NAMED} more` : "";
    return encoded((writer) =>
      encodeNoticeResponse(writer, {
        severity: "NOTICE",
        code: "00000",
        message: `masked for you: ${named.join(", ")}${more}`,
        hint: "Conditions, joins and sorting see the masks too. Values are shown to whom policy permits reveal on the labels.",
      }),
    );
  }
}
