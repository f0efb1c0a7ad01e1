/**
 * The scripted agent of `npm start -- --once`: connects as an agent would, with an ordinary driver, and checks at each step that
 * what happens is what should. Says in plain words what it saw.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { z } from "zod";
import { readEntries } from "../audit/read.ts";
import { verifyLog } from "../audit/verify.ts";
import { listInstances } from "../store/rebuild.ts";
import { badTokens } from "./bad-tokens.ts";
import type { Demo } from "./start-demo.ts";

/** Not what should have happened; the message says what did. */
class Surprise extends Error {
  override readonly name = "Surprise";
}

type Say = (line: string) => void;

const STEPS: readonly (readonly [title: string, step: (demo: Demo, say: Say) => Promise<void>])[] = [
  ["Who is who", tellIdentity],
  ["Reading, and what is masked", read],
  ["Writing, in transactions", write],
  ["What policy denies", tryDenied],
  ["What waits for a person", waitForPerson],
  ["Bad tokens", tryBadTokens],
  ["The record", verify],
];

/** @returns whether everything went as it should. */
export async function runScript(demo: Demo, say: Say): Promise<boolean> {
  for (const [index, [title, step]] of STEPS.entries()) {
    say(`\n${index + 1}. ${title}`);
    try {
      await step(demo, (text) => say(wrapped(text)));
    } catch (error) {
      say(wrapped(`SURPRISE: ${error instanceof Error ? error.message : String(error)}`));
      return false;
    }
  }
  say("\nAll as it should be.");
  return true;
}

const COLUMNS = 80;
const INDENT = "   ";

/** `text` in lines that fit a terminal. */
function wrapped(text: string): string {
  const lines = [INDENT];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    const longer = line.trim() === "" ? line + word : `${line} ${word}`;
    if (longer.length <= COLUMNS) lines[lines.length - 1] = longer;
    else lines.push(INDENT + word);
  }
  return lines.join("\n");
}

async function tellIdentity(demo: Demo, say: Say): Promise<void> {
  for (const name of ["report-agent", "support-agent"] as const) {
    await withAgent(demo, await demo.issuer.tokenFor(name), async (client) => {
      const [row] = await rows(
        client,
        "SELECT current_user AS role, current_setting('application_name') AS application",
      );
      expect(
        row?.["role"] === "agent" && String(row["application"]).startsWith(name),
        `the server sees ${JSON.stringify(row)}`,
      );
      const whom = name === "support-agent" ? "for sam, by token exchange" : "for itself, by client credentials";
      say(`${name}, acting ${whom}: the server's role is agent, and its log says ${String(row?.["application"])}.`);
    });
  }
  say("Neither holds a password of the database: Postern does.");
}

async function read(demo: Demo, say: Say): Promise<void> {
  await withAgent(demo, await demo.issuer.tokenFor("report-agent"), async (client) => {
    const [count] = await rows(client, "SELECT count(*)::int AS customers FROM customers");
    expect(Number(count?.["customers"]) >= 5_000, `there are ${String(count?.["customers"])} customers`);
    const query = `SELECT full_name, email, card_number, to_char(date_of_birth, 'YYYY-MM-DD') AS born
      FROM customers WHERE country = $1 AND card_number IS NOT NULL ORDER BY id LIMIT 2`;
    const found = await rows(client, query, ["NL"]);
    expect(found.length === 2, `two customers were asked for, ${found.length} came`);
    const shown = found.map((row) => Object.values(row).map(String).join(", "));
    for (const { email, card_number: card, born } of found) {
      expect(email === MASKED, `an e-mail address came as ${String(email)}`);
      expect(/^\*\*\*\d{4}$/.test(String(card)), `a card number came as ${String(card)}`);
      expect(/-01-01$/.test(String(born)), `a date of birth came as ${String(born)}`);
    }
    say(`${String(count?.["customers"])} customers. Name, e-mail, card, born: ${shown.join("; ")}.`);
    await askByOtherWays(client, say);
  });
}

