/** labels.yaml as it is used: labels with their masks, and the patterns that give them. Read from text by compile.ts. */

import type { DetectorConfig } from "../detectors/settings.ts";
import type { MaskSpec } from "../masks/mask.ts";
import type { PatternPart } from "./pattern.ts";

export interface LabelMask {
  readonly mask: MaskSpec;
  /** Statements that compute with the column are refused, instead of computing with its mask. */
  readonly strict: boolean;
}

export interface ColumnRule {
  /** As written, behind the database's section where it stands in one: `shop: public.*.email`. */
  readonly text: string;
  /** Database, schema, table, column. */
  readonly parts: readonly PatternPart[];
  readonly label: string;
  /** Where it stands, 1-based. */
  readonly line: number;
  readonly column: number;
}

export interface LabelSet {
  readonly file: string;
  /** Hex SHA-256 of the text. */
  readonly version: string;
  /** By label. With `quarantine`, without `public`. */
  readonly masks: ReadonlyMap<string, LabelMask>;
  readonly rules: readonly ColumnRule[];
  /** @param database by its name in the configuration. */
  quarantines(database: string): boolean;
  /** Sessions are told which columns are masked for them. */
  readonly tells: boolean;
  readonly detectors: DetectorConfig;
}
