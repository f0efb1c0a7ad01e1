/** Labels to propose: from names, types, comments and what detectors found, told by counts and kinds and never by a value. */

import type { Catalog } from "../../analysis/catalog.ts";
import { CATALOGUE } from "../detectors/catalogue.ts";
import type { DetectorName } from "../detectors/finding.ts";
import { DEFAULT_MASK, type MaskSpec } from "../masks/mask.ts";
import { columnText } from "./check.ts";
import { PUBLIC } from "./document.ts";
import type { ColumnName } from "./label-map.ts";
import { suspicionOf, suspiciousWords } from "./suspicion.ts";

/** What detectors found in some values of a column. */
export interface ValueEvidence {
  /** Values that were not NULL. */
  readonly looked: number;
  /** Values in which the detector found something. */
  readonly hits: ReadonlyMap<DetectorName, number>;
}

export interface Proposal extends ColumnName {
  readonly label: string;
  readonly mask: MaskSpec;
  readonly confidence: "high" | "medium" | "low";
  /** A sentence part each. */
  readonly evidence: readonly string[];
}

/** @param comment of the column; null: none. @param values undefined: none were looked at. */
export function proposalFor(
  name: ColumnName,
  catalog: Catalog,
  comment: string | null,
  values: ValueEvidence | undefined,
): Proposal | null {
  const relation = catalog.relation(name.relation);
  const column = relation?.columns.find(({ number }) => number === name.column);
  if (relation === undefined || column === undefined) return null;
  const named = suspicionOf(column, relation.name, catalog);
  const said = comment === null ? null : suspiciousWords(comment, column, catalog);
  const found = [...(values?.hits ?? [])].sort(([, a], [, b]) => b - a);
  const [most] = found;
  const isMost = most !== undefined && values !== undefined && most[1] * 2 >= values.looked;
  const byValue = most === undefined ? undefined : CATALOGUE[most[0]].label;
  const label = isMost ? byValue : (named?.label ?? said?.label ?? byValue);
  if (label === undefined) return null;
  const looked = values?.looked ?? 0;
  const evidence = [
    ...[named, said].flatMap((one) => (one === null ? [] : [one.why])),
    ...found.map(([detector, hits]) => `${hits} of ${looked} values look like ${detector}`),
  ];
  const hinted = named !== null || said !== null;
  const confidence = isMost || (hinted && found.length > 0) ? "high" : hinted ? "medium" : "low";
  return { ...name, label, mask: DEFAULT_MASK, confidence, evidence };
}

/**
 * Lines for labels.yaml. A label that is proposed with two masks becomes two.
 * @param known labels that the file has already: those are not declared again, and stand for what is proposed with no mask of its own.
 */
export function proposalsYaml(
  proposals: readonly Proposal[],
  catalog: Catalog,
  known: ReadonlyMap<string, MaskSpec>,
): string {
  const masks = new Map<string, string>();
  const columns = proposals.map((proposal) => {
    const mask = maskYaml(proposal.mask);
    const label = proposal.label === PUBLIC ? PUBLIC : freeName(proposal.label, mask, masks, known);
    if (label !== PUBLIC) masks.set(label, mask);
    const [comment = ""] = [proposal.evidence.join("; ")];
    return `      ${JSON.stringify(columnText(proposal, catalog))}: ${label}${comment === "" ? "" : `  # ${oneLine(comment)}`}`;
  });
  const declared = [...masks].filter(([label]) => !known.has(label)).map(([label, mask]) => `  ${label}: ${mask}`);
  const head = declared.length === 0 ? [] : ["masks:", ...declared];
  return [...head, "databases:", `  ${JSON.stringify(catalog.database)}:`, "    columns:", ...columns, ""].join("\n");
}

function freeName(
  label: string,
  mask: string,
  taken: ReadonlyMap<string, string>,
  known: ReadonlyMap<string, MaskSpec>,
): string {
  for (let count = 1; ; count++) {
    const name = count === 1 ? label : `${label}-${count}`;
    const has = known.get(name);
    const other = has === undefined ? taken.get(name) : mask === DEFAULT_MASK.mask ? mask : maskYaml(has);
    if (other === undefined || other === mask) return name;
  }
}

/** As labels.yaml has it. */
export function maskYaml(spec: MaskSpec): string {
  switch (spec.mask) {
    case "partial":
      return `{ mask: partial, show: ${spec.show}, from: ${spec.from}, fill: ${JSON.stringify(spec.fill)} }`;
    case "generalise":
      return `{ mask: generalise, to: ${spec.to}${spec.width === undefined ? "" : `, width: ${spec.width}`} }`;
    case "null":
      return '"null"';
    default:
      return spec.mask;
  }
}

/** A comment ends with its line, whatever someone has put into a rule's text. */
function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]/gu, " ");
}
