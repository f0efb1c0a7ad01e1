import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Rates } from "./limits-rate.ts";

describe("statements in a minute", () => {
  it("are let through up to the limit, and told when there is room again", () => {
    const rates = new Rates(1000);

    expect([0, 500, 2_000].map((nowMs) => rates.take("a", 1, 3, nowMs))).toEqual([0, 0, 0]);
    expect(rates.take("a", 1, 3, 10_000)).toBe(50); // the two of second 0 go at 60
    expect(rates.take("a", 3, 3, 10_000)).toBe(52); // the one of second 2 at 62
    expect(rates.take("a", 1, 3, 59_999)).toBe(1);
    expect(rates.take("a", 2, 3, 60_000)).toBe(0);
    expect(rates.take("a", 1, 3, 60_000)).toBe(2);
  });

  it("are each principal's own", () => {
    const rates = new Rates(1000);

    expect([rates.take("a", 1, 1, 0), rates.take("b", 1, 1, 0), rates.take("a", 1, 1, 0)]).toEqual([0, 0, 60]);
  });

  it("that were refused are not counted, and those that may not be refused are", () => {
    const rates = new Rates(1000);
    rates.take("a", 1, 2, 0);

    expect(rates.take("a", 5, 2, 0)).toBeGreaterThan(0);
    rates.count("a", 1, 0);
    expect(rates.take("a", 1, 2, 0)).toBe(60);
  });

  it("are what a list of all of them says, whatever comes when", () => {
    const step = fc.record({ gapMs: fc.nat(30_000), statements: fc.integer({ min: 1, max: 4 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 12 }), (steps, most) => {
        const rates = new Rates(1000);
        const seconds: number[] = [];
        let nowMs = 0;
        for (const { gapMs, statements } of steps) {
          nowMs += gapMs;
          const second = Math.floor(nowMs / 1000);
          const alive = (at: number) => seconds.filter((one) => at - one < 60).length;
          const wait = rates.take("a", statements, most, nowMs);
          expect(wait === 0).toBe(alive(second) + statements <= most);
          if (wait === 0) seconds.push(...Array.from({ length: statements }, () => second));
          else if (statements <= most) {
            expect(alive(second + wait) + statements).toBeLessThanOrEqual(most);
            expect(alive(second + wait - 1) + statements).toBeGreaterThan(most);
          }
        }
      }),
    );
  });

  it("of principals that are gone take no memory", () => {
    const rates = new Rates(1000);
    for (let i = 0; i < 1_000; i++) rates.take(`p${i}`, 1, 1, 0);

    rates.take("new", 1, 1, 120_000);

    expect(rates.size).toBe(1);
  });
});
