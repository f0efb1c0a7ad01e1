import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { INLINE_BYTES, loadParser, type Parser } from "./parser.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const never = new AbortController().signal;

/** Nested deeper than a parse in one stack frame a level can follow. */
const DEEP = bytes(`select ${"1+".repeat(200_000)}1`);
/** Takes seconds: every OR is one more level for each pass over the tree. */
const SLOW = bytes(`select 1 where ${"a = 1 or ".repeat(400_000)} true`);
const LONG = bytes(`select ${"a, ".repeat(5_000)} $7; delete from t`);

let parser: Parser;

beforeAll(async () => {
  parser = await loadParser(17, { workers: 1, deadlineMs: 5_000, maxBytes: 4_000_000 });
});
afterAll(async () => {
  await parser.close();
});

describe("a text up to 8 kB", () => {
  const WORST = {
    "nested NOT": `select ${"not ".repeat(2_040)}true`,
    "nested arrays": `select array${"[".repeat(4_080)}1${"]".repeat(4_080)}`,
    "nested parentheses": `select ${"(".repeat(4_080)}1${")".repeat(4_080)}`,
    "a chain of operators": `select 1${"+1".repeat(4_090)}`,
    "nested sub-selects": `select ${"(select ".repeat(900)}1${")".repeat(900)}`,
    "a chain of casts": `select 1${"::a".repeat(2_700)}`,
    unions: `select 1${" union select 1".repeat(540)}`,
  };

  it.each(Object.entries(WORST))("is parsed inline at its worst: %s", (_name, text) => {
    expect(bytes(text).length).toBeLessThanOrEqual(INLINE_BYTES);

    expect(parser.parse(bytes(text))).toMatchObject({ ok: true, statements: [{ class: "read", durability: "read" }] });
  });

  it("is where inline parsing ends", () => {
    expect(() => parser.parse(bytes(" ".repeat(INLINE_BYTES + 1)))).toThrow(RangeError);
  });
});

describe("a grammar that breaks under a text", () => {
  /** Runs `work` with `frames` frames of ours on the stack already. */
  const below = <T>(frames: number, work: () => T): T => (frames === 0 ? work() : below(frames - 1, work));

  function deepest(): number {
    let frames = 1_000;
    try {
      for (;;) {
        below(frames, () => 0);
        frames += 50;
      }
    } catch {
      return frames - 50;
    }
  }

  it("refuses that text with 54001 and is never asked again: another takes its place, 60 times over", async () => {
    const fragile = await loadParser(17);
    const nested = bytes(`select ${"not ".repeat(1_500)}true`);
    const simple = bytes("select 1");
    const whole = fragile.parse(simple);
    const refusals: string[] = [];
    try {
      for (let missing = 0; refusals.length < 60; missing = (missing + 100) % 3_000) {
        try {
          const outcome = below(deepest() - missing, () => fragile.parse(nested));
          if (!outcome.ok) refusals.push(outcome.sqlstate);
        } catch {
          // The stack was too short even for the call.
        }
        while (!fragile.parse(simple).ok) await new Promise((resolve) => setImmediate(resolve));
        expect(fragile.parse(simple)).toEqual(whole);
      }
    } finally {
      await fragile.close();
    }
    expect(refusals).toContain("54001");
  });
});

describe("a long text", () => {
  it("is parsed in a worker, with the same outcome", async () => {
    const outcome = await parser.parseLarge(LONG, never);

    expect(outcome).toMatchObject({
      ok: true,
      statements: [{ node: "SelectStmt", parameterNumbers: 7 }, { class: "write" }],
    });
    expect(await parser.parseLarge(bytes("selec 1"), never)).toEqual(parser.parse(bytes("selec 1")));
    expect(await parser.parseLarge(bytes(""), never)).toEqual({ ok: true, statements: [] });
  });

  it("over the limit never gets to a worker", async () => {
    expect(await parser.parseLarge(new Uint8Array(4_000_001).fill(32), never)).toMatchObject({ sqlstate: "54000" });
  });

  it("that overflows the stack is refused with 54001, and what comes behind it is parsed", async () => {
    const [broken, behind] = await Promise.all([parser.parseLarge(DEEP, never), parser.parseLarge(LONG, never)]);

    expect(broken).toMatchObject({ ok: false, sqlstate: "54001", message: "stack depth limit exceeded" });
    expect(behind).toMatchObject({ ok: true });
  });

  it("can be waited for no longer", async () => {
    const impatient = new AbortController();
    const running = parser.parseLarge(LONG, never);
    const given = parser.parseLarge(LONG, impatient.signal);
    impatient.abort(new Error("client gone"));

    await expect(given).rejects.toThrow("client gone");
    await expect(parser.parseLarge(LONG, impatient.signal)).rejects.toThrow("client gone");
    expect(await running).toMatchObject({ ok: true });
  });
});

describe("a text that takes longer than the deadline", () => {
  it("is refused with 54000, its thread ended, and the next text gets a new one", async () => {
    const strict = await loadParser(17, { workers: 1, deadlineMs: 1_000, maxBytes: 4_000_000 });
    try {
      const [slow, behind] = await Promise.all([strict.parseLarge(SLOW, never), strict.parseLarge(LONG, never)]);

      expect(slow).toEqual({
        ok: false,
        sqlstate: "54000",
        message: "the statement takes longer than 1000 ms to parse",
      });
      expect(behind).toMatchObject({ ok: true });
    } finally {
      await strict.close();
    }
  });
});

describe("a text that is parsed on a busy machine", () => {
  it("has its time of the processor, up to a limit by the clock", async () => {
    const starved = { workers: 1, deadlineMs: 1, usedMs: () => 0 };
    const patient = await loadParser(17, { ...starved, longestMs: 30_000 });
    const impatient = await loadParser(17, { ...starved, longestMs: 20, maxBytes: 4_000_000 });
    try {
      expect(await patient.parseLarge(LONG, never)).toMatchObject({ ok: true });
      expect(await impatient.parseLarge(SLOW, never)).toMatchObject({ ok: false, sqlstate: "54000" });
    } finally {
      await Promise.all([patient.close(), impatient.close()]);
    }
  });
});

describe("the queue in front of the workers", () => {
  it("is bounded: texts beyond it are refused at once", async () => {
    const single = await loadParser(17, { workers: 1, deadlineMs: 5_000 });
    try {
      const outcomes = await Promise.all(Array.from({ length: 80 }, () => single.parseLarge(LONG, never)));

      const parsed = outcomes.filter((outcome) => outcome.ok).length;
      expect(parsed).toBe(65); // one with the worker, 64 behind it
      expect(outcomes.at(-1)).toMatchObject({ ok: false, sqlstate: "54000" });
    } finally {
      await single.close();
    }
  });

  it("is emptied when the parser closes, and a closed parser refuses", async () => {
    const closing = await loadParser(17, { workers: 1 });
    const waiting = [closing.parseLarge(LONG, never), closing.parseLarge(LONG, never)];

    await closing.close();

    for (const outcome of await Promise.all(waiting)) expect(outcome.ok).toBe(false);
    expect(await closing.parseLarge(LONG, never)).toMatchObject({ ok: false, sqlstate: "54000" });
  });
});
