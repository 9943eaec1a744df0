import { it } from "@effect/vitest"
import { ConfigProvider, DateTime, Effect, Layer, Schema, TestClock } from "effect"
import { expect } from "vitest"
import type { Device } from "../../src/domain/Device.ts"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { Jid } from "../../src/domain/Jid.ts"
import type { JobId } from "../../src/domain/Job.ts"
import type { Message } from "../../src/domain/Message.ts"
import { DevicePacing } from "../../src/sql/outbox/DevicePacing.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { Jobs } from "../../src/sql/jobs/Jobs.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { Priority } from "../../src/sql/outbox/Priority.ts"
import { Waiting } from "../../src/sql/outbox/Waiting.ts"
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

const makeJob = ({ deviceId, userId }: Device, to: ReadonlyArray<typeof ani>) =>
  Effect.gen(function*() {
    const jobs = yield* Jobs
    const row = yield* jobs.begin({ deviceId, userId })
    yield* jobs.add(row, to.map((number, position) => ({
      position, recipient: Schema.decodeSync(Jid)(`${number}@s.whatsapp.net`), variables: { message: "halo" }
    })))
    const { job } = yield* jobs.finish(row, {
      deviceId, content: { _tag: "Text", text: "{{message}}", mentions: [], preview: null }, delay: 4000, name: undefined, total: to.length,
      idempotencyKey: undefined, requestHash: undefined
    })
    return job
  })

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
        const job = yield* makeJob(device, [ani, budi])
        yield* jobs.stage(deviceId)
        const [gone, waiting] = yield* outbox.due(deviceId, 10)
        yield* outbox.claim(deviceId, epoch, [{ row: gone!, payload: new Uint8Array([1]) }])
        const message = { id: waiting!.id, direction: "outgoing", status: "pending" } as Message
        expect(yield* why(deviceId, [message])).toEqual([["job_delay", 1_800_000_004_000]])
        yield* jobs.pause(job.jobId)
        expect(yield* why(deviceId, [message])).toEqual([["job_paused", null]])
      }))

    it.effect("a job waits for what its next message waits for, before it has any message and until it is over", () =>
      Effect.gen(function*() {
        const now = 1_800_000_000_000
        yield* TestClock.setTime(now)
        const { deviceId, epoch } = yield* connected
        const [devices, jobs, outbox] = [yield* Devices, yield* Jobs, yield* Outbox]
        const { jobId } = yield* makeJob(yield* devices.get(deviceId), [ani, budi])
        const second = yield* makeJob(yield* devices.get(deviceId), [ani])
        const waits = (of: JobId) =>
          Effect.gen(function*() {
            const waitingFor = yield* (yield* Waiting).explainJob(yield* devices.get(deviceId), yield* jobs.get(of))
            return waitingFor === null ? null : [waitingFor.reason, waitingFor.until?.epochMillis ?? null]
          })
        expect(yield* waits(jobId)).toEqual(["job_delay", null])
        yield* jobs.stage(deviceId)
        expect(yield* waits(jobId)).toEqual(["sending", null])
        expect(yield* waits(second.jobId)).toEqual(["job_delay", null])
        const rows = yield* outbox.due(deviceId, 10)
        // one that is held holds nobody else
        yield* outbox.hold(rows.slice(0, 1), "restriction", DateTime.unsafeMake(now + 60_000))
        expect(yield* waits(jobId)).toEqual(["sending", null])
        yield* outbox.hold(rows.slice(1), "restriction", DateTime.unsafeMake(now + 70_000))
        expect(yield* waits(jobId)).toEqual(["restriction", now + 60_000])
        yield* jobs.pause(jobId)
        expect(yield* waits(jobId)).toEqual(["job_paused", null])
        yield* jobs.pause(second.jobId)
        expect(yield* waits(second.jobId)).toEqual(["job_paused", null])
        yield* jobs.resume(jobId)
        const retryAt = DateTime.unsafeMake(now + 9000)
        yield* devices.setState(deviceId, epoch, { status: "connecting", reason: "connection_lost", reasonText: null, retryAt, restriction: null })
        expect(yield* waits(jobId)).toEqual(["device_disconnected", now + 9000])
        yield* jobs.cancel(jobId)
        expect(yield* waits(jobId)).toBeNull()
      }))
  })
})
