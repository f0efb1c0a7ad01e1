/**
 * One message of the client: what it means for the session, whether it may go on, and what goes upstream for it. The extended
 * protocol is here, simple Query in simple-query.ts, an open COPY FROM STDIN in copy-in.ts.
 */

import { Buffer } from "node:buffer";
import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import { changed } from "../approval/errors.ts";
import { GatewayError } from "../base/errors.ts";
import { EXPECT, Expectation } from "../statement/expectations.ts";
import { Delivered, type Evidence, type PreparedStatement, type StatementRun } from "../statement/statement.ts";
import { encodeCopyFail } from "../wire/copy.ts";
import { encoded } from "../wire/encode.ts";
import {
  type Bind,
  decodeBind,
  decodeClose,
  decodeDescribe,
  decodeExecute,
  decodeParse,
  encodeParse,
} from "../wire/extended.ts";
import { FRONTEND } from "../wire/message-types.ts";
import { ProtocolViolation } from "../wire/protocol-violation.ts";
import { decodeFunctionCall, decodeQuery } from "../wire/query.ts";
import { endsInReads } from "./batch-ahead.ts";
import { CopyIn } from "./copy-in.ts";
import { applyEffects, behindName, innerFor, mayWrite, namesSettled } from "./effects.ts";
import { type Ruling, UNJUDGED } from "./enforcement.ts";
import type { Gate } from "./gate.ts";
import { Holding } from "./hold.ts";
import { boundValues, evidenceBehind, isAsApproved, Lifted } from "./holdable.ts";
import { Inquiry, textInside } from "./inquiry.ts";
import { Intents } from "./intents.ts";
import { commitment } from "./journal.ts";
import { judge, judgeWidth, unknownPortal, unknownStatement } from "./judge.ts";
import { FLUSH, isReadAlike, POISON, SETTLE_SETTINGS, SYNC } from "./messages.ts";
import { errorResponse } from "./refuse.ts";
import { rewriteSetting } from "./rewrite-setting.ts";
import { sentFor } from "./sent-text.ts";
import { SimpleQuery } from "./simple-query.ts";
import type { ReadText } from "./statement-reader.ts";
import type { WireLink } from "./wire-link.ts";

/** `replace`: what goes upstream instead, perhaps nothing, is given out by emit(). `wait`: ask again when something has happened. */
export type HandlerVerdict = "forward" | "replace" | "wait" | "terminate";

export class MessageHandler {
  readonly #link: WireLink;
  readonly #gate: Gate;
  readonly #resume: () => void;
  readonly #intents: Intents;
  readonly #inquiry: Inquiry;
  readonly #simple: SimpleQuery;
  readonly #copy: CopyIn;
  #out: Uint8Array[] = [];
  /** A refusal of ours: the rest of the batch is dropped up to its Sync, as the server would. */
  #skip = false;
  #waiting = false;
  /** The message at hand was counted against the rate: it may be asked about again. */
  #counted = false;
  /** A Flush was sent for the end of this run, which something waits for. */
  #flushedFor: StatementRun | null = null;
  /** What has come behind the message at hand: bytes[from, to). */
  #behind: Uint8Array = EMPTY;
  #behindFrom = 0;
  #behindTo = 0;
  /** A text that the parser works on, or has read, for the message that waits. */
  #reading: Reading | null = null;

