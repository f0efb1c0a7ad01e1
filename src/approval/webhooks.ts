/**
 * Tells web addresses of requests for approval: what and who, no statement and no values. Signed as Standard Webhooks has it, so that
 * receivers have libraries for it. What is to be told is written with what it tells of, in one transaction; it is posted until it is
 * taken or a day has passed, by whichever gateway is there, under one id.
 * Source: Standard Webhooks specification 1.0.0 (headers, signature `v1`, secrets `whsec_…`).
 */

import { createHmac } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import type { Clock } from "../base/clock.ts";
import { newId } from "../base/ids.ts";
import type { Secret } from "../base/secret.ts";
import { insertPost, type Post, postLater, removePost, takePosts } from "../store/approval-posts.ts";
import type { Approval } from "../store/approvals.ts";
import { isUnavailable, loggable, type Queryable } from "../store/connection.ts";
import type { Store } from "../store/store.ts";
import type { Logger } from "../telemetry/log.ts";
import { missingGroups } from "./reviewers.ts";

export type ApprovalEvent = "approval.requested" | "approval.decided" | "approval.consumed" | "approval.ended";

export interface Webhook {
  readonly url: string;
  /** Absent: nothing vouches for the post. */
  readonly secret?: Secret;
}

export interface WebhooksOptions {
  readonly store: Store;
  /** Asked at each use, so that a reload holds at once. */
  readonly hooks: () => readonly Webhook[];
  readonly logger: Logger;
  readonly clock: Clock;
  /** Counts what came of an attempt. */
  readonly posted?: (outcome: "delivered" | "failed" | "given-up") => void;
  /** How often what is due is looked for. */
  readonly lookMs?: number;
  /** Waits after the first, second, … failed attempt; the last goes on. */
  readonly backOffMs?: readonly number[];
}

const AT_ONCE = 10;
const ATTEMPT_MS = 10_000;
/** All of those that are taken together, one after the other, and some more. */
const LEASE_MS = AT_ONCE * ATTEMPT_MS + 20_000;
const GIVE_UP_MS = 24 * 3_600_000;
const BACK_OFF_MS = [5_000, 30_000, 120_000, 600_000, 1_800_000, 3_600_000] as const;

export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;

  constructor(options: WebhooksOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** What is under way is broken off, and posted again later. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
  }

  /** Writes down that all addresses are to be told, in the transaction that it tells of. */
  async announce(q: Queryable, event: ApprovalEvent, approval: Approval): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    for (const { url } of this.#options.hooks()) {
      const body = JSON.stringify({
        type: event,
        timestamp: new Date(nowMs).toISOString(),
        data: dataOf(approval),
      });
      await insertPost(q, { id: newId("msg", nowMs), url, body });
    }
  }

  async #run(): Promise<void> {
    const { store, logger, lookMs = 1_000 } = this.#options;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await store.whenUp(signal);
        while ((await this.#round()) > 0 && !signal.aborted);
      } catch (error) {
        if (signal.aborted) return;
        if (!isUnavailable(error)) logger.warn({ reason: loggable(error) }, "webhooks could not be told; trying again");
      }
      await wait(lookMs, undefined, { signal, ref: false }).catch(() => {});
    }
  }

  async #round(): Promise<number> {
    const { store } = this.#options;
    if (this.#options.hooks().length === 0) return 0;
    const due = await store.run((q) => takePosts(q, AT_ONCE, LEASE_MS));
    for (const post of due) await this.#deliver(post);
    return due.length;
  }

  async #deliver(post: Post): Promise<void> {
    const { store, hooks, logger, posted, backOffMs = BACK_OFF_MS } = this.#options;
    const hook = hooks().find(({ url }) => url === post.url);
    const problem = hook === undefined ? null : await this.#attempt(hook, post);
    const { id } = post;
    if (this.#closing.signal.aborted && problem !== null) return void (await store.run((q) => postLater(q, id, 0)));
    if (problem === null) {
      await store.run((q) => removePost(q, id)); // also where nobody is to be told any more
      if (hook !== undefined) posted?.("delivered");
      return;
    }
    const { host } = new URL(post.url); // the path may be a secret of the receiver's
    if (post.ageMs >= GIVE_UP_MS) {
      logger.warn({ webhook: host, post: id, attempts: post.attempts, problem }, "a webhook was given up");
      posted?.("given-up");
      return void (await store.run((q) => removePost(q, id)));
    }
    const afterMs = backOffMs[Math.min(post.attempts, backOffMs.length) - 1] ?? 0;
    if (post.attempts === 1) logger.warn({ webhook: host, post: id, problem }, "a webhook did not take a post");
    posted?.("failed");
    await store.run((q) => postLater(q, id, afterMs));
  }

  /** @returns why it was not taken; null: it was. */
  async #attempt({ url, secret }: Webhook, { id, body }: Post): Promise<string | null> {
    const seconds = Math.floor(this.#options.clock.nowMs() / 1_000);
    const signature = secret === undefined ? {} : { "webhook-signature": signed(secret, id, seconds, body) };
    // Not by AbortSignal.any: in Node 20 every signal made of a long-lived one leaves something behind in it.
    const attempt = new AbortController();
    const stop = (): void => attempt.abort(new Error("timeout"));
    const timer = setTimeout(stop, ATTEMPT_MS);
    this.#closing.signal.addEventListener("abort", stop, { once: true });
    try {
      const { status, body: answer } = await fetch(url, {
        method: "POST",
        headers: {
          ...{ "content-type": "application/json", "user-agent": "postern" },
          ...{ "webhook-id": id, "webhook-timestamp": String(seconds), ...signature },
        },
        body,
        redirect: "manual", // to where nobody has configured, nothing is told
        signal: attempt.signal,
      });
      await answer?.cancel();
      return status >= 200 && status < 300 ? null : `status ${status}`;
    } catch (error) {
      return error instanceof Error ? causeOf(error) : "unknown";
    } finally {
      clearTimeout(timer);
      this.#closing.signal.removeEventListener("abort", stop);
    }
  }
}

/** Without the text of the statement, its parameters and its card: whoever decides logs in, and looks. */
function dataOf(approval: Approval): object {
  const { id, state, mode, database, principalId: principal, reason, approvers, quorum, fingerprint } = approval;
  const { requestedAt, expiresAt, cardHash, endedAt, endedReason } = approval;
  return {
    ...{ id, state, mode, database, principal, class: approval.class, fingerprint, reason, approvers, quorum },
    ...{ missing: missingGroups(approval), requestedAt, expiresAt, cardHash, endedAt, endedReason },
    decisions: approval.decisions.map(({ by, verdict, forGroup, at }) => ({ by, verdict, group: forGroup, at })),
  };
}

/** `v1,` and the Base64 of HMAC-SHA256 over `id.timestamp.body`. */
export function signed(secret: Secret, id: string, seconds: number, body: string): string {
  return `v1,${createHmac("sha256", keyOf(secret)).update(`${id}.${seconds}.${body}`).digest("base64")}`;
}

/** Behind `whsec_` the key is in Base64; any other secret is the key as it is. */
function keyOf(secret: Secret): Uint8Array {
  const text = secret.reveal();
  return text.startsWith("whsec_") ? Buffer.from(text.slice("whsec_".length), "base64") : Buffer.from(text);
}

/** fetch says "fetch failed" of everything, and what it was in the cause. */
function causeOf({ message, cause }: Error): string {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : null;
  return code ?? message;
}
