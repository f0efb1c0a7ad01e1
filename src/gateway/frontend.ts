/**
 * Client to upstream: takes the client's bytes apart into messages, in order, and has each handled. A message that must wait
 * (for the parser, for an answer that decides what a name means, for a COPY to open) stops the scan; what is behind it
 * is kept and the socket is not read, so nothing overtakes it and memory stays bounded.
 */

import { GatewayError } from "../base/errors.ts";
import { frontendLimits } from "../wire/frame-limits.ts";
import { FrameScanner, type FrameVisitor } from "../wire/framing.ts";
import type { Gate } from "./gate.ts";
import { MessageHandler } from "./message-handler.ts";
import type { WireLink } from "./wire-link.ts";

/** Answers that a client may be owed; one that pipelines further waits. */
const MAX_EXPECTATIONS = 65_536;

/** What is read behind a statement that waits for people. */
const MAX_BEHIND_BYTES = 256 * 1024;

export interface FrontendEvents {
  /** The session cannot go on: tell the client and end. */
  failed(error: GatewayError): void;
  /** The client said goodbye. */
  terminated(): void;
  /** Whether the client's socket should be read now. */
  reading(wanted: boolean): void;
}

export class Frontend implements FrameVisitor {
  readonly #link: WireLink;
  readonly #gate: Gate;
  readonly #events: FrontendEvents;
  readonly #handler: MessageHandler;
  readonly #scanner: FrameScanner;
  /** The run of messages that is forwarded as it came: bytes[#runStart, #runEnd) of #runBytes. */
  #runBytes: Uint8Array = EMPTY;
  #runStart = 0;
  #runEnd = 0;
  #scanning = false;
  #closed = false;
  #terminated = false;

  constructor(link: WireLink, gate: Gate, events: FrontendEvents) {
    this.#link = link;
    this.#gate = gate;
    this.#events = events;
    this.#handler = new MessageHandler(link, gate, () => this.resume());
    this.#scanner = new FrameScanner(frontendLimits({ messageBytes: link.parts.limits.messageBytes }), this);
  }

  /** A message of the client's is here and cannot be handled yet. */
  get waits(): boolean {
    return this.#scanner.stopped && !this.#terminated && !this.#closed;
  }

  close(): void {
    this.#closed = true;
    this.#handler.close();
  }

  receive(chunk: Uint8Array): void {
    this.#link.lastActivityMs = this.#link.parts.clock.monotonicMs();
    this.#link.parts.metrics.clientBytes += chunk.length;
    this.#scan(chunk);
  }

  /** Goes on where the scan stopped, if what it waited for has come. */
  resume(): void {
    this.#scan(null);
  }

  #scan(chunk: Uint8Array | null): void {
    if (this.#closed || this.#scanning) return;
    this.#scanning = true;
    try {
      this.#handler.proceed();
      this.#handler.emit();
      if (this.#scanner.stopped) this.#scanner.resume();
      if (chunk !== null) this.#scanner.feed(chunk);
      this.#endRun();
      this.#handler.emit();
      if (!this.#terminated) this.#gate.release();
    } catch (error) {
      this.close();
      this.#gate.close();
      this.#events.failed(
        error instanceof GatewayError
          ? error
          : new GatewayError("INTERNAL", "an internal error of the gateway ended the session", { cause: error }),
      );
      return;
    } finally {
      this.#scanning = false;
    }
    if (this.#terminated) {
      this.close();
      this.#events.terminated();
    } else this.#events.reading(!this.#gate.full && (!this.#scanner.stopped || this.#listens));
  }

  /** Whoever waits for people may go meanwhile, and that is heard only by reading on. */
  get #listens(): boolean {
    return this.#link.holding?.waits === true && this.#scanner.heldBytes < MAX_BEHIND_BYTES;
  }

  /** Of FrameVisitor: one message. False: not now. */
  message(type: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#terminated || this.#link.expectations.length >= MAX_EXPECTATIONS) return false;
    const verdict = this.#handler.handle(type, bytes, start, end, this.#scanner.availableEnd);
    switch (verdict) {
      case "wait":
        return false;
      case "terminate":
        this.#terminated = true;
        return false;
      case "replace":
        this.#endRun();
        this.#handler.emit();
        return true;
      default:
        if (this.#handler.hasOutput) {
          this.#endRun();
          this.#handler.emit();
        }
        if (bytes !== this.#runBytes || this.#runEnd !== start) {
          this.#endRun();
          this.#runBytes = bytes;
          this.#runStart = start;
        }
        this.#runEnd = end;
        return true;
    }
  }

  /** Of FrameVisitor: no message of a frontend is streamed. */
  streamed(): void {}

  /** Of FrameVisitor: see streamed. */
  piece(): void {}

  #endRun(): void {
    if (this.#runEnd > this.#runStart) this.#gate.add(this.#runBytes.subarray(this.#runStart, this.#runEnd));
    this.#runBytes = EMPTY;
    this.#runStart = 0;
    this.#runEnd = 0;
  }
}

const EMPTY = new Uint8Array(0);
