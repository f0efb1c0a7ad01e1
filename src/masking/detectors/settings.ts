/** What `detectors` of labels.yaml may say. Reads no file; which columns are looked at is the caller's. */

import { z } from "zod";
import { size } from "../../config/values.ts";
import { CATALOGUE } from "./catalogue.ts";
import { DETECTORS, type DetectorName } from "./finding.ts";

const ON_OFF_ERROR = "expected on or off";

/** ```yaml
 * detectors:
 *   run: 0.05                       # or always, or off
 *   mask: cell
 *   types: { phone: off, ip-address: on }
 * ``` */
export const DetectorSettings = z
  .strictObject({
    run: z
      .union([z.enum(["always", "off"]), z.number().gt(0).lte(1)], {
        error: "expected always, off, or the share of cells to look at: a number above 0 and at most 1",
      })
      .default("always")
      .describe(
        "How many of the delivered text cells without a label are looked at: `always`, `off`, or their share, such as `0.05`.",
      ),
    mask: z
      .enum(["cell", "finding"])
      .default("cell")
      .describe("What a hit masks: the whole cell, or the bytes that were found."),
    cellBytes: size("1KiB", "16MiB", "64KiB").describe("So much of each cell is looked at, from its start."),
    types: z
      .partialRecord(z.enum(DETECTORS), z.enum(["on", "off"], { error: ON_OFF_ERROR }))
      .default({})
      .describe("Detectors to turn on or off, by name; the others are as docs/reference/detectors.md says."),
  })
  .prefault({})
  .transform(({ run, mask, cellBytes, types }) => ({
    /** Share of cells: 0 is off, 1 is always. */
    rate: run === "always" ? 1 : run === "off" ? 0 : run,
    mask,
    cellBytes,
    on: new Set(DETECTORS.filter((name) => isOn(name, types[name]))),
  }));

export interface DetectorConfig {
  readonly rate: number;
  readonly mask: "cell" | "finding";
  readonly cellBytes: number;
  readonly on: ReadonlySet<DetectorName>;
}

function isOn(name: DetectorName, said: "on" | "off" | undefined): boolean {
  return said === undefined ? CATALOGUE[name].isOnByDefault : said === "on";
}
