import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { GatewayError } from "../../base/errors.ts";
import { MAX_DEPTH, MAX_TREE_BYTES, readQueryTree } from "./reader.ts";
import { touchedBy } from "./touched.ts";
import type { ServerMajor } from "./tree-facts.ts";
import { TreeUnknown } from "./tree-unknown.ts";

const MAJORS = [15, 16, 17, 18] as const satisfies readonly ServerMajor[];

/** `SELECT a.name AS x, count(*) FROM c a JOIN v USING (id) WHERE a.id = 1 GROUP BY a.name`, as the server sent it. */
function recorded(major: ServerMajor): string {
  return readFileSync(new URL(`../../../test/vectors/query-trees/${major}.txt`, import.meta.url), "latin1");
}

/** On one line: where the server broke it is of no matter to what is read. */
function unwrapped(major: ServerMajor): string {
  return `${recorded(major).trimEnd().replaceAll("\n", " ")}\n`;
}

function read(text: string, major: ServerMajor) {
  return readQueryTree(Buffer.from(text, "latin1"), major);
}

/** What is said of the tree; fails if it is read. */
function refusal(text: string, major: ServerMajor): string {
  try {
    touchedBy(read(text, major), major);
  } catch (error) {
    if (error instanceof TreeUnknown) return error.message;
    throw error;
  }
  return "it was read";
}

