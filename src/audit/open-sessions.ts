/**
 * Which sessions and statements are open at an entry of the log, so that recovery can close them. Fed with every entry in
 * order; reads the few members it needs by searching the text, as it runs for each entry that is integrated.
 * What it knows can be kept (toJSON) and taken up again, so that recovery reads the log from there only.
 */

/** A session that has no `session.closed` yet. */
export interface OpenSession {
  readonly id: string;
  /** sessionSeq of its next entry. */
  next: number;
  statements: number;
  rows: number;
  bytes: number;
  /** sessionSeq of each permitted `statement.decided` without a `statement.finished`. */
  readonly open: Set<number>;
}

interface Kept {
  readonly id: string;
  readonly next: number;
  readonly statements: number;
  readonly rows: number;
  readonly bytes: number;
  readonly open: readonly number[];
}

export class OpenSessions {
  readonly #sessions = new Map<string, OpenSession>();
  /** Type of the entry fed last. */
  lastType = "";

  get sessions(): Iterable<OpenSession> {
    return this.#sessions.values();
  }

  get isEmpty(): boolean {
    return this.#sessions.size === 0;
  }

  /** Takes note of the type of an entry whose effect is known already. */
  see(text: string): void {
    this.lastType = typeOf(text, text.lastIndexOf('"ts":"'));
  }

  /** Takes note of one entry, given as its canonical text (as latin1 or utf8: what is read is ASCII). */
  feed(text: string): void {
    const ts = text.lastIndexOf('"ts":"');
    const type = typeOf(text, ts);
    this.lastType = type;
    if (type === "gateway.started" || type === "gateway.stopped") this.#sessions.clear();
    const at = text.lastIndexOf('"session":"', ts);
    if (at === -1) return;
    const idEnd = text.indexOf('"', at + 11);
    const id = text.slice(at + 11, idEnd);
    if (type === "session.closed") {
      this.#sessions.delete(id);
      return;
    }
    const session = this.#session(id);
    const seq = integerAt(text, text.indexOf('"sessionSeq":', idEnd) + 13);
    session.next = seq + 1;
    if (type === "statement.decided") {
      session.statements += 1;
      if (text.includes('"verdict":"permitted"', ts)) session.open.add(seq);
    } else if (type === "statement.finished") {
      session.open.delete(integerAt(text, text.indexOf('"statement":', idEnd) + 12));
      session.rows += integerAt(text, text.indexOf('"rowsReturned":') + 15);
      session.bytes += integerAt(text, text.indexOf('"bytes":') + 8);
    }
  }

  #session(id: string): OpenSession {
    const known = this.#sessions.get(id);
    if (known !== undefined) return known;
    const session: OpenSession = { id, next: 0, statements: 0, rows: 0, bytes: 0, open: new Set() };
    this.#sessions.set(id, session);
    return session;
  }

  toJSON(): readonly Kept[] {
    return [...this.#sessions.values()].map((session) => ({ ...session, open: [...session.open] }));
  }

  /** Takes up what toJSON() gave. @throws {TypeError} where it is not that. */
  static from(kept: unknown): OpenSessions {
    const sessions = new OpenSessions();
    if (!Array.isArray(kept)) throw new TypeError("not a list of sessions");
    for (const one of kept) {
      if (!isKept(one)) throw new TypeError("not a session");
      sessions.#sessions.set(one.id, { ...one, open: new Set(one.open) });
    }
    return sessions;
  }
}

/**
 * Type of the entry whose `"ts":"` is at `ts`: the next member, as canonical JSON sorts them. A `"` inside of a string is
 * escaped, so patterns like this one stand only where a member begins.
 */
function typeOf(text: string, ts: number): string {
  const at = ts + '"ts":"2026-03-01T09:30:00.000001Z","type":"'.length;
  return text.slice(at, text.indexOf('"', at));
}

function isKept(value: unknown): value is Kept {
  if (typeof value !== "object" || value === null) return false;
  const { id, next, statements, rows, bytes, open }: { readonly [K in keyof Kept]?: unknown } = value;
  const counts = [next, statements, rows, bytes].every(Number.isSafeInteger);
  return typeof id === "string" && counts && Array.isArray(open) && open.every(Number.isSafeInteger);
}

function integerAt(text: string, at: number): number {
  let value = 0;
  for (let i = at; ; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (!(digit >= 0 && digit <= 9)) return value;
    value = value * 10 + digit;
  }
}
