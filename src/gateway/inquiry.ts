/**
 * What is asked of the server before a statement may run, in messages of Postern's own: what a query inside a statement touches,
 * what a prepared name means now, what names mean, what the session's own transaction has made. Null answers are on their way.
 */

import { randomBytes } from "node:crypto";
import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import { type AskedNames, namesIn, SessionNames } from "../analysis/session-names.ts";
import { GatewayError } from "../base/errors.ts";
import { EXPECT, Expectation } from "../statement/expectations.ts";
import {
  type Answer,
  Evidence,
  type MeaningText,
  type Portal,
  type PreparedStatement,
  pieceAt,
  type StatementRun,
  type WholeText,
} from "../statement/statement.ts";
import { namesAnswer } from "../upstream/session-queries.ts";
import { encoded } from "../wire/encode.ts";
import { encodeClose, encodeDescribe, encodeParse } from "../wire/extended.ts";
import { type Ruling, UNJUDGED } from "./enforcement.ts";
import { FLUSH, SYNC } from "./messages.ts";
import type { SentText } from "./sent-text.ts";
import {
  ASK_NAMES,
  ASK_OBJECTS,
  ASK_RELATION_NAMES,
  ASK_SURROUNDINGS,
  type AskedValue,
  arrayText,
  ask,
  askPlan,
  type QuestionText,
  quotedName,
  textOf,
  unanswered,
} from "./session-question.ts";
import type { WireLink } from "./wire-link.ts";

/** Of the query inside a statement. The number in it keeps clients from using it. */
const INNER = `postern: inner ${randomBytes(10).toString("hex")}`;
/** A question about the names in one statement. */
interface AskedAbout {
  readonly parsed: ParsedStatement;
  readonly names: AskedNames;
  /** Statements that the session had run by then, and the batch that the statement will be in. */
  readonly after: number;
  readonly batch: number;
  readonly answer: Answer;
}

export class Inquiry {
  readonly #link: WireLink;
  readonly #send: (bytes: Uint8Array) => void;
  /** For the message or statement at hand. */
  #flushed = false;
  #inner: Evidence | null = null;
  #described = false;
  #names: AskedAbout | null = null;
  #objects: Answer | null = null;
  /** A string is under way whose statements have changed names already, as of the batch that they will be in. */
  namesChanging = false;

  constructor(link: WireLink, send: (bytes: Uint8Array) => void) {
    this.#link = link;
    this.#send = send;
  }

  /** What was asked was for one message or statement, and that is dealt with. */
  settled(): void {
    this.#flushed = false;
    this.#inner = null;
    this.#described = false;
    this.#objects = null;
    this.#link.enforcer?.own.forget();
  }

  /** Behind the last Flush there is something again. */
  sentMore(): void {
    this.#flushed = false;
  }

  /** The query inside is looked at now, the statement around it was when it was parsed: both must be of one moment. */
  tooOldToAsk({ parsed, parsedIn }: PreparedStatement): GatewayError | null {
    const { enforcer, batch, executions } = this.#link;
    if (enforcer === null || parsed?.inner === undefined || parsed.inner.by === "prepare") return null;
    if (enforcer.inShadow) return null;
    if (parsedIn.batch === batch && parsedIn.after === executions) return null;
    return new GatewayError("CANNOT_JUDGE", "the query inside this statement was parsed too long ago to be judged", {
      hint: "Parse, bind and execute it in one batch, or send it by simple Query.",
    });
  }

