/**
 * Proves Postern to the server, and with SCRAM has the server prove itself. Sends the password in clear only inside TLS that
 * dial.ts verified, and no MD5 hash ever. Ends with AuthenticationOk; what follows is connect.ts.
 */

import { pbkdf2, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { promisify } from "node:util";
import type { Secret } from "../base/secret.ts";
import type { Authentication } from "../wire/authentication.ts";
import { decodeBackend } from "../wire/backend.ts";
import { certificateHash } from "../wire/channel-binding.ts";
import { encoded } from "../wire/encode.ts";
import { type Report, reportOf } from "../wire/error-response.ts";
import { encodePasswordMessage, encodeSASLInitialResponse, encodeSASLResponse } from "../wire/password.ts";
import { ProtocolViolation } from "../wire/protocol-violation.ts";
import { saslPrep } from "../wire/saslprep.ts";
import { beginScram, chooseScram, type ScramChallenge } from "../wire/scram.ts";
import { UpstreamFailure } from "./failure.ts";
import { refusal } from "./refusal.ts";
import type { StartupReader } from "./startup-reader.ts";
import type { UpstreamTarget } from "./target.ts";

const deriveKey = promisify(pbkdf2);

/** Code of AuthenticationMD5Password. Source: PostgreSQL 18 docs, section 54.7 (protocol-message-formats). */
const MD5 = 5;

/** Notices before authentication are none that a server sends; a few are borne. */
const MAX_NOTICES = 10;

/** One authentication: what it may use, and the notices that came during it. */
interface Exchange {
  readonly reader: StartupReader;
  readonly socket: Socket;
  readonly target: UpstreamTarget;
  readonly notices: Report[];
}

/**
 * Answers the server until AuthenticationOk. Trust, peer and certificate authentication look alike from here: Ok at once.
 * @returns the notices that came on the way. @throws {UpstreamFailure}, and {@link ProtocolViolation} for a broken server.
 */
export async function authenticate(reader: StartupReader, socket: Socket, target: UpstreamTarget): Promise<Report[]> {
  const exchange: Exchange = { reader, socket, target, notices: [] };
  const asked = await nextAuthentication(exchange);
  switch (asked.type) {
    case "AuthenticationOk":
      return exchange.notices;
    case "AuthenticationCleartextPassword":
      sendPassword(exchange);
      break;
    case "AuthenticationSASL":
      await provePassword(exchange, asked.mechanisms);
      break;
    case "AuthenticationOther":
      throw new UpstreamFailure(asked.code === MD5 ? "md5" : "method", target);
    default:
      throw unexpected(asked, target);
  }
  const last = await nextAuthentication(exchange);
  if (last.type !== "AuthenticationOk") throw unexpected(last, target);
  return exchange.notices;
}

/** The next word of the server on authentication; an ErrorResponse in its place is thrown. */
async function nextAuthentication({ reader, target, notices }: Exchange): Promise<Authentication> {
  for (;;) {
    const { type, body } = await reader.frame();
    const message = decodeBackend(type, body);
    if (message.type === "ErrorResponse") throw refusal(reportOf(message.fields), target);
    if (message.type !== "NoticeResponse") return asAuthentication(message, target);
    if (notices.length >= MAX_NOTICES) throw new UpstreamFailure("protocol", target);
    notices.push(reportOf(message.fields));
  }
}

function asAuthentication(message: ReturnType<typeof decodeBackend>, target: UpstreamTarget): Authentication {
  switch (message.type) {
    case "AuthenticationOk":
    case "AuthenticationCleartextPassword":
    case "AuthenticationSASL":
    case "AuthenticationSASLContinue":
    case "AuthenticationSASLFinal":
    case "AuthenticationOther":
      return message;
    default:
      throw unexpected(message, target);
  }
}

function unexpected(message: { readonly type: string }, target: UpstreamTarget): UpstreamFailure {
  return new UpstreamFailure("protocol", target, { cause: new Error(`${message.type} came out of turn`) });
}

function sendPassword({ socket, target }: Exchange): void {
  // A server that is not verified could ask for this in place of SCRAM, and would have the password.
  if (!(socket instanceof TLSSocket)) throw new UpstreamFailure("cleartext", target);
  const password = passwordOf(target).reveal();
  socket.write(encoded((writer) => encodePasswordMessage(writer, { password })));
}

function passwordOf(target: UpstreamTarget): Secret {
  if (target.password === undefined) throw new UpstreamFailure("no_password", target);
  return target.password;
}

/** SCRAM-SHA-256, bound to the TLS connection (-PLUS) where both can. Source: RFC 5802, section 5. */
async function provePassword(exchange: Exchange, mechanisms: readonly string[]): Promise<void> {
  const { socket, target } = exchange;
  const password = passwordOf(target);
  const binding = chooseScram(mechanisms, peerHash(socket));
  if (binding === null)
    throw new UpstreamFailure("method", target, { cause: new Error("no SCRAM-SHA-256 is offered") });
  const first = beginScram(binding, randomBytes(18).toString("base64"));
  const { mechanism, message } = first;
  socket.write(encoded((writer) => encodeSASLInitialResponse(writer, { mechanism, data: message })));
  const challenge = first.challenged(await scramData(exchange, "AuthenticationSASLContinue"));
  const proof = challenge.prove(await salted(password, challenge));
  socket.write(encoded((writer) => encodeSASLResponse(writer, { data: proof.message })));
  const data = await scramData(exchange, "AuthenticationSASLFinal");
  try {
    proof.verify(data);
  } catch (cause) {
    throw cause instanceof ProtocolViolation ? new UpstreamFailure("downgrade", target, { cause }) : cause;
  }
}

/** The server's next step of SCRAM. */
async function scramData(
  exchange: Exchange,
  type: "AuthenticationSASLContinue" | "AuthenticationSASLFinal",
): Promise<Uint8Array> {
  const { target, socket } = exchange;
  const message = await nextAuthentication(exchange).catch((error: unknown) => {
    // A wrong password is 28P01. 28000 here is the server's word that the binding is not to its own TLS connection.
    const unbound = error instanceof UpstreamFailure && error.reason === "not_permitted" && socket instanceof TLSSocket;
    throw unbound ? new UpstreamFailure("downgrade", target, { cause: error.cause }) : error;
  });
  if (message.type === type) return message.data;
  // Ok before the server has proved that it knows the password is what an impostor would say.
  const cause = new Error(`${message.type} came in place of ${type}`);
  throw new UpstreamFailure(message.type === "AuthenticationOk" ? "downgrade" : "protocol", target, { cause });
}

/** Off the main thread: the server chooses how many rounds it takes. */
function salted(password: Secret, { salt, iterations }: ScramChallenge): Promise<Uint8Array> {
  return deriveKey(saslPrep(password.reveal()), salt, iterations, 32, "sha256");
}

/** For channel binding; null without TLS. */
function peerHash(socket: Socket): Uint8Array | null {
  if (!(socket instanceof TLSSocket)) return null;
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? null : certificateHash(certificate.raw);
}
