/**
 * Reads table tests of policies, `*.test.yaml`: who asks for what, and what is to be decided. Strict: an unknown key is a problem
 * with its place. Runs nothing: see run-table-tests.ts.
 */

import { isMap, isSeq, LineCounter, type ParsedNode, parseDocument } from "yaml";
import { z } from "zod";
import type { PolicyAction, PolicyRequest, PolicyResource } from "../analysis/requests.ts";
import { nearest } from "../config/nearest.ts";
import type { PolicyContext, PolicyPrincipal } from "./cedar-call.ts";
import { nameParts } from "./entity-names.ts";
import { PolicyError, type PolicyProblem } from "./problem.ts";
import { ACTIONS } from "./schema.ts";

export interface PolicyTest {
  readonly file: string;
  /** Where it begins, 1-based. */
  readonly line: number;
  readonly column: number;
  readonly name: string;
  readonly principal: PolicyPrincipal;
  readonly database: string;
  /** Given where `requests` are not. */
  readonly statement: string | undefined;
  readonly requests: readonly PolicyRequest[];
  /** What differs from an ordinary statement. */
  readonly context: Partial<PolicyContext>;
  readonly expected: { readonly verdict: "permit" | "deny" | "hold"; readonly policies: readonly string[] | undefined };
}

const text = z.string().min(1);
const listOf = z.union([text.transform((one) => [one]), z.array(text)]);
const ACTION_NAMES = Object.keys(ACTIONS).filter((name): name is PolicyAction => Object.hasOwn(ACTIONS, name));

const Principal = z.strictObject({
  kind: z.enum(["agent", "human"]).default("agent"),
  issuer: text.default("https://idp.example.com"),
  subject: text.optional(),
  actor: text.optional(),
  groups: z.array(text).default([]),
  claims: z.record(z.string(), z.string()).default({}),
});

const Request = z.strictObject({
  action: z.enum(ACTION_NAMES),
  /** Exactly one of the five; a database stands for itself. */
  database: text.optional(),
  schema: text.optional(),
  table: text.optional(),
  function: text.optional(),
  label: text.optional(),
  kind: z.enum(["table", "view", "materialized view", "foreign table", "sequence", "partitioned table"]).optional(),
  setting: text.optional(),
  channel: text.optional(),
});

const Context = z.strictObject({
  approvedBy: z.array(text).optional(),
  hasWhere: z.boolean().optional(),
  matchesAll: z.boolean().optional(),
  inTransaction: z.boolean().optional(),
  via: z.enum(["wire", "mcp", "http"]).optional(),
  purpose: z.string().optional(),
  hour: z.int().min(0).max(23).optional(),
  weekday: z.int().min(0).max(6).optional(),
  onBehalfOf: text.optional(),
  clientAddress: text.optional(),
});

const Test = z.strictObject({
  name: text.optional(),
  as: text,
  database: text.optional(),
  statement: text.optional(),
  request: Request.optional(),
  requests: z.array(Request).min(1).optional(),
  context: Context.default({}),
  expect: z.enum(["permit", "deny", "hold"]),
  /** Ids that must be among those that decide; `none`: no policy does. */
  policy: listOf.optional(),
});

const File = z.strictObject({
  database: text.optional(),
  principals: z.record(z.string(), Principal),
  tests: z.array(Test).min(1),
});

const RELATION_KINDS = {
  table: "r",
  view: "v",
  "materialized view": "m",
  "foreign table": "f",
  sequence: "S",
  "partitioned table": "p",
} as const;

/** @param file its name, for problems and results. @throws {PolicyError} naming line and column of each problem. */
export function parsePolicyTests(file: string, source: string): readonly PolicyTest[] {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const at = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  const problems: PolicyProblem[] = [];
  const say = (path: readonly PropertyKey[], message: string, hint?: string): void => {
    const place = at(offsetOf(document.contents, path));
    problems.push({
      severity: "error",
      ...place,
      policy: path.join("."),
      message,
      ...(hint === undefined ? {} : { hint }),
    });
  };
  for (const { pos, message } of document.errors) {
    problems.push({ severity: "error", ...at(pos[0]), policy: "", message: `not valid YAML: ${message}` });
  }
  if (problems.length > 0) throw new PolicyError(problems);
  const parsed = File.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!parsed.success) {
    for (const issue of parsed.error.issues) sayIssue(issue, say);
    throw new PolicyError(problems);
  }
  const tests = parsed.data.tests.map((test, index) => {
    const path = ["tests", index];
    const place = at(offsetOf(document.contents, path));
    return {
      ...place,
      ...readTest(test, parsed.data, (more, message, hint) => say([...path, ...more], message, hint)),
    };
  });
  if (problems.length > 0) throw new PolicyError(problems);
  return tests;
}

