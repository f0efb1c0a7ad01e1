import { describe, expect, it } from "vitest";
import { REPORT_FIELDS, type Report } from "../../wire/error-response.ts";
import { conditionOf } from "./conditions.ts";
import { scrubbed } from "./scrub.ts";

const full: Report = {
  ...Object.fromEntries(Object.keys(REPORT_FIELDS).map((field) => [field, `canary ${field}`])),
  severity: "ERROR",
  code: "23505",
  message: "duplicate key value canary",
  position: "7",
};

describe("an error of a statement that touches masked columns", () => {
  it("tells its code, what that means, the objects' names and the place, and nothing else of the server's", () => {
    expect(scrubbed(full)).toEqual({
      severity: "ERROR",
      code: "23505",
      message: "unique violation",
      detail: "The server's own words are not shown: the statement touches masked columns.",
      position: "7",
      schema: "canary schema",
      table: "canary table",
      column: "canary column",
      dataType: "canary dataType",
      constraint: "canary constraint",
    });
  });

  it("is named by its class where its code is nobody's, and by neither where that is not known", () => {
    expect(["22012", "22ZZ9", "P0001", "U0001"].map(conditionOf)).toEqual([
      "division by zero",
      "data exception",
      "raise exception",
      "an error of the server's",
    ]);
  });
});
