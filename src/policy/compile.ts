/**
 * From files of policies to a set that decides: cut, parsed by Cedar one by one, annotations read, ids made sure of, the whole
 * validated strictly against the schema. All problems are told at once; a set with an error is never made.
 */

import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import {
  type DetailedError,
  type PolicyJson,
  policyToJson,
  preparsePolicySet,
  type ValidationError,
  validate,
} from "@cedar-policy/cedar-wasm/nodejs";
import { readAnnotations } from "./annotations.ts";
import type { Databases } from "./entities.ts";
import { asksAboutLiteral } from "./literals.ts";
import { mentionsOf } from "./mentions.ts";
import type { PolicyInfo } from "./policy-info.ts";
import { PolicySet } from "./policy-set.ts";
import { PolicyError, type PolicyProblem, positionAt } from "./problem.ts";
import { CEDAR_SCHEMA } from "./schema.ts";
import { type PolicyPiece, splitPolicies } from "./split.ts";

export interface PolicyFile {
  /** As problems and generated ids name it. */
  readonly name: string;
  readonly text: string;
}

/** More than a person can keep in view, and each costs a decision some microseconds. */
const MAX_POLICIES = 2_000;

/** @throws {PolicyError} with every problem. */
export function compilePolicies(files: readonly PolicyFile[], databases: Databases): PolicySet {
  const problems: PolicyProblem[] = [];
  const policies = files.flatMap((file) => compileFile(file, problems));
  sayDuplicates(policies, problems);
  if (policies.length > MAX_POLICIES) problems.push(tooMany(policies));
  const validation = validateAll(policies);
  problems.push(...validation.errors);
  if (problems.length > 0) throw new PolicyError(inOrder(problems));
  const version = versionOf(files);
  const cedarName = `postern-policies:${version}`;
  const parsed = preparsePolicySet(cedarName, { staticPolicies: textsOf(policies) });
  if (parsed.type === "failure") throw new PolicyError(parsed.errors.map((error) => wholeProblem(error.message)));
  const mentions = mentionsOf(policies.map(({ json }) => json));
  const warnings = inOrder(validation.warnings);
  return new PolicySet({ version, policies, databases, mentions, warnings, cedarName });
}

function versionOf(files: readonly PolicyFile[]): string {
  const inOrderOfName = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const content = JSON.stringify(inOrderOfName.map(({ name, text }) => [name, text]));
  return createHash("sha256").update(content).digest("hex");
}

function textsOf(policies: readonly PolicyInfo[]): Record<string, string> {
  return Object.fromEntries(policies.map(({ id, text }) => [id, text]));
}

function compileFile({ name, text: given }: PolicyFile, problems: PolicyProblem[]): readonly PolicyInfo[] {
  const text = given.replace(/^\uFEFF/, "");
  const policies: PolicyInfo[] = [];
  for (const [index, piece] of splitPolicies(text).entries()) {
    const fallbackId = `${name}#${index + 1}`;
    const parsed = policyToJson(piece.text);
    if (parsed.type === "failure") {
      const [error] = parsed.errors;
      if (error !== undefined) problems.push(cedarProblem(error, "error", { file: name, text, piece, id: "" }));
      continue;
    }
    policies.push(compilePolicy(name, text, piece, fallbackId, parsed.json, problems));
  }
  return policies;
}

function compilePolicy(
  file: string,
  text: string,
  piece: PolicyPiece,
  fallbackId: string,
  json: PolicyJson,
  problems: PolicyProblem[],
): PolicyInfo {
  const { values, problems: found } = readAnnotations(json.annotations ?? {}, json.effect);
  const id = values.id ?? fallbackId;
  const place = (annotation: string) => positionAt(text, piece.annotations.get(annotation) ?? piece.offset);
  for (const { annotation, message, hint } of found) {
    problems.push({
      ...{ severity: "error", file, ...place(annotation), policy: id, message },
      ...(hint === undefined ? {} : { hint }),
    });
  }
  if (json.effect === "forbid" && values.approvers.length > 0 && !mentionsOf([json]).has("approvedBy")) {
    problems.push({
      ...{ severity: "error", file, ...place("approvers"), policy: id },
      message: "no approval would lift this hold: its condition does not ask for one",
      hint: `add: unless { context.approvedBy.contains("${values.approvers[0]}") }`,
    });
  }
  if (asksAboutLiteral(json)) {
    problems.push({
      ...{ severity: "error", file, ...place(""), policy: id },
      message:
        "a condition asks about an entity that is written out; only the request's own principal and resource are known",
      hint: 'ask the other way round: resource in Database::"…", principal in Group::"…"',
    });
  }
  return { ...values, id, effect: json.effect, file, ...place(""), text: piece.text, json };
}