describe.each(MAJORS)("a tree of PostgreSQL %i", (major) => {
  const tree = unwrapped(major);

  it("is read as it was sent", () => {
    const [query] = read(recorded(major), major);

    expect(query?.name).toBe("QUERY");
    expect(touchedBy(read(recorded(major), major), major)).toEqual(touchedBy(read(tree, major), major));
    expect(touchedBy(read(tree, major), major).relations.map(({ through }) => through.length)).toEqual([0, 1, 0]);
  });

  it("is no tree when something is missing from its end", () => {
    for (let length = 0; length < tree.length; length++) {
      expect(() => read(tree.slice(0, length), major)).toThrow(TreeUnknown);
    }
  });

  it("is no tree when something comes after it", () => {
    for (const more of ["\n", " ", "<>\n", "{", tree]) expect(() => read(tree + more, major)).toThrow(TreeUnknown);
  });

  it("is no tree without one of its fields, whichever", () => {
    const fields = [...tree.matchAll(/ :[A-Za-z_]+ (?=[^:])/g)];
    expect(fields.length).toBeGreaterThan(100);
    for (const { index, 0: field } of fields) {
      const end = tree.indexOf(" :", index + field.length);
      if (end !== -1) expect(() => read(tree.slice(0, index) + tree.slice(end), major)).toThrow(TreeUnknown);
    }
  });

  it("is no tree with two fields in the other order", () => {
    const swapped = tree.replace(/ (:varno \d+) (:varattno \d+)/, " $2 $1");

    expect(swapped).not.toBe(tree);
    expect(refusal(swapped, major)).toMatch(/VAR does not have varno/);
  });

  it("is no tree with a value of another type", () => {
    for (const [from, to] of [
      [/:hasAggs true/, ":hasAggs 1"],
      [/:varno 1 /, ":varno true "],
      [/:varno 1 /, ":varno 1a "],
      [/:varno 1 /, ":varno - "],
      [/:varno 1 /, ":varno 12345678901 "],
      [/:relkind r/, ":relkind relation"],
      [/:jointree \{/, ":jointree ({"],
      [/:selectedCols \(b/, ":selectedCols (i"],
      [/:constvalue 4 \[ 1 /, ":constvalue 4 [ 300 "],
      [/:aliasname a /, ":aliasname a b "],
      [/\("id" /, '("id '],
    ] as const) {
      const changed = tree.replace(from, to);
      expect(changed).not.toBe(tree);
      expect(() => read(changed, major)).toThrow(TreeUnknown);
    }
  });

  it("is refused with the name of a node that is not known", () => {
    expect(refusal(tree.replace("{FROMEXPR", "{NEWNODE"), major)).toMatch(/it has the node NEWNODE in QUERY/);
    expect(refusal(tree.replace("{FROMEXPR", "{fromexpr"), major)).toMatch(/without a name/);
    expect(refusal(tree.replace(":rtekind 0", ":rtekind 7"), major)).toMatch(/RANGETBLENTRY of the rtekind 7/);
  });

  it("is refused without a word of what stands in it", () => {
    const secret = "x_secret_y";
    const hostile = tree.replace(":aliasname a ", `:aliasname ${secret} :${secret} `);

    expect(refusal(hostile, major)).toMatch(/ALIAS does not have colnames/);
    expect(refusal(hostile, major)).not.toContain(secret);
  });

  it("is refused where a column points outside of its query", () => {
    expect(refusal(tree.replaceAll(":varno 1 ", ":varno 99 "), major)).toMatch(/outside of its query/);
    expect(refusal(tree.replaceAll(":varlevelsup 0", ":varlevelsup 3"), major)).toMatch(/outside of its query/);
  });

  it("reads names that look like the tree's own text as one token", () => {
    for (const name of [
      ":expr",
      "\\<>",
      '\\"a"',
      "\\123",
      "a\\ b",
      "a\\\nb",
      "\\{VAR",
      "\\\\",
      '""',
      "<>",
      "\\(b\\ 1\\)",
    ]) {
      const named = tree.replace(":resname x ", () => `:resname ${name} `);
      expect(named).not.toBe(tree);
      expect(touchedBy(read(named, major), major)).toEqual(touchedBy(read(tree, major), major));
    }
  });

  it("is refused where it nests too deep, before any stack is full", () => {
    const deep = (levels: number): string => {
      const open = "{NULLTEST :arg ".repeat(levels);
      const close = " :nulltesttype 0 :argisrow false :location 1}".repeat(levels);
      return tree.replace(":havingQual <>", `:havingQual ${open}<>${close}`);
    };

    expect(refusal(deep(950), major)).toBe("it was read");
    expect(refusal(deep(50_000), major)).toContain(`more than ${MAX_DEPTH} deep`);
    expect(refusal("(".repeat(1_000_000), major)).toMatch(/cannot be judged/);
  });

  it("is refused where a line is broken inside a name", () => {
    expect(refusal(tree.replace(":resname x ", `:resname ${"x".repeat(80)} `), major)).toMatch(
      /too long or too strange/,
    );
  });

  it("is refused over the limit of bytes", () => {
    expect(() => readQueryTree(new Uint8Array(MAX_TREE_BYTES + 1), major)).toThrow(/more than/);
  });

  it("that is `<>` has no query, and touches nothing", () => {
    expect(read("<>\n", major)).toEqual([]);
    expect(touchedBy([], major)).toMatchObject({ command: "nothing", relations: [], rules: true, hasWhere: true });
    expect(() => read("<>", major)).toThrow(TreeUnknown);
  });

  it("is no list of queries when it is another list", () => {
    for (const text of [
      "(i 1)\n",
      '("a")\n',
      "(<>)\n",
      "{RANGETBLREF :rtindex 1}\n",
      "({RANGETBLREF :rtindex 1})\n",
      "()\n",
    ]) {
      expect(() => read(text, major)).toThrow(TreeUnknown);
    }
  });
});

describe("permissions that are another relation's", () => {
  it.each([16, 17, 18] as const)("are refused on %i", (major) => {
    const other = unwrapped(major).replace(/(\{RTEPERMISSIONINFO :relid )\d+/, "$11");

    expect(refusal(other, major)).toMatch(/permissions of another/);
  });
});

describe("a tree that is refused", () => {
  it("is answered as what cannot be judged", () => {
    const error = new TreeUnknown("it has the node X");

    expect(error).toBeInstanceOf(GatewayError);
    expect(error.sqlstate).toBe("0A000");
    expect(error.message).toContain("the node X");
  });
});
