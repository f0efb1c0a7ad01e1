/**
 * One session from ReadyForQuery to its close: two sockets, the two directions between them, and the ways it can end. Opening
 * one is open-session.ts; what a statement means is message-handler.ts.
 */

import type { Socket } from "node:net";
import type { GatewayError } from "../base/errors.ts";
import { Expectation } from "../statement/expectations.ts";
import { Frontend } from "./frontend.ts";
import { Gate } from "./gate.ts";
import type { Stopped } from "./limits-errors.ts";
import { FLUSH, POISON, SYNC, TERMINATE } from "./messages.ts";
import { errorResponse, notice } from "./refuse.ts";
import { Relay } from "./relay.ts";
import { UnderWay } from "./under-way.ts";
import { type SessionParts, WireLink } from "./wire-link.ts";

/**
 * `open` -> `ending` -> `closed`, or `open` -> `closed`. In `ending` the client is told or gone, and the upstream is asked to
 * stop and read to the end, so that the record has the outcome of what ran.
 */
export type SessionState =
  | { readonly phase: "open" }
  | { readonly phase: "ending"; readonly reason: string }
  | { readonly phase: "closed"; readonly reason: string };

export interface SessionOptions extends SessionParts {
  readonly openedAtMs: number;
  /** Asks the upstream to cancel what runs. */
  readonly cancel: () => Promise<void>;
  readonly onClosed: (session: Session) => void;
  /** The end of the session could not be put on record. */
  readonly unrecorded: (error: unknown) => void;
}

/** What has no run that could say so. */
const OVER_TIME: Stopped = { over: "seconds", maxRows: 0 };
/** A cancel that has had no effect by then is sent again. */
const CANCEL_AGAIN_MS = 5_000;
/** A cancel is not kept for longer: whoever asked for it does not wait any more. */
const SENDING_MS = 10_000;
/** How long a session that is ending waits for the outcome of what still runs. */
const OUTCOME_WAIT_MS = 5_000;

export class Session {
  readonly id: string;
  readonly options: SessionOptions;
  readonly #link: WireLink;
  readonly #relay: Relay;
  readonly #frontend: Frontend;
  readonly #gate: Gate;
  readonly #underWay: UnderWay;
  #state: SessionState = { phase: "open" };
  /** Of cancels that came before their statement had left. */
  readonly #whenSent: (() => void)[] = [];
  #wantsClient = true;
  #cancelAgainMs = 0;
  #draining: GatewayError | null = null;
  #terminated = false;
  #deadline: NodeJS.Timeout | undefined;
  /** The last minute of the token was announced. */
  #warned = false;

