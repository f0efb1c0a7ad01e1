import { describe, expect, it } from "vitest";
import { createMetrics } from "./metrics.ts";

describe("the metrics of a gateway", () => {
  it("are scraped in Prometheus' text format", async () => {
    const metrics = createMetrics();
    metrics.sessions.set({ state: "ready" }, 3);
    metrics.sessionsRefused.inc({ reason: "token" });
    metrics.auditFlushSeconds.observe(0.002);

    const text = await metrics.render();

    expect(metrics.contentType).toContain("text/plain");
    expect(text).toContain('postern_sessions{state="ready"} 3');
    expect(text).toContain('postern_sessions_refused_total{reason="token"} 1');
    expect(text).toContain('postern_audit_flush_seconds_bucket{le="0.0025"} 1');
    expect(text).toMatch(/^process_resident_memory_bytes [1-9]\d*$/m);
  });

  it("of two gateways in one process do not mix", async () => {
    const [one, other] = [createMetrics(), createMetrics()];
    one.storeUp.set(1);

    expect(await other.render()).toContain("postern_store_up 0");
  });

  it("follow the plain numbers of the statement path, buckets adding up", async () => {
    const metrics = createMetrics();
    const totals = {
      stages: { record: { counts: [2, 1, 4], sumMs: 250, count: 7 } },
      statements: new Map([["read/permitted", 5]]),
      detected: new Map([["email", 3]]),
      rowsUnseen: 1,
      unproven: 2,
      clientBytes: 10,
      upstreamBytes: 20,
    };
    metrics.follow(totals, [1, 10]);

    await metrics.render();
    totals.statements.set("read/permitted", 6);
    const text = await metrics.render();

    expect(text).toContain('postern_statements_total{class="read",verdict="permitted"} 6');
    expect(text).toContain('postern_bytes_total{direction="upstream"} 20');
    expect(text.split("\n").filter((line) => line.startsWith("postern_stage_seconds"))).toEqual([
      'postern_stage_seconds_bucket{le="0.001",stage="record"} 2',
      'postern_stage_seconds_bucket{le="0.01",stage="record"} 3',
      'postern_stage_seconds_bucket{le="+Inf",stage="record"} 7',
      'postern_stage_seconds_sum{stage="record"} 0.25',
      'postern_stage_seconds_count{stage="record"} 7',
    ]);
  });
});
