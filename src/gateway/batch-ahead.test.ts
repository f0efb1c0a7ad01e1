import { describe, expect, it } from "vitest";
import { encoded } from "../wire/encode.ts";
import {
  encodeBind,
  encodeClose,
  encodeDescribe,
  encodeExecute,
  encodeFlush,
  encodeParse,
  encodeSync,
} from "../wire/extended.ts";
import { encodeQuery } from "../wire/query.ts";
import { endsInReads } from "./batch-ahead.ts";

const bind = (statement: string) =>
  encoded((writer) =>
    encodeBind(writer, { portal: "p", statement, parameterFormats: [], parameters: [], resultFormats: [] }),
  );
const execute = encoded((writer) => encodeExecute(writer, { portal: "", maxRows: 0 }));
const describePortal = encoded((writer) => encodeDescribe(writer, { kind: "portal", name: "" }));
const close = encoded((writer) => encodeClose(writer, { kind: "portal", name: "" }));
const parse = encoded((writer) => encodeParse(writer, { statement: "", query: Buffer.from("x"), parameterTypes: [] }));
const query = encoded((writer) => encodeQuery(writer, { query: Buffer.from("x") }));
const [flush, sync] = [encoded(encodeFlush), encoded(encodeSync)];

function ahead(parts: readonly Uint8Array[], shown = Buffer.concat(parts).length): boolean {
  const before = Buffer.from("before");
  const bytes = Buffer.concat([before, ...parts]);
  return endsInReads(bytes, before.length, before.length + shown, (name) => name === "read");
}

describe("a look at the rest of a batch", () => {
  it.each([
    ["its end", [sync]],
    ["a run", [describePortal, execute, sync]],
    ["another read", [execute, bind("read"), execute, close, flush, sync]],
    ["the next batch behind it", [execute, sync, parse]],
  ])("finds nothing but reads: %s", (_, parts) => {
    expect(ahead(parts)).toBe(true);
  });

  it.each([
    ["something else that is bound", [execute, bind("write"), execute, sync]],
    ["a text", [execute, parse, sync]],
    ["a simple Query", [execute, query, sync]],
    ["no end", [describePortal, execute]],
    ["nothing", []],
    ["a type that is none", [Uint8Array.of(0x21, 0, 0, 0, 4), sync]],
    ["a length that is none", [Uint8Array.of(0x45, 0, 0, 0, 0), sync]],
    ["a length that is negative", [Uint8Array.of(0x45, 0xff, 0xff, 0xff, 0xff), sync]],
    ["a Bind whose names do not end", [Uint8Array.of(0x42, 0, 0, 0, 6, 0x72, 0x65), sync]],
  ])("finds that there may be more: %s", (_, parts) => {
    expect(ahead(parts)).toBe(false);
  });

  it("reads nothing behind what has come", () => {
    const parts = [execute, sync];
    const all = Buffer.concat(parts).length;
    for (let shown = 0; shown < all; shown++) expect([shown, ahead(parts, shown)]).toEqual([shown, false]);
  });

  it("takes any bytes", () => {
    let state = 7;
    for (let i = 0; i < 2_000; i++) {
      const bytes = Uint8Array.from({ length: i % 60 }, () => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return state >>> 24;
      });
      expect(typeof endsInReads(bytes, 0, bytes.length, () => true)).toBe("boolean");
    }
  });
});
