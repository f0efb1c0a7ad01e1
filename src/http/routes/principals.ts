/** Principals: who is frozen, freeze, unfreeze. The entry is on disk before the freeze holds: who did it can never be missing. */

import { OPERATIONS } from "../contract.ts";
import type { HttpServerOptions } from "../parts.ts";
import { HttpProblem } from "../problem.ts";
import type { Router } from "../router.ts";

type Parts = Pick<HttpServerOptions, "freezes" | "record" | "logger">;

export function addPrincipals(router: Router, { freezes, record, logger }: Parts): void {
  router.add(OPERATIONS.listPrincipals, async () => ({
    principals: freezes.list().map(({ principalId, reason, by, at }) => ({ id: principalId, reason, by, at })),
  }));

  router.add(OPERATIONS.freezePrincipal, async ({ params: { id }, body: { reason }, caller }) => {
    const by = caller.principal.id;
    if (id === by) throw new HttpProblem("own-principal", { hint: "Another administrator can freeze you." });
    if (freezes.isFrozen(id) !== null) return { id, state: "frozen" as const, changed: false };
    await record({ type: "admin.frozen", actor: by, target: id, reason });
    const changed = await freezes.freeze({ principalId: id, reason, by });
    logger.warn({ principal: id, by }, "principal frozen");
    return { id, state: "frozen" as const, changed };
  });

  router.add(OPERATIONS.unfreezePrincipal, async ({ params: { id }, body: { reason }, caller }) => {
    const by = caller.principal.id;
    if (freezes.isFrozen(id) === null) return { id, state: "free" as const, changed: false };
    await record({ type: "admin.unfrozen", actor: by, target: id, reason });
    const changed = await freezes.unfreeze(id);
    logger.warn({ principal: id, by }, "principal unfrozen");
    return { id, state: "free" as const, changed };
  });
}
