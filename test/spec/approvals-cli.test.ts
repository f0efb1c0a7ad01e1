/** `postern approvals`: what people read of a request before they decide, and that they decide what they have read. */

import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Approval } from "../../src/store/approvals.ts";
import { asking } from "../support/approvals-desk.ts";
import { type CliResult, type TestCli, testCli } from "../support/cli.ts";
import { HttpApi } from "../support/http-api.ts";
import { startPostgres, type TestPostgres } from "../support/postgres.ts";

let server: TestPostgres;
let api: HttpApi;
let cli: TestCli;

beforeAll(async () => {
  server = await startPostgres();
  await server.psql("CREATE DATABASE cli");
  api = await HttpApi.start(server.url("cli"));
  const { host, port } = api.parts.server.address;
  cli = await testCli({ POSTERN_GATEWAY: `http://${host}:${port}` });
});
afterAll(async () => {
  await cli?.[Symbol.asyncDispose]();
  await api?.close();
  await server?.stop();
});

async function as(subject: string, ...args: readonly string[]): Promise<CliResult> {
  return cli.run(["approvals", ...args], { env: { POSTERN_TOKEN: await api.token(["dba"], subject) } });
}

async function request(text: string, given: Parameters<typeof asking>[1] = {}): Promise<Approval> {
  return (await api.parts.approvals.ask(asking(text, given))).approval;
}

const digits = ({ cardHash }: Approval): string => cardHash.slice(0, 16);

describe("postern approvals", () => {
  it("says so where nothing waits", async () => {
    expect(await as("dora", "ls")).toMatchObject({ status: 0, out: "Nothing waits for approval.\n" });
    expect(await as("dora", "watch", "--once")).toMatchObject({ status: 0, out: "" });
  });

  it("shows a request whole, and nothing of it that a terminal would obey", async () => {
    const hostile = "DELETE FROM orders\n  WHERE id = $1 -- \u202Eeerf\u001B[2J\u200B";
    const approval = await request(hostile, { purpose: "tidy\u001B]0;x\u0007" });
    const { status, out } = await as("dora", "show", approval.id);

    expect(status).toBe(0);
    expect(out).toContain("DELETE FROM orders\n  WHERE id = $1 -- \\u{202e}eerf\\u{1b}[2J\\u{200b}");
    expect(out).toContain("$1 = 7 (type 23)");
    expect(out).toContain("tidy\\u{1b}]0;x\\u{7}");
    expect(out).toContain("delete table:shop.public.orders (hold)");
    expect(out).toContain(`postern approvals approve ${approval.id} --card ${digits(approval)}\n`);
    expect(["\u001B", "\u0007", "\u202E", "\u200B"].filter((character) => out.includes(character))).toEqual([]);
    await api.parts.approvals.end(approval.id, "withdrawn", "over");
    expect((await as("dora", "show", approval.id)).out).toContain("the request has ended");
  });

  it("approves what was read, once, and says whom it still waits for", async () => {
    const approval = await request("DELETE FROM a", { quorum: 2 });
    const first = await as("dora", "approve", approval.id, "--card", digits(approval));
    const second = await as("dan", "approve", approval.id, "--card", approval.cardHash.slice(0, 8), "-o", "json");

    expect(first).toMatchObject({
      status: 0,
      err: `${approval.id} is approved by you. It still waits for dba.\n`,
    });
    expect(JSON.parse(second.out)).toMatchObject({ state: "approved", missing: [] });
    expect((await as("eve", "approve", approval.id, "--card", digits(approval))).status).not.toBe(0);
  });

  it("decides nothing by another card, nor by too little of it, nor without a reason to tell", async () => {
    const [one, other] = [await request("DELETE FROM b"), await request("DELETE FROM c")];

    expect(await as("dora", "approve", one.id, "--card", digits(other))).toMatchObject({ status: 3 });
    expect(await as("dora", "approve", one.id, "--card", one.cardHash.slice(0, 7))).toMatchObject({ status: 3 });
    expect(await as("dora", "approve", one.id)).toMatchObject({ status: 2 });
    expect(await as("dora", "deny", one.id, "--card", digits(one))).toMatchObject({ status: 2 });
    expect((await api.parts.approvals.read(one.id))?.state).toBe("pending");
  });

  it("denies with a reason, and does not let one decide what one has asked for", async () => {
    const approval = await request("DELETE FROM d");
    const own = await as("amy", "approve", approval.id, "--card", digits(approval));
    const denied = await as("dora", "deny", approval.id, "--card", digits(approval), "--reason", "name the rows");

    expect(own.status).toBe(3);
    expect(own.err).toContain("You, or an agent of yours, asked for it.");
    expect(denied).toMatchObject({ status: 0, err: `${approval.id} is denied.\n` });
    expect((await api.parts.approvals.read(approval.id))?.decisions).toMatchObject([{ reason: "name the rows" }]);
  });

  it("lists by state, and watches what waits in the order in which it came", async () => {
    const made = [await request("DELETE FROM e"), await request("DELETE FROM f")];
    const listed = JSON.parse((await as("dora", "ls", "--state", "pending", "-o", "json")).out);
    const { out } = await as("dora", "watch", "--once");

    expect(listed.slice(0, 2).map(({ id }: { id: string }) => id)).toEqual(made.map(({ id }) => id).reverse());
    expect(out.indexOf(made[0]?.id ?? "?")).toBeLessThan(out.indexOf(made[1]?.id ?? "?"));
    expect((await as("dora", "ls", "--state", "lost")).status).toBe(2);
  });

  it("watches until it is interrupted", async () => {
    const stop = new AbortController();
    const env = { POSTERN_TOKEN: await api.token(["dba"], "dora") };
    const onOut = (): void => stop.abort();
    const { status, out } = await cli.run(["approvals", "watch"], { env, signal: stop.signal, onOut });

    expect(status).toBe(0);
    expect(out).toContain("apr_");
  });
});