  /** Has the server show what the query inside the statement does. @param evidence where that goes, if there is a place for it. */
  inner({ parsed, text }: PreparedStatement, evidence = new Evidence()): Evidence | null {
    const inside = parsed?.inner;
    if (
      this.#link.enforcer === null ||
      parsed === null ||
      inside === undefined ||
      inside.by === "prepare" ||
      text === null
    )
      return null;
    if (this.#inner !== null) return this.#inner;
    evidence.instead = this.#link.enforcer.insteadOf(parsed);
    const { bytes, origin } = text;
    const query = bytes.subarray(inside.startByte, inside.endByte);
    const before = [...new TextDecoder().decode(bytes.subarray(0, inside.startByte))].length;
    const piece = pieceAt(before, origin);
    const { expectations } = this.#link;
    if (text.meaning !== null) this.meaning(text.meaning, evidence);
    expectations.push(EXPECT.hiddenClose);
    expectations.push(new Expectation("parse", true, null, null, null, 0, piece, evidence));
    expectations.push(EXPECT.hiddenClose);
    this.#send(parseOnce(query, []));
    this.#link.batchOpen = true;
    this.#inner = evidence;
    return evidence;
  }

  /** Has the server show what the client's own text means, right before the text that definitions of views were put into. */
  meaning({ query, origin, views, parameterTypes }: MeaningText, evidence: Evidence): void {
    const meaning = new Evidence();
    meaning.instead = evidence.instead;
    evidence.meaning = meaning;
    evidence.views = views;
    const { expectations } = this.#link;
    expectations.push(EXPECT.hiddenClose);
    expectations.push(new Expectation("parse", true, null, null, null, 0, origin, meaning));
    expectations.push(EXPECT.hiddenClose);
    this.#send(parseOnce(query, parameterTypes));
    this.#link.batchOpen = true;
  }

  byEvidence(evidence: Evidence): Ruling | null {
    const { enforcer, inTransaction } = this.#link;
    if (enforcer === null) return UNJUDGED;
    if (!this.#objectsHere()) return null;
    const ruling = enforcer.byEvidence(evidence, inTransaction);
    if (ruling === null) this.#awaitRuling(evidence);
    return ruling;
  }

  /** Nothing was asked about objects, or the answer has come. */
  #objectsHere(): boolean {
    const answer = this.#objects;
    if (answer === null) return true;
    if (!answer.settled) {
      this.#flush();
      return false;
    }
    this.#objects = null;
    this.#link.enforcer?.own.learn(textOf(answer), unanswered(answer));
    return true;
  }

  #awaitRuling(evidence: Evidence): void {
    const wanted = this.#link.enforcer?.own.wanted ?? null;
    if (wanted !== null) {
      const { relations, types, functions } = wanted;
      this.#objects = this.#ask(ASK_OBJECTS, [relations, types, functions].map(arrayText));
    }
    if (wanted !== null || evidence.outstanding > 0) this.#flush();
  }

  /** Before a statement is bound: planning may run functions, so by then it must be known which. Null: not yet. */
  beforeBind(statement: PreparedStatement): Ruling | null {
    const { enforcer, inTransaction } = this.#link;
    const { evidence, parsed, parsedIn } = statement;
    if (enforcer === null || parsed === null) return UNJUDGED;
    // By now, since behind the Bind nothing can be asked for what may not run in a transaction.
    if (evidence === null) return this.#namesOf(parsed) === null ? null : UNJUDGED;
    const { own } = enforcer;
    // Where it was asked for this very Bind, what was known before is not the answer.
    if (!this.#described && own.holds(evidence) && evidence.tree !== null && !evidence.broken)
      return enforcer.byTree(evidence, inTransaction) ?? this.byEvidence(evidence);
    const looked = this.#described || (parsedIn.batch === this.#link.batch && own.isAsOfNow(evidence));
    if (!looked && evidence.outstanding === 0 && !enforcer.inShadow) this.#look(statement.name, statement);
    return this.byEvidence(evidence);
  }

  /** Has the server look whether a statement still means what it did: it shows what it has made anew, and runs nothing for it. */
  #look(name: string, { origin, evidence }: PreparedStatement): void {
    if (evidence === null) return;
    this.#described = true;
    const { expectations, enforcer } = this.#link;
    expectations.push(new Expectation("describeStatement", true, null, null, null, 0, origin, evidence));
    enforcer?.own.asked(evidence);
    this.#send(encoded((writer) => encodeDescribe(writer, { kind: "statement", name })));
    this.#link.batchOpen = true;
    this.#flushed = false;
  }

  /** Of a statement that is judged by the grammar. */
  byGrammar(statement: PreparedStatement, inner: Evidence | null): Ruling | null {
    const { enforcer, inTransaction } = this.#link;
    if (enforcer === null || statement.parsed === null) return UNJUDGED;
    if (inner !== null && inner.outstanding > 0) {
      this.#flush();
      return null;
    }
    const asked = this.#namesOf(statement.parsed);
    if (asked === null) return null;
    if (asked instanceof GatewayError) return enforcer.refuse(asked, inTransaction);
    if (!this.#objectsHere()) return null;
    const ruling = enforcer.byGrammar(statement, inner, asked === "known" ? null : asked, inTransaction);
    if (ruling === null && inner !== null) this.#awaitRuling(inner);
    return ruling;
  }

  /** Of what stands behind a portal, right before it runs. */
  ofPortal(portal: Pick<Portal, "statement" | "inner" | "boundAfter" | "maskLike">): Ruling | null {
    const ruling = this.#ofPortal(portal);
    const { enforcer, names, inTransaction } = this.#link;
    const { parsed, evidence } = portal.statement;
    if (enforcer === null || ruling === null) return ruling;
    const isExecute = parsed?.prepared?.kind === "execute";
    const values = isExecute ? enforcer.maskLike(parsed.prepared?.arguments ?? [], inTransaction) : portal.maskLike;
    const behind = isExecute ? names.statement(parsed.prepared?.name ?? "")?.evidence : evidence;
    if (values === null || behind === null || behind === undefined || behind.tree === null) return ruling;
    return enforcer.withParameters(ruling, behind.tree, values, inTransaction);
  }

  #ofPortal({ statement, inner, boundAfter }: Pick<Portal, "statement" | "inner" | "boundAfter">): Ruling | null {
    const { enforcer, names, executions, inTransaction } = this.#link;
    const { parsed, evidence } = statement;
    if (enforcer === null || parsed === null) return UNJUDGED;
    if (evidence !== null) return this.byEvidence(evidence);
    if (inner !== null && boundAfter !== executions) return enforcer.refuse(interrupted(), inTransaction);
    if (parsed.prepared?.kind === "execute") {
      const own = this.byGrammar(statement, inner);
      if (own === null || own.error !== null) return own;
      const ruling = this.#ofName(parsed.prepared.name ?? "");
      const tree = names.statement(parsed.prepared.name ?? "")?.evidence?.tree ?? null;
      if (parsed.explain === undefined || ruling === null || tree === null) return ruling;
      return enforcer.planned(ruling, tree, parsed.explain.analyze, inTransaction);
    }
    if (parsed.cursor?.kind === "fetch" || parsed.cursor?.kind === "move") {
      const query = names.portal(parsed.cursor.name ?? "")?.statement;
      // A cursor over what has no tree: EXECUTE or a utility statement, which a wire portal can be.
      if (query === undefined || query.evidence === null) return enforcer.refuse(opaqueCursor(), inTransaction);
      return this.byEvidence(query.evidence);
    }
    return this.byGrammar(statement, inner);
  }

