import { Buffer } from "node:buffer";
import { describe, expect, it } from "vitest";
import { encoded } from "./encode.ts";
import { ProtocolViolation } from "./protocol-violation.ts";
import {
  decodeStartupPacket,
  encodeCancelRequest,
  encodeGSSENCRequest,
  encodeSSLRequest,
  encodeStartupMessage,
  MAX_STARTUP_PACKET_BYTES,
  negotiateVersion,
} from "./startup.ts";

const V3_0 = "\0\x03\0\0";

/** A packet with its length in front. */
function packet(text: string, length = text.length + 4): Buffer {
  const bytes = Buffer.alloc(text.length + 4);
  bytes.writeInt32BE(length);
  bytes.write(text, 4, "latin1");
  return bytes;
}

describe("a startup packet", () => {
  it.each([
    ["SSLRequest", "04d2162f", { type: "SSLRequest" }],
    ["GSSENCRequest", "04d21630", { type: "GSSENCRequest" }],
  ])("is recognised: %s", (_, code, expected) => {
    expect(decodeStartupPacket(Buffer.from(`00000008${code}`, "hex"))).toEqual(expected);
  });

  it.each([4, 32, 256])("is recognised: CancelRequest with a key of %d bytes", (size) => {
    const secretKey = Buffer.alloc(size, 0xab);
    const bytes = packet(`\x04\xd2\x16\x2e\0\0\x30\x39${secretKey.toString("latin1")}`);

    const decoded = decodeStartupPacket(bytes);

    expect(decoded).toEqual({ type: "CancelRequest", processId: 12_345, secretKey });
    expect(Buffer.from(encoded((writer) => encodeCancelRequest(writer, { processId: 12_345, secretKey })))).toEqual(
      bytes,
    );
  });

  it("is recognised: StartupMessage with its parameters in order", () => {
    const decoded = decodeStartupPacket(packet(`${V3_0}user\0ann\0database\0shop\0options\0\0\0`));

    expect(decoded).toEqual({
      type: "StartupMessage",
      major: 3,
      minor: 0,
      parameters: new Map([
        ["user", "ann"],
        ["database", "shop"],
        ["options", ""],
      ]),
      unknownOptions: [],
    });
  });

  it("has its protocol options apart from its parameters", () => {
    const decoded = decodeStartupPacket(packet("\0\x03\x27\x0f_pq_.test_protocol_negotiation\0\0user\0ann\0\0"));

    expect(decoded).toMatchObject({ minor: 9999, unknownOptions: ["_pq_.test_protocol_negotiation"] });
    expect(decoded).toMatchObject({ parameters: new Map([["user", "ann"]]) });
  });

  it("may be without parameters: which role is wanted can be left to the gateway", () => {
    expect(decodeStartupPacket(packet(`${V3_0}\0`))).toMatchObject({ parameters: new Map() });
  });

  it.each([
    ["shorter than 8 bytes", packet("\0\x03\0"), "shorter than 8 bytes"],
    ["empty", Buffer.alloc(0), "shorter than 8 bytes"],
    [
      "longer than 10,000 bytes",
      packet(`${V3_0}user\0${"x".repeat(MAX_STARTUP_PACKET_BYTES)}\0\0`),
      "longer than 10,000",
    ],
    ["of another length than it says", packet(`${V3_0}user\0ann\0\0`, 17), "its length is not"],
    ["without its terminator", packet(`${V3_0}user\0ann\0`), "text without its terminator (byte 17)"],
    ["with a name and no value", packet(`${V3_0}user\0`), "text without its terminator"],
    ["with bytes behind its terminator", packet(`${V3_0}user\0ann\0\0x`), "bytes after the last field (byte 18)"],
    ["with a parameter twice", packet(`${V3_0}user\0ann\0user\0bob\0\0`), "a parameter stands twice (byte 17)"],
    ["with a protocol option twice", packet(`${V3_0}_pq_.a\0\0_pq_.a\0\0\0`), "a parameter stands twice"],
    ["with text that is not UTF-8", packet(`${V3_0}user\0\xff\0\0`), "text is not UTF-8"],
    ["an SSLRequest with bytes behind it", packet("\x04\xd2\x16\x2fx"), "bytes after the last field"],
    ["a GSSENCRequest with bytes behind it", packet("\x04\xd2\x16\x30x"), "bytes after the last field"],
    ["a CancelRequest with a key of 3 bytes", packet("\x04\xd2\x16\x2e\0\0\0\x01abc"), "shorter than 4 bytes"],
    [
      "a CancelRequest with a key of 257 bytes",
      packet(`\x04\xd2\x16\x2e\0\0\0\x01${"k".repeat(257)}`),
      "longer than 256",
    ],
    ["a CancelRequest without a process", packet("\x04\xd2\x16\x2e"), "ends inside a field"],
  ])("is refused: %s", (_, bytes, reason) => {
    expect(() => decodeStartupPacket(bytes)).toThrow(ProtocolViolation);
    expect(() => decodeStartupPacket(bytes)).toThrow(reason);
  });

  it.each([
    ["2.0", "\0\x02\0\0"],
    ["4.0", "\0\x04\0\0"],
    ["1234.1", "\x04\xd2\0\x01"],
    ["18245.21536", "GET / HTTP/1.1\r\n\r\n"],
  ])("is refused with SQLSTATE 0A000 and the versions that are served: %s", (version, text) => {
    const decode = () => decodeStartupPacket(packet(text));

    expect(decode).toThrow(expect.objectContaining({ sqlstate: "0A000", severity: "FATAL" }));
    expect(decode).toThrow(`unsupported frontend protocol ${version}: the gateway supports 3.0 to 3.2`);
  });

  it("is at most 10,000 bytes with its length, and that much is served", () => {
    const value = "x".repeat(MAX_STARTUP_PACKET_BYTES - 4 - 4 - "user".length - 3);

    expect(decodeStartupPacket(packet(`${V3_0}user\0${value}\0\0`))).toMatchObject({ type: "StartupMessage" });
    expect(() => decodeStartupPacket(packet(`${V3_0}user\0${value}x\0\0`))).toThrow(ProtocolViolation);
  });
});

