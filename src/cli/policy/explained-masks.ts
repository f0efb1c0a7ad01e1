/**
 * Masks as the gateway would put them into a statement, for `postern policy explain`: the text that would be sent, and by the server's tree
 * of it what the gateway would say. Uses the gateway's own parts, and sends nothing but Parse.
 */

import type { Catalog, CatalogRelation } from "../../analysis/catalog.ts";
import type { Major } from "../../analysis/grammar.ts";
import type { ParsedStatement } from "../../analysis/parsed-statement.ts";
import type { QueryNode } from "../../analysis/query-tree/query-node.ts";
import type { TreeFacts } from "../../analysis/query-tree/tree-facts.ts";
import type { PolicyRequest } from "../../analysis/requests.ts";
import type { GatewayError } from "../../base/errors.ts";
import { copyMasked } from "../../gateway/enforcer-errors.ts";
import { MaskedViews, type ViewQuestions } from "../../gateway/masked-views.ts";
import { replacedBy, returnedBy } from "../../gateway/meant-relations.ts";
import { mayBePutIn, ViewsPutIn } from "../../gateway/views-put-in.ts";
import { checkInvariant } from "../../masking/invariant/check-invariant.ts";
import type { LabelMap } from "../../masking/labels/label-map.ts";
import type { LabelSet } from "../../masking/labels/label-set.ts";
import { labelledWrites } from "../../masking/labels/labelled-writes.ts";
import { resolveLabels } from "../../masking/labels/spread.ts";
import { definesMasked } from "../../masking/masked/defines-masked.ts";
import { labelledUse } from "../../masking/masked/labelled-use.ts";
import { MaskedColumns } from "../../masking/masked/masked-columns.ts";
import { strictUseOf } from "../../masking/masked/strict-uses.ts";
import { unmasked, usedStrictly } from "../../masking/masked/unmasked.ts";
import { type Splice, splice } from "../../masking/splice.ts";
import type { ViewForm } from "../../masking/views/view-text.ts";
import { maskWritten } from "../../masking/write-back/mask-written.ts";
import { writtenMask } from "../../masking/write-back/written-masks.ts";
import type { AnalysisConnection } from "../../upstream/analyse.ts";

/** What explain tells of one statement. */
export interface MaskedText {
  /** What would go to the server in the statement's place; null: the statement itself. */
  readonly sent: string | null;
  readonly columns: readonly {
    readonly column: string;
    readonly labels: readonly string[];
    readonly mask: string;
    readonly revealed: boolean;
  }[];
}

export interface MaskedSplice {
  readonly spliced: Splice;
  /** Definitions stand in it for views: what it asks of policy, the client's own text says. */
  readonly putsViewsIn: boolean;
}

export class ExplainedMasks {
  readonly #catalog: Catalog;
  readonly #map: LabelMap;
  readonly #columns: MaskedColumns;
  readonly #reveals = new Map<string, readonly string[]>();
  #views: MaskedViews | null = null;

  /** @param revealedBy the policies that permit the principal to see a label's values; null: none. */
  constructor(catalog: Catalog, labels: LabelSet, revealedBy: (label: string) => readonly string[] | null) {
    this.#catalog = catalog;
    this.#map = resolveLabels(labels, catalog);
    for (const label of new Set([...this.#map].flatMap((column) => column.labels))) {
      const policies = revealedBy(label);
      if (policies !== null) this.#reveals.set(label, policies);
    }
    this.#columns = new MaskedColumns(catalog, this.#map, (label) => this.#reveals.has(label));
  }

  /** Has the server parse the masks, so that they are known in its trees. @param questions about views. */
  async learn(server: AnalysisConnection, major: Major, questions: ViewQuestions): Promise<void> {
    this.#views = new MaskedViews(major, questions);
    for (const [key, question] of [...this.#columns.questions()]) {
      const answer = await server.parse(new TextEncoder().encode(question));
      if (answer.ok && answer.tree !== null) this.#columns.learn(key, answer.tree, major);
      else this.#columns.giveUp(question);
    }
  }

  /** @throws {GatewayError} where a mask cannot be put in. */
  async splice(text: Uint8Array, parsed: ParsedStatement): Promise<MaskedSplice | null> {
    if (this.#columns.none) return null;
    for (;;) {
      const views = new ViewsPutIn({ catalog: this.#catalog, viewForm: (view) => this.#formOf(view) }, this.#columns);
      const here = mayBePutIn(parsed);
      const spliced = splice(
        text,
        parsed,
        (reference) =>
          views.replacementFor(reference, here) ?? replacedBy(this.#columns, reference, text, this.#catalog),
        ({ name }) => returnedBy(this.#columns, name, this.#catalog),
      );
      if (views.waiting === null) return spliced === null ? null : { spliced, putsViewsIn: !views.none };
      await views.waiting;
    }
  }

  /** Without a server nothing is put in for a view. */
  #formOf(view: CatalogRelation): ViewForm | Promise<void> {
    return this.#views?.of(view, this.#columns, this.#catalog) ?? { kind: "around" };
  }

  /** What the gateway asks of policy because labelled columns are written to. */
  writes(facts: TreeFacts | null, more: readonly PolicyRequest[]): readonly PolicyRequest[] {
    return labelledWrites(facts, more, this.#map, this.#catalog);
  }

  /** Why it would be refused whatever policy says. @param queries of what would be sent; null: it has no tree. */
  refusal(
    parsed: ParsedStatement,
    requests: readonly PolicyRequest[],
    queries: readonly QueryNode[] | null,
  ): GatewayError | null {
    if (this.#columns.none) return null;
    const defined = definesMasked(parsed, requests, this.#columns, this.#catalog);
    if (defined !== null) return defined;
    for (const { action, resource } of requests) {
      if (action !== "copyOut" || resource.kind !== "table" || parsed.inner !== undefined) continue;
      const relation = this.#catalog.relationByName(resource.schema, resource.name);
      if (relation !== undefined && this.#columns.isLabelled(relation.oid))
        return copyMasked(resource, this.#columns.columnsOf(relation));
    }
    if (queries === null) return null;
    const [violation] = checkInvariant(queries, this.#columns);
    if (violation !== undefined)
      return unmasked(violation, this.#catalog, this.#views?.refusedIn(queries, this.#columns, this.#catalog));
    const strict = strictUseOf(queries, this.#columns);
    if (strict !== null) return usedStrictly(strict, this.#catalog);
    const written = writtenMask(queries, this.#columns, new Map());
    return written === null ? null : maskWritten(written, this.#catalog);
  }

  /** @param sent the statement's own text of it; null: nothing was put in. @param queries of it; null: offline. */
  told(sent: string | null, queries: readonly QueryNode[] | null): MaskedText | null {
    const known = { map: this.#map, columns: this.#columns, reveals: this.#reveals, tells: false };
    const use = queries === null ? null : labelledUse(queries, this.#catalog, known);
    if (use === null && sent === null) return null;
    const columns = [
      ...(use?.masked ?? []).map((column) => ({ column, revealed: false })),
      ...(use?.revealed ?? []).map((column) => ({ column, revealed: true })),
    ];
    return {
      sent,
      columns: columns.map(({ column: { name, labels, mask }, revealed }) => ({
        column: name,
        labels,
        mask,
        revealed,
      })),
    };
  }
}
