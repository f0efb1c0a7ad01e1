import { Buffer } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Secret } from "../base/secret.ts";
import {
  checkOAuthBearerFailureAcknowledged,
  encodeOAuthBearerFailure,
  encodeOAuthBearerResponse,
  parseOAuthBearerResponse,
} from "./oauthbearer.ts";
import { ProtocolViolation } from "./protocol-violation.ts";

const parse = (text: string) => parseOAuthBearerResponse(Buffer.from(text, "latin1")).token?.reveal() ?? null;

describe("a client's OAUTHBEARER response", () => {
  it.each([
    [
      "of RFC 7628, section 4.1, with host and port",
      "n,,\x01host=server.example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01",
    ],
    ["of libpq 18", "n,,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"],
    [
      "of a client that could bind to a channel",
      "y,,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01",
    ],
    ["with the scheme in lower case", "n,,\x01auth=bearer  vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"],
    [
      "with a key that is not known",
      "n,,\x01mtls=yes\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01",
    ],
  ])("has its token: %s", (_, text) => {
    expect(parse(text)).toBe("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==");
  });

  it.each([
    ["of libpq 18's first connection", "n,,\x01auth=\x01\x01"],
    ["with a scheme and nothing behind it", "n,,\x01auth=Bearer \x01\x01"],
  ])("asks where tokens come from: %s", (_, text) => {
    expect(parse(text)).toBeNull();
  });

  it.each([
    ["empty", "", "no channel binding flag"],
    ["a separator only", "\x01", "no channel binding flag"],
    ["channel binding", "p=tls-server-end-point,,\x01auth=Bearer x\x01\x01", "channel binding"],
    ["another identity", "n,a=admin,\x01auth=Bearer x\x01\x01", "an authorization identity"],
    ["an attribute that is not known", "n,x,\x01auth=Bearer x\x01\x01", "an unknown attribute"],
    ["no separator behind the header", "n,,auth=Bearer x\x01\x01", "no separator behind the header"],
    ["no final separator", "n,,\x01auth=Bearer x\x01", "no final separator"],
    ["an unterminated pair", "n,,\x01auth=Bearer x", "no final separator"],
    ["bytes behind the end", "n,,\x01auth=Bearer x\x01\x01x", "bytes behind the final separator"],
    [
      "a second message",
      "n,,\x01auth=Bearer x\x01\x01n,,\x01auth=Bearer y\x01\x01",
      "bytes behind the final separator",
    ],
    ["no auth", "n,,\x01host=x\x01\x01", "no auth value"],
    ["auth in capitals: keys are compared exactly", "n,,\x01AUTH=Bearer x\x01\x01", "no auth value"],
    ["auth twice", "n,,\x01auth=Bearer x\x01auth=Bearer y\x01\x01", "a key stands twice"],
    ["a key without a value", "n,,\x01auth\x01\x01", "not a key and its value"],
    ["an empty key", "n,,\x01=x\x01auth=Bearer x\x01\x01", "not a key and its value"],
    ["a key with a digit", "n,,\x01a1=x\x01auth=Bearer x\x01\x01", "not a key and its value"],
    ["a NUL in a value", "n,,\x01auth=Bearer x\0y\x01\x01", "not a key and its value"],
    ["a byte that is not ASCII", "n,,\x01auth=Bearer \xe9\x01\x01", "not a key and its value"],
    ["another scheme", "n,,\x01auth=Basic dXNlcg==\x01\x01", "not a bearer token"],
    ["two tokens", "n,,\x01auth=Bearer x y\x01\x01", "not a bearer token"],
    ["padding inside the token", "n,,\x01auth=Bearer x=y\x01\x01", "not a bearer token"],
    ["a token with a line break", "n,,\x01auth=Bearer x\r\nHost: y\x01\x01", "not a bearer token"],
  ])("is refused: %s", (_, text, reason) => {
    expect(() => parse(text)).toThrow(ProtocolViolation);
    expect(() => parse(text)).toThrow(reason);
  });

  it("is refused without a byte of it in the error", () => {
    expect(() => parse("n,,\x01auth=Bearer secret secret\x01\x01")).toThrow(
      "invalid OAUTHBEARER message: an auth value that is not a bearer token (byte 0)",
    );
  });

  it("is what our own client writes", () => {
    expect(parse(Buffer.from(encodeOAuthBearerResponse(new Secret("a.b-c_d"))).toString("latin1"))).toBe("a.b-c_d");
    expect(parse(Buffer.from(encodeOAuthBearerResponse(null)).toString("latin1"))).toBeNull();
  });

  it("gives nothing but a token or a protocol violation, whatever it holds", () => {
    const part = fc.constantFrom("n", "y", "p", ",", "a=", "\x01", "auth", "=", "Bearer ", "x", "\0", "\xff", " ");
    fc.assert(
      fc.property(fc.array(part, { maxLength: 14 }), (parts) => {
        try {
          parse(parts.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolViolation);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("the refusal of a token", () => {
  it("tells what libpq 18 reads: status, scope and the discovery document", () => {
    const bytes = encodeOAuthBearerFailure({
      status: "invalid_token",
      scope: "openid postern",
      openidConfiguration: "https://login.example/.well-known/openid-configuration",
    });

    expect(JSON.parse(Buffer.from(bytes).toString("utf8"))).toEqual({
      status: "invalid_token",
      scope: "openid postern",
      "openid-configuration": "https://login.example/.well-known/openid-configuration",
    });
  });

  it("is acknowledged by one separator", () => {
    expect(() => checkOAuthBearerFailureAcknowledged(Buffer.from("\x01"))).not.toThrow();
  });

  it.each(["", "\0", "\x01\x01", "n,,\x01auth=Bearer x\x01\x01"])("is acknowledged by nothing else: %j", (text) => {
    expect(() => checkOAuthBearerFailureAcknowledged(Buffer.from(text))).toThrow(ProtocolViolation);
  });
});
