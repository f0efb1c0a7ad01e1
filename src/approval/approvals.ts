/**
 * Requests for approval, from their asking to their end. The control store has the truth of which are open and which are used up, so that
 * several gateways share it; the log has who did what. An approval is on disk in the log before it counts in the store, and one
 * attempt is taken from the store before anything runs. Knows no wire: who holds a statement is told by a callback.
 */

import { setTimeout as wait } from "node:timers/promises";
import { z } from "zod";
import type { EntryBody } from "../audit/entry.ts";
import type { Clock } from "../base/clock.ts";
import { newId } from "../base/ids.ts";
import type { Principal } from "../identity/principal.ts";
import { type ApprovalFigures, approvalFigures } from "../store/approval-figures.ts";
import {
  APPROVAL_CHANNEL,
  type Approval,
  type ApprovalFilter,
  consume,
  countOpen,
  endApproval,
  findOpen,
  insertApproval,
  insertDecision,
  listApprovals,
  listHeldAt,
  listLostHolders,
  listOverdue,
  lockApproval,
  lockSameness,
  readApproval,
  seenHolder,
  setMode,
  setState,
  setTold,
} from "../store/approvals.ts";
import { asQueryable, isUnavailable, loggable, type Queryable } from "../store/connection.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import { bindingHash, type Card, cardText, type Sameness, samenessHash, sha256 } from "./card.ts";
import { tooManyOpen } from "./errors.ts";
import { missingGroups, personOf, requestersOf, rowBound, type Standing, standing } from "./reviewers.ts";
import type { ApprovalEvent } from "./webhooks.ts";

export interface ApprovalsOptions {
  readonly store: Store;
  /** Resolves with the leaf index when the entry is on disk. @throws {GatewayError} AUDIT_UNAVAILABLE */
  record(entry: EntryBody): Promise<number>;
  /** Of the audit log that `record` writes. */
  readonly instance: string;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Has people told, in the transaction that it happens in. */
  readonly announce?: (q: Queryable, event: ApprovalEvent, approval: Approval) => Promise<void>;
  /** Counts what this gateway does. */
  readonly counts?: {
    requested(mode: "wait" | "defer"): void;
    decided(verdict: Verdict, seconds: number): void;
    ended(state: "consumed" | "withdrawn" | "expired" | "void"): void;
  };
  /** How often what is held is looked at even where nothing was told, and this gateway says that it lives. */
  readonly lookMs?: number;
  /** A gateway that was not seen for so long is dead: what it held is withdrawn. */
  readonly lostMs?: number;
}

/** A statement that needs approval, as the session knows it. */
export interface AskedFor {
  readonly sameness: Sameness;
  readonly mode: "wait" | "defer";
  readonly principal: Principal;
  readonly sessionId: string;
  readonly expiresMs: number;
  readonly fingerprint: string;
  /** The card, without what the request itself gives it. */
  readonly card: Omit<Card, "id" | "requestedAt" | "expiresAt">;
}

/** What became of asking. */
export interface Asked {
  readonly approval: Approval;
  /** It was asked for now; false: it had been before. */
  readonly isNew: boolean;
}

export type Verdict = "approve" | "deny";

export interface Decided {
  readonly approval: Approval;
  /** Null: it was decided. Else why not. */
  readonly refused: Exclude<Standing, { readonly may: true }> | null;
}

const RETRY_MS = 250;
/** Requests of one principal that wait, or may run, at a time. */
const MAX_OPEN = 50;

/** Follows the store until closed. What the last run of this gateway held, it withdraws first. */
export class Approvals {
  readonly #options: ApprovalsOptions;
  readonly #closing = new AbortController();
  readonly #watched = new Map<string, Set<() => void>>();
  readonly #following: Promise<void>;
  readonly #endings = new Set<Promise<void>>();
  #wake = new AbortController();
  /** What the last run held is withdrawn: what was asked for before this one began, by the clock that asks. */
  #swept = false;
  readonly #startedAt: string;

