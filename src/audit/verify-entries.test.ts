import { describe, expect, it } from "vitest";
import { sessionEntries } from "../../test/support/make-log.mjs";
import { type EntryBody, entryParts, entryText } from "./entry.ts";
import { formatMicros } from "./timestamp.ts";
import { EntryChecker } from "./verify-entries.ts";

const START = Date.UTC(2026, 2, 1) * 1000;
const started: EntryBody = { type: "gateway.started", origin: "gw/one", version: "0", runtime: "test" };
const stopped: EntryBody = { type: "gateway.stopped", reason: "test", counters: {} };
const heartbeat: EntryBody = { type: "gateway.heartbeat", counters: {}, registry: { size: 1, root: "" } };
const interrupted: EntryBody = { type: "alarm.log_interrupted", reason: "full", seconds: 400 };

/** Problems of `entries`, each `seconds` after the one before. */
function problemsOf(entries: readonly EntryBody[], seconds = 1): readonly string[] {
  const problems: string[] = [];
  const checker = new EntryChecker((text) => problems.push(text));
  for (const [index, entry] of entries.entries()) {
    checker.check(index, entryText(entryParts(entry), index, formatMicros(START + index * seconds * 1e6)));
  }
  return problems;
}

const session = () => [...sessionEntries(1, 6)];
const without = (type: string, nth = 0) => {
  const entries = session();
  const places = entries.flatMap((entry, i) => (entry.type === type ? [i] : []));
  return entries.filter((_, i) => i !== places[nth]);
};

/** A session whose first outcome comes a second time. */
const twice = () => {
  const entries = session().slice(0, 3);
  return [...entries, { ...entries[2]!, sessionSeq: 3 } as EntryBody];
};

describe("entries that belong together", () => {
  it("have no problem when they are as the gateway writes them", () => {
    expect(problemsOf([started, ...session(), ...session(), stopped])).toEqual([]);
  });

  it.each([
    ["an opening missing", without("session.opened"), "which is not open"],
    ["a statement missing", without("statement.decided"), "was due"],
    ["an outcome missing", without("statement.finished", 1), "was due"],
    [
      "a statement counted wrong",
      session().map((e) => (e.type === "session.closed" ? { ...e, statements: 9 } : e)),
      "with 9",
    ],
    ["a session that goes on after its end", [...session(), session()[3]!], "not open"],
    ["a session that outlives its gateway", [...session().slice(0, -1), stopped], "is still open"],
    ["a statement that ends twice", twice(), "not running"],
  ])("are named with %s", (_, entries, words) => {
    expect(problemsOf([started, ...entries]).join("; ")).toContain(words);
  });

  it("are named where a running statement has no outcome when its session closes", () => {
    const [opened, decided] = session();
    const closed = {
      ...session().at(-1)!,
      sessionSeq: 2,
      statements: 1,
      session: (opened as { session: string }).session,
    };

    const problems = problemsOf([
      started,
      opened!,
      { ...decided!, session: closed.session } as EntryBody,
      closed as EntryBody,
    ]);

    expect(problems).toEqual([expect.stringContaining("statement 1 of session")]);
  });
});

describe("the signs of life of a running gateway", () => {
  it("may be up to 150 seconds apart", () => {
    expect(problemsOf([started, heartbeat, heartbeat, stopped], 150)).toEqual([]);
    expect(problemsOf([started, heartbeat, heartbeat, stopped], 151)).toHaveLength(3);
  });

  it("may be missing between runs, and while the log could not be written", () => {
    expect(problemsOf([started, stopped, started], 86_400)).toEqual([
      "before entry 1 the gateway gave no sign of life for 86400 seconds",
    ]);
    expect(problemsOf([started, interrupted, heartbeat], 400)).toEqual([]);
  });
});
