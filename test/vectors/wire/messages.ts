/**
 * Each message once or twice in the bytes that the PostgreSQL docs prescribe, written by hand, with what they mean.
 * Used both ways (encode, decode) and as seeds of the fuzzing.
 */

import { Buffer } from "node:buffer";
import * as authentication from "../../../src/wire/authentication.ts";
import { decodeBackend, encodeBareBackend } from "../../../src/wire/backend.ts";
import * as copy from "../../../src/wire/copy.ts";
import { encodeReport } from "../../../src/wire/error-response.ts";
import * as extended from "../../../src/wire/extended.ts";
import { decodeFrontend } from "../../../src/wire/frontend.ts";
import * as password from "../../../src/wire/password.ts";
import * as query from "../../../src/wire/query.ts";
import * as results from "../../../src/wire/results.ts";
import * as session from "../../../src/wire/session-messages.ts";
import type { MessageWriter } from "../../../src/wire/writer.ts";

/** Bytes as the docs lay them out, a character a byte. */
export const wire = (text: string): Buffer => Buffer.from(text, "latin1");
export interface Vector {
  readonly name: string;
  readonly bytes: Buffer;
  readonly message: unknown;
  readonly encode: (writer: MessageWriter) => void;
  readonly decode: (type: number, body: Uint8Array) => unknown;
}

function vector<Message>(
  decode: Vector["decode"],
  name: string,
  bytes: string,
  message: Message,
  encode: (writer: MessageWriter, message: Message) => void,
): Vector {
  return { name, bytes: wire(bytes), message, decode, encode: (writer) => encode(writer, message) };
}

const frontend = <M>(name: string, bytes: string, message: M, encode: (writer: MessageWriter, message: M) => void) =>
  vector(decodeFrontend, name, bytes, message, encode);
const backend = <M>(name: string, bytes: string, message: M, encode: (writer: MessageWriter, message: M) => void) =>
  vector(decodeBackend, name, bytes, message, encode);