const MASKED = "[masked]";

/** Another name, another type, a function over it, COPY: all see the mask. So does a question, which then tells nothing. */
async function askByOtherWays(client: pg.Client, say: Say): Promise<void> {
  const [other] = await rows(
    client,
    "SELECT ssn AS x, ssn::varchar AS y, reverse(ssn) AS z, row_to_json(c)->>'ssn' AS w FROM customers c LIMIT 1",
  );
  const ways = Object.values(other ?? {});
  expect(ways.join() === `${MASKED},${MASKED},]deksam[,${MASKED}`, `an SSN came as ${ways.join(", ")}`);
  const copied = await copyOut(client, "COPY (SELECT ssn FROM customers LIMIT 1) TO STDOUT");
  expect(copied === `${MASKED}\n`, `COPY gave ${copied}`);
  say(`The SSN by an alias, a cast, reverse(), as JSON and by COPY: ${[...ways, copied.trim()].join(", ")}.`);
  const [viewed] = await rows(client, "SELECT upper(email) AS email, contact_phone, orders FROM analyst WHERE id = 1");
  const { email, contact_phone: phone } = viewed ?? {};
  expect(email === MASKED.toUpperCase() && phone === null, `a view gave ${String(email)} and ${String(phone)}`);
  say("The view analyst, which computes with them, computes with the masks.");
  const answers = new Set<string>();
  for (let digit = 0; digit <= 9; digit++) {
    const [row] = await rows(client, "SELECT count(*) AS n FROM customers WHERE ssn LIKE $1", [`${digit}%`]);
    answers.add(String(row?.["n"]));
  }
  expect([...answers].join() === "0", `asked for first digits, the counts were ${[...answers].join(", ")}`);
  say("How many SSNs begin with 0, 1, … 9? Ten times 0: a condition sees the mask too.");
}

async function copyOut(client: pg.Client, sql: string): Promise<string> {
  let text = "";
  const take = (message: { readonly chunk: Uint8Array }): void => {
    text += Buffer.from(message.chunk).toString();
  };
  client.connection.on("copyData", take);
  await client.query(sql);
  client.connection.off("copyData", take);
  return text;
}

async function write(demo: Demo, say: Say): Promise<void> {
  await withAgent(demo, await demo.issuer.tokenFor("report-agent"), async (client) => {
    await client.query("BEGIN");
    const [order] = await rows(
      client,
      "INSERT INTO orders (customer_id, status) VALUES ($1, 'placed') RETURNING id",
      [1],
    );
    const id = Number(order?.["id"]);
    await rows(client, "UPDATE orders SET note = 'placed by an agent' WHERE id = $1", [id]);
    await client.query("COMMIT");
    const [kept] = await rows(client, "SELECT note FROM orders WHERE id = $1", [id]);
    expect(kept?.["note"] === "placed by an agent", `order ${id} is ${JSON.stringify(kept)} after COMMIT`);
    say(`Order ${id} placed and committed.`);
    await client.query("BEGIN");
    await rows(client, "UPDATE orders SET note = NULL WHERE id = $1", [id]);
    await client.query("ROLLBACK");
    const [after] = await rows(client, "SELECT note FROM orders WHERE id = $1", [id]);
    expect(after?.["note"] === "placed by an agent", `order ${id} is ${JSON.stringify(after)} after ROLLBACK`);
    say("An UPDATE of it rolled back: the order is as it was.");
  });
}

/** What each is refused by; the reason is the policy's own. */
const DENIED: readonly (readonly [sql: string, policy: string])[] = [
  ["DROP TABLE customers", "no-definitions"],
  ["DELETE FROM orders", "name-the-rows"],
];

