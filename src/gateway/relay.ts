/**
 * Upstream to client: walks the headers of what the server sends, knows from the expectations whose answer each message is,
 * counts and commits to the rows, and passes whole runs of messages on in one write. Memory: one chunk and at most one
 * message that is not a row.
 */

import { Buffer } from "node:buffer";
import type { Hash } from "node:crypto";
import { exceeded } from "../approval/errors.ts";
import { GatewayError } from "../base/errors.ts";
import { scrubbed } from "../masking/errors/scrub.ts";
import type { Expectation } from "../statement/expectations.ts";
import type { Answer, StatementRun } from "../statement/statement.ts";
import { encoded } from "../wire/encode.ts";
import {
  decodeReport,
  encodeErrorResponse,
  encodeNoticeResponse,
  type Report,
  reportOf,
} from "../wire/error-response.ts";
import { backendLimits } from "../wire/frame-limits.ts";
import { FrameScanner, type FrameVisitor } from "../wire/framing.ts";
import { BACKEND } from "../wire/message-types.ts";
import { encodeCommandComplete, parseCommandTag } from "../wire/results.ts";
import { decodeParameterStatus } from "../wire/session-messages.ts";
import { commitment, commitmentStream } from "./journal.ts";
import { overBytes, stopped, withheld } from "./limits-errors.ts";
import { isMeasured } from "./limits-statement.ts";
import { errorResponse } from "./refuse.ts";
import { clientLevel, SHOWN } from "./rewrite-setting.ts";
import { HeldRow, SecondNet } from "./second-net.ts";
import { ShownTrees } from "./shown-trees.ts";
import type { TransactionStatus, WireLink } from "./wire-link.ts";

export interface RelayEvents {
  /** Something that a waiting frontend may be waiting for has happened. */
  progressed(): void;
  /** The statement that runs has delivered all that it may: it is to be cancelled. */
  overLimit(): void;
  /** It had ended before: its transaction is to be aborted. @param sync the batch is over, and one of our own does it. */
  abort(sync: boolean): void;
  /** The upstream broke its own protocol, or the log is gone. */
  failed(error: GatewayError): void;
}

const MAX_SHOWN_BYTES = 32 * 1024 * 1024;

type Verdict = "pass" | "drop" | Uint8Array;

export class Relay implements FrameVisitor {
  readonly #link: WireLink;
  readonly #events: RelayEvents;
  readonly #scanner: FrameScanner;
  /** Rows of the running statement, once they span chunks. */
  #rowsHash: Hash | null = null;
  /** Rows that are not hashed yet: #run's bytes from here to #rowsEnd; -1: none. */
  #rowsFrom = -1;
  #rowsEnd = 0;
  /** What passes unchanged: bytes[#runStart, #runEnd) of #runBytes. */
  #runBytes: Uint8Array = EMPTY;
  #runStart = 0;
  #runEnd = 0;
  #out: Uint8Array[] = [];
  /** Why the session ends as soon as what has come is dealt with. */
  #lost: GatewayError | null = null;
  /** What comes now was not judged: none of it goes to the client. */
  #withheld = false;
  readonly #trees: ShownTrees;
  /** The row that comes in pieces is beyond what its statement may deliver. */
  #surplus = false;
  /** Of the row that comes in pieces: the question of our own that it answers. */
  #capturing: Answer | null = null;
  /** The client was told of an error that the server does not know: what is answered up to its ReadyForQuery is not for it. */
  #skipping = false;
  /** A message of our own that goes right before the one at hand, should that go. */
  #ahead: Uint8Array | null = null;
  /** Null: no policy is configured. */
  readonly #net: SecondNet | null;
  /** A row that comes in pieces and is looked at before any of it goes on. */
  #held: HeldRow | null = null;
  /** False: answers are read to the end for the record and go nowhere, the client is gone. */
  #deliver = true;

