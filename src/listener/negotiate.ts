/**
 * The first bytes of a connection, up to its StartupMessage or CancelRequest: TLS by SSLRequest or at once, GSSENCRequest.
 * Authenticates nobody: see authenticate.ts. Source: PostgreSQL 18 docs, section 54.2 (protocol-flow).
 */

import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { ProtocolViolation } from "../wire/protocol-violation.ts";
import { decodeStartupPacket, MAX_STARTUP_PACKET_BYTES, type StartupPacket } from "../wire/startup.ts";
import { readExactly } from "./socket-reader.ts";
import type { TlsContext } from "./tls-context.ts";

export type StartupMessage = Extract<StartupPacket, { type: "StartupMessage" }>;
export type CancelRequest = Extract<StartupPacket, { type: "CancelRequest" }>;

export interface Negotiated {
  /** Encrypted where `encrypted`; nothing is buffered in it that came before the handshake. */
  readonly socket: Socket;
  readonly encrypted: boolean;
  readonly message: StartupMessage | CancelRequest;
}

const TLS_HANDSHAKE_RECORD = 0x16;
const YES_TLS = Uint8Array.of(0x53); // 'S'
const NO = Uint8Array.of(0x4e); // 'N'

/**
 * @param tls null where the configuration says `tls: off`. @param onSecured told of the socket to answer on from then on. @throws {ProtocolViolation} for anything out of order.
 */
export async function negotiate(
  raw: Socket,
  tls: TlsContext | null,
  signal: AbortSignal,
  onSecured: (socket: Socket) => void,
): Promise<Negotiated> {
  let socket = raw;
  let encrypted = false;
  let gssAsked = false;
  let tlsAsked = false;
  for (;;) {
    const head = await readExactly(socket, 4, signal);
    if (head[0] === TLS_HANDSHAKE_RECORD && !encrypted && !gssAsked) {
      if (tls === null) throw new ProtocolViolation("startup packet", "TLS was begun on a listener without TLS", 0);
      socket.unshift(head);
      socket = await tls.secure(socket, signal);
      onSecured(socket);
      requireAlpn(socket);
      encrypted = true;
      continue;
    }
    const packet = await readPacket(socket, head, signal);
    if (packet.type === "StartupMessage" || packet.type === "CancelRequest")
      return { socket, encrypted, message: packet };
    // Bytes behind the request came before any encryption and may be an attacker's (CVE-2021-23214): end the session
    // rather than read them as if they had come inside it.
    if (socket.readableLength > 0) throw new ProtocolViolation(packet.type, "bytes were sent behind it", 8);
    if (packet.type === "SSLRequest") {
      if (tlsAsked || encrypted) throw new ProtocolViolation("SSLRequest", "it was sent twice or inside TLS", 0);
      tlsAsked = true;
      if (tls === null) {
        socket.write(NO);
        continue;
      }
      socket.write(YES_TLS);
      socket = await tls.secure(socket, signal);
      onSecured(socket);
      encrypted = true;
    } else {
      if (gssAsked || encrypted) throw new ProtocolViolation("GSSENCRequest", "it was sent twice or after TLS", 0);
      gssAsked = true;
      socket.write(NO);
    }
  }
}

async function readPacket(socket: Socket, head: Uint8Array, signal: AbortSignal): Promise<StartupPacket> {
  const length = new DataView(head.buffer, head.byteOffset).getInt32(0);
  // Checked before anything is waited for: an unauthenticated peer chooses this number.
  if (length < 8 || length > MAX_STARTUP_PACKET_BYTES) {
    throw new ProtocolViolation("startup packet", "its length is out of bounds", 0);
  }
  const body = await readExactly(socket, length - 4, signal);
  const packet = new Uint8Array(length);
  packet.set(head);
  packet.set(body, 4);
  return decodeStartupPacket(packet);
}

/** Without SSLRequest only ALPN keeps another protocol's handshake out (PostgreSQL 18 docs, protocol-flow). */
function requireAlpn(socket: Socket): void {
  if (socket instanceof TLSSocket && socket.alpnProtocol === "postgresql") return;
  throw new ProtocolViolation("TLS handshake", "a direct connection must negotiate ALPN postgresql", 0);
}
