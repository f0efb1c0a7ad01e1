/**
 * A compiled set of policies: decides requests by Cedar and remembers the decisions. Forbid wins, nothing is permitted by
 * default, a policy that errs denies. Made by compile.ts. Reads no clock: what the hour is, the context says.
 */

import { statefulIsAuthorized } from "@cedar-policy/cedar-wasm/nodejs";
import { type PolicyAction, type PolicyRequest, type PolicyResource, resourceName } from "../analysis/requests.ts";
import { unreachable } from "../base/errors.ts";
import { adviceFor } from "./advice.ts";
import { BoundedMap } from "./bounded-map.ts";
import { cedarCall, type PolicyContext, type PolicyPrincipal, principalEntity } from "./cedar-call.ts";
import { checkPolicies } from "./checks.ts";
import { combine, type Decision, type Deny, type Hold, type Permit, strictest, union } from "./decision.ts";
import { type Databases, resourceEntity } from "./entities.ts";
import type { Mentions } from "./mentions.ts";
import type { PolicyInfo } from "./policy-info.ts";
import type { PolicyProblem } from "./problem.ts";
import { ACTIONS } from "./schema.ts";

export type { PolicyContext, PolicyPrincipal } from "./cedar-call.ts";

/** Decisions remembered at most; about 1 KB each. */
const MAX_DECISIONS = 20_000;

export interface CompiledPolicies {
  /** SHA-256 over the files' names and texts, hexadecimal. */
  readonly version: string;
  readonly policies: readonly PolicyInfo[];
  readonly databases: Databases;
  readonly mentions: Mentions;
  /** What the compiler has found and let pass. */
  readonly warnings: readonly PolicyProblem[];
  /** Name under which Cedar holds the parsed set. */
  readonly cedarName: string;
}

/** What Cedar says of one action on one resource. */
type Answer =
  | { readonly kind: "permit" | "forbid"; readonly policies: readonly PolicyInfo[] }
  | { readonly kind: "none" }
  | { readonly kind: "error"; readonly policies: readonly string[]; readonly message: string };

interface Question {
  readonly principal: PolicyPrincipal;
  readonly request: PolicyRequest;
  readonly context: PolicyContext;
  /** Whether a denial is to say what would pass. */
  readonly advise: boolean;
}

export class PolicySet {
  readonly version: string;
  readonly policies: readonly PolicyInfo[];
  readonly #compiled: CompiledPolicies;
  readonly #byId: ReadonlyMap<string, PolicyInfo>;
  /** Some policy has statements wait for people. */
  readonly holds: boolean;
  readonly #answers = new BoundedMap<Answer>(MAX_DECISIONS);
  readonly #decisions = new BoundedMap<Decision>(MAX_DECISIONS);
  /** Principals, contexts and requests are made once and asked about often. */
  readonly #principalKeys = new WeakMap<PolicyPrincipal, string>();
  readonly #requestKeys = new WeakMap<PolicyRequest, string>();
  readonly #numbers = new BoundedMap<string>(MAX_DECISIONS);
  #nextNumber = 0;
  #evaluations = 0;

  constructor(compiled: CompiledPolicies) {
    this.#compiled = compiled;
    this.version = compiled.version;
    this.policies = compiled.policies;
    this.holds = compiled.policies.some(({ approvers }) => approvers.length > 0);
    this.#byId = new Map(compiled.policies.map((policy) => [policy.id, policy]));
  }

  /** How often Cedar itself was asked: what was remembered is not counted. */
  get evaluations(): number {
    return this.#evaluations;
  }

  decide(principal: PolicyPrincipal, request: PolicyRequest, context: PolicyContext): Decision {
    const key = `${this.#principalKey(principal)} ${this.#requestKey(request)} ${this.#contextKey(context)}`;
    const known = this.#decisions.get(key);
    if (known !== undefined) return known;
    const decision = this.#judge({ principal, request, context, advise: true });
    this.#decisions.set(key, decision);
    return decision;
  }

  /**
   * Whether any of the requests would be more than denied in any of the contexts: permitted, or held. Tells nobody why, so a
   * denial costs no search for advice.
   */
  allowsAny(
    principal: PolicyPrincipal,
    requests: readonly PolicyRequest[],
    contexts: readonly PolicyContext[],
  ): boolean {
    const allows = (request: PolicyRequest, context: PolicyContext): boolean =>
      this.#judge({ principal, request, context, advise: false }).verdict !== "deny";
    return requests.some((request) => contexts.some((context) => allows(request, context)));
  }

  /** What the policies can see of a resource: two of one key share every decision, so that thousands of tables cost one. */
  resourceKey(resource: PolicyResource): string {
    const { mentions, databases } = this.#compiled;
    const { uid, attributes, ancestors } = resourceEntity(resource, databases);
    const id = mentions.has(uid.id) ? uid.id : mentions.anonymous;
    const seen = Object.entries(attributes).filter(([name]) => mentions.has(name));
    return JSON.stringify([uid.type, id, seen, ancestors.filter(({ id }) => mentions.has(id))]);
  }

