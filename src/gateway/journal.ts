/**
 * The record of one session, written as fast as it can be: members that do not change are rendered once a session, and each
 * entry is three short strings. Whoever calls `decided` must wait for the log before the statement is forwarded.
 */

import { createHash, hash } from "node:crypto";
import { ENTRY_VERSION, type EntryBody } from "../audit/entry.ts";
import type { AuditLog } from "../audit/log.ts";
import { canonicalJson, canonicalString } from "../base/canonical-json.ts";
import type { GatewayError } from "../base/errors.ts";
import type { Principal } from "../identity/principal.ts";
import { labelsOf } from "../masking/masked/labelled-use.ts";
import type { MaskedUse, PreparedStatement, StatementRecord, StatementRun } from "../statement/statement.ts";
import type { Settlement } from "../statement/transaction.ts";
import type { Ruling } from "./enforcement.ts";

export interface SessionFacts {
  readonly id: string;
  readonly principal: Principal;
  readonly clientAddress: string;
  readonly database: string;
  readonly upstreamRole: string;
  readonly tls: string;
  readonly protocol: string;
  readonly applicationName: string;
  /** Of the principal, where a policy is configured. */
  readonly groups?: readonly string[];
  /** What a policy in shadow said of the connection; absent: none is. */
  readonly shadow?: string;
  /** 32 bytes: what makes this session's commitments impossible to guess. */
  readonly salt: Uint8Array;
}

export type Outcome = "completed" | "failed" | "cancelled" | "skipped" | "unknown";

/** A pair of the largest numbers takes 36 bytes. */
const RANGES_PER_ENTRY = 1_500;

/** One byte before the committed bytes keeps text, parameters and rows apart. */
const KIND = { sql: 0x73, parameters: 0x70, rows: 0x72, copy: 0x63 } as const;
/** Up to here one call of hash() over a copy costs less than a hash object. */
const ONE_SHOT_BYTES = 32 * 1024;
const scratch = new Uint8Array(ONE_SHOT_BYTES + 64);

/** Hex SHA-256(salt || kind || bytes). */
export function commitment(salt: Uint8Array, kind: keyof typeof KIND, bytes: Uint8Array): string {
  const length = salt.length + 1 + bytes.length;
  if (length > scratch.length) {
    return createHash("sha256").update(salt).update(Uint8Array.of(KIND[kind])).update(bytes).digest("hex");
  }
  scratch.set(salt);
  scratch[salt.length] = KIND[kind];
  scratch.set(bytes, salt.length + 1);
  return hash("sha256", scratch.subarray(0, length), "hex");
}

/** The same commitment, in pieces: for rows that come in more than one chunk. */
export function commitmentStream(salt: Uint8Array, kind: keyof typeof KIND) {
  return createHash("sha256").update(salt).update(Uint8Array.of(KIND[kind]));
}

export class SessionJournal {
  readonly facts: SessionFacts;
  readonly #log: AuditLog;
  readonly #beforeParameters: string;
  readonly #beforeReason: string;
  readonly #sessionMember: string;
  readonly #decidedTail: Readonly<Record<"permitted" | "refused", string>>;
  /** What alarms were raised for. */
  readonly #alarmed = new Set<string>();
  /** Of alarm.unproven. */
  #alarms = 0;
  #sessionSeq = 0;
  #statements = 0;
  #rows = 0;
  #bytes = 0;

  constructor(log: AuditLog, facts: SessionFacts) {
    this.#log = log;
    this.facts = facts;
    const { principal } = facts;
    this.#beforeParameters = `"clientAddress":${canonicalString(facts.clientAddress)},"database":${canonicalString(facts.database)},`;
    this.#beforeReason = `"principal":${canonicalJson(principalRecord(principal))},`;
    this.#sessionMember = `"session":${canonicalString(facts.id)},"sessionSeq":`;
    const tail = (verdict: string) =>
      `"type":"statement.decided","upstreamRole":${canonicalString(facts.upstreamRole)},"v":${ENTRY_VERSION},"verdict":"${verdict}","via":"wire"`;
    this.#decidedTail = { permitted: tail("permitted"), refused: tail("refused") };
  }

