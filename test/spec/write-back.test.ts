/** Masks that are written back through a gateway: refused, with the value still there, and what is no mask is written. */

import { Buffer } from "node:buffer";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeCopyData, encodeCopyDone } from "../../src/wire/copy.ts";
import { reportOf } from "../../src/wire/error-response.ts";
import { encodeBind, encodeExecute, encodeParse, encodeSync } from "../../src/wire/extended.ts";
import { encodeQuery } from "../../src/wire/query.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { errorOf } from "../support/policy-server.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows } from "../support/raw-client.ts";

const APP = { user: "app", password: "app-password" } as const;
const SCHEMA = `
  CREATE TABLE people (id int PRIMARY KEY, name text, ssn text, card varchar(19), code varchar(4), born date, profile jsonb);
  INSERT INTO people VALUES (1, 'Ada', '123-45-6789', '4111111111111111', 'abcd', '1815-12-10', '{"a": 1}');
  CREATE TABLE notes (id int, body text);
  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
`;
const LABELS = `
masks: { pii: redact, card: { mask: partial, show: 4 }, born: { mask: generalise, to: year } }
columns:
  shop.public.people.ssn: pii
  shop.public.people.code: pii
  shop.public.people.profile: pii
  shop.public.people.card: card
  shop.public.people.born: born
quarantine: off
`;
const POLICY = `
@id("all") permit (principal in Group::"agents", action in [Action::"connect", Action::"read", Action::"write", Action::"call", Action::"set"], resource in Database::"shop");
@id("reveal") permit (principal in Group::"seers", action == Action::"reveal", resource);
`;

