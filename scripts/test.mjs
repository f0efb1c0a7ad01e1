/** `npm test`: gets a fresh clone ready and runs the test suite, or the files and options that it is given. */

import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`Postern needs Node 20.19 or newer; this is ${process.versions.node}.\n`);
  process.exit(1);
}

test().catch((error) => {
  const isSetup = error.constructor.name === "SetupError";
  process.stderr.write(`${isSetup ? error.message : error.stack}\n`);
  process.exit(1);
});

async function test() {
  const { prepare } = await import("./install.mjs");
  await prepare();
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  process.chdir(root);
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  process.argv = [process.execPath, vitest, "run", ...process.argv.slice(2)];
  await import(pathToFileURL(vitest).href);
}