  /** One of each kind that the policies can tell apart: actions of one group that none names share every decision. */
  distinctActions(actions: readonly PolicyAction[]): readonly PolicyAction[] {
    const { mentions } = this.#compiled;
    const byKey = new Map<string, PolicyAction>();
    for (const action of actions) {
      const key = mentions.has(action) ? action : `group ${ACTIONS[action].group ?? ""}`;
      if (!byKey.has(key)) byKey.set(key, action);
    }
    return [...byKey.values()];
  }

  /** Contexts that differ from `context` in what only a statement decides, as far as policies ask for it. */
  statementContexts(context: PolicyContext): readonly PolicyContext[] {
    let all: readonly PolicyContext[] = [context];
    for (const name of SWITCHES) {
      if (this.#looksAt(name)) all = all.flatMap((one) => [one, { ...one, [name]: !one[name] }]);
    }
    return all;
  }

  /**
   * What will probably not do what it seems to: policies that can never match, or that another one always overrides.
   * @param groups those that the configuration names; policies that name others are noted.
   */
  checks(groups?: readonly string[]): readonly PolicyProblem[] {
    return [...this.#compiled.warnings, ...checkPolicies(this.policies, this.#compiled.databases, groups)];
  }

  #judge(question: Question): Decision {
    const { request } = question;
    const answer = this.#ask(question, request.resource);
    switch (answer.kind) {
      case "permit":
        return permitBy(answer.policies);
      case "error":
        return erred(answer.policies, answer.message);
      case "none":
        return this.#alternative(question) ?? notPermitted(request);
      case "forbid":
        return this.#forbidden(answer.policies, question);
      default:
        return unreachable(answer);
    }
  }

  /** Held where approvals alone stand in the way, and would lead to a permit: else nobody is to be asked in vain. */
  #forbidden(forbids: readonly PolicyInfo[], question: Question): Decision {
    const { request, context } = question;
    const final = forbids.filter(({ approvers }) => approvers.length === 0);
    if (final.length > 0) return this.#denied(final, forbids, question);
    const approvers = union(forbids.map((policy) => policy.approvers));
    const missing = approvers.filter((group) => !context.approvedBy.includes(group));
    if (missing.length === 0) return this.#denied(forbids, forbids, question);
    const approvedBy = union([context.approvedBy, approvers]);
    const approved = this.#judge({ ...question, context: { ...context, approvedBy } });
    if (approved.verdict === "deny") return approved;
    const hold = {
      verdict: "hold",
      policies: idsOf(forbids),
      approvers: missing,
      quorum: Math.max(...forbids.map(({ quorum }) => quorum)),
      expiresMs: Math.min(...forbids.map(({ expiresMs }) => expiresMs)),
      reason: reasonOf(forbids) ?? `${actionOn(request)} needs approval`,
      inTransaction: forbids.every(({ inTransaction }) => inTransaction === "hold") ? "hold" : "deny",
    } as const;
    const whole = approved.verdict === "hold" ? combine([hold, approved]) : hold;
    if (whole.verdict !== "hold" || whole.inTransaction === "hold" || !context.inTransaction) return whole;
    return deniedInTransaction(whole);
  }

  /** @param final those of the forbidding policies whose reason is told: no approval lifts them. */
  #denied(final: readonly PolicyInfo[], all: readonly PolicyInfo[], question: Question): Deny {
    const decide = (context: PolicyContext): Decision => this.#judge({ ...question, context, advise: false });
    const advice = question.advise ? adviceFor(question.context, this.#compiled.mentions, decide) : null;
    return {
      verdict: "deny",
      policies: idsOf(all),
      reason: reasonOf(final) ?? `${actionOn(question.request)} is forbidden`,
      hint:
        advice ??
        "Leave it out: nothing that you can change in it would make it pass. If it is needed, show the policy's owner this message.",
    };
  }

