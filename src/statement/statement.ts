/** What a client has made on the wire: prepared statements, portals, and one run of one of them. Holds facts, decides nothing. */

import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import type { GatewayError } from "../base/errors.ts";

/**
 * What the server has said that a statement does: its own rewritten tree, printed where it analyses the statement. The same
 * object for all names of the statement, since any message about it may bring a new tree.
 */
export class Evidence {
  /** Messages on their way that may bring a tree. What stands here is not the last word until there are none. */
  outstanding = 0;
  /** The newest tree as text; null: none has come. */
  tree: Uint8Array | null = null;
  /** Of SQL that the server has put in place of a function, or run for one, when it planned this tree. */
  planned: readonly Uint8Array[] = [];
  /** More than one tree came with one answer, or none did where one must: nothing may be judged by what is here. */
  broken = false;
  /** It touches masked columns, or runs what may: errors at its Bind are told by their codes alone. */
  guarded = false;
  /** Names what is hidden from the principal: what the client reads in place of the server's errors, which tell of its columns. */
  instead: GatewayError | null = null;
  /** What the principal could see when the text went upstream, which was put into it; null: nothing was looked for. The gateway's. */
  sight: object | null = null;
  /**
   * Of a text in which definitions of views stand for views: what the client's own text does, asked right before. It is what the statement
   * asks of policy and what is recorded; `tree` shows what runs. Null: they are the same.
   */
  meaning: Evidence | null = null;
  /** Those views, as they were put in; null: none. The gateway's. */
  views: object | null = null;
  /** Settings that set_config() in the statement changes and that policy is asked for; lower case. */
  readonly settings: readonly string[];
  /** By what a run was let go before this had come; what comes has to agree with it. The gateway's: see its enforcement. */
  early: EarlyRuling | null = null;
  earlyRuns = 0;

  constructor(settings: readonly string[] = []) {
    this.settings = settings;
  }
}

/** What the server has answered to a question of Postern's own. Filled by the relay. */
export class Answer {
  readonly rows: Uint8Array[] = [];
  /** All of it has come. */
  complete = false;
  /** Why nothing more comes: its own error, or that of what stood before it. */
  sqlstate: string | null = null;
  /** It is all that its batch holds: the client, which sent none of it, hears of no error. */
  readonly alone: boolean;
  #piecewise: { readonly bytes: Uint8Array; filled: number } | null = null;

  constructor(alone: boolean) {
    this.alone = alone;
  }

  get settled(): boolean {
    return this.complete || this.sqlstate !== null;
  }

  /** A row of so many bytes comes in pieces. */
  opens(totalBytes: number): void {
    this.#piecewise = { bytes: new Uint8Array(totalBytes), filled: 0 };
  }

  /** @param bytes the next of them; copied. */
  piece(bytes: Uint8Array): void {
    const row = this.#piecewise;
    if (row === null) return;
    row.bytes.set(bytes, row.filled);
    row.filled += bytes.length;
    if (row.filled === row.bytes.length) this.rows.push(row.bytes);
  }
}

/** What a run was let go by. */
export interface EarlyRuling {
  readonly requests: string;
}

/** Where a text that went upstream stands in what the client sent. */
export interface Origin {
  /** @param position of an error, 1-based, in characters, in what went upstream. @returns that in what the client sent. */
  toClient(position: number): number;
}

/** The text that a statement's bytes are counted in: all of what the client sent, perhaps with something put in place. */
export interface WholeText {
  readonly bytes: Uint8Array;
  readonly origin: Origin | null;
  readonly meaning: MeaningText | null;
}

/** The client's own words of a query in which definitions of views stand for views when it goes upstream. */
export interface MeaningText {
  readonly query: Uint8Array;
  readonly origin: Origin | null;
  /** Of Evidence. */
  readonly views: object;
  /** OIDs, as Parse had them. */
  readonly parameterTypes: readonly number[];
}

/** Of a text that is a piece of another. @param characters before it. @param whole that other's; null: the client sent it. */
export function pieceAt(characters: number, whole: Origin | null = null): Origin | null {
  if (whole !== null) return { toClient: (position) => whole.toClient(position + characters) };
  return characters === 0 ? null : { toClient: (position) => position + characters };
}

/** A prepared statement, by Parse or by SQL PREPARE. `parsed` is null for the empty statement. */
export interface PreparedStatement {
  readonly name: string;
  readonly parsed: ParsedStatement | null;
  /** Of a statement that the server prints a tree for, where trees are asked for. */
  readonly evidence: Evidence | null;
  /** Batch that it was parsed in, and how many statements the session had run by then. */
  readonly parsedIn: { readonly batch: number; readonly after: number };
  /** What it carries inside is cut out of this; null where nothing is. */
  readonly text: WholeText | null;
  /** Null: it went upstream just as it came. */
  readonly origin: Origin | null;
  /** The client's own words, where definitions of views were put in; they are asked once more at each Bind. */
  readonly meaning: MeaningText | null;
  /** As the client sent it, where it may have to wait for people, who read it; null: it need not. */
  readonly source: Uint8Array | null;
  /** OIDs, as Parse had them. */
  readonly parameterTypes: readonly number[];
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
  /** Those that may be masks that somebody was shown, by their numbers; null: none. */
  readonly maskLike: ReadonlyMap<number, string> | null;
  /** A cursor declared WITH HOLD outlives its transaction. */
  readonly hold: boolean;
  /** A cursor declared BINARY: FETCH answers in binary. */
  readonly binary: boolean;
  /** As Bind asks for its columns: none: all text; one: for all of them; else one for each. */
  readonly resultFormats: readonly number[];
  /** Of a statement that carries a query inside: what the server says of that query, asked right before this was bound. */
  readonly inner: Evidence | null;
  /** How many statements the session had run when this was bound. */
  readonly boundAfter: number;
  /** People have approved it; null: it needed nobody. The gateway's. */
  readonly lifted: object | null;
  /** Of all its Executes together: a limit is one of the portal, however it is read. */
  readonly delivered: Delivered;
}

