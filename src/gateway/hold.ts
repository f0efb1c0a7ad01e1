/**
 * A statement that waits for people. It stands where it would be bound: nothing of it has run, nothing is planned, and the batch that it was
 * parsed in is ended, so that no lock is held while somebody thinks. Everything of the client's behind it waits too. When it is approved the
 * server is asked again what it does; the one attempt is taken from the control store; only then it goes on. Whatever cannot be
 * done ends in a refusal.
 */

import type { Approvals, Asked } from "../approval/approvals.ts";
import { type Sameness, sha256 } from "../approval/card.ts";
import {
  cancelled,
  changed,
  denied,
  expired,
  pending,
  type Told,
  until,
  whoApproves,
  withdrawn,
} from "../approval/errors.ts";
import { type Estimate, estimateOf } from "../approval/estimate.ts";
import { reachedGroups, rowBound } from "../approval/reviewers.ts";
import type { RequestRecord } from "../audit/entry.ts";
import { GatewayError } from "../base/errors.ts";
import type { Hold } from "../policy/decision.ts";
import type { Answer } from "../statement/statement.ts";
import type { Approval } from "../store/approvals.ts";
import { type SurroundingsFound, surroundingsAnswer } from "../upstream/session-queries.ts";
import type { Ruling } from "./enforcement.ts";
import {
  type Holdable,
  isBound,
  Lifted,
  MAX_SHOWN,
  mayBePlanned,
  modeOf,
  purposeOf,
  tooLarge,
  treeOfAll,
  unavailable,
  unknownSurroundings,
  valuesOf,
} from "./holdable.ts";
import type { Inquiry } from "./inquiry.ts";
import { principalRecord } from "./journal.ts";
import { SYNC } from "./messages.ts";
import { notice } from "./refuse.ts";
import { textOf } from "./session-question.ts";
import type { WireLink } from "./wire-link.ts";

/** What a session needs to have statements wait; absent where no policy is in force. */
export interface HoldOptions {
  readonly approvals: Approvals;
  /** How long a client waits before it is told to come back. */
  readonly waitMs: () => number;
  /** Between two notices to one that waits. */
  readonly heartbeatMs: () => number;
  /** Where people decide of a request; null: the gateway has no address for them. */
  readonly url: (id: string) => string | null;
  readonly environment: string;
}

/** Why a statement that needed approval does not run, with the ruling that it needs it by. */
export interface NotLifted {
  readonly error: GatewayError;
  readonly ruling: Ruling;
}

/** `waits`: for people, or for the control store. `looks`: it is approved, and the server is to be asked again what it does. */
export type HoldStage = "none" | "waits" | "looks";

type Phase =
  | { readonly kind: "asking" }
  | { readonly kind: "opening" }
  | { readonly kind: "waiting"; readonly approval: Approval }
  | { readonly kind: "looking"; readonly approval: Approval }
  | { readonly kind: "consuming" }
  | { readonly kind: "done"; readonly outcome: Lifted | GatewayError };

interface Waiting {
  readonly key: object;
  readonly sinceMs: number;
  /** By which it is held. */
  readonly ruling: Ruling;
  readonly hold: Hold;
  found: SurroundingsFound | null;
  /** Its ruling with the approval that it asks for. */
  approved: Ruling | null;
  /** What the planner was asked. */
  plan: Answer | null;
  phase: Phase;
  /** Nothing of its batch is open upstream. */
  alone: boolean;
  announced: boolean;
  /** Why nobody waits for it any more. */
  gone: string;
  /** Its request, once there is one: to be withdrawn where the client goes. */
  open: string | null;
  stopWatching: () => void;
  timer: NodeJS.Timeout | undefined;
}

export class Holding {
  readonly #link: WireLink;
  readonly #inquiry: Inquiry;
  readonly #options: HoldOptions;
  readonly #send: (bytes: Uint8Array) => void;
  readonly #resume: () => void;
  #now: Waiting | null = null;
  /** What the server is asked about the statement. */
  #surroundings: Answer | null = null;

  constructor(
    link: WireLink,
    inquiry: Inquiry,
    options: HoldOptions,
    send: (bytes: Uint8Array) => void,
    resume: () => void,
  ) {
    this.#link = link;
    this.#inquiry = inquiry;
    this.#options = options;
    this.#send = send;
    this.#resume = resume;
  }

  /** A statement waits. */
  get waits(): boolean {
    return this.#now !== null && this.#now.phase.kind !== "done";
  }

