import { describe, expect, it } from "vitest";
import { StatementCache } from "./statement-cache.ts";

describe("the statement cache", () => {
  it("gives back what was put under exactly that text, and counts", () => {
    const cache = new StatementCache(100_000);
    const statements = [] as const;

    cache.set("select 1", statements);

    expect(cache.get("select 1")).toBe(statements);
    expect(cache.get("SELECT 1")).toBeUndefined();
    expect(cache.get("select 1 ")).toBeUndefined();
    expect({ hits: cache.hits, misses: cache.misses }).toEqual({ hits: 1, misses: 2 });
  });

  it("stays within its bytes whatever comes", () => {
    const cache = new StatementCache(50_000);

    for (let i = 0; i < 5_000; i++) {
      cache.set(`select ${i} ${"x".repeat(i % 700)}`, []);
      cache.get(`select ${Math.floor(i / 2)} ${"x".repeat(Math.floor(i / 2) % 700)}`);
      expect(cache.bytes).toBeLessThanOrEqual(50_000);
    }
    expect(cache.size).toBeGreaterThan(20);
  });

  it("keeps what is asked for while others come and go", () => {
    const cache = new StatementCache(50_000);
    cache.set("select 'often'", []);

    for (let i = 0; i < 5_000; i++) {
      cache.set(`select ${i}`, []);
      if (i % 50 === 0) expect(cache.get("select 'often'")).toBeDefined();
    }
    expect(cache.get("select 0")).toBeUndefined();
  });

  it("does not let one huge text push out all others", () => {
    const cache = new StatementCache(50_000);
    cache.set("select 1", []);

    cache.set("x".repeat(40_000), []);

    expect(cache.get("x".repeat(40_000))).toBeUndefined();
    expect(cache.get("select 1")).toBeDefined();
  });

  it("counts a text once that is set twice", () => {
    const cache = new StatementCache(50_000);

    cache.set("select 1", []);
    const { bytes } = cache;
    cache.set("select 1", []);

    expect(cache.bytes).toBe(bytes);
  });
});