/** What has been delivered of one portal, counted as it comes. Counts upwards, and is nobody's alone. */
export class Delivered {
  /** Rows or messages of copy data delivered to the client. */
  rows = 0;
  /** Bytes of them, headers included. */
  bytes = 0;
  /** Bytes beside rows: notices and the like. */
  asideBytes = 0;
  /** Of the rows and their bytes, those of runs that have ended. */
  toldRows = 0;
  toldBytes = 0;
}

/** A column that a statement uses by its mask. */
export interface MaskedUse {
  /** OID of the table. */
  readonly relation: number;
  /** `schema.table.column`, as it is called in the catalog. */
  readonly name: string;
  /** Sorted. */
  readonly labels: readonly string[];
  /** In words: `partial (4 from end)`. */
  readonly mask: string;
}

/** Values in a column of a result that detectors have found, and that were masked: one kind of them. */
export interface FoundValues {
  /** `schema.table.column`; null: it is none, or it is not known which. */
  readonly column: string | null;
  /** Place of the column in the result, from 1; null: of copied data. */
  readonly position: number | null;
  readonly detector: string;
  /** That the column may be given. */
  readonly label: string;
  /** Cells with such a value that were delivered. */
  cells: number;
}

/** Of one statement. All sorted. */
export interface Reveals {
  readonly labels: readonly string[];
  /** `schema.table.column`. */
  readonly columns: readonly string[];
  /** Ids of those that permit it. */
  readonly policies: readonly string[];
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
  /** SQL that may run inside it: none, the owner's own, or such as is judged tree by tree. */
  readonly inside: "none" | "owner" | "judge";
  /** Rows and bytes that its portal may deliver; Infinity: as many as there are. */
  maxRows: number;
  readonly maxBytes: number;
  readonly delivered: Delivered;
  /** What it was let go by, before that had come; null: it had. */
  early: Evidence | null = null;
  /** EXECUTE: of the statement behind the name, which it was let go by. */
  executes: Evidence | null = null;
  /** As its evidence's. */
  guarded = false;
  /** Columns that it shows as they are because policy reveals them; null: none. */
  reveals: Reveals | null = null;
  /** Its rows are of those that its principal may have so many of in an hour. */
  countsReveals = false;
  /** Columns that it shows by masks, of which the client is to be told. */
  masks: readonly MaskedUse[] = [];
  /** Formats of its rows; null: as it was described right before. */
  formats: readonly number[] | null = null;
  /** What detectors have found in what was delivered of it; null: nothing. */
  found: FoundValues[] | null = null;
  /** Rows that it may change at most, by the server's own count at its end; Infinity: as many as there are. */
  maxChanges = Number.POSITIVE_INFINITY;
  /** Why the gateway has made it fail. */
  fault: GatewayError | null = null;
  /** The limit that it has passed. */
  over: "rows" | "bytes" | "seconds" | "revealed" | null = null;
  ended = false;
  /** Bytes of copy data received. */
  copyInBytes = 0;
  #rows = 0;
  #bytes = 0;

  constructor(
    statement: PreparedStatement,
    sessionSeq: number,
    ordinal: number,
    durable: boolean,
    startedMs: number,
    inside: StatementRun["inside"],
    limits: Pick<StatementRun, "maxRows" | "maxBytes" | "delivered">,
  ) {
    this.statement = statement;
    this.sessionSeq = sessionSeq;
    this.ordinal = ordinal;
    this.durable = durable;
    this.startedMs = startedMs;
    this.inside = inside;
    this.maxRows = limits.maxRows;
    this.maxBytes = limits.maxBytes;
    this.delivered = limits.delivered;
  }

  /** A limit may stop its rows. */
  get limited(): boolean {
    const most = Math.min(this.maxRows, this.maxBytes);
    return most !== Number.POSITIVE_INFINITY || this.countsReveals;
  }

  /** What it has changed is counted before it may be committed. */
  get bounded(): boolean {
    return this.maxChanges !== Number.POSITIVE_INFINITY;
  }

  /** The rows and bytes of its portal that came while it ran. */
  get rows(): number {
    return this.#rows;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Its answer is complete, or none will come any more. */
  end(): void {
    const { delivered } = this;
    this.ended = true;
    this.#rows = delivered.rows - delivered.toldRows;
    this.#bytes = delivered.bytes - delivered.toldBytes;
    delivered.toldRows = delivered.rows;
    delivered.toldBytes = delivered.bytes;
  }
}