  stageOf(key: object): HoldStage {
    if (this.#now?.key !== key) return "none";
    return this.#now.phase.kind === "looking" ? "looks" : "waits";
  }

  /** Whether it may go on, `ruling` being that it needs approval. Null: not yet, ask again when something has happened. */
  begin(asked: Holdable, hold: Hold, ruling: Ruling): Lifted | NotLifted | null {
    if (this.#now !== null) this.#end(this.#now);
    const sinceMs = this.#link.parts.clock.monotonicMs();
    this.#now = {
      ...{ key: asked.key, sinceMs, ruling, hold, found: null, phase: { kind: "asking" }, alone: false },
      ...{ approved: null, plan: null },
      ...{ announced: false, gone: "", open: null, timer: undefined },
      stopWatching: () => {},
    };
    return this.goOn(asked);
  }

  /** The same of one that has begun to wait. */
  goOn(asked: Holdable): Lifted | NotLifted | null {
    const now = this.#now;
    if (now === null) throw new TypeError("no statement waits for approval");
    const outcome = this.#step(now, asked);
    if (outcome === null) return null;
    this.#end(now);
    return outcome instanceof GatewayError ? { error: outcome, ruling: now.ruling } : outcome;
  }

  /** The client has asked that what runs be cancelled. @returns false: nothing waits here. */
  cancel(): boolean {
    return this.#giveUp(cancelled(), "cancelled by the client");
  }

  /** The gateway stops: the client is told, and may come back. */
  withdraw(reason: string): boolean {
    return this.#giveUp(withdrawn(this.#now?.open ?? "", reason), reason);
  }

  /** The session is over. */
  close(reason: string): void {
    this.#giveUp(cancelled(), reason);
    if (this.#now !== null) this.#end(this.#now);
  }

  #giveUp(error: GatewayError, reason: string): boolean {
    const now = this.#now;
    if (now === null || !this.waits) return false;
    const { open } = now;
    // The attempt may be gone by now: what has been taken is not given back, and the log says that nothing ran.
    now.phase = { kind: "done", outcome: error };
    now.gone = reason;
    if (open !== null) this.#background(this.#options.approvals.end(open, "withdrawn", reason));
    this.#resume();
    return true;
  }

  /** The message that waited is not looked at any more: its batch has failed. */
  drop(): void {
    if (this.#now === null) return;
    this.#giveUp(cancelled(), "its batch failed");
    if (this.#now !== null) this.#end(this.#now);
  }

  #end(waiting: Waiting): void {
    waiting.stopWatching();
    clearInterval(waiting.timer);
    if (this.#now === waiting) this.#now = null;
    this.#surroundings = null;
  }

  #step(now: Waiting, asked: Holdable): Lifted | GatewayError | null {
    const { phase } = now;
    switch (phase.kind) {
      case "asking":
        return this.#ask(now, asked);
      case "waiting":
        return this.#await(now, phase.approval);
      case "looking":
        return this.#look(now, phase.approval, asked);
      case "done":
        return phase.outcome;
      default:
        return null;
    }
  }

  /** People are not asked for what could not run if they approved it. */
  #ask(now: Waiting, asked: Holdable): GatewayError | null {
    const { hold, ruling } = now;
    if (now.found === null) {
      const problem = this.#placeProblem(asked, hold);
      if (problem !== null) return problem;
      const found = this.#surroundingsOf(asked);
      if (found === null || found instanceof GatewayError) return found;
      now.found = found;
    }
    const { found } = now;
    const mode = modeOf(found);
    if (mode instanceof GatewayError) return mode;
    now.approved ??= this.#judgedBy(hold.approvers, asked);
    const { approved } = now;
    if (approved === null) return null;
    if (approved.error !== null) return approved.error;
    if (!this.#leaveBatch(now)) return null;
    const estimate = this.#estimate(now, asked);
    if (estimate === "asked") return null;
    const sameness = this.#sameness(asked, ruling, approved.maxRows, found);
    now.phase = { kind: "opening" };
    const { journal } = this.#link.parts;
    const { principal, database, upstreamRole: role, clientAddress, applicationName, id: session } = journal.facts;
    const card = {
      ...{ statement: new TextDecoder().decode(asked.text), class: asked.parsed.class, parameters: asked.parameters },
      ...{ database, environment: this.#options.environment, role, principal: principalRecord(principal), session },
      ...{ clientAddress, applicationName: applicationName === "" ? null : applicationName },
      ...{ purpose: purposeOf(found, asked.text), requests: sameness.requests, policy: ruling.policy },
      ...{ reason: hold.reason, approvers: hold.approvers, quorum: hold.quorum, maxRows: approved.maxRows },
      ...{ counted: this.#isCounted(asked), estimate },
    };
    const { expiresMs } = hold;
    const { fingerprint } = asked;
    const request = { sameness, mode, principal, sessionId: session, expiresMs, fingerprint, card };
    this.#options.approvals.ask(request).then(
      (answer) => this.#asked(now, answer, sameness, mode),
      (error: unknown) => this.#done(now, unavailable(error)),
    );
    return null;
  }

  /** Whether the server will tell how much it has changed. */
  #isCounted({ evidence }: Holdable): boolean {
    const tree = evidence?.tree ?? null;
    return tree !== null && this.#link.enforcer?.isCounted(tree) === true;
  }

  /** Not in a block, which an error would abort. */
  #estimate(now: Waiting, { text, parameters, evidence }: Holdable): Estimate | null | "asked" {
    const link = this.#link;
    if (now.plan === null) {
      const touched = evidence === null ? null : (link.enforcer?.touched(evidence) ?? null);
      if (touched === null || link.inTransaction || !mayBePlanned(touched.code, parameters)) return null;
      const question = { query: text, parameterTypes: parameters.map(({ typeOid }) => typeOid) };
      now.plan = this.#inquiry.plan(question, valuesOf(parameters));
    }
    if (!now.plan.settled || link.expectations.length > 0) return "asked";
    const answer = textOf(now.plan);
    return answer === null ? null : estimateOf(answer);
  }

  #judgedBy(groups: readonly string[], asked: Holdable): Ruling | null {
    const { enforcer } = this.#link;
    return enforcer === null ? null : enforcer.approved(groups, asked.judge);
  }

