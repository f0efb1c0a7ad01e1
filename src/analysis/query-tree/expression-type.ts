/** The type of an expression, where a node that runs a type's output function does not name it. Source: exprType() in src/backend/nodes/nodeFuncs.c. */

import { childOf, maybeNumber, nodesOf, numberOf, type QueryNode } from "./query-node.ts";
import { TreeUnknown } from "./tree-unknown.ts";

/** pg_type.oid of the types that whole kinds of expressions have; the same on all majors. */
const TYPE = { boolean: 16, integer: 23, text: 25, xml: 142 } as const;

/** Nodes with a field that names it. */
const TYPE_FIELDS: ReadonlyMap<string, string> = new Map([
  ["VAR", "vartype"],
  ["CONST", "consttype"],
  ["PARAM", "paramtype"],
  ["AGGREF", "aggtype"],
  ["WINDOWFUNC", "wintype"],
  ["MERGESUPPORTFUNC", "msftype"],
  ["SUBSCRIPTINGREF", "refrestype"],
  ["FUNCEXPR", "funcresulttype"],
  ["OPEXPR", "opresulttype"],
  ["DISTINCTEXPR", "opresulttype"],
  ["NULLIFEXPR", "opresulttype"],
  ["FIELDSELECT", "resulttype"],
  ["FIELDSTORE", "resulttype"],
  ["RELABELTYPE", "resulttype"],
  ["COERCEVIAIO", "resulttype"],
  ["COERCETODOMAIN", "resulttype"],
  ["ARRAYCOERCEEXPR", "resulttype"],
  ["CONVERTROWTYPEEXPR", "resulttype"],
  ["CASEEXPR", "casetype"],
  ["CASETESTEXPR", "typeId"],
  ["ARRAYEXPR", "array_typeid"],
  ["ROWEXPR", "row_typeid"],
  ["COALESCEEXPR", "coalescetype"],
  ["MINMAXEXPR", "minmaxtype"],
  ["SQLVALUEFUNCTION", "type"],
  ["NEXTVALUEEXPR", "typeId"],
]);

/** Nodes that have the type of what is in them. */
const WRAPPERS: ReadonlyMap<string, string> = new Map([
  ["COLLATEEXPR", "arg"],
  ["NAMEDARGEXPR", "arg"],
  ["TARGETENTRY", "expr"],
  ["JSONVALUEEXPR", "formatted_expr"],
  ["RETURNINGEXPR", "retexpr"],
]);

const BOOLEANS: ReadonlySet<string> = new Set([
  ...["BOOLEXPR", "BOOLEANTEST", "NULLTEST", "SCALARARRAYOPEXPR", "ROWCOMPAREEXPR", "CURRENTOFEXPR", "JSONISPREDICATE"],
]);

/** XMLEXPR.op: the two that do not make XML. */
const XML_SERIALIZE = 6;
const XML_IS_DOCUMENT = 7;
/** SUBLINK.subLinkType of those that give a value of their query's first column, or an array of such. */
const VALUE_SUBLINKS = [4, 6];

/** @returns its OID; of an array from a sub-select the element's, which is what writes itself. @throws {TreeUnknown} */
export function expressionType(node: QueryNode): number {
  const field = TYPE_FIELDS.get(node.name);
  if (field !== undefined) return numberOf(node, field);
  const inner = childOf(node, WRAPPERS.get(node.name) ?? "");
  if (inner !== null) return expressionType(inner);
  if (BOOLEANS.has(node.name)) return TYPE.boolean;
  switch (node.name) {
    case "GROUPINGFUNC":
      return TYPE.integer;
    case "XMLEXPR": {
      const op = numberOf(node, "op");
      if (op === XML_SERIALIZE) return maybeNumber(node, "type") || TYPE.text;
      return op === XML_IS_DOCUMENT ? TYPE.boolean : TYPE.xml;
    }
    case "JSONCONSTRUCTOREXPR":
    case "JSONEXPR": {
      const returning = childOf(node, "returning");
      return returning === null ? TYPE.boolean : numberOf(returning, "typid");
    }
    case "SUBLINK":
      return sublinkType(node);
  }
  throw new TreeUnknown(`the type of a ${node.name} is not known`);
}

function sublinkType(node: QueryNode): number {
  if (!VALUE_SUBLINKS.includes(numberOf(node, "subLinkType"))) return TYPE.boolean;
  const select = childOf(node, "subselect");
  const [first] = select === null ? [] : nodesOf(select, "targetList");
  if (first === undefined) throw new TreeUnknown("a sub-select has no column");
  return expressionType(first);
}