  constructor(link: WireLink, gate: Gate, resume: () => void) {
    this.#link = link;
    this.#gate = gate;
    this.#resume = resume;
    this.#intents = new Intents(link, gate);
    this.#copy = new CopyIn(link);
    const send = (bytes: Uint8Array): void => void this.#out.push(bytes);
    this.#inquiry = new Inquiry(link, send);
    const { hold } = link.parts;
    if (hold !== null) link.holding = new Holding(link, this.#inquiry, hold, send, resume);
    this.#simple = new SimpleQuery(link, this.#intents, this.#inquiry, send);
  }

  get waiting(): boolean {
    return this.#waiting;
  }

  /** Something is to go out before the message that was handled last. */
  get hasOutput(): boolean {
    return this.#out.length > 0;
  }

  close(): void {
    this.#stopReading();
  }

  /** Puts what the last message became behind what was forwarded before it. */
  emit(): void {
    if (this.#out.length === 0) return;
    for (const bytes of this.#out) this.#gate.add(bytes);
    this.#out = [];
  }

  /** Goes on with what does not need another message of the client: the end of a COPY that failed. */
  proceed(): void {
    if (this.#link.copy !== "none" || this.#link.holdsBatch) return;
    this.#inquiry.prepareReadOnly();
    if (this.#simple.open && !this.#link.skipping && !this.#simple.inCopy) {
      const refusal = this.#simple.proceed();
      if (refusal !== null) this.#refuseQuery(refusal);
      return;
    }
    const owed = this.#copy.over() + (this.#simple.open ? 1 : 0);
    this.#simple.abandon();
    for (let i = 0; i < owed; i++) {
      this.#link.endBatch();
      this.#out.push(SYNC);
    }
  }

  /** Handles `bytes[start, end)`, of which more has come up to `availableEnd`. @throws {ProtocolViolation} for what is out of order or malformed. */
  handle(type: number, bytes: Uint8Array, start: number, end: number, availableEnd: number): HandlerVerdict {
    this.#behind = bytes;
    this.#behindFrom = end;
    this.#behindTo = availableEnd;
    const verdict = this.#dispatch(type, bytes, start, end);
    this.#waiting = verdict === "wait";
    if (!this.#waiting) this.#counted = false;
    if (!this.#waiting && !this.#simple.open) this.#inquiry.settled();
    return verdict;
  }

  #dispatch(type: number, bytes: Uint8Array, start: number, end: number): HandlerVerdict {
    if (type === FRONTEND.Terminate && !this.#simple.open) return "terminate";
    if (this.#link.copy === "asked" || this.#link.opaqueRuns || this.#link.holdsBatch) return "wait";
    if (this.#simple.open && this.#link.copy === "none") return "wait";
    const body = bytes.subarray(start + 5, end);
    if (this.#link.copy === "open") return this.#duringCopy(type, bytes.subarray(start, end));
    switch (type) {
      case FRONTEND.Sync:
        return this.#onSync(body);
      case FRONTEND.CopyData:
      case FRONTEND.CopyDone:
      case FRONTEND.CopyFail:
        return "replace"; // left over from a COPY that failed: the server ignores them too
      case FRONTEND.Parse:
      case FRONTEND.Bind:
      case FRONTEND.Describe:
      case FRONTEND.Execute:
      case FRONTEND.Close:
      case FRONTEND.Flush:
      case FRONTEND.Query:
      case FRONTEND.FunctionCall:
        if (!this.#skip && !this.#link.skipping) return this.#onCommand(type, body, bytes, start, end);
        this.#stopReading(); // of this message, perhaps: the batch failed while it waited for the parser
        this.#link.holding?.drop(); // or for people
        return "replace";
      default:
        throw new ProtocolViolation("message", "its type is unknown or out of order here", 0);
    }
  }

  #onCommand(type: number, body: Uint8Array, bytes: Uint8Array, start: number, end: number): HandlerVerdict {
    if (this.#link.settingsDoubtful) this.#settleSettings(body);
    switch (type) {
      case FRONTEND.Parse:
        return this.#open(this.#onParse(body));
      case FRONTEND.Bind:
        return this.#open(this.#onBind(body));
      case FRONTEND.Describe:
        return this.#open(this.#onDescribe(body));
      case FRONTEND.Execute:
        return this.#open(this.#onExecute(body, bytes.subarray(start, end)));
      case FRONTEND.Close:
        return this.#open(this.#onClose(body));
      case FRONTEND.Query:
        return this.#onQuery(body);
      case FRONTEND.FunctionCall:
        return this.#onFunctionCall(body);
      default:
        if (body.length > 0) throw new ProtocolViolation("Flush", "bytes after the last field", 0);
        return "forward";
    }
  }

  /** Ahead of a message that the server might read otherwise than Postern does: see WireLink.settleSettings. */
  #settleSettings(body: Uint8Array): void {
    if (isReadAlike(body)) return;
    this.#link.settleSettings();
    this.#out.push(SETTLE_SETTINGS);
  }

  #open(verdict: HandlerVerdict): HandlerVerdict {
    if (verdict === "forward") this.#link.batchOpen = true;
    return verdict;
  }

  #onSync(body: Uint8Array): HandlerVerdict {
    if (body.length > 0) throw new ProtocolViolation("Sync", "bytes after the last field", 0);
    if (this.#link.holdsSync) return this.#until(this.#link.measured);
    this.#skip = false;
    this.#link.endBatch();
    return "forward";
  }

  /** The end of a statement decides whether this may be sent; the server says it only with a Flush or a Sync. */
  #until(run: StatementRun | null): HandlerVerdict {
    if (this.#flushedFor !== run) this.#out.push(FLUSH);
    this.#flushedFor = run;
    return "wait";
  }

  #onParse(body: Uint8Array): HandlerVerdict {
    const { statement: name, query, parameterTypes } = decodeParse(body);
    const link = this.#link;
    if (name !== "") {
      if (!this.#statementSettled(name)) return "wait";
      if (link.names.statement(name) !== undefined) {
        return this.#refuse(new GatewayError("STATEMENT_EXISTS", `prepared statement "${name}" already exists`));
      }
      if (link.names.statementCount >= link.parts.limits.preparedStatements)
        return this.#refuse(tooMany("prepared statements"));
    }
    const read = this.#read(query);
    if (read === null) return "wait";
    if (read instanceof GatewayError) return this.#refuseText(query, read);
    if (read.statements.length > 1) {
      return this.#refuseText(
        query,
        new GatewayError("SYNTAX_ERROR", "cannot insert multiple commands into a prepared statement"),
      );
    }
    const parsed = read.statements[0] ?? null;
    const record = read.records[0] ?? { commitment: "", fingerprint: "" };
    const wide = link.enforcer === null || parsed === null ? null : judgeWidth(parsed);
    if (wide !== null) return this.#refuseText(query, wide);
    const sent = sentFor(link, parsed, query, parameterTypes);
    if (sent === null) return "wait";
    if (sent instanceof GatewayError) return this.#refuseText(query, sent);
    const evidence = link.enforcer?.evidenceFor(parsed) ?? null;
    const parsedIn = { batch: link.batch, after: link.executions };
    const { origin, meaning } = sent;
    const source = link.enforcer?.holds === true ? query.slice() : null;
    const statement = {
      name,
      parsed: sent.parsed,
      record,
      evidence,
      text: textInside(sent),
      origin,
      meaning,
      source,
      parameterTypes,
      parsedIn,
    };
    // A utility statement is judged before the server sees its text, which it may write to its log with what stands in it.
    const ruling = evidence === null ? this.#inquiry.byGrammar(statement, null) : UNJUDGED;
    if (ruling === null) return "wait";
    if (ruling.error !== null && (ruling.hold === null || link.holding === null))
      return this.#refuseStatement(statement, null, ruling.error, ruling);
    if (meaning !== null && evidence !== null) this.#inquiry.meaning(meaning, evidence);
    const change = link.names.setStatement(statement, link.batch);
    link.expectations.push(new Expectation("parse", false, null, [change], null, 0, null, evidence));
    const setting = parsed === null ? null : rewriteSetting(parsed, link);
    const rewritten = setting ?? (sent.bytes === query ? null : sent.bytes);
    if (rewritten === null) return "forward";
    this.#out.push(encoded((writer) => encodeParse(writer, { statement: name, query: rewritten, parameterTypes })));
    link.batchOpen = true;
    return "replace";
  }

  /** Null: the parser is at it, ask again. */
  #read(text: Uint8Array): ReadText | GatewayError | null {
    const reading = this.#reading;
    if (reading !== null && Buffer.compare(reading.text, text) === 0) {
      if (reading.result !== null) this.#reading = null;
      return reading.result;
    }
    this.#stopReading();
    const { clock, metrics, reader } = this.#link.parts;
    const startedMs = clock.monotonicMs();
    const read = reader.read(text);
    metrics.stages.analysis.observe(clock.monotonicMs() - startedMs);
    if (read === null) void this.#readSlowly(text);
    return read;
  }

  async #readSlowly(text: Uint8Array): Promise<void> {
    const reading: Reading = { text, result: null, aborter: new AbortController() };
    const { signal } = reading.aborter;
    this.#reading = reading;
    try {
      reading.result = await this.#link.parts.reader.readSlow(text, signal);
    } catch (error) {
      reading.result = new GatewayError("CANNOT_JUDGE", "the statement could not be parsed", { cause: error });
    }
    if (!signal.aborted) this.#resume();
  }

  #stopReading(): void {
    this.#reading?.aborter.abort();
    this.#reading = null;
  }

  #statementSettled(name: string): boolean {
    const { names, batch, answeredBatch } = this.#link;
    return names.settledStatement(name, batch, answeredBatch);
  }

  #portalSettled(name: string): boolean {
    const { names, batch, answeredBatch } = this.#link;
    return names.settledPortal(name, batch, answeredBatch);
  }

  #onBind(body: Uint8Array): HandlerVerdict {
    const bind = decodeBind(body);
    const link = this.#link;
    if (!this.#statementSettled(bind.statement)) return "wait";
    const statement = link.names.statement(bind.statement);
    if (statement === undefined) return this.#refuse(unknownStatement(bind.statement));
    if (bind.portal !== "") {
      if (!this.#portalSettled(bind.portal)) return "wait";
      // A cursor WITH HOLD is kept here although its transaction may have been rolled back: there the server decides.
      if (link.names.portal(bind.portal)?.hold === false) {
        return this.#refuse(new GatewayError("PORTAL_EXISTS", `portal "${bind.portal}" already exists`));
      }
      if (link.names.portalCount >= link.parts.limits.portals) return this.#refuse(tooMany("portals"));
    }
    const old = this.#inquiry.tooOldToAsk(statement);
    if (old !== null) return this.#refuseStatement(statement, null, old);
    const held = link.holding?.stageOf(statement) ?? "none";
    const inner = held === "none" ? this.#inquiry.inner(statement) : null;
    const judged = held === "none" ? this.#beforeBind(statement, inner) : UNJUDGED;
    if (judged === null) return "wait";
    const lifting = held === "none" && judged.hold === null ? NOTHING_HELD : this.#lift(statement, judged, bind);
    if (lifting === null) return "wait";
    const { error, ruling, lifted } = { ruling: judged, error: judged.error, ...lifting };
    if (error !== null) return this.#refuseStatement(statement, null, error, ruling);
    let parameters: string | null = null;
    if (bind.parameters.length > 0) {
      const from = utf8Length(bind.portal) + utf8Length(bind.statement) + 2;
      const to = body.length - 2 - 2 * bind.resultFormats.length;
      parameters = commitment(link.parts.journal.facts.salt, "parameters", body.subarray(from, to));
    }
    const { meaning, evidence, parsedIn } = statement;
    // The server looks at the plan's own text alone: a view that was defined anew is not in it.
    if (meaning !== null && evidence !== null && parsedIn.batch !== link.batch)
      this.#inquiry.meaning(meaning, evidence);
    this.#inquiry.readOnly(statement, () => this.#onlyReadsBehind());
    link.boundBatch = link.batch;
    const maskLike = statement.parsed?.class === "write" ? this.#maskLike(bind.parameters) : null;
    const named = { name: bind.portal, statement, parameters, maskLike, hold: false, binary: false };
    const change = link.names.setPortal(
      {
        ...{ ...named, inner, boundAfter: link.executions, delivered: new Delivered() },
        resultFormats: bind.resultFormats,
        lifted,
      },
      link.batch,
    );
    link.expectations.push(
      new Expectation("bind", false, null, [change], null, 0, statement.origin, statement.evidence),
    );
    return "forward";
  }

  /** What is known of a statement by its names alone is asked for here too, where it may have to wait for people. */
  #beforeBind(statement: PreparedStatement, inner: Evidence | null): Ruling | null {
    const { enforcer, holding, executions } = this.#link;
    const ruling = this.#inquiry.beforeBind(statement);
    if (ruling === null || ruling.error !== null || statement.evidence !== null) return ruling;
    if (holding === null || enforcer?.holds !== true) return ruling;
    return this.#inquiry.ofPortal({ statement, inner, boundAfter: executions, maskLike: null });
  }

  /** Null: it waits for people. */
  #lift(statement: PreparedStatement, ruling: Ruling, bind: Bind): Lifting | null {
    const { holding, names } = this.#link;
    const { parsed, source, record } = statement;
    if (holding === null || parsed === null || source === null) return { lifted: null };
    const asked = {
      ...{ key: statement, parsed, fingerprint: record.fingerprint, text: source, alone: true },
      parameters: boundValues(bind, statement.parameterTypes),
      resultFormats: bind.resultFormats,
      evidence: evidenceBehind(names, statement),
      parts: null,
      judge: () => this.#beforeBind(statement, null),
    };
    const begun = holding.stageOf(statement) !== "none";
    const outcome = begun || ruling.hold === null ? holding.goOn(asked) : holding.begin(asked, ruling.hold, ruling);
    if (outcome === null) return null;
    return "error" in outcome ? { ...outcome, lifted: null } : { error: null, lifted: outcome };
  }

  /** Of text the two formats are the same bytes. */
  #maskLike(parameters: readonly (Uint8Array | null)[]): ReadonlyMap<number, string> | null {
    const { enforcer, inTransaction } = this.#link;
    const texts = parameters.map((value) => {
      return value === null || value.length > MAX_MASK_BYTES ? null : Buffer.from(value).toString("utf8");
    });
    return enforcer?.maskLike(texts, inTransaction) ?? null;
  }

