import { describe, expect, it } from "vitest";
import type { Clock } from "../base/clock.ts";
import { formatMicros, parseMicros, Timestamps } from "./timestamp.ts";

const START = Date.UTC(2026, 2, 1, 9, 30) * 1000;

function clockAt(...micros: number[]): Clock {
  const left = [...micros];
  return { nowMs: () => 0, monotonicMs: () => 0, nowMicros: () => left.shift() ?? Number.NaN };
}

describe("the ts of entries", () => {
  it("is the clock's, to the microsecond", () => {
    const timestamps = new Timestamps(clockAt(START + 1, START + 999_999, START + 1e6), 0);

    expect([timestamps.next(), timestamps.next(), timestamps.next()]).toEqual([
      "2026-03-01T09:30:00.000001Z",
      "2026-03-01T09:30:00.999999Z",
      "2026-03-01T09:30:01.000000Z",
    ]);
  });

  it("goes on by a microsecond where the clock is set back, which is told once", () => {
    const timestamps = new Timestamps(clockAt(START, START - 5e6, START - 4e6, START + 7e6, START), 0);
    timestamps.next();

    expect(timestamps.next()).toBe("2026-03-01T09:30:00.000001Z");
    expect(timestamps.takeStepMs()).toBe(5000);
    expect(timestamps.next()).toBe("2026-03-01T09:30:00.000002Z");
    expect(timestamps.takeStepMs()).toBe(0);
    timestamps.next();
    expect(timestamps.takeStepMs()).toBe(0);
    timestamps.next();
    expect(timestamps.takeStepMs()).toBe(7000);
  });

  it("is no step where many entries fall into one microsecond", () => {
    const timestamps = new Timestamps(clockAt(...Array.from({ length: 900 }, () => START)), START - 1);
    for (let i = 0; i < 900; i++) timestamps.next();

    expect(timestamps.takeStepMs()).toBe(0);
  });

  it("is later than the last of the run before", () => {
    expect(new Timestamps(clockAt(START), START + 10).next()).toBe(formatMicros(START + 11));
  });

  it("is read only in its one form", () => {
    expect(parseMicros("2026-03-01T09:30:00.000001Z")).toBe(START + 1);
    for (const text of [
      "2026-03-01T09:30:00.001Z",
      "2026-02-30T09:30:00.000001Z",
      "2026-03-01 09:30:00.000001Z",
      "x",
    ]) {
      expect(parseMicros(text)).toBeNaN();
    }
  });
});
