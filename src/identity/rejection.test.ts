import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { REJECTION_REASONS, TokenRejected } from "./rejection.ts";

describe("the reasons of a rejection", () => {
  it("are those that the guide explains, each once", async () => {
    const guide = await readFile(new URL("../../docs/guides/identity.md", import.meta.url), "utf8");
    const table = guide.slice(guide.indexOf("## Refusals"));
    const explained = [...table.matchAll(/^\| (`[`a-z_, ]+) \|/gm)].flatMap(([, codes = ""]) => codes.split(", "));

    expect(explained.map((code) => code.replaceAll("`", "")).toSorted()).toEqual([...REJECTION_REASONS].toSorted());
  });

  it("come with words for the client, and what more there is to say", () => {
    const plain = new TokenRejected("expired");
    const more = new TokenRejected("expired", { more: "Long ago.", what: "certificate" });

    expect(plain).toMatchObject({
      message: "the token was not accepted",
      detail: "It has expired.",
      hint: "Get a new token and connect again.",
    });
    expect(more).toMatchObject({ message: "the certificate was not accepted", detail: "It has expired. Long ago." });
    expect(more.hint).toMatch(/certificate/);
  });
});
