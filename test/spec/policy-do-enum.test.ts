/** A type that is made inside a DO block: how ORMs make one that may be there already. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { connectTo } from "../support/policy-gateway.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { summary } from "../support/raw-client.ts";

const POLICY = `
  @id("connect") permit (principal, action == Action::"connect", resource);
  @id("do") permit (principal, action == Action::"call", resource);
  @id("types") permit (principal, action == Action::"create", resource in Schema::"postgres.mine");
`;

/** As Sequelize writes it. */
const made = (name: string) =>
  `DO 'BEGIN CREATE TYPE ${name} AS ENUM(''sad'', ''happy''); EXCEPTION WHEN duplicate_object THEN null; END'`;

describe.each([15, 16, 17, 18] as const)("CREATE TYPE … AS ENUM in a DO block on PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let folder: string;
  let gateway: TestGateway;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    await postgres.psql('CREATE SCHEMA mine; CREATE SCHEMA other; CREATE SCHEMA "mi\nne"');
    folder = await mkdtemp(join(tmpdir(), "postern-policy-"));
    await writeFile(join(folder, "mine.cedar"), POLICY);
    gateway = await startGateway({ postgres, config: { policy: folder } });
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function answer(text: string): Promise<readonly string[]> {
    const client = await connectTo(gateway);
    const answered = summary(await client.query(text));
    client.destroy();
    return answered;
  }
  const types = () => postgres.psql("SELECT oid::regtype FROM pg_type WHERE typtype = 'e' ORDER BY 1");

  // 15 does not show what the block makes.
  it.runIf(version > 15)("is made where policy permits it, and may be there already", async () => {
    for (const _ of ["made", "there already"])
      expect(await answer(made('"mine"."mood"'))).toEqual(["CommandComplete DO", "ReadyForQuery idle"]);
    expect(await types()).toBe("mine.mood");
  });

  it.each([
    ["in a schema of others", "other.mood", "42501"],
    ["in a schema that is not there", "gone.mood", "42501"],
    ["in the server's own schema", "pg_catalog.mood", "42501"],
    ["wherever the search path says", "mood", "0A000"],
    ["in a schema whose name the server may have broken", '"mi\nne".mood', "0A000"],
  ])("is refused %s, and is not made", async (_, name, sqlstate) => {
    const before = await types();

    const [refused] = await answer(made(name));

    expect(refused).toBe(version === 15 ? "ErrorResponse 0A000" : `ErrorResponse ${sqlstate}`);
    expect(await types()).toBe(before);
  });
});
