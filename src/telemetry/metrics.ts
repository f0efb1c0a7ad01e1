/**
 * What monitoring reads at /metrics, in Prometheus' text format, from a registry of our own. docs/reference/metrics.md describes
 * each, compared by test. The statement path counts in plain numbers (see `follow`), so that it pays nothing for labels.
 */

import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** Times of one stage, as bucket counts. */
export interface StageTimes {
  /** One more than there are bounds: the last holds what is above them all. */
  readonly counts: ArrayLike<number>;
  readonly sumMs: number;
  readonly count: number;
}

/** Running totals of the statement path, read at each scrape. */
export interface StatementTotals {
  readonly stages: Readonly<Record<string, StageTimes>>;
  /** By `<class>/<verdict>`. */
  readonly statements: ReadonlyMap<string, number>;
  readonly clientBytes: number;
  readonly upstreamBytes: number;
  /** Cells, by detector. */
  readonly detected: ReadonlyMap<string, number>;
  readonly rowsUnseen: number;
  readonly unproven: number;
}

/** A metric as docs/reference/metrics.md describes it. */
export interface MetricDescription {
  readonly name: string;
  readonly help: string;
  readonly type: "gauge" | "counter" | "histogram";
  readonly labels: readonly string[];
}

/** Under five seconds nobody has read a statement. */
const DECISION_BOUNDS_SECONDS = [1, 5, 15, 60, 300, 900, 3_600];
const FLUSH_BOUNDS_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];