  constructor(link: WireLink, events: RelayEvents) {
    this.#link = link;
    this.#events = events;
    this.#trees = new ShownTrees(link);
    const { enforcer, parts } = link;
    this.#net = enforcer === null ? null : new SecondNet(enforcer, parts.metrics, () => link.inTransaction);
    // The server's trees come whole. What is over the reader's own limit by far is not even held.
    this.#scanner = new FrameScanner(
      backendLimits(link.enforcer === null ? {} : { messageBytes: MAX_SHOWN_BYTES }),
      this,
    );
  }

  /** The client is gone. */
  stopDelivering(): void {
    this.#deliver = false;
  }

  /** True between two messages to the client: only then may a message of our own be put in. */
  get atBoundary(): boolean {
    return !this.#scanner.streaming || this.#withheld || this.#held !== null;
  }

  receive(chunk: Uint8Array): void {
    try {
      this.#scanner.feed(chunk);
      this.#endRun();
    } catch (error) {
      this.#out = [];
      this.#events.failed(
        error instanceof GatewayError && error.code !== "PROTOCOL_VIOLATION"
          ? error
          : new GatewayError("UPSTREAM_UNAVAILABLE", "the database server broke the protocol", { cause: error }),
      );
      return;
    }
    this.#write();
    if (this.#lost === null) this.#events.progressed();
    else this.#events.failed(this.#lost);
  }

  /** Of FrameVisitor: one whole message. */
  message(type: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (bytes !== this.#runBytes) {
      this.#endRun();
      this.#runBytes = bytes;
      this.#runStart = start;
    }
    if (this.#isCaptured(type, start, end)) {
      this.#drop(bytes, start, end);
      return true;
    }
    if (type === BACKEND.DataRow || type === BACKEND.CopyData) {
      this.#row(type, bytes, start, end);
      return true;
    }
    // Notices come between rows at any time: they are no part of what is committed to.
    if (isAsynchronous(type)) this.#hashRows();
    const skipped = this.#skipping && !isAsynchronous(type);
    this.#ahead = null;
    const answered = this.#message(type, start, end);
    const verdict = skipped && this.#skipping ? "drop" : answered;
    if (verdict === "pass") {
      if (this.#ahead !== null) {
        this.#drop(bytes, start, start);
        this.#out.push(this.#ahead);
      }
      this.#runEnd = end;
    } else {
      this.#drop(bytes, start, end);
      if (verdict !== "drop") this.#out.push(verdict);
    }
    if (this.#withheld && this.#deliver) {
      this.#drop(bytes, this.#runEnd, this.#runEnd);
      this.#write();
      this.#deliver = false;
    }
    return true;
  }

  /** A whole row, as it lies in the run at hand. */
  #row(type: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#skipping) {
      this.#drop(bytes, start, end);
      return;
    }
    const run = this.#rowsOf();
    // What is over a limit comes until the cancel has reached the server, and goes nowhere.
    const caught = isOver(run) ? null : (this.#net?.look(run, type, bytes, start, end) ?? null);
    if (!this.#countRow(run, caught?.bytes.length ?? end - start)) {
      this.#drop(bytes, start, end);
      return;
    }
    if (caught !== null) {
      this.#drop(bytes, start, end);
      this.#net?.delivered(run, caught.hits, type);
      this.#put(caught.bytes);
      return;
    }
    if (this.#rowsFrom === -1) this.#rowsFrom = start;
    this.#rowsEnd = end;
    this.#runEnd = end;
  }

  /** A whole row that came in pieces, none of which has gone on. */
  #heldRow(type: number, row: Uint8Array): void {
    const run = this.#rowsOf();
    const caught = this.#net?.look(run, type, row, 0, row.length) ?? null;
    const bytes = caught?.bytes ?? row;
    if (!this.#countRow(run, bytes.length)) return;
    if (caught !== null) this.#net?.delivered(run, caught.hits, type);
    this.#put(bytes);
  }

  /** A row that stands behind what has passed and is not of the run at hand. It is committed to as it is delivered. */
  #put(row: Uint8Array): void {
    this.#hashRows();
    this.#rowsHash ??= commitmentStream(this.#link.parts.journal.facts.salt, "rows");
    this.#rowsHash.update(row);
    this.#out.push(row);
  }

  /** The run that rows are of. */
  #rowsOf(): StatementRun {
    const run = this.#link.expectations.peek()?.run;
    if (run === null || run === undefined) throw broken("a row that nobody asked for");
    return run;
  }

  #drop(bytes: Uint8Array, start: number, end: number): void {
    if (start > this.#runStart) this.#out.push(bytes.subarray(this.#runStart, start));
    this.#runStart = end;
    this.#runEnd = end;
  }

  /** A row of a statement of our own. */
  #isCaptured(type: number, start: number, end: number): boolean {
    if (type !== BACKEND.DataRow) return false;
    const capture = this.#link.expectations.peek()?.capture;
    if (capture === null || capture === undefined) return false;
    capture.rows.push(this.#runBytes.slice(start, end));
    return true;
  }

  /** Of FrameVisitor: a row that does not end in this chunk. */
  streamed(type: number, totalBytes: number): void {
    this.#capturing = this.#link.expectations.peek()?.capture ?? null;
    this.#capturing?.opens(totalBytes);
    if (this.#capturing !== null) return;
    this.#surplus = this.#skipping;
    if (this.#skipping) return;
    const run = this.#rowsOf();
    if (!isOver(run) && this.#net?.holds(run, type, totalBytes) === true) this.#held = new HeldRow(type, totalBytes);
    else this.#surplus = !this.#countRow(run, totalBytes);
  }

  /** Of FrameVisitor: some of that row. */
  piece(bytes: Uint8Array, start: number, end: number): void {
    if (bytes !== this.#runBytes) {
      this.#endRun();
      this.#runBytes = bytes;
      this.#runStart = start;
    }
    if (this.#held !== null) {
      this.#hold(this.#held, bytes, start, end);
      return;
    }
    this.#capturing?.piece(bytes.subarray(start, end));
    if (this.#surplus || this.#capturing !== null) {
      this.#drop(bytes, start, end);
      return;
    }
    if (this.#rowsFrom === -1) this.#rowsFrom = start;
    this.#rowsEnd = end;
    this.#runEnd = end;
  }

  #hold(held: HeldRow, bytes: Uint8Array, start: number, end: number): void {
    this.#drop(bytes, start, end);
    const row = held.take(bytes.subarray(start, end));
    if (row === null) return;
    this.#held = null;
    this.#heldRow(held.type, row);
  }

  #endRun(): void {
    this.#hashRows();
    if (this.#runEnd > this.#runStart) this.#out.push(this.#runBytes.subarray(this.#runStart, this.#runEnd));
    this.#runBytes = EMPTY;
    this.#runStart = 0;
    this.#runEnd = 0;
  }

  #write(): void {
    const out = this.#out;
    this.#out = [];
    if (!this.#deliver || out.length === 0) return;
    const { client, metrics } = this.#link.parts;
    if (out.length > 1) client.cork();
    for (const bytes of out) {
      metrics.upstreamBytes += bytes.length;
      client.write(bytes);
    }
    if (out.length > 1) client.uncork();
  }

  /** @returns false for a row beyond what the statement may deliver: the first has it cancelled. */
  #countRow(run: StatementRun, bytes: number): boolean {
    const { delivered } = run;
    if (delivered.rows >= run.maxRows || delivered.bytes + delivered.asideBytes + bytes > run.maxBytes) {
      this.#surpass(run, delivered.rows >= run.maxRows ? "rows" : "bytes");
      return false;
    }
    if (run.countsReveals && !this.#link.parts.statementLimits.mayReveal()) {
      this.#surpass(run, "revealed");
      return false;
    }
    delivered.rows++;
    delivered.bytes += bytes;
    return true;
  }

  #surpass(run: StatementRun, over: "rows" | "bytes" | "revealed"): void {
    if (run.over !== null) return;
    run.over = over;
    run.maxRows = run.delivered.rows; // a shorter row behind one that was too long is none of the answer
    this.#link.stopping = run;
    this.#events.overLimit();
  }

  /** What is told beside rows. It is of the statement that runs, or is about to; behind all of the batch, of the last. */
  #aside(bytes: number): Verdict {
    const { asides, expectations, parts } = this.#link;
    const run = expectations.peek()?.kind === "sync" ? null : expectations.oldestRun();
    const verdict = asides.take(run, bytes);
    if (verdict === "pass") return "pass";
    if (run !== null) this.#surpass(run, "bytes");
    return verdict === "told" ? "drop" : withheld("asides", parts.statementLimits.limits.bytes);
  }

  #notified(bytes: number): Verdict {
    const { asides, parts } = this.#link;
    const verdict = asides.notification(bytes);
    if (verdict === "pass") return "pass";
    return verdict === "told" ? "drop" : withheld("notifications", parts.statementLimits.limits.bytes);
  }

  /** Feeds the rows that this chunk has so far to the running statement's commitment. */
  #hashRows(): void {
    if (this.#rowsFrom === -1) return;
    this.#rowsHash ??= commitmentStream(this.#link.parts.journal.facts.salt, "rows");
    this.#rowsHash.update(this.#runBytes.subarray(this.#rowsFrom, this.#rowsEnd));
    this.#rowsFrom = -1;
  }

  /** Of the rows that the running statement has delivered; null where there was none. */
  #rowsCommitment(): string | null {
    if (this.#rowsHash !== null) {
      this.#hashRows();
      const digest = this.#rowsHash.digest("hex");
      this.#rowsHash = null;
      return digest;
    }
    if (this.#rowsFrom === -1) return null;
    const rows = this.#runBytes.subarray(this.#rowsFrom, this.#rowsEnd);
    this.#rowsFrom = -1;
    return commitment(this.#link.parts.journal.facts.salt, "rows", rows);
  }

  #message(type: number, at: number, end: number): Verdict {
    switch (type) {
      case BACKEND.CommandComplete:
        return this.#completed(at, end);
      case BACKEND.EmptyQueryResponse:
        return this.#finish("");
      case BACKEND.PortalSuspended:
        return this.#finish(SUSPENDED);
      case BACKEND.ReadyForQuery:
        return this.#ready(at);
      case BACKEND.ParseComplete:
        return this.#expect("parse");
      case BACKEND.BindComplete:
        return this.#expect("bind");
      case BACKEND.CloseComplete:
        return this.#expect("close");
      case BACKEND.ParameterDescription:
        if (this.#link.expectations.peek()?.kind !== "describeStatement")
          throw broken("ParameterDescription out of order");
        return this.#link.expectations.peek()?.hidden === true ? "drop" : "pass";
      case BACKEND.RowDescription: {
        // That of a simple Query's own hidden Describe is the client's.
        const { kind, hidden, statement } = this.#described();
        this.#net?.describe(statement, this.#runBytes.subarray(at + 5, end));
        return kind === "describeStatement" && hidden ? "drop" : "pass";
      }
      case BACKEND.NoData:
        return this.#described().hidden ? "drop" : "pass";
      case BACKEND.ErrorResponse:
        return this.#error(at, end);
      case BACKEND.ParameterStatus:
        return this.#reported(at, end);
      case BACKEND.NoticeResponse:
        return this.#noticed(at, end);
      case BACKEND.NotificationResponse:
        return this.#notified(end - at);
      case BACKEND.CopyDone:
        // What was cut off does not end well.
        return isOver(this.#link.expectations.peek()?.run) ? "drop" : "pass";
      case BACKEND.CopyInResponse:
        return this.#copyIn();
      case BACKEND.CopyOutResponse:
        if (this.#link.expectations.peek()?.kind !== "execute") throw broken("CopyOutResponse out of order");
        this.#net?.copyOpens(this.#runBytes[at + 5] === 1);
        return "pass";
      default:
        throw broken(`message type 0x${type.toString(16)}`);
    }
  }

  #expect(kind: Expectation["kind"]): Verdict {
    const expectation = this.#link.expectations.shift();
    if (expectation?.kind !== kind) throw broken(`an answer to ${kind} out of order`);
    confirm(expectation);
    this.#takeTree(expectation);
    return expectation.hidden ? "drop" : "pass";
  }

  #described(): Expectation {
    const expectation = this.#link.expectations.shift();
    if (expectation?.kind !== "describePortal" && expectation?.kind !== "describeStatement") {
      throw broken("an answer to Describe out of order");
    }
    this.#takeTree(expectation);
    return expectation;
  }

  #completed(at: number, end: number): Verdict {
    // The body is one cstring: strictly ASCII from the server.
    const bytes = this.#runBytes;
    const tag = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1", at + 5, end - 1);
    return this.#finish(tag);
  }

  #finish(tag: string): Verdict {
    const { expectations, parts } = this.#link;
    const expectation = expectations.shift();
    if (expectation?.kind !== "execute") throw broken("the end of a statement out of order");
    confirm(expectation);
    this.#takeTree(expectation);
    const { run, capture } = expectation;
    if (capture !== null) capture.complete = true;
    if (run !== null) this.#ended(run);
    if (run === null) return expectation.hidden ? "drop" : "pass";
    if (run === this.#link.copyRun) {
      // It ended without asking for data: nothing waits for an answer to it any more.
      this.#link.copy = "none";
      this.#link.copyRun = null;
    }
    const rows = this.#rowsCommitment();
    const { command, rows: counted } = parseCommandTag(tag);
    const affected = command === "SELECT" || command === "FETCH" || command === "MOVE" ? 0 : (counted ?? 0);
    const durationMs = this.#took(run);
    const error = this.#tooLate(run) ?? tooMany(run, tag, counted);
    if (error === null) parts.journal.finished(run, "completed", null, affected, durationMs, rows);
    else
      parts.journal.finished(
        run,
        run.over === null ? "failed" : "cancelled",
        error.sqlstate,
        affected,
        durationMs,
        rows,
      );
    parts.metrics.stages.upstream.observe(durationMs);
    this.#link.running--;
    this.#settle(run, command);
    if (error !== null) return this.#stop(error);
    this.#ahead = this.#link.maskedNotice.of(run.masks, this.#link.clientMessages);
    const shown = tag === SHOWN.asked && run.statement.parsed?.setting?.kind === "show";
    return shown ? encoded((writer) => encodeCommandComplete(writer, SHOWN.told)) : "pass";
  }

  #ended(run: StatementRun): void {
    end(run);
    this.#link.asides.ended(run);
  }

  #took(run: StatementRun): number {
    const link = this.#link;
    link.endedMs = link.parts.clock.monotonicMs();
    return link.endedMs - run.startedMs;
  }

  /** It ended before a limit's cancel reached it. @returns what the client is told in place of its end; null: that stands. */
  #tooLate(run: StatementRun): GatewayError | null {
    if (run.over === null) return null;
    // Rows were held back, which must be said. What has merely taken too long may have committed by now.
    if (run.over === "seconds" && this.#link.mayHaveCommitted) return null;
    // None of its rows, and of what was told beside them the client knows: nothing had to wait for it, so it may have committed too.
    if (run.over === "bytes" && !isMeasured(run)) return null;
    return stopped(run, this.#link.parts.statementLimits.limits);
  }

  /** The client is told that it failed: then the server must think so too, in a transaction that goes on or is not over. */
  #stop(error: GatewayError): Verdict {
    const link = this.#link;
    this.#skipping = true;
    if (link.syncSent) link.aborting = true;
    else this.#events.abort(false);
    return errorResponse(error);
  }

  /** What the completed statement did to transactions and savepoints. */
  #settle(run: StatementRun, command: string): void {
    const { fate, parts } = this.#link;
    const parsed = run.statement.parsed;
    if (parsed !== null) this.#link.clientMessages = clientLevel(parsed) ?? this.#link.clientMessages;
    const transaction = parsed?.transaction;
    if (transaction === undefined) {
      if (parsed?.class === "call") fate.called();
      if (parsed !== null) fate.completed(run);
      return;
    }
    const settled = (settlement: ReturnType<typeof fate.ended>) => {
      if (settlement !== null) parts.journal.settled(settlement, run.sessionSeq);
    };
    switch (transaction.kind) {
      case "begin":
        fate.begin();
        return;
      case "savepoint":
        fate.savepoint(transaction.name ?? "");
        return;
      case "release":
        fate.release(transaction.name ?? "");
        return;
      case "rollbackTo":
        settled(fate.rollbackTo(transaction.name ?? ""));
        return;
      case "prepare":
        if (command === "ROLLBACK") settled(fate.ended(false));
        else fate.prepared();
        return;
      case "commit":
        // COMMIT of a failed transaction answers ROLLBACK.
        settled(fate.ended(command !== "ROLLBACK", transaction.chain));
        return;
      case "rollback":
        settled(fate.ended(false, transaction.chain));
        return;
      case "commitPrepared":
      case "rollbackPrepared":
        fate.completed(run, true);
    }
  }

  #ready(at: number): Verdict {
    const link = this.#link;
    const expectation = link.expectations.shift();
    if (expectation?.kind !== "sync") throw broken("ReadyForQuery out of order");
    const status = String.fromCharCode(this.#runBytes[at + 5] ?? 0);
    if (!isStatus(status)) throw broken("ReadyForQuery with an unknown status");
    link.status = status;
    link.answeredBatch = expectation.batch;
    link.stopping = null;
    if (link.aborting && status === "T") {
      this.#events.abort(true);
      return "drop"; // that of the batch which aborts it is the client's
    }
    link.aborting = false;
    this.#skipping = false;
    if (status === "I") {
      const settlement = link.fate.idle();
      if (settlement !== null) link.parts.journal.settled(settlement, null);
      link.names.endTransaction(expectation.batch);
      link.enforcer?.own.transactionEnded(expectation.batch);
      link.guarded = false;
    }
    link.parts.settleSoon();
    if (expectation.hidden) return "drop";
    link.readies++;
    return "pass";
  }

  /**
   * A net below the judgement of SET: what runs inside a function or a block is not seen before. The server reports a setting
   * right before ReadyForQuery, and the statements behind that would be read otherwise than the server reads them.
   */
  #reported(at: number, end: number): Verdict {
    const { name, value } = decodeParameterStatus(this.#runBytes.subarray(at + 5, end));
    if (RELIED_ON.has(name) && this.#link.parts.reported.get(name) !== value) {
      this.#lost = new GatewayError("SETTING_LOST", `setting "${name}" was changed, and the session cannot go on`, {
        detail: "Statements are judged as the server reads them, and for the role that the session began with.",
        hint: "Connect again, and leave the setting alone.",
      });
    }
    return this.#aside(end - at);
  }

  #noticed(at: number, end: number): Verdict {
    const { pass, problem } = this.#trees.noticed(this.#runBytes, at + 5, end);
    if (problem !== null) this.#withhold(problem);
    if (!pass) return "drop";
    const verdict = this.#aside(end - at);
    const current = this.#link.expectations.peek();
    const isGuarded = current !== null && this.#isGuarded(current);
    if (verdict !== "pass" || !(isGuarded || this.#link.enforcer?.hides === true)) return verdict;
    const report = reportOf(decodeReport("NoticeResponse", this.#runBytes.subarray(at + 5, end)).fields);
    if (this.#link.enforcer?.isTellable(report) === false) return "drop";
    if (!isGuarded) return "pass";
    return encoded((writer) => encodeNoticeResponse(writer, scrubbed(report)));
  }

  /** What the server says of it may quote values of masked columns. What a Parse says is about the text alone. */
  #isGuarded({ kind, run, evidence }: Expectation): boolean {
    const link = this.#link;
    if (kind === "parse" || kind === "describeStatement") return false;
    const ends = kind === "sync" || run?.statement.parsed?.class === "transaction";
    return run?.guarded === true || evidence?.guarded === true || (ends && link.guarded);
  }

  #takeTree(expectation: Expectation): void {
    const problem = this.#trees.take(expectation);
    if (problem !== null) this.#withhold(problem);
  }

  /** Nothing that comes from here on goes to the client, and the session ends. */
  #withhold(why: GatewayError): void {
    if (this.#withheld) return;
    const { journal, metrics } = this.#link.parts;
    journal.unproven(why, this.#link.expectations.oldestRun()?.sessionSeq ?? null);
    metrics.unproven++;
    this.#withheld = true;
    this.#lost ??= why;
  }

  #copyIn(): Verdict {
    const link = this.#link;
    if (link.copy !== "asked" || link.expectations.peek()?.kind !== "execute")
      throw broken("CopyInResponse out of order");
    link.copy = "open";
    return "pass";
  }

  #error(at: number, end: number): Verdict {
    const link = this.#link;
    const report = reportOf(decodeReport("ErrorResponse", this.#runBytes.subarray(at + 5, end)).fields);
    const failed = link.expectations.peek();
    if (failed === null || report.severity === "FATAL" || report.severity === "PANIC") return "pass"; // the server ends the session
    link.fate.failed();
    link.enforcer?.own.failed();
    this.#trees.dismiss();
    const tooLong = failed.error === null && !link.asides.error(failed.run, end - at);
    // A deferred constraint or trigger, at the commit of an implicit transaction.
    // Of a question that is answered already: a time-out that came with its end is nothing to the client.
    if (failed.kind === "sync" && failed.hidden) return "drop";
    if (failed.kind === "sync")
      return this.#limited(this.#limitOf(failed, report, tooLong)) ?? this.#errorToClient(failed, report);
    const skipped = link.expectations.skipToSync();
    if (link.expectations.length === 0) link.skipping = true;
    const limit = this.#limitOf(failed, report, tooLong);
    this.#failRuns(failed, skipped, limit?.sqlstate ?? (SQLSTATE.test(report.code) ? report.code : "XX000"));
    link.undo(skipped.map((expectation) => expectation.changes));
    for (const { capture } of skipped) if (capture !== null) capture.sqlstate ??= report.code;
    if (failed.capture?.alone === true) return "drop";
    return this.#limited(limit) ?? this.#errorToClient(failed, report);
  }

  #limited(limit: GatewayError | null): Verdict | null {
    return limit === null ? null : errorResponse(limit);
  }

  /**
   * The error is a limit's. A cancel may hit what stands behind what it is meant for, when that has just ended.
   * @param tooLong its own text is beyond the limit.
   */
  #limitOf({ run }: Expectation, { code }: Report, tooLong: boolean): GatewayError | null {
    const { stopping, parts } = this.#link;
    const { limits } = parts.statementLimits;
    if (run !== null && isOver(run)) return stopped(run, limits);
    if (stopping !== null && code === QUERY_CANCELED) return stopped(stopping, limits);
    return tooLong ? overBytes(limits.bytes) : null;
  }

  /** The error is the outcome of the first run it hit; the runs behind it were skipped and never started. */
  #failRuns(failed: Expectation, skipped: readonly Expectation[], sqlstate: string): void {
    const { parts } = this.#link;
    const outcome = sqlstate === QUERY_CANCELED || sqlstate === OVER_LIMIT ? "cancelled" : "failed";
    // An error at Parse or Bind is that of the run behind it, if that run is of the same statement.
    let hit: StatementRun | null = failed.run;
    if (hit === null && failed.kind !== "refusal") hit = skipped.find((other) => other.run !== null)?.run ?? null;
    this.#link.lastError = hit === null ? sqlstate : "";
    for (const { run } of skipped) {
      if (run === null) continue;
      this.#ended(run);
      if (run === this.#link.copyRun) {
        this.#link.copy = "none";
        this.#link.copyRun = null;
      }
      const durationMs = this.#took(run);
      const rows = run === failed.run ? this.#rowsCommitment() : null;
      if (run === hit && run.statement.parsed?.class === "call") this.#link.fate.called();
      if (run === hit) parts.journal.finished(run, outcome, sqlstate, 0, durationMs, rows);
      else parts.journal.finished(run, "skipped", null, 0, durationMs, rows);
      this.#link.running--;
    }
  }

  #errorToClient(failed: Expectation, report: Report): Verdict {
    if (failed.error !== null) return errorResponse(failed.error);
    const fault = failed.run?.fault ?? null;
    if (fault !== null) return errorResponse(fault);
    const instead = failed.evidence?.instead ?? null;
    if (instead !== null && report.code !== UNDEFINED_TABLE) return errorResponse(instead);
    const told = this.#toldOf(failed, report);
    return told === report ? "pass" : encoded((writer) => encodeErrorResponse(writer, told));
  }

  /** With the place in the client's own text, and without a guess at names that the client may not know. */
  #toldOf(failed: Expectation, report: Report): Report {
    const { enforcer } = this.#link;
    const shown = this.#isGuarded(failed) ? scrubbed(report) : report;
    const tellable = enforcer?.tellable(shown) ?? shown;
    const { hint, ...rest } = tellable;
    const guesses = hint !== undefined && report.code === UNDEFINED_COLUMN && enforcer?.hides === true;
    const told = guesses ? rest : tellable;
    const origin = failed.run?.statement.origin ?? failed.origin;
    if (origin === null || report.position === undefined) return told;
    return { ...told, position: String(origin.toClient(Number(report.position))) };
  }
}

