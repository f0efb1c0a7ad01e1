/**
 * The strict check of a stored entry: canonical text, the common members, and exactly the members of its type
 * (ENTRY_SHAPES). Pure. What holds between entries is verify-entries.ts's business.
 */

import { ENTRY_VERSION } from "./entry.ts";
import { CONTEXT_WORDS, ENTRY_SHAPES, SESSION_TYPES, type ShapeName } from "./entry-shape.ts";

/** A stored entry: the common members typed, the rest as it came. */
export interface StoredEntry {
  readonly v: number;
  readonly seq: number;
  readonly ts: string;
  readonly type: string;
  readonly session?: string;
  readonly sessionSeq?: number;
  readonly [member: string]: unknown;
}

/** What is known of an entry: `problem` ends a sentence that begins with its name; `unknown`: of a type not in the table. */
export type Judged =
  | { readonly kind: "entry" | "unknown"; readonly entry: StoredEntry }
  | { readonly kind: "malformed"; readonly entry: StoredEntry | undefined; readonly problem: string };

type Members = Readonly<Record<string, unknown>>;
type Check = (value: unknown) => boolean;
interface TypeCheck {
  readonly required: readonly (readonly [name: string, check: Check])[];
  readonly optional: ReadonlyMap<string, Check>;
  readonly names: ReadonlySet<string>;
}

const isText: Check = (value) => typeof value === "string";
const isInteger: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isHash: Check = (value) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const isWord =
  (...words: string[]): Check =>
  (value) =>
    typeof value === "string" && words.includes(value);
const isList =
  (of: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(of);

/** Exactly these members; names that end with `?` may be absent. */
function isRecord(members: Readonly<Record<string, Check>>): Check {
  const entries = Object.entries(members);
  const names = new Set(entries.map(([name]) => name.replace("?", "")));
  return (value) => {
    if (!isObject(value)) return false;
    for (const name of Object.keys(value)) if (!names.has(name)) return false;
    return entries.every(([name, check]) => {
      const optional = name.endsWith("?");
      const member = value[optional ? name.slice(0, -1) : name];
      return member === undefined ? optional : check(member);
    });
  };
}

const isToken = isRecord({ kind: isWord("token"), id: isText });
const isCertificate = isRecord({ kind: isWord("certificate"), fingerprint: isText });

/** The shapes of events.md. */
const SHAPE_CHECKS: Readonly<Record<ShapeName, Check>> = {
  text: isText,
  texts: isList(isText),
  boolean: (value) => typeof value === "boolean",
  integer: isInteger,
  number: (value) => typeof value === "number" && Number.isFinite(value) && value >= 0,
  hash: isHash,
  sqlstate: (value) => typeof value === "string" && /^[0-9A-Z]{5}$/.test(value),
  counters: (value) => isObject(value) && Object.values(value).every(isInteger),
  tree: isRecord({ root: isText, size: isInteger }),
  principal: isRecord({
    kind: isWord("agent", "human"),
    issuer: isText,
    subject: isText,
    actors: isList(isRecord({ subject: isText, "issuer?": isText, proof: isWord("verified", "asserted", "inferred") })),
    credential: (value) => isToken(value) || isCertificate(value),
  }),
  claimed: isRecord({ "user?": isText, "database?": isText, "applicationName?": isText }),
  sql: isRecord({ commitment: isHash, fingerprint: isText }),
  requests: isList(
    isRecord({
      action: isText,
      resource: isText,
      decision: isWord("permit", "deny", "hold"),
      policies: isList(isText),
      "context?": isList(isWord(...CONTEXT_WORDS)),
      "kind?": isText,
      "setting?": isText,
      "channel?": isText,
      "orElse?": isList(isText),
      "orElseAll?": isList(isText),
    }),
  ),
  leaves: isList(isRecord({ instance: isText, index: isInteger })),
  ranges: (value) => isList(isList(isInteger))(value) && isAscending(value),
};

const TYPE_CHECKS = new Map(Object.entries(ENTRY_SHAPES).map(([type, members]) => [type, typeCheck(type, members)]));

/** Judges the text of one entry. */
export function judgeEntry(json: string): Judged {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return { kind: "malformed", entry: undefined, problem: "is not JSON" };
  }
  if (!isStored(value)) return { kind: "malformed", entry: undefined, problem: "lacks one of v, seq, ts, type" };
  if (JSON.stringify(value) !== json || !isSorted(value)) {
    return { kind: "malformed", entry: value, problem: "is not canonical JSON" };
  }
  if (value.v !== ENTRY_VERSION) return { kind: "unknown", entry: value };
  const check = TYPE_CHECKS.get(value.type);
  if (check === undefined) return { kind: "unknown", entry: value };
  const problem = problemOf(value, check);
  return problem === undefined ? { kind: "entry", entry: value } : { kind: "malformed", entry: value, problem };
}

/** Reads an entry. @throws {Error} where it is not an entry of a known type in its exact shape. */
export function parseEntry(json: string): StoredEntry {
  const judged = judgeEntry(json);
  if (judged.kind === "malformed") throw new Error(`the entry ${judged.problem}`);
  if (judged.kind === "unknown") throw new Error(`the entry is of the unknown type ${judged.entry.type}`);
  return judged.entry;
}

function typeCheck(type: string, members: Readonly<Record<string, string>>): TypeCheck {
  const required: [string, Check][] = [];
  const optional = new Map<string, Check>();
  for (const [name, shape] of Object.entries(members)) {
    if (shape.endsWith("?")) optional.set(name, checkOf(shape.slice(0, -1)));
    else required.push([name, checkOf(shape)]);
  }
  const session = SESSION_TYPES.some((one) => one === type) ? (["session", "sessionSeq"] as const) : [];
  if (session.length > 0) required.push(["session", isText], ["sessionSeq", isInteger]);
  return { required, optional, names: new Set(["v", "seq", "ts", "type", ...session, ...Object.keys(members)]) };
}

function checkOf(shape: string): Check {
  return isShapeName(shape) ? SHAPE_CHECKS[shape] : isWord(...shape.split("|"));
}

function isShapeName(shape: string): shape is ShapeName {
  return shape in SHAPE_CHECKS;
}

function problemOf(entry: StoredEntry, { required, optional, names }: TypeCheck): string | undefined {
  for (const [name, check] of required) {
    if (!check(entry[name])) return `is a ${entry.type} whose member ${name} is missing or not what it should be`;
  }
  for (const name of Object.keys(entry)) {
    if (!names.has(name)) return `is a ${entry.type} with the unknown member ${name}`;
    const check = optional.get(name);
    if (check !== undefined && !check(entry[name]))
      return `is a ${entry.type} whose member ${name} is not what it should be`;
  }
  return undefined;
}

function isStored(value: unknown): value is StoredEntry {
  if (!isObject(value)) return false;
  return isInteger(value["v"]) && isInteger(value["seq"]) && isText(value["ts"]) && isText(value["type"]);
}

function isObject(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether the members of all objects are sorted by UTF-16 code units (RFC 8785, section 3.2.3). */
function isSorted(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(isSorted);
  let before = "";
  for (const name in value) {
    if (name < before) return false;
    before = name;
  }
  for (const member of Object.values(value)) if (typeof member === "object" && !isSorted(member)) return false;
  return true;
}

function isAscending(value: unknown): boolean {
  if (!Array.isArray(value)) return false;
  let before = -1;
  for (const range of value) {
    if (!Array.isArray(range) || range.length !== 2) return false;
    const [first, last] = range;
    if (first <= before || last < first) return false;
    before = last;
  }
  return true;
}
