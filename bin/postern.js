#!/usr/bin/env node
// Loads the compiled command. Plain JavaScript that old Node versions read too, so that they are told what is missing.

import { existsSync } from "node:fs";

const [major, minor] = process.versions.node.split(".").map(Number);
const entry = new URL("../dist/cli/main.js", import.meta.url);

if (major < 20 || (major === 20 && minor < 19)) {
  process.stderr.write(`postern: Node 20.19 or newer is needed, and this is ${process.version}\n`);
  process.exitCode = 1;
} else if (existsSync(entry)) {
  await import(entry.href);
} else {
  process.stderr.write("postern: it is not compiled yet\n  npm ci && npm run build\n");
  process.exitCode = 1;
}
