import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { VECTORS } from "../../../test/vectors/detectors/measure.ts";
import { MASK } from "./bytes.ts";
import { CATALOGUE } from "./catalogue.ts";
import { DetectorSet } from "./detector-set.ts";
import { DETECTORS, type DetectorName, type Finding } from "./finding.ts";
import { maskCell } from "./mask-cell.ts";
import { type DetectorConfig, DetectorSettings } from "./settings.ts";

function detectors(config: Partial<DetectorConfig> = {}): DetectorSet {
  return new DetectorSet({ rate: 1, mask: "finding", cellBytes: 1 << 20, on: new Set(DETECTORS), ...config });
}

const everything = detectors();

function found(set: DetectorSet, text: string): readonly string[] {
  const cell = Buffer.from(text);
  return set.scan(cell).map(({ detector, start, end }) => `${detector}: ${cell.subarray(start, end).toString()}`);
}

describe("a set of detectors", () => {
  it("finds several kinds in one cell, in the order of the cell", () => {
    expect(found(everything, "ada@example.com paid DE89370400440532013000 by 4111 1111 1111 1111")).toEqual([
      "email: ada@example.com",
      "iban: DE89370400440532013000",
      "card: 4111 1111 1111 1111",
    ]);
  });

  it.each(DETECTORS)("finds only what is on: %s", (name) => {
    const only = detectors({ on: new Set([name]) });
    const names = new Set(VECTORS.flatMap(({ cell }) => only.scan(cell).map(({ detector }) => detector)));

    expect([...names]).toEqual([name]);
  });

  it("finds nothing where all are off", () => {
    const none = detectors({ on: new Set() });

    expect(VECTORS.filter(({ cell }) => none.scan(cell).length > 0)).toEqual([]);
  });

  it("gives the same for a cell whatever was scanned before", () => {
    const cell = Buffer.from("password=hunter22");

    const alone = detectors().scan(cell);
    everything.scan(Buffer.from("Server=db;User Id=app"));

    expect(everything.scan(cell)).toEqual(alone);
  });

  it("looks at no more of a cell than it is told", () => {
    const set = detectors({ cellBytes: 1024 });

    expect(found(set, `${" ".repeat(1000)}ada@example.com`)).toEqual(["email: ada@example.com"]);
    expect(found(set, `${" ".repeat(1024)}ada@example.com`)).toEqual([]);
  });

  it("keeps nothing of a cell: the bytes may change afterwards", () => {
    const cell = Buffer.from("mail ada@example.com");
    const before = everything.scan(cell);
    cell.fill(0x20);

    expect(before).toEqual([{ detector: "email", start: 5, end: 20, confidence: 0.95 }]);
    expect(everything.scan(cell)).toEqual([]);
  });
});

describe("a sample of cells", () => {
  const share = (set: DetectorSet, numbers: readonly number[]) =>
    numbers.filter((number) => set.isDue(number)).length / numbers.length;
  const numbers = Array.from({ length: 20_000 }, (_, index) => index);

  it("is all of them, none, or the share that was asked for", () => {
    expect(share(detectors({ rate: 1 }), numbers)).toBe(1);
    expect(share(detectors({ rate: 0 }), numbers)).toBe(0);
    expect(share(detectors({ rate: 0.05 }), numbers)).toBeCloseTo(0.05, 2);
  });

  it("takes each column's share, however many columns there are", () => {
    const set = detectors({ rate: 0.1 });
    const shares = [2, 7, 8, 10, 20].flatMap((columns) =>
      Array.from({ length: columns }, (_, column) =>
        share(
          set,
          numbers.filter((number) => number % columns === column),
        ),
      ),
    );

    expect(Math.min(...shares)).toBeGreaterThan(0.08);
    expect(Math.max(...shares)).toBeLessThan(0.12);
  });

  it("is the same one each time", () => {
    const due = () => {
      const set = detectors({ rate: 0.01 });
      return numbers.filter((number) => set.isDue(number));
    };

    expect(due()).toEqual(due());
    expect(due().length).toBeGreaterThan(150);
  });
});

