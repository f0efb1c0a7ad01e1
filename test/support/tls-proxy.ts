/** A man in the middle of a PostgreSQL connection who has a certificate that the client trusts, and reads and changes what passes. */

import { once } from "node:events";
import { createServer, connect as netConnect, type Socket } from "node:net";
import tls from "node:tls";
import type { Issued } from "../../src/demo/certificates.ts";

export interface TlsProxy extends AsyncDisposable {
  readonly port: number;
  /** What clients sent inside TLS, one byte a character. */
  sent(): string;
}

export interface TlsProxyOptions {
  readonly upstreamPort: number;
  readonly certificate: Issued;
  /** Changes what the server says, chunk by chunk. */
  readonly change?: (fromServer: Uint8Array) => Uint8Array;
}

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]);

export async function startTlsProxy(options: TlsProxyOptions): Promise<TlsProxy> {
  let sent = "";
  const sockets = new Set<Socket>();
  const keep = <S extends Socket>(socket: S): S => {
    sockets.add(socket);
    return socket.on("error", () => undefined);
  };
  const server = createServer((raw) => {
    keep(raw);
    void serve(raw).catch(() => raw.destroy());
  }).listen(0, "127.0.0.1");
  const serve = async (raw: Socket): Promise<void> => {
    await once(raw, "data");
    raw.pause();
    raw.write("S");
    const { certificate: cert, key } = options.certificate;
    const client = keep(new tls.TLSSocket(raw, { isServer: true, cert, key, ALPNProtocols: ["postgresql"] }));
    const upstream = await connectTls(options.upstreamPort, keep);
    upstream.on("data", (chunk) => client.write(options.change?.(chunk) ?? chunk));
    client.on("data", (chunk: Buffer) => {
      sent += chunk.toString("latin1");
      upstream.write(chunk);
    });
    upstream.on("close", () => client.end());
    client.on("close", () => upstream.destroy());
  };
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("no port");
  return {
    port: address.port,
    sent: () => sent,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function connectTls(port: number, keep: <S extends Socket>(socket: S) => S): Promise<tls.TLSSocket> {
  const raw = keep(netConnect(port, "127.0.0.1"));
  raw.write(SSL_REQUEST);
  await once(raw, "data");
  raw.pause();
  const secured = keep(tls.connect({ socket: raw, rejectUnauthorized: false, ALPNProtocols: ["postgresql"] }));
  await once(secured, "secureConnect");
  return secured;
}
