/** The pages that people see at the demo issuer: login, code of a device, done, error. Plain HTML, no script. */

import { PEOPLE } from "./people.ts";

const STYLE = `
  :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
  body { max-width: 32rem; margin: 4rem auto; padding: 0 1rem; }
  h1 { font-size: 1.4rem; }
  fieldset { border: 1px solid #8888; border-radius: .5rem; padding: .75rem 1rem; margin: 0 0 1rem; }
  label { display: block; padding: .25rem 0; }
  code { font-size: 1.2em; }
  input[type=text], input[type=password] { font: inherit; padding: .4rem; width: 16rem; max-width: 100%; box-sizing: border-box; }
  button { font: inherit; padding: .5rem 1rem; }
  .refused { color: #c00; }`;

/** Text of outside in HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title} · Postern demo issuer</title><style>${STYLE}</style></head>
<body><main><h1>${title}</h1>
${body}
</main></body>
</html>
`;
}

/** @param uid of the interaction. @param refused whether a login has just failed. */
export function loginPage(uid: string, clientName: string, refused: boolean): string {
  const people = PEOPLE.map(
    ({ name, title, password }, index) =>
      `<label><input type="radio" name="person" value="${name}"${index === 0 ? " checked" : ""}> ${escapeHtml(title)} (password <code>${password}</code>)</label>`,
  );
  return page(
    "Sign in",
    `<p>${escapeHtml(clientName)} asks who you are. These people exist in the demo only.</p>
${refused ? '<p class="refused" role="alert">That is not the password of this person.</p>' : ""}
<form method="post" action="/interaction/${encodeURIComponent(uid)}">
<fieldset><legend>Person</legend>${people.join("\n")}</fieldset>
<p><label>Password <input type="password" name="password" required autocomplete="off"></label></p>
<p><button type="submit">Sign in</button> <button type="submit" name="cancel" value="yes" formnovalidate>Cancel</button></p>
</form>`,
  );
}

/** @param form the provider's own form, with id op.deviceInputForm. */
export function deviceCodePage(form: string, problem: string | null): string {
  return page(
    "Connect a device",
    `<p>${problem === null ? "Enter the code that your terminal shows." : `<span class="refused" role="alert">${escapeHtml(problem)}</span>`}</p>
${form}
<p><button type="submit" form="op.deviceInputForm">Continue</button></p>`,
  );
}

/** @param form the provider's own form, with id op.deviceConfirmForm. */
export function deviceConfirmPage(form: string, clientName: string, userCode: string): string {
  return page(
    "Is this your code?",
    `<p>${escapeHtml(clientName)} shows the code <code>${escapeHtml(userCode)}</code>. If it does not, someone else started this: cancel.</p>
${form}
<p><button type="submit" form="op.deviceConfirmForm">Continue</button>
<button type="submit" form="op.deviceConfirmForm" name="abort" value="yes">Cancel</button></p>`,
  );
}

export function deviceDonePage(): string {
  return page("Signed in", "<p>Go back to your terminal. This page can be closed.</p>");
}

/** @param out the provider's error: code and description. */
export function errorPage(out: Readonly<Record<string, string>>): string {
  const lines = Object.entries(out).map(([name, value]) => `<p>${escapeHtml(name)}: ${escapeHtml(value)}</p>`);
  return page("That did not work", lines.join("\n"));
}
