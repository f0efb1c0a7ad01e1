/** What a session is told of masks, and what is put on record of masks and reveals. */

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reportOf } from "../../src/wire/error-response.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { logEntries } from "../support/log-entries.ts";
import { errorOf } from "../support/policy-server.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, rows } from "../support/raw-client.ts";

const APP = { user: "app", password: "app-password" } as const;
const SCHEMA = `
  CREATE TABLE people (id int PRIMARY KEY, name text, ssn text, card text);
  INSERT INTO people VALUES (1, 'Ada', '123-45-6789', '4111111111111111'), (2, 'Bob', '987-65-4321', '5500005555555559');
  CREATE VIEW names AS SELECT id, name, ssn AS number FROM people;
  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app;
`;
const LABELS = `
masks: { pii: redact, card: { mask: partial, show: 4 } }
columns: { shop.public.people.ssn: pii, shop.public.people.card: card }
quarantine: off
`;
const POLICY = `
@id("all") permit (principal in Group::"agents", action in [Action::"connect", Action::"read", Action::"write", Action::"call", Action::"set"], resource in Database::"shop");
@id("seers") permit (principal in Group::"seers", action == Action::"reveal", resource == Label::"pii");
`;

describe.each([15, 18] as const)("masks of PostgreSQL %i", (version) => {
  let postgres: TestPostgres;
  let gateway: TestGateway;
  let folder: string;

  beforeAll(async () => {
    postgres = await startPostgres({ version });
    await postgres.psql(`CREATE ROLE app LOGIN PASSWORD '${APP.password}'`);
    await postgres.psql("CREATE DATABASE shop");
    await postgres.psql(SCHEMA, "shop");
    folder = await mkdtemp(join(tmpdir(), "postern-masked-record-"));
    await writeFile(join(folder, "agents.cedar"), POLICY);
    await writeFile(join(folder, "labels.yaml"), LABELS);
    const limits = { groups: { few: { revealedRowsPerHour: 3 } } };
    const config = { policy: folder, labels: join(folder, "labels.yaml"), limits };
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

  async function noticesOf(client: RawClient, sql: string): Promise<readonly string[]> {
    const answer = await client.query(sql);
    expect(errorOf(answer)).toBe(null);
    return answer.flatMap((message) => (message.type === "NoticeResponse" ? [reportOf(message.fields).message] : []));
  }

  it("are told of once for each column, when a statement first uses it", async () => {
    const client = await connect();

    expect(await noticesOf(client, "SELECT id, name FROM people")).toEqual([]);
    expect(await noticesOf(client, "SELECT p.ssn, name FROM people p")).toEqual([
      "masked for you: public.people.ssn (pii: redact)",
    ]);
    expect(await noticesOf(client, "SELECT * FROM people")).toEqual([
      "masked for you: public.people.card (card: partial (4 from end))",
    ]);
    expect(await noticesOf(client, "SELECT * FROM people")).toEqual([]);
    expect(await noticesOf(client, "SELECT n FROM names n WHERE number = 'x'")).toEqual([
      "masked for you: public.names.number (pii: redact)",
    ]);
    client.destroy();
  });

  it("are told of right before the end of the statement", async () => {
    const client = await connect();
    const answer = await client.query("SELECT ssn FROM people; SELECT 1");
    const copied = await client.query("COPY (SELECT card FROM people) TO STDOUT");
    client.destroy();

    expect(answer.map(({ type }) => type)).toEqual([
      ...["RowDescription", "DataRow", "DataRow", "NoticeResponse", "CommandComplete"],
      ...["RowDescription", "DataRow", "CommandComplete", "ReadyForQuery"],
    ]);
    expect(copied.map(({ type }) => type).slice(-4)).toEqual([
      ...["CopyDone", "NoticeResponse", "CommandComplete", "ReadyForQuery"],
    ]);
  });

  it("are not told of where the client wants no notices, nor of those that it sees as they are", async () => {
    const [quiet, seer] = [await connect(), await connect("seers")];
    await quiet.query("SET client_min_messages = warning");

    expect(await noticesOf(quiet, "SELECT * FROM people")).toEqual([]);
    expect(await noticesOf(seer, "SELECT ssn FROM people")).toEqual([]);
    quiet.destroy();
    seer.destroy();
  });

  it("are told of after a statement that failed", async () => {
    const client = await connect();
    const failed = await client.query("SELECT ssn, 1 / (id - 1) FROM people");

    expect(errorOf(failed)).toBe("22012");
    expect(await noticesOf(client, "SELECT ssn FROM people")).toHaveLength(1);
    client.destroy();
  });

  /** Entries of one session, in their order. */
  async function entriesAfter(...statements: readonly (readonly [group: string, sql: string])[]) {
    const before = (await logEntries(gateway)).length;
    for (const [group, sql] of statements) {
      const client = await connect(group);
      const answer = await client.query(sql);
      expect(errorOf(answer)).toBe(null);
      if (sql.startsWith("SELECT")) expect(rows(answer).length).toBeGreaterThan(0);
      client.destroy();
    }
    return (await logEntries(gateway)).slice(before);
  }

  it("are in the entry of each statement by their labels, and so is what is revealed", async () => {
    const entries = await entriesAfter(
      ["x", "SELECT card, ssn FROM people"],
      ["seers", "SELECT card, ssn FROM people"],
      ["seers", "SELECT name FROM people"],
    );
    const decided = entries.flatMap((entry) => (entry.type === "statement.decided" ? [entry] : []));

    expect(decided.map(({ masked, revealed }) => [masked, revealed])).toEqual([
      [["card", "pii"], undefined],
      [["card"], ["pii"]],
      [undefined, undefined],
    ]);
  });

  it("have an entry for each statement whose rows show values, with the policy that reveals them", async () => {
    const entries = await entriesAfter(
      ["x", "SELECT ssn FROM people"],
      ["seers", "SELECT ssn, card FROM people"],
      ["seers", "SELECT name FROM people"],
      ["seers", "UPDATE people SET name = name WHERE id = 1 RETURNING ssn"],
    );
    const used = entries.flatMap((entry) => (entry.type === "reveal.used" ? [entry] : []));

    expect(used).toMatchObject([
      { labels: ["pii"], columns: ["public.people.ssn"], policies: ["seers"], rows: 2 },
      { labels: ["pii"], columns: ["public.people.ssn"], policies: ["seers"], rows: 1 },
    ]);
    const [first] = used;
    const decided = entries.find((entry) => {
      return (
        entry.type === "statement.decided" &&
        entry.session === first?.session &&
        entry.sessionSeq === first?.["statement"]
      );
    });
    expect(decided).toMatchObject({ revealed: ["pii"], masked: ["card"] });
  });

  it("are so many in an hour that show values, over all sessions of a principal, where a limit says so", async () => {
    const as = async (sub: string): Promise<RawClient> => {
      const client = await RawClient.connect(gateway);
      const token = await gateway.token({ sub, groups: ["agents", "seers", "few"] });
      await client.login({ user: APP.user, database: "shop" }, token);
      return client;
    };
    const [one, two, other] = [await as("few"), await as("few"), await as("other")];
    const answers = [
      await one.query("SELECT ssn FROM people"),
      await one.query("SELECT card, name FROM people"), // no value
      await two.query("SELECT ssn FROM people"),
      await two.query("COPY (SELECT ssn FROM people) TO STDOUT"),
      await one.query("SELECT name FROM people"),
      await other.query("SELECT ssn FROM people"),
    ];
    for (const client of [one, two, other]) client.destroy();

    expect(answers.map((answer) => [rows(answer).length, errorOf(answer)])).toEqual([
      ...[
        [2, null],
        [2, null],
        [1, "54000"],
        [0, "54000"],
        [2, null],
        [2, null],
      ],
    ]);
    expect(answers[3]?.filter(({ type }) => type === "CopyData")).toEqual([]);
    const [told] = answers[2]?.filter((message) => message.type === "ErrorResponse") ?? [];
    expect(told?.type === "ErrorResponse" && reportOf(told.fields)).toMatchObject({
      message: expect.stringContaining("3 rows with revealed values in an hour"),
      detail: expect.stringContaining("limits.groups.few.revealedRowsPerHour"),
    });
  });

  it("can be left untold by labels.yaml", async () => {
    const file = join(folder, "labels.yaml");
    await writeFile(file, `${LABELS}notice: off\n`);
    await gateway.running.reload();
    const client = await connect();

    expect(await noticesOf(client, "SELECT ssn FROM people")).toEqual([]);
    client.destroy();
    await writeFile(file, LABELS);
    await gateway.running.reload();
  });
});
