/**
 * How each view is shown to those who see the same masks: learned of the server when a statement first names the view, and kept while
 * catalog, policy and labels stay as they are. Decides nothing of a statement: the tree of what is sent is the proof (ADR 13).
 */

import { hash } from "node:crypto";
import type { Catalog, CatalogRelation } from "../analysis/catalog.ts";
import type { ParsedStatement, ParseOutcome } from "../analysis/parsed-statement.ts";
import type { QueryNode } from "../analysis/query-tree/query-node.ts";
import { readQueryTree } from "../analysis/query-tree/reader.ts";
import { touchedBy } from "../analysis/query-tree/touched.ts";
import type { ServerMajor } from "../analysis/query-tree/tree-facts.ts";
import { GatewayError } from "../base/errors.ts";
import { checkInvariant } from "../masking/invariant/check-invariant.ts";
import type { MaskedColumns } from "../masking/masked/masked-columns.ts";
import type { UnmaskedView } from "../masking/masked/unmasked.ts";
import { isSameQuery, onlySubSelect } from "../masking/views/same-query.ts";
import {
  definitionQuery,
  givesColumnsOf,
  type MaskedBy,
  namedIn,
  neither,
  qualified,
  readDefinition,
  type ViewForm,
  viewText,
} from "../masking/views/view-text.ts";
import type { SightQuestions } from "./sights.ts";

/** What is asked: the server, and the grammar. */
export interface ViewQuestions extends SightQuestions {
  /** Of a text of the server's, however long. */
  readonly parse: (text: Uint8Array) => Promise<ParseOutcome>;
}

/** Characters of what is put in. Views over views, each named twice, double it with each. */
const MAX_TEXT = 64 * 1024;
/** Forms of views kept at most. */
const MAX_KEPT = 1_000;

interface Known {
  readonly forms: Map<number, ViewForm>;
  readonly learning: Map<number, Promise<void>>;
}

/** Of a view that could be shown masked, and is not here. */
const STAYS = {
  why: "Its definition is put in with masks where a query reads it and runs at once, not in PREPARE, definitions, or the target of a write.",
  hint: "SELECT from it; a driver may prepare that by the protocol's own Parse.",
};

export class MaskedViews {
  readonly #major: ServerMajor;
  readonly #questions: ViewQuestions;
  readonly #known = new WeakMap<MaskedColumns, Known>();
  /** Of views that definitions stand for, by {@link keyOf}. */
  readonly #kept = new Map<string, ViewForm>();

  constructor(major: ServerMajor, questions: ViewQuestions) {
    this.#major = major;
    this.#questions = questions;
  }

  /** @returns a promise where the server is being asked: ask again when it has settled. */
  of(view: CatalogRelation, masked: MaskedColumns, catalog: Catalog): ViewForm | Promise<void> {
    const known = this.#knownFor(masked);
    const form = known.forms.get(view.oid) ?? this.#asBefore(view, masked, catalog);
    if (form === null) return this.#learn(view, known, masked, catalog);
    known.forms.set(view.oid, form);
    return form;
  }

  /** They are not what was known of them, by a statement's tree: whoever names them next has them looked at anew. */
  forget(views: readonly number[], masked: MaskedColumns): void {
    for (const view of views) {
      this.#known.get(masked)?.forms.delete(view);
      for (const key of this.#kept.keys()) if (key.startsWith(`${view} `)) this.#kept.delete(key);
    }
  }

  /** Where catalogs change all the time it would be asked for all the time: it stands while what it is made with is the same. */
  #asBefore(view: CatalogRelation, masked: MaskedColumns, catalog: Catalog): ViewForm | null {
    const below = relationsBelow(view, catalog);
    if (below?.every(({ oid }) => !masked.isLabelled(oid)) === true) return { kind: "around" };
    return this.#kept.get(keyOf(view, below, masked)) ?? null;
  }

