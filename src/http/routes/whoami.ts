/** GET whoami: the token as Postern reads it. */

import { OPERATIONS } from "../contract.ts";
import type { Router } from "../router.ts";

/** The last that a Date can be (ECMA-262, section 21.4.1.1); a token may name any number. */
const LAST_DATE_MS = 8.64e15;

export function addWhoami(router: Router): void {
  router.add(OPERATIONS.whoami, async ({ caller }) => {
    const { id, issuer, subject, groups, expiresAtMs } = caller.principal;
    const expiresAt = expiresAtMs === null || expiresAtMs > LAST_DATE_MS ? null : new Date(expiresAtMs).toISOString();
    return { id, issuer, subject, groups: [...groups], roles: [...caller.roles], expiresAt };
  });
}
