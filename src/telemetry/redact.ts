/** The second net under logs: cuts what looks like a credential out of finished text. The first is that none is put there. */

/** A JWT: three base64url parts, the first of which begins as every JSON object does ("eyJ" is `{"`). */
const TOKEN = /eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*)?/g;
/** The password of a URL, up to the last @ before the path. */
const URL_PASSWORD = /(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@"'\\]{0,200}:)[^\s/"'\\]{1,500}@/gi;
const BEARER = /\b(bearer|basic) +[A-Za-z0-9._~+/=-]{8,}/gi;
const PEM = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*?(-----END [A-Z ]*PRIVATE KEY-----|(?=")|$)/g;

/** `text` without tokens, passwords in URLs, authorization headers and private keys. Other text, also JSON, stays as it is. */
export function redactText(text: string): string {
  return text
    .replace(PEM, "[redacted]")
    .replace(TOKEN, "[redacted]")
    .replace(BEARER, "$1 [redacted]")
    .replace(URL_PASSWORD, "$1[redacted]@");
}
