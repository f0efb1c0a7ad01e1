/**
 * PostgreSQL's tokens, found in one pass over the bytes. For what the parser does not tell: where a statement's own text begins,
 * how deep comments nest, and what a text is without its constants. Decides no statement boundary: the grammar does (parser.ts).
 *
 * Source: PostgreSQL's scan.l, 15 to 18, with standard_conforming_strings on (Postern lets nobody turn it off). The same tokens on
 * every major: `\v` is white space from 17 on, `0x1F` and `1_000` are numbers from 16 on; before, they are errors.
 */

export const TOKEN = {
  end: 0,
  /** Keyword or unquoted identifier. */
  word: 1,
  /** "quoted", U&"quoted". */
  quotedIdentifier: 2,
  /** Number, string, bit string, dollar quote; 'a' newline 'b' is one. */
  constant: 3,
  /** $1 */
  parameter: 4,
  /** One operator, or one of , ( ) [ ] . ; : and the pairs :: := .. */
  symbol: 5,
} as const;

export type TokenKind = (typeof TOKEN)[keyof typeof TOKEN];

type Quoting = "plain" | "escapes" | "bits";

const SPACE = 1;
const WORD_START = 2;
const DIGIT = 4;
const OPERATOR = 8;
/** Characters that let an operator end in + or -. */
const OPERATOR_MARK = 16;
const WORD_PART = 32;

const CLASS = new Uint8Array(256);
for (const c of " \t\n\r\f\v") CLASS[c.charCodeAt(0)] = SPACE;
for (const c of "0123456789") CLASS[c.charCodeAt(0)] = DIGIT;
for (const c of "+-*/<>=") CLASS[c.charCodeAt(0)] = OPERATOR;
for (const c of "~!@#^&|`?%") CLASS[c.charCodeAt(0)] = OPERATOR | OPERATOR_MARK;
for (let c = 0x41; c <= 0x5a; c++) CLASS[c] = CLASS[c + 0x20] = WORD_START;
for (let c = 0x80; c <= 0xff; c++) CLASS[c] = WORD_START;
CLASS[0x5f] = WORD_START;
for (let c = 0; c < 256; c++)
  if (((CLASS[c] ?? 0) & (WORD_START | DIGIT)) !== 0) CLASS[c] = (CLASS[c] ?? 0) | WORD_PART;
CLASS[0x24] = WORD_PART;

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const DOLLAR = 0x24;
const AMPERSAND = 0x26;
const STAR = 0x2a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;
const COLON = 0x3a;
const EQUALS = 0x3d;
const UNDERSCORE = 0x5f;
const BACKSLASH = 0x5c;

/** Reads tokens in order; `kind`, `start` and `end` tell of the one read last. The text must be valid UTF-8 without NUL. */
export class Lexer {
  readonly #text: Uint8Array;
  readonly #limit: number;
  #at: number;
  kind: TokenKind = TOKEN.end;
  start = 0;
  end = 0;
  /** Deepest nesting of comments passed so far. */
  commentDepth = 0;
  /**
   * `'a' -- comment` newline `'b'` has been passed: one string to the server, two to libpg-query's scanner (it makes tokens of
   * comments), and so to this lexer. Nobody writes it; what the two would make of the rest differs.
   */
  continuesBehindComment = false;

  constructor(text: Uint8Array, from = 0, to = text.length) {
    this.#text = text;
    this.#at = from;
    this.#limit = to;
  }

