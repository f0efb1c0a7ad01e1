/** Entry of the `postern` command: this process in, an exit status out. */

import { processContext } from "./context.ts";
import { runCli } from "./program.ts";

const interrupt = new AbortController();
const onInterrupt = (): void => {
  interrupt.abort();
  process.off("SIGINT", onInterrupt); // a second one ends the process as usual
  // Commands with an end of their own (start, demo, connect) listen too; any other has a second to put things away.
  if (process.listenerCount("SIGINT") === 0) setTimeout(() => process.exit(130), 1_000).unref();
};
process.on("SIGINT", onInterrupt);

// `postern audit tail | head`: a reader that has enough is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  process.exit(error.code === "EPIPE" ? 0 : 1);
});

process.exitCode = await runCli(process.argv.slice(2), processContext(interrupt.signal));
process.off("SIGINT", onInterrupt);