async function tryDenied(demo: Demo, say: Say): Promise<void> {
  await withAgent(demo, await demo.issuer.tokenFor("support-agent"), async (client) => {
    for (const [sql, policy] of DENIED) {
      const refusal = await client.query(sql).catch((error: unknown) => error);
      expect(refusal instanceof pg.DatabaseError && refusal.code === "42501", `${sql} ended with ${String(refusal)}`);
      expect(refusal.detail?.includes(policy) === true, `${sql} was denied by: ${String(refusal.detail)}`);
      say(`${sql}: refused, ${refusal.code}, ${refusal.message}.`);
      say(`${refusal.detail} ${refusal.hint ?? ""}`.trim());
    }
    const [count] = await rows(client, "SELECT count(*)::int AS customers FROM customers");
    expect(Number(count?.["customers"]) >= 5_000, `after the DROP there are ${String(count?.["customers"])} customers`);
    say("Neither ran, and the session goes on.");
  });
}

/** Another text in each run: what the run before has asked for is not asked for again. */
const deleteOf = (run: number): string =>
  `DELETE FROM orders WHERE note = 'placed by an agent' /* purpose: clean up after run ${run} of the demo */`;
const Waiting = z.looseObject({
  id: z.string(),
  cardHash: z.string(),
  state: z.string(),
  approvers: z.array(z.string()),
});

async function waitForPerson(demo: Demo, say: Say): Promise<void> {
  await withAgent(demo, await demo.issuer.tokenFor("support-agent"), async (client) => {
    let deleted: number | null = null;
    const text = deleteOf(Date.now());
    const running = client.query(text).then(({ rowCount }) => {
      deleted = rowCount;
    });
    const [ada, sam] = [await demo.issuer.tokenFor("ada"), await demo.issuer.tokenFor("sam")];
    const waiting = await untilOneWaits(demo, ada);
    expect(deleted === null, "a DELETE ran before anyone had approved it");
    say(`DELETE FROM orders …: waits for ${waiting.approvers.join()}, as ${waiting.id}. It holds no lock.`);
    const own = await api(demo, sam, `approvals/${waiting.id}/approve`, { card: waiting.cardHash });
    expect(own.status >= 400, `sam, for whom the agent acts, was let approve it: ${own.status}`);
    say("Sam, for whom the agent acts, may not approve it.");
    const approved = await api(demo, ada, `approvals/${waiting.id}/approve`, { card: waiting.cardHash });
    expect(approved.status === 200, `ada's approval ended with ${approved.status} ${JSON.stringify(approved.json)}`);
    await running;
    say(`Ada, a DBA, approves what she was shown: it runs, ${String(deleted)} ${deleted === 1 ? "row" : "rows"}.`);
    await client.query("SET postern.approval = 'defer'");
    const again = await client.query(text).catch((error: unknown) => error);
    expect(again instanceof pg.DatabaseError && again.code === "42501", `once more, it ended with ${String(again)}`);
    expect(again.detail?.includes(waiting.id) === false, "one approval was good for two attempts");
    say("The same statement again: it needs an approval of its own. Each is good for one attempt.");
  });
}

async function untilOneWaits(demo: Demo, token: string): Promise<z.infer<typeof Waiting>> {
  const deadlineMs = performance.now() + 30_000;
  while (performance.now() < deadlineMs) {
    const { json } = await api(demo, token, "approvals?state=pending");
    const [first] = z.looseObject({ approvals: z.array(Waiting) }).parse(json).approvals;
    if (first !== undefined) return first;
    await wait(20);
  }
  throw new Surprise("a DELETE that needs approval waits for nobody");
}

async function api(
  demo: Demo,
  token: string,
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly json: unknown }> {
  const { host, port } = demo.gateway.addresses.http;
  const answer = await fetch(`http://${host}:${port}/api/v1/${path}`, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, json: await answer.json() };
}

async function tryBadTokens(demo: Demo, say: Say): Promise<void> {
  const good = await demo.issuer.tokenFor("report-agent");
  for (const { what, token } of await badTokens(good, demo.folder.file("issuer", "issuer.json"))) {
    const refusal = await withAgent(demo, token, () => Promise.resolve(null)).catch((error: unknown) => error);
    expect(refusal !== null, `a token ${what} was let in`);
    expect(codeOf(refusal) === "28000", `a token ${what} ended with ${String(refusal)}`);
    say(`A token ${what}: refused, 28000.`);
  }
}

