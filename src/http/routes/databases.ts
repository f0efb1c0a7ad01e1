/** GET databases: names and roles. No host and no account of the real servers. */

import { OPERATIONS } from "../contract.ts";
import type { GatewayView } from "../parts.ts";
import type { Router } from "../router.ts";

export function addDatabases(router: Router, gateway: GatewayView): void {
  router.add(OPERATIONS.listDatabases, async () => ({
    databases: gateway.databases().map(({ name, environment, roles, defaultRole }) => ({
      name,
      environment,
      roles: [...roles],
      defaultRole,
    })),
  }));
}
