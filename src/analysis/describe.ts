/** From PostgreSQL's tree of a text to what the gateway needs of each statement. Pure; the tree comes from parser.ts. */

import { analyzes, classify } from "./classify.ts";
import { fingerprint } from "./fingerprint.ts";
import { innerQuery, type ParseText } from "./inner-query.ts";
import { Lexer } from "./lexer.ts";
import {
  type ExplainFacts,
  type InnerQuery,
  MAX_TARGETS,
  type ParsedStatement,
  type PreparedFacts,
} from "./parsed-statement.ts";
import { statementReferences } from "./references.ts";
import { NO_FACTS, type SessionFacts, sessionFacts } from "./session-facts.ts";
import { settingWrites } from "./setting-writes.ts";
import { isNode, list, type Node, number, type TreeFacts, typeText, unwrap, walk } from "./tree.ts";
import { utilityTargets } from "./utility-targets.ts";

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
const WALKED: ReadonlySet<string> = new Set([...TAKES_PARAMETERS, "CopyStmt", "PrepareStmt", "ViewStmt"]);

/** Nodes whose Parse has the server print its tree; SELECT INTO is none of them. */
const OPTIMISABLE: ReadonlySet<string> = new Set(["SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"]);

const WRITES: ReadonlySet<string> = new Set(["InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"]);

const NOTHING_INSIDE: TreeFacts = {
  modifies: false,
  locks: false,
  into: false,
  functions: new Set(),
  highestParameter: 0,
  rangeItems: 0,
};

/** The server's tree grows with the square of what is joined: 200 relations are 39 MB (design page tree, section 1). */
const MAX_RANGE_ITEMS = 60;

/**
 * @param tree of the whole text, as libpg-query prints it. @param parse the same grammar, for queries inside statements.
 * @throws {TypeError} where the tree is not of that shape.
 */
export function describeStatements(source: Uint8Array, tree: unknown, parse: ParseText): readonly ParsedStatement[] {
  if (!isNode(tree)) throw new TypeError("a parse result that is no object");
  const statements: ParsedStatement[] = [];
  let counted = 0;
  let characters = 0;
  for (const raw of list(tree, "stmts")) {
    if (!isNode(raw)) throw new TypeError("a raw statement that is no object");
    const bounds = statementBounds(source, number(raw, "stmt_location"), number(raw, "stmt_len"));
    characters += countCharacters(source, counted, bounds.startByte);
    counted = bounds.startByte;
    statements.push(describeStatement(source, raw["stmt"], bounds, characters, parse));
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
  parse: ParseText,
): ParsedStatement {
  const wrapped = unwrap(statement);
  if (wrapped === undefined) throw new TypeError("a statement without a node");
  const { name: node, fields } = wrapped;
  const inside = WALKED.has(node) ? walk(statement) : NOTHING_INSIDE;
  const classification = classify(node, fields, inside);
  const writes = settingWrites(node, statement);
  const references = statementReferences(source, bounds, statement);
  const optimisable = OPTIMISABLE.has(node) && !inside.into;
  const plain: ParsedStatement = {
    startByte: bounds.startByte,
    endByte: bounds.endByte,
    startCharacter,
    node,
    class: classification.class,
    optimisable,
    durability: classification.durability,
    callsUnknownFunction: classification.callsUnknownFunction,
    parameterNumbers: TAKES_PARAMETERS.has(node) ? inside.highestParameter : 0,
    fingerprint: fingerprint(source, bounds.startByte, bounds.endByte),
    ...(WRITES.has(node) && !returns(fields) ? { silent: true } : {}),
    ...(inside.rangeItems > MAX_RANGE_ITEMS ? { tooWide: true } : {}),
    ...(references === undefined ? {} : { references }),
    ...(writes.length === 0 ? {} : { settingWrites: writes }),
    ...(optimisable ? {} : utilityFacts(source, node, fields, bounds, inside.into, parse)),
  };
  const facts = sessionFacts(node, fields);
  return facts === NO_FACTS ? plain : { ...plain, ...facts, ...factsInside(node, fields, facts) };
}

/** 18 has a clause where 15 to 17 have a list. */
function returns(fields: Node): boolean {
  return list(fields, "returningList").length > 0 || fields["returningClause"] !== undefined;
}

type UtilityFacts = Pick<ParsedStatement, "targets" | "inner" | "undecided">;

/** What a statement without a tree of the server's is judged by. @param into SELECT INTO is in it. */
function utilityFacts(
  source: Uint8Array,
  node: string,
  fields: Node,
  bounds: Bounds,
  into: boolean,
  parse: ParseText,
): UtilityFacts {
  if (into) return { undecided: "selectInto" };
  const targets = utilityTargets(node, fields);
  if (targets === undefined) return { undecided: "form" };
  // GRANT (columns) ON many tables names each column for each of them.
  const named = targets.reduce((sum, { columns }) => sum + 1 + (columns?.length ?? 0), 0);
  if (named > MAX_TARGETS) return { undecided: "many" };
  const by = queryBy(node, fields);
  const query = by === undefined ? undefined : queryIn(fields);
  if (by === undefined || query === undefined) return { targets };
  const inner = innerQuery(source, bounds, query, by, parse);
  if (inner === undefined) return { undecided: "inner" };
  const types = list(fields, "argtypes");
  return { targets, inner: types.length === 0 ? inner : { ...inner, parameterTypes: types.map(typeText) } };
}

function queryBy(node: string, fields: Node): InnerQuery["by"] | undefined {
  switch (node) {
    case "ExplainStmt":
      return "explain";
    case "DeclareCursorStmt":
      return "declare";
    case "CreateTableAsStmt":
      return fields["objtype"] === "OBJECT_MATVIEW" ? "matview" : "ctas";
    case "ViewStmt":
      return "view";
    case "PrepareStmt":
      return "prepare";
    case "CopyStmt":
      return "copy";
    default:
      return undefined;
  }
}

/** The query at the bottom of EXPLAIN CREATE TABLE AS and the like, wrapped; undefined for EXECUTE, REFRESH and a COPY without one. */
function queryIn(fields: Node): unknown {
  const query = unwrap(fields["query"]);
  if (query === undefined) return undefined;
  return OPTIMISABLE.has(query.name) ? fields["query"] : queryIn(query.fields);
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
