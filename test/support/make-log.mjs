#!/usr/bin/env node
/**
 * Makes a data folder with a real audit log of about ENTRIES entries in it: sessions with reads, writes, refused and failed
 * statements, transactions, savepoints, refused clients. Needs `npm run build`.
 *
 *   node test/support/make-log.mjs FOLDER [ENTRIES] [--runs N] [--kill]
 *
 * --runs: so many times opened and closed again. --kill: ends itself with SIGKILL instead of closing the last time.
 */

import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { AuditLog } from "../../dist/audit/log.js";
import { systemClock } from "../../dist/base/clock.js";
import { newId } from "../../dist/base/ids.js";

const quiet = { info: () => {}, warn: () => {}, error: () => {} };
const hash = (text) => createHash("sha256").update(text).digest("hex");

export function openLog(folder, logger = quiet) {
  return AuditLog.open({
    folder,
    gatewayName: "gw.example",
    clock: systemClock,
    durability: "default",
    logger,
    version: "0.0.0",
    counters: () => ({ sessions: 1, statements: 2 }),
  });
}

/** Entries of one session, in order; about `statements` * 2 of them. */
export function* sessionEntries(number, statements) {
  const session = newId("ses", Date.now());
  const principal = {
    kind: "agent",
    issuer: "https://issuer.example",
    subject: `person${number}@example.com`,
    actors: [{ subject: "agent-é", issuer: "https://issuer.example", proof: "verified" }],
    credential: { kind: "token", id: hash(`token ${number}`).slice(0, 16) },
  };
  const common = {
    principal,
    clientAddress: `192.0.2.${number % 250}:5000`,
    via: "wire",
    database: "shop",
    upstreamRole: "analyst",
  };
  let sessionSeq = 0;
  let decided = 0;
  let rows = 0;
  yield { type: "session.opened", session, sessionSeq: sessionSeq++, ...common, tls: "TLSv1.3", protocol: "3.2" };
  for (let i = 0; i < statements; i++) {
    const refused = i % 7 === 3;
    const write = i % 3 === 1;
    const statement = sessionSeq++;
    decided++;
    yield {
      type: "statement.decided",
      session,
      sessionSeq: statement,
      ...common,
      class: write ? "write" : "read",
      verdict: refused ? "refused" : "permitted",
      ...(refused ? { reason: "STATEMENT_DENIED" } : {}),
      sql: { commitment: hash(`sql ${number} ${i}`), fingerprint: hash(`form ${i % 5}`).slice(0, 16) },
      ...(i % 2 === 0 ? { parameters: hash(`parameters ${i}`) } : {}),
      requests: [],
    };
    if (refused) continue;
    const failed = i % 5 === 4;
    if (!failed && !write) rows += i;
    yield {
      type: "statement.finished",
      session,
      sessionSeq: sessionSeq++,
      statement,
      outcome: failed ? "failed" : "completed",
      ...(failed ? { sqlstate: "23505" } : {}),
      rowsReturned: failed || write ? 0 : i,
      rowsAffected: write && !failed ? 1 : 0,
      bytes: 10 * i,
      durationMs: i / 8,
    };
    if (!write) continue;
    const fate = { session, sessionSeq: sessionSeq++, statements: [[statement, statement]] };
    if (failed) yield { type: "transaction.rolled_back", ...fate, savepoint: false };
    else yield { type: "transaction.committed", ...fate, transactionId: String(1000 + i) };
  }
  yield {
    type: "session.closed",
    session,
    sessionSeq,
    statements: decided,
    rows,
    bytes: 10 * decided,
    reason: "client ended",
  };
}

/** Appends about `count` entries, sessions interleaved by tens. @returns how many. */
export async function appendEntries(log, count, statementsPerSession = 12) {
  const before = log.size;
  for (let number = 0; log.size - before < count; number += 10) {
    let open = Array.from({ length: 10 }, (_, i) => sessionEntries(number + i, statementsPerSession));
    while (open.length > 0) {
      open = open.filter((entries) => {
        const { value, done } = entries.next();
        if (!done) log.append(value);
        return !done;
      });
    }
    log.append({
      type: "session.refused",
      reason: "TOKEN_REJECTED",
      sqlstate: "28000",
      clientAddress: "198.51.100.7:40000",
      via: "wire",
      claimed: { user: "someone", database: "shop" },
      detail: "expired",
    });
    log.handOver();
    if (number % 200 === 0) await setImmediate();
  }
  return log.size - before;
}

async function main() {
  const words = process.argv.slice(2).filter((word) => !word.startsWith("--"));
  const [folder, entries = "1000"] = words;
  const runsAt = process.argv.indexOf("--runs");
  const runs = runsAt === -1 ? 1 : Number(process.argv[runsAt + 1]);
  for (let run = 1; run <= runs; run++) {
    const log = await openLog(folder);
    await appendEntries(log, Math.ceil(Number(entries) / runs));
    if (run === runs && process.argv.includes("--kill")) process.kill(process.pid, "SIGKILL");
    await log.close("made");
    process.stdout.write(`${folder}/log: ${log.origin}, ${log.size} entries\n`);
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) await main();
