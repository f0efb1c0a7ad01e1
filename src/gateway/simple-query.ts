/**
 * Simple Query: the string is split by PostgreSQL's grammar, and its statements go upstream as extended messages with one Sync at
 * the end, which is the same implicit transaction. Whatever the grammar alone forbids is refused before the first is sent; what
 * depends on names is judged at each one's turn, when the server has said what they mean there.
 */

import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import { changed } from "../approval/errors.ts";
import { GatewayError } from "../base/errors.ts";
import { combine, type Hold } from "../policy/decision.ts";
import { EXPECT, Expectation } from "../statement/expectations.ts";
import type { NameChange } from "../statement/namespace.ts";
import { Answer, type Evidence, type PreparedStatement, pieceAt, type StatementRun } from "../statement/statement.ts";
import { applyEffects, behindName, innerFor, mayWrite, namesSettled } from "./effects.ts";
import { type Ruling, UNJUDGED } from "./enforcement.ts";
import type { HoldStage, NotLifted } from "./hold.ts";
import { evidenceBehind, type Holdable, isAsApproved, Lifted, treeOf } from "./holdable.ts";
import { type Inquiry, textInside } from "./inquiry.ts";
import type { Intents } from "./intents.ts";
import { judge, judgeWidth } from "./judge.ts";
import { FLUSH, isReadAlike, SETTLE_SETTINGS, SYNC, simpleBind, simpleExecute, simpleParse } from "./messages.ts";
import { rewriteSetting } from "./rewrite-setting.ts";
import { type SentText, sentAsItCame, sentFor } from "./sent-text.ts";
import type { ReadText } from "./statement-reader.ts";
import type { WireLink } from "./wire-link.ts";

/** A statement of the string. What depends on names was asked when it was its turn among them. */
interface Planned {
  readonly statement: PreparedStatement;
  /** As it was read. */
  readonly read: ParsedStatement | null;
  /** The whole text that its positions are counted in; null: the string itself. */
  readonly text: Uint8Array | null;
  readonly durable: boolean;
  readonly binary: boolean;
  readonly behind: ReturnType<typeof behindName>;
  readonly changes: readonly NameChange[] | null;
  /** What PREPARE and DECLARE give a name to. */
  readonly inner: Evidence | null;
}

/**
 * `surveyed`: the server looks what all of it touches, before anything of it runs: it may have to wait for people as a whole. `anew`: the text that was made for it is old, another is to be. `due`: nothing of it was sent. `parsed`: the server looks what it touches. `bound`: it has planned it, which may have run
 * functions, and a write waits for what that showed. `running`: nothing may be sent behind it yet. `copying`: the data is.
 */
type Stage = "surveyed" | "anew" | "due" | "parsed" | "bound" | "running" | "copying";

interface Pending {
  readonly query: Uint8Array;
  readonly plan: Planned[];
  next: number;
  stage: Stage;
  asked: Evidence | null;
  /** The statement whose turn it is was approved by people; null: it needed nobody so far. */
  lifted: Lifted | null;
  /** It is looked at anew, since it was approved. */
  looked: boolean;
  /** How often a text was made anew. */
  renewed: number;
  /** What the survey has come to, of a string that is looked at as a whole. */
  survey: Answer | null;
  /** Of a string that was approved as a whole: the hash of what each of its statements was then, by its place. */
  approvedTrees: readonly (string | null)[] | null;
}

export class SimpleQuery {
  readonly #link: WireLink;
  readonly #intents: Intents;
  readonly #inquiry: Inquiry;
  readonly #send: (bytes: Uint8Array) => void;
  #pending: Pending | null = null;
  /** A Flush was sent for the end of this run, which the next one waits for. */
  #flushedFor: StatementRun | null = null;

  constructor(link: WireLink, intents: Intents, inquiry: Inquiry, send: (bytes: Uint8Array) => void) {
    this.#link = link;
    this.#intents = intents;
    this.#inquiry = inquiry;
    this.#send = send;
  }

  /** Part of the string has not been sent. */
  get open(): boolean {
    return this.#pending !== null;
  }

  /** A COPY FROM STDIN in it is under way, or has just failed. */
  get inCopy(): boolean {
    return this.#pending?.stage === "copying";
  }

