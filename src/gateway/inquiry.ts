/**
 * What is asked of the server before a statement may run, in messages of Postern's own: what a query inside a statement touches,
 * what a prepared name means now, which schemas unqualified names are looked up in. Null answers are on their way.
 */

import { randomBytes } from "node:crypto";
import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import { GatewayError } from "../base/errors.ts";
import { EXPECT, Expectation } from "../statement/expectations.ts";
import {
  Evidence,
  type Portal,
  type PreparedStatement,
  pieceAt,
  type StatementRun,
  type WholeText,
} from "../statement/statement.ts";
import { encoded } from "../wire/encode.ts";
import { encodeClose, encodeDescribe, encodeParse } from "../wire/extended.ts";
import { type Ruling, UNJUDGED } from "./enforcement.ts";
import { FLUSH, SEARCH_PATH, SYNC } from "./messages.ts";
import type { SentText } from "./sent-text.ts";
import type { WireLink } from "./wire-link.ts";

/** Of the query inside a statement. The number in it keeps clients from using it. */
const INNER = `postern: inner ${randomBytes(10).toString("hex")}`;
/** Type and length of a message, count of columns, length of the one column. */
const ROW_HEAD_BYTES = 5 + 2 + 4;

interface AskedPath {
  /** Statements that the session had run by then. */
  readonly askedAfter: number;
  readonly answered: Evidence;
  readonly rows: Uint8Array[];
}

export class Inquiry {
  readonly #link: WireLink;
  readonly #send: (bytes: Uint8Array) => void;
  /** For the message or statement at hand. */
  #flushed = false;
  #inner: Evidence | null = null;
  #described = false;
  #path: AskedPath | null = null;
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
    if (this.#link.enforcer === null || inside === undefined || inside.by === "prepare" || text === null) return null;
    if (this.#inner !== null) return this.#inner;
    const { bytes, origin } = text;
    const query = bytes.subarray(inside.startByte, inside.endByte);
    const before = [...new TextDecoder().decode(bytes.subarray(0, inside.startByte))].length;
    const piece = pieceAt(before, origin);
    const { expectations } = this.#link;
    expectations.push(EXPECT.hiddenClose);
    expectations.push(new Expectation("parse", true, null, null, null, 0, piece, evidence));
    expectations.push(EXPECT.hiddenClose);
    this.#send(
      encoded((writer) => {
        encodeClose(writer, { kind: "statement", name: INNER });
        encodeParse(writer, { statement: INNER, query, parameterTypes: [] });
        encodeClose(writer, { kind: "statement", name: INNER });
      }),
    );
    this.#link.batchOpen = true;
    this.#inner = evidence;
    return evidence;
  }

  byEvidence(evidence: Evidence): Ruling | null {
    const { enforcer, inTransaction } = this.#link;
    if (enforcer === null) return UNJUDGED;
    const ruling = enforcer.byEvidence(evidence, inTransaction);
    if (ruling === null && evidence.outstanding > 0) this.#flush();
    return ruling;
  }

  /** Of a statement that is judged by the grammar. */
  byGrammar(statement: PreparedStatement, inner: Evidence | null): Ruling | null {
    const { enforcer, inTransaction } = this.#link;
    if (enforcer === null || statement.parsed === null) return UNJUDGED;
    if (inner !== null && inner.outstanding > 0) {
      this.#flush();
      return null;
    }
    const path = hasBareNames(statement.parsed) ? this.#searchPath() : [];
    if (path === null) return null;
    return enforcer.byGrammar(statement, inner, path, inTransaction);
  }

