/**
 * Who calls, and what that person may do. A bearer token of an issuer of people, held by the person: an agent's token, or one
 * that an agent holds on a person's behalf, is refused whatever its groups say.
 */

import { GatewayError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { Principal } from "../identity/principal.ts";
import type { Access } from "./contract.ts";
import type { HttpServerOptions } from "./parts.ts";
import { HttpProblem } from "./problem.ts";

export type Role = "reviewer" | "auditor" | "admin";
const ROLES: readonly Role[] = ["reviewer", "auditor", "admin"];

export interface Caller {
  readonly principal: Principal;
  readonly roles: readonly Role[];
}

export type Door = Pick<HttpServerOptions, "identity" | "roles" | "freezes">;

/**
 * The person behind `authorization`.
 * @throws {HttpProblem} where the token is missing or not good, or the person lacks the role that `access` asks for.
 */
export async function authenticate(
  door: Door,
  access: Exclude<Access, "public">,
  authorization: string | undefined,
): Promise<Caller> {
  if (authorization === undefined) {
    throw new HttpProblem("token-missing", {
      hint: "Log in with `postern login`, and send the token as `Authorization: Bearer …`.",
      headers: { "WWW-Authenticate": 'Bearer realm="postern"' },
    });
  }
  const principal = await verify(door, bearer(authorization));
  mustBePerson(door, principal);
  const roles = rolesOf(door.roles, principal);
  mustHold(roles, access);
  return { principal, roles };
}

/** RFC 6750, section 2.1. */
function bearer(authorization: string): Secret {
  const match = /^Bearer +([A-Za-z0-9\-._~+/]+=*) *$/i.exec(authorization);
  if (match?.[1] === undefined) throw rejected("The Authorization header is not `Bearer` and a token.");
  return new Secret(match[1]);
}

async function verify(door: Door, token: Secret): Promise<Principal> {
  try {
    return await door.identity.verifyToken(token);
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== "TOKEN_REJECTED") throw error;
    throw rejected(error.detail, error.hint);
  }
}

function rejected(detail: string | undefined, hint?: string): HttpProblem {
  return new HttpProblem("token-rejected", {
    detail,
    hint,
    headers: { "WWW-Authenticate": 'Bearer realm="postern", error="invalid_token"' },
  });
}

function mustBePerson(door: Door, principal: Principal): void {
  if (principal.kind !== "human") {
    throw new HttpProblem("agent-token", {
      detail: "The token's issuer is one of agents.",
      hint: "Use a token of a person, from an issuer whose kind is human. Agents connect with PostgreSQL's protocol.",
    });
  }
  if (principal.actors.length > 0) {
    throw new HttpProblem("agent-token", {
      detail: "The token names an actor: someone holds it on the person's behalf.",
      hint: "Use a token that the person obtained directly.",
    });
  }
  if (door.freezes.isFrozen(principal.id) !== null) {
    throw new HttpProblem("principal-frozen", { hint: "Another administrator of the gateway can unfreeze it." });
  }
}

function rolesOf(groups: Door["roles"], principal: Principal): readonly Role[] {
  const held = new Set(principal.groups);
  return ROLES.filter((role) => groups[role].some((group) => held.has(group)));
}

const NEEDED: Readonly<Record<Exclude<Access, "public">, readonly Role[] | null>> = {
  person: null,
  decider: null, // the request itself says who: see routes/approvals.ts
  reader: ["auditor", "admin"],
  admin: ["admin"],
};

function mustHold(roles: readonly Role[], access: keyof typeof NEEDED): void {
  const needed = NEEDED[access];
  if (needed === null || needed.some((role) => roles.includes(role))) return;
  throw new HttpProblem("role-missing", {
    detail: `It needs the role ${needed.join(" or ")}.`,
    hint: "Roles come from the groups in your token, by `roles` in postern.yaml. Ask an administrator of the gateway.",
  });
}