  get statements(): number {
    return this.#statements;
  }

  get rows(): number {
    return this.#rows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** sessionSeq of the next entry. */
  get next(): number {
    return this.#sessionSeq;
  }

  /** @returns the leaf index; wait for it before the client is told that it is in. */
  opened(): number {
    const { facts } = this;
    return this.#append({
      type: "session.opened",
      session: facts.id,
      sessionSeq: this.#sessionSeq,
      principal: principalRecord(facts.principal),
      clientAddress: facts.clientAddress,
      via: "wire",
      database: facts.database,
      upstreamRole: facts.upstreamRole,
      tls: facts.tls,
      protocol: facts.protocol,
      ...(facts.applicationName === "" ? {} : { applicationName: facts.applicationName.slice(0, 63).toWellFormed() }),
      ...(facts.groups === undefined ? {} : { groups: facts.groups }),
      ...(facts.shadow === undefined ? {} : { shadow: facts.shadow }),
    });
  }

  /** The intent. @param behindName what a name in the statement stands for. @param approval id of that whose one attempt it is. @returns its leaf index: the statement may be forwarded when the log has it as its durability class asks. */
  decided(
    statement: PreparedStatement,
    statementClass: string,
    parameters: string | null,
    refusal: string | null,
    ruling: Pick<Ruling, "requests" | "policy" | "shadow" | "labelled" | "alarm">,
    behindName: StatementRecord | null = null,
    approval?: string,
  ): number {
    const approved = approval === undefined ? "" : `"approval":"${approval}",`;
    const bound = parameters === null ? "" : `"parameters":"${parameters}",`;
    const runs = behindName === null ? "" : `"runs":${sqlMember(behindName)},`;
    const policy = ruling.policy === null ? "" : `"policy":"${ruling.policy}",`;
    const shadow = ruling.shadow === null ? "" : `"shadow":"${ruling.shadow}",`;
    const reason = refusal === null ? "" : `"reason":${canonicalString(refusal)},`;
    const masked = labelsMember("masked", ruling.labelled?.masked);
    const revealed = labelsMember("revealed", ruling.labelled?.revealed);
    const index = this.#log.appendParts(
      `${approved}"class":"${statementClass}",${this.#beforeParameters}${masked}${bound}${policy}${this.#beforeReason}${reason}"requests":${ruling.requests},${revealed}${runs}`,
      `${this.#sessionMember}${this.#sessionSeq},${shadow}"sql":${sqlMember(statement.record)},`,
      this.#decidedTail[refusal === null ? "permitted" : "refused"],
    );
    // Counted when it is in: an append that is refused must leave no gap in the session's numbers.
    this.#sessionSeq++;
    this.#statements++;
    if (ruling.alarm !== null) this.unproven(ruling.alarm, this.#sessionSeq - 1);
    return index;
  }

  /** A statement that should not have got so far was stopped. @param statement sessionSeq; null: it is not known which. */
  unproven({ code, message }: GatewayError, statement: number | null): void {
    if (this.#alarms >= MAX_ALARMS) return;
    this.#alarms++;
    this.#append({
      ...{ type: "alarm.unproven", session: this.facts.id, sessionSeq: this.#sessionSeq },
      ...{ code, detail: message.slice(0, MAX_DETAIL).toWellFormed() },
      ...(statement === null ? {} : { statement }),
    });
  }

  /** The outcome. @param rowsCommitment hex, or null where no row was delivered. */
  finished(
    run: StatementRun,
    outcome: Outcome,
    sqlstate: string | null,
    rowsAffected: number,
    durationMs: number,
    rowsCommitment: string | null,
  ): void {
    const rows = rowsCommitment === null ? "" : `"rows":"${rowsCommitment}",`;
    const state = sqlstate === null ? "" : `"sqlstate":"${sqlstate}",`;
    this.#log.appendSettling(
      `"bytes":${run.bytes + run.copyInBytes},"durationMs":${Math.round(durationMs * 1000) / 1000},"outcome":"${outcome}",${rows}"rowsAffected":${rowsAffected},"rowsReturned":${run.rows},`,
      `${this.#sessionMember}${this.#sessionSeq},${state}"statement":${run.sessionSeq},`,
      `"type":"statement.finished","v":${ENTRY_VERSION}`,
    );
    this.#sessionSeq++;
    this.#revealed(run);
    this.#found(run);
    this.#rows += run.rows;
    this.#bytes += run.bytes;
  }

  /** Values went to the client because policy reveals them. */
  #revealed({ reveals, rows, copyInBytes, sessionSeq: statement }: StatementRun): void {
    if (reveals === null || rows === 0 || copyInBytes > 0) return;
    // One entry holds at most 65,535 bytes.
    const columns = reveals.columns.slice(0, MAX_COLUMNS);
    this.#append({
      type: "reveal.used",
      session: this.facts.id,
      sessionSeq: this.#sessionSeq,
      ...{ statement, labels: reveals.labels, columns, policies: reveals.policies, rows },
    });
  }

  /** Detectors have found, and masked, what should have a label. Each kind in each column once: a large result is one alarm. */
  #found({ found, statement, sessionSeq }: StatementRun): void {
    for (const { column, position, detector, label, cells } of found ?? []) {
      const key = `${column ?? `${statement.record.fingerprint} ${position ?? ""}`} ${detector}`;
      if (this.#alarmed.has(key) || this.#alarmed.size >= MAX_ALARMS) continue;
      this.#alarmed.add(key);
      this.#append({
        ...{ type: "alarm.detector_hit", session: this.facts.id, sessionSeq: this.#sessionSeq },
        ...{ statement: sessionSeq, detector, label, cells },
        ...(column === null ? {} : { column }),
        ...(position === null ? {} : { position }),
      });
    }
  }

  /** @param by sessionSeq of the statement that settled it; null: the end of an implicit transaction or of the session. */
  settled(settlement: Settlement, by: number | null): void {
    // One entry holds at most 65,535 bytes: the fate of a long transaction takes several.
    for (let at = 0; at < settlement.statements.length; at += RANGES_PER_ENTRY) {
      this.#settledSome({ ...settlement, statements: settlement.statements.slice(at, at + RANGES_PER_ENTRY) }, by);
    }
  }

  #settledSome(settlement: Settlement, by: number | null): void {
    const common = {
      session: this.facts.id,
      statements: settlement.statements,
      ...(by === null ? {} : { by }),
    };
    if (settlement.type === "transaction.committed") {
      this.#append({ type: "transaction.committed", sessionSeq: this.#sessionSeq, ...common });
    } else {
      const { savepoint } = settlement;
      this.#append({ type: "transaction.rolled_back", sessionSeq: this.#sessionSeq, savepoint, ...common });
    }
  }

  closed(reason: string): void {
    this.#append({
      type: "session.closed",
      session: this.facts.id,
      sessionSeq: this.#sessionSeq,
      statements: this.#statements,
      rows: this.#rows,
      bytes: this.#bytes,
      reason,
    });
  }

  #append(entry: EntryBody): number {
    const index = this.#log.append(entry);
    this.#sessionSeq++;
    return index;
  }
}

const MAX_COLUMNS = 200;
/** Of one session; the metrics go on counting. */
const MAX_ALARMS = 1_000;
/** Characters of what a client was told. */
const MAX_DETAIL = 1_000;

/** Names of labels; absent where there are none. */
function labelsMember(name: "masked" | "revealed", columns: readonly MaskedUse[] = []): string {
  return columns.length === 0 ? "" : `"${name}":${canonicalJson(labelsOf(columns))},`;
}

function sqlMember({ commitment: committed, fingerprint }: StatementRecord): string {
  return `{"commitment":"${committed}","fingerprint":"${fingerprint}"}`;
}

/** A principal as entries name it. */
export function principalRecord(principal: Principal) {
  const { kind, issuer, subject, credential } = principal;
  const actors = principal.actors.map((hop) => ({ subject: hop.subject, issuer: hop.issuer, proof: hop.proof }));
  return { kind, issuer, subject, actors, credential };
}
