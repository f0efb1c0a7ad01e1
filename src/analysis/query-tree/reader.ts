/**
 * Reads the text of a rewritten tree by the field tables of its major, byte by byte: after `{NAME` exactly the fields of NAME, in
 * their order, each with a value of its type. A tree's names are the agent's text (`SELECT ssn AS ":expr"`), so nothing here looks
 * for what it expects: it is at the place where it must be, or the statement is denied. Judges nothing: see touched.ts.
 */

import { type Field, type NodeShape, type NodeShapes, nameHash, nodeShapes, RANGE_TABLE_ENTRY } from "./node-shape.ts";
import { NameParts, NodeList, NumberList, QueryNode, type TreeValue } from "./query-node.ts";
import type { ServerMajor } from "./tree-facts.ts";
import { BYTE, equalsAt, hasHardWrap, isDigit, isSeparator, isStructural } from "./tree-text.ts";
import { TreeUnknown } from "./tree-unknown.ts";

/** Nodes and lists inside each other. A query of 300 `+` nests 600 deep; what is deeper would overflow the stack of whoever visits it. */
export const MAX_DEPTH = 1000;
/** A tree grows with the square of its JOINs: 4 MiB take about 0.1 s to read, and are 60 tables of ten columns. */
export const MAX_TREE_BYTES = 4 * 1024 * 1024;
/** Longest bare word: `and`, `not`, a relkind. */
const MAX_WORD_BYTES = 3;
/** Of a signed or unsigned 32-bit integer. */
const MAX_DIGITS = 10;
const MAX_NAME_BYTES = 40;

/**
 * @param text field D of the notice, as sent; the server's encoding must be UTF-8. Not kept.
 * @returns the queries that the rewriter has made of the statement; none where a rule does nothing instead of it.
 * @throws {TreeUnknown} for anything else than a tree as this major prints it.
 */
export function readQueryTree(text: Uint8Array, major: ServerMajor): readonly QueryNode[] {
  if (text.length > MAX_TREE_BYTES) throw new TreeUnknown(`it has ${text.length} bytes, more than ${MAX_TREE_BYTES}`);
  if (hasHardWrap(text)) throw new TreeUnknown("a name in it is too long or too strange to be read without doubt");
  return new TreeReader(text, nodeShapes(major)).read();
}

/**
 * As {@link readQueryTree}, of a tree that the server keeps in a catalog (pg_rewrite.ev_action): one line, which nothing has broken.
 * It is not rewritten: the views in it are not expanded.
 */
export function readStoredQueries(text: string, major: ServerMajor): readonly QueryNode[] {
  const bytes = new TextEncoder().encode(`${text}\n`);
  if (bytes.length > MAX_TREE_BYTES) throw new TreeUnknown(`it has ${bytes.length} bytes, more than ${MAX_TREE_BYTES}`);
  return new TreeReader(bytes, nodeShapes(major)).read();
}

class TreeReader {
  readonly #text: Uint8Array;
  readonly #shapes: NodeShapes;
  #at = 0;
  #depth = 0;
  /** For messages. */
  #where = "the list of queries";

  constructor(text: Uint8Array, shapes: NodeShapes) {
    this.#text = text;
    this.#shapes = shapes;
  }

  read(): readonly QueryNode[] {
    const list = this.#isNull() ? null : this.#list();
    this.#take(BYTE.newline);
    if (this.#at !== this.#text.length) throw this.#unknown("the end");
    if (list === null) return [];
    if (!(list instanceof NodeList)) throw this.#unknown("a list of queries");
    return list.items.map((item) => {
      if (item instanceof QueryNode && item.name === "QUERY") return item;
      throw new TreeUnknown("it is no list of queries");
    });
  }

  #node(): QueryNode {
    this.#enter();
    this.#take(BYTE.open);
    const shape = this.#shapeOfName();
    const node = shape === null ? this.#rangeTableEntry() : new QueryNode(shape, this.#fields(shape, 0, []));
    this.#take(BYTE.close);
    this.#depth--;
    return node;
  }

