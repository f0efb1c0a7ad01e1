/** Where a worker thread's or child process's compiled file is. Node 20 runs no TypeScript, and tests import the sources. */

/**
 * URL of the compiled module `relative` (written as `./name.js`) beside `importer`. From dist it is the neighbour; from src
 * (under the test runner) it is the same place in dist, which `npm test` builds first.
 */
export function workerEntry(importer: string, relative: string): URL {
  const here = importer.endsWith(".ts") ? importer.replace(/\/src\/(?!.*\/src\/)/, "/dist/") : importer;
  return new URL(relative, here);
}
