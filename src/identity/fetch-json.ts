/**
 * Fetches one small JSON document of an issuer. Follows no redirect (the issuer's word is bound to its own address), keeps no connection, and takes no
 * proxy from the environment.
 */

import { once } from "node:events";
import { get as getPlain, type IncomingMessage } from "node:http";
import { get as getSecure } from "node:https";

/** An answer with another status than 200. */
export class HttpStatusError extends Error {
  readonly status: number;

  constructor(url: string, status: number) {
    super(`${url} answered with status ${status}`);
    this.name = "HttpStatusError";
    this.status = status;
  }
}

export interface FetchOptions {
  /** CA certificates (PEM) instead of the system's. */
  readonly ca?: string | undefined;
  /** Ends the wait, whatever it waits for. */
  readonly signal: AbortSignal;
  readonly maxBytes: number;
}

/** The parsed body of a 200 answer. @throws {HttpStatusError} or an error of the network, TLS, size or JSON. */
export async function fetchJson(url: string, options: FetchOptions): Promise<unknown> {
  const { ca, signal } = options;
  const headers = { accept: "application/json" };
  const request = url.startsWith("https:")
    ? getSecure(url, { agent: false, headers, signal, ...(ca === undefined ? {} : { ca }) })
    : getPlain(url, { agent: false, headers, signal });
  try {
    const [response]: IncomingMessage[] = await once(request, "response");
    if (response === undefined) throw new Error(`${url} gave no answer`);
    if (response.statusCode !== 200) throw new HttpStatusError(url, response.statusCode ?? 0);
    return JSON.parse(await bodyOf(response, url, options.maxBytes));
  } finally {
    request.destroy();
  }
}

async function bodyOf(response: IncomingMessage, url: string, maxBytes: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`${url} answered with more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
}

/** Whether `url` may carry keys: https, or http to this machine. */
export function isTrustworthy(url: string): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol, hostname } = new URL(url);
  if (protocol === "https:") return true;
  return (
    protocol === "http:" && (hostname === "localhost" || hostname === "[::1]" || /^127(\.\d{1,3}){3}$/.test(hostname))
  );
}