  /** @returns null for a range table entry, whose fields its rtekind decides. */
  #shapeOfName(): NodeShape | null {
    const start = this.#at;
    let hash = 0;
    for (let byte = this.#byte(); isNameByte(byte) && this.#at - start < MAX_NAME_BYTES; byte = this.#byte()) {
      hash = nameHash(hash, byte);
      this.#at++;
    }
    const shape = this.#shapes.byHash.get(hash);
    if (shape !== undefined && this.#wasName(start, shape.name)) return shape;
    if (this.#wasName(start, RANGE_TABLE_ENTRY)) return null;
    const name = String.fromCharCode(...this.#text.subarray(start, this.#at));
    throw new TreeUnknown(`it has the node ${name === "" ? "without a name" : name} in ${this.#where}`);
  }

  #wasName(start: number, name: string): boolean {
    if (this.#at - start !== name.length) return false;
    for (let index = 0; index < name.length; index++) {
      if (this.#text[start + index] !== name.charCodeAt(index)) return false;
    }
    return true;
  }

  #rangeTableEntry(): QueryNode {
    const { rangeTableHead, rangeTable } = this.#shapes;
    const values = this.#fields(rangeTableHead, 0, []);
    const kind = values[rangeTableHead.fields.length - 1];
    const shape = typeof kind === "number" ? rangeTable.get(kind) : undefined;
    if (shape === undefined) throw new TreeUnknown(`it has a ${RANGE_TABLE_ENTRY} of the rtekind ${String(kind)}`);
    return new QueryNode(shape, this.#fields(shape, values.length, values));
  }

  #fields(shape: NodeShape, from: number, values: TreeValue[]): TreeValue[] {
    const { fields } = shape;
    for (let index = from; index < fields.length; index++) {
      const field = fields[index];
      if (field === undefined) break;
      this.#separator();
      if (!equalsAt(this.#text, this.#at, field.label)) {
        throw new TreeUnknown(
          `${shape.name} does not have ${field.name} where PostgreSQL's majors known here print it`,
        );
      }
      this.#at += field.label.length;
      this.#separator();
      values.push(this.#value(field, shape));
    }
    return values;
  }

  #value(field: Field, shape: NodeShape): TreeValue {
    this.#where = shape.name;
    switch (field.type) {
      case "i":
      case "p":
      case "f":
      case "o":
      case "t":
      case "q":
        return this.#integer();
      case "b":
        return this.#boolean();
      case "w":
        return this.#word();
      case "s":
        return this.#token();
      case "d":
        return this.#datum();
      case "m":
        return this.#numbers(BYTE.b);
      case "n":
        return this.#isNull() ? null : this.#node();
      case "l":
      case "r":
        return this.#isNull() ? null : this.#list();
      case "L":
      case "O":
      case "T":
        return this.#isNull() ? null : this.#numberList();
      case "N":
        return this.#nameParts();
    }
  }

  #list(): NodeList | NumberList {
    const next = this.#text[this.#at + 1] ?? 0;
    if (next === BYTE.i || next === BYTE.o || next === BYTE.x) return this.#numberList();
    this.#enter();
    this.#take(BYTE.openList);
    const items = [this.#item()];
    while (this.#byte() !== BYTE.closeList) {
      this.#separator();
      items.push(this.#item());
    }
    this.#at++;
    this.#depth--;
    return new NodeList(items);
  }

  #item(): QueryNode | NodeList | null {
    const byte = this.#byte();
    if (byte === BYTE.open) return this.#node();
    if (byte === BYTE.openList) {
      const list = this.#list();
      if (list instanceof NodeList) return list;
      throw this.#unknown("a node");
    }
    if (this.#isNull()) return null;
    return this.#quoted();
  }

  #numberList(): NumberList {
    const kind = this.#text[this.#at + 1] ?? 0;
    if (kind !== BYTE.i && kind !== BYTE.o && kind !== BYTE.x) throw this.#unknown("a list of numbers");
    return this.#numbers(kind);
  }

  #numbers(kind: number): NumberList {
    this.#take(BYTE.openList);
    this.#take(kind);
    const numbers: number[] = [];
    while (this.#byte() !== BYTE.closeList) {
      this.#separator();
      numbers.push(this.#integer());
    }
    this.#at++;
    return new NumberList(numbers);
  }

  #integer(): number {
    const negative = this.#byte() === BYTE.minus;
    if (negative) this.#at++;
    const start = this.#at;
    let value = 0;
    for (let byte = this.#byte(); isDigit(byte); byte = this.#byte()) {
      value = value * 10 + (byte - BYTE.zero);
      this.#at++;
    }
    const digits = this.#at - start;
    if (digits === 0 || digits > MAX_DIGITS) throw this.#unknown("an integer");
    return negative ? -value : value;
  }

  #boolean(): boolean {
    const value = this.#byte() === TRUE[0];
    const word = value ? TRUE : FALSE;
    if (!equalsAt(this.#text, this.#at, word)) throw this.#unknown("true or false");
    this.#at += word.length;
    return value;
  }

  /** Of the server's own: letters. @returns "" for the character NUL, which prints as `<>`. */
  #word(): string {
    if (this.#isNull()) return "";
    const start = this.#at;
    while (isLetter(this.#byte()) && this.#at - start < MAX_WORD_BYTES) this.#at++;
    if (this.#at === start) throw this.#unknown("a word");
    return String.fromCharCode(...this.#text.subarray(start, this.#at));
  }

  /** One token whatever is in it: that a name starts with a colon, a quote or an angle bracket means nothing here. */
  #token(): null {
    const start = this.#at;
    for (let byte = this.#byte(); !isSeparator(byte) && !isStructural(byte); byte = this.#byte()) {
      if (byte === BYTE.backslash) this.#at++; // what it escapes belongs to the token
      if (this.#at >= this.#text.length) throw this.#unknown("the rest of a name");
      this.#at++;
    }
    if (this.#at === start || this.#at > this.#text.length) throw this.#unknown("a name");
    return null;
  }

  /** A string inside a list has quotes around it; quotes within it are not escaped. */
  #quoted(): null {
    const start = this.#at;
    this.#token();
    const isQuoted = this.#text[start] === BYTE.quote && this.#text[this.#at - 1] === BYTE.quote;
    if (!isQuoted || this.#at - start < 2) throw this.#unknown("a quoted name");
    return null;
  }

  #nameParts(): NameParts {
    this.#take(BYTE.openList);
    const parts = [this.#namePart()];
    while (this.#byte() !== BYTE.closeList) {
      this.#separator();
      parts.push(this.#namePart());
    }
    this.#at++;
    return new NameParts(parts);
  }

  #namePart(): string {
    const start = this.#at + 1;
    this.#quoted();
    const bytes: number[] = [];
    for (let at = start; at < this.#at - 1; at++) {
      if (this.#text[at] === BYTE.backslash) at++; // what it escapes belongs to the name
      const byte = this.#text[at] ?? 0;
      // The name's own, or a space where the server has broken the line: nobody can tell.
      if (byte === BYTE.newline) throw this.#unknown("a name on one line");
      bytes.push(byte);
    }
    return new TextDecoder().decode(Uint8Array.from(bytes));
  }

  /** `4 [ 1 0 0 0 0 0 0 0 ]`: a count, then bytes, signed where char is. By-value ones print 8 bytes whatever they count. */
  #datum(): Uint8Array | null {
    if (this.#isNull()) return null;
    const bytes: number[] = [];
    this.#integer();
    this.#separator();
    this.#take(BYTE.openDatum);
    this.#separator();
    while (this.#byte() !== BYTE.closeDatum) {
      const byte = this.#integer();
      if (byte < -128 || byte > 255) throw this.#unknown("a byte");
      bytes.push(byte & 255);
      this.#separator();
    }
    this.#at++;
    return Uint8Array.from(bytes);
  }

  /** Takes `<>`, if it is there as a value of its own: a name that starts so is escaped by the server. */
  #isNull(): boolean {
    if (!equalsAt(this.#text, this.#at, NULL)) return false;
    this.#at += NULL.length;
    return true;
  }

  /** One space, or the line break that the server has put in its place. */
  #separator(): void {
    if (!isSeparator(this.#byte())) throw this.#unknown("a space");
    this.#at++;
  }

  #take(byte: number): void {
    if (this.#byte() !== byte) throw this.#unknown(`"${byte === BYTE.newline ? "\\n" : String.fromCharCode(byte)}"`);
    this.#at++;
  }

  /** 0 behind the end, which no value takes: PostgreSQL's text has no NUL. */
  #byte(): number {
    return this.#text[this.#at] ?? 0;
  }

  #enter(): void {
    if (++this.#depth > MAX_DEPTH) throw new TreeUnknown(`it nests more than ${MAX_DEPTH} deep`);
  }

  #unknown(expected: string): TreeUnknown {
    return new TreeUnknown(`${expected} is expected in ${this.#where}, and something else is there`);
  }
}

const TRUE = new TextEncoder().encode("true");
const FALSE = new TextEncoder().encode("false");
const NULL = new TextEncoder().encode("<>");

function isNameByte(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || byte === 0x5f || isDigit(byte);
}

function isLetter(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}
