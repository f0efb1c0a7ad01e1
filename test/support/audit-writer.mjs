/**
 * Writes intents and outcomes to the audit log of FOLDER until it is killed, and says on its standard output which intents
 * a gateway would have let run: "k INDEX" with the kernel, "d INDEX" on disk. Needs `npm run build`.
 */

import { writeSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { openLog, sessionEntries } from "./make-log.mjs";

const say = (text) => writeSync(1, `${text}\n`);

const log = await openLog(process.argv[2]);
say("open");
for (let number = 0; ; number++) {
  const sessions = Array.from({ length: 4 }, (_, i) => sessionEntries(number * 4 + i, 30));
  for (let open = sessions; open.length > 0; ) {
    open = open.filter((entries) => {
      const { value, done } = entries.next();
      if (done) return false;
      const index = log.append(value);
      if (value.type !== "statement.decided" || value.verdict !== "permitted") return true;
      if (value.class === "read") log.afterHandOver((error) => error ?? say(`k ${index}`));
      else log.afterDurable(index, (error) => error ?? say(`d ${index}`));
      return true;
    });
    await setImmediate();
  }
}
