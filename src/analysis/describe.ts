/** From PostgreSQL's tree of a text to what the gateway needs of each statement. Pure; the tree comes from parser.ts. */

import { analyzes, classify } from "./classify.ts";
import { fingerprint } from "./fingerprint.ts";
import { Lexer } from "./lexer.ts";
import type { ExplainFacts, ParsedStatement, PreparedFacts } from "./parsed-statement.ts";
import { NO_FACTS, type SessionFacts, sessionFacts } from "./session-facts.ts";
import { settingWrites } from "./setting-writes.ts";
import { isNode, list, type Node, number, type TreeFacts, unwrap, walk } from "./tree.ts";

/** Nodes in which $n is a parameter of Bind. Elsewhere it belongs to what is being defined, or is an error at run time. */
const TAKES_PARAMETERS: ReadonlySet<string> = new Set([
  "SelectStmt",
  "InsertStmt",
  "UpdateStmt",
  "DeleteStmt",
  "MergeStmt",
  "CallStmt",
  "DeclareCursorStmt",
  "ExplainStmt",
  "CreateTableAsStmt",
  "ExecuteStmt",
]);

/** Nodes whose class, durability or parameters depend on what is inside them. */
const WALKED: ReadonlySet<string> = new Set([...TAKES_PARAMETERS, "CopyStmt", "PrepareStmt"]);

const NOTHING_INSIDE: TreeFacts = {
  modifies: false,
  locks: false,
  into: false,
  functions: new Set(),
  highestParameter: 0,
};

/** @param tree of the whole text, as libpg-query prints it. @throws {TypeError} where it is not of that shape. */
export function describeStatements(source: Uint8Array, tree: unknown): readonly ParsedStatement[] {
  if (!isNode(tree)) throw new TypeError("a parse result that is no object");
  const statements: ParsedStatement[] = [];
  let counted = 0;
  let characters = 0;
  for (const raw of list(tree, "stmts")) {
    if (!isNode(raw)) throw new TypeError("a raw statement that is no object");
    const bounds = statementBounds(source, number(raw, "stmt_location"), number(raw, "stmt_len"));
    characters += countCharacters(source, counted, bounds.startByte);
    counted = bounds.startByte;
    statements.push(describeStatement(source, raw["stmt"], bounds, characters));
  }
  return statements;
}

interface Bounds {
  readonly startByte: number;
  readonly endByte: number;
}

/** @param length 0 for the last statement without a semicolon: it reaches to the end of the text. */
function statementBounds(source: Uint8Array, location: number, length: number): Bounds {
  let endByte = length === 0 ? source.length : location + length;
  // 15 to 17 give the byte behind the semicolon before, 18 the first of the statement; the first token is it on all.
  const lexer = new Lexer(source, location, endByte);
  lexer.next();
  while (endByte > lexer.end && isSpace(source[endByte - 1] ?? 0)) endByte--;
  return { startByte: lexer.start, endByte };
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

/** Characters as PostgreSQL counts them: code points, so every byte that does not continue one. */
function countCharacters(source: Uint8Array, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at++) if (((source[at] ?? 0) & 0xc0) !== 0x80) count++;
  return count;
}

function describeStatement(
  source: Uint8Array,
  statement: unknown,
  bounds: Bounds,
  startCharacter: number,
): ParsedStatement {
  const wrapped = unwrap(statement);
  if (wrapped === undefined) throw new TypeError("a statement without a node");
  const { name: node, fields } = wrapped;
  const inside = WALKED.has(node) ? walk(statement) : NOTHING_INSIDE;
  const classification = classify(node, fields, inside);
  const writes = settingWrites(node, statement);
  const plain: ParsedStatement = {
    startByte: bounds.startByte,
    endByte: bounds.endByte,
    startCharacter,
    node,
    class: classification.class,
    durability: classification.durability,
    callsUnknownFunction: classification.callsUnknownFunction,
    parameterNumbers: TAKES_PARAMETERS.has(node) ? inside.highestParameter : 0,
    fingerprint: fingerprint(source, bounds.startByte, bounds.endByte),
    ...(writes.length === 0 ? {} : { settingWrites: writes }),
  };
  const facts = sessionFacts(node, fields);
  return facts === NO_FACTS ? plain : { ...plain, ...facts, ...factsInside(node, fields, facts) };
}

/** What takes a look at the statement inside this one. */
function factsInside(node: string, fields: Node, facts: SessionFacts): Pick<ParsedStatement, "prepared" | "explain"> {
  if (node === "PrepareStmt" && facts.prepared !== undefined)
    return { prepared: preparedInside(facts.prepared, fields) };
  return node === "ExplainStmt" ? { explain: explainFacts(fields) } : {};
}

function classifyInner(fields: Node): { readonly node: string; readonly classification: ReturnType<typeof classify> } {
  const inner = unwrap(fields["query"]);
  if (inner === undefined) throw new TypeError("a statement without the one inside");
  return { node: inner.name, classification: classify(inner.name, inner.fields, walk(fields["query"])) };
}

function preparedInside(facts: PreparedFacts, fields: Node): PreparedFacts {
  const { classification } = classifyInner(fields);
  return { ...facts, innerDurability: classification.durability, innerClass: classification.class };
}

function explainFacts(fields: Node): ExplainFacts {
  const { node, classification } = classifyInner(fields);
  return { analyze: analyzes(fields), innerNode: node, innerClass: classification.class };
}
