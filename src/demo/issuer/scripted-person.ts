/**
 * A person at the demo issuer, played by a script over HTTP: follows the redirects, fills in the forms. For `npm start -- --once`, tests, and whoever needs a
 * person's token without a browser.
 */

import { createHash, randomBytes } from "node:crypto";
import { CLI_CLIENT, findPerson } from "./people.ts";
import { REDIRECT_URI } from "./provider.ts";

interface Page {
  readonly url: string;
  readonly html: string;
}

/** Ends of a walk: a page of the issuer, or a redirect away from it. */
type Arrival = { readonly page: Page } | { readonly redirect: URL };

const MAX_REDIRECTS = 10;

/** A browser as small as this needs: cookies, redirects within one origin, forms. */
class Browser {
  readonly #origin: string;
  readonly #cookies = new Map<string, string>();

  constructor(origin: string) {
    this.#origin = origin;
  }

  async go(address: string, form?: Readonly<Record<string, string>>): Promise<Arrival> {
    let url = new URL(address, this.#origin);
    let body = form === undefined ? undefined : new URLSearchParams(form);
    for (let step = 0; step < MAX_REDIRECTS; step++) {
      if (url.origin !== this.#origin) return { redirect: url };
      const response = await fetch(url, {
        redirect: "manual",
        headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ") },
        ...(body === undefined ? {} : { method: "POST", body }),
      });
      this.#keep(response.headers.getSetCookie());
      const location = response.headers.get("location");
      if (location === null) return { page: { url: url.href, html: await response.text() } };
      await response.body?.cancel();
      url = new URL(location, url);
      body = undefined;
    }
    throw new Error("the demo issuer redirects in a circle");
  }

  #keep(setCookies: readonly string[]): void {
    for (const cookie of setCookies) {
      const [pair = "", ...attributes] = cookie.split(";");
      const [name = "", value = ""] = pair.split(/=(.*)/s);
      const gone = attributes.some((attribute) => /^\s*expires=Thu, 01 Jan 1970/i.test(attribute));
      if (gone) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
  }
}

/** The token of `name` by authorization code with PKCE (RFC 7636). @param issuer URL of the demo issuer. */
export async function logIn(issuer: string, name: string): Promise<string> {
  const verifier = randomBytes(32).toString("base64url");
  const question = new URLSearchParams({
    client_id: CLI_CLIENT,
    response_type: "code",
    redirect_uri: REDIRECT_URI,
    scope: "openid groups",
    state: randomBytes(8).toString("hex"),
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  });
  const browser = new Browser(issuer);
  const arrival = await submitLogin(browser, await browser.go(`/auth?${question}`), name);
  if (!("redirect" in arrival)) throw new Error(`the demo issuer did not let ${name} in`);
  const { searchParams } = arrival.redirect;
  const code = searchParams.get("code");
  if (code === null || searchParams.get("state") !== question.get("state")) {
    throw new Error(`the demo issuer answered ${name} with ${searchParams.get("error")}`);
  }
  return await requestToken(issuer, {
    grant_type: "authorization_code",
    client_id: CLI_CLIENT,
    redirect_uri: REDIRECT_URI,
    code,
    code_verifier: verifier,
  });
}

/** Enters `userCode` of a device flow (RFC 8628) and logs in as `name`. */
export async function approveDevice(issuer: string, userCode: string, name: string): Promise<void> {
  const browser = new Browser(issuer);
  const entered = await submitForm(browser, await browser.go("/device"), { user_code: userCode });
  const confirmed = await submitForm(browser, entered, {});
  const done = await submitLogin(browser, confirmed, name);
  if (!("page" in done) || !done.page.html.includes("Signed in"))
    throw new Error(`the demo issuer did not take the code ${userCode}`);
}

async function submitLogin(browser: Browser, arrival: Arrival, name: string): Promise<Arrival> {
  const person = findPerson(name);
  if (person === undefined) throw new Error(`the demo has no person named ${name}`);
  return await submitForm(browser, arrival, { person: name, password: person.password });
}

/** Sends the form of the page with its hidden fields and `values`. Reads this issuer's own pages, no others. */
async function submitForm(
  browser: Browser,
  arrival: Arrival,
  values: Readonly<Record<string, string>>,
): Promise<Arrival> {
  const html = "page" in arrival ? arrival.page.html : "";
  const action = /<form [^>]*action="([^"]+)"/.exec(html)?.[1];
  if (action === undefined) throw new Error("the demo issuer shows no form");
  const hidden = [...html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)"/g)];
  const fields = hidden.map(([, name = "", value = ""]) => [name, value]);
  return await browser.go(action, { ...Object.fromEntries(fields), ...values });
}

/** One request to the token endpoint. @param secret of a confidential client. @throws an error with the issuer's own words. */
export async function requestToken(
  issuer: string,
  form: Readonly<Record<string, string>>,
  secret?: string,
): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: "POST",
    body: new URLSearchParams(secret === undefined ? form : { ...form, client_secret: secret }),
  });
  const answer: unknown = await response.json();
  if (typeof answer !== "object" || answer === null || !("access_token" in answer)) {
    throw new Error(`the demo issuer gave no token: ${JSON.stringify(answer)}`);
  }
  return String(answer.access_token);
}
