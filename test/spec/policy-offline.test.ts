/** How near a saved catalog comes to what PostgreSQL says: the table of test/policy-cases, resolved offline and by the server. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { resourceText } from "../../src/analysis/requests.ts";
import { Secret } from "../../src/base/secret.ts";
import { Resolver } from "../../src/cli/policy/resolver.ts";
import { offlineSource } from "../../src/cli/policy/source.ts";
import { AnalysisConnection } from "../../src/upstream/analyse.ts";
import { CatalogConnection } from "../../src/upstream/catalog-connection.ts";
import { loadCatalog } from "../../src/upstream/catalog-load.ts";
import type { UpstreamTarget } from "../../src/upstream/target.ts";
import { POLICY_CASES } from "../policy-cases/all-cases.ts";
import type { PolicyCase } from "../policy-cases/policy-case.ts";
import { SHOP_ROLE, startShop } from "../support/policy-server.ts";
import type { TestPostgres } from "../support/postgres.ts";

const MAJOR = 18;
/** Those that need no session before them, and that the server parses. */
const CASES = POLICY_CASES.filter(
  ({ requests, setup, unsent, majors, roleError, error }) =>
    requests !== null &&
    setup === undefined &&
    unsent === undefined &&
    roleError === undefined &&
    error === undefined &&
    (majors?.includes(MAJOR) ?? true),
);

let postgres: TestPostgres;
let offline: Resolver;
let server: AnalysisConnection;
let live: Resolver;

beforeAll(async () => {
  postgres = await startShop(MAJOR);
  const target: UpstreamTarget = {
    ...{ name: "shop", host: postgres.host, port: postgres.port, database: "shop", user: SHOP_ROLE.user },
    ...{ password: new Secret(SHOP_ROLE.password), tls: { mode: "disable" }, connectTimeoutMs: 10_000 },
  };
  const connection = await CatalogConnection.open(target, AbortSignal.timeout(20_000));
  const { catalog } = await loadCatalog(connection, "shop");
  await connection.close();
  offline = await Resolver.open(offlineSource(catalog, []));
  server = await AnalysisConnection.open(target, AbortSignal.timeout(20_000));
  live = await Resolver.open({ catalog, server, searchPath: ["$user", "public"], listings: [] });
}, 120_000);
afterAll(async () => {
  server?.close();
  await postgres?.stop();
});

async function requestsBy(resolver: Resolver, { sql }: PolicyCase): Promise<readonly string[] | string> {
  try {
    const statements = await resolver.resolve(sql);
    const all = statements.flatMap(({ requests, refusal }) => {
      return refusal === null
        ? requests.map(({ action, resource }) => `${action} ${resourceText(resource)}`)
        : [`refused: ${refusal.message}`];
    });
    return [...new Set(all)].sort();
  } catch (error) {
    return String(error);
  }
}

describe("a statement resolved by a saved catalog", () => {
  it("asks for what the server says in at least 96 of 100 statements of the table", async () => {
    const differ: string[] = [];
    for (const one of CASES) {
      const [byCatalog, byServer] = [await requestsBy(offline, one), await requestsBy(live, one)];
      if (JSON.stringify(byCatalog) !== JSON.stringify(byServer)) {
        differ.push(`${one.sql}\n  catalog ${JSON.stringify(byCatalog)}\n  server  ${JSON.stringify(byServer)}`);
      }
    }

    expect(CASES.length).toBeGreaterThan(400);
    expect(differ.length / CASES.length, differ.join("\n")).toBeLessThan(0.04);
  }, 100_000);

  it("says that what rules and row security add is not listed", async () => {
    const notes = async (sql: string) => (await offline.resolve(sql)).flatMap((one) => one.notes);

    expect(await notes("SELECT * FROM messages")).toEqual([
      "What row security of public.messages reads is not listed.",
    ]);
    expect(await notes("INSERT INTO watched VALUES (1, 'x')")).toEqual([
      "What rules of public.watched do is not listed.",
    ]);
  });

  it.each([
    ["SELECT 1 FROM nowhere", 'relation "nowhere" is not in it'],
    ["SELECT nothing_such(1)", 'function "nothing_such" is not in it'],
  ])("is refused where the catalog cannot tell: %s", async (sql, why) => {
    await expect(offline.resolve(sql)).rejects.toThrow(`the saved catalog cannot tell: ${why}`);
  });

  it("is refused and not overflowed where it nests without end", async () => {
    await expect(offline.resolve(`SELECT ${"1 + ".repeat(2_000)}1`)).rejects.toThrow("nests too deeply");
  });
});

describe("whether a condition bounds a statement", () => {
  it.each([
    "UPDATE notes SET body = ''",
    "UPDATE notes SET body = '' WHERE 1 = 1",
    "UPDATE notes SET body = '' WHERE id = id",
    "UPDATE notes SET body = '' WHERE id = 1",
    "UPDATE notes SET body = '' WHERE id = 1 OR 1 = 1",
    "UPDATE notes SET body = '' WHERE id = 1 AND 1 = 1",
    "DELETE FROM notes n USING orders o WHERE n.id = o.id",
    "DELETE FROM notes n USING orders o WHERE n.id = o.id AND n.body = 'x'",
    "DELETE FROM notes n USING orders o WHERE n.id = o.id AND o.memo = 'x'",
    "DELETE FROM notes n USING orders o JOIN payments p ON p.order_id = o.id AND p.card = $1 WHERE n.id = o.id",
    "DELETE FROM notes n USING notes o WHERE n.id = o.id AND o.body = 'x'",
    "DELETE FROM notes n USING orders o WHERE n.id = n.id AND o.memo = 'x'",
    "DELETE FROM notes WHERE id IN (1, 2)",
    "DELETE FROM notes WHERE id BETWEEN 1 AND 2",
    "DELETE FROM notes WHERE body LIKE 'x%'",
    "DELETE FROM notes WHERE body IS NULL",
    "DELETE FROM notes WHERE id = $1",
    "DELETE FROM notes WHERE id = ANY ('{1,2}')",
    "MERGE INTO notes n USING orders o ON n.id = o.id WHEN MATCHED THEN DELETE",
    "MERGE INTO notes n USING orders o ON n.id = o.id AND n.id = 1 WHEN MATCHED THEN DELETE",
    "MERGE INTO notes n USING orders o ON n.id = o.id AND o.id = 1 WHEN MATCHED THEN DELETE",
  ])("is told offline as by the server: %s", async (sql) => {
    const told = async (resolver: Resolver) =>
      (await resolver.resolve(sql)).map(({ hasWhere, matchesAll }) => ({ hasWhere, matchesAll }));

    expect(await told(offline)).toEqual(await told(live));
  });
});