  /** A statement failed: the rest of the string does not run. What it would have done to the session's names is taken back. */
  abandon(): void {
    const pending = this.#pending;
    if (pending === null) return;
    this.#link.holding?.drop();
    const planned = pending.plan[pending.next];
    // It failed when the server looked at it: it did not run, and that is on record.
    const looked = pending.stage === "parsed" || pending.stage === "bound";
    if (planned !== undefined && looked && this.#link.lastError !== "")
      this.#intents.failed(planned.statement, this.#link.lastError);
    this.#undoRest(pending);
  }

  #undoRest(pending: Pending): void {
    this.#link.undo(pending.plan.slice(pending.next).map(({ changes }) => changes));
    this.#pending = null;
    this.#inquiry.settled();
  }

  /**
   * @param overRate why none of it may run. @returns null: on its way; an error: none of it runs; "wait": an unanswered batch
   * decides what a name in it means.
   */
  start(query: Uint8Array, read: ReadText, overRate: GatewayError | null): GatewayError | "wait" | null {
    const link = this.#link;
    if (read.statements.length === 0) {
      link.names.removeUnnamed(link.batch);
      this.#sendEmpty();
      return null;
    }
    const plan: Planned[] = [];
    for (const [i, parsed] of read.statements.entries()) {
      const record = read.records[i] ?? { commitment: "", fingerprint: "" };
      const wide = overRate ?? (link.enforcer === null ? null : judgeWidth(parsed));
      const sent = wide ?? sentFor(link, parsed, query);
      const readable = sent === null || sent instanceof GatewayError ? sentAsItCame(parsed, query) : sent;
      const statement = this.#statement(readable, record);
      const settled = sent !== null && namesSettled(link, statement);
      const refusal = sent instanceof GatewayError ? sent : settled ? judge(parsed, link.names) : null;
      if (!settled || refusal !== null) {
        link.undo(plan.map(({ changes }) => changes));
        if (refusal === null) return "wait";
        this.#intents.refuse(statement, null, refusal);
        return refusal;
      }
      plan.push(this.#plan(statement, readable, query, parsed));
    }
    link.names.removeUnnamed(link.batch);
    this.#inquiry.namesChanging = plan.some(({ changes }) => changes !== null);
    const kept = link.enforcer === null ? query : query.slice();
    const fresh = { asked: null, lifted: null, looked: false, renewed: 0, survey: null, approvedTrees: null };
    const stage = this.#mayWaitWhole(plan) ? "surveyed" : "due";
    this.#pending = { query: kept, plan, next: 0, stage, ...fresh };
    return this.proceed();
  }

  /**
   * A string of several can wait for people as one where all that it does can be seen before any of it is done: reads and writes that mean now
   * what they will mean, and the ends of a transaction around them.
   */
  #mayWaitWhole(plan: readonly Planned[]): boolean {
    const link = this.#link;
    if (plan.length === 1 || plan.length > MAX_WHOLE || link.holding === null || link.enforcer?.holds !== true)
      return false;
    if (link.status !== "I" || link.inTransaction || link.batchOpen || link.settingsDoubtful) return false;
    return plan.every(({ statement: { parsed, evidence, meaning }, changes }) => {
      if (parsed === null || changes !== null) return false;
      const bounds = parsed.transaction?.kind === "begin" || parsed.transaction?.kind === "commit";
      return bounds || (parsed.optimisable && evidence !== null && meaning === null && parsed.inner === undefined);
    });
  }