  #byte(at: number): number {
    return at < this.#limit ? (this.#text[at] ?? 0) : 0;
  }

  #class(at: number): number {
    return CLASS[this.#byte(at)] ?? 0;
  }

  #isDigit(at: number): boolean {
    return (this.#class(at) & DIGIT) !== 0;
  }

  next(): TokenKind {
    this.#at = this.#skipSpace(this.#at);
    this.start = this.#at;
    this.kind = this.start >= this.#limit ? TOKEN.end : this.#token(this.#at);
    this.end = Math.min(this.#at, this.#limit);
    return this.kind;
  }

  #token(at: number): TokenKind {
    const byte = this.#byte(at);
    const kind = this.#class(at);
    if ((kind & WORD_START) !== 0) return this.#word(at, byte);
    if ((kind & DIGIT) !== 0 || (byte === DOT && this.#isDigit(at + 1))) return this.#number(at);
    if (byte === QUOTE) return this.#string(at + 1, "plain");
    if (byte === DOUBLE_QUOTE) return this.#quotedIdentifier(at + 1);
    if (byte === DOLLAR) return this.#dollar(at);
    if ((kind & OPERATOR) !== 0) return this.#operator(at);
    const next = this.#byte(at + 1);
    const pair = byte === COLON ? next === COLON || next === EQUALS : byte === DOT && next === DOT;
    this.#at = at + (pair ? 2 : 1);
    return TOKEN.symbol;
  }

  #word(at: number, first: number): TokenKind {
    const next = this.#byte(at + 1);
    const letter = first | 0x20;
    if (next === QUOTE) {
      // e'' has backslash escapes; b'' and x'' end at the first quote, doubled or not. n'' is the word n and a string.
      if (letter === 0x65) return this.#string(at + 2, "escapes");
      if (letter === 0x62 || letter === 0x78) return this.#string(at + 2, "bits");
    }
    if (letter === 0x75 && next === AMPERSAND) {
      if (this.#byte(at + 2) === QUOTE) return this.#string(at + 3, "plain");
      if (this.#byte(at + 2) === DOUBLE_QUOTE) return this.#quotedIdentifier(at + 3);
    }
    this.#at = this.#wordEnd(at + 1);
    return TOKEN.word;
  }

  /** The two loops that see most bytes of most texts, this and skipSpace's, keep to local variables. */
  #wordEnd(from: number): number {
    const text = this.#text;
    const limit = this.#limit;
    let end = from;
    while (end < limit && ((CLASS[text[end] ?? 0] ?? 0) & WORD_PART) !== 0) end++;
    return end;
  }

  #number(at: number): TokenKind {
    let end = this.#digits(at);
    // 0x1F, 0o17, 0b1: letters after the first 0 belong to the number wherever it is one at all.
    if (end === at + 1 && this.#byte(at) === 0x30 && (this.#class(end) & WORD_START) !== 0 && this.#isRadix(end)) {
      while ((this.#class(end) & (WORD_START | DIGIT)) !== 0) end++;
      this.#at = end;
      return TOKEN.constant;
    }
    if (this.#byte(end) === DOT && this.#byte(end + 1) !== DOT) end = this.#digits(end + 1);
    if ((this.#byte(end) | 0x20) === 0x65) {
      const sign = this.#byte(end + 1);
      const digits = sign === PLUS || sign === MINUS ? end + 2 : end + 1;
      if (this.#isDigit(digits)) end = this.#digits(digits);
    }
    this.#at = end;
    return TOKEN.constant;
  }

  #isRadix(at: number): boolean {
    const letter = this.#byte(at) | 0x20;
    return letter === 0x78 || letter === 0x6f || letter === 0x62;
  }

  #digits(at: number): number {
    let end = at;
    while (this.#isDigit(end) || (this.#byte(end) === UNDERSCORE && this.#isDigit(end + 1))) end++;
    return end;
  }

  /** @param from behind the opening quote. */
  #string(from: number, quoting: Quoting): TokenKind {
    let at = from;
    for (;;) {
      at = this.#closingQuote(at, quoting);
      const continued = this.#continuation(at);
      if (continued < 0) break;
      at = continued;
    }
    this.#at = at;
    return TOKEN.constant;
  }

  /** @returns behind the quote that ends this part of a string; '' does not end it but in bit strings, nor \' in e''. */
  #closingQuote(from: number, quoting: Quoting): number {
    let at = from;
    while (at < this.#limit) {
      const byte = this.#byte(at);
      if (byte === BACKSLASH && quoting === "escapes") at += 2;
      else if (byte !== QUOTE) at++;
      else if (this.#byte(at + 1) === QUOTE && quoting !== "bits") at += 2;
      else return at + 1;
    }
    return this.#limit;
  }

  /** A string goes on in the next quotes if only white space with a newline lies between. @returns behind that quote, or -1. */
  #continuation(from: number): number {
    let newline = false;
    let comment = false;
    let at = from;
    for (;;) {
      const byte = this.#byte(at);
      if (byte === QUOTE && newline) {
        if (comment) this.continuesBehindComment = true;
        return comment ? -1 : at + 1;
      }
      if (byte === NEWLINE || byte === RETURN) newline = true;
      if (this.#class(at) === SPACE) at++;
      else if (byte === MINUS && this.#byte(at + 1) === MINUS) {
        comment = true;
        at = this.#lineEnd(at);
      } else return -1;
    }
  }

  #quotedIdentifier(from: number): TokenKind {
    let at = from;
    while (at < this.#limit) {
      if (this.#byte(at) !== DOUBLE_QUOTE) at++;
      else if (this.#byte(at + 1) === DOUBLE_QUOTE) at += 2;
      else break;
    }
    this.#at = at + 1;
    return TOKEN.quotedIdentifier;
  }

  #dollar(at: number): TokenKind {
    let end = at + 1;
    if (this.#isDigit(end)) {
      while (this.#isDigit(end)) end++;
      this.#at = end;
      return TOKEN.parameter;
    }
    if ((this.#class(end) & WORD_START) !== 0) while ((this.#class(end) & (WORD_START | DIGIT)) !== 0) end++;
    if (this.#byte(end) !== DOLLAR) {
      this.#at = at + 1;
      return TOKEN.symbol;
    }
    this.#at = this.#dollarQuoteEnd(at, end + 1);
    return TOKEN.constant;
  }

  /** @param delimiter where `$tag$` begins. @param body behind it. @returns behind the same delimiter, found again. */
  #dollarQuoteEnd(delimiter: number, body: number): number {
    const length = body - delimiter;
    for (let at = body; at + length <= this.#limit; at++) {
      const dollar = this.#text.indexOf(DOLLAR, at);
      if (dollar < 0 || dollar + length > this.#limit) break;
      at = dollar;
      let same = 1;
      while (same < length && this.#text[at + same] === this.#text[delimiter + same]) same++;
      if (same === length) return at + length;
    }
    return this.#limit;
  }

  #operator(from: number): TokenKind {
    let end = from;
    let marked = false;
    while ((this.#class(end) & OPERATOR) !== 0) {
      const byte = this.#byte(end);
      const next = this.#byte(end + 1);
      if (end > from && ((byte === SLASH && next === STAR) || (byte === MINUS && next === MINUS))) break;
      if ((this.#class(end) & OPERATOR_MARK) !== 0) marked = true;
      end++;
    }
    // `=-1` is = and -1, but `@-` is one operator.
    while (!marked && end > from + 1 && (this.#byte(end - 1) === PLUS || this.#byte(end - 1) === MINUS)) end--;
    this.#at = end;
    return TOKEN.symbol;
  }

  #skipSpace(from: number): number {
    const text = this.#text;
    const limit = this.#limit;
    let at = from;
    for (;;) {
      while (at < limit && CLASS[text[at] ?? 0] === SPACE) at++;
      const byte = this.#byte(at);
      if (byte === MINUS && this.#byte(at + 1) === MINUS) at = this.#lineEnd(at);
      else if (byte === SLASH && this.#byte(at + 1) === STAR) at = this.#blockEnd(at);
      else return at;
    }
  }

  #lineEnd(from: number): number {
    let at = from;
    while (at < this.#limit && this.#byte(at) !== NEWLINE && this.#byte(at) !== RETURN) at++;
    return at;
  }

  #blockEnd(from: number): number {
    let depth = 0;
    let at = from;
    while (at < this.#limit) {
      const byte = this.#byte(at);
      const next = this.#byte(at + 1);
      if (byte === SLASH && next === STAR) {
        depth++;
        if (depth > this.commentDepth) this.commentDepth = depth;
        at += 2;
      } else if (byte === STAR && next === SLASH) {
        depth--;
        at += 2;
        if (depth === 0) return at;
      } else at++;
    }
    return this.#limit;
  }
}