  /**
   * For a read whose Bind is on its way: a ruling by the tree that the server has shown before, if that permits it. Only where nothing that
   * this gateway knows of can have given its names another meaning. @returns null: it waits for what the Bind shows.
   */
  early({ evidence }: PreparedStatement): Ruling | null {
    const { enforcer, inTransaction } = this.#link;
    if (enforcer === null || evidence === null || evidence.outstanding === 0 || evidence.broken) return null;
    if (!this.mayRunEarly(evidence)) return null;
    const ruling = enforcer.byTree(evidence, inTransaction);
    return ruling === null || ruling.error !== null || ruling.inside === "judge" ? null : ruling;
  }

  /**
   * What the server has shown of the statement holds still, as far as this gateway can know. Should it not, the end of the session takes
   * back what the statement has done: in a block, or where it could do nothing.
   */
  mayRunEarly(evidence: Evidence): boolean {
    const { enforcer, inTransaction, readOnly } = this.#link;
    if (enforcer === null) return true;
    return enforcer.own.holds(evidence) && (inTransaction || readOnly.current || enforcer.inShadow);
  }

  /** Where nothing is under way. */
  prepareReadOnly(): void {
    const { enforcer, readOnly } = this.#link;
    if (enforcer !== null && !enforcer.inShadow) readOnly.prepare(this.#send);
  }

  /** Before a batch is bound whose first statement is this. @param alone nothing in the batch is anything but a read that may run early. */
  readOnly(statement: PreparedStatement, alone: () => boolean): void {
    const { enforcer, readOnly } = this.#link;
    if (enforcer === null || enforcer.inShadow || readOnly.current || !readOnly.possible) return;
    if (this.mayBeReadOnly(statement) && alone()) readOnly.begin(this.#send);
  }

  /** A read that does not care, and cannot tell, whether its transaction is read-only. */
  mayBeReadOnly({ evidence, parsed }: PreparedStatement): boolean {
    const { enforcer, inTransaction } = this.#link;
    if (enforcer === null || evidence === null || parsed?.class !== "read" || parsed.durability !== "read")
      return false;
    if (!enforcer.own.holds(evidence)) return false;
    const ruling = enforcer.byTree(evidence, inTransaction);
    return ruling !== null && ruling.error === null && ruling.inside === "none" && !ruling.showsSettings;
  }

  /** The run goes out on that ruling: what comes must agree with it. */
  letGo(run: StatementRun, ruling: Ruling): void {
    const { evidence } = run.statement;
    if (evidence === null || evidence.outstanding === 0) return;
    this.#link.early = run;
    evidence.early = ruling;
    evidence.earlyRuns++;
    run.early = evidence;
  }

  /** What a prepared name means now: to be described, the server looks whether its plan still holds. */
  #ofName(name: string): Ruling | null {
    const target = this.#link.names.statement(name);
    if (target === undefined) return UNJUDGED; // judge() has refused it
    if (target.parsed === null) return UNJUDGED;
    if (target.evidence === null) return this.byGrammar(target, null);
    if (!this.#described) this.#look(name, target);
    return this.byEvidence(target.evidence);
  }

  /** What the names in it mean now. Null: the answer is on its way. An error: none will come. "known": nothing has to be asked. */
  #namesOf(parsed: ParsedStatement): SessionNames | GatewayError | "known" | null {
    const { enforcer, executions, batch } = this.#link;
    if (enforcer === null) return "known";
    const before = this.#names;
    const asked = before?.parsed === parsed && before.after === executions && before.batch === batch ? before : null;
    if (asked === null) {
      const names = enforcer.namesToAsk(parsed);
      if (names === null) return "known";
      const others = names.functions.length + names.types.length + names.operators.length > 0;
      const answer = this.#ask(others ? ASK_NAMES : ASK_RELATION_NAMES, parametersOf(names));
      this.#names = { parsed, names, answer, after: executions, batch: this.#link.batch };
      this.#flush();
      return null;
    }
    const { answer, names } = asked;
    if (!answer.settled) {
      this.#flush();
      return null;
    }
    const text = textOf(answer);
    const found = text === null ? null : namesAnswer(text);
    if (found !== null) return new SessionNames(names, found, enforcer.own.defining);
    this.#names = null; // for the next attempt, which is another statement's
    return unanswered(answer);
  }

  /** Asks what a statement that needs approval stands among: what may not change before it runs. */
  surroundings(parsed: ParsedStatement, shown: readonly Evidence[]): Answer {
    const { enforcer } = this.#link;
    const touched = shown.map((evidence) => enforcer?.touched(evidence) ?? null).filter((one) => one !== null);
    const known = touched.length > 0 && touched.length === shown.length;
    const names = known ? [] : (namesIn(parsed)?.relations ?? []);
    const named = names.map(({ schema, name }) => (schema === "" ? "" : `${quotedName(schema)}.`) + quotedName(name));
    // Of a statement that the server shows nothing of it is not known what code it runs.
    const code = known ? touched.flatMap((one) => one.code) : [SOME_CODE];
    const relations = known ? touched.flatMap((one) => one.relations) : [];
    return this.#ask(ASK_SURROUNDINGS, [relations, code, named].map(arrayText));
  }

  /** Asks what the planner expects of a statement, where nothing is under way and nothing is open. */
  plan(text: QuestionText, values: readonly AskedValue[]): Answer {
    const { answer, bytes } = askPlan(this.#link, text, values);
    this.#send(bytes);
    this.#send(SYNC);
    this.#flushed = true;
    this.#link.endBatch(true);
    return answer;
  }

  /** Has the server answer what was asked. */
  flush(): void {
    this.#flush();
  }

  /** In a batch of its own where it can be: VACUUM and its like do not run behind anything in theirs. */
  #ask(text: QuestionText, parameters: readonly string[]): Answer {
    const link = this.#link;
    const nothingOwed = link.expectations.length === 0 || link.readOnly.trying;
    const alone = link.status === "I" && !link.batchOpen && nothingOwed && !this.namesChanging;
    const { answer, bytes } = ask(link, text, parameters, alone);
    this.#send(bytes);
    this.#flushed = false;
    if (!alone) return answer;
    this.#send(SYNC);
    this.#flushed = true;
    link.endBatch(true);
    return answer;
  }

  /** The client may not have asked for what it is owed, and the server gives it only with a Flush or a Sync. */
  #flush(): void {
    if (this.#flushed) return;
    this.#flushed = true;
    this.#send(FLUSH);
  }
}

/** The text that the query inside a statement is cut out of; null where there is none, to hold no copy. */
export function textInside({ parsed, bytes, origin, meaning }: SentText): WholeText | null {
  return parsed?.inner === undefined ? null : { bytes: bytes.slice(), origin, meaning };
}

/** Has a text analysed, and forgets it. */
function parseOnce(query: Uint8Array, parameterTypes: readonly number[]): Uint8Array {
  return encoded((writer) => {
    encodeClose(writer, { kind: "statement", name: INNER });
    encodeParse(writer, { statement: INNER, query, parameterTypes });
    encodeClose(writer, { kind: "statement", name: INNER });
  });
}

/** As session-queries.ts's NAMES takes them. */
function parametersOf({ relations, functions, types, operators }: AskedNames): readonly string[] {
  return [
    relations.map(({ how }) => how),
    relations.map(({ schema }) => quotedName(schema)),
    relations.map(({ name }) => quotedName(name)),
    functions.map(({ schema }) => schema),
    functions.map(({ name }) => name),
    types,
    operators,
  ].map(arrayText);
}

/** No function has this OID: it stands for those that are not known. */
const SOME_CODE = 0xffff_ffff;

function interrupted(): GatewayError {
  return new GatewayError("CANNOT_JUDGE", "another statement ran between the Bind and the Execute of this one", {
    detail: "What the query inside it touches was asked at its Bind, and may have changed since.",
    hint: "Bind it right before it is executed.",
  });
}

function opaqueCursor(): GatewayError {
  return new GatewayError("CANNOT_JUDGE", "what this cursor reads is not known", {
    hint: "DECLARE the cursor for the query itself.",
  });
}
