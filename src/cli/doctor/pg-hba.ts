/** From where a role may log in around the gateway, as pg_hba.conf says. Source: PostgreSQL 18 docs, section 20.1 (auth-pg-hba-conf). Pure. */

import type { HbaRule } from "./upstream-facts.ts";

const SINGLE_ADDRESS = new Set(["255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]);

/**
 * The rules that let the role in from more than one address, as `host 10.0.0.0/255.0.0.0 (scram-sha-256)`; undefined where
 * the rules could not be read. Says too much rather than too little: groups and name patterns count as if they held the role.
 */
export function waysAround(
  rules: readonly HbaRule[] | undefined,
  { user, database }: { readonly user: string; readonly database: string },
): readonly string[] | undefined {
  if (rules === undefined) return undefined;
  const ways: string[] = [];
  for (const rule of rules) {
    if (!concerns(rule.user, user) || !concerns(rule.database, database) || !isOpen(rule)) continue;
    if (rule.method === "reject") {
      if (rule.type === "host" && rule.address === "all") break; // the first rule that fits decides: nothing after this one does
      continue;
    }
    const address = rule.address ?? "";
    const mask = rule.netmask === null ? "" : `/${rule.netmask}`;
    ways.push(`${rule.type} ${address}${mask} (${rule.method})`.replace("  ", " "));
  }
  return ways;
}

/** A local rule counts where it asks for no operating system identity: then any account of that machine can use it. */
function isOpen(rule: HbaRule): boolean {
  if (rule.type === "local") return rule.method !== "peer" && rule.method !== "reject";
  return !(rule.netmask !== null && SINGLE_ADDRESS.has(rule.netmask));
}

function concerns(names: readonly string[] | null, name: string): boolean {
  if (names === null) return true;
  return names.some(
    (one) => one === "all" || one === name || one === "sameuser" || one === "samerole" || /^[+/]/.test(one),
  );
}
