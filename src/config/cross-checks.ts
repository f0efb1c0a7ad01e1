/** What no single key can tell: names that must exist, pairs that belong together, addresses that are safe only in one combination. */

import { isIP } from "node:net";
import { canonicalJson } from "../base/canonical-json.ts";
import type { ConfigDocument } from "./document.ts";
import type { Report } from "./files.ts";
import type { DocumentPath } from "./json-schema.ts";
import { nearest } from "./nearest.ts";

/** Reports each contradiction of a document whose shape is right. */
export function crossCheck(document: ConfigDocument, report: Report): void {
  checkGateway(document.gateway, report);
  checkIssuers(document.issuers, report);
  checkCertificates(document, report);
  for (const [name, database] of Object.entries(document.databases)) checkDatabase(name, database, report);
  checkPolicy(document, report);
  if (document.issuers.length === 0 && document.certificates.length === 0) {
    report("warning", ["issuers"], "no issuer and no certificate is configured: nobody can connect");
  }
  if (Object.keys(document.databases).length === 0) {
    report("warning", ["databases"], "no database is configured: there is nothing to connect to");
  }
}

/** To run without a policy is to let every agent do what its role may: it has to be said. */
function checkPolicy({ policy, policyMode, labels }: ConfigDocument, report: Report): void {
  if (policy === undefined && policyMode !== "none") {
    const hint =
      "postern init writes a folder to start from; policyMode: none lets every agent do what its upstream role may";
    report("error", ["policy"], "is missing: nothing would be permitted", hint);
  }
  if (policy !== undefined && policyMode === "none") {
    report("warning", ["policyMode"], "the policy is not used: every agent may do what its upstream role may");
  }
  if (labels !== undefined && policyMode !== "enforce") {
    // Design page policy: shadow is refused for masks. Whoever labels a column expects that it does not show.
    const message = `nothing would be masked where policyMode is ${policyMode}`;
    report("error", ["labels"], message, "set policyMode: enforce, or leave labels out");
  }
}

function checkGateway(gateway: ConfigDocument["gateway"], report: Report): void {
  if (gateway.tls === "off" && !isLoopback(gateway.listen.host)) {
    const message = `off is for a loopback address, and the gateway listens on ${gateway.listen.host}: tokens would travel in the clear`;
    report("error", ["gateway", "tls"], message, "give cert and key, or listen on 127.0.0.1");
  }
  if (
    gateway.listen.port !== 0 &&
    gateway.listen.port === gateway.http.port &&
    gateway.listen.host === gateway.http.host
  ) {
    report("error", ["gateway", "http", "port"], "the gateway listens for agents on this port already");
  }
  const { publicUrl, host } = gateway.http;
  if (publicUrl?.startsWith("http:") && !isLoopback(new URL(publicUrl).hostname)) {
    report("warning", ["gateway", "http", "publicUrl"], "people's tokens travel in the clear", "use https");
  }
  if (!isLoopback(host) && publicUrl === undefined) {
    const message = "the HTTP port speaks no TLS of its own, and this address is not loopback";
    report("warning", ["gateway", "http", "host"], message, "put a TLS proxy before it and give publicUrl");
  }
}

function checkIssuers(issuers: ConfigDocument["issuers"], report: Report): void {
  const seen = new Map<string, number>();
  for (const [index, issuer] of issuers.entries()) {
    const path = ["issuers", index, "url"];
    const url = new URL(issuer.url);
    if (url.protocol === "http:" && !isLoopback(url.hostname)) {
      report("error", path, "expected https: its keys could be replaced on the way");
    }
    const key = canonicalJson([issuer.url.replace(/\/+$/, ""), [issuer.audience].flat().sort(), issuer.where]);
    const first = seen.get(key);
    // One issuer may stand here several times: for agents and for people, for one repository and for another.
    if (first !== undefined)
      report("error", path, `issuers[${first}] is the same, with the same audience and conditions`);
    else seen.set(key, index);
  }
}

function checkCertificates(document: ConfigDocument, report: Report): void {
  const seen = new Set<string>();
  for (const [index, certificate] of document.certificates.entries()) {
    const path = ["certificates", index];
    const { spiffe, subject } = certificate;
    if ((spiffe === undefined) === (subject === undefined)) report("error", path, "expected either spiffe or subject");
    const key = `${spiffe} ${subject}`;
    if (seen.has(key)) report("error", path, "this certificate stands in the list already");
    seen.add(key);
  }
  const { tls } = document.gateway;
  if (document.certificates.length > 0 && (tls === "off" || tls.clientCa === undefined)) {
    const message = "no client certificate is ever asked for";
    report("error", ["certificates"], message, "give gateway.tls.clientCa, the CA that signs them");
  }
}

function checkDatabase(name: string, database: ConfigDocument["databases"][string], report: Report): void {
  const path = ["databases", name];
  const { roles, defaultRole, tls } = database;
  if (!Object.hasOwn(roles, defaultRole)) {
    const near = nearest(defaultRole, Object.keys(roles));
    const known = `one of the roles: ${Object.keys(roles).join(", ")}`;
    const suggestion = near === undefined ? known : `did you mean "${near}"?`;
    report("error", [...path, "defaultRole"], `there is no role "${defaultRole}" under roles`, suggestion);
  }
  for (const [roleName, role] of Object.entries(roles)) checkPair(role, [...path, "roles", roleName], report);
  checkPair(tls, [...path, "tls"], report);
  for (const key of ["ca", "cert", "key", "serverName"] as const) {
    if (tls.mode === "disable" && tls[key] !== undefined) {
      report(
        "error",
        [...path, "tls", key],
        "has no effect with mode: disable",
        "take it out, or use mode: verify-full",
      );
    }
  }
  if (tls.mode === "disable" && !isLoopback(database.host)) {
    const message = `statements and rows travel in the clear to ${database.host}`;
    report("warning", [...path, "tls", "mode"], message, "use mode: verify-full");
  }
}

function checkPair(
  pair: { readonly cert?: string | undefined; readonly key?: string | undefined },
  path: DocumentPath,
  report: Report,
): void {
  if ((pair.cert === undefined) === (pair.key === undefined)) return;
  const [there, gone] = pair.key === undefined ? ["cert", "key"] : ["key", "cert"];
  report("error", [...path, there], `${there} is of no use without ${gone}`);
}

/** Whether `host` can only be reached from this machine. A name other than localhost is not looked up: it may change its mind. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "");
  if (bare === "localhost" || bare === "::1") return true;
  return isIP(bare) === 4 && bare.startsWith("127.");
}