const EMPTY = new Uint8Array(0);
/** Settings that the server reports and that must stay as they were when the session began. */
const RELIED_ON: ReadonlySet<string> = new Set([
  "client_encoding",
  "standard_conforming_strings",
  "session_authorization",
  "is_superuser",
]);
/** What a code may look like; an extension of the server may raise anything, and it goes into an entry as it is. */
const SQLSTATE = /^[0-9A-Z]{5}$/;

/** In place of a tag. */
const SUSPENDED = "SUSPENDED";
const QUERY_CANCELED = "57014";
const UNDEFINED_TABLE = "42P01";
const UNDEFINED_COLUMN = "42703";
const OVER_LIMIT = "54000";

/** Rows of it were held back. */
function isOver(run: StatementRun | null | undefined): boolean {
  return run?.over === "rows" || run?.over === "bytes";
}

function end(run: StatementRun): void {
  run.end();
  const evidence = run.early;
  if (evidence === null) return;
  evidence.earlyRuns--;
  if (evidence.earlyRuns === 0) evidence.early = null;
}

/**
 * The Sync behind it is held until here, so that nothing of it is committed. A portal that is read in parts has done all its work at the
 * first, and tells its count at the last.
 */
function tooMany(run: StatementRun, tag: string, counted: number | null | undefined): GatewayError | null {
  if (!run.bounded) return null;
  if (tag === SUSPENDED || counted === null || counted === undefined) return exceeded(run.maxChanges, null);
  return counted > run.maxChanges ? exceeded(run.maxChanges, counted) : null;
}

function confirm({ changes }: Expectation): void {
  if (changes !== null) for (const change of changes) change.confirm();
}

/** May come at any time (PostgreSQL 18 docs, protocol-flow, "Asynchronous Operations"). */
function isAsynchronous(type: number): boolean {
  return type === BACKEND.NoticeResponse || type === BACKEND.ParameterStatus || type === BACKEND.NotificationResponse;
}

function isStatus(status: string): status is TransactionStatus {
  return status === "I" || status === "T" || status === "E";
}

/** The upstream's bytes make no sense: nothing of it may be passed on, and the session ends. */
function broken(problem: string): GatewayError {
  return new GatewayError("UPSTREAM_UNAVAILABLE", "the database server broke the protocol", {
    detail: `It sent ${problem}.`,
  });
}
