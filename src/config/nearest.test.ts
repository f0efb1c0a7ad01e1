import { describe, expect, it } from "vitest";
import { nearest } from "./nearest.ts";

const KEYS = ["host", "port", "startupTimeout", "maxSessions"];

describe("a mistyped word", () => {
  it.each([
    ["hots", "host"],
    ["Port", "port"],
    ["prt", "port"],
    ["startup_timeout", "startupTimeout"],
    ["maxSesions", "maxSessions"],
  ])("%s is taken for %s", (word, meant) => {
    expect(nearest(word, KEYS)).toBe(meant);
  });

  it.each(["", "x", "certificate", "h".repeat(100_000)])("is taken for nothing where nothing is near", (word) => {
    expect(nearest(word, KEYS)).toBeUndefined();
  });
});
