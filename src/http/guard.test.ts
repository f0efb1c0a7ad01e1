import { describe, expect, it } from "vitest";
import { RateLimit } from "./guard.ts";
import { HttpProblem } from "./problem.ts";

/** A limit of two at once and one a second, with a clock that is moved by hand. */
function limit() {
  let nowMs = 0;
  const clock = { nowMs: () => nowMs, nowMicros: () => nowMs * 1000, monotonicMs: () => nowMs };
  const rate = new RateLimit(clock, 2, 1);
  return {
    take: (address: string): string => {
      try {
        rate.take(address);
        return "taken";
      } catch (error) {
        if (!(error instanceof HttpProblem)) throw error;
        return `wait ${error.options.headers?.["Retry-After"]}`;
      }
    },
    pass: (ms: number): void => {
      nowMs += ms;
    },
  };
}

describe("the rate limit of a client address", () => {
  it("takes a burst, then as many as time gives back, and says how long to wait", () => {
    const { take, pass } = limit();

    const first = [take("192.0.2.1"), take("192.0.2.1"), take("192.0.2.1")];
    pass(1_000);
    const later = [take("192.0.2.1"), take("192.0.2.1")];
    pass(3_600_000);
    const muchLater = [take("192.0.2.1"), take("192.0.2.1"), take("192.0.2.1")];

    expect(first).toEqual(["taken", "taken", "wait 1"]);
    expect(later).toEqual(["taken", "wait 1"]);
    expect(muchLater).toEqual(["taken", "taken", "wait 1"]);
  });

  it.each([
    ["192.0.2.1", "192.0.2.2", false],
    ["::ffff:192.0.2.1", "192.0.2.1", true],
    ["2001:db8::1", "2001:db8::2", true],
    ["2001:db8:0:0:1::", "2001:db8::ffff:1:2:3", true],
    ["2001:db8:0:1::1", "2001:db8:0:2::1", false],
    ["fe80::1%eth0", "fe80::2%eth1", true],
  ])("is one for %s and %s: %s", (one, other, shared) => {
    const { take } = limit();
    take(one);
    take(one);

    expect(take(other)).toBe(shared ? "wait 1" : "taken");
  });

  it("is kept for a bounded number of addresses", () => {
    const { take } = limit();
    const addresses = Array.from({ length: 10_001 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
    take("192.0.2.1");
    take("192.0.2.1");

    for (const address of addresses) take(address);

    expect(take("192.0.2.1")).toBe("taken"); // forgotten with the others, rather than remembered at any price
  });
});