  #statement(sent: SentText, record: PreparedStatement["record"]): PreparedStatement {
    const { parsed, origin: whole } = sent;
    const { batch, executions, enforcer } = this.#link;
    const evidence = enforcer?.evidenceFor(parsed) ?? null;
    const origin = pieceAt(parsed?.startCharacter ?? 0, whole);
    return {
      name: "",
      parsed,
      record,
      evidence,
      text: textInside(sent),
      origin,
      meaning: sent.meaning,
      source: null,
      parameterTypes: [],
      parsedIn: { batch, after: executions },
    };
  }

  #plan(statement: PreparedStatement, { bytes }: SentText, query: Uint8Array, read: ParsedStatement | null): Planned {
    const link = this.#link;
    const text = bytes === query ? null : bytes;
    const durable = mayWrite(link, statement);
    const cursor = statement.parsed?.cursor;
    const binary = cursor?.kind === "fetch" && link.names.portal(cursor.name ?? "")?.binary === true;
    const behind = behindName(link, statement);
    const inner = innerFor(link, statement);
    const changes = applyEffects(link, statement, inner); // the next is judged as if this had run
    return { statement, read, text, durable, binary, behind, changes, inner };
  }

  /** Goes on as far as it can. @returns why the statement whose turn it is may not run: the rest is given up. */
  proceed(): GatewayError | null {
    for (let pending = this.#pending; pending !== null; pending = this.#pending) {
      const planned = pending.plan[pending.next];
      if (planned === undefined) {
        this.#pending = null;
        return null;
      }
      const went = this.#step(pending, planned);
      if (went === "wait") return null;
      if (went instanceof GatewayError) {
        this.#undoRest(pending);
        return went;
      }
    }
    return null;
  }

  /** The data of the COPY is complete. */
  copied(): void {
    const pending = this.#pending;
    if (pending === null) return;
    if (pending.next >= pending.plan.length) this.#end();
    pending.stage = "due";
    this.proceed();
  }

  #step(pending: Pending, planned: Planned): "on" | "wait" | GatewayError {
    const { statement } = planned;
    if (pending.stage === "copying") return "wait";
    if (pending.stage === "surveyed") return this.#surveyed(pending);
    const held = this.#link.holding?.stageOf(statement) ?? "none";
    if (held !== "none") return this.#goOn(pending, planned, held);
    if (pending.stage === "running") {
      if (this.#link.opaqueRuns) return "wait";
      return this.#done(pending, true);
    }
    if (pending.stage === "anew") return this.#renew(pending, planned);
    if (pending.stage === "due") {
      // It may turn out that it stands behind an error.
      if (this.#link.holdsWrites && (planned.durable || statement.parsed?.class !== "read"))
        return this.#until(this.#link.measured);
      const early = this.#link.holdsEnd(statement.parsed);
      if (early !== null) return this.#until(early);
      const grammar = statement.evidence === null && statement.parsed?.inner === undefined;
      // A utility statement's text is not shown to the server, whose log may keep it, before it is judged.
      if (grammar) {
        const ruling = this.#approved(pending.lifted, () => this.#ruling(statement, null));
        if (ruling === null) return "wait";
        const waits = ruling.hold !== null && this.#link.holding !== null;
        if (ruling.error !== null && !waits) return this.#refuse(planned, ruling.error, ruling);
      }
      this.#parse(pending, planned);
    }
    const { lifted } = pending;
    const early = planned.durable || lifted !== null ? null : this.#inquiry.early(statement);
    const ruling = early ?? this.#approved(lifted, () => this.#ruling(statement, pending.asked));
    if (ruling === null) return "wait";
    if (ruling.hold !== null && lifted === null && this.#link.holding !== null)
      return this.#lift(pending, planned, ruling.hold, ruling);
    if (ruling.error !== null) {
      if (ruling.error.code !== "PLAN_CHANGED" || !mayRenew(pending, planned))
        return this.#refuse(planned, ruling.error, ruling);
      pending.stage = "anew";
      return "on";
    }
    if (lifted !== null && !this.#isAsApproved(pending, lifted, statement))
      return this.#refuse(planned, changed(lifted.approval), ruling);
    if (pending.stage === "bound") return this.#run(pending, planned, ruling);
    this.#bind(pending, planned);
    const { evidence } = statement;
    const waits =
      evidence !== null && (planned.durable || ruling.inside === "judge" || !this.#inquiry.mayRunEarly(evidence));
    return waits ? "on" : this.#run(pending, planned, ruling);
  }

  #isAsApproved({ approvedTrees, next }: Pending, lifted: Lifted, statement: PreparedStatement): boolean {
    const evidence = evidenceBehind(this.#link.names, statement);
    return approvedTrees === null ? isAsApproved(lifted, evidence) : approvedTrees[next] === treeOf(evidence);
  }

  /** Has the server look at all of the string, in a batch of its own that changes nothing. */
  #survey(pending: Pending): void {
    const link = this.#link;
    const answer = new Answer(true);
    for (const { statement, text } of pending.plan) {
      const { parsed, evidence, origin } = statement;
      if (parsed === null || evidence === null) continue;
      link.enforcer?.own.asked(evidence);
      link.expectations.push(new Expectation("parse", true, null, null, null, 0, origin, evidence, answer));
      this.#send(simpleParse((text ?? pending.query).subarray(parsed.startByte, parsed.endByte)));
    }
    this.#send(SYNC);
    link.endBatch(true);
    pending.survey = answer;
  }

  #surveyed(pending: Pending): "on" | "wait" | GatewayError {
    const { holding, expectations } = this.#link;
    const held = holding?.stageOf(pending) ?? "none";
    if (pending.survey === null || (held === "looks" && !pending.looked)) {
      pending.looked = held === "looks";
      this.#survey(pending);
      return "wait";
    }
    if (held === "none" && expectations.length > 0) return "wait";
    if (held === "none" && pending.survey.sqlstate !== null) return this.#oneByOne(pending);
    const ruling = this.#ofWhole(pending);
    if (ruling === null) return "wait";
    const first = pending.plan[ruling.at];
    if (holding === null || first === undefined) return this.#oneByOne(pending);
    const asked = this.#whole(pending, first.statement);
    if (held === "none") {
      if (ruling.hold === null) return this.#oneByOne(pending);
      if (asked === null) return "wait";
      // What is denied is not asked about, and none of it runs.
      if (ruling.denied !== null) return this.#refuse(first, ruling.denied, ruling);
      return this.#wholeLifted(pending, first, holding.begin(asked, ruling.hold, ruling));
    }
    return asked === null ? "wait" : this.#wholeLifted(pending, first, holding.goOn(asked));
  }

  #oneByOne(pending: Pending): "on" {
    pending.stage = "due";
    pending.looked = false;
    return "on";
  }

  #wholeLifted(pending: Pending, first: Planned, outcome: Lifted | NotLifted | null): "on" | "wait" | GatewayError {
    if (outcome === null) return "wait";
    if (!(outcome instanceof Lifted)) return this.#refuse(first, outcome.error, outcome.ruling);
    pending.lifted = outcome;
    pending.approvedTrees = pending.plan.map(({ statement }) => treeOf(statement.evidence));
    return this.#oneByOne(pending);
  }

  #whole(pending: Pending, { parsed, record }: PreparedStatement): Holdable | null {
    if (parsed === null) return null;
    return {
      ...{ key: pending, parsed, fingerprint: record.fingerprint, text: pending.query },
      ...{ parameters: [], resultFormats: [], alone: true, evidence: null },
      parts: pending.plan.flatMap(({ statement: { evidence } }) => (evidence === null ? [] : [evidence])),
      judge: () => this.#ofWhole(pending),
    };
  }

  /** Of all the statements together. Null: not all of it is known. */
  #ofWhole(pending: Pending): WholeRuling | null {
    const { enforcer, inTransaction, expectations } = this.#link;
    if (expectations.length > 0 || enforcer === null) return null;
    // Whatever it was that kept the server from looking: it is not what was approved.
    const lost = pending.survey?.sqlstate ?? null;
    if (lost !== null) return wholeOf([enforcer.refuse(cannotLook(lost), inTransaction)]);
    const rulings: Ruling[] = [];
    for (const { statement } of pending.plan) {
      const ruling = this.#ruling(statement, null);
      if (ruling === null) return null;
      rulings.push(ruling);
    }
    return wholeOf(rulings);
  }

  #approved(lifted: Lifted | null, judge: () => Ruling | null): Ruling | null {
    const { enforcer } = this.#link;
    return lifted === null || enforcer === null ? judge() : enforcer.approved(lifted.groups, judge);
  }

  #lift(pending: Pending, planned: Planned, hold: Hold, ruling: Ruling): "on" | "wait" | GatewayError {
    const { holding } = this.#link;
    const asked = this.#holdable(pending, planned);
    if (holding === null || asked === null) return "wait";
    return this.#lifting(pending, planned, holding.begin(asked, hold, ruling));
  }

  #goOn(pending: Pending, planned: Planned, held: HoldStage): "on" | "wait" | GatewayError {
    const { holding } = this.#link;
    if (held === "looks" && !pending.looked) {
      pending.looked = true;
      pending.stage = "due";
      this.#parse(pending, planned);
    }
    const asked = this.#holdable(pending, planned);
    if (holding === null || asked === null) return "wait";
    return this.#lifting(pending, planned, holding.goOn(asked));
  }

  #holdable(pending: Pending, { statement, behind }: Planned): Holdable | null {
    const { parsed, record } = statement;
    if (parsed === null) return null;
    return {
      ...{ key: statement, parsed, fingerprint: (behind?.record ?? record).fingerprint, text: pending.query },
      ...{ parameters: [], resultFormats: [], alone: pending.plan.length === 1 },
      ...{ evidence: evidenceBehind(this.#link.names, statement), parts: null },
      judge: () => this.#ruling(statement, pending.asked),
    };
  }

  #lifting(pending: Pending, planned: Planned, outcome: Lifted | NotLifted | null): "on" | "wait" | GatewayError {
    if (outcome === null) return "wait";
    if (!(outcome instanceof Lifted)) return this.#refuse(planned, outcome.error, outcome.ruling);
    pending.lifted = outcome;
    // What was found at once, of one that was approved before, may have left the batch that it was parsed in.
    if (!this.#link.batchOpen) pending.stage = "due";
    return "on";
  }

  /** The database has changed since its text was made: where a client had prepared it, it would have to do so again, and here nobody had. */
  #renew(pending: Pending, { statement, read }: Planned): "on" | "wait" | GatewayError {
    const sent = sentFor(this.#link, read, pending.query);
    if (sent === null) return "wait";
    if (sent instanceof GatewayError) {
      this.#intents.refuse(statement, null, sent);
      return sent;
    }
    this.#inquiry.settled();
    pending.renewed++;
    pending.stage = "due";
    pending.asked = null;
    pending.plan[pending.next] = this.#plan(this.#statement(sent, statement.record), sent, pending.query, read);
    return "on";
  }

  #until(run: StatementRun | null): "wait" {
    if (this.#flushedFor !== run) this.#send(FLUSH);
    this.#flushedFor = run;
    return "wait";
  }

  #ruling(statement: PreparedStatement, inner: Evidence | null): Ruling | null {
    return this.#inquiry.ofPortal({ statement, inner, boundAfter: this.#link.executions, maskLike: null });
  }

  #refuse({ statement }: Planned, error: GatewayError, ruling: Ruling): GatewayError {
    this.#intents.refuse(statement, null, error, ruling);
    return error;
  }

  /** Behind what is asked about a query inside. */
  #parse(pending: Pending, { statement, inner, text: spliced }: Planned): void {
    const link = this.#link;
    const { parsed, meaning } = statement;
    if (parsed === null) return;
    const query = spliced ?? pending.query;
    const text = rewriteSetting(parsed, link) ?? query.subarray(parsed.startByte, parsed.endByte);
    if (link.settingsDoubtful && !isReadAlike(text)) {
      link.settleSettings();
      this.#send(SETTLE_SETTINGS);
    }
    pending.asked = inner === null ? null : this.#inquiry.inner(statement, inner);
    if (statement.evidence !== null) link.enforcer?.own.asked(statement.evidence);
    if (meaning !== null && statement.evidence !== null) this.#inquiry.meaning(meaning, statement.evidence);
    link.expectations.push(new Expectation("parse", true, null, null, null, 0, statement.origin, statement.evidence));
    this.#send(simpleParse(text));
    link.batchOpen = true;
    pending.stage = "parsed";
  }

  #bind(pending: Pending, { statement, binary }: Planned): void {
    const { expectations } = this.#link;
    const { origin } = statement;
    this.#inquiry.readOnly(statement, () => pending.plan.length === 1);
    this.#link.boundBatch = this.#link.batch;
    expectations.push(new Expectation("bind", true, null, null, null, 0, origin, statement.evidence));
    if (origin === null && this.#link.enforcer === null) expectations.push(EXPECT.hiddenDescribePortal);
    else expectations.push(new Expectation("describePortal", true, null, null, null, 0, origin, null, null, statement));
    this.#send(simpleBind(binary));
    this.#inquiry.sentMore();
    pending.stage = "bound";
  }

  #run(pending: Pending, planned: Planned, ruling: Ruling): "on" | "wait" {
    const { statement, durable, behind, changes } = planned;
    const link = this.#link;
    const { parsed } = statement;
    const run = this.#intents.permit({
      statement,
      parameters: behind?.parameters ?? null,
      behind: behind?.record ?? null,
      durable,
      ruling,
      lifted: pending.lifted,
    });
    this.#inquiry.letGo(run, ruling);
    const shown = parsed?.prepared?.kind === "prepare" ? planned.inner : null;
    link.expectations.push(new Expectation("execute", false, run, changes, null, 0, null, shown));
    this.#inquiry.settled();
    if (parsed?.class === "copyIn") return this.#copy(pending, run);
    const last = pending.next === pending.plan.length - 1;
    if (link.tellsApart) this.#send(FLUSH);
    if (run.inside !== "judge" && !(last && link.holdsSync)) {
      this.#send(simpleExecute(last));
      return this.#done(pending, false);
    }
    this.#send(simpleExecute(false));
    this.#send(FLUSH);
    link.opaque = run;
    pending.stage = "running";
    return "wait";
  }

  #copy(pending: Pending, run: StatementRun): "wait" {
    const link = this.#link;
    this.#send(simpleExecute(false));
    this.#send(FLUSH);
    link.copy = "asked";
    link.copyRun = run;
    pending.next++;
    pending.stage = "copying";
    return "wait";
  }

  /** @param sync the end of the batch has not been sent with it. */
  #done(pending: Pending, sync: boolean): "on" {
    pending.next++;
    pending.stage = "due";
    pending.asked = null;
    if (pending.approvedTrees === null) pending.lifted = null;
    pending.looked = false;
    if (pending.next < pending.plan.length) return "on";
    if (sync) this.#end();
    else {
      this.#link.endBatch();
      this.#pending = null;
    }
    return "on";
  }

  #end(): void {
    this.#send(SYNC);
    this.#link.endBatch();
    this.#pending = null;
  }

  #sendEmpty(): void {
    const { expectations } = this.#link;
    expectations.push(EXPECT.hiddenParse);
    expectations.push(EXPECT.hiddenBind);
    expectations.push(EXPECT.hiddenDescribePortal);
    expectations.push(new Expectation("execute", false, null, null, null, 0));
    this.#send(simpleParse(NOTHING));
    this.#send(simpleBind(false));
    this.#send(simpleExecute(true));
    this.#link.endBatch();
  }
}