async function verify(demo: Demo, say: Say): Promise<void> {
  await demo.stopGateway(); // its last words are in the log then
  const folder = demo.folder.file("data", "log");
  const report = await verifyLog(folder);
  expect(report.ok, `postern audit verify: ${report.problems.join("; ")}`);
  say(`Verified by Postern itself: ${report.entries} entries in ${report.logs.length} logs.`);
  say(await verifyByPython(folder));
  say(await tellRecord(folder));
  say(`The log: ${demo.folder.show("data", "log")}`);
}

const Entry = z.looseObject({ type: z.string(), reason: z.string().optional(), verdict: z.string().optional() });

/** What the log holds of this run, which must be what was done. */
async function tellRecord(folder: string): Promise<string> {
  const counts = new Map<string, number>();
  let refusals: string[] = [];
  for (const instance of await listInstances(folder)) {
    for await (const { json } of readEntries(join(folder, instance), 0)) {
      const { type, reason = "", verdict } = Entry.parse(JSON.parse(json));
      if (type === "gateway.started") {
        counts.clear(); // the runs before
        refusals = [];
      }
      const kind = verdict === "refused" ? `${type}.refused` : type;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      if (type === "session.refused") refusals.push(reason);
    }
  }
  const count = (type: string): number => counts.get(type) ?? 0;
  expect(
    count("session.opened") === 6 && count("session.closed") === 6,
    `the log has ${count("session.opened")} sessions, not 6`,
  );
  expect(count("statement.decided") === count("statement.finished"), "a statement on the record has no outcome");
  const denied = count("statement.decided.refused");
  const expected = DENIED.length + 1; // and the DELETE that was sent once more
  expect(denied === expected, `the log has ${denied} denied statements, not ${expected}`);
  const steps = ["requested", "decided", "consumed"].map((step) => count(`approval.${step}`));
  expect(steps.join() === "2,1,1", `of approvals the log has ${steps.join()}`);
  expect(
    count("transaction.committed") === 2 && count("transaction.rolled_back") === 1,
    "the log has other transactions",
  );
  expect(refusals.join() === "expired,audience,algorithm", `the log has the refusals ${refusals.join()}`);
  return `On record: 6 sessions, ${count("statement.decided")} statements, each before it ran, with its outcome, ${denied} denied ones, 2 commits, 1 rollback, 1 approval from its request to its one use, 3 refused sessions (${refusals.join(", ")}).`;
}

const VERIFIER = fileURLToPath(new URL("../../verifier/postern_verify.py", import.meta.url));

async function verifyByPython(folder: string): Promise<string> {
  if (!existsSync(VERIFIER)) throw new Surprise("verifier/postern_verify.py is missing");
  const python = spawn("python3", [VERIFIER, folder], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [python.stdout, python.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
  }
  const [code] = await once(python, "close").catch((): [null] => [null]);
  if (code === null) return "The second verifier was not run: there is no python3 here.";
  expect(code === 0, `verifier/postern_verify.py: ${said.trim()}`);
  return "Verified by verifier/postern_verify.py, which shares no code with it.";
}

async function withAgent<T>(demo: Demo, token: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const { wire } = demo.gateway.addresses;
  const client = new pg.Client({
    host: wire.host,
    port: wire.port,
    user: "agent",
    database: "shop",
    password: token,
    application_name: "script",
    ssl: { ca: demo.ca },
  });
  client.on("error", () => undefined); // the query in flight rejects with it
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

type Row = Readonly<Record<string, unknown>>;

async function rows(client: pg.Client, text: string, values: readonly unknown[] = []): Promise<readonly Row[]> {
  const result = await client.query<Row>(text, [...values]);
  return result.rows;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function expect(isSo: boolean, otherwise: string): asserts isSo {
  if (!isSo) throw new Surprise(otherwise);
}
