/** The demo's postern.yaml: what an installation would write by hand, with the demo's issuer and database in it. No secret is in it. */

import { stringify } from "yaml";
import { AGENTS, AUDIENCE, CLI_CLIENT } from "./issuer/people.ts";

export interface DemoAddresses {
  readonly wirePort: number;
  readonly httpPort: number;
  readonly issuerUrl: string;
  readonly postgresPort: number;
}

const HEADER = `# Written by the demo at each start: changes here are lost. For a configuration of your own: postern init
`;

/** The text of postern.yaml; its paths are relative to the demo's folder, in which it lies. */
export function demoConfig({ wirePort, httpPort, issuerUrl, postgresPort }: DemoAddresses): string {
  return HEADER + stringify(document(wirePort, httpPort, issuerUrl, postgresPort));
}

function document(wirePort: number, httpPort: number, issuerUrl: string, postgresPort: number): object {
  const agents = AGENTS.map(({ name }) => name);
  const issuer = { url: issuerUrl, audience: AUDIENCE, groups: "groups" };
  return {
    gateway: {
      name: "shop",
      listen: { host: "127.0.0.1", port: wirePort },
      tls: { cert: "tls/server.crt", key: "tls/server.key" },
      http: { host: "127.0.0.1", port: httpPort, publicUrl: `http://127.0.0.1:${httpPort}` },
    },
    data: "data",
    store: { url: { file: "secrets/store.url" } },
    // One issuer for both: which client a token was given to tells agents from people.
    issuers: [
      { ...issuer, kind: "agent", where: { client_id: agents } },
      { ...issuer, kind: "human", where: { client_id: CLI_CLIENT }, clientId: CLI_CLIENT },
    ],
    databases: {
      shop: {
        host: "127.0.0.1",
        port: postgresPort,
        database: "shop",
        environment: "demo",
        tls: { mode: "verify-full", ca: "tls/ca.crt" },
        roles: {
          agent: { user: "agent", password: { file: "secrets/agent.pw" }, groups: ["agents"] },
          analyst: { user: "analyst", password: { file: "secrets/analyst.pw" }, groups: ["agents"] },
        },
        defaultRole: "agent",
        maxConnections: 80,
      },
    },
    policy: "policy",
    labels: "labels.yaml",
    roles: { reviewer: ["dba"], auditor: ["audit"], admin: ["platform"] },
  };
}
