/**
 * What is masked for each principal, shared by the sessions of one database and role: the labels of the catalog, less those that
 * policy lets it see. Made when a statement first asks, kept while catalog, policy and labels stay as they are; the server's trees of
 * masks are learned meanwhile. Decides nothing of a statement.
 */

import { createHash } from "node:crypto";
import type { Catalog } from "../analysis/catalog.ts";
import type { ServerMajor } from "../analysis/query-tree/tree-facts.ts";
import { GatewayError } from "../base/errors.ts";
import type { LabelMap } from "../masking/labels/label-map.ts";
import type { LabelSet } from "../masking/labels/label-set.ts";
import { resolveLabels } from "../masking/labels/spread.ts";
import { MaskedColumns } from "../masking/masked/masked-columns.ts";
import type { PolicySet } from "../policy/policy-set.ts";
import type { SightQuestions, Viewer } from "./sights.ts";

/** Principals, sets of revealed labels, and trees kept at most. */
const MAX_KEPT = 500;

/** By what a principal is told apart here. */
interface Basis {
  readonly catalog: Catalog;
  readonly policies: PolicySet;
  readonly labels: LabelSet;
}

export interface Masked {
  readonly columns: MaskedColumns;
  /** By label that is revealed: the policies that permit it. */
  readonly reveals: ReadonlyMap<string, readonly string[]>;
  /** Trees of masks are being asked for; until they have come, what they are for is refused. */
  readonly learning: Promise<void> | null;
}

export class Masks {
  readonly #major: ServerMajor;
  readonly #trees: SightQuestions["trees"];
  readonly #learned = new Map<string, Uint8Array>();
  readonly #learning = new Map<MaskedColumns, Promise<void>>();
  #basis: Basis | null = null;
  #map: LabelMap | null = null;
  readonly #viewers = new Map<string, Pick<Masked, "columns" | "reveals">>();
  /** By the labels that are revealed: many see the same. */
  readonly #shared = new Map<string, MaskedColumns>();

  constructor(major: ServerMajor, questions: Pick<SightQuestions, "trees">) {
    this.#major = major;
    this.#trees = questions.trees;
  }

  of(viewer: Viewer, basis: Basis): Masked {
    const { columns, reveals } = this.#find(viewer, basis);
    const missing = [...columns.questions()].filter(([key]) => !this.#take(columns, key));
    return { columns, reveals, learning: missing.length === 0 ? null : this.#learn(columns, missing) };
  }

  /** Labels of the catalog, whoever asks. */
  labels(basis: Basis): LabelMap {
    return this.#keepUp(basis);
  }

  /** @returns whether the tree was known. */
  #take(columns: MaskedColumns, key: string): boolean {
    const tree = this.#learned.get(key);
    if (tree === undefined) return false;
    columns.learn(key, tree, this.#major);
    return true;
  }

  /** One question at a time for each: those who ask meanwhile ask again. */
  #learn(columns: MaskedColumns, missing: readonly (readonly [key: string, question: string])[]): Promise<void> {
    const known = this.#learning.get(columns);
    if (known !== undefined) return known;
    const learning = this.#ask(columns, missing).finally(() => this.#learning.delete(columns));
    this.#learning.set(columns, learning);
    return learning;
  }

  /** All at once; where the server finds a fault with one, each by itself: it is the fault of those that it is of. */
  async #ask(columns: MaskedColumns, missing: readonly (readonly [key: string, question: string])[]): Promise<void> {
    const questions = missing.map(([, question]) => question);
    const [first, ...others] = missing;
    try {
      const trees = await this.#trees(questions);
      if (this.#learned.size + missing.length > MAX_KEPT) this.#learned.clear();
      for (const [i, [key]] of missing.entries()) {
        const tree = trees[i];
        if (tree === undefined) continue;
        this.#learned.set(key, tree);
        columns.learn(key, tree, this.#major);
      }
    } catch (error) {
      const isFault = error instanceof GatewayError && error.code === "INTERNAL";
      if (!isFault || first === undefined) throw error;
      if (others.length === 0) columns.giveUp(first[1]);
      else for (const one of missing) await this.#ask(columns, [one]);
    }
  }

  #find({ principal, context }: Viewer, basis: Basis): Pick<Masked, "columns" | "reveals"> {
    const map = this.#keepUp(basis);
    const key = createHash("sha256")
      .update(JSON.stringify([principal, context]))
      .digest("base64");
    const known = this.#viewers.get(key);
    if (known !== undefined) return known;
    const labels = [...new Set([...map].flatMap((column) => column.labels))].sort();
    const reveals = new Map<string, readonly string[]>();
    for (const name of labels) {
      const request = { action: "reveal", resource: { kind: "label", name } } as const;
      const decision = basis.policies.decide(principal, request, context);
      if (decision.verdict === "permit") reveals.set(name, decision.policies);
    }
    const shared = [...reveals.keys()].join("\n"); // no label has a line break
    const columns = this.#shared.get(shared) ?? new MaskedColumns(basis.catalog, map, (label) => reveals.has(label));
    if (this.#viewers.size >= MAX_KEPT) this.#viewers.clear();
    if (this.#shared.size >= MAX_KEPT) this.#shared.clear();
    const found = { columns, reveals };
    this.#viewers.set(key, found);
    this.#shared.set(shared, columns);
    return found;
  }

  #keepUp(basis: Basis): LabelMap {
    const { catalog, policies, labels } = basis;
    const before = this.#basis;
    const isSame = before?.catalog === catalog && before.labels === labels;
    if (isSame && before.policies === policies && this.#map !== null) return this.#map;
    this.#viewers.clear();
    this.#shared.clear();
    this.#basis = basis;
    if (!isSame || this.#map === null) this.#map = resolveLabels(labels, catalog);
    return this.#map;
  }
}
