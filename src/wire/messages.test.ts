import { Buffer } from "node:buffer";
import { describe, expect, it } from "vitest";
import { BACKEND_VECTORS, FRONTEND_VECTORS, wire } from "../../test/vectors/wire/messages.ts";
import { decodeBackend } from "./backend.ts";
import { encoded } from "./encode.ts";
import { fieldsOf, reportOf } from "./error-response.ts";
import { decodeFrontend } from "./frontend.ts";
import { ProtocolViolation } from "./protocol-violation.ts";
import { parseCommandTag } from "./results.ts";

/** Views compare as what they show. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, item) => (item instanceof Map ? [...item] : item)));

describe.each([
  ["a frontend", FRONTEND_VECTORS],
  ["a backend", BACKEND_VECTORS],
])("a message of %s", (_, vectors) => {
  it.each(vectors)("is encoded as the docs say: $name", ({ bytes, encode }) => {
    expect(Buffer.from(encoded(encode)).toString("latin1")).toBe(bytes.toString("latin1"));
  });

  it.each(vectors)("is decoded as the docs say: $name", ({ bytes, message, decode }) => {
    expect(bytes.readInt32BE(1)).toBe(bytes.length - 1);
    expect(plain(decode(bytes[0]!, bytes.subarray(5)))).toEqual(plain(message));
  });
});

/** The two that are all body: any bytes will do. */
const ALL_BODY = ["CopyData", "SASLResponse", "AuthenticationSASLContinue", "AuthenticationSASLFinal"];
const STRUCTURED = [...FRONTEND_VECTORS, ...BACKEND_VECTORS].filter(({ name }) => !ALL_BODY.includes(name));

describe("a message that is not what it should be", () => {
  it.each(STRUCTURED)("is refused with a byte behind its last field: $name", ({ name, bytes, decode }) => {
    const longer = Buffer.concat([bytes.subarray(5), Buffer.alloc(name.startsWith("BackendKeyData") ? 256 : 1)]);

    expect(() => decode(bytes[0]!, longer)).toThrow(ProtocolViolation);
  });

  it.each(STRUCTURED)("is refused where it ends early, at every byte: $name", ({ name, bytes, decode }) => {
    const body = bytes.subarray(5);
    const shortest = name.startsWith("BackendKeyData") ? 8 : body.length;

    for (let end = 0; end < shortest; end++) {
      expect(() => decode(bytes[0]!, body.subarray(0, end)), `${end} bytes`).toThrow(ProtocolViolation);
    }
  });

  it.each([
    ["a frontend's unknown type", () => decodeFrontend(0x7a, wire("")), "unknown type 122"],
    ["a backend's unknown type", () => decodeBackend(0x7a, wire("")), "unknown type 122"],
    ["'p' after authentication", () => decodeFrontend(0x70, wire("x\0")), "authentication is over"],
    ["text that is not UTF-8", () => decodeFrontend(0x43, wire("S\xff\0")), "text is not UTF-8 (byte 1)"],
    ["a surrogate in UTF-8", () => decodeFrontend(0x43, wire("S\xed\xa0\x80\0")), "text is not UTF-8 (byte 1)"],
    ["a kind other than S and P", () => decodeFrontend(0x44, wire("T\0")), "neither 'S' nor 'P' (byte 0)"],
    [
      "a format other than 0 and 1",
      () => decodeFrontend(0x42, wire("\0\0\0\x01\0\x02\0\0\0\0")),
      "unknown format code (byte 4)",
    ],
    [
      "a value's length below -1",
      () => decodeFrontend(0x42, wire("\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0")),
      "a negative length (byte 6)",
    ],
    [
      "a value longer than the message",
      () => decodeFrontend(0x42, wire("\0\0\0\0\0\x01\x7f\xff\xff\xff\0\0")),
      "longer than the message (byte 6)",
    ],
    [
      "a count larger than the message",
      () => decodeFrontend(0x50, wire("\0\0\xff\xff")),
      "a count is larger than the message (byte 2)",
    ],
    [
      "two formats for three parameters",
      () => decodeFrontend(0x42, wire(`\0\0\0\x02\0\0\0\0\0\x03${"\xff".repeat(12)}\0\0`)),
      "as many formats as parameters",
    ],
    ["a cancel key of 3 bytes", () => decodeBackend(0x4b, wire("\0\0\0\x01abc")), "shorter than 4 bytes"],
    [
      "a cancel key of 257 bytes",
      () => decodeBackend(0x4b, wire(`\0\0\0\x01${"k".repeat(257)}`)),
      "longer than 256 bytes",
    ],
    ["a transaction status other than I, T and E", () => decodeBackend(0x5a, wire("X")), "unknown transaction status"],
    ["a field of an error twice", () => decodeBackend(0x45, wire("Ma\0Mb\0\0")), "a field stands twice (byte 3)"],
    ["a negative count of options", () => decodeBackend(0x76, wire("\0\x03\0\0\xff\xff\xff\xff")), "a count is larger"],
  ])("is refused, with the reason and the place: %s", (_, decode, reason) => {
    expect(decode).toThrow(ProtocolViolation);
    expect(decode).toThrow(reason);
  });

  it("is named with no byte of its contents", () => {
    const refused = () => decodeFrontend(0x43, wire("Ssecret\xff\0"));

    expect(refused).toThrow("invalid Close: text is not UTF-8 (byte 1)");
  });
});

describe("a command tag", () => {
  it.each([
    ["SELECT 3", "SELECT", 3],
    ["INSERT 0 12", "INSERT", 12],
    ["COPY 5000000000", "COPY", 5_000_000_000],
    ["CREATE TABLE", "CREATE TABLE", null],
    ["SELECT", "SELECT", null],
    ["BEGIN", "BEGIN", null],
    ["", "", null],
    ["something new 1 2 3", "something new 1 2 3", null],
  ])("%j is taken apart into command and rows", (tag, command, rows) => {
    expect(parseCommandTag(tag)).toEqual({ command, rows });
  });
});

describe("an error report by names", () => {
  it("becomes the fields that PostgreSQL sends, in its order, and again the same report", () => {
    const report = { severity: "ERROR", code: "42501", message: "denied", hint: "ask" };

    const fields = fieldsOf(report);

    expect([...fields]).toEqual([
      ["S", "ERROR"],
      ["V", "ERROR"],
      ["C", "42501"],
      ["M", "denied"],
      ["H", "ask"],
    ]);
    expect(reportOf(fields)).toEqual({ ...report, localizedSeverity: "ERROR" });
  });

  it("has empty texts where a server left them out", () => {
    expect(reportOf(new Map())).toEqual({ severity: "", code: "", message: "" });
  });
});