export const FRONTEND_VECTORS: readonly Vector[] = [
  frontend("Query", "Q\0\0\0\x0dSELECT 1\0", { type: "Query", query: wire("SELECT 1") }, query.encodeQuery),
  frontend("Query of no statement", "Q\0\0\0\x05\0", { type: "Query", query: wire("") }, query.encodeQuery),
  frontend("Query in another encoding", "Q\0\0\0\x06\xe9\0", { type: "Query", query: wire("\xe9") }, query.encodeQuery),
  frontend(
    "Parse",
    "P\0\0\0\x1bs1\0SELECT $1\0\0\x02\0\0\0\x17\0\0\0\0",
    { type: "Parse", statement: "s1", query: wire("SELECT $1"), parameterTypes: [23, 0] },
    extended.encodeParse,
  ),
  frontend(
    "Parse with an oid over 2^31",
    "P\0\0\0\x0c\0\0\0\x01\xff\xff\xff\xfe",
    { type: "Parse", statement: "", query: wire(""), parameterTypes: [4_294_967_294] },
    extended.encodeParse,
  ),
  frontend(
    "Bind",
    "B\0\0\0\x1fp\0s1\0\0\x02\0\0\0\x01\0\x02\0\0\0\x02hi\xff\xff\xff\xff\0\x01\0\x01",
    {
      type: "Bind",
      portal: "p",
      statement: "s1",
      parameterFormats: [0, 1] as const,
      parameters: [wire("hi"), null],
      resultFormats: [1] as const,
    },
    extended.encodeBind,
  ),
  frontend(
    "Bind with an empty value",
    "B\0\0\0\x10\0\0\0\0\0\x01\0\0\0\0\0\0",
    { type: "Bind", portal: "", statement: "", parameterFormats: [], parameters: [wire("")], resultFormats: [] },
    extended.encodeBind,
  ),
  frontend(
    "Describe of a statement",
    "D\0\0\0\x08Ss1\0",
    { type: "Describe", kind: "statement" as const, name: "s1" },
    extended.encodeDescribe,
  ),
  frontend(
    "Describe of the unnamed portal",
    "D\0\0\0\x06P\0",
    { type: "Describe", kind: "portal" as const, name: "" },
    extended.encodeDescribe,
  ),
  frontend(
    "Execute",
    "E\0\0\0\x0ap\0\0\0\x03\xe8",
    { type: "Execute", portal: "p", maxRows: 1000 },
    extended.encodeExecute,
  ),
  frontend(
    "Execute of a negative count",
    "E\0\0\0\x09\0\xff\xff\xff\xff",
    { type: "Execute", portal: "", maxRows: -1 },
    extended.encodeExecute,
  ),
  frontend(
    "Close",
    "C\0\0\0\x09S\xc3\xa9t\0",
    { type: "Close", kind: "statement" as const, name: "ét" },
    extended.encodeClose,
  ),
  frontend("Flush", "H\0\0\0\x04", { type: "Flush" }, extended.encodeFlush),
  frontend("Sync", "S\0\0\0\x04", { type: "Sync" }, extended.encodeSync),
  frontend("Terminate", "X\0\0\0\x04", { type: "Terminate" }, extended.encodeTerminate),
  frontend("CopyData", "d\0\0\0\x081\t2\n", { type: "CopyData", data: wire("1\t2\n") }, copy.encodeCopyData),
  frontend("CopyDone", "c\0\0\0\x04", { type: "CopyDone" }, copy.encodeCopyDone),
  frontend("CopyFail", "f\0\0\0\x0bno way\0", { type: "CopyFail", reason: "no way" }, copy.encodeCopyFail),
  frontend(
    "FunctionCall",
    "F\0\0\0\x19\0\0\x03\xbc\0\x01\0\x01\0\x02\0\0\0\x01x\xff\xff\xff\xff\0\x01",
    {
      type: "FunctionCall",
      functionOid: 956,
      argumentFormats: [1] as const,
      arguments: [wire("x"), null],
      resultFormat: 1 as const,
    },
    query.encodeFunctionCall,
  ),
  vector(
    (_, body) => password.decodePasswordMessage(body),
    "PasswordMessage",
    "p\0\0\0\x0bsecret\0",
    { type: "PasswordMessage", password: "secret" },
    password.encodePasswordMessage,
  ),
  vector(
    (_, body) => password.decodeSASLInitialResponse(body),
    "SASLInitialResponse",
    "p\0\0\0\x19SCRAM-SHA-256\0\0\0\0\x03n,,",
    { type: "SASLInitialResponse", mechanism: "SCRAM-SHA-256", data: wire("n,,") },
    password.encodeSASLInitialResponse,
  ),
  vector(
    (_, body) => password.decodeSASLInitialResponse(body),
    "SASLInitialResponse without a response",
    "p\0\0\0\x14OAUTHBEARER\0\xff\xff\xff\xff",
    { type: "SASLInitialResponse", mechanism: "OAUTHBEARER", data: null },
    password.encodeSASLInitialResponse,
  ),
  vector(
    (_, body) => password.decodeSASLResponse(body),
    "SASLResponse",
    "p\0\0\0\x05\x01",
    { type: "SASLResponse", data: wire("\x01") },
    password.encodeSASLResponse,
  ),
];