  constructor(options: ApprovalsOptions) {
    this.#options = options;
    this.#startedAt = new Date(options.clock.nowMs()).toISOString();
    this.#following = this.#follow();
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#wake.abort();
    await this.#following;
    // What sessions have withdrawn at their end is to be on record before the log closes.
    await Promise.allSettled(this.#endings);
  }

  /**
   * Asks for approval, or finds what was asked for the very same statement by the same principal before. The entry is on disk before any
   * reviewer can see the request.
   * @throws {GatewayError} STORE_UNAVAILABLE, AUDIT_UNAVAILABLE
   */
  async ask(asked: AskedFor): Promise<Asked> {
    const { store, instance } = this.#options;
    const sameness = samenessHash(asked.sameness);
    return await store.transaction(async (q) => {
      await lockSameness(q, sameness);
      const open = await findOpen(q, sameness);
      if (open === null) {
        // Who asks for much at a time would have people wave it through.
        if ((await countOpen(q, asked.principal.id)) >= MAX_OPEN) throw tooManyOpen(MAX_OPEN);
        return { approval: await this.#begin(q, asked, sameness), isNew: true };
      }
      if (open.state === "denied") await setTold(q, open.id);
      else if (asked.mode === "wait" && open.mode === "defer") await setMode(q, open.id, "wait", instance);
      return { approval: open, isNew: false };
    });
  }

  async #begin(q: Queryable, asked: AskedFor, sameness: string): Promise<Approval> {
    const { clock, instance } = this.#options;
    const nowMs = clock.nowMs();
    const id = newId("apr", nowMs);
    const requestedAt = new Date(nowMs).toISOString();
    const expiresAt = new Date(nowMs + asked.expiresMs).toISOString();
    const { principal, mode, sessionId } = asked;
    const card: Card = { ...asked.card, id, requestedAt, expiresAt };
    const text = cardText(card);
    const binding = bindingHash(sameness, id, expiresAt);
    const { database, approvers, quorum, reason, purpose, class: statementClass } = card;
    await this.#options.record({
      type: "approval.requested",
      ...{
        approval: id,
        binding,
        card: sha256(text),
        mode,
        forSession: sessionId,
        database,
        principal: card.principal,
      },
      ...{ approvers, quorum, expires: expiresAt, reason },
      ...(purpose === null ? {} : { purpose }),
    });
    await insertApproval(q, {
      ...{ id, sameness, binding, mode, instance, sessionId, database, principalId: principal.id },
      ...{ requesters: [...requestersOf(principal)], approvers: [...approvers], quorum, reason },
      ...{ fingerprint: asked.fingerprint, class: statementClass, requestedAt, expiresAt, card: text },
      cardHash: sha256(text),
    });
    this.#options.counts?.requested(mode);
    const begun = await readApproval(q, id);
    if (begun === null) throw new Error("a row that was just inserted is not there");
    await this.#options.announce?.(q, "approval.requested", begun);
    return begun;
  }

  /** Calls back whenever something about the request may have changed; the answer takes the callback off again. */
  watch(id: string, changed: () => void): () => void {
    const watchers = this.#watched.get(id) ?? new Set();
    this.#watched.set(id, watchers.add(changed));
    return () => {
      watchers.delete(changed);
      if (watchers.size === 0) this.#watched.delete(id);
    };
  }

  /** @throws {GatewayError} STORE_UNAVAILABLE */
  async read(id: string): Promise<Approval | null> {
    return await this.#options.store.run((q) => readApproval(q, id));
  }

  /** Of so many days back. @throws {GatewayError} STORE_UNAVAILABLE */
  async figures(days: number, database: string | null): Promise<ApprovalFigures> {
    return await this.#options.store.run((q) => approvalFigures(q, days, database));
  }

  async list(filter: ApprovalFilter, limit: number, before?: string): Promise<readonly Approval[]> {
    return await this.#options.store.run((q) => listApprovals(q, filter, limit, before));
  }

  /**
   * A person's decision: recorded, then counted. @param rows that the statement may change at most; null: as many as there are.
   * @throws {GatewayError} STORE_UNAVAILABLE, AUDIT_UNAVAILABLE
   */
  async decide(
    id: string,
    reviewer: Principal,
    verdict: Verdict,
    reason: string | null,
    rows: number | null = null,
  ): Promise<Decided | null> {
    const { store, instance, record } = this.#options;
    return await store.transaction(async (q) => {
      const approval = await lockApproval(q, id);
      if (approval === null) return null;
      const may = standing(approval, reviewer, verdict);
      if (!may.may) return { approval, refused: may };
      if (rows !== null && !isCounted(approval)) return { approval, refused: UNCOUNTED };
      const { group: forGroup } = may;
      const seconds = Math.round(approval.ageMs) / 1000;
      const by = reviewer.id;
      const logIndex = await record({
        type: "approval.decided",
        ...{ approval: id, binding: approval.binding, card: approval.cardHash, actor: by, group: forGroup, seconds },
        verdict: verdict === "approve" ? "approved" : "denied",
        ...(reason === null ? {} : { reason }),
        ...(rows === null ? {} : { rows }),
      });
      const decision = { by, verdict, forGroup, reason, rows, card: approval.cardHash, seconds, instance, logIndex };
      await insertDecision(q, id, personOf(reviewer), decision);
      this.#options.counts?.decided(verdict, seconds);
      const now = (await readApproval(q, id)) ?? approval;
      if (verdict === "deny") await setState(q, id, "denied");
      else if (missingGroups(now).length === 0) await setState(q, id, "approved");
      const then = (await readApproval(q, id)) ?? now;
      await this.#options.announce?.(q, "approval.decided", then);
      return { approval: then, refused: null };
    });
  }

  /**
   * Takes the one attempt, where the statement is what was approved; the entry is on disk when this resolves. @returns false where
   * there is none to take: it is used up, has ended, or is bound to something else.
   * @throws {GatewayError} STORE_UNAVAILABLE, AUDIT_UNAVAILABLE: nothing may run, though the attempt may be gone
   */
  async consume(approval: Approval, sameness: Sameness, sessionId: string): Promise<boolean> {
    const { store, instance, record } = this.#options;
    const { id, expiresAt } = approval;
    const binding = bindingHash(samenessHash(sameness), id, new Date(expiresAt).toISOString());
    const taken = await store.transaction(async (q) => {
      const mine = await consume(q, id, binding, `${instance} ${sessionId}`);
      if (mine) await this.#announceNow(q, "approval.consumed", id);
      return mine;
    });
    if (!taken) return false;
    this.#options.counts?.ended("consumed");
    const decisions = approval.decisions
      .filter(({ verdict }) => verdict === "approve")
      .map(({ instance: log, logIndex }) => ({ instance: log, index: logIndex }));
    const rows = rowBound(approval);
    await record({
      ...{ type: "approval.consumed", approval: id, binding, forSession: sessionId, decisions },
      ...(rows === null ? {} : { rows }),
    });
    return true;
  }

  /** Ends a request that has not been used: its client is gone, or what was approved is not what would run. */
  async end(id: string, state: "withdrawn" | "expired" | "void", reason: string): Promise<void> {
    const { store, record } = this.#options;
    const ending = (async () => {
      const ended = await store.transaction(async (q) => {
        const mine = await endApproval(q, id, state, reason);
        if (mine) await this.#announceNow(q, "approval.ended", id);
        return mine;
      });
      if (!ended) return;
      this.#options.counts?.ended(state);
      await record({ type: "approval.ended", approval: id, state, reason });
    })();
    this.#endings.add(ending);
    await ending.finally(() => this.#endings.delete(ending));
  }

  async #announceNow(q: Queryable, event: ApprovalEvent, id: string): Promise<void> {
    const { announce } = this.#options;
    const approval = announce === undefined ? null : await readApproval(q, id);
    if (approval !== null) await announce?.(q, event, approval);
  }

  /** Its client does not wait any longer: it may come back. */
  async defer(id: string): Promise<void> {
    await this.#options.store.run((q) => setMode(q, id, "defer", this.#options.instance));
  }

  /** A denial that was told here. */
  async told(id: string): Promise<void> {
    await this.#options.store.run((q) => setTold(q, id));
  }

  async #follow(): Promise<void> {
    const { store, logger } = this.#options;
    while (!this.#closing.signal.aborted) {
      try {
        await store.whenUp(this.#closing.signal);
        await this.#listen();
      } catch (error) {
        if (this.#closing.signal.aborted || store.state.phase === "closed") return;
        if (!isUnavailable(error))
          logger.warn({ reason: loggable(error) }, "approvals could not be read; trying again");
        await wait(RETRY_MS, undefined, { signal: this.#closing.signal, ref: false }).catch(() => {});
      }
    }
  }

  async #listen(): Promise<void> {
    const client = await this.#options.store.connectDedicated();
    const wake = (): void => this.#wake.abort();
    client.on("notification", ({ payload = "" }) => this.#tell(payload));
    client.on("end", wake);
    try {
      const q = asQueryable(client);
      await q.query(`LISTEN ${APPROVAL_CHANNEL}`);
      const { instance } = this.#options;
      if (!this.#swept) await this.#withdrawOf(q, instance, "the gateway that held it stopped", this.#startedAt);
      this.#swept = true;
      while (!this.#closing.signal.aborted) {
        this.#wake = new AbortController();
        await this.#look(q);
        await wait(this.#options.lookMs ?? 5_000, undefined, { signal: this.#wake.signal, ref: false }).catch(() => {});
      }
    } finally {
      client.off("end", wake);
      await client.end().catch(() => {});
    }
  }

  #tell(id: string): void {
    for (const changed of [...(this.#watched.get(id) ?? [])]) changed();
  }

  /** What nobody tells: time passes, gateways die. */
  async #look(q: Queryable): Promise<void> {
    const { instance, lostMs = 20_000 } = this.#options;
    await seenHolder(q, instance);
    for (const id of await listOverdue(q)) await this.end(id, "expired", "nobody decided in time");
    for (const lost of await listLostHolders(q, lostMs)) {
      if (lost !== instance) await this.#withdrawOf(q, lost, "the gateway that held it is gone");
    }
    for (const id of [...this.#watched.keys()]) this.#tell(id);
  }

  async #withdrawOf(q: Queryable, instance: string, reason: string, before: string | null = null): Promise<void> {
    for (const id of await listHeldAt(q, instance, before)) {
      if (!this.#watched.has(id)) await this.end(id, "withdrawn", reason);
    }
  }
}

const UNCOUNTED = {
  may: false,
  why: "uncounted",
  detail: "It changes rows that the server does not count: approve it for as many as there are, or deny it.",
} as const;

const Counted = z.object({ counted: z.boolean() });

function isCounted({ card }: Approval): boolean {
  return card !== null && Counted.safeParse(JSON.parse(card)).data?.counted === true;
}
