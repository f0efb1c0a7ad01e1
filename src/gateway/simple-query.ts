/**
 * Simple Query: the string is split by PostgreSQL's grammar, every statement is judged before the first is forwarded, and they
 * go upstream as extended messages with one Sync at the end, which is the same implicit transaction.
 */

import type { GatewayError } from "../base/errors.ts";
import { EXPECT, Expectation } from "../statement/expectations.ts";
import type { NameChange } from "../statement/namespace.ts";
import type { PreparedStatement, StatementRun } from "../statement/statement.ts";
import { applyEffects, behindName, mayWrite, namesSettled } from "./effects.ts";
import type { Intents } from "./intents.ts";
import { judge } from "./judge.ts";
import { FLUSH, isReadAlike, SETTLE_SETTINGS, SYNC, simpleStatement } from "./messages.ts";
import { rewriteApplicationName } from "./rewrite-setting.ts";
import type { ReadText } from "./statement-reader.ts";
import type { WireLink } from "./wire-link.ts";

/** A statement of the string, judged. What depends on names was asked when it was its turn among them. */
interface Planned {
  readonly statement: PreparedStatement;
  readonly durable: boolean;
  readonly binary: boolean;
  readonly behind: ReturnType<typeof behindName>;
  readonly changes: readonly NameChange[] | null;
}

interface Pending {
  readonly query: Uint8Array;
  readonly plan: readonly Planned[];
  next: number;
}

export class SimpleQuery {
  readonly #link: WireLink;
  readonly #intents: Intents;
  readonly #send: (bytes: Uint8Array) => void;
  #pending: Pending | null = null;

  constructor(link: WireLink, intents: Intents, send: (bytes: Uint8Array) => void) {
    this.#link = link;
    this.#intents = intents;
    this.#send = send;
  }

  /** Part of the string has not been sent: a COPY FROM STDIN in it is under way. */
  get open(): boolean {
    return this.#pending !== null;
  }

  /** The COPY failed: the rest of the string does not run. What it would have done to the session's names is taken back. */
  abandon(): void {
    if (this.#pending === null) return;
    this.#link.undo(this.#pending.plan.slice(this.#pending.next).map(({ changes }) => changes));
    this.#pending = null;
  }

  /** @returns null: on its way; an error: none of it runs; "wait": an unanswered batch decides what a name in it means. */
  start(query: Uint8Array, read: ReadText): GatewayError | "wait" | null {
    const link = this.#link;
    if (read.statements.length === 0) {
      link.names.removeUnnamed(link.batch);
      this.#sendEmpty();
      return null;
    }
    const statements = read.statements.map((parsed, i) => ({
      name: "",
      parsed,
      record: read.records[i] ?? { commitment: "", fingerprint: "" },
    }));
    const plan: Planned[] = [];
    for (const statement of statements) {
      const settled = namesSettled(link, statement);
      const refusal = settled ? judge(statement.parsed, link.names) : null;
      if (!settled || refusal !== null) {
        link.undo(plan.map(({ changes }) => changes));
        if (refusal === null) return "wait";
        this.#intents.refuse(statement, null, refusal);
        return refusal;
      }
      const durable = mayWrite(link, statement);
      const binary = this.#isBinaryFetch(statement);
      const behind = behindName(link, statement);
      const changes = applyEffects(link, statement); // the next is judged as if this had run
      plan.push({ statement, durable, binary, behind, changes });
    }
    link.names.removeUnnamed(link.batch);
    this.#pending = { query, plan, next: 0 };
    this.proceed();
    return null;
  }

  /** Sends on, up to the end or to a COPY FROM STDIN, whose data comes first. */
  proceed(): void {
    const pending = this.#pending;
    if (pending === null) return;
    if (pending.next === pending.plan.length) {
      // The string ended with the COPY: what is left of it is the Sync.
      this.#send(SYNC);
      this.#link.endBatch();
      this.#pending = null;
      return;
    }
    while (pending.next < pending.plan.length) {
      const planned = pending.plan[pending.next];
      pending.next++;
      if (planned === undefined) break;
      if (this.#sendOne(pending.query, planned, pending.next === pending.plan.length)) return;
    }
    this.#pending = null;
  }

  /** @returns whether a COPY FROM STDIN was begun. */
  #sendOne(query: Uint8Array, planned: Planned, last: boolean): boolean {
    const { statement, binary, changes } = planned;
    const link = this.#link;
    const { parsed } = statement;
    if (parsed === null) return false;
    const text =
      rewriteApplicationName(parsed, link.parts.applicationName) ?? query.subarray(parsed.startByte, parsed.endByte);
    if (link.settingsDoubtful && !isReadAlike(text)) {
      link.settleSettings();
      this.#send(SETTLE_SETTINGS);
    }
    const run = this.#permit(planned, parsed.startCharacter);
    this.#expect(run, changes, parsed.startCharacter);
    const copyIn = parsed.class === "copyIn";
    this.#send(simpleStatement(text, binary, last && !copyIn));
    if (copyIn) {
      link.copy = "asked";
      link.copyRun = run;
      this.#send(FLUSH);
      return true;
    }
    if (last) link.endBatch();
    return false;
  }

  #expect(run: StatementRun, changes: readonly NameChange[] | null, shift: number): void {
    const { expectations } = this.#link;
    if (shift === 0) {
      expectations.push(EXPECT.hiddenParse);
      expectations.push(EXPECT.hiddenBind);
      expectations.push(EXPECT.hiddenDescribePortal);
    } else {
      expectations.push(new Expectation("parse", true, null, null, null, 0, shift));
      expectations.push(new Expectation("bind", true, null, null, null, 0, shift));
      expectations.push(new Expectation("describePortal", true, null, null, null, 0, shift));
    }
    expectations.push(new Expectation("execute", false, run, changes, null, 0));
  }

  #sendEmpty(): void {
    const { expectations } = this.#link;
    expectations.push(EXPECT.hiddenParse);
    expectations.push(EXPECT.hiddenBind);
    expectations.push(EXPECT.hiddenDescribePortal);
    expectations.push(new Expectation("execute", false, null, null, null, 0));
    this.#send(simpleStatement(NOTHING, false, true));
    this.#link.endBatch();
  }

  #permit({ statement, durable, behind }: Planned, positionShift: number): StatementRun {
    const parameters = behind?.parameters ?? null;
    return this.#intents.permit({ statement, parameters, behind: behind?.record ?? null, durable, positionShift });
  }

  #isBinaryFetch(statement: PreparedStatement): boolean {
    const cursor = statement.parsed?.cursor;
    if (cursor?.kind !== "fetch") return false;
    return this.#link.names.portal(cursor.name ?? "")?.binary === true;
  }
}

const NOTHING = new Uint8Array(0);
