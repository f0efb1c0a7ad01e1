/** The login page: shows the demo's people, and tells the provider who it is once the password is right. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Provider } from "oidc-provider/lib/provider.js";
import { errorPage, loginPage } from "./pages.ts";
import { CLI_CLIENT, findPerson } from "./people.ts";

const MAX_FORM_BYTES = 4096;

/** Answers `/interaction/<uid>`, GET and POST. */
export async function answerLogin(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const details = await provider.interactionDetails(request, response).catch(() => null);
  if (details === null) {
    sendPage(response, 400, errorPage({ error: "this login has run out or was finished; start again" }));
    return;
  }
  const client = details.params["client_id"] === CLI_CLIENT ? "The Postern command line" : "A client";
  if (request.method !== "POST") {
    sendPage(response, 200, loginPage(details.uid, client, false));
    return;
  }
  const form = new URLSearchParams(await bodyOf(request));
  if (form.has("cancel")) {
    const refusal = { error: "access_denied", error_description: "the person cancelled the login" };
    await provider.interactionFinished(request, response, refusal);
    return;
  }
  const person = findPerson(form.get("person") ?? undefined);
  if (person === undefined || form.get("password") !== person.password) {
    sendPage(response, 401, loginPage(details.uid, client, true));
    return;
  }
  await provider.interactionFinished(request, response, { login: { accountId: person.name, remember: false } });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_FORM_BYTES) return "";
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

export function sendPage(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "cache-control": "no-store",
  });
  response.end(html);
}