/** All metrics of one gateway. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #described: MetricDescription[] = [];
  readonly #beforeRender: (() => void)[] = [];
  #stages: () => string = () => "";

  /** Sessions now, by state: negotiating, authenticating, ready, closing. */
  readonly sessions = this.#gauge("postern_sessions", "Sessions now, by state.", ["state"]);
  readonly sessionsRefused = this.#counter(
    "postern_sessions_refused_total",
    "Connections refused before a session, by reason.",
    ["reason"],
  );
  readonly statements = this.#counter("postern_statements_total", "Statements judged, by class and verdict.", [
    "class",
    "verdict",
  ]);
  readonly bytes = this.#counter("postern_bytes_total", "Bytes relayed: from clients, and from upstreams.", [
    "direction",
  ]);
  readonly upstreamErrors = this.#counter(
    "postern_upstream_errors_total",
    "Upstream connections that failed or broke, by reason.",
    ["reason"],
  );
  readonly auditLogLag = this.#gauge(
    "postern_audit_log_lag_entries",
    "Entries of the audit log that are not on disk yet.",
    [],
  );
  /** 1 while the log can be written; 0 means that no statement runs. */
  readonly auditLogUp = this.#gauge(
    "postern_audit_log_up",
    "1 while the audit log can be written; at 0 no statement runs.",
    [],
  );
  readonly auditFlushSeconds = this.#histogram(
    "postern_audit_flush_seconds",
    "Time of one flush of the audit log to disk.",
    FLUSH_BOUNDS_SECONDS,
  );
  readonly storeLag = this.#gauge(
    "postern_store_lag_entries",
    "Entries of the audit log that the control store's index does not have yet.",
    [],
  );
  readonly parseCache = this.#counter(
    "postern_parse_cache_total",
    "Texts that came, by whether the same one had been parsed before: a hit costs no parse.",
    ["result"],
  );
  readonly treeCache = this.#counter(
    "postern_tree_cache_total",
    "Trees of statements that were judged, by whether the same one had been read before.",
    ["result"],
  );
  readonly upstreamPosture = this.#gauge(
    "postern_upstream_posture_findings",
    "What the last look at the privileges of an upstream role found, by severity.",
    ["database", "role", "severity"],
  );
  readonly policyMode = this.#gauge(
    "postern_policy_mode",
    "1 for the mode that the policy is in: none, enforce or shadow.",
    ["mode"],
  );
  readonly detected = this.#counter(
    "postern_detected_cells_total",
    "Delivered cells without a label in which a detector found something, and which were masked.",
    ["detector"],
  );
  readonly unproven = this.#counter(
    "postern_unproven_total",
    "Statements and sessions that were stopped because something showed that masks and judgement should have kept from being.",
    [],
  );
  readonly rowsUnseen = this.#counter(
    "postern_detector_rows_unseen_total",
    "Delivered rows that detectors did not look at: they are longer than 1 MiB.",
    [],
  );
  readonly approvalsRequested = this.#counter(
    "postern_approvals_requested_total",
    "Requests for approval that this gateway has made, by mode.",
    ["mode"],
  );
  readonly approvalsDecided = this.#counter(
    "postern_approvals_decided_total",
    "Decisions of people that this gateway has taken, by verdict.",
    ["verdict"],
  );
  readonly approvalsEnded = this.#counter(
    "postern_approvals_ended_total",
    "Requests for approval that this gateway has ended, by state.",
    ["state"],
  );
  readonly approvalDecisionSeconds = this.#histogram(
    "postern_approval_decision_seconds",
    "Time from a request for approval to a decision of it.",
    DECISION_BOUNDS_SECONDS,
  );
  readonly approvalsHeld = this.#gauge(
    "postern_approvals_held",
    "Statements whose clients wait for approval at this gateway now.",
    [],
  );
  readonly webhookPosts = this.#counter(
    "postern_webhook_posts_total",
    "Attempts to tell a webhook, by what came of them.",
    ["outcome"],
  );
  readonly storeUp = this.#gauge("postern_store_up", "1 while the control store answers.", []);

  constructor() {
    const residentMemory = this.#gauge("process_resident_memory_bytes", "Memory of the process.", []);
    const cpuSeconds = this.#counter(
      "process_cpu_seconds_total",
      "Processor time of the process, user and system.",
      [],
    );
    this.beforeRender(() => {
      residentMemory.set(process.memoryUsage.rss());
      const { user, system } = process.cpuUsage();
      cpuSeconds.reset();
      cpuSeconds.inc((user + system) / 1e6);
    });
  }

  /** Calls `callback` before each scrape, to set gauges to what is so now. */
  beforeRender(callback: () => void): void {
    this.#beforeRender.push(callback);
  }

  /** Takes statements, stage times and bytes from `totals` at each scrape. @param boundsMs upper bounds of its buckets, rising. */
  follow(totals: StatementTotals, boundsMs: readonly number[]): void {
    this.beforeRender(() => {
      this.statements.reset();
      for (const [key, count] of totals.statements) {
        const [statementClass = "", verdict = ""] = key.split("/");
        this.statements.inc({ class: statementClass, verdict }, count);
      }
      this.detected.reset();
      for (const [detector, cells] of totals.detected) this.detected.inc({ detector }, cells);
      this.rowsUnseen.reset();
      this.rowsUnseen.inc(totals.rowsUnseen);
      this.unproven.reset();
      this.unproven.inc(totals.unproven);
      this.bytes.reset();
      this.bytes.inc({ direction: "client" }, totals.clientBytes);
      this.bytes.inc({ direction: "upstream" }, totals.upstreamBytes);
    });
    this.#stages = () => stageText(totals.stages, boundsMs);
  }

  /** The text of a scrape. */
  async render(): Promise<string> {
    for (const callback of this.#beforeRender) callback();
    return (await this.#registry.metrics()) + this.#stages();
  }

  /** Media type of `render`. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** Names and meanings, for the test that compares them with the documentation. */
  describe(): readonly MetricDescription[] {
    return [...this.#described, { ...STAGES, type: "histogram", labels: ["stage"] }];
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> {
    this.#described.push({ name, help, type: "gauge", labels: labelNames });
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }

  #histogram(name: string, help: string, buckets: number[]): Histogram {
    this.#described.push({ name, help, type: "histogram", labels: [] });
    return new Histogram({ name, help, buckets, registers: [this.#registry] });
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    this.#described.push({ name, help, type: "counter", labels: labelNames });
    return new Counter({ name, help, labelNames, registers: [this.#registry] });
  }
}

/** The metrics of a gateway, all at zero. */
export function createMetrics(): Metrics {
  return new Metrics();
}

const STAGES = { name: "postern_stage_seconds", help: "Time of one statement in a stage." } as const;

/** A histogram a stage, from counts that prom-client did not keep. Source: Prometheus text exposition format 0.0.4. */
function stageText(stages: Readonly<Record<string, StageTimes>>, boundsMs: readonly number[]): string {
  const lines = [`# HELP ${STAGES.name} ${STAGES.help}`, `# TYPE ${STAGES.name} histogram`];
  for (const [stage, { counts, sumMs, count }] of Object.entries(stages)) {
    let below = 0;
    for (const [index, boundMs] of boundsMs.entries()) {
      below += counts[index] ?? 0;
      lines.push(`${STAGES.name}_bucket{le="${boundMs / 1000}",stage="${stage}"} ${below}`);
    }
    lines.push(`${STAGES.name}_bucket{le="+Inf",stage="${stage}"} ${count}`);
    lines.push(`${STAGES.name}_sum{stage="${stage}"} ${sumMs / 1000}`);
    lines.push(`${STAGES.name}_count{stage="${stage}"} ${count}`);
  }
  return `${lines.join("\n")}\n`;
}
