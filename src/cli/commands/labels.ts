/** `postern labels`: the group of commands that work with labels of columns. */

import type { Command } from "commander";
import { labelsJsonSchema } from "../../masking/labels/document.ts";
import { examples } from "../command-options.ts";
import type { CliContext } from "../context.ts";
import { safeJson } from "../text.ts";
import { addLabelsCheck } from "./labels-check.ts";
import { addLabelsCoverage } from "./labels-coverage.ts";
import { addLabelsImport, addLabelsScan } from "./labels-scan.ts";

export function addLabels(program: Command, context: CliContext): void {
  const group = program
    .command("labels")
    .summary("check, propose and look over labels of columns")
    .description("Labels: which columns are sensitive, and what stands in their place.");
  addLabelsCheck(group, context);
  addLabelsCoverage(group, context);
  addLabelsScan(group, context);
  addLabelsImport(group, context);
  const schema = group
    .command("schema")
    .summary("print the JSON Schema of labels.yaml")
    .action(() => context.out.write(`${safeJson(labelsJsonSchema(), 2)}\n`));
  examples(schema, [
    [
      "postern labels schema > labels.schema.json",
      "then in labels.yaml: # yaml-language-server: $schema=labels.schema.json",
    ],
  ]);
}
