import { describe, expect, it } from "vitest";
import { GatewayError } from "../base/errors.ts";
import type { DatabaseConfig } from "../config/schema.ts";
import { makePrincipal, type Principal } from "./principal.ts";
import { chooseRole, permittedRoles } from "./roles.ts";

function database(groups: Readonly<Record<string, readonly string[]>>, defaultRole: string): DatabaseConfig {
  const roles: DatabaseConfig["roles"] = Object.assign(
    Object.create(null),
    Object.fromEntries(
      Object.entries(groups).map(([name, members]) => [name, { user: `pg_${name}`, groups: members }]),
    ),
  );
  const connection = { host: "127.0.0.1", port: 5432, database: "shop", tls: { mode: "disable" } } as const;
  return { ...connection, environment: "prod", roles, defaultRole, connectTimeoutMs: 1000, maxConnections: 10 };
}

function principal(...groups: string[]): Principal {
  return makePrincipal({
    kind: "agent",
    issuer: "https://idp.example.com",
    subject: "report-agent",
    actors: [],
    groups,
    credential: { kind: "token", id: "t" },
    expiresAtMs: null,
    claims: Object.create(null),
  });
}

const SHOP = database({ agent: ["agents"], analyst: ["analysts", "dba"], owner: ["dba"] }, "agent");

describe("the roles of a database that a principal may take", () => {
  it.each([
    [["agents"], ["agent"]],
    [["dba"], ["analyst", "owner"]],
    [
      ["agents", "dba"],
      ["agent", "analyst", "owner"],
    ],
    [["unknown"], []],
    [[], []],
    [["Agents"], []],
    [["*"], []],
  ])("with groups %j are %j", (groups, roles) => {
    expect(permittedRoles(SHOP, principal(...groups))).toEqual(roles);
  });

  it('include those of the group "*" for everyone', () => {
    expect(permittedRoles(database({ reader: ["*"], owner: ["dba"] }, "reader"), principal())).toEqual(["reader"]);
  });
});

describe("a session's role", () => {
  it.each([
    [["agents"], null, "agent"],
    [["agents"], "", "agent"],
    [["agents"], "agent", "agent"],
    [["agents", "dba"], "owner", "owner"],
    [["dba"], "analyst", "analyst"],
  ])("with groups %j and user %j is %s", (groups, user, role) => {
    expect(chooseRole(SHOP, principal(...groups), user)).toBe(role);
  });

  it.each([
    [["agents"], "owner"],
    [["agents"], "pg_agent"],
    [["agents"], "postgres"],
    [["agents"], "AGENT"],
    [["agents"], "agent "],
    [["agents"], "__proto__"],
    [["agents"], "constructor"],
    [["dba"], null],
    [[], null],
    [["unknown"], "agent"],
  ])("with groups %j and user %j is refused with 28000", (groups, user) => {
    expect(() => chooseRole(SHOP, principal(...groups), user)).toThrow(GatewayError);
    expect(() => chooseRole(SHOP, principal(...groups), user)).toThrow(
      expect.objectContaining({ code: "CONNECT_REFUSED", sqlstate: "28000" }),
    );
  });

  it("is refused with the names of those that are permitted and of no other", () => {
    expect(() => chooseRole(SHOP, principal("dba"), "agent")).toThrow(
      expect.objectContaining({ detail: 'Permitted: "analyst", "owner".', hint: "Connect with user=analyst." }),
    );
    expect(() => chooseRole(SHOP, principal(), "agent")).toThrow(
      expect.objectContaining({ detail: "None of its groups has a role here." }),
    );
  });
});
