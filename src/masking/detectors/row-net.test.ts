import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeBackend } from "../../wire/backend.ts";
import { encoded } from "../../wire/encode.ts";
import { encodeDataRow } from "../../wire/results.ts";
import { DetectorSet } from "./detector-set.ts";
import { type CellForm, cellForm, RowNet } from "./row-net.ts";
import { DetectorSettings } from "./settings.ts";

const CARD = "4111 1111 1111 1111";
const MAIL = "ada@lovelace.example.com";
const FILLED = "***@********.*******.***";

function net(settings: object = {}): RowNet {
  const config = DetectorSettings.parse(settings);
  return new RowNet(new DetectorSet(config), config.mask);
}

/** What a client reads of a row, after the net; the row itself where nothing was found. */
function caught(cells: readonly (string | null)[], forms: readonly CellForm[], settings: object = {}) {
  const row = encoded((writer) =>
    encodeDataRow(
      writer,
      cells.map((cell) => (cell === null ? null : Buffer.from(cell))),
    ),
  );
  const around = Buffer.concat([Buffer.from("before"), row, Buffer.from("behind")]);
  const found = net(settings).row(around, 6, 6 + row.length, forms);
  if (found === null) return null;
  const message = decodeBackend(found.bytes[0] ?? 0, found.bytes.subarray(5));
  if (message.type !== "DataRow") throw new Error(message.type);
  expect(Buffer.from(found.bytes).readInt32BE(1)).toBe(found.bytes.length - 1);
  const values = message.values.map((value) => (value === null ? null : Buffer.from(value).toString()));
  return { values, hits: found.hits.map(({ column, detectors }) => `${column} ${detectors.join(",")}`) };
}

describe("the second net over a row", () => {
  it("masks the cells in which something is found, and leaves the others as they are", () => {
    expect(caught(["7", MAIL, null, "", "none"], ["skip", "text", "text", "text", "text"])).toEqual({
      values: ["7", "[masked]", null, "", "none"],
      hits: ["1 email"],
    });
  });

  it("answers null where nothing is found", () => {
    expect(caught(["nothing", "here"], ["text", "text"])).toBe(null);
  });

  it("does not look at what is no text", () => {
    expect(caught([CARD], ["skip"])).toBe(null);
  });

  it("looks at columns that nobody has described", () => {
    expect(caught(["x", MAIL], [])?.values).toEqual(["x", FILLED]);
  });

  it("changes nothing of a row but the cells in which something is found", () => {
    const cell = fc.oneof(fc.constant(null), fc.constant(MAIL), fc.string({ unit: "binary" }));
    fc.assert(
      fc.property(fc.array(cell, { minLength: 1, maxLength: 9 }), (cells) => {
        const plain = cells.map((value) => (value === null || value.includes("\0") ? null : value.toWellFormed()));
        const hit = caught(
          plain,
          plain.map(() => "text"),
        );
        expect(hit === null).toBe(!plain.includes(MAIL));
        if (hit !== null) expect(hit.values).toEqual(plain.map((value) => (value === MAIL ? "[masked]" : value)));
      }),
      { seed: 11, numRuns: 40 },
    );
  });

  it.each([
    ["json", `{"mail": "${MAIL}"}`, '"[masked]"'],
    ["jsonb", `\u0001{"mail": "${MAIL}"}`, '\u0001"[masked]"'],
    ["array", `{x,${MAIL}}`, "{[masked]}"],
    ["jsonArray", `{"{\\"m\\": \\"${MAIL}\\"}"}`, '{"\\"[masked]\\""}'],
    ["shape", `to ${MAIL}`, `to ${FILLED}`],
    ["record", `(7,${MAIL})`, "(7,[masked])"],
  ] as const)("masks %s in the form that it is read in", (form, cell, masked) => {
    expect(caught([cell], [form])?.values).toEqual([masked]);
  });

  it("masks what was found alone where that is asked for", () => {
    expect(caught([`write to ${MAIL} now`], ["text"], { mask: "finding" })?.values).toEqual(["write to [masked] now"]);
  });

  it("names several things in several cells", () => {
    expect(caught([`${MAIL} ${CARD}`, CARD], ["text", "text"])?.hits).toEqual(["0 email,card", "1 card"]);
  });

  it("looks at the share of cells that it is told to", () => {
    const half = net({ run: 0.5 });
    const row = encoded((writer) => encodeDataRow(writer, [Buffer.from(MAIL)]));
    const hits = Array.from({ length: 1_000 }, () => half.row(row, 0, row.length, ["text"])).filter(
      (one) => one !== null,
    );
    expect(hits.length).toBeGreaterThan(450);
    expect(hits.length).toBeLessThan(550);
  });
});

describe("the second net over copied data", () => {
  it("masks what was found in a line, which stays a line of as many columns", () => {
    const line = Buffer.from(`7\t${MAIL}\tx\n`);
    const message = Buffer.concat([Buffer.from("d"), Buffer.alloc(4), line]);
    message.writeInt32BE(message.length - 1, 1);

    const found = net().copied(message, 0, message.length, false);

    expect(Buffer.from(found?.bytes.subarray(5) ?? []).toString()).toBe(`7\t${FILLED}\tx\n`);
    expect(Buffer.from(found?.bytes ?? []).readInt32BE(1)).toBe((found?.bytes.length ?? 0) - 1);
  });
});

describe("the second net over data copied in binary", () => {
  const number = (value: number, bytes: 2 | 4): Buffer => {
    const written = Buffer.alloc(bytes);
    written.writeIntBE(value, 0, bytes);
    return written;
  };
  const fields = (...values: readonly string[]): Buffer =>
    Buffer.concat([
      number(values.length, 2),
      ...values.flatMap((value) => [number(Buffer.byteLength(value), 4), Buffer.from(value)]),
    ]);
  const opening = Buffer.concat([Buffer.from("PGCOPY\n\u00ff\r\n\0", "latin1"), number(0, 4), number(0, 4)]);

  it.each([
    ["the first row", opening],
    ["another", Buffer.alloc(0)],
  ])("fills what was found, and nothing around it: %s", (_, before) => {
    const rowOf = (mail: string): Buffer => Buffer.concat([before, fields("7", mail, "x"), number(-1, 2)]);
    const message = Buffer.concat([Buffer.from("d"), number(rowOf(MAIL).length + 4, 4), rowOf(MAIL)]);

    const found = net().copied(message, 0, message.length, true);

    expect(Buffer.from(found?.bytes.subarray(5) ?? []).equals(rowOf(FILLED))).toBe(true);
  });
});

describe("the form of a cell", () => {
  it("is told by its type, and by the format of what its type writes in two ways", () => {
    const forms = [25, 20, 114, 3802, 1009, 2249, 16_384].map((oid) => [cellForm(oid, false), cellForm(oid, true)]);
    expect(forms).toEqual([
      ["text", "text"],
      ["skip", "skip"],
      ["json", "json"],
      ["json", "jsonb"],
      ["array", "shape"],
      ["record", "shape"],
      ["record", "shape"],
    ]);
  });
});