  constructor(options: SessionOptions) {
    this.options = options;
    this.id = options.journal.facts.id;
    this.#link = new WireLink(options, () => this.#frontend.resume());
    this.#underWay = new UnderWay(this.#link);
    const { client, upstream, log, clock, metrics } = options;
    this.#gate = new Gate(log, upstream, clock, metrics.stages.record, {
      failed: (error) => this.end(error),
      left: (wasFull) => {
        // Nobody else would have the client read on: the server says nothing before the Sync that the client has not sent.
        if (wasFull) this.#frontend.resume();
        this.#tellOfSending();
      },
    });
    this.#relay = new Relay(this.#link, {
      progressed: () => this.#progressed(),
      failed: (error) => this.end(error),
      overLimit: () => void this.#stopStatement(),
      abort: (sync) => this.#abort(sync),
    });
    this.#frontend = new Frontend(this.#link, this.#gate, {
      failed: (error) => this.end(error),
      terminated: () => this.#onTerminate(),
      reading: (wanted) => {
        this.#readClient(wanted);
        this.#tellOfSending();
      },
    });
    this.#attach(client, upstream);
  }

  get state(): SessionState {
    return this.#state;
  }

  /** What it is doing now, for people. */
  get activity(): "idle" | "active" | "idle in transaction" {
    const { running, expectations, holding } = this.#link;
    if (running > 0 || expectations.length > 0 || holding?.waits === true) return "active";
    return this.#link.status === "I" ? "idle" : "idle in transaction";
  }

  /** A statement of it waits for people. */
  get waits(): boolean {
    return this.#link.holding?.waits === true;
  }

  get lastActivityMs(): number {
    return this.#link.lastActivityMs;
  }

  /** Asks the upstream to cancel what it works on; nothing happens where it owes no answer. What waits for people is withdrawn. */
  async cancel(): Promise<void> {
    const link = this.#link;
    const { readies } = link;
    const isOnItsWay = this.#isOnItsWay;
    if (link.holding?.cancel() === true) return;
    if (link.expectations.length > 0) await this.options.cancel();
    if (!isOnItsWay) return;
    // The server, which had nothing to stop, has ignored that.
    await this.#sent();
    if (link.readies !== readies) return; // it is over, and the next one is not meant
    if (link.holding?.cancel() === true) return;
    if (link.running > 0) await this.options.cancel();
  }

  /** Of what the client has sent a statement is still here: for the parser, for what the server says of it, for its record. */
  get #isOnItsWay(): boolean {
    if (this.#state.phase !== "open" || this.#link.holding?.waits === true) return false;
    return !this.#gate.empty || (this.#link.running === 0 && this.#frontend.waits);
  }

  async #sent(): Promise<void> {
    if (!this.#isOnItsWay) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, SENDING_MS);
      this.#whenSent.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #tellOfSending(): void {
    if (this.#whenSent.length === 0 || this.#isOnItsWay) return;
    for (const sent of this.#whenSent.splice(0)) sent();
  }

  /** Tells the client why, then ends. The running statement is cancelled. */
  end(error: GatewayError): void {
    if (this.#state.phase === "ending") this.#hurry();
    if (this.#state.phase !== "open") return;
    const { client } = this.options;
    // In the middle of a row nothing else can be said: the client then sees the connection close.
    if (this.#relay.atBoundary && !client.destroyed) client.write(errorResponse(error));
    this.#leave(error.severity === "FATAL" ? `${error.sqlstate} ${error.message}` : error.message);
    client.end();
  }

  /** Lets what runs finish, takes nothing new, then ends. */
  drain(error: GatewayError): void {
    if (this.#state.phase !== "open") return;
    this.#draining = error;
    this.#link.holding?.withdraw("the gateway stopped");
    this.#progressed();
    this.#readClient(this.#wantsClient);
  }

  /** Says that the token ends soon, once. */
  warnOfExpiry(secondsLeft: number): void {
    if (this.#warned || this.#state.phase !== "open" || !this.#relay.atBoundary) return;
    this.#warned = true;
    const text = `the token of this session expires in ${secondsLeft} s, and the session ends with it`;
    this.options.client.write(notice("WARNING", "01000", text, "Connect again with a new token."));
  }

  /** While a statement runs. */
  keepInSight(): void {
    if (this.#link.running > 0) this.#link.enforcer?.keepInSight();
  }

  /** Stops what the server has worked on for longer than its principal's statements may: a run, planning, the end of a transaction. */
  limitTime(nowMs: number): void {
    const limit = this.options.statementLimits.limits.statementSeconds;
    const link = this.#link;
    if (limit === null || link.cancelling || this.#state.phase !== "open") return;
    const work = this.#underWay.look(nowMs);
    if (work === null || nowMs - work.sinceMs < limit.most * 1000) return;
    if (this.#underWay.needsFlush()) {
      this.#underWay.flushed(nowMs);
      this.#gate.add(FLUSH);
      this.#gate.release();
    }
    const { run } = work;
    if (this.#underWay.mayBeIdle(nowMs)) return;
    const again = run === null ? link.stopping !== null : run.over !== null;
    if (again && nowMs < this.#cancelAgainMs) return;
    if (run !== null) run.over ??= "seconds";
    if (run === null) link.stopping ??= OVER_TIME;
    else link.stopping = run;
    this.#cancelAgainMs = nowMs + CANCEL_AGAIN_MS;
    void this.#stopStatement();
  }

  /** Cancels what runs. Nothing more is sent until the server has had that: it must not hit what comes next. */
  async #stopStatement(): Promise<void> {
    this.#link.cancelling = true;
    this.#readClient(this.#wantsClient);
    await this.options.cancel();
    this.#link.cancelling = false;
    this.#readClient(this.#wantsClient);
    this.#progressed();
  }

  /** Fails the open transaction as an error of the statement would have: its own answer says that there was one. */
  #abort(sync: boolean): void {
    const link = this.#link;
    link.expectations.push(new Expectation("refusal", true, null, null, null, 0));
    this.#gate.add(POISON);
    if (sync) {
      link.endBatch();
      this.#gate.add(SYNC);
    } else link.skipping = true;
    this.#gate.release();
  }

  #attach(client: Socket, upstream: Socket): void {
    client.on("data", (chunk: Uint8Array) => this.#frontend.receive(chunk));
    client.on("drain", () => upstream.resume());
    client.on("error", () => client.destroy());
    client.on("end", () => this.#clientGone());
    client.on("close", () => this.#clientGone());
    upstream.on("data", (chunk: Uint8Array) => {
      this.#relay.receive(chunk);
      if (client.writableNeedDrain && this.#state.phase === "open") upstream.pause();
    });
    upstream.on("drain", () => this.#readClient(this.#wantsClient));
    upstream.on("error", () => upstream.destroy());
    upstream.on("close", () => this.#upstreamGone());
  }

  #readClient(wanted: boolean): void {
    this.#wantsClient = wanted;
    const { client, upstream } = this.options;
    const hold = this.#link.cancelling || (this.#draining !== null && this.#link.copy === "none");
    if (wanted && !hold && !upstream.writableNeedDrain) client.resume();
    else client.pause();
  }

  #progressed(): void {
    this.#link.lastActivityMs = this.options.clock.monotonicMs();
    if (this.#state.phase === "ending") {
      if (this.#link.expectations.length === 0) this.#hangUp();
      return;
    }
    if (this.#draining !== null && this.#link.expectations.length === 0 && this.#gate.empty) this.end(this.#draining);
    else this.#frontend.resume();
  }

  /** The client said goodbye: the server ends the session when it has done what came before. */
  #onTerminate(): void {
    if (this.#state.phase !== "open") return;
    this.#terminated = true;
    this.#state = { phase: "ending", reason: "client terminated" };
    this.#tellOfSending();
    this.#gate.add(TERMINATE);
    this.#gate.release(); // answers to what came before are still delivered; the server's close ends the client's side
  }

  #clientGone(): void {
    if (this.#state.phase === "open") this.#leave("client disconnected");
    this.#relay.stopDelivering();
    this.options.upstream.resume();
  }

  /** From here on the client gets nothing more; what runs is cancelled and its outcome read. */
  #leave(reason: string): void {
    this.#state = { phase: "ending", reason };
    this.#link.holding?.close(reason);
    this.#frontend.close();
    this.#gate.close();
    this.#relay.stopDelivering();
    this.options.upstream.resume();
    if (this.#link.running > 0) {
      void this.options.cancel();
      this.#deadline = setTimeout(() => this.#hangUp(), OUTCOME_WAIT_MS);
      return;
    }
    void this.cancel(); // it may be planning
    this.#hangUp();
  }

  /** A client that said goodbye may have left a long statement behind: a frozen principal's must not go on. */
  #hurry(): void {
    if (this.#deadline !== undefined) return;
    this.#frontend.close();
    this.#gate.close(); // what waits for its record stays here
    this.#relay.stopDelivering();
    this.options.upstream.resume(); // the client may be one that does not read
    void this.cancel();
    this.#deadline = setTimeout(() => this.options.upstream.destroy(), OUTCOME_WAIT_MS);
  }

  #hangUp(): void {
    const { upstream } = this.options;
    if (!this.#terminated && !upstream.destroyed) {
      this.#terminated = true;
      upstream.end(TERMINATE);
      clearTimeout(this.#deadline);
      this.#deadline = setTimeout(() => upstream.destroy(), OUTCOME_WAIT_MS);
    }
  }

  #upstreamGone(): void {
    clearTimeout(this.#deadline);
    if (this.#state.phase === "closed") return;
    const reason = this.#state.phase === "ending" ? this.#state.reason : "upstream closed the connection";
    this.#state = { phase: "closed", reason };
    this.#link.holding?.close(reason);
    this.#frontend.close();
    this.#gate.close();
    this.#link.enforcer?.own.close();
    this.options.client.end();
    setTimeout(() => this.options.client.destroy(), OUTCOME_WAIT_MS).unref();
    try {
      this.#recordEnd(reason);
    } catch (error) {
      this.options.unrecorded(error); // thrown from here it would end the process
    } finally {
      this.options.onClosed(this);
    }
  }

  #recordEnd(reason: string): void {
    const { journal, clock } = this.options;
    const { expectations, fate } = this.#link;
    let open = false;
    for (let next = expectations.shift(); next !== null; next = expectations.shift()) {
      if (next.kind === "sync") open = true; // it may have committed
      if (next.run === null) continue;
      open = true;
      next.run.end();
      journal.finished(next.run, "unknown", null, 0, clock.monotonicMs() - next.run.startedMs, null);
    }
    // Nothing in flight: what was not committed is rolled back with the connection. A COMMIT or Sync in flight may have committed.
    const settlement = open ? null : fate.ended(false);
    if (settlement !== null) journal.settled(settlement, null);
    journal.closed(reason);
    this.options.settleSoon();
  }
}
