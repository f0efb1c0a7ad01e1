/** Whether the catalog has changed, for little: a snapshot that says that nothing has, or a fingerprint of its rows. */

import { createHash } from "node:crypto";
import { GatewayError } from "../base/errors.ts";
import type { CatalogConnection } from "./catalog-connection.ts";
import { BEGIN, COMMIT, epochQuery } from "./catalog-queries.ts";
import { RowReader } from "./catalog-rows.ts";

/** Where a catalog's epoch was read. */
export interface Epoch {
  /** Compared, never read. */
  readonly value: string;
  /** Of this server process's connection alone: another server's snapshots may look alike. */
  readonly snapshot: string;
}

/** @param fingerprint as the query gives it. */
export function epochOf(snapshot: string, fingerprint: string): Epoch {
  return { snapshot, value: createHash("sha256").update(fingerprint).digest("hex").slice(0, 32) };
}

/** The epoch now. @param before read on this same connection; null: read elsewhere, or never. @throws {GatewayError} */
export async function readEpoch(connection: CatalogConnection, before: Epoch | null): Promise<Epoch> {
  let now = before;
  const take = (row: readonly (string | null)[]): void => {
    const reader = new RowReader(row);
    const [snapshot, fingerprint] = [reader.text(), reader.textOrNull()];
    if (fingerprint !== null) now = epochOf(snapshot, fingerprint);
  };
  const snapshot = before?.snapshot ?? null;
  await connection.query([...BEGIN.map((sql) => ({ sql })), { sql: epochQuery(snapshot), row: take }, { sql: COMMIT }]);
  if (now === null) throw new GatewayError("INTERNAL", "the server gave no fingerprint of its catalog");
  return now;
}
