/** The whole corpus, in the order of its files. */

import type { Attack } from "./attack.ts";
import { CATALOGS } from "./attacks/catalogs.ts";
import { COPYING } from "./attacks/copying.ts";
import { ERRORS } from "./attacks/errors.ts";
import { EXPRESSIONS } from "./attacks/expressions.ts";
import { INSIDE } from "./attacks/inside.ts";
import { ORACLES } from "./attacks/oracles.ts";
import { OUTSIDE } from "./attacks/outside.ts";
import { SERIALISATION } from "./attacks/serialisation.ts";
import { STRUCTURE } from "./attacks/structure.ts";

export const ATTACKS: readonly Attack[] = [
  EXPRESSIONS,
  SERIALISATION,
  STRUCTURE,
  ORACLES,
  ERRORS,
  CATALOGS,
  COPYING,
  INSIDE,
  OUTSIDE,
].flat();
