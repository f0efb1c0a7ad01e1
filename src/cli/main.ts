/** Entry of the `postern` command: this process in, an exit status out. */

import { processContext } from "./context.ts";
import { runCli } from "./program.ts";

const interrupt = new AbortController();
const onInterrupt = (): void => {
  interrupt.abort();
  process.off("SIGINT", onInterrupt); // a second one ends the process as usual
};
process.on("SIGINT", onInterrupt);

// `postern audit tail | head`: a reader that has enough is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

process.exitCode = await runCli(process.argv.slice(2), processContext(interrupt.signal));
process.off("SIGINT", onInterrupt);
