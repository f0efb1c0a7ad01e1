/** Whole rows and documents: the column is never named. */

import { reads } from "../attack.ts";

const of = (expression: string) => `SELECT ${expression} FROM customers c ORDER BY id`;

export const SERIALISATION = reads("serialisation", {
  star: ["all columns", "SELECT * FROM customers ORDER BY id"],
  qualifiedStar: ["all columns of an alias", of("c.*")],
  schemaStar: ["all columns by schema", "SELECT twin.customers.* FROM twin.customers ORDER BY id"],
  row: ["the row as a value", of("c")],
  rowNamed: ["the row by its table's name", "SELECT customers FROM customers ORDER BY id"],
  rowText: ["the row as text", of("c::text")],
  rowConstructor: ["ROW(…)", of("ROW(c.*)")],
  rowPart: ["ROW of some", of("ROW(id, ssn)::text")],
  toJson: ["to_json", of("to_json(c)")],
  toJsonb: ["to_jsonb", of("to_jsonb(c)")],
  rowToJson: ["row_to_json", of("row_to_json(c)")],
  jsonAgg: ["json_agg", "SELECT json_agg(c ORDER BY id) FROM customers c"],
  jsonbAgg: ["jsonb_agg of a sub-select", "SELECT jsonb_agg(s ORDER BY s.id) FROM (SELECT id, ssn FROM customers) s"],
  jsonObject: ["json_build_object", of("json_build_object('k', ssn)")],
  jsonArray: ["json_build_array", of("json_build_array(name, ssn)")],
  objectAgg: ["json_object_agg", "SELECT json_object_agg(id, ssn ORDER BY id) FROM customers"],
  objectKey: ["as keys of an object", "SELECT jsonb_object_agg(name, id) FROM customers"],
  each: ["json_each of the row", "SELECT id, e.* FROM customers c, jsonb_each_text(to_jsonb(c)) e ORDER BY 1, 2"],
  minus: ["the row less what is harmless", of("to_jsonb(c) - 'id' - 'name'")],
  fieldOfJson: ["a field of the row as a document", of("to_jsonb(c)->>'ssn'")],
  pathOfJson: ["a field found by a pattern", of("jsonb_path_query_array(to_jsonb(c), '$.*')")],
  fieldOfRow: ["a field of the row", of("(c).ssn")],
  starOfRow: ["all fields of the row", of("(c).*")],
  functionForm: ["a field as a function", of("ssn(c)")],
  nameForm: [
    "the table's name as a column of a sub-select",
    "SELECT (s.c).ssn FROM (SELECT c, id FROM customers c) s ORDER BY id",
  ],
  arrayAgg: ["array_agg of rows", "SELECT array_agg(c ORDER BY id) FROM customers c"],
  arraySub: ["ARRAY(…)", "SELECT ARRAY(SELECT ssn FROM customers ORDER BY id)"],
  stringAgg: ["string_agg", "SELECT string_agg(ssn, ',' ORDER BY id) FROM customers"],
  byteaAgg: ["string_agg of bytes", "SELECT string_agg(photo, '\\x00' ORDER BY id) FROM customers"],
  hashRow: ["a digest of the row", of("md5(c::text)")],
  hashRecord: ["the server's hash of a row", of("hash_record(ROW(name, ssn))")],
  compareRows: [
    "rows compared",
    "SELECT a.id, count(*) FROM customers a JOIN customers b ON ROW(a.name, 1) < ROW(b.name, 1) GROUP BY 1 ORDER BY 1",
  ],
  recordIn: ["rows through text and back", of("(c::text)::customers")],
  populate: [
    "rows made from documents",
    "SELECT (jsonb_populate_record(NULL::customers, to_jsonb(c))).ssn FROM customers c ORDER BY id",
  ],
  recordset: [
    "rows of a document",
    "SELECT r.* FROM (SELECT jsonb_agg(c) AS j FROM customers c) s, jsonb_to_recordset(s.j) AS r(id int, ssn text) ORDER BY 1",
  ],
  queryToXml: [
    "a query as XML",
    "SELECT query_to_xml('SELECT id, ssn FROM twin.customers ORDER BY id', true, false, '')",
  ],
  tableToXml: ["a table as XML", "SELECT table_to_xml('twin.customers', true, false, '')"],
  xmlElement: ["XMLELEMENT", of("xmlelement(name s, ssn)")],
  xmlForest: ["XMLFOREST", of("xmlforest(name, ssn)")],
  values: ["in VALUES of a LATERAL", "SELECT v.x FROM customers c, LATERAL (VALUES (c.ssn), (c.name)) v(x) ORDER BY 1"],
  numNodes: ["how many columns are null", of("num_nulls(c.ssn, c.email)")],
  recordSend: ["a row in binary, as hex", of("encode(record_send(ROW(ssn)), 'hex')")],
  rowNull: ["whether a row is null anywhere", of("ROW(c.ssn, 1) IS NOT NULL")],
  wholeNull: ["whether the whole row is not null", of("c IS NOT NULL")],
});
