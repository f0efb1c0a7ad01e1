/** The HTTP API's contract against what is written of it: the OpenAPI document and docs/reference/http.md. */

import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { OPERATIONS, type Operation } from "../../src/http/contract.ts";
import { openApiDocument } from "../../src/http/openapi.ts";
import { PROBLEMS } from "../../src/http/problem.ts";

const page = await readFile(new URL("../../docs/reference/http.md", import.meta.url), "utf8");
const operations: readonly Operation[] = Object.values(OPERATIONS);

/** Rows of the tables of the page, by the code in their first column. */
const rows = new Map(
  page
    .split("\n")
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .filter((cells) => cells.length > 3 && /^`[^`]+`$/.test(cells[1] ?? ""))
    .map((cells) => [(cells[1] ?? "").replaceAll("`", ""), cells.slice(2, -1)]),
);

const WHO = {
  public: "anyone",
  person: "a person",
  decider: "whom it is for",
  reader: "auditor, admin",
  admin: "admin",
} as const;

describe("docs/reference/http.md", () => {
  it.each(
    operations.map((operation) => [operation.id, operation] as const),
  )("tells %s as the contract has it", (id, operation) => {
    const [address = "", who] = rows.get(id) ?? [];

    expect(address.replaceAll("`", "").replace(/\?.*$/, "")).toBe(`${operation.method} ${operation.path}`);
    expect(who).toBe(WHO[operation.access]);
  });

  it.each(Object.entries(PROBLEMS))("tells the problem %s with its status", (code, { status }) => {
    expect(rows.get(code)?.[0]).toBe(String(status));
  });

  it("tells nothing that is not there", () => {
    const known = [...Object.keys(OPERATIONS), ...Object.keys(PROBLEMS), "GET /healthz", "GET /readyz", "GET /metrics"];

    expect([...rows.keys()].filter((name) => !known.includes(name))).toEqual([]);
  });

  it("names each parameter of the lists", () => {
    const names = [OPERATIONS.listSessions, OPERATIONS.listStatements, OPERATIONS.listApprovals].flatMap((each) =>
      Object.keys(each.query.shape),
    );

    expect(names.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});

const Described = z.looseObject({
  operationId: z.string(),
  parameters: z.array(z.looseObject({ name: z.string(), in: z.string(), required: z.boolean() })).optional(),
  requestBody: z.looseObject({}).optional(),
});

describe("the OpenAPI document", () => {
  const document = openApiDocument("0.1.0");
  const paths = z.record(z.string(), z.record(z.string(), Described)).parse(document["paths"]);

  it("has every operation, with every parameter of its address", () => {
    for (const operation of operations) {
      const described = paths[operation.path]?.[operation.method.toLowerCase()];
      const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);

      expect(described?.operationId).toBe(operation.id);
      expect((described?.parameters ?? []).filter((each) => each.in === "path").map((each) => each.name)).toEqual(
        inPath,
      );
      expect(described?.requestBody !== undefined).toBe(operation.method === "POST");
    }
  });

  it("asks for what is needed alone", () => {
    const required = paths["/api/v1/sessions"]?.["get"]?.parameters?.filter((each) => each.required);
    const state = paths["/api/v1/principals"]?.["get"]?.parameters?.filter((each) => each.required);

    expect([required, state?.map((each) => each.name)]).toEqual([[], ["state"]]);
  });

  it("refers to nothing that it does not hold", () => {
    const text = JSON.stringify(document);
    const references = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]);

    expect(new Set(references)).toEqual(new Set(["#/components/schemas/Problem"]));
    expect(text).toContain('"Problem":{');
  });
});
