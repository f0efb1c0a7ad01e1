import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { textsIn } from "./binary-texts.ts";

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function sized(value: Uint8Array | null): Buffer {
  return value === null ? int32(-1) : Buffer.concat([int32(value.length), value]);
}

/** As array_send() writes one of one dimension. */
function array(...values: readonly (Uint8Array | null)[]): Buffer {
  return Buffer.concat([int32(1), int32(0), int32(25), int32(values.length), int32(1), ...values.map(sized)]);
}

/** As record_send() writes one. */
function row(...values: readonly (Uint8Array | null)[]): Buffer {
  return Buffer.concat([int32(values.length), ...values.map((value) => Buffer.concat([int32(25), sized(value)]))]);
}

function found(cell: Uint8Array): readonly string[] {
  return textsIn(cell).map(({ start, end }) => Buffer.from(cell.subarray(start, end)).toString());
}

describe("the texts of a cell", () => {
  it.each([
    ["text", Buffer.from("héllo"), ["héllo"]],
    ["an array", array(Buffer.from("a"), null, Buffer.from("bc")), ["a", "bc"]],
    ["an array of none", Buffer.concat([int32(0), int32(0), int32(25)]), []],
    ["a row", row(int32(7), Buffer.from("x"), null), ["x"]],
    ["an array of rows", array(row(Buffer.from("a")), row(Buffer.from("b"), array(Buffer.from("c")))), ["a", "b", "c"]],
    ["an hstore", Buffer.concat([int32(1), sized(Buffer.from("key")), sized(Buffer.from("value"))]), ["key", "value"]],
    ["other bytes", Buffer.from([0, 1, 2, 3, 0xff]), []],
    ["bytes that are no UTF-8", Buffer.from([0x61, 0xff]), []],
    ["an array with a byte too many", Buffer.concat([array(Buffer.from("a")), Buffer.from("b")]), []],
    ["an array cut off", array(Buffer.from("abc")).subarray(0, -1), []],
    ["an announcement of more than there is", Buffer.concat([int32(0x7fffffff), int32(25), int32(1)]), []],
  ])("of %s", (_, cell, texts) => {
    expect(found(cell)).toEqual(texts);
  });

  it("lie in the cell, one behind the other, whatever the bytes", () => {
    const bytes = fc.array(fc.oneof(fc.constantFrom(0, 0, 0, 1, 25, 0x61), fc.nat(255)), { maxLength: 80 });
    fc.assert(
      fc.property(bytes, (values) => {
        const cell = Uint8Array.from(values);
        let at = 0;
        for (const { start, end } of textsIn(cell)) {
          expect(start >= at && end >= start && end <= cell.length).toBe(true);
          at = end;
        }
      }),
      { numRuns: 2_000, seed: 7 },
    );
  });
});
