/**
 * Asks the server, on connections of Postern's own as the target's role: the trees of texts of our own making, and rows of the
 * catalogs. Each question opens a connection and closes it: they come when a catalog or a policy has changed, and no oftener.
 */

import { GatewayError } from "../base/errors.ts";
import { AnalysisConnection } from "./analyse.ts";
import { CatalogConnection, type CatalogRow } from "./catalog-connection.ts";
import type { UpstreamTarget } from "./target.ts";

const TIMEOUT_MS = 30_000;

/** @returns the tree of each text, in order. @throws {GatewayError} where the server is away, or finds a fault with one. */
export async function treesOf(target: UpstreamTarget, texts: readonly string[]): Promise<readonly Uint8Array[]> {
  const connection = await AnalysisConnection.open(target, AbortSignal.timeout(TIMEOUT_MS));
  try {
    const trees: Uint8Array[] = [];
    for (const text of texts) {
      const answer = await connection.parse(new TextEncoder().encode(text));
      if (!answer.ok || answer.tree === null) {
        const why = answer.ok ? "it shows no tree" : answer.report.message;
        throw new GatewayError("INTERNAL", `the server cannot be asked about its catalogs: ${why}`);
      }
      trees.push(answer.tree);
    }
    return trees;
  } finally {
    connection.close();
  }
}

/** @param sql one statement that reads. @throws {GatewayError} where the server is away or refuses it. */
export async function rowsOf(target: UpstreamTarget, sql: string): Promise<readonly CatalogRow[]> {
  const connection = await CatalogConnection.open(target, AbortSignal.timeout(TIMEOUT_MS));
  try {
    const rows: CatalogRow[] = [];
    await connection.query([{ sql, row: (row) => void rows.push(row) }]);
    return rows;
  } finally {
    await connection.close();
  }
}
