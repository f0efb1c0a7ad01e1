/**
 * What each principal may see of the server's own catalogs, shared by the sessions of one database and role. Made when a statement
 * first asks, kept while catalog and policy stay as they are; what must be asked of the server for it is learned meanwhile, and
 * who asked asks again.
 */

import { createHash } from "node:crypto";
import type { Catalog } from "../analysis/catalog.ts";
import type { ServerMajor } from "../analysis/query-tree/tree-facts.ts";
import { CatalogVisibility } from "../masking/visibility/catalog-visibility.ts";
import { decideVisible } from "../masking/visibility/decide-visible.ts";
import type { PolicyContext, PolicyPrincipal, PolicySet } from "../policy/policy-set.ts";

/** What is asked of the server, on connections of our own. */
export interface SightQuestions {
  readonly trees: (texts: readonly string[]) => Promise<readonly Uint8Array[]>;
  readonly rows: (sql: string) => Promise<readonly (readonly (string | null)[])[]>;
}

export interface Viewer {
  readonly principal: PolicyPrincipal;
  readonly context: PolicyContext;
}

/** Principals, and sets of visible objects, kept at most. */
const MAX_KEPT = 500;

export class Sights {
  readonly #major: ServerMajor;
  readonly #questions: SightQuestions;
  /** By viewer; void when catalog or policy is another. */
  readonly #viewers = new Map<string, CatalogVisibility>();
  /** By VisibleObjects.key: many see the same. */
  readonly #shared = new Map<string, CatalogVisibility>();
  readonly #ready = new WeakSet<CatalogVisibility>();
  readonly #learning = new Map<CatalogVisibility, Promise<void>>();
  /** Trees of texts of our own: of relations that came with the server, so the same for all catalogs. */
  readonly #trees = new Map<string, Uint8Array>();
  #catalog: Catalog | null = null;
  #set: PolicySet | null = null;

  constructor(major: ServerMajor, questions: SightQuestions) {
    this.#major = major;
    this.#questions = questions;
  }

  /** @returns a promise where the server is being asked: ask again when it has settled. It rejects where that cannot be. */
  of(viewer: Viewer, catalog: Catalog, set: PolicySet): CatalogVisibility | Promise<void> {
    const visibility = this.#find(viewer, catalog, set);
    if (visibility.visible.everything || this.#ready.has(visibility)) return visibility;
    return this.#learn(visibility, async () => {
      const rows = await this.#questions.rows(visibility.objectsQuery());
      visibility.learnObjects(rows.map(([name, oid]) => [name ?? "", Number(oid)] as const));
      this.#ready.add(visibility);
    });
  }

  /** Has the trees learned that a proof has missed. */
  teach(visibility: CatalogVisibility, texts: readonly string[]): Promise<void> {
    return this.#learn(visibility, async () => {
      const missing = texts.filter((text) => !this.#trees.has(text));
      const trees = await this.#questions.trees(missing.map((text) => CatalogVisibility.statementFor(text)));
      if (this.#trees.size + missing.length > MAX_KEPT) this.#trees.clear();
      for (const [i, text] of missing.entries()) {
        const tree = trees[i];
        if (tree !== undefined) this.#trees.set(text, tree);
      }
      for (const text of texts) {
        const tree = this.#trees.get(text);
        if (tree !== undefined) visibility.learn(text, tree);
      }
    });
  }

  #find(viewer: Viewer, catalog: Catalog, set: PolicySet): CatalogVisibility {
    if (this.#catalog !== catalog || this.#set !== set) {
      this.#viewers.clear();
      this.#shared.clear();
      this.#catalog = catalog;
      this.#set = set;
    }
    const key = createHash("sha256").update(JSON.stringify(viewer)).digest("base64");
    const known = this.#viewers.get(key);
    if (known !== undefined) return known;
    const visible = decideVisible({ catalog, policies: set, ...viewer });
    const shared = this.#shared.get(visible.key) ?? new CatalogVisibility(visible, this.#major);
    if (this.#viewers.size >= MAX_KEPT) this.#viewers.clear();
    if (this.#shared.size >= MAX_KEPT) this.#shared.clear();
    this.#viewers.set(key, shared);
    this.#shared.set(visible.key, shared);
    return shared;
  }

  /** One question at a time for each: those who ask meanwhile ask again. */
  #learn(visibility: CatalogVisibility, work: () => Promise<void>): Promise<void> {
    const known = this.#learning.get(visibility);
    if (known !== undefined) return known;
    const learning = work().finally(() => this.#learning.delete(visibility));
    this.#learning.set(visibility, learning);
    return learning;
  }
}
