import { describe, expect, it } from "vitest";
import { checkText } from "./text.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("a text on its way to the parser", () => {
  it("passes when it is UTF-8 without NUL, within the limit", () => {
    expect(checkText(bytes("select 'é😀'"), 100)).toBeNull();
    expect(checkText(new Uint8Array(), 100)).toBeNull();
  });

  it("is refused over the limit, with 54000", () => {
    expect(checkText(bytes("select 1"), 8)).toBeNull();
    expect(checkText(bytes("select 12"), 8)).toMatchObject({ ok: false, sqlstate: "54000" });
  });

  it("is refused with a NUL, which would end it early for the parser", () => {
    expect(checkText(bytes("select 1\0; drop table t"), 100)).toMatchObject({ sqlstate: "22021" });
  });

  // What PostgreSQL 15 to 18 print for the same bytes.
  it.each([
    [[0xff], "0xff"],
    [[0xe9, 0x20, 0x61], "0xe9 0x20 0x61"],
    [[0xc0, 0x80], "0xc0 0x80"],
    [[0xed, 0xa0, 0x80], "0xed 0xa0 0x80"],
    [[0xf5, 0x80, 0x80, 0x80], "0xf5 0x80 0x80 0x80"],
    [[0xc3], "0xc3"],
    [[0x80], "0x80"],
  ])("is refused when it is no UTF-8, as PostgreSQL says it: %j", (sequence, printed) => {
    expect(checkText(Uint8Array.from([...bytes("select é"), ...sequence]), 100)).toEqual({
      ok: false,
      sqlstate: "22021",
      message: `invalid byte sequence for encoding "UTF8": ${printed}`,
    });
  });

  it("is refused with comments nested deeper than 32, open or closed, in time linear in its length", () => {
    const nested = (depth: number) => bytes(`${"/*".repeat(depth)}${"*/".repeat(depth)}select 1`);

    expect(checkText(nested(32), 1e6)).toBeNull();
    expect(checkText(nested(33), 1e6)).toMatchObject({ sqlstate: "54000" });
    expect(checkText(bytes("/*".repeat(400_000)), 1e6)).toMatchObject({ sqlstate: "54000" });
    expect(checkText(bytes(`select '${"/*".repeat(100)}'`), 1e6)).toBeNull();
    expect(checkText(bytes("/**/".repeat(100)), 1e6)).toBeNull();
  });

  it("is refused with a string that the server continues behind a comment and libpg-query does not", () => {
    expect(checkText(bytes("do 'a' -- x\n 'b'"), 100)).toMatchObject({ sqlstate: "0A000" });
    expect(checkText(bytes("select 'a' -- x\n, 'b'"), 100)).toBeNull();
  });
});
