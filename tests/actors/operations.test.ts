import { describe, expect, it } from "@effect/vitest"
import { Effect, HashMap, Logger, Metric } from "effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { sendFailed } from "../../src/actors/ActorMetrics.ts"
import { DeviceReason, type DeviceStatus } from "../../src/domain/Device.ts"
import { MessageId, SendFailure } from "../../src/domain/Message.ts"
import { families } from "../../src/http/metrics/PrometheusText.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { CloseAction } from "../../src/whatsapp/socket/CloseReason.ts"
import { actorsLayer, makeDevice } from "../support/actors.ts"
import { lost } from "../support/FakeWhatsApp.ts"

const docs = readFileSync(join(import.meta.dirname, "../../docs/operations.md"), "utf8")
/** What happened, what the service does, what a person does. */
const entryOf = (name: string) =>
  docs.split("\n").find((line) => line.startsWith(`| \`${name}\` |`))?.split("|").slice(2, 5).map((cell) => cell.trim())

const count = (name: string, labels: Readonly<Record<string, string>>) =>
  Effect.map(Metric.snapshot, (pairs) =>
    families(pairs).find((family) => family.name === name)?.samples.find((sample) =>
      sample.labels.length === Object.keys(labels).length && sample.labels.every(([label, value]) => labels[label] === value)
    )?.value ?? 0)

type Line = Readonly<Record<string, unknown>>
const recording = <A, E, R>(effect: (lines: ReadonlyArray<Line>) => Effect.Effect<A, E, R>) => {
  const lines: Array<Line> = []
  const logger = Logger.make(({ annotations, message }) => {
    lines.push({ message: String(message), ...Object.fromEntries(HashMap.entries(annotations)) })
  })
  return Effect.provide(effect(lines), Logger.replace(Logger.defaultLogger, logger))
}
const statusOf = (reason: DeviceReason): DeviceStatus => (reason === "pairing" ? "qr_required" : "disconnected")
const secret = "Siti wrote about her illness"

describe("what an operator sees", () => {
  it.each(DeviceReason.literals)("docs/operations.md has an entry for the reason %s", (reason) => {
    expect(entryOf(reason)).toEqual([expect.stringMatching(/\w/), expect.stringMatching(/\w/), expect.stringMatching(/\w/)])
  })

  it.each(SendFailure.fields.code.literals)("docs/operations.md has an entry for the failure %s", (code) => {
    expect(entryOf(code)).toEqual([expect.stringMatching(/\w/), expect.stringMatching(/\w/), expect.stringMatching(/\w/)])
  })

  it("the docs speak of no reason and no failure that there is not", () => {
    const tables = docs.slice(0, docs.indexOf("## Health"))
    const named = [...tables.matchAll(/^\| `(\w+)` \|/gm)].map((match) => match[1])
    expect(named.toSorted()).toEqual([...DeviceReason.literals, ...SendFailure.fields.code.literals].toSorted())
  })

  it.scoped("every reason is an event, a count, and a log line with the device and without content", () =>
    recording((lines) =>
      Effect.gen(function*() {
        const devices = yield* Devices
        const events = yield* EventLog
        for (const reason of DeviceReason.literals) {
          const { deviceId } = yield* makeDevice(`of-${reason}`)
          const { epoch } = yield* devices.claim(deviceId)
          yield* devices.setState(deviceId, epoch, { status: "connecting", reason: null, reasonText: null, retryAt: null, restriction: null })
          const labels = { status: statusOf(reason), reason }
          const before = yield* count("whatsapp_device_state_changes_total", labels)
          const state = { ...labels, reasonText: secret, retryAt: null, restriction: null }
          yield* devices.setState(deviceId, epoch, state)
          // what does not change is told once
          yield* devices.setState(deviceId, epoch, state)
          expect(yield* count("whatsapp_device_state_changes_total", labels), reason).toBe(before + 1)
          expect(lines.filter((line) => line["deviceId"] === deviceId && line["reason"] === reason), reason).toHaveLength(1)
          const told = yield* events.after({ after: 0, deviceId, types: ["device-status"], limit: 10 })
          expect(told.at(-1)?.data, reason).toMatchObject(labels)
        }
        expect(JSON.stringify(lines)).not.toContain(secret)
      })
    ).pipe(Effect.provide(actorsLayer)))

  it.scoped("every socket that closes is a count and a log line with the device and the reason", () =>
    recording((lines) =>
      Effect.gen(function*() {
        const device = yield* makeDevice("closing")
        for (const reason of DeviceReason.literals) {
          const socket = yield* device.connect
          const before = yield* count("whatsapp_socket_closed_total", { reason })
          yield* socket.close({ ...lost, action: CloseAction.Stop(), reason })
          yield* device.eventually((current) => current.reason === reason && current.status === "disconnected")
          yield* device.settle
          expect(yield* count("whatsapp_socket_closed_total", { reason }), reason).toBe(before + 1)
          expect(lines.filter((line) => String(line["message"]).startsWith("Socket closed") && line["reason"] === reason && line["deviceId"] === "closing"), reason)
            .toHaveLength(1)
        }
      })
    ).pipe(Effect.provide(actorsLayer)), 20_000)

  it.effect("every failure is a count and a log line without content", () =>
    recording((lines) =>
      Effect.gen(function*() {
        for (const code of SendFailure.fields.code.literals) {
          const before = yield* count("whatsapp_messages_failed_total", { code })
          yield* sendFailed(MessageId.make("3EB0AA"), { code, text: secret, whatsapp: 463 }).pipe(Effect.annotateLogs({ deviceId: "toko" }))
          expect(yield* count("whatsapp_messages_failed_total", { code })).toBe(before + 1)
          expect(lines.filter((line) => line["code"] === code)).toEqual([
            { message: "A message has failed", deviceId: "toko", messageId: "3EB0AA", code, whatsapp: 463 }
          ])
        }
        expect(JSON.stringify(lines)).not.toContain(secret)
      })
    ))
})
