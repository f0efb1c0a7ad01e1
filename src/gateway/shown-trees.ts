/**
 * The trees that the server shows while a session goes on: each is evidence of a message whose answer is next, or of SQL that runs
 * inside a statement, or a sign that something runs that was not judged. Also which notices the client gets.
 */

import { Buffer } from "node:buffer";
import { GatewayError } from "../base/errors.ts";
import type { Expectation } from "../statement/expectations.ts";
import { isForClient, readNotice } from "./tree-notice.ts";
import type { WireLink } from "./wire-link.ts";

export class ShownTrees {
  readonly #link: WireLink;
  /** The newest that came for the message whose answer is next, and how many did. */
  #tree: Uint8Array | null = null;
  #count = 0;
  /** Of SQL inside it that came with it. */
  #planned: Uint8Array[] = [];

  constructor(link: WireLink) {
    this.#link = link;
  }

  /** A NoticeResponse, body `bytes[start, end)`. @returns whether the client gets it, and why the session may not go on. */
  noticed(
    bytes: Uint8Array,
    start: number,
    end: number,
  ): { readonly pass: boolean; readonly problem: GatewayError | null } {
    const link = this.#link;
    if (link.enforcer === null) return PASS;
    const { severity, tree, nested } = readNotice(bytes, start, end);
    const problem = tree === null ? null : nested ? this.#nested(tree) : this.#shown(tree);
    const stands = problem !== null && !link.enforcer.inShadow; // without the policy it would have run
    return { pass: isForClient(severity, link.clientMessages), problem: stands ? problem : null };
  }

  /** An answer is complete: what came before it is evidence. @returns why the session may not go on. */
  take({ kind, evidence }: Expectation): GatewayError | null {
    const [tree, count] = [this.#tree, this.#count];
    const planned = this.#planned;
    this.dismiss();
    if (evidence === null) return null;
    // Planned anew, or once more: what was shown the first time is not always shown again.
    evidence.planned = tree === null ? [...evidence.planned, ...planned].slice(0, MAX_PLANNED) : planned;
    if (evidence.planned.length >= MAX_PLANNED) evidence.broken = true;
    if (count > 1 || (count === 0 && kind === "parse")) evidence.broken = true;
    if (tree === null) return null;
    // Analysed anew, since something about it was changed, and come to the same: whatever was let go by it stands.
    if (planned.length === 0 && evidence.tree !== null && Buffer.compare(evidence.tree, tree) === 0) return null;
    evidence.tree = tree;
    const { enforcer, inTransaction } = this.#link;
    if (evidence.early === null || enforcer === null) return null;
    return enforcer.inShadow || enforcer.stands(evidence.early, evidence, inTransaction) ? null : changed();
  }

  /** The message that it came for has failed. */
  dismiss(): void {
    this.#tree = null;
    this.#count = 0;
    this.#planned = [];
  }

  #shown(tree: Uint8Array): GatewayError | null {
    const expectation = this.#link.expectations.peek();
    if (expectation === null) return unannounced();
    if (expectation.evidence !== null) {
      this.#tree = tree;
      this.#count++;
      return null;
    }
    // At Parse and Bind: of a statement that is judged by the grammar, or of one of our own. While one runs, a statement that
    // is judged by its tree has shown it before.
    if (expectation.kind !== "execute" || expectation.run === null) return null;
    const { statement, executes } = expectation.run;
    // CREATE TEMP TABLE … AS EXECUTE, the session's first: its schema is made before the plan is looked at, and that is made anew.
    const known = executes?.tree ?? null;
    if (known !== null && Buffer.compare(known, tree) === 0) return null;
    const { parsed } = statement;
    return parsed?.optimisable === true || parsed?.prepared?.kind === "execute" ? unannounced() : null;
  }

  /** SQL that runs inside a statement: a function's, a trigger's, a check's. */
  #nested(tree: Uint8Array): GatewayError | null {
    const { expectations, enforcer, inTransaction } = this.#link;
    const expectation = expectations.peek();
    const run = expectation?.run;
    if (run === null || run === undefined) {
      // Deferred triggers run at the end of a transaction. What is planned is judged before it runs, with what it is planned for.
      const { evidence } = expectation ?? NO_EVIDENCE;
      if (evidence === null) return null;
      this.#planned.push(tree);
      if (evidence.early === null) return null;
      return enforcer?.nested(tree, inTransaction).requests === "[]" ? null : changed();
    }
    if (run.inside === "owner") return null;
    const asks = enforcer?.nested(tree, inTransaction, run.inside === "none") ?? null;
    if (run.inside === "judge" || asks === null) return asks?.error ?? null;
    // Functions of the server's own that are written in SQL read the catalog; anything beyond that was not announced.
    return asks.error === null && asks.requests === "[]" ? null : unannounced();
  }
}

const NO_EVIDENCE = { evidence: null } as const;
/** Trees of functions in one statement that are kept to judge it by. */
const MAX_PLANNED = 200;
const PASS = { pass: true, problem: null } as const;

/** The session ends rather than show what nobody has judged. */
function unannounced(): GatewayError {
  return new GatewayError("JUDGEMENT_LOST", "the statement ran SQL that was not judged before, and was stopped", {
    hint: "Connect again. A function that runs SQL has to be listed, and what it runs permitted.",
  });
}

function changed(): GatewayError {
  return new GatewayError("JUDGEMENT_LOST", "what the statement touches has changed since it was judged", {
    hint: "Connect again and send it once more.",
  });
}
