/** Least privilege from what was used: permits, and nothing but permits, as Cedar. Reads nothing: see recorded.ts. */

import type { PolicyAction, PolicyResource } from "../../analysis/requests.ts";
import { type EntityId, resourceEntity } from "../../policy/entities.ts";
import type { RecordedStatement } from "./recorded.ts";

export interface Suggestion {
  readonly who: EntityId;
  readonly resource: EntityId;
  /** Actions with how often they were used, most first. */
  readonly actions: readonly { readonly action: PolicyAction; readonly count: number }[];
}

interface Used {
  readonly who: EntityId;
  readonly resource: EntityId;
  readonly actions: Map<PolicyAction, number>;
}

/** Collects what permitted statements asked for. */
export class Usage {
  readonly #group: string | undefined;
  readonly #used = new Map<string, Used>();
  readonly #principals = new Set<string>();
  readonly #sessions = new Set<string>();
  #firstMs = Number.POSITIVE_INFINITY;
  #lastMs = Number.NEGATIVE_INFINITY;
  statements = 0;
  refused = 0;
  /** Ran under a policy in shadow that would have refused it. */
  againstShadow = 0;
  /** Permitted, and recorded without requests: no policy was asked. */
  withoutRequests = 0;

  /** @param group whose permits they become; undefined: of each principal its own. */
  constructor(group: string | undefined) {
    this.#group = group;
  }

  add(statement: RecordedStatement): void {
    if (statement.verdict === "refused") {
      this.refused++;
      return;
    }
    if (statement.lacking !== null) {
      this.withoutRequests++;
      return;
    }
    this.statements++;
    this.#principals.add(statement.id);
    this.#firstMs = Math.min(this.#firstMs, statement.timeMs);
    this.#lastMs = Math.max(this.#lastMs, statement.timeMs);
    const type = statement.kind === "agent" ? "Agent" : "Human";
    const who = this.#group === undefined ? { type, id: statement.id } : { type: "Group", id: this.#group };
    if (statement.requests.some(({ decision }) => decision !== "permit")) this.againstShadow++;
    if (!this.#sessions.has(statement.session)) {
      this.#note(who, "connect", { kind: "database", database: statement.database });
    }
    this.#sessions.add(statement.session);
    for (const { action, resource, orElse = [] } of statement.requests) {
      // What a view shows needs no permit of its own: that on the view that was named, which is noted too, is less.
      if (orElse.length === 0) this.#note(who, action, resource);
    }
  }

  get principals(): number {
    return this.#principals.size;
  }

  /** ISO times of the first and last statement; null: there is none. */
  get span(): { readonly from: string; readonly to: string } | null {
    if (this.statements === 0) return null;
    return { from: new Date(this.#firstMs).toISOString(), to: new Date(this.#lastMs).toISOString() };
  }

  suggestions(): readonly Suggestion[] {
    const all = [...this.#used.values()].map(({ who, resource, actions }) => {
      const counted = [...actions].map(([action, count]) => ({ action, count }));
      return { who, resource, actions: counted.sort((a, b) => b.count - a.count || compare(a.action, b.action)) };
    });
    return all.sort(
      (a, b) => compare(a.who.id, b.who.id) || rank(a) - rank(b) || compare(a.resource.id, b.resource.id),
    );
  }

  #note(who: EntityId, action: PolicyAction, resource: PolicyResource): void {
    const { uid } = resourceEntity(resource, {});
    const key = JSON.stringify([who, uid]);
    const used = this.#used.get(key) ?? { who, resource: uid, actions: new Map() };
    this.#used.set(key, used);
    used.actions.set(action, (used.actions.get(action) ?? 0) + 1);
  }
}

const RANKS: readonly string[] = ["Database", "Schema", "Table", "Function", "Label"];

function rank({ resource }: Suggestion): number {
  return RANKS.indexOf(resource.type);
}

/** The text of a policy file. Two runs over one record give the same text. */
export function cedarOf(usage: Usage): string {
  const { span } = usage;
  const head = [
    `// Least privilege by what was used: ${many(usage.statements, "statement")} of ${many(usage.principals, "principal")}${span === null ? "" : `, ${span.from} to ${span.to}`}.`,
    ...(usage.againstShadow === 0
      ? []
      : [`// A policy in shadow would have refused ${usage.againstShadow} of them: what they did is permitted here.`]),
    "// What was rare and right may be missing. Read it before it is put in force; try it: postern policy simulate",
  ];
  const permits = usage.suggestions().map((one, index) => permitText(one, index + 1));
  return `${[head.join("\n"), ...permits].join("\n\n")}\n`;
}

function permitText({ who, resource, actions }: Suggestion, number: number): string {
  const counts = actions.map(({ action, count }) => `${count} ${action}`).join(", ");
  const principal =
    who.type === "Group" ? `principal in Group::${literal(who.id)}` : `principal == ${who.type}::${literal(who.id)}`;
  const names = actions.map(({ action }) => `Action::"${action}"`).sort();
  const action = names.length === 1 ? `action == ${names[0]}` : `action in [${names.join(", ")}]`;
  return `// ${counts}
@id("used-${String(number).padStart(3, "0")}")
permit (
  ${principal},
  ${action},
  resource == ${resource.type}::${literal(resource.id)}
);`;
}

/** A string of Cedar: names of the database may hold quotes, line breaks, anything. Source: Cedar documentation, "String". */
function literal(text: string): string {
  const escaped = text.replace(/["\\\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    character === '"' || character === "\\" ? `\\${character}` : `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
  return `"${escaped}"`;
}

function many(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