describe.each([15, 18] as const)("a mask that is written back to PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let folder: string;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    await postgres.psql(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
    await postgres.psql("CREATE DATABASE shop");
    await postgres.psql(SCHEMA, "shop");
    folder = await mkdtemp(join(tmpdir(), "postern-write-back-"));
    await writeFile(join(folder, "agents.cedar"), POLICY);
    await writeFile(join(folder, "labels.yaml"), LABELS);
    const config = { policy: folder, labels: join(folder, "labels.yaml") };
    gateway = await startGateway({ postgres, database: "shop", role: APP, config });
  });
  afterAll(async () => {
    await gateway?.stop();
    await postgres?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  async function connect(...groups: readonly string[]): Promise<RawClient> {
    const client = await RawClient.connect(gateway);
    await client.login({ user: APP.user, database: "shop" }, await gateway.token({ groups: ["agents", ...groups] }));
    return client;
  }

  /** Of the last statement, in a transaction that is undone. */
  async function outcome(sql: string, ...groups: readonly string[]): Promise<string> {
    const client = await connect(...groups);
    await client.query("BEGIN");
    const code = errorOf(await client.query(sql)) ?? "written";
    await client.query("ROLLBACK");
    client.destroy();
    return code;
  }

  const refused: readonly string[] = [
    "UPDATE people SET ssn = '[masked]'",
    "UPDATE people SET ssn = '[masked]'::varchar",
    "UPDATE people SET name = 'x', card = '***1111' WHERE id = 1",
    "UPDATE people SET card = '[masked]'", // of another column
    "UPDATE people SET code = '[mas'", // as it is cut to its length
    "UPDATE people SET (name, ssn) = (SELECT 'x', '[masked]')",
    "UPDATE people SET (ssn, name) = (SELECT o.ssn, 'x' FROM people o LIMIT 1)",
    "UPDATE people SET ssn = CASE WHEN id = 1 THEN '[masked]' ELSE 'y' END",
    "UPDATE people SET ssn = o.ssn FROM people o WHERE o.id = people.id",
    "UPDATE people SET ssn = (SELECT max(card) FROM people)",
    "WITH seen AS (SELECT id, card FROM people) UPDATE people p SET card = seen.card FROM seen WHERE seen.id = p.id",
    "WITH seen AS (UPDATE people SET name = 'x' RETURNING id, card) INSERT INTO people (id, card) SELECT id + 9, card FROM seen",
    "INSERT INTO people (id, ssn) VALUES (2, 'x'), (3, '[masked]')",
    "INSERT INTO people SELECT id + 9, name, ssn FROM people",
    "INSERT INTO people (id, card) SELECT id + 9, card FROM people UNION SELECT 8, 'x'",
    "INSERT INTO people (id, ssn) SELECT 7, upper(p.ssn) FROM people p",
    "INSERT INTO people (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET ssn = '[masked]'",
    "INSERT INTO people (id, ssn) VALUES (1, '[masked]') ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn",
    "PREPARE p AS UPDATE people SET ssn = $1; EXECUTE p('[masked]')",
    "MERGE INTO people p USING notes n ON p.id = n.id WHEN NOT MATCHED THEN INSERT (id, ssn) VALUES (n.id, '[masked]')",
  ];
  it.each(refused)("is refused: %s", async (sql) => {
    expect(await outcome(sql)).toBe("22023");
  });

  const written: readonly string[] = [
    "UPDATE people SET ssn = '987-65-4321'",
    "UPDATE people SET ssn = NULL",
    "UPDATE people SET name = '[masked]'",
    "UPDATE people SET ssn = NULLIF('987-65-4321', '[masked]')",
    "UPDATE people SET profile = '{}'", // an empty object is a value too
    "UPDATE people SET card = '***41111111'",
    "INSERT INTO notes SELECT id, ssn || card FROM people",
    "INSERT INTO people (id, ssn) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn",
    "PREPARE p AS UPDATE people SET ssn = $1, name = $2; EXECUTE p('x', '[masked]')",
  ];
  it.each(written)("is not what a value is, which is written: %s", async (sql) => {
    expect(await outcome(sql)).toBe("written");
  });

  it("is nothing to those who see values", async () => {
    expect(await outcome("UPDATE people SET ssn = o.ssn FROM people o WHERE o.id = people.id", "seers")).toBe(
      "written",
    );
  });

  const parameters: readonly (readonly [values: readonly string[], format: 0 | 1, code: string | null])[] = [
    [["[masked]", "x"], 0, "22023"],
    [["[masked]", "x"], 1, "22023"],
    [["***1111", "x"], 0, null], // a mask of another column, that this one never shows
    [["x", "[masked]"], 0, null],
  ];
  it.each(parameters)("is refused as a parameter: %j in format %i", async (values, format, code) => {
    const client = await connect();
    await client.query("BEGIN");
    const query = new TextEncoder().encode("UPDATE people SET ssn = $1, name = $2");
    client.send(
      (writer) => encodeParse(writer, { statement: "", query, parameterTypes: [] }),
      (writer) =>
        encodeBind(writer, {
          ...{ portal: "", statement: "", parameterFormats: [format], resultFormats: [] },
          parameters: values.map((value) => Buffer.from(value)),
        }),
      (writer) => encodeExecute(writer, { portal: "", maxRows: 0 }),
      (writer) => encodeSync(writer),
    );
    const answer = await client.until("ReadyForQuery");
    client.destroy();
    expect(errorOf(answer)).toBe(code);
  });

  const copies: readonly (readonly [sql: string, data: readonly string[], code: string | null])[] = [
    ["COPY people (id, ssn) FROM STDIN", ["5\t987-65-4321\n6\t[masked]\n"], "22023"],
    ["COPY people (id, ssn) FROM STDIN", ["5\t[mas", "ked", "]\n6\tx\n"], "22023"],
    ["COPY people (id, ssn) FROM STDIN", ["5\t[masked]"], "22023"],
    ["COPY people (id, card) FROM STDIN (FORMAT csv)", ['5,"***1111"\n'], "22023"],
    ["COPY people (id, ssn) FROM STDIN (DELIMITER '|')", ["5|[masked]\n", "6|more\n"], "22023"],
    ["COPY people (id, name) FROM STDIN", ["5\t[masked]\n"], null],
    ["COPY people (id, ssn) FROM STDIN", ["5\tit was [masked]\n"], null],
    ["COPY notes FROM STDIN", ["5\t[masked]\n"], null],
  ];
  it.each(copies)("is refused in the data of %s: %j", async (sql, data, code) => {
    const client = await connect();
    await client.query("BEGIN");
    client.send((writer) => encodeQuery(writer, { query: new TextEncoder().encode(sql) }));
    await client.until("CopyInResponse");
    for (const piece of data) client.send((writer) => encodeCopyData(writer, { data: Buffer.from(piece) }));
    client.send((writer) => encodeCopyDone(writer));
    const answer = await client.until("ReadyForQuery");
    expect(errorOf(answer)).toBe(code);
    await client.query("ROLLBACK");
    expect(rows(await client.query("SELECT count(*) FROM people"))).toEqual([["1"]]);
    client.destroy();
  });

  it("is told by the column, and by what to do", async () => {
    const client = await connect();
    const answer = await client.query("UPDATE people SET ssn = '[masked]'");
    client.destroy();
    const report = answer.flatMap((message) => (message.type === "ErrorResponse" ? [reportOf(message.fields)] : []))[0];
    expect(report?.message).toBe('what is written to "ssn" of "public.people" is a mask: the value would be destroyed');
    expect(report?.hint).toContain("Leave the column out");
  });
});
