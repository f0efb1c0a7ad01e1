import { createHash } from "node:crypto";
import { readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { verifyLog } from "../../src/audit/verify.ts";
import { sessionSalt } from "../../src/gateway/open-session.ts";
import { encodeBind, encodeExecute, encodeParse, encodeSync, encodeTerminate } from "../../src/wire/extended.ts";
import { encodePasswordMessage } from "../../src/wire/password.ts";
import { encodeStartupMessage } from "../../src/wire/startup.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { type LogEntry, lastSession, logEntries } from "../support/log-entries.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";
import { RawClient, summary } from "../support/raw-client.ts";

let postgres: TestPostgres;
let gateway: TestGateway;

beforeAll(async () => {
  postgres = await startPostgres();
  gateway = await startGateway({ postgres });
});
afterAll(async () => {
  await gateway?.stop();
  await postgres?.stop();
});

const bytes = (text: string) => new TextEncoder().encode(text);

async function login(of = gateway): Promise<RawClient> {
  const client = await RawClient.connect(of);
  const messages = await client.login({ user: of.role, database: of.database }, await of.token());
  expect(summary(messages).at(-1)).toBe("ReadyForQuery idle");
  return client;
}

/** Ends the session and gives its entries, from session.opened to session.closed. */
async function recordOf(client: RawClient): Promise<LogEntry[]> {
  client.send(encodeTerminate);
  await client.rest();
  for (;;) {
    const entries = await lastSession(gateway);
    if (entries.at(-1)?.type === "session.closed") return entries;
  }
}

const types = (entries: readonly LogEntry[]) => entries.map(({ type }) => type);

describe("the record of a session", () => {
  it("has the intent and the outcome of each statement, and counts them at the close", async () => {
    const client = await login();
    await client.query("SELECT * FROM generate_series(1, 3)");
    await client.query("SELECT nowhere");

    const entries = await recordOf(client);

    expect(types(entries)).toEqual([
      "session.opened",
      "statement.decided",
      "statement.finished",
      "statement.decided",
      "statement.finished",
      "session.closed",
    ]);
    expect(entries.map(({ sessionSeq }) => sessionSeq)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(entries[2]).toMatchObject({ statement: 1, outcome: "completed", rowsReturned: 3 });
    expect(entries[4]).toMatchObject({ statement: 3, outcome: "failed", sqlstate: "42703" });
    expect(entries[5]).toMatchObject({ statements: 2, rows: 3, reason: "client terminated" });
  });

  it("commits to the text, the parameters and the rows without holding them", async () => {
    const client = await login();
    const text = "SELECT $1::text AS planted";
    client.send(
      (w) => encodeParse(w, { statement: "", query: bytes(text), parameterTypes: [] }),
      (w) =>
        encodeBind(w, {
          portal: "",
          statement: "",
          parameterFormats: [],
          parameters: [bytes("s3cret")],
          resultFormats: [],
        }),
      (w) => encodeExecute(w, { portal: "", maxRows: 0 }),
      encodeSync,
    );
    await client.until("ReadyForQuery");

    const entries = await recordOf(client);

    const key = Buffer.from((await readFile(join(gateway.dataPath, "keys", "commitment.key"), "utf8")).trim(), "hex");
    const salt = sessionSalt(key, entries[0]?.session ?? "");
    const commit = (kind: string, committed: Uint8Array) =>
      createHash("sha256").update(salt).update(kind).update(committed).digest("hex");
    const parameters = Buffer.from([0, 0, 0, 1, 0, 0, 0, 6, ...bytes("s3cret")]);
    const row = Buffer.from([0x44, 0, 0, 0, 16, 0, 1, 0, 0, 0, 6, ...bytes("s3cret")]);
    expect(entries[1]).toMatchObject({
      sql: { commitment: commit("s", bytes(text)) },
      parameters: commit("p", parameters),
    });
    expect(entries[2]).toMatchObject({ rows: commit("r", row) });
    expect(JSON.stringify(entries)).not.toContain("s3cret");
    expect(JSON.stringify(entries)).not.toContain("planted");
  });

  it("names what a commit, a rollback and a rollback to a savepoint settled", async () => {
    const client = await login();
    await client.query("CREATE TABLE fates (n int)");
    await client.query("BEGIN");
    await client.query("INSERT INTO fates VALUES (1)");
    await client.query("SAVEPOINT s");
    await client.query("INSERT INTO fates VALUES (2)");
    await client.query("ROLLBACK TO s");
    await client.query("COMMIT");
    await client.query("BEGIN; INSERT INTO fates VALUES (3); ROLLBACK");
    await client.query("INSERT INTO fates VALUES (4); SELECT 1/0");

    const entries = await recordOf(client);

    const decided = entries.filter(({ type }) => type === "statement.decided").map(({ sessionSeq }) => sessionSeq ?? 0);
    const [create, , first, , second, , , , third, , fourth] = decided;
    const settled = entries.filter(({ type }) => type.startsWith("transaction."));
    const covers = (entry: LogEntry | undefined, seq: number | undefined) =>
      (entry?.["statements"] as [number, number][]).some(([from, to]) => from <= (seq ?? -1) && (seq ?? -1) <= to);
    expect(settled.map(({ type, savepoint }) => [type, savepoint])).toEqual([
      ["transaction.committed", undefined],
      ["transaction.rolled_back", true],
      ["transaction.committed", undefined],
      ["transaction.rolled_back", false],
      ["transaction.rolled_back", false],
    ]);
    expect(covers(settled[0], create)).toBe(true);
    expect(covers(settled[1], second)).toBe(true);
    expect(covers(settled[2], first)).toBe(true);
    expect(covers(settled[2], second)).toBe(false);
    expect(covers(settled[3], third)).toBe(true);
    expect(covers(settled[4], fourth)).toBe(true);
  });

  it("says of what the server skipped that it never ran", async () => {
    const client = await login();
    const statement = (text: string) => [
      (w: Parameters<typeof encodeParse>[0]) =>
        encodeParse(w, { statement: "", query: bytes(text), parameterTypes: [] }),
      (w: Parameters<typeof encodeBind>[0]) =>
        encodeBind(w, { portal: "", statement: "", parameterFormats: [], parameters: [], resultFormats: [] }),
      (w: Parameters<typeof encodeExecute>[0]) => encodeExecute(w, { portal: "", maxRows: 0 }),
    ];
    client.send(...statement("SELECT 1/0"), ...statement("SELECT 2"), encodeSync);
    await client.until("ReadyForQuery");

    const entries = await recordOf(client);

    const outcomes = entries.filter(({ type }) => type === "statement.finished").map(({ outcome }) => outcome);
    expect(outcomes).toEqual(["failed", "skipped"]);
  });

  it("has what was refused, with the reason, and nothing of it reached the server", async () => {
    const client = await login();
    await client.query("SET ROLE somebody_else");
    await client.query("SELEC nothing");

    const entries = await recordOf(client);

    const refused = entries.filter(({ verdict }) => verdict === "refused").map(({ reason }) => reason);
    expect(refused).toEqual(["42501 STATEMENT_DENIED", "42601 SYNTAX_ERROR"]);
    expect(await readFile(postgres.logPath, "utf8")).not.toContain("somebody_else");
  });
});

describe("a client that vanishes while its session is set up", () => {
  it("leaves no session behind, and each that was opened is closed on record", async () => {
    const token = await gateway.token();
    for (let i = 0; i < 12; i++) {
      const client = await RawClient.connect(gateway);
      client.send((w) =>
        encodeStartupMessage(w, {
          minor: 0,
          parameters: new Map([
            ["user", gateway.role],
            ["database", gateway.database],
          ]),
        }),
      );
      await client.until("AuthenticationCleartextPassword");
      client.send((w) => encodePasswordMessage(w, { password: token }));
      // By the count of turns of the event loop: some before, some after the upstream is there.
      for (let turn = 0; turn < i * 4; turn++) await new Promise((resolve) => setImmediate(resolve));
      client.socket.resetAndDestroy();
    }

    let open = new Set<string | undefined>([""]);
    while (open.size > 0) {
      const entries = await logEntries(gateway);
      open = new Set(entries.filter(({ type }) => type === "session.opened").map(({ session }) => session));
      for (const { type, session } of entries) if (type === "session.closed") open.delete(session);
    }

    expect(open.size).toBe(0);
  });
});

describe("a log that cannot be written", () => {
  it("lets no statement run, says 58030, and lets them run again when it can", async () => {
    await using own = await startGateway({ postgres });
    const client = await login(own);
    await client.query("CREATE TABLE unrecorded (n int)");

    await rename(join(own.dataPath, "journal"), join(own.dataPath, "journal.away"));
    client.send((w) => w.begin(0x51).cstring("INSERT INTO unrecorded VALUES (1)").end());
    const answered = summary(await client.rest());
    const refused = await RawClient.connect(own);
    const atLogin = summary(await refused.login({ user: own.role, database: own.database }, await own.token()));
    const ready = await fetch(`${own.http}/readyz`);
    await rename(join(own.dataPath, "journal.away"), join(own.dataPath, "journal"));
    await readyAgain(own);
    const after = await login(own);
    const count = await after.query("SELECT count(*) FROM unrecorded");
    after.destroy();
    await own.running.stop("test");
    const report = await verifyLog(join(own.dataPath, "log"));

    expect(answered.at(-1)).toBe("ErrorResponse 58030");
    expect(atLogin.at(-1)).toBe("ErrorResponse 58030");
    expect(ready.status).toBe(503);
    expect(count.find((message) => message.type === "DataRow")).toMatchObject({ values: [Buffer.from("0")] });
    expect(report.problems).toEqual([]);
  });

  async function readyAgain(of: TestGateway): Promise<void> {
    while ((await fetch(`${of.http}/readyz`)).status !== 200);
  }
});
