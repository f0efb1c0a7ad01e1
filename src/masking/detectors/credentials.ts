/**
 * The probe at `=` and `:`: passwords in URLs, in connection strings (`Server=…;Password=…`), and what is assigned to a name that
 * says password or secret. Finds the value, not its name.
 */

import { findSecretValue, isConnectionName, readName } from "./assignments.ts";
import { byteAt, code } from "./bytes.ts";
import type { DetectorName, FindingList, Probe } from "./finding.ts";
import { findUrlPassword } from "./urls.ts";

const COLON = code(":");
const EQUALS = code("=");
/** Between the parts of one connection string. */
const NEAR_BYTES = 256;

const IN_CONNECTION = 0.95;

export class CredentialProbe implements Probe {
  readonly anchors: readonly number[] = [COLON, EQUALS];
  readonly #on: ReadonlySet<DetectorName>;
  /** Where the last name of a connection string stood, in the cell that is being scanned. */
  #connectionAt = -1;
  /** A password that may turn out to be of one. */
  #waiting: { readonly start: number; readonly end: number } | null = null;

  constructor(on: ReadonlySet<DetectorName>) {
    this.#on = on;
  }

  begin(): void {
    this.#connectionAt = -1;
    this.#waiting = null;
  }

  look(cell: Uint8Array, at: number, end: number, found: FindingList): number {
    if (byteAt(cell, at) === COLON) {
      if (byteAt(cell, at + 1) === COLON) return at + 2; // a cast
      const url = findUrlPassword(cell, at, end, found);
      if (url?.isConnection === true) this.#connectionAt = at;
      if (url !== null) return url.end;
    }
    const name = readName(cell, at);
    if (name === "") return at + 1;
    if (byteAt(cell, at) === EQUALS && isConnectionName(name)) this.#seeConnection(at, found);
    return this.#lookForValue(cell, at, end, name, found);
  }

  #lookForValue(cell: Uint8Array, at: number, end: number, name: string, found: FindingList): number {
    const isConnection = this.#connectionAt >= 0 && at - this.#connectionAt <= NEAR_BYTES;
    const value = findSecretValue(cell, at, end, name, isConnection);
    if (value === null) return at + 1;
    const { start, end: valueEnd, detector, confidence, isPassword } = value;
    if (isPassword && isConnection && this.#on.has("connection-string"))
      return found.add("connection-string", start, valueEnd, IN_CONNECTION) ? valueEnd : at + 1;
    if (isPassword) this.#waiting = { start, end: valueEnd };
    return found.add(detector, start, valueEnd, confidence) ? valueEnd : at + 1;
  }

  #seeConnection(at: number, found: FindingList): void {
    this.#connectionAt = at;
    if (this.#waiting !== null && at - this.#waiting.end <= NEAR_BYTES)
      found.add("connection-string", this.#waiting.start, this.#waiting.end, IN_CONNECTION);
    this.#waiting = null;
  }
}