function sayDuplicates(policies: readonly PolicyInfo[], problems: PolicyProblem[]): void {
  const first = new Map<string, PolicyInfo>();
  for (const policy of policies) {
    const other = first.get(policy.id);
    if (other === undefined) first.set(policy.id, policy);
    else {
      const { file, line, column, id } = policy;
      const message = `the id is taken by the policy at ${other.file}:${other.line}`;
      problems.push({
        severity: "error",
        file,
        line,
        column,
        policy: id,
        message,
        hint: "ids are unique over all files",
      });
    }
  }
}

function tooMany(policies: readonly PolicyInfo[]): PolicyProblem {
  return wholeProblem(`${policies.length} policies; at most ${MAX_POLICIES} are served`);
}

interface Validation {
  readonly errors: readonly PolicyProblem[];
  readonly warnings: readonly PolicyProblem[];
}

/** Strict: what passes does not err for want of an attribute or a type. */
function validateAll(policies: readonly PolicyInfo[]): Validation {
  const answer = validate({
    schema: CEDAR_SCHEMA,
    policies: { staticPolicies: Object.fromEntries(policies.map(({ text }, index) => [`${index}`, text])) },
    validationSettings: { mode: "strict" },
  });
  if (answer.type === "failure") {
    return { errors: answer.errors.map(({ message }) => wholeProblem(message)), warnings: [] };
  }
  const found = (severity: "error" | "warning", of: readonly ValidationError[]): readonly PolicyProblem[] =>
    of.flatMap(({ policyId, error }) => {
      const policy = policies[Number(policyId)];
      return policy === undefined ? [wholeProblem(error.message)] : [ownProblem(error, severity, policy)];
    });
  const wrong = new Set(answer.validationErrors.map(({ policyId }) => policyId));
  return {
    errors: onePerPlace(found("error", answer.validationErrors)),
    // That a policy with an error never matches then follows, and need not be said.
    warnings: found(
      "warning",
      answer.validationWarnings.filter(({ policyId }) => !wrong.has(policyId)),
    ),
  };
}

/** Cedar tells a problem once for each action that the policy is about, in any order. */
function onePerPlace(problems: readonly PolicyProblem[]): readonly PolicyProblem[] {
  const sorted = [...problems].sort((a, b) => (a.message < b.message ? -1 : 1));
  const byPlace = new Map<string, PolicyProblem>();
  for (const problem of sorted) {
    const place = JSON.stringify([problem.file, problem.line, problem.column, problem.policy]);
    if (!byPlace.has(place)) byPlace.set(place, problem);
  }
  return [...byPlace.values()];
}

interface Place {
  readonly file: string;
  readonly text: string;
  readonly piece: PolicyPiece;
  readonly id: string;
}

/** Of a policy that was parsed: only its own text is at hand, and where that begins. */
function ownProblem(error: DetailedError, severity: "error" | "warning", policy: PolicyInfo): PolicyProblem {
  const piece = { text: policy.text, offset: 0, annotations: new Map<string, number>() };
  const problem = cedarProblem(error, severity, { file: policy.file, text: policy.text, piece, id: policy.id });
  const column = problem.line === 1 ? problem.column + policy.column - 1 : problem.column;
  return { ...problem, line: problem.line + policy.line - 1, column };
}

function cedarProblem(error: DetailedError, severity: "error" | "warning", place: Place): PolicyProblem {
  const { file, text, piece, id } = place;
  const [location] = error.sourceLocations ?? [];
  const offset = piece.offset + unitsBefore(piece.text, location?.start ?? 0);
  const message = error.message
    .replace(/^failed to parse policy( with id `[^`]*`)? from string: /, "")
    .replace(/^for policy `[^`]*`, /, "");
  const hint = error.help ?? location?.label ?? undefined;
  return {
    ...{ severity, file, ...positionAt(text, offset), policy: id, message },
    ...(hint === undefined ? {} : { hint }),
  };
}

/** Cedar counts UTF-8 bytes, editors count UTF-16 code units. */
function unitsBefore(text: string, bytes: number): number {
  return Buffer.from(text).subarray(0, bytes).toString().length;
}

function wholeProblem(message: string): PolicyProblem {
  return { severity: "error", file: "", line: 1, column: 1, policy: "", message };
}

function inOrder(problems: readonly PolicyProblem[]): readonly PolicyProblem[] {
  return [...problems].sort((a, b) => {
    if (a.file !== b.file) return a.file < b.file ? -1 : 1;
    return a.line - b.line || a.column - b.column;
  });
}
