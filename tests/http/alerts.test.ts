import { expect, layer } from "@effect/vitest"
import { SqlClient } from "@effect/sql"
import { Clock, Effect, Layer } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { monitorEventLoopDelay } from "node:perf_hooks"
import * as WebhooksPlugin from "../../src/plugins/webhooks/WebhooksPlugin.ts"
import { signedIn } from "../plugins/world.ts"
import { ask, httpLayer, makeDevice, makeUser } from "../support/http.ts"

const root = join(import.meta.dirname, "../..")
const docs = readFileSync(join(root, "docs/operations.md"), "utf8")
/** As GitHub names headings. */
const anchors = [...docs.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
  heading!.toLowerCase().replaceAll(/[^\w\s-]/g, "").replaceAll(" ", "-"))

const rules = readFileSync(join(root, "ops/alerts.yml"), "utf8").split(/^ {6}- alert: /m).slice(1).map((text) => ({
  name: text.split("\n", 1)[0]!,
  expr: /^ {8}expr: (.+)$/m.exec(text)?.[1] ?? "",
  runbook: /^ {10}runbook: (\S+)$/m.exec(text)?.[1] ?? "",
  summary: /^ {10}summary: ".+"$/m.test(text),
  severity: /^ {10}severity: (warning|critical)$/m.test(text)
}))
/** What only the whole service has: tests/e2e/owners.test.ts and tests/e2e/webhooks.test.ts look at these. */
const ofTheWhole = new Set([
  "whatsapp_shards_held", "process_unhandled_rejections_total", "whatsapp_webhooks_disabled_total", "whatsapp_plugin_in_trouble"
])
const dashboard = readFileSync(join(root, "ops/grafana-dashboard.json"), "utf8")
const panels = (JSON.parse(dashboard) as { readonly panels: ReadonlyArray<{ readonly title: string; readonly targets?: ReadonlyArray<{ readonly expr: string }> }> }).panels
/** Of these only a process of its own has figures. */
const ofProcesses = new Set(["whatsapp_shards_held", "process_unhandled_rejections_total"])
const functions = new Set(["histogram_quantile", "le", "status", "result", "max", "sum", "by", "increase", "rate", "instance", "reason", "code", "plugin"])
const metricsIn = (expr: string) =>
  [...expr.replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, "").matchAll(/[a-z_]\w*/gi)].map(([word]) => word).filter((word) => !functions.has(word))

/** The names of what a scrape has. */
const namesIn = (body: string) =>
  new Set([...body.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name, type]) =>
    type === "histogram" ? [`${name}_count`, `${name}_sum`, `${name}_bucket`] : [name!]))

const text = Effect.map(ask("GET", "/metrics"), (answer) => answer.text)
const valueOf = (name: string) => (body: string) => Number(new RegExp(`^${name.replaceAll(/[{}]/g, String.raw`\$&`)} (\\S+)$`, "m").exec(body)?.[1])

layer(httpLayer())("alerts", (it) => {
  it.effect("each rule names a metric that there is, and an entry of docs/operations.md", () =>
    Effect.gen(function*() {
      expect(rules.length).toBeGreaterThan(5)
      yield* ask("GET", "/api/health")
      const there = namesIn(yield* text)
      for (const { expr, name, runbook, severity, summary } of rules) {
        const metrics = metricsIn(expr)
        expect(metrics.length, name).toBeGreaterThan(0)
        for (const metric of metrics) {
          if (ofTheWhole.has(metric)) continue
          expect([...there], name).toContain(metric)
        }
        expect([name, severity, summary]).toEqual([name, true, true])
        const [file, anchor] = runbook.split("#")
        expect([name, file]).toEqual([name, "docs/operations.md"])
        expect(anchors, name).toContain(anchor)
      }
    }))

  it.effect("what waits is told by reason and age, and is zero when nothing does", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const before = yield* text
      expect(valueOf("whatsapp_outbox_oldest_due_seconds")(before)).toBe(0)
      expect(valueOf("whatsapp_journal_oldest_seconds")(before)).toBe(0)
      expect(valueOf(`whatsapp_devices_waiting{reason="banned"}`)(before)).toBe(0)
      expect(before.match(/^whatsapp_devices_waiting\{/gm)).toHaveLength(18)

      const { user } = yield* makeUser("user")
      const { deviceId } = yield* makeDevice(user)
      const now = yield* Clock.currentTimeMillis
      yield* sql`UPDATE whatsapp_sessions SET wanted = 'online', reason = 'banned' WHERE device_id = ${deviceId}`
      const message = (id: string, priority: number, sendAt: number) => ({
        userId: 1, sessionId: 1, deviceId, chatKey: "c1", senderKey: "me", messageId: id, messageType: "text", direction: "outgoing",
        status: "pending", timestamp: 0, priority, queue: deviceId, sendAt, dueAt: sendAt, createdAt: 0, updatedAt: 0
      })
      yield* sql`INSERT INTO messages ${sql.insert([message("A", 0, now + 5000), message("B", 10, now - 90_000), message("of a job", 20, now - 200_000)])}`
      yield* sql`INSERT INTO inbound_journal ${
        sql.insert({ deviceId, kind: "message", digest: "x", value: new Uint8Array(), createdAt: now - 7000 })
      }`
      const after = yield* text
      expect(valueOf("whatsapp_outbox_oldest_due_seconds")(after)).toBe(90)
      expect(valueOf("whatsapp_journal_oldest_seconds")(after)).toBe(7)
      expect(valueOf(`whatsapp_devices_waiting{reason="banned"}`)(after)).toBe(1)
      yield* sql`DELETE FROM messages WHERE message_id = 'B'`
      expect(valueOf("whatsapp_outbox_oldest_due_seconds")(yield* text)).toBe(0)
    }))

  it.effect("an idle event loop is not late", () =>
    Effect.gen(function*() {
      yield* text
      // ticks of the process's own measure, however slow the machine
      const ticks = monitorEventLoopDelay({ resolution: 20 })
      ticks.enable()
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20))).pipe(
        Effect.repeat({ until: () => ticks.count >= 10 })
      )
      const shown = valueOf("nodejs_eventloop_delay_p50_seconds")(yield* text)
      ticks.disable()
      expect(shown).toBeLessThan(ticks.percentile(50) / 1e9 - 0.01)
      expect(shown).toBeGreaterThanOrEqual(0)
    }))
})

const withWebhooks = WebhooksPlugin.layer.pipe(
  Layer.provide(signedIn("here:1")),
  Layer.provideMerge(httpLayer({ WEBHOOK_ALLOW_PRIVATE: "true", CLUSTER_LOCK_EXPIRATION: "1h" }))
)
layer(withWebhooks)("the dashboard", (it) => {
  it.effect("each panel of the dashboard shows metrics that there are", () =>
    Effect.gen(function*() {
      yield* ask("GET", "/api/health")
      const there = namesIn(yield* text)
      const queries = panels.flatMap(({ targets = [], title }) => targets.map(({ expr }) => [title, expr] as const))
      expect(queries.length).toBeGreaterThan(20)
      for (const [title, expr] of queries) {
        const metrics = metricsIn(expr)
        expect(metrics.length, title).toBeGreaterThan(0)
        for (const metric of metrics) if (!ofProcesses.has(metric)) expect([...there], title).toContain(metric)
      }
    }))
})
