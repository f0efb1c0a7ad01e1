/** `postern labels scan|import`: labels proposed from what a database shows, or from rules of PostgreSQL Anonymizer. Writes no file. */

import type { Command } from "commander";
import type { Catalog } from "../../analysis/catalog.ts";
import { anonProposals } from "../../masking/labels/anon.ts";
import { columnText } from "../../masking/labels/check.ts";
import { QUARANTINE } from "../../masking/labels/document.ts";
import { isLabelled } from "../../masking/labels/label-edges.ts";
import type { LabelMap } from "../../masking/labels/label-map.ts";
import type { LabelSet } from "../../masking/labels/label-set.ts";
import { type Proposal, proposalFor, proposalsYaml } from "../../masking/labels/proposals.ts";
import { resolveLabels, rulesFor } from "../../masking/labels/spread.ts";
import { maskText } from "../../masking/masks/mask.ts";
import { examples, type FormatOptions, formatOption } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { rowsOption } from "../labels/rows-option.ts";
import { anonRules, columnComments, columnKey, sampleValues } from "../labels/samples.ts";
import { type CatalogOptions, configuredLabels, databaseOptions, meantTarget } from "../labels/source.ts";
import { note, printData } from "../output.ts";
import { loadFrom } from "../policy/source.ts";
import { escapeUnsafe, visible } from "../text.ts";

interface ScanOptions extends CatalogOptions, FormatOptions {
  readonly rows: number;
}

const PRINTED = "Prints lines for labels.yaml; with -o the proposals with their evidence. Nothing is put in force.";

export function addLabelsScan(group: Command, context: CliContext): void {
  const command = group
    .command("scan")
    .summary("propose labels from names, types, comments and values")
    .description(
      `Proposes labels for columns that have none: by their names, types and comments, and by looking at the first rows of each table for what detectors know. Evidence is told as counts and kinds, never as a value. ${PRINTED}`,
    )
    .addOption(rowsOption("--rows <number>", "look at so many rows of each table; 0: at none").default(200));
  databaseOptions(command, context)
    .addOption(formatOption())
    .action((options: ScanOptions) => scan(context, options));
  examples(command, [
    ["postern labels scan --database shop > labels.yaml", "to start from"],
    ["postern labels scan --database shop -o json", "with the evidence"],
  ]);
}

export function addLabelsImport(group: Command, context: CliContext): void {
  const command = group
    .command("import")
    .summary("propose labels from PostgreSQL Anonymizer's rules")
    .description(
      `Reads SECURITY LABEL FOR anon of the columns of a database and proposes labels with the masks that come nearest; where none does, the default. ${PRINTED}`,
    );
  databaseOptions(command, context)
    .addOption(formatOption())
    .action((options: CatalogOptions & FormatOptions) => importRules(context, options));
  examples(command, [["postern labels import --database shop >> labels.yaml", "then: postern labels check"]]);
}

async function scan(context: CliContext, options: ScanOptions): Promise<void> {
  const set = configuredLabels(context, options.config);
  const target = meantTarget(context, options);
  const { catalog } = await loadFrom(context, target);
  const comments = await columnComments(target);
  const samples =
    options.rows === 0 ? undefined : await sampleValues(context, target, catalog, set.detectors, options.rows);
  const map = resolveLabels(set, catalog);
  const proposals: Proposal[] = [];
  for (const name of openColumns(set, catalog, map)) {
    const { relation, column } = name;
    const comment = comments.get(columnKey(relation, column)) ?? null;
    const proposal = proposalFor(name, catalog, comment, samples?.columns.get(relation)?.get(column));
    if (proposal !== null) proposals.push(proposal);
  }
  print(context, options, proposals, catalog, set);
  for (const name of samples?.unread ?? []) note(context, `${name} could not be read: its values were not looked at.`);
}

async function importRules(context: CliContext, options: CatalogOptions & FormatOptions): Promise<void> {
  const set = configuredLabels(context, options.config);
  const target = meantTarget(context, options);
  const { catalog } = await loadFrom(context, target);
  const { proposals, unread } = anonProposals(await anonRules(target), catalog);
  print(context, options, proposals, catalog, set);
  for (const rule of unread) note(context, `not read: ${visible(columnText(rule, catalog))}: ${visible(rule.text)}`);
}

/** Tables' columns that nobody has spoken of: views show what those hold. */
function openColumns(set: LabelSet, catalog: Catalog, map: LabelMap) {
  return catalog.data.relations
    .filter((relation) => isLabelled(relation) && relation.kind !== "v")
    .flatMap((relation) =>
      relation.columns
        .filter(({ number, name }) => {
          const labels = map.column(relation.oid, number)?.labels ?? [];
          const isOpen = labels.every((label) => label === QUARANTINE);
          return isOpen && rulesFor(set.rules, catalog.database, relation, name).length === 0;
        })
        .map(({ number }) => ({ relation: relation.oid, column: number })),
    );
}

function print(
  context: CliContext,
  { output }: FormatOptions,
  proposals: readonly Proposal[],
  catalog: Catalog,
  set: LabelSet,
): void {
  if (output !== "table") {
    const rows = proposals.map(({ label, mask, confidence, evidence, ...name }) => {
      return {
        database: catalog.database,
        column: columnText(name, catalog),
        label,
        mask: maskText(mask),
        confidence,
        evidence,
      };
    });
    printData(context, output, rows);
    return;
  }
  if (proposals.length > 0)
    context.out.write(
      escapeUnsafe(
        proposalsYaml(proposals, catalog, new Map([...set.masks].map(([label, { mask }]) => [label, mask]))),
      ),
    );
  note(
    context,
    `${proposals.length} ${proposals.length === 1 ? "column" : "columns"} of ${catalog.database} proposed.`,
  );
}
