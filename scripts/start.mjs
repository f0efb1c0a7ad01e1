/**
 * `npm start`: gets a fresh clone ready and runs the demo in this same process, so that there is no second one to leave behind.
 * Written for old versions of Node too, as far as the sentence that says that they are too old.
 */

import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(
    `Postern needs Node 20.19 or newer; this is ${process.versions.node}. Get it from your system's packages or nodejs.org.\n`,
  );
  process.exit(1);
}

start().catch((error) => {
  const isSetup = error.constructor.name === "SetupError";
  process.stderr.write(`${isSetup ? error.message : error.stack}\n`);
  process.exit(1);
});

async function start() {
  const { prepare } = await import("./install.mjs");
  await prepare();
  endWithNpm();
  const main = join(dirname(dirname(fileURLToPath(import.meta.url))), "dist", "cli", "main.js");
  process.argv = [process.execPath, main, "demo", ...process.argv.slice(2)];
  await import(pathToFileURL(main).href);
}

/** npm cannot pass on a kill -9: where it is gone, so is whoever asked for the demo. */
function endWithNpm() {
  if (process.env.npm_lifecycle_event !== "start") return;
  const shell = process.ppid;
  const npm = parentOf(shell);
  const watch = setInterval(() => {
    if (process.ppid === shell && parentOf(shell) === npm) return;
    clearInterval(watch);
    process.kill(process.pid, "SIGTERM");
  }, 1_000);
  watch.unref();
}

/** Parent of a process, where the system tells in a file (Linux); some shells stay between npm and us. */
function parentOf(pid) {
  try {
    return /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  } catch {
    return undefined;
  }
}
