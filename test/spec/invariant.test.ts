/** The checker of the invariant on trees that real servers print: what holds, what is broken, and that each rule is needed. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { QueryNode } from "../../src/analysis/query-tree/query-node.ts";
import { readQueryTree } from "../../src/analysis/query-tree/reader.ts";
import { checkInvariant, type LabelledColumns } from "../../src/masking/invariant/check-invariant.ts";
import { INVARIANT_CASES } from "../support/invariant-cases.ts";
import { INVARIANT_SCHEMA, labelledColumns } from "../support/invariant-schema.ts";
import { POSTGRES_VERSIONS, startPostgres, type TestPostgres } from "../support/postgres.ts";
import { TreeClient } from "../support/query-trees.ts";

describe.each(POSTGRES_VERSIONS)("the invariant on trees of PostgreSQL %i", (major) => {
  let server: TestPostgres;
  let client: TreeClient;
  let labelled: LabelledColumns;
  beforeAll(async () => {
    server = await startPostgres({ version: major, hba: ["host all all 127.0.0.1/32 trust"] });
    await server.psql(INVARIANT_SCHEMA);
    client = await TreeClient.connect(server.port, "agent");
    labelled = await labelledColumns(server, client, major);
  });
  afterAll(async () => {
    client?.[Symbol.dispose]();
    await server?.stop();
  });
  const read = async (sql: string): Promise<readonly QueryNode[]> => readQueryTree(await client.tree(sql), major);

  const cases = INVARIANT_CASES.flatMap(({ rules, statements }) =>
    statements.flatMap((one) => {
      const [sql, from] = typeof one === "string" ? [one, 15] : one;
      return major >= from ? [{ sql, rules }] : [];
    }),
  );

  it.each(cases)("$rules: $sql", async ({ sql, rules }) => {
    const broken = checkInvariant(await read(sql), labelled).map(({ rule }) => rule);

    expect([...new Set(broken)].sort(), sql).toEqual([...rules].sort());
  });
});
