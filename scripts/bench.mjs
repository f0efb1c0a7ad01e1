/** `npm run bench`: compiles the product and the bench with the project's own compiler, and runs it. See docs/performance.md. */

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const project = dirname(dirname(fileURLToPath(import.meta.url)));
const compiler = join(project, "node_modules", "typescript", "bin", "tsc");

function compile(configuration) {
  return (
    spawnSync(process.execPath, [compiler, "-p", join(project, configuration)], { stdio: ["ignore", 2, 2] }).status ===
    0
  );
}

// A product that does not compile leaves its row out; a bench that does not compile cannot run.
if (!compile("tsconfig.build.json"))
  process.stderr.write("The product does not compile: the bench runs what dist/ holds.\n");
if (!compile(join("bench", "tsconfig.json"))) process.exit(1);

const compiled = join(project, "node_modules", ".cache", "postern-bench", "bench", "main.js");
const { main } = await import(pathToFileURL(compiled).href);
process.exitCode = await main(project, process.argv.slice(2));
