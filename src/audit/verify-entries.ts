/**
 * What must hold between the entries of one log (docs/reference/events.md, "What holds between entries"), entry by entry.
 * Memory: one record for each session that is open at the time.
 */

import { judgeEntry, type StoredEntry } from "./entry-check.ts";
import { parseMicros } from "./timestamp.ts";

/** Longest time without a sign of life of a running gateway. */
const MAX_GAP_MICROS = 150e6;

interface SessionSeen {
  next: number;
  statements: number;
  /** Those that run, with the changed rows that their approval is for; Infinity: as many as there are. */
  readonly open: Map<number, number>;
}

/** An approval, from its decisions to the statement that ran on it. */
interface ApprovalSeen {
  /** Leaves that approve it, with what they are bound to, and for how many rows. */
  readonly approved: Map<number, { readonly binding: unknown; readonly rows: number }>;
  /** Session that has taken its one attempt, and for how many rows. */
  takenBy?: unknown;
  rows: number;
}

/** State of the registry that a heartbeat vouches for. */
export interface RegistryAnchor {
  readonly index: number;
  readonly size: number;
  /** Base64. */
  readonly root: string;
}

export class EntryChecker {
  readonly #problem: (text: string) => void;
  readonly #sessions = new Map<string, SessionSeen>();
  readonly #approvals = new Map<string, ApprovalSeen>();
  /** Last part of the origin: how entries name this log. */
  #instance = "";
  #ts = "";
  #micros = 0;
  /** When the gateway was last seen alive; 0 while it does not run. */
  #aliveMicros = 0;
  /** Types that the table does not have, with how many entries. */
  readonly unknown = new Map<string, number>();
  lastType = "";
  /** Of the entry checked last, if it is a heartbeat. */
  anchor: RegistryAnchor | undefined;

  constructor(problem: (text: string) => void) {
    this.#problem = problem;
  }

  get lastMicros(): number {
    return this.#micros;
  }

  /** Checks the entry at leaf `index`. @returns it, where it can be read at all. */
  check(index: number, json: string): StoredEntry | undefined {
    this.anchor = undefined;
    const judged = judgeEntry(json);
    if (judged.kind === "malformed") this.#problem(`entry ${index} ${judged.problem}`);
    const { entry } = judged;
    if (entry === undefined) return undefined;
    if (judged.kind === "unknown") this.unknown.set(entry.type, (this.unknown.get(entry.type) ?? 0) + 1);
    if (entry.seq !== index) this.#problem(`entry ${index} says that it is entry ${entry.seq}`);
    this.#checkTime(index, entry);
    this.#checkRun(index, entry);
    if (typeof entry["approval"] === "string") this.#checkApproval(index, entry, entry["approval"]);
    if (typeof entry.session === "string") this.#checkSession(index, entry, entry.session);
    this.lastType = entry.type;
    return entry;
  }

  /** Says that entries are missing before the next: sessions cannot be judged across. */
  skip(): void {
    this.#sessions.clear();
    this.#skipped = true;
    this.#aliveMicros = 0;
  }
  #skipped = false;

  #checkTime(index: number, { ts }: StoredEntry): void {
    if (ts.slice(0, 20) !== this.#ts.slice(0, 20) || !/^\d{6}Z$/.test(ts.slice(20))) {
      const micros = parseMicros(ts);
      if (Number.isNaN(micros)) this.#problem(`entry ${index} has a ts that is no time in UTC with microseconds`);
      else this.#micros = micros;
    }
    if (ts <= this.#ts) this.#problem(`entry ${index} is not later than the one before it`);
    this.#ts = ts;
  }

