/** The file that `postern init` writes. Valid as it stands, once its two variables are set: a test loads it. */

export const STARTER = `# Postern's configuration. Check it with: postern config check
# Every key: docs/reference/settings.md, or: postern config schema
# A secret is \${VARIABLE} of the environment, or { file: path } readable by Postern's account alone.
# Durations: 500ms 90s 5m 8h 400d. Sizes: 64KiB 5GiB.

gateway:
  name: shop                        # origin of the audit log; a new name starts a new log
  listen: { host: 127.0.0.1, port: 6432 }   # where agents connect
  # Beyond this machine TLS is needed: tls: { cert: server.crt, key: server.key }
  tls: off
  http: { host: 127.0.0.1, port: 8432 }     # API, /healthz, /readyz, /metrics

data: ./postern-data                # audit log, recordings, keys

# Control store: a PostgreSQL database of Postern's own. The audit log is the truth, this an index of it.
store: { url: "\${POSTERN_STORE_URL}" }     # postgres://postern:…@127.0.0.1/postern

issuers:
  # Who may sign the tokens of agents. Its keys are found by OIDC discovery.
  - url: https://idp.example.com
    audience: postern               # tokens must be for this
    kind: agent
    groups: groups                  # claim that holds the groups
    # where: { repository: acme/shop }      # claims that must match
  # Who may sign the tokens of people: postern login, sessions, freeze.
  - url: https://login.example.com
    audience: postern
    kind: human
    groups: groups
    clientId: postern-cli           # public client that may use the device flow

databases:
  shop:                             # the name that agents ask for
    host: 127.0.0.1
    port: 5432
    database: shop
    environment: prod
    tls: { mode: disable }          # beyond this machine: { mode: verify-full, ca: ca.crt }
    roles:
      # The agent asks for user=agent, and never sees this password.
      agent: { user: agent, password: "\${POSTERN_SHOP_PASSWORD}", groups: [agents] }
    defaultRole: agent

policy: ./policy                    # who may do what: *.cedar in this folder; what it does not permit is refused

limits:
  session: { idle: 1h, idleInTransaction: 10m, lifetime: 24h }

# People's rights over the gateway, by the groups of their issuer.
roles: { reviewer: [dba], auditor: [audit], admin: [platform] }
`;
