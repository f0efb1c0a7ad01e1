/** An option that is a number of rows. */

import { InvalidArgumentError, Option } from "commander";

const MOST = 100_000;

export function rowsOption(flags: string, description: string): Option {
  return new Option(flags, description).argParser((text) => {
    const rows = Number(text);
    if (!/^\d{1,6}$/.test(text) || rows > MOST)
      throw new InvalidArgumentError(`a number from 0 to ${MOST} is expected.`);
    return rows;
  });
}
