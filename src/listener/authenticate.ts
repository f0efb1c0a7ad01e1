/**
 * Asks a client to prove who it is, by client certificate, by a token in the password field or by SASL OAUTHBEARER, and
 * returns the principal. Which database and role it may have is decided after: see gateway/open-session.ts.
 */

import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { GatewayError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import type { Identity } from "../identity/identity.ts";
import type { Principal } from "../identity/principal.ts";
import {
  encodeAuthenticationCleartextPassword,
  encodeAuthenticationSASL,
  encodeAuthenticationSASLContinue,
} from "../wire/authentication.ts";
import { encoded } from "../wire/encode.ts";
import {
  checkOAuthBearerFailureAcknowledged,
  encodeOAuthBearerFailure,
  parseOAuthBearerResponse,
} from "../wire/oauthbearer.ts";
import { decodePasswordMessage, decodeSASLInitialResponse, decodeSASLResponse } from "../wire/password.ts";
import { ProtocolViolation } from "../wire/protocol-violation.ts";
import { readMessage } from "./socket-reader.ts";
import type { AuthenticationMethod } from "./startup-parameters.ts";

const PASSWORD_MESSAGE = 0x70; // 'p', for passwords and SASL alike
/** Tokens are at most 16 KiB; the rest is framing. PostgreSQL's own limit for this message is 64 KiB. */
const MAX_CREDENTIAL_MESSAGE_BYTES = 20 * 1024;

/** libpq 18 connects once with an empty token to learn where tokens come from. An answer, not an attack: not recorded. */
export class DiscoveryOnly extends GatewayError {
  constructor() {
    super("TOKEN_REJECTED", "a bearer token is required", {
      detail: "The connection asked where tokens come from and was told.",
    });
    this.name = "DiscoveryOnly";
  }
}

/** @throws {GatewayError} where the client proves nothing; the caller answers and records it. */
export async function authenticate(
  socket: Socket,
  method: AuthenticationMethod,
  identity: Identity,
  signal: AbortSignal,
): Promise<Principal> {
  const certified = certifiedPrincipal(socket, identity);
  if (certified !== null) return certified;
  return method === "oauthbearer"
    ? authenticateOAuthBearer(socket, identity, signal)
    : authenticatePassword(socket, identity, signal);
}

/** Null where the client showed no certificate. One that was shown must hold: nothing falls back from a bad one. */
function certifiedPrincipal(socket: Socket, identity: Identity): Principal | null {
  if (!(socket instanceof TLSSocket)) return null;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return null;
  if (!socket.authorized) {
    throw new GatewayError("TOKEN_REJECTED", "the client certificate does not verify", {
      detail: `TLS: ${socket.authorizationError?.message ?? String(socket.authorizationError)}`,
      hint: "Use a certificate of the CA that the gateway's tls.clientCa names, or connect without one and with a token.",
    });
  }
  return identity.verifyCertificate(certificate.raw);
}

async function authenticatePassword(socket: Socket, identity: Identity, signal: AbortSignal): Promise<Principal> {
  socket.write(encoded(encodeAuthenticationCleartextPassword));
  const body = await readMessage(socket, "PasswordMessage", PASSWORD_MESSAGE, MAX_CREDENTIAL_MESSAGE_BYTES, signal);
  const { password } = decodePasswordMessage(body);
  if (password === "") {
    throw new GatewayError("TOKEN_REJECTED", "no token was given", {
      hint: "Put the agent's token (a JWT of a configured issuer) into the password: PGPASSWORD=…",
    });
  }
  return identity.verifyToken(new Secret(password));
}

async function authenticateOAuthBearer(socket: Socket, identity: Identity, signal: AbortSignal): Promise<Principal> {
  socket.write(encoded((writer) => encodeAuthenticationSASL(writer, ["OAUTHBEARER"])));
  const body = await readMessage(socket, "SASLInitialResponse", PASSWORD_MESSAGE, MAX_CREDENTIAL_MESSAGE_BYTES, signal);
  const initial = decodeSASLInitialResponse(body);
  if (initial.mechanism !== "OAUTHBEARER") {
    throw new ProtocolViolation("SASLInitialResponse", "a mechanism that was not offered", 0);
  }
  const { token } = parseOAuthBearerResponse(initial.data ?? (await askForResponse(socket, signal)));
  if (token === null) {
    await refuseOAuthBearer(socket, identity, signal);
    throw new DiscoveryOnly();
  }
  try {
    return await identity.verifyToken(token);
  } catch (error) {
    await refuseOAuthBearer(socket, identity, signal);
    throw error;
  }
}

/** RFC 7628, section 3.2.3: the reason goes out as a challenge, the client answers with one byte, then the exchange fails. */
async function refuseOAuthBearer(socket: Socket, identity: Identity, signal: AbortSignal): Promise<void> {
  const { openidConfiguration, scope } = identity.oauthDiscovery();
  const failure = encodeOAuthBearerFailure({ status: "invalid_token", scope, openidConfiguration });
  socket.write(encoded((writer) => encodeAuthenticationSASLContinue(writer, failure)));
  checkOAuthBearerFailureAcknowledged(await readSaslResponse(socket, signal));
}

/** A client may leave its response out of the first message; an empty challenge asks for it (RFC 4422, section 3). */
async function askForResponse(socket: Socket, signal: AbortSignal): Promise<Uint8Array> {
  socket.write(encoded((writer) => encodeAuthenticationSASLContinue(writer, new Uint8Array())));
  return readSaslResponse(socket, signal);
}

async function readSaslResponse(socket: Socket, signal: AbortSignal): Promise<Uint8Array> {
  const body = await readMessage(socket, "SASLResponse", PASSWORD_MESSAGE, MAX_CREDENTIAL_MESSAGE_BYTES, signal);
  return decodeSASLResponse(body).data;
}
