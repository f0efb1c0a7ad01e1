import fc from "fast-check";
import { loadModule, scanSync } from "libpg-query-18";
import { beforeAll, describe, expect, it } from "vitest";
import { Lexer, TOKEN } from "./lexer.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** Tokens as [start, end], comments left out. */
function ours(text: string): (readonly [number, number])[] {
  const lexer = new Lexer(bytes(text));
  const tokens: (readonly [number, number])[] = [];
  while (lexer.next() !== TOKEN.end) tokens.push([lexer.start, lexer.end]);
  return tokens;
}

/** The same of PostgreSQL 18's own scanner; null where it finds an error. */
function servers(text: string): (readonly [number, number])[] | null {
  try {
    const tokens: readonly { start: number; end: number; tokenName: string }[] = scanSync(text).tokens ?? [];
    return tokens
      .filter(({ tokenName }) => !tokenName.endsWith("COMMENT"))
      .map(({ start, end }) => [start, end] as const);
  } catch {
    return null;
  }
}

const SAMPLES = [
  "select 'a'\n 'b', E'x\\'' /* c */, \"q\"\"r\", $1, 1.5e3, 0x1F, a::int, $$x$$, U&'\\0041', n'c' -- é\n, b<=-1",
  "select 'it''s' \n\n 'goes on', E'a\\''\n'b\\'c', b'1'\n'0', 'x' 'y'",
  "select $tag$ $$ $tag $tag$, $a$b$c$a$, a$b$c, $é$x$é$",
  "select 1..2, 1.e5, .5, 1_000, 0b1, 0o17, 1e-3, 5.*2, a[1:2], a[b::int:c]",
  "select @-1, a <=> b, a+-b, a-- c\n-b, a/*x*/+/*/* y */*/b, a || -1, a@>b, a->>'x', f(a => 1, b := 2)",
  "select é.ü, \"/*\", '/*', $$/*$$, E'\\\\', b'01', X'ff', u&\"\\0041\"",
  "/* /* nested */ **/ select 1 /***/ + /*/**/*/ 2",
  " \t\r\n\f ",
];

beforeAll(async () => {
  await loadModule();
});

describe("the lexer", () => {
  it.each(SAMPLES)("finds the tokens that PostgreSQL finds: %s", (text) => {
    const expected = servers(text);

    expect(expected).not.toBeNull();
    expect(ours(text)).toEqual(expected);
  });

  it("finds the tokens that PostgreSQL finds in any text that PostgreSQL can read", () => {
    const pieces = [
      ..." \n\r\t'\"$\\/*-+<>=@.,;:()[]_xXeEbBnNuU&019aéß😀",
      "''",
      "/*",
      "*/",
      "--",
      "$$",
      "$a$",
      "E'",
      "U&'",
      "::",
      ":=",
      "..",
    ];
    let compared = 0;
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 24 }), (parts) => {
        const text = parts.join("");
        const expected = servers(text);
        if (expected === null) return;
        compared++;
        expect(ours(text)).toEqual(expected);
      }),
      { numRuns: 20_000, seed: 2 },
    );
    expect(compared).toBeGreaterThan(2_000);
  });

  it("tells how deep comments nest, and does not mistake strings for comments", () => {
    const depth = (text: string) => {
      const lexer = new Lexer(bytes(text));
      while (lexer.next() !== TOKEN.end);
      return lexer.commentDepth;
    };

    expect(depth("select 1 -- /* /*")).toBe(0);
    expect(depth("select '/* /*', $$/*/*$$, \"/*\"")).toBe(0);
    expect(depth("/* a */ select /* b /* c */ */ 1")).toBe(2);
    expect(depth("/*/*/*")).toBe(3);
  });

  it("notices a string that goes on behind a comment, where libpg-query and the server disagree", () => {
    const notices = (text: string) => {
      const lexer = new Lexer(bytes(text));
      while (lexer.next() !== TOKEN.end);
      return lexer.continuesBehindComment;
    };

    expect(notices("do 'a' -- x\n 'b'")).toBe(true);
    expect(notices("do 'a'\n -- x\n\n 'b'")).toBe(true);
    expect(notices("select 'a' -- x\n , 'b'")).toBe(false);
    expect(notices("select 'a' -- x 'b'")).toBe(false);
    expect(notices("select 'a'\n 'b'")).toBe(false);
  });

  it("ends on any bytes, also those that are no text", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (text) => {
        const lexer = new Lexer(text);
        let end = 0;
        while (lexer.next() !== TOKEN.end) {
          expect(lexer.end).toBeGreaterThan(end);
          end = lexer.end;
        }
        expect(end).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 3_000, seed: 3 },
    );
  });
});