export const BACKEND_VECTORS: readonly Vector[] = [
  backend(
    "AuthenticationOk",
    "R\0\0\0\x08\0\0\0\0",
    { type: "AuthenticationOk" },
    authentication.encodeAuthenticationOk,
  ),
  backend(
    "AuthenticationCleartextPassword",
    "R\0\0\0\x08\0\0\0\x03",
    { type: "AuthenticationCleartextPassword" },
    authentication.encodeAuthenticationCleartextPassword,
  ),
  backend(
    "AuthenticationSASL",
    "R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0",
    { type: "AuthenticationSASL", mechanisms: ["SCRAM-SHA-256"] },
    (writer, message) => authentication.encodeAuthenticationSASL(writer, message.mechanisms),
  ),
  backend(
    "AuthenticationSASLContinue",
    "R\0\0\0\x0b\0\0\0\x0br=x",
    { type: "AuthenticationSASLContinue", data: wire("r=x") },
    (writer, message) => authentication.encodeAuthenticationSASLContinue(writer, message.data),
  ),
  backend(
    "AuthenticationSASLFinal",
    "R\0\0\0\x0b\0\0\0\x0cv=x",
    { type: "AuthenticationSASLFinal", data: wire("v=x") },
    (writer, message) => authentication.encodeAuthenticationSASLFinal(writer, message.data),
  ),
  backend(
    "BackendKeyData of protocol 3.0",
    "K\0\0\0\x0c\0\0\x30\x39\x01\x02\x03\x04",
    { type: "BackendKeyData", processId: 12_345, secretKey: wire("\x01\x02\x03\x04") },
    session.encodeBackendKeyData,
  ),
  backend(
    "BackendKeyData of protocol 3.2",
    `K\0\0\0\x28\xff\xff\xff\xff${"k".repeat(32)}`,
    { type: "BackendKeyData", processId: -1, secretKey: wire("k".repeat(32)) },
    session.encodeBackendKeyData,
  ),
  backend(
    "ParameterStatus",
    "S\0\0\0\x19client_encoding\0UTF8\0",
    { type: "ParameterStatus", name: "client_encoding", value: "UTF8" },
    session.encodeParameterStatus,
  ),
  ...(["idle", "transaction", "failed"] as const).map((status, i) =>
    backend(
      `ReadyForQuery, ${status}`,
      `Z\0\0\0\x05${"ITE"[i]}`,
      { type: "ReadyForQuery", status },
      (writer, message) => session.encodeReadyForQuery(writer, message.status),
    ),
  ),
  backend(
    "NegotiateProtocolVersion",
    "v\0\0\0\x15\0\x03\0\x02\0\0\0\x02_pq_.a\0_\0",
    { type: "NegotiateProtocolVersion", major: 3, minor: 2, unknownOptions: ["_pq_.a", "_"] },
    session.encodeNegotiateProtocolVersion,
  ),
  backend(
    "NotificationResponse",
    "A\0\0\0\x10\0\0\0\x07jobs\0{}\0",
    { type: "NotificationResponse", processId: 7, channel: "jobs", payload: "{}" },
    session.encodeNotificationResponse,
  ),
  backend(
    "ErrorResponse",
    "E\0\0\0\x28SFEHLER\0VERROR\0C42P01\0Mno such\0P15\0\0",
    {
      type: "ErrorResponse" as const,
      fields: new Map([
        ["S", "FEHLER"],
        ["V", "ERROR"],
        ["C", "42P01"],
        ["M", "no such"],
        ["P", "15"],
      ]),
    },
    encodeReport,
  ),
  backend(
    "NoticeResponse with a letter of a later version",
    "N\0\0\0\x0a!new\0\0",
    { type: "NoticeResponse" as const, fields: new Map([["!", "new"]]) },
    encodeReport,
  ),
  backend(
    "RowDescription",
    "T\0\0\0\x1b\0\x01id\0\0\0\x40\x01\0\x02\0\0\0\x17\0\x04\xff\xff\xff\xff\0\x01",
    {
      type: "RowDescription",
      columns: [
        {
          name: "id",
          tableOid: 16_385,
          columnNumber: 2,
          typeOid: 23,
          typeSize: 4,
          typeModifier: -1,
          format: 1 as const,
        },
      ],
    },
    results.encodeRowDescription,
  ),
  backend(
    "DataRow",
    "D\0\0\0\x13\0\x03\0\0\0\x01x\xff\xff\xff\xff\0\0\0\0",
    { type: "DataRow", values: [wire("x"), null, wire("")] },
    (writer, message) => results.encodeDataRow(writer, message.values),
  ),
  backend(
    "ParameterDescription",
    "t\0\0\0\x0a\0\x01\0\0\0\x19",
    { type: "ParameterDescription", parameterTypes: [25] },
    results.encodeParameterDescription,
  ),
  backend(
    "CommandComplete",
    "C\0\0\0\x0fINSERT 0 1\0",
    { type: "CommandComplete", tag: "INSERT 0 1" },
    (writer, message) => results.encodeCommandComplete(writer, message.tag),
  ),
  backend(
    "FunctionCallResponse",
    "V\0\0\0\x09\0\0\0\x01x",
    { type: "FunctionCallResponse", value: wire("x") },
    (writer, message) => results.encodeFunctionCallResponse(writer, message.value),
  ),
  ...(["CopyInResponse", "CopyOutResponse", "CopyBothResponse"] as const).map((type, i) =>
    backend(
      type,
      `${"GHW"[i]}\0\0\0\x0b\x01\0\x02\0\x01\0\x01`,
      { type, format: 1 as const, columnFormats: [1, 1] as const },
      copy.encodeCopyResponse,
    ),
  ),
  backend("CopyData", "d\0\0\0\x05x", { type: "CopyData", data: wire("x") }, copy.encodeCopyData),
  ...(
    [
      ["1", "ParseComplete"],
      ["2", "BindComplete"],
      ["3", "CloseComplete"],
      ["I", "EmptyQueryResponse"],
      ["n", "NoData"],
      ["s", "PortalSuspended"],
      ["c", "CopyDone"],
    ] as const
  ).map(([letter, type]) =>
    backend(type, `${letter}\0\0\0\x04`, { type }, (writer, message) => encodeBareBackend(writer, message.type)),
  ),
];
