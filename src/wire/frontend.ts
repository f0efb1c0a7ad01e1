/** All messages that an authenticated frontend may send, and the table from type byte to decoder. The messages: see their files. */

import { type CopyData, type CopyDone, type CopyFail, decodeCopyData, decodeCopyFail } from "./copy.ts";
import {
  type Bind,
  type Close,
  type Describe,
  decodeBare,
  decodeBind,
  decodeClose,
  decodeDescribe,
  decodeExecute,
  decodeParse,
  type Execute,
  type Flush,
  type Parse,
  type Sync,
  type Terminate,
} from "./extended.ts";
import { FRONTEND } from "./message-types.ts";
import { ProtocolViolation } from "./protocol-violation.ts";
import { decodeFunctionCall, decodeQuery, type FunctionCall, type Query } from "./query.ts";

export type FrontendMessage =
  | Query
  | FunctionCall
  | Parse
  | Bind
  | Describe
  | Execute
  | Close
  | Flush
  | Sync
  | Terminate
  | CopyData
  | CopyDone
  | CopyFail;

/**
 * One message of a session that is past authentication; 'p' (see password.ts) is refused here.
 * @param body the message after type byte and length. Byte fields of the result are views on it.
 * @throws {ProtocolViolation} for an unknown type, or where the message is short, long or malformed.
 */
export function decodeFrontend(type: number, body: Uint8Array): FrontendMessage {
  switch (type) {
    case FRONTEND.Query:
      return decodeQuery(body);
    case FRONTEND.Parse:
      return decodeParse(body);
    case FRONTEND.Bind:
      return decodeBind(body);
    case FRONTEND.Describe:
      return decodeDescribe(body);
    case FRONTEND.Execute:
      return decodeExecute(body);
    case FRONTEND.Close:
      return decodeClose(body);
    case FRONTEND.Flush:
      return decodeBare("Flush", body);
    case FRONTEND.Sync:
      return decodeBare("Sync", body);
    case FRONTEND.Terminate:
      return decodeBare("Terminate", body);
    case FRONTEND.FunctionCall:
      return decodeFunctionCall(body);
    case FRONTEND.CopyData:
      return decodeCopyData(body);
    case FRONTEND.CopyDone:
      return decodeBare("CopyDone", body);
    case FRONTEND.CopyFail:
      return decodeCopyFail(body);
    case FRONTEND.Authentication:
      throw new ProtocolViolation("message 'p'", "authentication is over", 0);
    default:
      throw new ProtocolViolation("frontend message", `unknown type ${type}`, 0);
  }
}