  #keep(view: CatalogRelation, form: ViewForm, masked: MaskedColumns, catalog: Catalog): void {
    if (this.#kept.size >= MAX_KEPT) this.#kept.clear();
    this.#kept.set(keyOf(view, relationsBelow(view, catalog), masked), form);
  }

  /** Views among what a tree reads that compute with masked columns, and for which nothing was put in: why not. */
  refusedIn(queries: readonly QueryNode[], masked: MaskedColumns, catalog: Catalog): readonly UnmaskedView[] {
    const forms = touchedBy(queries, this.#major).relations.flatMap(({ oid }) => {
      const [view, form] = [catalog.relation(oid), this.#known.get(masked)?.forms.get(oid)];
      return view === undefined || form === undefined || form.kind === "around" ? [] : [{ view, form }];
    });
    // The one that the statement names, not those that it reads.
    const below = new Set(forms.flatMap(({ view }) => relationsBelow(view, catalog)?.slice(1) ?? []));
    const named = forms.filter(({ view }) => !below.has(view));
    return named.map(({ view, form }) => ({ view, ...(form.kind === "neither" ? form : STAYS) }));
  }

  #knownFor(masked: MaskedColumns): Known {
    const known = this.#known.get(masked) ?? { forms: new Map(), learning: new Map() };
    this.#known.set(masked, known);
    return known;
  }

  /** Views do not go round in a circle: the server does not let them. */
  #learn(view: CatalogRelation, known: Known, masked: MaskedColumns, catalog: Catalog): Promise<void> {
    const { forms, learning } = known;
    const before = learning.get(view.oid);
    if (before !== undefined) return before;
    const work = this.#formOf(view, known, masked, catalog)
      .then((form) => {
        forms.set(view.oid, form);
        if (form.kind === "inside") this.#keep(view, form, masked, catalog);
      })
      .finally(() => learning.delete(view.oid));
    learning.set(view.oid, work);
    return work;
  }

  async #formOf(view: CatalogRelation, known: Known, masked: MaskedColumns, catalog: Catalog): Promise<ViewForm> {
    const around = await this.#look(masked.replacementFor(view, qualified(view)), masked);
    if (around === null || around.holds) return { kind: "around" };
    const below = around.relations.flatMap((oid) => catalog.relation(oid) ?? []).filter(({ oid }) => oid !== view.oid);
    const oids = below.map(({ oid }) => oid);
    const before = await this.#definition(view);
    if (before === null) return notReplaced("The server does not show its definition.");
    const [row] = await this.#questions.rows(definitionQuery(view.oid, oids));
    const text = readDefinition(row, below);
    if (typeof text !== "string") return text;
    const parsed = await this.#parsed(text);
    const named = parsed === null ? null : namedIn(parsed, catalog);
    if (parsed === null) return notReplaced("The text of its definition could not be read.");
    if (named === null) return notReplaced("It reads the server's own catalogs too.");
    const forms = new Map<number, ViewForm>();
    for (const one of named.filter(({ kind, schema }) => kind === "v" && !catalog.isBuiltIn(schema))) {
      const form = known.forms.get(one.oid) ?? (await this.#below(one, known, masked, catalog));
      if (form.kind === "neither") return neither(`It reads "${one.schema}.${one.name}". ${form.why}`, form.hint);
      forms.set(one.oid, form);
    }
    try {
      const textBy = (by: MaskedBy): string => viewText(view, { text, parsed }, forms, masked, catalog, by);
      if (textBy("tables").length > MAX_TEXT) return notReplaced("With the views in it, its definition is too long.");
      const byTables = await this.#proven(view, textBy("tables"), before, masked, catalog);
      return byTables.kind === "inside"
        ? byTables
        : await this.#proven(view, textBy("columns"), before, masked, catalog);
    } catch (error) {
      if (error instanceof GatewayError && error.code === "CANNOT_JUDGE")
        return notReplaced(error.detail ?? error.message);
      throw error;
    }
  }

  async #below(view: CatalogRelation, known: Known, masked: MaskedColumns, catalog: Catalog): Promise<ViewForm> {
    await this.#learn(view, known, masked, catalog);
    return known.forms.get(view.oid) ?? notReplaced("It changes all the time.");
  }

  /** The text, if by the server's tree of it nothing shows but masks, in the view's own columns. */
  async #proven(
    view: CatalogRelation,
    text: string,
    before: QueryNode,
    masked: MaskedColumns,
    catalog: Catalog,
  ): Promise<ViewForm> {
    const inside = await this.#look(text, masked);
    if (inside === null) {
      return notReplaced("With masks in their columns' places the server does not take its definition.");
    }
    if (!inside.holds)
      return notReplaced("Its definition uses the whole row of a table, or shows a column past its mask.");
    if (!givesColumnsOf(view, inside.queries[0], catalog))
      return notReplaced("With masks its columns would be of other types.");
    const query = onlySubSelect(inside.queries);
    // It was not defined anew between the question for its text and this one.
    const definition = await this.#definition(view);
    const stands = query !== null && definition !== null && isSameQuery(definition, before);
    return stands ? { kind: "inside", text, query, definition } : notReplaced("It is being defined anew.");
  }

  /** What the server makes of a view's name. */
  async #definition(view: CatalogRelation): Promise<QueryNode | null> {
    const tree = await this.#tree(`SELECT * FROM ${qualified(view)} AS postern_view`);
    return tree === null ? null : onlySubSelect(readQueryTree(tree, this.#major));
  }

  /** What the server makes of a sub-select; null: it finds a fault with it. */
  async #look(text: string, masked: MaskedColumns) {
    const tree = await this.#tree(`SELECT * FROM ${text} AS postern_view`);
    if (tree === null) return null;
    const queries = readQueryTree(tree, this.#major);
    return {
      queries,
      holds: checkInvariant(queries, masked).length === 0,
      relations: [...new Set(touchedBy(queries, this.#major).relations.map(({ oid }) => oid))],
    };
  }

  async #tree(text: string): Promise<Uint8Array | null> {
    try {
      const [tree] = await this.#questions.trees([text]);
      return tree ?? null;
    } catch (error) {
      // The server's word on the text; everything else may be otherwise next time.
      if (error instanceof GatewayError && error.code === "INTERNAL") return null;
      throw error;
    }
  }

  async #parsed(definition: string): Promise<ParsedStatement | null> {
    const outcome = await this.#questions.parse(new TextEncoder().encode(definition));
    return outcome.ok && outcome.statements.length === 1 ? (outcome.statements[0] ?? null) : null;
  }
}

/** The view, what it reads, and what views among that read; null: not recorded for one of them. */
function relationsBelow(view: CatalogRelation, catalog: Catalog): readonly CatalogRelation[] | null {
  const found = new Map([[view.oid, view]]);
  for (const { kind, viewOf } of found.values()) {
    if (kind !== "v") continue;
    if (viewOf === undefined) return null;
    for (const oid of viewOf) {
      const relation = catalog.relation(oid);
      if (relation === undefined) return null;
      found.set(oid, relation);
    }
  }
  return [...found.values()];
}

/** By the masks of all that a view reads. That it is defined as it was, the tree of each statement shows. */
function keyOf(view: CatalogRelation, below: readonly CatalogRelation[] | null, masked: MaskedColumns): string {
  const masks = (below ?? []).map((relation) => masked.replacementFor(relation, qualified(relation)));
  const guarded = (below ?? []).map(({ rowSecurity }) => rowSecurity);
  return `${view.oid} ${hash("sha256", JSON.stringify([masks, guarded]), "base64")}`;
}

function notReplaced(why: string): ViewForm {
  return neither(why, "Query the tables behind it, where they are masked.");
}
