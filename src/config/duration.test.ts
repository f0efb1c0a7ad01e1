import { describe, expect, it } from "vitest";
import { formatDuration, formatSize, parseDuration, parseSize } from "./duration.ts";

describe("a duration", () => {
  it.each([
    ["500ms", 500],
    ["90s", 90_000],
    ["5m", 300_000],
    ["8h", 28_800_000],
    ["400d", 34_560_000_000],
    ["0s", 0],
  ])("%s is %d milliseconds", (text, durationMs) => {
    expect(parseDuration(text)).toBe(durationMs);
  });

  it.each([
    "",
    "90",
    "s",
    "-5s",
    "1.5h",
    "5 m",
    "5M",
    "5min",
    "9999999999999s",
    "999999999999d",
  ])("is not written %j", (text) => {
    expect(parseDuration(text)).toBeNull();
  });

  it.each([
    0, 1, 500, 1_500, 90_000, 5_400_000, 86_400_000, 34_560_000_000,
  ])("of %d ms is read back as it was written", (durationMs) => {
    expect(parseDuration(formatDuration(durationMs))).toBe(durationMs);
  });
});

describe("a size", () => {
  it.each([
    ["512B", 512],
    ["64KiB", 65_536],
    ["256MiB", 268_435_456],
    ["5GiB", 5_368_709_120],
    ["1TiB", 1_099_511_627_776],
  ])("%s is %d bytes", (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
    expect(formatSize(bytes)).toBe(text);
  });

  it.each(["64", "64KB", "64kib", "1.5GiB", "99999999999TiB"])("is not written %j", (text) => {
    expect(parseSize(text)).toBeNull();
  });
});
