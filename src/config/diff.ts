/** What differs between two configurations, and when a change takes effect: for HUP, its log line and the `config.changed` entry. */

import { createHash } from "node:crypto";
import { canonicalJson, type Json } from "../base/canonical-json.ts";
import { Secret } from "../base/secret.ts";
import { formatDuration, formatSize } from "./duration.ts";
import type { Config } from "./schema.ts";

/** `now`: at once. `sessions`: for sessions that start from now on. `restart`: the running gateway keeps the old value. */
export type ReloadEffect = "now" | "sessions" | "restart";

/** First keys (as written in postern.yaml) that a running gateway cannot change: its ports, its log and its store are open. */
const RESTART = [
  "gateway.name",
  "gateway.listen.host",
  "gateway.listen.port",
  "gateway.http",
  "data",
  "store",
  "audit",
] as const;

/** Looked up at each request, at each statement, at each post. */
const NOW = ["roles", "policyMode", "labels", "approvals.notify"] as const;

/** One key whose value differs. */
export interface ConfigChange {
  /** As written in postern.yaml. */
  readonly path: string;
  readonly effect: ReloadEffect;
  /** Values as written in postern.yaml; null where the key is absent; `[redacted]` for a secret. */
  readonly before: Json;
  readonly after: Json;
}

/** When a change of `path` (as written in postern.yaml, list positions and names included) takes effect. */
export function reloadEffect(path: string): ReloadEffect {
  const below = (key: string) => path === key || path.startsWith(`${key}.`) || path.startsWith(`${key}[`);
  if (RESTART.some(below)) return "restart";
  return NOW.some(below) ? "now" : "sessions";
}

/** SHA-256, hex, of the canonical JSON of `config` with its secrets left out. */
export function configHash(config: Config): string {
  return createHash("sha256")
    .update(canonicalJson(withoutSecrets(config)))
    .digest("hex");
}

/** Keys whose values differ, in order of their paths. A secret that changed is named, its values are not. */
export function diffConfig(before: Config, after: Config): readonly ConfigChange[] {
  const changes: ConfigChange[] = [];
  const [old, now] = [leavesOf(before), leavesOf(after)];
  for (const path of [...new Set([...old.keys(), ...now.keys()])].sort()) {
    const [was, is] = [old.get(path), now.get(path)];
    if (was?.identity === is?.identity) continue;
    changes.push({ path, effect: reloadEffect(path), before: was?.shown ?? null, after: is?.shown ?? null });
  }
  return changes;
}

/** One change as a line of the log: `limits.session.idle: "1h" -> "30m"`. */
export function formatChange({ path, before, after, effect }: ConfigChange): string {
  const shown = (value: Json) => (value === null ? "absent" : canonicalJson(value));
  return `${path}: ${shown(before)} -> ${shown(after)}${effect === "restart" ? " (needs a restart)" : ""}`;
}

interface Leaf {
  /** Equal for equal values; of a secret, never shown. */
  readonly identity: string;
  readonly shown: Json;
}

function leavesOf(config: Config): ReadonlyMap<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  const walk = (value: unknown, path: string, key: string): void => {
    if (value instanceof Secret) leaves.set(path, { identity: `secret ${value.reveal()}`, shown: String(value) });
    else if (Array.isArray(value) && value.some((item) => typeof item === "object")) {
      for (const [index, item] of value.entries()) walk(item, `${path}[${index}]`, "");
    } else if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [inner, below] of Object.entries(value))
        walk(below, path === "" ? yamlKey(inner) : `${path}.${yamlKey(inner)}`, inner);
    } else {
      const shown = asWritten(key, value);
      leaves.set(path, { identity: canonicalJson(shown), shown });
    }
  };
  walk(config, "", "");
  return leaves;
}

/** Name of a Config member in postern.yaml: units and Path are of the code only. */
function yamlKey(key: string): string {
  return key.replace(/(?<=.)(Ms|Path)$/, "").replace(/(?<=.)Bytes$/, "Size");
}

function asWritten(key: string, value: unknown): Json {
  if (typeof value === "number") {
    if (key.endsWith("Ms")) return formatDuration(value);
    return /^bytes$|Bytes$/.test(key) ? formatSize(value) : value;
  }
  return toJson(value);
}

function withoutSecrets(value: unknown): Json {
  if (value instanceof Secret) return null;
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return toJson(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, withoutSecrets(inner)]));
}

function toJson(value: unknown): Json {
  if (Array.isArray(value)) return value.map(toJson);
  if (value === null || typeof value === "string" || typeof value === "number" || typeof value === "boolean")
    return value;
  throw new TypeError("a configuration holds text, numbers, flags, lists and blocks only");
}
