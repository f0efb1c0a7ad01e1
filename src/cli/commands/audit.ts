/** `postern audit`: the group of commands that read the log. */

import type { Command } from "commander";
import type { CliContext } from "../context.ts";
import { addAuditProve } from "./audit-prove.ts";
import { addAuditTail } from "./audit-tail.ts";
import { addAuditVerify } from "./audit-verify.ts";

export function addAudit(program: Command, context: CliContext, exit: (status: number) => void): void {
  const group = program
    .command("audit")
    .summary("verify and read the audit log")
    .description("The tamper-evident log.");
  addAuditVerify(group, context, exit);
  addAuditTail(group, context);
  addAuditProve(group, context);
}
