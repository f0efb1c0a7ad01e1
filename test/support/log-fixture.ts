/**
 * Audit logs in memory for tests of the control store: entries as the log writes them, several sessions interleaved.
 * Makes no tile and no proof: where those matter, tests open a real AuditLog.
 */

import { basename } from "node:path";
import { canonicalJson, type Json } from "../../src/base/canonical-json.ts";
import type { EntryReader, LogEntry } from "../../src/store/indexer.ts";

export type Body = { readonly type: string } & Readonly<Record<string, Json>>;

export class LogFixture {
  readonly entries: string[] = [];
  readonly instance: string;

  constructor(instance: string) {
    this.instance = instance;
  }

  /** Appends an entry and answers its index. `ts` counts milliseconds from a fixed day. */
  add(body: Body): number {
    const seq = this.entries.length;
    const ts = `${new Date(Date.UTC(2026, 0, 5) + seq).toISOString().slice(0, -1)}000Z`;
    this.entries.push(canonicalJson({ v: 1, seq, ts, ...body }));
    return seq;
  }

  start(): void {
    this.add({ type: "gateway.started", origin: `shop/${this.instance}`, version: "0.1.0", runtime: "node" });
  }

  open(session: string, extra: Readonly<Record<string, Json>> = {}): void {
    this.add({
      type: "session.opened",
      session,
      sessionSeq: 0,
      principal: principal("bot"),
      clientAddress: "192.0.2.7:5000",
      via: "wire",
      database: "shop",
      upstreamRole: "agent",
      tls: "off",
      ...extra,
    });
  }

  decide(session: string, sessionSeq: number, extra: Readonly<Record<string, Json>> = {}): number {
    return this.add({
      type: "statement.decided",
      session,
      sessionSeq,
      principal: principal("bot"),
      clientAddress: "192.0.2.7:5000",
      via: "wire",
      database: "shop",
      upstreamRole: "agent",
      class: "read",
      verdict: "permitted",
      sql: { commitment: "c".repeat(64), fingerprint: `f${sessionSeq}` },
      requests: [],
      ...extra,
    });
  }

  finish(session: string, sessionSeq: number, statement: number, extra: Readonly<Record<string, Json>> = {}): void {
    this.add({
      type: "statement.finished",
      session,
      sessionSeq,
      statement,
      outcome: "completed",
      rowsReturned: 3,
      rowsAffected: 0,
      bytes: 120,
      durationMs: 1.25,
      ...extra,
    });
  }

  close(session: string, sessionSeq: number, statements: number): void {
    this.add({
      type: "session.closed",
      session,
      sessionSeq,
      statements,
      rows: 3 * statements,
      bytes: 120 * statements,
      reason: "client",
    });
  }

  /** Sessions `<prefix>0` … of `statements` committed statements each, interleaved as concurrent ones are. */
  addSessions(prefix: string, sessions: number, statements: number): void {
    const names = Array.from({ length: sessions }, (_, i) => `${prefix}${i}`);
    for (const name of names) this.open(name, { principal: principal(`bot ${name}`) });
    for (let i = 0; i < statements; i++) {
      for (const name of names) this.decide(name, 1 + 3 * i);
      for (const name of names) this.finish(name, 2 + 3 * i, 1 + 3 * i);
      for (const name of names) {
        this.add({
          type: "transaction.committed",
          session: name,
          sessionSeq: 3 + 3 * i,
          statements: [[1 + 3 * i, 1 + 3 * i]],
        });
      }
    }
    for (const name of names) this.close(name, 1 + 3 * statements, statements);
  }
}

export function principal(subject: string): Json {
  return {
    kind: "agent",
    issuer: "https://idp.example.test",
    subject,
    actors: [{ subject: "assistant", proof: "verified" }],
    credential: { kind: "token", id: "0123456789abcdef" },
  };
}

/** Reads the fixtures as if each were the log in the folder of its instance. */
export function readerOf(...logs: readonly LogFixture[]): EntryReader {
  return async function* read(folder: string, from: number): AsyncGenerator<LogEntry> {
    const log = logs.find((each) => each.instance === basename(folder));
    for (let index = from; log !== undefined && index < log.entries.length; index++) {
      yield { index, json: log.entries[index] ?? "" };
    }
  };
}
