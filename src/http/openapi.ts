/** The OpenAPI 3.1 document, made from the contract: what is described is what is checked. */

import { z } from "zod";
import { OPERATIONS, type Operation, Problem } from "./contract.ts";

type Schema = Readonly<Record<string, unknown>>;

const ACCESS = {
  public: "Open to anyone.",
  person: "Needs the token of a person.",
  decider:
    "Needs the token of a person whom the request is for; those with a role may read it. A decision is an entry in the audit log before it counts.",
  reader: "Needs the token of a person with the role auditor or admin.",
  admin: "Needs the token of a person with the role admin. Is an entry in the audit log before it takes effect.",
} as const;

/** @param version of Postern. */
export function openApiDocument(version: string): Schema {
  const paths = new Map<string, Record<string, unknown>>();
  for (const operation of Object.values(OPERATIONS)) {
    const methods = paths.get(operation.path) ?? {};
    methods[operation.method.toLowerCase()] = describe(operation);
    paths.set(operation.path, methods);
  }
  return {
    openapi: "3.1.0",
    info: { title: "Postern", version, license: { name: "Apache-2.0", identifier: "Apache-2.0" } },
    paths: Object.fromEntries(paths),
    components: {
      securitySchemes: { person: { type: "http", scheme: "bearer", description: "A token of an issuer of people" } },
      schemas: { Problem: schemaOf(Problem, "input") },
    },
  };
}

function describe(operation: Operation): Schema {
  const parameters = [...parametersOf(operation.params, "path"), ...parametersOf(operation.query, "query")];
  return {
    operationId: operation.id,
    summary: operation.summary,
    description: ACCESS[operation.access],
    security: operation.access === "public" ? [{}, { person: [] }] : [{ person: [] }],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(operation.method === "GET"
      ? {}
      : { requestBody: { required: true, content: json(schemaOf(operation.body, "input")) } }),
    responses: {
      200: { description: "Done", content: json(schemaOf(operation.answer, "input")) },
      default: {
        description: "Refused (RFC 9457)",
        content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
      },
    },
  };
}

function json(schema: Schema): Schema {
  return { "application/json": { schema } };
}

function parametersOf(schema: z.ZodObject, where: "path" | "query"): Schema[] {
  return Object.entries(schema.shape).map(([name, value]) => ({
    name,
    in: where,
    required: where === "path" || !value.safeParse(undefined).success,
    schema: schemaOf(value, "output"),
  }));
}

function schemaOf(schema: z.core.$ZodType, io: "input" | "output"): Schema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}
