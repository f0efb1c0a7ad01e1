import { describe, expect, it } from "vitest";
import { configJsonSchema, isInteger, keysAt } from "./json-schema.ts";

describe("the JSON Schema of postern.yaml", () => {
  it("refuses unknown keys, names the required ones and has the defaults in the file's own units", () => {
    const schema = configJsonSchema();

    expect(schema.additionalProperties).toBe(false);
    expect(schema.required).toEqual(["gateway", "store", "databases"]);
    expect(schema.properties?.["limits"]?.properties?.["session"]?.properties?.["idle"]).toMatchObject({
      type: "string",
      default: "1h",
    });
  });

  it("describes every key", () => {
    const silent: string[] = [];
    const walk = (schema: ReturnType<typeof configJsonSchema>, path: string): void => {
      for (const [key, below] of Object.entries(schema.properties ?? {})) {
        if ((below.description ?? "").length < 10) silent.push(`${path}.${key}`);
        walk(below, `${path}.${key}`);
      }
      for (const below of [schema.items, schema.additionalProperties, ...(schema.anyOf ?? [])]) {
        if (typeof below === "object") walk(below, path);
      }
    };

    walk(configJsonSchema(), "");

    expect(silent).toEqual([]);
  });

  it("answers which keys may stand where, names of the operator's included", () => {
    expect(keysAt(["databases", "anything", "roles", "some", "password"])).toEqual(["file"]);
    expect(keysAt(["gateway", "tls"])).toEqual(["cert", "key", "clientCa"]);
    expect(keysAt(["nowhere"])).toEqual([]);
    expect(isInteger(["databases", "shop", "port"])).toBe(true);
    expect(isInteger(["databases", "shop", "host"])).toBe(false);
  });
});