describe("a startup packet of our own", () => {
  it.each([
    ["SSLRequest", encodeSSLRequest],
    ["GSSENCRequest", encodeGSSENCRequest],
  ] as const)("is what is decoded again: %s", (type, encode) => {
    expect(decodeStartupPacket(encoded(encode))).toEqual({ type });
  });

  it("is what is decoded again: StartupMessage", () => {
    const parameters = new Map([
      ["user", "postern"],
      ["application_name", "ágent"],
    ]);

    const bytes = encoded((writer) => encodeStartupMessage(writer, { minor: 0, parameters }));

    expect(decodeStartupPacket(bytes)).toMatchObject({ major: 3, minor: 0, parameters, unknownOptions: [] });
  });

  it.each([
    ["NUL in a value", "application_name", "a\0user\0postgres"],
    ["an empty name", "", "x"],
    ["a lone surrogate", "application_name", "\ud800"],
  ])("refuses %s: it would end or change the packet", (_, name, value) => {
    const parameters = new Map([[name, value]]);

    expect(() => encoded((writer) => encodeStartupMessage(writer, { minor: 0, parameters }))).toThrow(
      ProtocolViolation,
    );
  });
});

/** As PostgreSQL 18 answers: see the recordings negotiate-*.bin. */
describe("the version that is spoken", () => {
  it.each([
    ["3.0 as asked for", 0, [], { minor: 0, answer: null }],
    ["3.2 as asked for", 2, [], { minor: 2, answer: null }],
    ["3.2 for a later one, and says so", 3, [], { minor: 2, answer: { major: 3, minor: 2, unknownOptions: [] } }],
    [
      "3.2 for libpq's 3.9999, and says so",
      9999,
      ["_pq_.a"],
      { minor: 2, answer: { major: 3, minor: 2, unknownOptions: ["_pq_.a"] } },
    ],
    [
      "3.0 with an unknown option, and says so",
      0,
      ["_pq_.a"],
      { minor: 0, answer: { major: 3, minor: 0, unknownOptions: ["_pq_.a"] } },
    ],
  ])("is %s", (_, minor, unknownOptions, expected) => {
    expect(negotiateVersion({ minor, unknownOptions })).toEqual(expected);
  });
});
