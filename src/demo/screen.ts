/** The one screen that the demo shows when it runs: 24 lines of 80 columns. Each part that Postern gets has its place here. */

import { type Demo, TOKEN_FILE } from "./start-demo.ts";

export const SCREEN_ROWS = 24;
export const SCREEN_COLUMNS = 80;

/** As text with a line break at its end. Paths are as the reader would type them; a long one makes a long line. */
export function demoScreen({ folder, database, gateway }: Demo): string {
  const { wire, http } = gateway.addresses;
  const config = folder.show("postern.yaml");
  return `
Postern is running. Ctrl-C stops it.

  HTTP      http://${http.host}:${http.port}  (/readyz, /metrics, /api/v1/openapi.json)
  Database  PostgreSQL ${database.version}, the shop: 5,000 customers, 20,000 orders

Connect as support-agent, acting for sam, with a token of 15 minutes:

  PGPASSWORD=$(cat ${folder.show(TOKEN_FILE)}) psql \\
    "host=localhost port=${wire.port} dbname=shop user=agent \\
     sslmode=verify-full sslrootcert=${folder.show("tls", "ca.crt")}"

Try now:
  1. A masked read:   SELECT full_name, email, ssn FROM customers LIMIT 5;
  2. A denied DROP:   DROP TABLE customers;
  3. A held DELETE:   DELETE FROM payments WHERE id = 1;   then, as ada:
       bin/postern.js login --gateway http://${http.host}:${http.port}
       bin/postern.js approvals ls   and show ID: that prints how to approve it
  4. The record:      bin/postern.js audit tail -f -c ${config}

The log is in ${folder.show("data", "log")}; two programs that share no code verify it:
  bin/postern.js audit verify -c ${config}
  python3 verifier/postern_verify.py ${folder.show("data", "log")}
No psql here? npm start -- --once lets a scripted agent do it all.
`.slice(1);
}
