import { it } from "@effect/vitest"
import { ConfigProvider, DateTime, Effect, Layer, TestClock } from "effect"
import { expect } from "vitest"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import type { Message } from "../../src/domain/Message.ts"
import { DevicePacing } from "../../src/sql/DevicePacing.ts"
import { Devices } from "../../src/sql/Devices.ts"
import { Jobs } from "../../src/sql/Jobs.ts"
import { Outbox } from "../../src/sql/Outbox.ts"
import { Priority } from "../../src/sql/Priority.ts"
import { Waiting } from "../../src/sql/Waiting.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, budi, makeDevice, phone, world } from "./world.ts"

const connected = Effect.gen(function*() {
  const devices = yield* Devices
  const deviceId = yield* makeDevice
  const { epoch } = yield* devices.claim(deviceId)
  yield* devices.setState(deviceId, epoch, { status: "connected", reason: null, reasonText: null, retryAt: null, restriction: null })
  return { deviceId, epoch }
})
const why = (deviceId: DeviceId, messages: ReadonlyArray<Message>) =>
  Effect.gen(function*() {
    const device = yield* (yield* Devices).get(deviceId)
    const explained = yield* (yield* Waiting).explain(device, messages)
    return explained.map(({ waitingFor }) => waitingFor === null ? null : [waitingFor.reason, waitingFor.until?.epochMillis ?? null])
  })
const accept = (deviceId: DeviceId, to: typeof ani, priority: number = Priority.interactive) =>
  Effect.flatMap(Outbox, (outbox) => Effect.map(outbox.accept({ deviceId, to, text: "halo", priority }), ({ message }) => message))

const on = Layer.setConfigProvider(ConfigProvider.fromMap(new Map([["PACING_PER_MINUTE", "2"]])))

describeDatabases("Waiting", (database) => {
  it.layer(Layer.fresh(Waiting.layer).pipe(Layer.provideMerge(world(database)), Layer.provide(on)))((it) => {
    it.effect("says of each message what holds it, and until when", () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(1_800_000_000_000)
        const now = 1_800_000_000_000
        const { deviceId, epoch } = yield* connected
        const [outbox, devices] = [yield* Outbox, yield* Devices]
        const first = yield* accept(deviceId, ani)
        const second = yield* accept(deviceId, ani)
        const held = yield* accept(deviceId, budi)
        const rows = yield* outbox.due(deviceId, 10)
        yield* outbox.hold(rows.filter(({ id }) => id === held.id), "new_chats", DateTime.unsafeMake(now + 5000))
        expect(yield* why(deviceId, [first, second, held])).toEqual([["sending", null], ["chat_order", null], ["new_chats", now + 5000]])
        yield* outbox.postpone(rows.find(({ id }) => id === first.id)!, DateTime.unsafeMake(now + 700))
        expect(yield* why(deviceId, [first])).toEqual([["retry", now + 700]])
        const retryAt = DateTime.unsafeMake(now + 9000)
        yield* devices.setState(deviceId, epoch, { status: "connecting", reason: "connection_lost", reasonText: null, retryAt, restriction: null })
        expect(yield* why(deviceId, [first, held])).toEqual([["device_disconnected", now + 9000], ["device_disconnected", now + 9000]])
        // what has gone waits for nothing
        yield* outbox.sent(deviceId, [{ row: rows[0]!, at: yield* DateTime.now }])
        expect(yield* why(deviceId, [{ ...first, status: "sent" } as Message])).toEqual([null])
      }))

    it.effect("tells the pace from what went before, by the same reckoning as the device", () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(1_800_000_000_000)
        const { deviceId, epoch } = yield* connected
        const outbox = yield* Outbox
        yield* accept(deviceId, ani, Priority.bulk)
        const [gone] = yield* outbox.due(deviceId, 1)
        yield* outbox.claim(deviceId, epoch, [{ row: gone!, payload: new Uint8Array([1]) }])
        yield* outbox.sent(deviceId, [{ row: gone!, at: yield* DateTime.now }])
        const urgent = yield* accept(deviceId, budi)
        const bulk = yield* accept(deviceId, phone("6281300000007"), Priority.bulk)
        const same = yield* accept(deviceId, ani, Priority.bulk)
        yield* (yield* DevicePacing).set(deviceId, { recipientGap: 30 })
        expect(yield* why(deviceId, [urgent, bulk, same])).toEqual([
          ["sending", null], ["pacing_gap", 1_800_000_006_000], ["pacing_recipient", 1_800_000_030_000]
        ])
        const [next] = yield* outbox.due(deviceId, 1)
        yield* outbox.claim(deviceId, epoch, [{ row: next!, payload: new Uint8Array([1]) }])
        expect((yield* why(deviceId, [bulk]))[0]?.[0]).toBe("pacing_minute")
      }))

    it.effect("a message of a job waits for its turn, and for whoever has paused the job", () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(1_800_000_000_000)
        const { deviceId, epoch } = yield* connected
        const [jobs, outbox] = [yield* Jobs, yield* Outbox]
        const device = yield* (yield* Devices).get(deviceId)
        const row = yield* jobs.begin({ deviceId, userId: device.userId })
        const people = [ani, budi].map((to, position) => ({ position, recipient: `${to}@s.whatsapp.net` as never, variables: { message: "halo" } }))
        yield* jobs.add(row, people)
        const { job } = yield* jobs.finish(row, {
          deviceId, content: { _tag: "Text", text: "{{message}}", mentions: [], preview: null }, delay: 4000, name: undefined, total: 2,
          idempotencyKey: undefined, requestHash: undefined
        })
        yield* jobs.stage(deviceId)
        const [gone, waiting] = yield* outbox.due(deviceId, 10)
        yield* outbox.claim(deviceId, epoch, [{ row: gone!, payload: new Uint8Array([1]) }])
        const message = { id: waiting!.id, direction: "outgoing", status: "pending" } as Message
        expect(yield* why(deviceId, [message])).toEqual([["job_delay", 1_800_000_004_000]])
        yield* jobs.pause(job.jobId)
        expect(yield* why(deviceId, [message])).toEqual([["job_paused", null]])
      }))
  })
})
