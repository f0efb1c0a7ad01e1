/**
 * Rules of the extension PostgreSQL Anonymizer (`SECURITY LABEL FOR anon ON COLUMN … IS 'MASKED WITH …'`) as proposals. Its masks are
 * its own functions, which this gateway does not call: each becomes the nearest of ours, and never one that shows more.
 */

import type { Catalog } from "../../analysis/catalog.ts";
import { DEFAULT_MASK, type MaskSpec, UNITS } from "../masks/mask.ts";
import { PUBLIC } from "./document.ts";
import type { ColumnName } from "./label-map.ts";
import type { Proposal } from "./proposals.ts";
import { suspicionOf, suspiciousWords } from "./suspicion.ts";

/** A row of pg_seclabel of the provider `anon` on a column. */
export interface AnonRule extends ColumnName {
  readonly text: string;
}

/** What a rule's text says; null: nothing about masking, or not what this reads. */
export function anonMask(
  text: string,
): { readonly mask: MaskSpec; readonly isPublic: boolean; readonly calls: string } | null {
  if (/^\s*NOT\s+MASKED\s*$/i.test(text)) return { mask: DEFAULT_MASK, isPublic: true, calls: "" };
  const value = /^\s*MASKED\s+WITH\s+VALUE\s+(.+)$/is.exec(text)?.[1]?.trim();
  if (value !== undefined) {
    const constant = /^(?:'[^']*'|\$(\w*)\$.*\$\1\$)(?:::text)?$/is.test(value);
    const mask: MaskSpec = /^NULL$/i.test(value) ? { mask: "null" } : constant ? { mask: "redact" } : DEFAULT_MASK;
    return { mask, isPublic: false, calls: "" };
  }
  const call = /^\s*MASKED\s+WITH\s+FUNCTION\s+((?:[\w$]+\.)?[\w$]+)\s*\((.*)\)\s*$/is.exec(text);
  if (call === null) return null;
  const [, name = "", args = ""] = call;
  return { mask: maskOfCall(name.toLowerCase(), args), isPublic: false, calls: name };
}

/** @returns proposals, and the rules that could not be read. */
export function anonProposals(
  rules: readonly AnonRule[],
  catalog: Catalog,
): { readonly proposals: readonly Proposal[]; readonly unread: readonly AnonRule[] } {
  const unread: AnonRule[] = [];
  const proposals = rules.flatMap((rule): Proposal[] => {
    const { relation: oid, column: number, text } = rule;
    const relation = catalog.relation(oid);
    const column = relation?.columns.find((one) => one.number === number);
    const read = anonMask(text);
    if (relation === undefined || column === undefined || read === null) {
      unread.push(rule);
      return [];
    }
    const words = read.calls.replace(/^.*\./, "").replaceAll("_", " ");
    const known = suspicionOf(column, relation.name, catalog) ?? suspiciousWords(words, column, catalog);
    const label = read.isPublic ? PUBLIC : (known?.label ?? "anon");
    const evidence = [`anon: ${text}`];
    return [{ relation: oid, column: number, label, mask: read.mask, confidence: "high", evidence }];
  });
  return { proposals, unread };
}

/** partial() and the generalizing functions say what they show; what all others show is their own making. */
function maskOfCall(name: string, args: string): MaskSpec {
  if (name === "anon.partial") {
    const [, start, end] = /,\s*(\d{1,3})\s*,.*,\s*(\d{1,3})\s*$/s.exec(args) ?? [];
    const [first, last] = [Number(start ?? 0), Number(end ?? 0)];
    // Both ends at once is none of our masks: default shows neither.
    if (first > 0 && first <= 100 && last === 0) return partial(first, "start");
    if (last > 0 && last <= 100 && first === 0) return partial(last, "end");
    return DEFAULT_MASK;
  }
  if (/^anon\.generalize_(?:date|ts)/.test(name)) {
    const unit = /,\s*'(\w+)'\s*$/.exec(args)?.[1]?.toLowerCase();
    return { mask: "generalise", to: UNITS.find((known) => known === unit) ?? "decade" };
  }
  const width = /^anon\.generalize_(?:int|num)/.test(name) ? /,\s*(\d{1,15})\s*$/.exec(args)?.[1] : undefined;
  return width === undefined || Number(width) === 0
    ? DEFAULT_MASK
    : { mask: "generalise", to: "year", width: Number(width) };
}

function partial(show: number, from: "start" | "end"): MaskSpec {
  return { mask: "partial", show, from, fill: "***" };
}
