/** GET discovery: what a client needs before it has a token. Names databases to people only. */

import { OPERATIONS } from "../contract.ts";
import type { GatewayView } from "../parts.ts";
import type { Router } from "../router.ts";

export function addDiscovery(router: Router, gateway: GatewayView): void {
  router.addPublic(OPERATIONS.discovery, async ({ caller }) => {
    const issuers = gateway.issuers().map(({ url, kind, audience, clientId }) => ({
      url,
      kind,
      audience: [...audience],
      ...(clientId === undefined ? {} : { clientId }),
    }));
    const databases = caller === null ? {} : { databases: gateway.databases().map(({ name }) => name) };
    const { host, port, tls } = gateway.listener();
    return {
      gateway: { name: gateway.name, version: gateway.version },
      issuers,
      listener: { host, port, tls },
      ...databases,
    };
  });
}
