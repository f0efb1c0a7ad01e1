import { describe, expect, it } from "vitest";
import { sessionEntries } from "../../test/support/make-log.mjs";
import { claimedName, type EntryBody, entryParts, entryText } from "./entry.ts";
import { judgeEntry, parseEntry } from "./entry-check.ts";

const TS = "2026-03-01T09:30:00.000001Z";

function textOf(entry: EntryBody): string {
  return entryText(entryParts(entry), 7, TS);
}

describe("an entry split for the hot path", () => {
  it("is canonical JSON of its type when put together", () => {
    const texts = [...sessionEntries(1, 12)].map(textOf);

    const kinds = new Set(texts.map((text) => judgeEntry(text).kind));

    expect(texts.length).toBeGreaterThan(12);
    expect(kinds).toEqual(new Set(["entry"]));
  });

  it("has seq and ts between what sorts before and behind them", () => {
    const text = textOf({ type: "alarm.raised", name: "x", detail: "é", actor: "a" });

    expect(text).toBe(`{"actor":"a","detail":"é","name":"x","seq":7,"ts":"${TS}","type":"alarm.raised","v":1}`);
  });
});

describe("a stored entry that is not what it should be", () => {
  const good = `{"backMs":1.5,"seq":0,"ts":"${TS}","type":"alarm.clock_stepped","v":1}`;

  it.each([
    ["members out of order", `{"seq":0,"backMs":1.5,"ts":"${TS}","type":"alarm.clock_stepped","v":1}`, "canonical"],
    ["white space", good.replace(":1.5", ": 1.5"), "canonical"],
    ["a number written otherwise", good.replace("1.5", "1.50"), "canonical"],
    ["a member twice", good.replace('"seq":0', '"seq":0,"seq":0'), "canonical"],
    ["a member too many", good.replace('"seq"', '"more":1,"seq"'), "unknown member more"],
    ["a member missing", good.replace('"backMs":1.5,', ""), "backMs"],
    ["a member of another shape", good.replace("1.5", '"1.5"'), "backMs"],
    ["no JSON", good.slice(1), "not JSON"],
    ["no seq", good.replace('"seq":0,', ""), "lacks"],
  ])("is refused for %s", (_, text, words) => {
    expect(parseEntry(good).seq).toBe(0);
    expect(() => parseEntry(text)).toThrow(words);
  });

  it("is told apart from one of a type that a later version added", () => {
    expect(judgeEntry(good.replace("alarm.clock_stepped", "approval.dreamt")).kind).toBe("unknown");
    expect(judgeEntry(good.replace('"v":1', '"v":2')).kind).toBe("unknown");
  });
});

describe("a name that an unknown client claims", () => {
  it("is cut, cleaned, and not repeated where it looks like a token", () => {
    expect(claimedName("a\nb")).toBe("a\ufffdb");
    expect(claimedName("x".repeat(100))).toHaveLength(63);
    expect(claimedName(`eyJhbGciOi.${"x".repeat(20)}`)).toBe("[not repeated]");
    expect(claimedName("x".repeat(600))).toBe("[not repeated]");
  });
});