  /** The rest of the batch is here, and nothing in it is anything but reads that may run in a read-only one. */
  #onlyReadsBehind(): boolean {
    const { names } = this.#link;
    return endsInReads(this.#behind, this.#behindFrom, this.#behindTo, (name) => {
      const statement = names.statement(name);
      return statement !== undefined && this.#inquiry.mayBeReadOnly(statement);
    });
  }

  #onDescribe(body: Uint8Array): HandlerVerdict {
    const { kind, name } = decodeDescribe(body);
    const link = this.#link;
    if (kind === "statement") {
      if (!this.#statementSettled(name)) return "wait";
      const statement = link.names.statement(name);
      if (statement === undefined) return this.#refuse(unknownStatement(name));
      // The server looks whether its plan still holds, and shows what it made anew.
      link.expectations.push(describing("describeStatement", statement));
    } else {
      if (!this.#portalSettled(name)) return "wait";
      const portal = link.names.portal(name);
      if (portal === undefined) return this.#refuse(unknownPortal(name));
      link.expectations.push(
        link.enforcer === null ? EXPECT.describePortal : describing("describePortal", portal.statement),
      );
    }
    return "forward";
  }

  #onExecute(body: Uint8Array, message: Uint8Array): HandlerVerdict {
    const { portal: name } = decodeExecute(body);
    const link = this.#link;
    if (!this.#portalSettled(name)) return "wait";
    const portal = link.names.portal(name);
    if (portal === undefined) return this.#refuse(unknownPortal(name));
    const { statement } = portal;
    if (statement.parsed === null) {
      link.expectations.push(new Expectation("execute", false, null, null, null, 0));
      return "forward";
    }
    if (!namesSettled(link, statement)) return "wait";
    const refusal = this.#overRate([statement.parsed]) ?? judge(statement.parsed, link.names);
    if (refusal !== null) return this.#refuseStatement(statement, portal.parameters, refusal);
    const durable = mayWrite(link, statement);
    if (link.holdsWrites && (durable || statement.parsed.class !== "read")) return this.#until(link.measured);
    const early = link.holdsEnd(statement.parsed);
    if (early !== null) return this.#until(early);
    const lifted = portal.lifted instanceof Lifted ? portal.lifted : null;
    const known = durable || lifted !== null ? null : this.#inquiry.early(statement);
    const ruling = known ?? this.#approved(lifted, () => this.#inquiry.ofPortal(portal));
    if (ruling === null) return "wait";
    if (lifted !== null && !isAsApproved(lifted, evidenceBehind(link.names, statement)))
      return this.#refuseStatement(statement, portal.parameters, changed(lifted.approval), ruling);
    if (ruling.error !== null) return this.#refuseStatement(statement, portal.parameters, ruling.error, ruling);
    const behind = behindName(link, statement);
    const run = this.#intents.permit({
      statement,
      parameters: portal.parameters ?? behind?.parameters ?? null,
      behind: behind?.record ?? null,
      durable,
      ruling,
      delivered: portal.delivered,
      formats: portal.resultFormats,
      lifted,
    });
    this.#inquiry.letGo(run, ruling);
    if (link.tellsApart) this.#out.push(FLUSH);
    const shown = statement.parsed.prepared?.kind === "prepare" ? innerFor(link, statement) : null;
    const inner = shown ?? portal.inner;
    const changes = applyEffects(link, statement, inner);
    link.expectations.push(new Expectation("execute", false, run, changes, null, 0, null, shown));
    if (run.inside === "judge") {
      this.#out.push(message, FLUSH);
      link.batchOpen = true;
      link.opaque = run;
      return "replace";
    }
    if (statement.parsed.class !== "copyIn") return "forward";
    // Nothing may be sent behind it before the server has opened the copy, or refused it: only then is it known whether
    // the messages that follow are the copy's.
    link.copy = "asked";
    link.copyRun = run;
    link.batchOpen = true;
    this.#out.push(message, FLUSH);
    return "replace";
  }

  #approved(lifted: Lifted | null, judge: () => Ruling | null): Ruling | null {
    const { enforcer } = this.#link;
    return lifted === null || enforcer === null ? judge() : enforcer.approved(lifted.groups, judge);
  }

  #onClose(body: Uint8Array): HandlerVerdict {
    const { kind, name } = decodeClose(body);
    const link = this.#link;
    const { names, batch } = link;
    const change = kind === "statement" ? names.removeStatement(name, batch) : names.removePortal(name, batch);
    link.expectations.push(new Expectation("close", false, null, [change], null, 0));
    return "forward";
  }

  #onQuery(body: Uint8Array): HandlerVerdict {
    const { query } = decodeQuery(body);
    const link = this.#link;
    // A Query inside a batch without its Sync: wait for the batch, since the server skips the Query if the batch failed.
    if (link.batchOpen && link.expectations.length > 0) {
      if (!this.#waiting) this.#out.push(FLUSH);
      return "wait";
    }
    const read = this.#read(query);
    if (read === null) return "wait";
    if (read instanceof GatewayError) {
      this.#intents.refuseText(query, read);
      return this.#refuseQuery(read);
    }
    const refusal = this.#simple.start(query, read, this.#overRate(read.statements));
    if (refusal === "wait") return "wait";
    return refusal === null ? "replace" : this.#refuseQuery(refusal);
  }

  #overRate(statements: readonly (ParsedStatement | null)[]): GatewayError | null {
    if (this.#counted) return null;
    this.#counted = true;
    return this.#link.parts.statementLimits.overRate(statements);
  }

  #onFunctionCall(body: Uint8Array): HandlerVerdict {
    decodeFunctionCall(body);
    return this.#refuseQuery(
      new GatewayError("CANNOT_JUDGE", "the FunctionCall message is not served", {
        hint: "Call the function in a SELECT.",
      }),
    );
  }

  #duringCopy(type: number, message: Uint8Array): HandlerVerdict {
    const verdict = this.#copy.take(type, message.subarray(HEADER_BYTES));
    if (verdict === "forward") return "forward";
    if (verdict === "end" || verdict === "fail") {
      this.#out.push(verdict === "end" ? message : COPY_FAIL);
      if (this.#simple.open) this.#simple.copied();
    }
    return "replace";
  }

  #refuseStatement(
    statement: PreparedStatement,
    parameters: string | null,
    error: GatewayError,
    ruling: Ruling = UNJUDGED,
  ): HandlerVerdict {
    this.#intents.refuse(statement, parameters, error, ruling);
    return this.#refuse(error);
  }

  #refuseText(text: Uint8Array, error: GatewayError): HandlerVerdict {
    this.#intents.refuseText(text, error);
    return this.#refuse(error);
  }

  /** In the extended protocol: the error in its turn, then silence up to Sync. */
  #refuse(error: GatewayError): HandlerVerdict {
    this.#skip = true;
    if (this.#nothingOpen()) {
      this.#link.parts.client.write(errorResponse(error));
      this.#link.parts.settleSoon();
      return "replace";
    }
    this.#out.push(POISON);
    this.#link.expectations.push(new Expectation("refusal", true, null, null, error, 0));
    this.#link.batchOpen = true;
    return "replace";
  }

  /** In the simple protocol: the error, then ReadyForQuery. */
  #refuseQuery(error: GatewayError): HandlerVerdict {
    if (this.#nothingOpen()) this.#link.parts.client.write(errorResponse(error));
    else {
      this.#out.push(POISON);
      this.#link.expectations.push(new Expectation("refusal", true, null, null, error, 0));
    }
    this.#out.push(SYNC);
    this.#link.endBatch();
    this.#link.parts.settleSoon();
    return "replace";
  }

  /** No transaction, no answer owed, nothing under way: a refusal needs nothing of the server. */
  #nothingOpen(): boolean {
    const link = this.#link;
    return (
      link.status === "I" &&
      link.expectations.length === 0 &&
      !link.batchOpen &&
      this.#gate.empty &&
      this.#out.length === 0
    );
  }
}

