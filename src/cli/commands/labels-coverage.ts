/** `postern labels coverage`: every column, how it is labelled and masked, and what looks sensitive without a label. */

import type { Command } from "commander";
import type { Catalog } from "../../analysis/catalog.ts";
import { columnText } from "../../masking/labels/check.ts";
import { PUBLIC } from "../../masking/labels/document.ts";
import { isLabelled } from "../../masking/labels/label-edges.ts";
import type { LabelMap } from "../../masking/labels/label-map.ts";
import type { LabelSet } from "../../masking/labels/label-set.ts";
import { proposalFor } from "../../masking/labels/proposals.ts";
import { resolveLabels, rulesFor } from "../../masking/labels/spread.ts";
import { maskText } from "../../masking/masks/mask.ts";
import { maskExpression } from "../../masking/masks/mask-expression.ts";
import { examples, type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { CliError } from "../exit.ts";
import { rowsOption } from "../labels/rows-option.ts";
import { type Samples, sampleValues } from "../labels/samples.ts";
import { chainText, typeWithBase } from "../labels/shown.ts";
import { configuredLabels, databaseOptions, meantCatalog, meantTarget, type SavedOptions } from "../labels/source.ts";
import { note, printList } from "../output.ts";

interface CoverageOptions extends SavedOptions, FormatOptions {
  readonly values?: number;
  readonly only?: "labelled" | "unlabelled" | "suspicious";
}

export function addLabelsCoverage(group: Command, context: CliContext): void {
  const command = group
    .command("coverage")
    .summary("show every column: label, mask, and why")
    .description(
      "Lists every column of a database: its labels and mask and by what way they came to it, what is quarantined, what is public, and for columns without a label what looks sensitive in their name and, with --values, in their values. Shows no value.",
    )
    .option("--catalog <file>", "a catalog that policy catalog save wrote, instead of the server")
    .addOption(rowsOption("--values <rows>", "look at so many rows of each table for what detectors know"))
    .option("--only <which>", "labelled, unlabelled, or suspicious: unlabelled with a sign of something sensitive");
  databaseOptions(command, context)
    .addOption(formatOption())
    .action((options: CoverageOptions) => coverage(context, options));
  examples(command, [
    ["postern labels coverage --database shop", "every column"],
    ["postern labels coverage --database shop --values 500 --only suspicious", "what may have been forgotten"],
  ]);
}

async function coverage(context: CliContext, options: CoverageOptions): Promise<void> {
  const { only } = options;
  if (only !== undefined && !["labelled", "unlabelled", "suspicious"].includes(only)) {
    throw new CliError("usage", `--only cannot be ${only}`, "one of labelled, unlabelled, suspicious");
  }
  if (options.values !== undefined && options.catalog !== undefined) {
    throw new CliError("usage", "a saved catalog holds no values", "leave --values or --catalog out");
  }
  const set = configuredLabels(context, options.config);
  const catalog = await meantCatalog(context, options);
  const samples =
    options.values === undefined
      ? undefined
      : await sampleValues(context, meantTarget(context, options), catalog, set.detectors, options.values);
  const all = rowsOf(set, catalog, resolveLabels(set, catalog), samples);
  const rows = all.filter(({ status, signs }) => isWanted(only, status !== "unlabelled", signs.length > 0));
  printList(context, options.output, rows, COLUMNS, "no column");
  for (const name of samples?.unread ?? []) note(context, `${name} could not be read: its values were not looked at.`);
  const count = (status: string): number => all.filter((row) => row.status === status).length;
  const suspicious = all.filter(({ status, signs }) => status === "unlabelled" && signs.length > 0).length;
  note(
    context,
    `${all.length} columns: ${count("labelled")} labelled, ${count("quarantined")} quarantined, ${count(PUBLIC)} public, ${count("unlabelled")} unlabelled (${suspicious} of them suspicious).`,
  );
}

function isWanted(only: CoverageOptions["only"], isDecided: boolean, isSuspicious: boolean): boolean {
  if (only === undefined) return true;
  if (only === "labelled") return isDecided;
  return !isDecided && (only === "unlabelled" || isSuspicious);
}

/** A column as json, yaml and jsonl have it. */
interface Row {
  readonly column: string;
  readonly type: string;
  readonly status: "labelled" | "quarantined" | "public" | "unlabelled";
  readonly labels: readonly string[];
  readonly mask: string | null;
  readonly why: readonly string[];
  /** Of what is unlabelled: what looks sensitive. */
  readonly signs: readonly string[];
}

const COLUMNS = [
  { head: "column", cell: ({ column }: Row) => column },
  { head: "type", cell: ({ type }: Row) => type },
  { head: "status", cell: ({ status }: Row) => status },
  { head: "labels", cell: ({ labels }: Row) => labels },
  { head: "mask", cell: ({ mask }: Row) => mask },
  { head: "why", cell: ({ why, signs }: Row) => (why.length > 0 ? why : signs) },
];

function rowsOf(set: LabelSet, catalog: Catalog, map: LabelMap, samples: Samples | undefined): readonly Row[] {
  return catalog.data.relations.filter(isLabelled).flatMap((relation) =>
    relation.columns.map((column): Row => {
      const name = { relation: relation.oid, column: column.number };
      const head = { column: columnText(name, catalog), type: typeWithBase(column, catalog) };
      const found = map.column(relation.oid, column.number);
      if (found !== undefined) {
        const status = found.why.every((chain) => chain.at(-1)?.by === "quarantine") ? "quarantined" : "labelled";
        const canMask = maskExpression("c", column, found.mask, catalog).ok;
        const mask = canMask ? maskText(found.mask) : `null (its type cannot carry ${maskText(found.mask)})`;
        return {
          ...head,
          status,
          labels: found.labels,
          mask,
          why: found.why.map((chain) => chainText(chain, catalog)),
          signs: [],
        };
      }
      const [rule] = rulesFor(set.rules, catalog.database, relation, column.name);
      if (rule !== undefined) {
        return {
          ...head,
          status: PUBLIC,
          labels: [PUBLIC],
          mask: null,
          why: [`${rule.text} (line ${rule.line})`],
          signs: [],
        };
      }
      const proposal = proposalFor(name, catalog, null, samples?.columns.get(relation.oid)?.get(column.number));
      return { ...head, status: "unlabelled", labels: [], mask: null, why: [], signs: proposal?.evidence ?? [] };
    }),
  );
}