const NOTHING = new Uint8Array(0);
/** Statements of one string that people are asked about: nobody reads more. */
const MAX_WHOLE = 100;
/** Where the database changes all the time, what was made for it is old before it was used. */
const MAX_RENEWED = 5;

/** It was looked at, by nobody but the server, and has done nothing: neither on the server nor to the session's names. */
function mayRenew({ stage, renewed, lifted }: Pending, { changes }: Planned): boolean {
  return stage === "parsed" && lifted === null && changes === null && renewed < MAX_RENEWED;
}

/** Of a string that waits as one. */
interface WholeRuling extends Ruling {
  /** Place of the first of its statements that has to wait, or may not run. */
  readonly at: number;
  /** Why one of them may not run, whatever people say. */
  readonly denied: GatewayError | null;
}

function wholeOf(rulings: readonly Ruling[]): WholeRuling {
  const holds = rulings.flatMap(({ hold }) => (hold === null ? [] : [hold]));
  const combined = holds.length === 0 ? null : combine(holds);
  const at = rulings.findIndex(({ error, hold }) => error !== null && hold === null);
  const waits = rulings.findIndex(({ hold }) => hold !== null);
  const place = at === -1 ? Math.max(0, waits) : at;
  const denied = rulings[at]?.error ?? null;
  return {
    ...(rulings[place] ?? UNJUDGED),
    at: place,
    denied,
    error: denied ?? rulings[place]?.error ?? null,
    hold: combined?.verdict === "hold" ? combined : null,
    requests: `[${rulings
      .map(({ requests }) => requests.slice(1, -1))
      .filter((text) => text !== "")
      .join(",")}]`,
    maxRows: null,
  };
}

function cannotLook(sqlstate: string): GatewayError {
  return new GatewayError("CANNOT_JUDGE", `the server could not look at the string again: ${sqlstate}`);
}
