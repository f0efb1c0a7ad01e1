import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ProtocolViolation } from "./protocol-violation.ts";
import { MessageReader } from "./reader.ts";
import { decodeUtf8 } from "./text.ts";
import { MessageWriter } from "./writer.ts";

describe("the fields of a message", () => {
  it("are read as they were written, of every kind and at every bound", () => {
    const writer = new MessageWriter(1).begin(0x58);
    writer.int8(-128).uint8(255).int16(-32_768).uint16(65_535).int32(-2_147_483_648).uint32(4_294_967_295);
    writer.cstring("ünï").cstringBytes(Buffer.of(0xff)).bytesOrNull(null).bytesOrNull(Buffer.from("x"));
    writer.list([1, 2], (item) => writer.uint8(item)).bytes(Buffer.from("rest"));

    const reader = new MessageReader("X", writer.end().finish().subarray(5));

    expect([reader.int8(), reader.uint8(), reader.int16(), reader.uint16()]).toEqual([-128, 255, -32_768, 65_535]);
    expect([reader.int32(), reader.uint32()]).toEqual([-2_147_483_648, 4_294_967_295]);
    expect([reader.cstring(), [...reader.cstringBytes()]]).toEqual(["ünï", [0xff]]);
    expect([reader.bytesOrNull(), [...(reader.bytesOrNull() ?? [])]]).toEqual([null, [0x78]]);
    expect(reader.list(() => reader.uint8())).toEqual([1, 2]);
    expect(Buffer.from(reader.rest()).toString()).toBe("rest");
    expect(() => reader.end()).not.toThrow();
  });

  it("are views on the message, not copies", () => {
    const body = Buffer.from("ab\0");

    const text = new MessageReader("X", body).cstringBytes();
    body[0] = 0x7a;

    expect(Buffer.from(text).toString()).toBe("zb");
  });

  it("are refused before anything is allocated where a count says more than there is", () => {
    const reader = new MessageReader("X", Buffer.of(0xff, 0xff, 0, 0));
    let made = 0;

    expect(() => reader.list(() => made++)).toThrow("a count is larger than the message (byte 0)");
    expect(made).toBe(0);
  });
});

describe("text of a message", () => {
  it("is what UTF-8 says, and null for anything else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const text = decodeUtf8(bytes);

        if (text === null) expect(Buffer.from(bytes).toString("utf8")).toContain("\ufffd");
        else expect(Buffer.from(text, "utf8")).toEqual(Buffer.from(bytes));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ["a byte order mark, which is a character", "\ufeffx"],
    ["characters of four bytes", "🐘"],
    ["more than a short run", "x".repeat(1_000)],
  ])("keeps %s", (_, text) => {
    expect(decodeUtf8(Buffer.from(text))).toBe(text);
  });

  it.each([
    ["an overlong NUL", "c080"],
    ["a surrogate", "eda080"],
    ["more than U+10FFFF", "f4908080"],
    ["a cut character", "e282"],
  ])("is not %s", (_, hex) => {
    expect(decodeUtf8(Buffer.from(hex, "hex"))).toBeNull();
  });
});

describe("a message under construction", () => {
  it("can be one of several in a buffer, each with its length", () => {
    const writer = new MessageWriter(2);

    writer.empty(0x48).begin(0x64).bytes(Buffer.alloc(1_000)).end().empty(0x53);

    const bytes = Buffer.from(writer.finish());
    expect([bytes.readInt32BE(1), bytes.readInt32BE(6), bytes.readInt32BE(1_011)]).toEqual([4, 1_004, 4]);
    expect(bytes.length).toBe(1_015);
  });

  it("leaves the bytes of an earlier finish alone", () => {
    const writer = new MessageWriter();
    const first = writer.empty(0x53).finish();

    writer.empty(0x48).finish();

    expect(Buffer.from(first).toString("hex")).toBe("5300000004");
    expect(writer.finish()).toHaveLength(0);
  });

  it("is written as the text is, however long and in whatever script", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), fc.nat(300), (text, size) => {
        fc.pre(!text.includes("\0"));

        const bytes = new MessageWriter(size + 1).begin(null).cstring(text).end().finish();

        expect(Buffer.from(bytes).subarray(4)).toEqual(Buffer.from(`${text}\0`, "utf8"));
      }),
    );
  });

  it.each([
    ["NUL in text", (writer: MessageWriter) => writer.cstring("a\0b")],
    ["a lone surrogate", (writer: MessageWriter) => writer.cstring("\udc00")],
    ["NUL in bytes of text", (writer: MessageWriter) => writer.cstringBytes(Buffer.of(0x61, 0))],
    ["an int16 that is none", (writer: MessageWriter) => writer.int16(32_768)],
    ["a uint16 that is none", (writer: MessageWriter) => writer.uint16(-1)],
    ["an int32 that is none", (writer: MessageWriter) => writer.int32(2 ** 31)],
    ["a uint32 that is none", (writer: MessageWriter) => writer.uint32(2 ** 32)],
    ["a fraction", (writer: MessageWriter) => writer.int32(1.5)],
    [
      "more items than a count can say",
      (writer: MessageWriter) => writer.list(new Array(65_536).fill(0), () => undefined),
    ],
    ["a message inside a message", (writer: MessageWriter) => writer.begin(0x53)],
    ["a finish before its end", (writer: MessageWriter) => writer.finish()],
  ])("refuses %s", (_, write) => {
    expect(() => write(new MessageWriter().begin(0x58))).toThrow(ProtocolViolation);
  });
});