  /** Behind what has run in its batch nothing can wait: that would commit it, or keep its locks. What nobody could read is not asked. */
  #placeProblem(asked: Holdable, hold: Hold): GatewayError | null {
    const link = this.#link;
    const size = asked.parameters.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    if (size > MAX_SHOWN) return tooLarge(size);
    const behind = !asked.alone || link.lastExecuteBatch === link.batch || link.boundBatch === link.batch;
    const open = link.inTransaction || link.status !== "I";
    if ((!behind && !open) || (open && hold.inTransaction === "hold")) return null;
    return new GatewayError("APPROVAL_IMPOSSIBLE", "a statement that needs approval cannot wait behind others", {
      detail: `It waits for approval by ${hold.approvers.join(" and ")}: ${hold.reason}.`,
      hint: "Send it by itself, or in one string with reads and writes alone, not in a batch or an open transaction.",
    });
  }

  #surroundingsOf({ parsed, evidence, parts }: Holdable): SurroundingsFound | GatewayError | null {
    this.#surroundings ??= this.#inquiry.surroundings(parsed, parts ?? (evidence === null ? [] : [evidence]));
    const answer = this.#surroundings;
    if (!answer.settled) {
      this.#inquiry.flush();
      return null;
    }
    this.#surroundings = null;
    const text = textOf(answer);
    return (text === null ? null : surroundingsAnswer(text)) ?? unknownSurroundings();
  }

  #sameness(asked: Holdable, ruling: Ruling, maxRows: number | null, { hash }: SurroundingsFound): Sameness {
    const { principal, database, upstreamRole: role } = this.#link.parts.journal.facts;
    const requests: readonly RequestRecord[] = JSON.parse(ruling.requests);
    return {
      ...{ statement: sha256(asked.text), parameters: asked.parameters, resultFormats: asked.resultFormats },
      ...{ database, role, principal: principal.id, tree: treeOfAll(asked), surroundings: hash },
      ...{ requests, policy: ruling.policy, maxRows },
    };
  }

  /** Ends the batch that it was parsed in, which holds locks. @returns false: the server has not said so yet. */
  #leaveBatch(now: Waiting): boolean {
    const link = this.#link;
    if (link.inTransaction) return true; // its policy would have it wait there
    if (!now.alone) {
      now.alone = true;
      if (!link.batchOpen) return link.expectations.length === 0;
      this.#send(SYNC);
      link.endBatch(true);
    }
    return link.expectations.length === 0;
  }

  #asked(now: Waiting, { approval }: Asked, sameness: Sameness, mode: "wait" | "defer"): void {
    if (now.phase.kind === "done") {
      if (mode === "wait") this.#background(this.#options.approvals.end(approval.id, "withdrawn", now.gone));
      return;
    }
    if (approval.state === "denied") this.#done(now, this.#deniedBy(approval));
    else if (approval.state === "approved") this.#consume(now, approval, sameness);
    else if (mode === "defer") this.#done(now, pending(this.#told(approval)));
    else this.#waitFor(now, approval);
  }

  #waitFor(now: Waiting, approval: Approval): void {
    now.open = approval.id;
    now.phase = { kind: "waiting", approval };
    now.stopWatching = this.#options.approvals.watch(approval.id, () => this.#read(now, approval.id));
    now.timer = setInterval(() => this.#beat(now, approval), this.#options.heartbeatMs());
    this.#read(now, approval.id); // it may have been decided before it was watched
    this.#resume();
  }

  #await(now: Waiting, approval: Approval): null {
    if (now.announced || this.#link.expectations.length > 0) return null;
    now.announced = true;
    const told = this.#told(approval);
    const url = told.url === null ? `postern approvals show ${told.id}` : told.url;
    this.#tell(
      `approval ${told.id}: the statement waits for ${whoApproves(told)}, until ${until(told.expiresAt)}`,
      url,
    );
    return null;
  }

  #beat(now: Waiting, approval: Approval): void {
    const { clock } = this.#link.parts;
    const waitedMs = clock.monotonicMs() - now.sinceMs;
    if (waitedMs >= this.#options.waitMs()) {
      now.open = null; // it stays open: its client is to come back
      this.#background(this.#options.approvals.defer(approval.id));
      this.#done(now, pending(this.#told(approval)));
      return;
    }
    if (!now.announced || this.#link.expectations.length > 0) return;
    this.#tell(`approval ${approval.id}: still waiting for ${whoApproves(approval)}`);
  }

  #tell(message: string, hint?: string): void {
    const { client } = this.#link.parts;
    if (!client.destroyed) client.write(notice("NOTICE", "00000", message, hint));
  }

  #read(now: Waiting, id: string): void {
    const { phase } = now;
    if (phase.kind !== "waiting") return;
    this.#when(now, this.#options.approvals.read(id), (approval) => {
      if (now.phase.kind !== "waiting" || approval === null) return;
      this.#turned(now, approval);
    });
  }

  #turned(now: Waiting, approval: Approval): void {
    const { id, state, endedReason } = approval;
    if (state === "pending") return;
    if (state === "approved") {
      now.phase = { kind: "looking", approval };
      this.#inquiry.settled(); // what was asked was for another time
      this.#resume();
    } else if (state === "denied") {
      this.#background(this.#options.approvals.told(id));
      this.#done(now, this.#deniedBy(approval));
    } else if (state === "expired") this.#done(now, expired(id));
    // Another session of the same principal has used it up, or somebody has withdrawn it.
    else this.#done(now, withdrawn(id, endedReason ?? "it was used by another session"));
  }

  /** The server is asked again what the statement does: it must be what people have read. */
  #look(now: Waiting, approval: Approval, asked: Holdable): GatewayError | null {
    const ruling = asked.judge();
    if (ruling === null) return null;
    const found = this.#surroundingsOf(asked);
    if (found === null) return null;
    const approved = this.#judgedBy(reachedGroups(approval), asked);
    if (approved === null) return null;
    const sameness = found instanceof GatewayError ? null : this.#sameness(asked, ruling, approved.maxRows, found);
    if (approved.error !== null || sameness === null || !isBound(approval, sameness)) {
      now.open = null;
      this.#background(this.#options.approvals.end(approval.id, "void", "what it does has changed"));
      return approved.error ?? changed(approval.id);
    }
    this.#consume(now, approval, sameness);
    return null;
  }

  #consume(now: Waiting, approval: Approval, sameness: Sameness): void {
    now.phase = { kind: "consuming" };
    now.open = approval.id;
    const { id: session } = this.#link.parts.journal.facts;
    this.#when(now, this.#options.approvals.consume(approval, sameness, session), (taken) => {
      now.open = null;
      this.#inquiry.settled(); // it goes on in another batch
      const { id } = approval;
      this.#done(now, taken ? new Lifted(id, reachedGroups(approval), sameness.tree, rowBound(approval)) : changed(id));
    });
  }

  #done(now: Waiting, outcome: Lifted | GatewayError): void {
    if (now.phase.kind === "done") return;
    now.phase = { kind: "done", outcome };
    this.#resume();
  }

  #told({ id, approvers, quorum, expiresAt }: Approval): Told {
    return { id, approvers, quorum, expiresAt, url: this.#options.url(id) };
  }

  #deniedBy({ id, decisions }: Approval): GatewayError {
    return denied(id, decisions.find(({ verdict }) => verdict === "deny")?.reason ?? null);
  }

  /** What fails refuses the statement: nothing runs without its approval on record. */
  #when<T>(now: Waiting, work: Promise<T>, then: (value: T) => void): void {
    work.then(
      (value) => {
        if (now.phase.kind !== "done") then(value);
      },
      (error: unknown) => this.#done(now, unavailable(error)),
    );
  }

  /** Nobody waits for it; where the store is away, its own look later does the same. */
  #background(work: Promise<void>): void {
    work.catch(() => {});
  }
}
