/**
 * The views of one statement for which their definitions stand in what goes upstream, with masks inside. A name is taken for a view
 * only where nothing else has it: what the client's own text means, the server is asked beside (Evidence.meaning).
 */

import type { CatalogRelation } from "../analysis/catalog.ts";
import type { ParsedStatement } from "../analysis/parsed-statement.ts";
import { isTrue, type QueryNode } from "../analysis/query-tree/query-node.ts";
import type { RelationReference } from "../analysis/references.ts";
import { GatewayError } from "../base/errors.ts";
import { viewOf } from "../masking/invariant/sources.ts";
import type { MaskedColumns } from "../masking/masked/masked-columns.ts";
import { isSameQuery, subSelectsOf } from "../masking/views/same-query.ts";
import type { ViewForm } from "../masking/views/view-text.ts";
import type { Analysed, Enforcement } from "./enforcement.ts";

/** Their text is kept by the server, or is another statement's: what stands in it stays as the client wrote it. */
const KEPT: ReadonlySet<string> = new Set(["prepare", "view", "matview"]);

/** What is known of views by now. */
export type KnownViews = Pick<Enforcement, "catalog" | "viewForm">;

/** Whether definitions may stand for views in a statement. */
export function mayBePutIn({ inner }: ParsedStatement): boolean {
  return inner === undefined || !KEPT.has(inner.by);
}

export class ViewsPutIn {
  readonly masked: MaskedColumns;
  readonly #known: KnownViews;
  readonly #forms = new Map<number, PutIn>();
  /** The server is being asked about a view. */
  waiting: Promise<void> | null = null;

  constructor(known: KnownViews, masked: MaskedColumns) {
    this.#known = known;
    this.masked = masked;
  }

  get oids(): readonly number[] {
    return [...this.#forms.keys()];
  }

  /** None yet. */
  get none(): boolean {
    return this.#forms.size === 0;
  }

  /**
   * @param here it can be put in; if not, it is only looked at, for the words of the refusal.
   * @returns what stands in FROM; null: it is no such view, or is not known yet.
   */
  replacementFor({ name, place }: RelationReference, here: boolean): string | null {
    if (this.masked.none || (place !== "from" && place !== "table")) return null;
    const [view, ...others] = this.#named(name);
    if (view === undefined || view.kind !== "v" || others.length > 0) return null;
    const form = this.#known.viewForm(view, this.masked);
    if (form instanceof Promise) this.waiting ??= form;
    else if (form.kind === "inside" && here) {
      this.#forms.set(view.oid, { form, times: (this.#forms.get(view.oid)?.times ?? 0) + 1 });
      return form.text;
    }
    return null;
  }

  #named(name: readonly string[]): readonly CatalogRelation[] {
    const { catalog } = this.#known;
    const [relation = "", schema] = [name.at(-1), name.at(-2)];
    if (schema !== undefined && catalog.isBuiltIn(schema)) return [];
    const schemas = schema === undefined ? catalog.data.schemas.map((each) => each.name) : [schema];
    return schemas.flatMap((each) => catalog.relationByName(each, relation) ?? []);
  }

  /** Whether they are now what they were when they were put in. A promise: ask again when it has settled. */
  standFor(masked: MaskedColumns): boolean | Promise<void> {
    if (masked === this.masked) return true;
    for (const [oid, { form: before }] of this.#forms) {
      const view = this.#known.catalog.relation(oid);
      const form: ViewForm | Promise<void> | undefined =
        view === undefined ? undefined : this.#known.viewForm(view, masked);
      if (form instanceof Promise) return form;
      if (form?.kind !== "inside" || form.text !== before.text) return false;
    }
    return true;
  }

  /**
   * By the server's trees: `redefined` where a view is no longer what it was when its definition was taken, `renamed` where that means
   * something else here, by the session's names of operators, functions and types.
   * @param meant by the client's own text. @param runs what goes upstream.
   */
  foundIn(meant: readonly QueryNode[], runs: readonly QueryNode[]): "asTaken" | "redefined" | "renamed" {
    const [named, inside] = [subSelectsOf(meant), subSelectsOf(runs)];
    const forms = [...this.#forms];
    const isAsDefined = forms.every(([oid, { form }]) => {
      const views = named.filter(({ entry }) => viewOf(entry) === oid);
      // What was no security barrier when it was looked at may be one since.
      return views.every(({ entry, body }) => !isTrue(entry, "security_barrier") && isSameQuery(body, form.definition));
    });
    if (!isAsDefined) return "redefined";
    const isAsTaken = forms.every(([oid, { form, times }]) => {
      // A name that means a temporary table would else pass for a view that another one reads.
      const isNamed = named.filter(({ entry, inView }) => !inView && viewOf(entry) === oid).length === times;
      return isNamed && inside.filter(({ body }) => isSameQuery(body, form.query)).length >= times;
    });
    return isAsTaken ? "asTaken" : "renamed";
  }
}

/** How often, in one statement. */
interface PutIn {
  readonly form: Extract<ViewForm, { readonly kind: "inside" }>;
  readonly times: number;
}

/** Whether what runs touches and calls nothing but what the client's own text does. */
export function isWithin(runs: Analysed, meant: Analysed): boolean {
  const touched = new Set(meant.facts?.relations.map(({ action, oid }) => `${action} ${oid}`));
  const called = new Set(meant.requests.filter(({ action }) => action === "call").map(asKey));
  return (
    runs.facts?.relations.every(({ action, oid }) => touched.has(`${action} ${oid}`)) === true &&
    runs.requests.every((request) => request.action !== "call" || called.has(asKey(request)))
  );
}

export function beyondMeaning(): GatewayError {
  return new GatewayError(
    "CANNOT_JUDGE",
    "a view in it computes with masked columns, and its definition means something else here",
    {
      detail: "Names that it is made of, or its own, mean other things in this session than where it was defined.",
      hint: "Name the view by its schema, put pg_catalog first in the search path, and send the statement again.",
    },
  );
}

function asKey({ resource }: Analysed["requests"][number]): string {
  return JSON.stringify(resource);
}

export function definedMeanwhile(): GatewayError {
  return new GatewayError(
    "CANNOT_JUDGE",
    "a view in it computes with masked columns, and the transaction has definitions of its own",
    {
      detail: "They may have changed the view, which nobody else can see yet.",
      hint: "Commit them first.",
    },
  );
}