/** What makes a search begin again and again, or read far and find nothing. */
const HOSTILE: readonly string[] = [
  ..."1 @ 1@ a@ a@b. a.@ eyJ eyJ. eyJhbGciOiJ9. -----BEGIN -----BEGIN@ - = : :: :// a://b: a://b:c@ a://b@ postgres://".split(
    " ",
  ),
  ..."password= pwd=${ pwd=x password:' pwd='\\' token= secret=a1 api_key=aaaaaaaaaaaaaaa1= sig= AccountKey= host= host=a;pwd=".split(
    " ",
  ),
  ..."sk-ant- sk- xoxb- xoxb-1 github_pat_ AKIA AIza ya29. glpat-aB3 _ ghp_a 8Q~ x8Q~a Q~ P< P<< I<A V<".split(" "),
  ..."DE89 AB12 de8 DE89-3704- + +1 +1( ( (0) (1) 1- 1. 1.1.1.1. 0.0 00 00-".split(" "),
  ...[
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----AB CD",
    `-----BEGIN RSA PRIVATE KEY-----${"A".repeat(40)}`,
  ],
  ...[
    "1 ",
    "12 ",
    "1234 ",
    "4111 1111 1111 1111 ",
    "0065 0323 0302 ",
    "12 34 56 78 90 ",
    "123 456 ",
    "ssn 123456789 ",
    "tel 12345678 ",
  ],
  ...[
    "tel tel tel ",
    "DE89 3704 ",
    "Authorization: Bearer ",
    "Authorization: ",
    "password = ",
    '"password": "',
    "born 1.1.",
    "born 01-01-",
  ],
  ...[
    "\u200b1",
    "1\u200b\u200b",
    "\u200b",
    "１",
    "٤",
    "१ ",
    "𝟒",
    "\u00a01",
    "\u2011",
    "é@",
    "é",
    "中@",
    "[masked]",
    "[masked]1",
    "-[masked]",
  ],
];

/** The cell, and how often its bytes are read. */
function counted(bytes: Uint8Array): { readonly cell: Uint8Array; readonly reads: () => number } {
  let reads = 0;
  const cell = new Proxy(bytes, {
    get(target, key) {
      if (key === "length") return target.length;
      if (key === "subarray") return target.subarray.bind(target); // for masks: copies, reads nothing
      reads++;
      return typeof key === "string" ? target[Number(key)] : undefined;
    },
  });
  return { cell, reads: () => reads };
}

function repeated(unit: string, length: number): Uint8Array {
  return Buffer.from(unit.repeat(Math.ceil(length / Buffer.byteLength(unit)))).subarray(0, length);
}

function readsOf(unit: string, length: number): number {
  const { cell, reads } = counted(repeated(unit, length));
  everything.scan(cell);
  return reads();
}

describe("a hostile cell", () => {
  /** Windows are bounded: so often at most is a byte read, by all probes together. */
  const READS_PER_BYTE = 150;

  it("is seen through: the counting itself counts", () => {
    const { cell, reads } = counted(Buffer.from("mail ada@example.com"));

    expect(everything.scan(cell).length).toBe(1);
    expect(reads()).toBeGreaterThan(20);
  });

  it.each(HOSTILE)("is read in steps that grow with its length only: %j", (unit) => {
    const [short, long] = [readsOf(unit, 2_048), readsOf(unit, 8_192)];

    expect(long / 8_192).toBeLessThan(READS_PER_BYTE);
    expect(long / short).toBeLessThan(4.5);
  });

  it.each([
    "sig=",
    "8Q~",
    "12 34 56 78 90 ",
    "1-",
    "eyJhbGciOiJ9.",
    "pwd=${",
    "sk-ant-",
    "-----BEGIN PRIVATE KEY-----AB CD",
    "@",
  ])("may be a megabyte: %j", (unit) => {
    const cell = repeated(unit, 1 << 20);

    expect(everything.scan(cell).every(({ end }) => end <= cell.length)).toBe(true);
  });
});

/** Anything: bytes, and pieces of what is found, cut anywhere and put beside one another. */
const pieces = fc.oneof(
  fc
    .constantFrom(...VECTORS.filter(({ cell }) => cell.length < 300))
    .chain(({ cell }) =>
      fc.tuple(fc.nat(cell.length), fc.nat(cell.length)).map(([a, b]) => cell.subarray(Math.min(a, b), Math.max(a, b))),
    ),
  fc.constantFrom(...VECTORS.filter(({ cell }) => cell.length < 300)).map(({ cell }) => cell),
  fc.constantFrom(...HOSTILE).map((text) => Buffer.from(text)),
  fc.constantFrom(..." -./@:=,;<>\n1a'\"()[]").map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 40 }),
);
const cells = fc.array(pieces, { maxLength: 8 }).map((parts) => new Uint8Array(Buffer.concat(parts)));
const RUNS = { numRuns: 3_000, seed: 20_260_101 };

