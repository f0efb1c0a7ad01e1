/** `postern audit`: the group of commands that read the log. */

import type { Command } from "commander";
import type { CliContext } from "../context.ts";
import { addAuditProve } from "./audit-prove.ts";
import { addAuditTail } from "./audit-tail.ts";

export function addAudit(program: Command, context: CliContext): void {
  const group = program
    .command("audit")
    .summary("verify and read the audit log")
    .description("The tamper-evident log.");
  addAuditTail(group, context);
  addAuditProve(group, context);
}