  /** Signs of life: a run begins with gateway.started, ends with gateway.stopped, and beats in between. */
  #checkRun(index: number, entry: StoredEntry): void {
    const { type, registry, origin } = entry as StoredEntry & {
      readonly registry?: unknown;
      readonly origin?: unknown;
    };
    const alive = this.#aliveMicros;
    if (type === "alarm.log_interrupted" || type === "journal.recovered") this.#aliveMicros = 0;
    else if (alive > 0 && this.#micros - alive > MAX_GAP_MICROS) {
      const seconds = Math.round((this.#micros - alive) / 1e6);
      this.#problem(`before entry ${index} the gateway gave no sign of life for ${seconds} seconds`);
      this.#aliveMicros = this.#micros;
    }
    if (type === "gateway.heartbeat" && isTree(registry)) this.anchor = { index, ...registry };
    if (type === "gateway.started" || type === "gateway.heartbeat") this.#aliveMicros = this.#micros;
    if (type === "gateway.stopped") this.#aliveMicros = 0;
    if (type === "gateway.started") this.#instance = String(origin).replace(/^.*\//, "");
    if (type !== "gateway.started" && type !== "gateway.stopped") return;
    for (const [session] of this.#sessions)
      this.#problem(`session ${session} is still open at entry ${index}, ${type}`);
    this.#sessions.clear();
    this.#skipped = false;
  }

  #checkSession(index: number, entry: StoredEntry, id: string): void {
    const seq = entry.sessionSeq;
    let session = this.#sessions.get(id);
    if (entry.type === "session.opened") {
      if (session !== undefined) this.#problem(`entry ${index} opens session ${id}, which is open`);
      session = { next: 0, statements: 0, open: new Map() };
      this.#sessions.set(id, session);
    } else if (session === undefined) {
      if (!this.#skipped) this.#problem(`entry ${index} is of session ${id}, which is not open`);
      return;
    }
    if (seq !== session.next)
      this.#problem(`entry ${index} is number ${seq} of session ${id}, ${session.next} was due`);
    session.next = Number(seq) + 1;
    this.#checkStatement(index, entry, session, id);
  }

  /** What runs on an approval has people's decisions on record, and one attempt. Decisions in logs of other gateways are judged there. */
  #checkApproval(index: number, entry: StoredEntry, id: string): void {
    const known = this.#approvals.get(id);
    const seen: ApprovalSeen = known ?? { approved: new Map(), rows: Number.POSITIVE_INFINITY };
    if (known === undefined) this.#approvals.set(id, seen);
    if (entry.type === "approval.decided" && entry["verdict"] === "approved")
      seen.approved.set(index, { binding: entry["binding"], rows: rowsOf(entry) });
    if (entry.type === "approval.consumed") {
      if (seen.takenBy !== undefined) this.#problem(`entry ${index} uses approval ${id} a second time`);
      const decisions = leaves(entry["decisions"]);
      if (decisions.length === 0) this.#problem(`entry ${index} uses approval ${id}, which nobody gave`);
      for (const leaf of decisions) {
        const here = leaf.instance === this.#instance && !this.#skipped;
        const given = seen.approved.get(leaf.index);
        if (here && given?.binding !== entry["binding"])
          this.#problem(`entry ${index} uses approval ${id}, which entry ${leaf.index} does not give`);
        else if (here && given !== undefined && rowsOf(entry) > given.rows)
          this.#problem(`entry ${index} uses approval ${id} for more rows than entry ${leaf.index} gives it for`);
      }
      seen.takenBy = entry["forSession"];
      seen.rows = rowsOf(entry);
      seen.approved.clear();
    }
    const runs = entry.type === "statement.decided" && !this.#skipped;
    if (runs && seen.takenBy !== entry.session)
      this.#problem(`entry ${index} runs on approval ${id}, which its session has not taken`);
  }

  #checkStatement(index: number, entry: StoredEntry, session: SessionSeen, id: string): void {
    if (entry.type === "statement.decided") {
      session.statements += 1;
      const approval = typeof entry["approval"] === "string" ? this.#approvals.get(entry["approval"]) : undefined;
      const most = approval?.rows ?? Number.POSITIVE_INFINITY;
      if (entry["verdict"] === "permitted") session.open.set(Number(entry.sessionSeq), most);
    } else if (entry.type === "statement.finished") {
      const statement = Number(entry["statement"]);
      const most = session.open.get(statement) ?? Number.POSITIVE_INFINITY;
      if (entry["outcome"] === "completed" && Number(entry["rowsAffected"]) > most)
        this.#problem(`entry ${index} changes more rows than its approval was for, ${most}`);
      if (!session.open.delete(statement)) {
        this.#problem(`entry ${index} finishes statement ${statement} of session ${id}, which is not running`);
      }
    } else if (entry.type === "session.closed") {
      this.#sessions.delete(id);
      if (entry["statements"] !== session.statements) {
        this.#problem(
          `entry ${index} closes session ${id} with ${entry["statements"]} statements, the log has ${session.statements}`,
        );
      }
      for (const open of session.open.keys())
        this.#problem(`statement ${open} of session ${id} has no outcome at its end, entry ${index}`);
    }
  }
}

function rowsOf(entry: StoredEntry): number {
  return typeof entry["rows"] === "number" ? entry["rows"] : Number.POSITIVE_INFINITY;
}

function leaves(value: unknown): readonly { readonly instance: string; readonly index: number }[] {
  return Array.isArray(value) ? value : [];
}

function isTree(value: unknown): value is { readonly size: number; readonly root: string } {
  return typeof value === "object" && value !== null && "size" in value && "root" in value;
}
