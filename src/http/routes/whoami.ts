/** GET whoami: the token as Postern reads it. */

import { OPERATIONS } from "../contract.ts";
import type { Router } from "../router.ts";

export function addWhoami(router: Router): void {
  router.add(OPERATIONS.whoami, async ({ caller }) => {
    const { id, issuer, subject, groups, expiresAtMs } = caller.principal;
    const expiresAt = expiresAtMs === null ? null : new Date(expiresAtMs).toISOString();
    return { id, issuer, subject, groups: [...groups], roles: [...caller.roles], expiresAt };
  });
}