type Say = (path: readonly PropertyKey[], message: string, hint?: string) => void;

function sayIssue(issue: z.core.$ZodIssue, say: Say): void {
  if (issue.code !== "unrecognized_keys") {
    say(issue.path, issue.message);
    return;
  }
  for (const key of issue.keys) {
    const meant = nearest(key, [...Object.keys(File.shape), ...Object.keys(Test.shape), ...Object.keys(Context.shape)]);
    say([...issue.path, key], `"${key}" is no key here`, meant === undefined ? undefined : `did you mean ${meant}?`);
  }
}

function readTest(
  test: z.infer<typeof Test>,
  file: z.infer<typeof File>,
  say: Say,
): Omit<PolicyTest, "file" | "line" | "column"> {
  const database = test.database ?? file.database ?? "";
  const given = Object.hasOwn(file.principals, test.as) ? file.principals[test.as] : undefined;
  if (given === undefined) {
    const meant = nearest(test.as, Object.keys(file.principals));
    say(["as"], `no principal is named "${test.as}"`, meant === undefined ? undefined : `did you mean ${meant}?`);
  }
  const requests = [...(test.requests ?? []), ...(test.request === undefined ? [] : [test.request])];
  if ((test.statement === undefined) === (requests.length === 0)) {
    say([], "a test has a statement, or requests, and not both");
  }
  if (database === "" && test.statement !== undefined)
    say([], "no database is named", "database: at the test or at the top");
  const policies = test.policy?.length === 1 && test.policy[0] === "none" ? [] : test.policy;
  return {
    name: test.name ?? test.statement ?? `${requests[0]?.action} as ${test.as}`,
    principal: principalOf(test.as, given ?? Principal.parse({})),
    database,
    statement: test.statement,
    requests: requests.flatMap((one, index) => readRequest(one, database, (message) => say([index], message))),
    context: Object.fromEntries(Object.entries(test.context).filter(([, value]) => value !== undefined)),
    expected: { verdict: test.expect, policies },
  };
}

function principalOf(name: string, given: z.infer<typeof Principal>): PolicyPrincipal {
  const { subject = name, actor, ...rest } = given;
  return { ...rest, subject, id: `${given.issuer}#${subject}`, ...(actor === undefined ? {} : { actor }) };
}

function readRequest(
  given: z.infer<typeof Request>,
  database: string,
  say: (message: string) => void,
): readonly PolicyRequest[] {
  const named = [given.schema, given.table, given.function, given.label].filter((one) => one !== undefined);
  if (named.length + (given.database === undefined ? 0 : 1) > 1) say("a request is for one resource");
  const resource = resourceOf(given, given.database ?? database);
  if (resource === null) {
    say(
      'the resource is written as policies write it: table: "shop.public.orders", function: "shop.public.f(integer)"',
    );
    return [];
  }
  const { action, setting, channel } = given;
  return [
    { action, resource, ...(setting === undefined ? {} : { setting }), ...(channel === undefined ? {} : { channel }) },
  ];
}

function resourceOf(given: z.infer<typeof Request>, database: string): PolicyResource | null {
  if (given.label !== undefined) return { kind: "label", name: given.label };
  const written = given.table ?? given.function ?? given.schema;
  if (written === undefined) return database === "" ? null : { kind: "database", database };
  const named = nameParts(written);
  const [in_ = "", schema = "", name = ""] = named?.parts ?? [];
  if (named === null || named.parts.length !== (given.schema === undefined ? 3 : 2)) return null;
  if (given.schema !== undefined) return named.rest === "" ? { kind: "schema", database: in_, schema } : null;
  if (given.function !== undefined) {
    return { kind: "function", database: in_, schema, name, signature: `${name}${named.rest}` };
  }
  if (named.rest !== "") return null;
  return { kind: "table", database: in_, schema, name, relationKind: RELATION_KINDS[given.kind ?? "table"] };
}

/** Where the value at `path` begins; where it is missing, the nearest above it. */
function offsetOf(contents: ParsedNode | null, path: readonly PropertyKey[]): number {
  let offset = contents?.range[0] ?? 0;
  let node: unknown = contents;
  for (const step of path) {
    if (isMap<{ value?: unknown; range?: readonly number[] | null }>(node)) {
      const pair = node.items.find(({ key }) => key.value === step);
      if (pair === undefined) return offset;
      offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq<{ range?: readonly number[] | null }>(node) && typeof step === "number") {
      const item = node.items[step];
      if (item === undefined) return offset;
      offset = item.range?.[0] ?? offset;
      node = item;
    } else return offset;
  }
  return offset;
}
