/** Tables made of SQL's own prepared statements, under a policy: the server looks at the plan once more when they run. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { connectTo } from "../support/policy-gateway.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { type RawClient, summary } from "../support/raw-client.ts";

describe.each([15, 18] as const)("CREATE TEMP TABLE … AS EXECUTE on PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let folder: string;
  let gateway: TestGateway;
  let client: RawClient;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    await postgres.psql("CREATE TABLE notes (n int); INSERT INTO notes VALUES (7)");
    folder = await mkdtemp(join(tmpdir(), "postern-policy-"));
    await writeFile(join(folder, "all.cedar"), '@id("all") permit (principal, action, resource);');
    gateway = await startGateway({ postgres, config: { policy: folder } });
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });
  // The temporary schema is made with a session's first temporary table, and the plan looked at behind it.
  beforeEach(async () => {
    client = await connectTo(gateway);
  });
  afterEach(() => client.destroy());

  it("is made as the session's first temporary table", async () => {
    await client.query("PREPARE p AS SELECT n FROM notes");

    expect(summary(await client.query("CREATE TEMP TABLE copied AS EXECUTE p"))).toContain("CommandComplete SELECT 1");
    expect(summary(await client.query("TABLE copied"))).toContain("CommandComplete SELECT 1");
  });

  it("has the server's own error for what is no query, and the session goes on", async () => {
    await client.query("PREPARE p AS INSERT INTO notes VALUES (8) RETURNING n");

    const refused = summary(await client.query("CREATE TEMP TABLE copied AS EXECUTE p"));
    expect(refused).toEqual(["ErrorResponse 42809", "ReadyForQuery idle"]);
    expect(summary(await client.query("EXECUTE p"))).toContain("CommandComplete INSERT 0 1");
  });
});
