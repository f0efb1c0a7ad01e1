/** What a client has made on the wire: prepared statements, portals, and one run of one of them. Holds facts, decides nothing. */

import type { ParsedStatement } from "../analysis/parsed-statement.ts";

/** A prepared statement, by Parse or by SQL PREPARE. `parsed` is null for the empty statement. */
export interface PreparedStatement {
  readonly name: string;
  readonly parsed: ParsedStatement | null;
  /** What the log says of its text: commitment and fingerprint, ready to be written. */
  readonly record: StatementRecord;
}

/** The members of an entry that depend on the text alone, computed once a session. */
export interface StatementRecord {
  /** Hex SHA-256(salt || text). */
  readonly commitment: string;
  readonly fingerprint: string;
}

/** A portal, by Bind, or a cursor by SQL DECLARE. */
export interface Portal {
  readonly name: string;
  readonly statement: PreparedStatement;
  /** Hex commitment of its parameters, formats and values as they came; null where there are none. */
  readonly parameters: string | null;
  /** A cursor declared WITH HOLD outlives its transaction. */
  readonly hold: boolean;
  /** A cursor declared BINARY: FETCH answers in binary. */
  readonly binary: boolean;
}

/** One execution: from its intent in the log to its outcome. */
export class StatementRun {
  readonly statement: PreparedStatement;
  /** sessionSeq of its intent. */
  readonly sessionSeq: number;
  /** How many intents the session had with this one: runs of consecutive numbers are one range in a settlement. */
  readonly ordinal: number;
  /** It may change data: its intent is on disk before it is forwarded, and its fate is recorded. */
  readonly durable: boolean;
  /** By Clock.monotonicMs. */
  readonly startedMs: number;
  /** Where its text starts in the string that held it, in characters: added to the position of an error. */
  readonly positionShift: number;
  /** Rows or messages of copy data delivered to the client. */
  rows = 0;
  /** Bytes of them, headers included. */
  bytes = 0;
  /** Bytes of copy data received. */
  copyInBytes = 0;

  constructor(
    statement: PreparedStatement,
    sessionSeq: number,
    ordinal: number,
    durable: boolean,
    startedMs: number,
    positionShift: number,
  ) {
    this.statement = statement;
    this.sessionSeq = sessionSeq;
    this.ordinal = ordinal;
    this.durable = durable;
    this.startedMs = startedMs;
    this.positionShift = positionShift;
  }
}
