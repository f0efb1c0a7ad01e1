import { describe, expect, it } from "vitest";
import { anonMask } from "./anon.ts";

const partial = (show: number, from: "start" | "end") => ({ mask: "partial", show, from, fill: "***" });

describe("a rule of PostgreSQL Anonymizer", () => {
  it.each([
    ["MASKED WITH VALUE NULL", { mask: "null" }],
    ["masked with value null", { mask: "null" }],
    ["MASKED WITH VALUE 'CONFIDENTIAL'", { mask: "redact" }],
    ["MASKED WITH VALUE $$CONFIDENTIAL$$", { mask: "redact" }],
    ["MASKED WITH VALUE $a$it's$a$::text", { mask: "redact" }],
    ["MASKED WITH VALUE CASE WHEN id > 1 THEN name END", { mask: "default" }],
    ["MASKED WITH VALUE 'a' || name || 'b'", { mask: "default" }],
    ["MASKED WITH FUNCTION anon.fake_last_name()", { mask: "default" }],
    ["MASKED WITH FUNCTION anon.partial(phone, 0, $$******$$, 2)", partial(2, "end")],
    ["MASKED WITH FUNCTION anon.partial(phone,3,'***',0)", partial(3, "start")],
    ["MASKED WITH FUNCTION anon.partial(phone, 2, $$******$$, 2)", { mask: "default" }],
    ["MASKED WITH FUNCTION anon.partial(phone, 0, '*', 999)", { mask: "default" }],
    ["MASKED WITH FUNCTION other.partial(phone, 0, '*', 2)", { mask: "default" }],
    ["MASKED WITH FUNCTION anon.partial_email(email)", { mask: "default" }],
    ["MASKED WITH FUNCTION anon.generalize_daterange(birth, 'month')", { mask: "generalise", to: "month" }],
    ["MASKED WITH FUNCTION anon.generalize_daterange(birth, 'week')", { mask: "generalise", to: "decade" }],
    ["MASKED WITH FUNCTION anon.generalize_int4range(salary, 1000)", { mask: "generalise", to: "year", width: 1000 }],
    ["MASKED WITH FUNCTION anon.generalize_int4range(salary)", { mask: "default" }],
    ["MASKED WITH FUNCTION pg_catalog.md5(ssn)", { mask: "default" }],
  ])("becomes the nearest mask that shows no more: %s", (text, mask) => {
    expect(anonMask(text)?.mask).toEqual(mask);
    expect(anonMask(text)?.isPublic).toBe(false);
  });

  it("that something is not masked is told as public", () => {
    expect(anonMask("NOT MASKED")?.isPublic).toBe(true);
  });

  it.each([
    "TRUSTED",
    "QUASI IDENTIFIER",
    "",
    "MASKED",
    "MASKED WITH FUNCTION f",
    "UNMASKED WITH VALUE NULL",
  ])("is not guessed at where it says something else: %s", (text) => {
    expect(anonMask(text)).toBeNull();
  });
});
