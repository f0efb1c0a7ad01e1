/**
 * A read that goes out before its Bind has shown what it has come to could run what a session beside the gateway has made of it.
 * So its batch, which is a transaction of its own, is begun read-only, ahead of it in the same bytes: what it would write, the server
 * refuses. Who asks knows that nothing in the batch is to write. The setting ends with the batch.
 */

import { randomBytes } from "node:crypto";
import { Expectation } from "../statement/expectations.ts";
import { Answer } from "../statement/statement.ts";
import { encoded } from "../wire/encode.ts";
import { encodeBind, encodeClose, encodeExecute, encodeParse, encodeSync } from "../wire/extended.ts";
import type { WireLink } from "./wire-link.ts";

/** The number in it keeps clients from using it. */
const NAME = `postern: read only ${randomBytes(10).toString("hex")}`;
/** No rows come of it. SET LOCAL and SET TRANSACTION would warn, in the server's log too, where no block is open. */
const QUERY = Buffer.from(
  "SELECT WHERE pg_catalog.set_config('transaction_read_only', 'on', true) OPERATOR(pg_catalog.=) ''",
);
/** The unnamed portal: at the first Bind of a transaction there is none of the client's. */
const BEGIN = encoded((writer) => {
  encodeBind(writer, { portal: "", statement: NAME, parameterFormats: [], parameters: [], resultFormats: [] });
  encodeExecute(writer, { portal: "", maxRows: 0 });
});
const PREPARE = encoded((writer) => {
  encodeClose(writer, { kind: "statement", name: NAME });
  encodeParse(writer, { statement: NAME, query: QUERY, parameterTypes: [] });
});
const SYNC = encoded(encodeSync);

export class ReadOnlyBatches {
  readonly #link: WireLink;
  /** Whether the server does it, in this session; null: it has not been asked. */
  #trial: Answer | null = null;
  #began: readonly Expectation[] = [];
  #use = new Answer(false);
  /** The newest that was begun so, and the newest other one that has ended. */
  #batch = 0;
  #otherBatch = 0;
  #trialBatch = -1;

  constructor(link: WireLink) {
    this.#link = link;
  }

  /** The batch at hand can write nothing. */
  get current(): boolean {
    return this.#batch === this.#link.batch;
  }

  /** The batch at hand ends. */
  ended(): void {
    if (!this.current) this.#otherBatch = this.#link.batch;
  }

  /** The client drops all that is prepared. */
  dropped(): void {
    this.#trial = null;
  }

  /** The batch could be begun so: nothing is bound in it, and it is no part of a block. */
  get possible(): boolean {
    const { answeredBatch, boundBatch, batch, inTransaction, status } = this.#link;
    if (boundBatch === batch || inTransaction || status !== "I") return false;
    return answeredBatch >= this.#otherBatch; // whether a block is open, the answers to what was sent before will say
  }

  /** Begins it, where that is {@link possible}, and the server is known to do it. */
  begin(send: (bytes: Uint8Array) => void): void {
    const link = this.#link;
    if (this.#trial?.complete !== true || this.#use.sqlstate !== null) return;
    for (const expectation of this.#began) link.expectations.push(expectation);
    send(BEGIN);
    this.#batch = link.batch;
    link.batchOpen = true;
  }

  /** All that the server owes is the answer to prepare(), if nothing of the batch at hand was sent. */
  get trying(): boolean {
    return this.#trialBatch === this.#link.batch - 1;
  }

  /** Between two batches of a session that goes on: asks once whether the server does it. In a batch of its own, of whose errors nobody hears: a role may have been forbidden the function. */
  prepare(send: (bytes: Uint8Array) => void): void {
    const link = this.#link;
    if (this.#trial !== null && this.#use.sqlstate === null) return;
    const { answeredBatch, batchOpen, expectations, status } = link;
    if (answeredBatch === 0 || status !== "I" || batchOpen || expectations.length > 0) return;
    this.#trialBatch = link.batch;
    this.#use = new Answer(false);
    this.#began = answeredBy(this.#use);
    this.#trial = new Answer(true);
    link.expectations.push(new Expectation("close", true, null, null, null, 0, null, null, this.#trial));
    link.expectations.push(new Expectation("parse", true, null, null, null, 0, null, null, this.#trial));
    for (const expectation of answeredBy(this.#trial)) link.expectations.push(expectation);
    send(PREPARE);
    send(BEGIN);
    send(SYNC);
    link.endBatch(true);
  }
}

function answeredBy(answer: Answer): readonly Expectation[] {
  return (["bind", "execute"] as const).map(
    (kind) => new Expectation(kind, true, null, null, null, 0, null, null, answer),
  );
}
