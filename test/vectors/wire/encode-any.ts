/** Encodes whatever a decoder returned: a body that a strict decoder accepts must come out again byte for byte. */

import * as authentication from "../../../src/wire/authentication.ts";
import { type BackendMessage, encodeBareBackend } from "../../../src/wire/backend.ts";
import * as copy from "../../../src/wire/copy.ts";
import { encodeReport } from "../../../src/wire/error-response.ts";
import * as extended from "../../../src/wire/extended.ts";
import type { FrontendMessage } from "../../../src/wire/frontend.ts";
import * as query from "../../../src/wire/query.ts";
import * as results from "../../../src/wire/results.ts";
import * as session from "../../../src/wire/session-messages.ts";
import type { MessageWriter } from "../../../src/wire/writer.ts";

export function encodeFrontend(writer: MessageWriter, message: FrontendMessage): void {
  switch (message.type) {
    case "Query":
      return query.encodeQuery(writer, message);
    case "FunctionCall":
      return query.encodeFunctionCall(writer, message);
    case "Parse":
      return extended.encodeParse(writer, message);
    case "Bind":
      return extended.encodeBind(writer, message);
    case "Describe":
      return extended.encodeDescribe(writer, message);
    case "Execute":
      return extended.encodeExecute(writer, message);
    case "Close":
      return extended.encodeClose(writer, message);
    case "Flush":
      return extended.encodeFlush(writer);
    case "Sync":
      return extended.encodeSync(writer);
    case "Terminate":
      return extended.encodeTerminate(writer);
    case "CopyData":
      return copy.encodeCopyData(writer, message);
    case "CopyDone":
      return copy.encodeCopyDone(writer);
    case "CopyFail":
      return copy.encodeCopyFail(writer, message);
  }
}

/** @returns false for the one message that Postern decodes and never sends: a way of authentication that it does not speak. */
export function encodeBackend(writer: MessageWriter, message: BackendMessage): boolean {
  switch (message.type) {
    case "AuthenticationOther":
      return false;
    case "AuthenticationOk":
      authentication.encodeAuthenticationOk(writer);
      return true;
    case "AuthenticationCleartextPassword":
      authentication.encodeAuthenticationCleartextPassword(writer);
      return true;
    case "AuthenticationSASL":
      authentication.encodeAuthenticationSASL(writer, message.mechanisms);
      return true;
    case "AuthenticationSASLContinue":
      authentication.encodeAuthenticationSASLContinue(writer, message.data);
      return true;
    case "AuthenticationSASLFinal":
      authentication.encodeAuthenticationSASLFinal(writer, message.data);
      return true;
    case "BackendKeyData":
      session.encodeBackendKeyData(writer, message);
      return true;
    case "ParameterStatus":
      session.encodeParameterStatus(writer, message);
      return true;
    case "ReadyForQuery":
      session.encodeReadyForQuery(writer, message.status);
      return true;
    case "NegotiateProtocolVersion":
      session.encodeNegotiateProtocolVersion(writer, message);
      return true;
    case "NotificationResponse":
      session.encodeNotificationResponse(writer, message);
      return true;
    case "ErrorResponse":
    case "NoticeResponse":
      encodeReport(writer, message);
      return true;
    case "RowDescription":
      results.encodeRowDescription(writer, message);
      return true;
    case "DataRow":
      results.encodeDataRow(writer, message.values);
      return true;
    case "ParameterDescription":
      results.encodeParameterDescription(writer, message);
      return true;
    case "CommandComplete":
      results.encodeCommandComplete(writer, message.tag);
      return true;
    case "FunctionCallResponse":
      results.encodeFunctionCallResponse(writer, message.value);
      return true;
    case "CopyInResponse":
    case "CopyOutResponse":
    case "CopyBothResponse":
      copy.encodeCopyResponse(writer, message);
      return true;
    case "CopyData":
      copy.encodeCopyData(writer, message);
      return true;
    default:
      encodeBareBackend(writer, message.type);
      return true;
  }
}