  /** A view that it was reached through, or the leaves of a view: asked only where nothing forbids the thing itself. */
  #alternative(question: Question): Decision | null {
    const { action, orElse = [], orElseAll = [] } = question.request;
    const judge = (resource: PolicyResource): Decision =>
      this.#judge({ ...question, request: { action, resource }, advise: false });
    const alternatives = orElse.map((resource) => judge(resource));
    if (orElseAll.length > 0) alternatives.push(combine(orElseAll.map(judge)));
    const permitted = alternatives.find(({ verdict }) => verdict === "permit");
    return permitted ?? alternatives.find(({ verdict }) => verdict === "hold") ?? null;
  }

  #ask({ principal, request, context }: Question, resource: PolicyResource): Answer {
    const { mentions, databases } = this.#compiled;
    const call = cedarCall(principalEntity(principal, mentions), request, resource, context, mentions, databases);
    const key = JSON.stringify(call);
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const answer = this.#evaluate(call);
    this.#answers.set(key, answer);
    return answer;
  }

  #evaluate(call: ReturnType<typeof cedarCall>): Answer {
    this.#evaluations++;
    const answer = statefulIsAuthorized({ ...call, preparsedPolicySetId: this.#compiled.cedarName });
    if (answer.type === "failure") {
      return { kind: "error", policies: [], message: answer.errors[0]?.message ?? "Cedar gave no answer" };
    }
    const { decision, diagnostics } = answer.response;
    // Cedar lists them in any order; the same question is to have the same answer.
    const [error, ...others] = [...diagnostics.errors].sort((one, other) => (one.policyId < other.policyId ? -1 : 1));
    if (error !== undefined) {
      const policies = [error, ...others].map(({ policyId }) => policyId);
      return { kind: "error", policies, message: error.error.message };
    }
    const ids = [...diagnostics.reason].sort();
    const policies = ids.map((id) => this.#byId.get(id)).filter((policy) => policy !== undefined);
    if (decision === "allow") return { kind: "permit", policies };
    return policies.length === 0 ? { kind: "none" } : { kind: "forbid", policies };
  }

  #principalKey(principal: PolicyPrincipal): string {
    const known = this.#principalKeys.get(principal);
    if (known !== undefined) return known;
    const key = this.#shortened(JSON.stringify(principalEntity(principal, this.#compiled.mentions)));
    this.#principalKeys.set(principal, key);
    return key;
  }

  #requestKey(request: PolicyRequest): string {
    const known = this.#requestKeys.get(request);
    if (known !== undefined) return known;
    const { action, resource, orElse, orElseAll, setting, channel } = request;
    const key = this.#shortened(JSON.stringify([action, resource, orElse ?? [], orElseAll ?? [], setting, channel]));
    this.#requestKeys.set(request, key);
    return key;
  }

  /** A number for a text, never given to another: a look-up then hashes few bytes. */
  #shortened(text: string): string {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    const number = `${this.#nextNumber++}`;
    this.#numbers.set(text, number);
    return number;
  }

  /** A hold may be a denial inside a transaction though no condition asks about that. */
  #looksAt(name: (typeof SWITCHES)[number]): boolean {
    return this.#compiled.mentions.has(name) || (name === "inTransaction" && this.holds);
  }

  #contextKey(context: PolicyContext): string {
    const { mentions } = this.#compiled;
    let key = context.approvedBy.length === 0 ? "" : JSON.stringify(context.approvedBy);
    for (const name of SWITCHES) if (this.#looksAt(name)) key += context[name] ? "1" : "0";
    for (const name of VALUES) if (mentions.has(name)) key += `,${JSON.stringify(context[name] ?? null)}`;
    return key;
  }
}

const SWITCHES = ["hasWhere", "matchesAll", "inTransaction"] as const;
const VALUES = ["via", "purpose", "hour", "weekday", "onBehalfOf", "clientAddress"] as const;

function permitBy(policies: readonly PolicyInfo[]): Permit {
  const obligations = policies.map(({ maxRows }) => (maxRows === undefined ? {} : { maxRows }));
  return { verdict: "permit", policies: idsOf(policies), obligations: strictest(obligations) };
}

/** Locks are held in there: nobody else is to wait while people think (design page approval, "Rules"). */
function deniedInTransaction({ policies, approvers, reason }: Hold): Deny {
  return {
    verdict: "deny",
    policies,
    reason: `${reason}; what needs approval cannot wait inside an open transaction`,
    hint: `Ask before BEGIN: outside of a transaction it would wait for approval by ${approvers.join(" and ")}.`,
  };
}

function notPermitted(request: PolicyRequest): Deny {
  return {
    verdict: "deny",
    policies: [],
    reason: `no policy permits ${actionOn(request)}`,
    hint: `Leave it out, or ask the policy's owner to permit ${request.action} on ${request.resource.kind} ${resourceName(request.resource)}.`,
  };
}

function erred(policies: readonly string[], message: string): Deny {
  return {
    verdict: "deny",
    policies,
    reason: `the policy could not be evaluated: ${message}`,
    hint: "Tell the policy's owner: nothing runs that an erring policy was to judge.",
    errored: true,
  };
}

/** `delete on table shop.public.orders`. */
export function actionOn({ action, resource }: Pick<PolicyRequest, "action" | "resource">): string {
  return `${action} on ${resource.kind} ${resourceName(resource)}`;
}

function idsOf(policies: readonly PolicyInfo[]): readonly string[] {
  return policies.map(({ id }) => id).sort();
}

/** Null where none of them gives one. */
function reasonOf(policies: readonly PolicyInfo[]): string | null {
  const reasons = [...new Set(policies.map(({ reason }) => reason).filter((reason) => reason !== undefined))];
  return reasons.length === 0 ? null : reasons.join("; ");
}
