/** The shape of labels.yaml: every key, its type, default and meaning. Source of `postern labels schema` and of docs/reference/labels.md. */

import { z } from "zod";
import { DetectorSettings } from "../detectors/settings.ts";
import { MAX_WIDTH } from "../masks/generalise.ts";
import { FILL, NOT_IN_FILL, UNITS } from "../masks/mask.ts";

/** Declared by nobody: looked at and not sensitive. */
export const PUBLIC = "public";
/** Declared by nobody: looks sensitive, and nobody has looked yet. */
export const QUARANTINE = "quarantine";

const LabelName = z
  .string()
  .regex(/^[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/, {
    error: "a label is written with letters, digits, _ and -, and dots between its parts",
  })
  .max(63, { error: "a label has at most 63 characters" });

const strict = z
  .boolean()
  .default(false)
  .describe(
    "Refuse statements that filter, sort, group or aggregate by the column, instead of letting them see its mask.",
  );

const Plain = z.enum(["default", "null", "redact", "partial", "generalise", "token"]);

export const MaskOptions = z.discriminatedUnion("mask", [
  z.strictObject({ mask: z.enum(["default", "null", "redact", "token"]), strict }),
  z.strictObject({
    mask: z.literal("partial"),
    show: z.int().min(1).max(100).default(4).describe("Characters that stay, where at least as many are hidden."),
    from: z.enum(["start", "end"]).default("end").describe("Which end of the text they are of."),
    fill: z
      .string()
      .regex(FILL, { error: "expected at most 32 printable ASCII characters" })
      .refine((text) => !NOT_IN_FILL.test(text), { error: "quotes and backslashes cannot stand in it" })
      .default("***")
      .describe("Stands for what is hidden, however long that is."),
    strict,
  }),
  z.strictObject({
    mask: z.literal("generalise"),
    to: z.enum(UNITS).default("year").describe("What dates and times are cut to."),
    width: z.int().min(1).max(MAX_WIDTH).optional().describe("Of the buckets that numbers are put into, from zero."),
    strict,
  }),
]);

const Mask = z.union([Plain, MaskOptions]);

const Columns = z
  .record(z.string(), LabelName)
  .default({})
  .describe("Patterns of columns, and the label that each gives; `public` for what is not sensitive.");

const switched = z.enum(["on", "off"]);

const Database = z.strictObject({
  columns: Columns.describe("As `columns`, of this database: `schema.table.column`."),
  quarantine: switched.optional().describe("As `quarantine`, of this database."),
});

export const LabelsDocument = z.strictObject({
  masks: z.record(LabelName, Mask).default({}).describe("Every label that is given, and its mask."),
  columns: Columns.describe("Patterns `database.schema.table.column`, and the label that each gives."),
  databases: z
    .record(z.string().min(1), Database)
    .default({})
    .describe("What is said of one database, by its name in postern.yaml."),
  quarantine: switched
    .default("on")
    .describe(
      "Whether a column that looks sensitive by its name and type is masked until it has a label, or `public`.",
    ),
  notice: switched
    .default("on")
    .describe("Whether a session is told, by a NOTICE, of each column that is masked for it when it is first shown."),
  detectors: DetectorSettings.describe("The second net: detectors over delivered text."),
});

export type LabelsFile = z.infer<typeof LabelsDocument>;

/** As JSON Schema (draft 2020-12), for editors and for did-you-mean. */
export interface LabelsSchema {
  readonly properties?: Readonly<Record<string, LabelsSchema>>;
  readonly additionalProperties?: LabelsSchema | boolean;
  readonly anyOf?: readonly LabelsSchema[];
  readonly oneOf?: readonly LabelsSchema[];
}

export function labelsJsonSchema(): LabelsSchema {
  return JSON.parse(JSON.stringify(z.toJSONSchema(LabelsDocument, { io: "input" })));
}
