/**
 * Which upstream role a principal gets: configuration's word, never the client's beyond it. Pure.
 * Does not ask whether the principal is frozen, nor what policy says of `connect`.
 */

import { GatewayError } from "../base/errors.ts";
import type { DatabaseConfig } from "../config/schema.ts";
import type { Principal } from "./principal.ts";

/** Stands for every authenticated principal in a role's `groups`. Only there: a group of that name in a token is nothing special. */
const EVERYONE = "*";

/** Names of the roles of `database` whose `groups` hold one of the principal's, in the configuration's order. */
export function permittedRoles(database: DatabaseConfig, principal: Principal): readonly string[] {
  const held = new Set(principal.groups);
  return Object.entries(database.roles)
    .filter(([, role]) => role.groups.some((group) => group === EVERYONE || held.has(group)))
    .map(([name]) => name);
}

/**
 * The role for a session: the one that `requested` (`user` of the startup packet) names, or the default role where it is null or empty.
 * @throws {GatewayError} CONNECT_REFUSED, with what is permitted instead; names no role that is not.
 */
export function chooseRole(database: DatabaseConfig, principal: Principal, requested: string | null): string {
  const permitted = permittedRoles(database, principal);
  const wanted = requested === null || requested === "" ? database.defaultRole : requested;
  if (permitted.includes(wanted)) return wanted;
  if (permitted.length === 0) {
    throw new GatewayError("CONNECT_REFUSED", "this identity may not connect to this database", {
      detail: "None of its groups has a role here.",
      hint: "Ask an administrator of the gateway for access.",
    });
  }
  const names = permitted.map((name) => `"${name}"`).join(", ");
  throw new GatewayError("CONNECT_REFUSED", "this identity may not connect to this database as this role", {
    detail: `Permitted: ${names}.`,
    hint: `Connect with user=${permitted[0]}.`,
  });
}
