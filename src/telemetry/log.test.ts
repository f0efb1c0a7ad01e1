import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { GatewayError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { createLogger } from "./log.ts";

const TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZ2VudCJ9.c2lnbmF0dXJlLWJ5dGVz";

/** The lines that `write` logs, parsed. */
function logged(write: (logger: ReturnType<typeof createLogger>) => void): readonly Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLogger({ level: "debug", destination: { write: (line) => void lines.push(line) } }));
  return lines.map((line) => JSON.parse(line));
}

describe("a log line", () => {
  it("has its level as a word, an ISO time and the session it concerns", () => {
    const [line] = logged((logger) => logger.child({ session: "ses_1" }).warn({ rows: 3 }, "slow"));

    expect(line).toMatchObject({ level: "warn", session: "ses_1", rows: 3, msg: "slow" });
    expect(line?.["time"]).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it("below the level is not written", () => {
    expect(logged((logger) => logger.trace("detail"))).toEqual([]);
  });

  it("tells an error with its code and its chain of causes, and nothing that a driver hung on it", () => {
    const driver = Object.assign(new Error("duplicate key"), {
      code: "23505",
      detail: "Key (email)=(ada@example.com)",
      query: "SELECT 1",
    });
    const error = new GatewayError("UPSTREAM_UNAVAILABLE", "the database cannot be reached", { cause: driver });

    const [line] = logged((logger) => logger.error({ err: error }, "connect"));

    expect(line?.["err"]).toMatchObject({
      code: "UPSTREAM_UNAVAILABLE",
      cause: { code: "23505", message: "duplicate key" },
    });
    expect(JSON.stringify(line)).not.toContain("ada@example.com");
    expect(JSON.stringify(line)).not.toContain("SELECT 1");
  });

  it("ends a chain of causes that bites its tail", () => {
    const error = new Error("loop");
    error.cause = error;

    expect(inspect(logged((logger) => logger.error({ err: error }, "x")))).toContain("loop");
  });
});

describe("a secret in a log line", () => {
  it.each([
    ["a Secret", { holder: new Secret("hunter2-planted") }],
    ["a member by a telling name", { password: "hunter2-planted" }],
    ["such a member one level down", { startup: { token: "hunter2-planted" } }],
    ["a token in a text", { note: `got ${TOKEN}` }],
    ["a token in an error", { err: new Error(`bad ${TOKEN}`) }],
    ["a URL with a password", { url: "postgres://postern:hunter2-planted@db/x" }],
    ["a URL with an at sign in its password", { url: "postgres://postern:a@hunter2-planted@db/x" }],
    ["an authorization header", { header: "Bearer hunter2-planted" }],
    ["a private key that is cut off", { pem: "-----BEGIN EC PRIVATE KEY-----\nhunter2-planted" }],
    ["a private key", { pem: "-----BEGIN PRIVATE KEY-----\nhunter2-planted\n-----END PRIVATE KEY-----" }],
  ])("is cut: %s", (_, entry) => {
    const [line] = logged((logger) => logger.info(entry, "x"));

    expect(JSON.stringify(line)).not.toMatch(/hunter2|c2lnbmF0dXJl/);
    expect(JSON.stringify(line)).toContain("[redacted]");
  });
});