function isFitting(cell: Uint8Array, { detector, start, end, confidence }: Finding): boolean {
  return (
    start >= 0 && start < end && end <= cell.length && confidence >= CATALOGUE[detector].threshold && confidence <= 1
  );
}

describe("any cell", () => {
  it("is scanned without an error, and findings lie within it, in order", () => {
    fc.assert(
      fc.property(cells, (cell) => {
        const findings = everything.scan(cell);

        expect(findings.filter((one) => !isFitting(cell, one))).toEqual([]);
        expect(findings).toEqual(findings.toSorted((a, b) => a.start - b.start || a.end - b.end));
      }),
      RUNS,
    );
  });

  it("keeps no byte of a finding when it is masked, and every other byte", () => {
    fc.assert(
      fc.property(cells, (cell) => {
        const findings = everything.scan(cell);
        const outside = [...cell].map((byte, at) =>
          findings.some(({ start, end }) => at >= start && at < end) ? -1 : byte,
        );
        const expected: number[] = [];
        outside.forEach((byte, at) => {
          if (byte >= 0) expected.push(byte);
          else if (at === 0 || outside[at - 1] !== -1) expected.push(...Buffer.from(MASK));
        });

        expect([...maskCell(cell, findings)]).toEqual(expected);
      }),
      RUNS,
    );
  });

  it("holds nothing more once it is masked: masking it again changes nothing", () => {
    fc.assert(
      fc.property(cells, (cell) => {
        const masked = maskCell(cell, everything.scan(cell));

        expect(Buffer.from(maskCell(masked, everything.scan(masked))).toString()).toBe(Buffer.from(masked).toString());
      }),
      RUNS,
    );
  });
});

describe("the mask of a cell", () => {
  const cell = Buffer.from("mail ada@example.com");
  const findings = everything.scan(cell);

  it("is the whole cell's where that is asked for", () => {
    expect(Buffer.from(maskCell(cell, findings, "cell")).toString()).toBe(MASK);
    expect(Buffer.from(maskCell(cell, findings, "finding")).toString()).toBe(`mail ${MASK}`);
  });

  it("leaves a cell without findings as it is", () => {
    expect(maskCell(cell, [])).toBe(cell);
    expect(maskCell(cell, [], "cell")).toBe(cell);
  });

  it("is one for findings that overlap or meet", () => {
    const all: Finding[] = [
      { detector: "email", start: 0, end: 4, confidence: 1 },
      { detector: "card", start: 2, end: 6, confidence: 1 },
      { detector: "phone", start: 6, end: 8, confidence: 1 },
    ];

    expect(Buffer.from(maskCell(Buffer.from("0123456789"), all)).toString()).toBe(`${MASK}89`);
  });
});

describe("the settings of detectors", () => {
  const onOf = (types: Record<string, string>): ReadonlySet<DetectorName> => DetectorSettings.parse({ types }).on;

  it("are always, the whole cell, and what is on by default where nothing is said", () => {
    const byDefault = DETECTORS.filter((name) => CATALOGUE[name].isOnByDefault);

    expect(DetectorSettings.parse(undefined)).toEqual({
      rate: 1,
      mask: "cell",
      cellBytes: 65_536,
      on: new Set(byDefault),
    });
  });

  it("turn each detector on or off by name", () => {
    expect(onOf({ email: "off" }).has("email")).toBe(false);
    expect(onOf({ "ip-address": "on" }).has("ip-address")).toBe(true);
  });

  it.each([
    ["off", 0],
    ["always", 1],
    [0.05, 0.05],
  ])("say how many cells: %s", (run, rate) => {
    expect(DetectorSettings.parse({ run }).rate).toBe(rate);
  });

  it.each([
    [{ run: 2 }],
    [{ run: 0 }],
    [{ run: "sometimes" }],
    [{ types: { mail: "on" } }],
    [{ types: { email: true } }],
    [{ sample: 1 }],
    [{ cellBytes: 5 }],
  ])("refuse %j", (settings) => {
    expect(DetectorSettings.safeParse(settings).success).toBe(false);
  });
});