  /** Of what stands behind a portal, right before it runs. */
  ofPortal({ statement, inner, boundAfter }: Pick<Portal, "statement" | "inner" | "boundAfter">): Ruling | null {
    const { enforcer, names, executions, inTransaction } = this.#link;
    const { parsed, evidence } = statement;
    if (enforcer === null || parsed === null) return UNJUDGED;
    if (evidence !== null) {
      const ruling = this.byEvidence(evidence);
      if (ruling !== null) enforcer.expect(statement, evidence);
      return ruling;
    }
    if (inner !== null && boundAfter !== executions) return enforcer.refuse(interrupted(), inTransaction);
    if (parsed.prepared?.kind === "execute") {
      const own = this.byGrammar(statement, inner);
      return own === null || own.error !== null ? own : this.#ofName(parsed.prepared.name ?? "");
    }
    if (parsed.cursor?.kind === "fetch" || parsed.cursor?.kind === "move") {
      const query = names.portal(parsed.cursor.name ?? "")?.statement;
      // A cursor over what has no tree: EXECUTE or a utility statement, which a wire portal can be.
      if (query === undefined || query.evidence === null) return enforcer.refuse(opaqueCursor(), inTransaction);
      return this.byEvidence(query.evidence);
    }
    return this.byGrammar(statement, inner);
  }

  /** For a read whose answers are on their way: a ruling by what is known of it, if that permits it. */
  early(statement: PreparedStatement): Ruling | null {
    const { enforcer, inTransaction } = this.#link;
    const { evidence } = statement;
    if (enforcer === null || evidence === null || evidence.outstanding === 0 || evidence.broken) return null;
    const ruling =
      evidence.tree === null
        ? enforcer.byExpectation(statement, inTransaction)
        : enforcer.byTree(evidence, inTransaction);
    return ruling === null || ruling.error !== null || ruling.inside === "judge" ? null : ruling;
  }

  /** The run goes out on that ruling: what comes must agree with it. */
  letGo(run: StatementRun, ruling: Ruling): void {
    const { evidence } = run.statement;
    if (evidence === null || evidence.outstanding === 0) return;
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
    if (!this.#described) {
      this.#described = true;
      const { expectations } = this.#link;
      expectations.push(
        new Expectation("describeStatement", true, null, null, null, 0, target.origin, target.evidence),
      );
      this.#send(encoded((writer) => encodeDescribe(writer, { kind: "statement", name })));
      this.#link.batchOpen = true;
      this.#flushed = false;
    }
    return this.byEvidence(target.evidence);
  }

  /** Only what runs in the session can change it: it is asked again when something has run. */
  #searchPath(): readonly string[] | null {
    const { executions } = this.#link;
    if (this.#path === null || this.#path.askedAfter !== executions) this.#path = this.#askPath(executions);
    const { answered, rows } = this.#path;
    if (answered.outstanding === 0) return rows.map(textOf);
    this.#flush();
    return null;
  }

  #askPath(askedAfter: number): AskedPath {
    const path = { answered: new Evidence(), rows: [], askedAfter };
    const link = this.#link;
    const { expectations } = link;
    // In a batch of its own where it can be: VACUUM and its like do not run behind anything in theirs.
    const alone = link.status === "I" && !link.batchOpen && expectations.length === 0 && !this.namesChanging;
    for (const expectation of EXPECT.hiddenQueryHead) expectations.push(expectation);
    expectations.push(new Expectation("execute", true, null, null, null, 0, null, path.answered, path.rows));
    for (const expectation of EXPECT.hiddenQueryTail) expectations.push(expectation);
    this.#send(SEARCH_PATH);
    this.#flushed = false;
    link.batchOpen = true;
    if (!alone) return path;
    this.#send(SYNC);
    this.#flushed = true;
    link.endBatch(true);
    return path;
  }

  /** The client may not have asked for what it is owed, and the server gives it only with a Flush or a Sync. */
  #flush(): void {
    if (this.#flushed) return;
    this.#flushed = true;
    this.#send(FLUSH);
  }
}

/** The text that the query inside a statement is cut out of; null where there is none, to hold no copy. */
export function textInside({ parsed, bytes, origin }: SentText): WholeText | null {
  return parsed?.inner === undefined ? null : { bytes: bytes.slice(), origin };
}

function hasBareNames({ targets }: ParsedStatement): boolean {
  return targets?.some(({ name }) => name.length === 1) ?? false;
}

function textOf(row: Uint8Array): string {
  return new TextDecoder().decode(row.subarray(ROW_HEAD_BYTES));
}

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
