import { describe, expect, it } from "vitest";
import { sessionEntries } from "../../test/support/make-log.mjs";
import { type EntryBody, entryParts, entryText } from "./entry.ts";
import { OpenSessions } from "./open-sessions.ts";

const textOf = (entry: EntryBody) => entryText(entryParts(entry), 123, "2026-03-01T09:30:00.000001Z");

describe("the sessions that are open at an entry", () => {
  it("are those without an end, with what their end will have to say", () => {
    const entries = [...sessionEntries(1, 20)];
    const [closed] = entries.slice(-1);
    const running = entries[1]!;
    const sessions = new OpenSessions();
    for (const entry of [...sessionEntries(2, 3), ...entries.slice(0, -1)]) sessions.feed(textOf(entry));

    const [open, ...others] = sessions.sessions;
    expect(others).toEqual([]);
    expect(open).toMatchObject({ next: entries.length - 1, open: new Set() });
    expect(closed).toMatchObject({ statements: open?.statements, rows: open?.rows, session: open?.id });

    sessions.feed(textOf({ ...running, sessionSeq: 90 } as EntryBody));
    expect(open?.open).toEqual(new Set([90]));
    expect(sessions.lastType).toBe("statement.decided");
  });

  it("are none when a gateway starts or has stopped", () => {
    const sessions = new OpenSessions();
    for (const entry of [...sessionEntries(1, 5)].slice(0, 4)) sessions.feed(textOf(entry));
    expect(sessions.isEmpty).toBe(false);

    sessions.feed(textOf({ type: "gateway.started", origin: "gw/one", version: "0", runtime: "test" }));

    expect(sessions.isEmpty).toBe(true);
    expect(sessions.lastType).toBe("gateway.started");
  });

  it("are not misled by text that looks like a member", () => {
    const sessions = new OpenSessions();
    const tricky = '"type":"session.closed","session":"x","ts":"';

    sessions.feed(textOf({ type: "alarm.raised", name: "test", detail: tricky, actor: tricky }));

    expect(sessions.lastType).toBe("alarm.raised");
    expect(sessions.isEmpty).toBe(true);
  });

  it("are kept and taken up again", () => {
    const entries = [...sessionEntries(1, 9)].map(textOf);
    const whole = new OpenSessions();
    const first = new OpenSessions();
    for (const text of entries.slice(0, 7)) first.feed(text);
    const second = OpenSessions.from(JSON.parse(JSON.stringify(first)));
    for (const text of entries.slice(7, -1)) second.feed(text);
    for (const text of entries.slice(0, -1)) whole.feed(text);

    expect(second.toJSON()).toEqual(whole.toJSON());
    expect(() => OpenSessions.from([{ id: 1 }])).toThrow(TypeError);
  });
});
