/**
 * Which sessions and statements are open at an entry of the log, so that recovery can close them. Fed with every entry in
 * order; reads the few members it needs by searching the text, as it runs beside each entry that is integrated.
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
    this.lastType = typeOf(text);
  }

  /** Takes note of one entry, given as its canonical text (as latin1 or utf8: what is read is ASCII). */
  feed(text: string): void {
    const type = typeOf(text);
    this.lastType = type;
    if (type === "gateway.started" || type === "gateway.stopped") this.#sessions.clear();
    const idAt = text.indexOf('"session":"');
    if (idAt === -1) return;
    const id = text.slice(idAt + 11, text.indexOf('"', idAt + 11));
    if (type === "session.closed") {
      this.#sessions.delete(id);
      return;
    }
    this.#note(this.#session(id), type, text);
  }

  #note(session: OpenSession, type: string, text: string): void {
    const seq = integerAfter(text, '"sessionSeq":');
    session.next = seq + 1;
    if (type === "statement.decided") {
      session.statements += 1;
      if (text.includes('"verdict":"permitted"')) session.open.add(seq);
    } else if (type === "statement.finished") {
      session.open.delete(integerAfter(text, '"statement":'));
      session.rows += integerAfter(text, '"rowsReturned":');
      session.bytes += integerAfter(text, '"bytes":');
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

/** A `"` inside of a string is escaped, so patterns like this one stand only where a member begins. */
function typeOf(text: string): string {
  const at = text.lastIndexOf('"type":"') + 8;
  return text.slice(at, text.indexOf('"', at));
}

function isKept(value: unknown): value is Kept {
  if (typeof value !== "object" || value === null) return false;
  const { id, next, statements, rows, bytes, open }: { readonly [K in keyof Kept]?: unknown } = value;
  const counts = [next, statements, rows, bytes].every(Number.isSafeInteger);
  return typeof id === "string" && counts && Array.isArray(open) && open.every(Number.isSafeInteger);
}

function integerAfter(text: string, member: string): number {
  const at = text.indexOf(member);
  return at === -1 ? 0 : Number.parseInt(text.slice(at + member.length, at + member.length + 16), 10);
}