/** A text that a worker reads, and what it came to. Only the message with this very text may take the result. */
interface Reading {
  readonly text: Uint8Array;
  readonly aborter: AbortController;
  result: ReadText | GatewayError | null;
}

/** What became of asking people. Without an error and a ruling: those of the statement stand. */
interface Lifting {
  readonly error?: GatewayError | null;
  readonly ruling?: Ruling;
  readonly lifted: Lifted | null;
}

const NOTHING_HELD: Lifting = { lifted: null };
const EMPTY = new Uint8Array(0);
const COPY_FAIL = encoded((writer) => encodeCopyFail(writer, { reason: "a mask would be written" }));
/** No mask is longer. */
const MAX_MASK_BYTES = 512;
/** Type and length. */
const HEADER_BYTES = 5;

/** Of a statement where trees are asked for the answer may bring one. */
function describing(kind: "describeStatement" | "describePortal", statement: PreparedStatement): Expectation {
  const { evidence, origin } = kind === "describeStatement" ? statement : NOTHING_SHOWN;
  return new Expectation(kind, false, null, null, null, 0, origin, evidence, null, statement);
}

const NOTHING_SHOWN = { evidence: null, origin: null } as const;

function utf8Length(text: string): number {
  return text === "" ? 0 : Buffer.byteLength(text, "utf8");
}

function tooMany(what: string): GatewayError {
  return new GatewayError("STATEMENT_OVER_LIMIT", `too many ${what} in this session`, {
    hint: `Close those that are no longer needed, or have limits.${what === "portals" ? "portals" : "preparedStatements"} raised.`,
  });
}
