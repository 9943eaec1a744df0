import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Queue, Ref, Stream, TestClock } from "effect"
import { expect } from "vitest"
import { DeviceId } from "../../src/domain/DeviceId.ts"
import type { NewEvent } from "../../src/domain/ServiceEvent.ts"
import { StorageUnavailable } from "../../src/domain/Storage.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { describeDatabases } from "../support/databases.ts"
import { makeDevice, time, typesOf, world } from "./world.ts"

const event = (deviceId: DeviceId, qr = "x"): NewEvent => ({
  type: "qr-code",
  deviceId,
  data: { qr, qrCode: "data:", expiresAt: time(5000) }
})

describeDatabases("EventLog", (database) => {
  it.layer(world(database))((it) => {
    it.effect("an event is read back as it was written, numbered for its device and its owner", () =>
      Effect.gen(function*() {
        const log = yield* EventLog
        const [one, two] = [yield* makeDevice, yield* makeDevice]
        const before = yield* log.latest
        yield* log.transaction(log.append([event(one), event(two), event(one, "y")]))
        const written = yield* log.after({ after: before, limit: 10 })
        expect(written.map(({ id, deviceId, sequence }) => [id - before, deviceId, sequence])).toEqual([
          [1, one, 1], [2, two, 1], [3, one, 2]
        ])
        expect(written[2]!.data).toEqual({ qr: "y", qrCode: "data:", expiresAt: "1970-01-01T00:00:05.000Z" })
        expect(yield* log.latest).toBe(before + 3)
        expect(yield* log.oldest).toBe(1)
        const mine = yield* log.after({ after: 0, userId: written[1]!.userId, limit: 10 })
        expect(mine.map(({ deviceId }) => deviceId)).toEqual([two])
        expect(yield* log.after({ after: 0, deviceId: one, types: ["device-status"], limit: 10 })).toEqual([])
        expect(yield* log.after({ after: before, deviceId: one, types: ["qr-code"], limit: 1 })).toHaveLength(1)
      }))

    it.effect("what fails leaves nothing, neither a row nor a gap", () =>
      Effect.gen(function*() {
        const log = yield* EventLog
        const deviceId = yield* makeDevice
        const before = yield* log.latest
        yield* Effect.exit(log.transaction(Effect.zipRight(log.append([event(deviceId)]), Effect.fail("no"))))
        yield* Effect.exit(log.transaction(Effect.zipRight(log.append([event(deviceId)]), Effect.die("no"))))
        yield* log.append([event(deviceId)])
        expect(yield* log.latest).toBe(before + 1)
      }))

    it.effect("a nested transaction joins: a caught failure takes its own events, the rest stays", () =>
      Effect.gen(function*() {
        const log = yield* EventLog
        const sql = yield* SqlClient.SqlClient
        const deviceId = yield* makeDevice
        const rename = (name: string) => sql`UPDATE whatsapp_sessions SET device_name = ${name} WHERE device_id = ${deviceId}`
        yield* log.transaction(Effect.gen(function*() {
          yield* log.transaction(Effect.zipRight(rename("kept"), log.append([event(deviceId, "kept")])))
          yield* Effect.flip(log.transaction(
            rename("lost").pipe(Effect.zipRight(log.append([event(deviceId, "lost")])), Effect.zipRight(Effect.fail("no")))
          ))
        }))
        expect((yield* log.after({ after: 0, deviceId, limit: 10 })).map(({ data }) => data["qr"])).toEqual(["kept"])
        const rows = yield* sql`SELECT device_name FROM whatsapp_sessions WHERE device_id = ${deviceId}`
        expect(rows).toEqual([{ deviceName: "kept" }])
      }))

    it.scoped("readers wake once, after the outermost commit, and every second for other processes", () =>
      Effect.gen(function*() {
        const log = yield* EventLog
        const deviceId = yield* makeDevice
        const before = yield* log.latest
        const seen = yield* Queue.unbounded<number>()
        yield* log.changes.pipe(
          Stream.mapEffect(() => log.latest),
          Stream.runForEach((latest) => Queue.offer(seen, latest - before)),
          Effect.forkScoped
        )
        expect(yield* Queue.take(seen)).toBe(0)
        yield* log.transaction(Effect.gen(function*() {
          yield* log.transaction(log.append([event(deviceId)]))
          yield* log.transaction(log.append([event(deviceId)]))
          expect(yield* Queue.size(seen)).toBe(0)
        }))
        expect(yield* Queue.take(seen)).toBe(2)
        expect(yield* Queue.size(seen)).toBe(0)
        yield* TestClock.adjust("1 second")
        expect(yield* Queue.take(seen)).toBe(2)
      }))

    it.effect("ids have no gaps and appear in the order of commits, whatever the writers do", () =>
      Effect.gen(function*() {
        const log = yield* EventLog
        const devices = yield* Effect.all([makeDevice, makeDevice, makeDevice])
        const before = yield* log.latest
        const done = yield* Ref.make(false)
        const reader = yield* Effect.gen(function*() {
          const ids: Array<number> = []
          let last = before
          while (true) {
            const finished = yield* Ref.get(done)
            const some = yield* log.after({ after: last, limit: 1000 })
            ids.push(...some.map(({ id }) => id))
            last = ids.at(-1) ?? last
            if (finished && some.length === 0) return ids
            yield* Effect.yieldNow()
          }
        }).pipe(Effect.fork)
        const write = (index: number) => {
          const own = log.append([event(devices[index % 3]!), event(devices[(index + 1) % 3]!)])
          return index % 5 === 0
            ? Effect.ignore(log.transaction(Effect.zipRight(own, Effect.fail("no"))))
            : log.transaction(Effect.zipRight(own, Effect.yieldNow()))
        }
        yield* Effect.forEach(Array.from({ length: 60 }, (_, index) => index), write, { concurrency: 8, discard: true })
        yield* Ref.set(done, true)
        const ids = yield* Fiber.join(reader)
        expect(ids).toEqual(Array.from({ length: 96 }, (_, index) => before + 1 + index))
        for (const deviceId of devices) {
          const sequences = (yield* log.after({ after: 0, deviceId, limit: 1000 })).map(({ sequence }) => sequence)
          expect(sequences).toEqual(sequences.map((_, index) => index + 1))
        }
      }))

    it.effect("the database's failure is StorageUnavailable, an event for no device a defect", () =>
      Effect.gen(function*() {
        const log = yield* EventLog
        const sql = yield* SqlClient.SqlClient
        expect(yield* Effect.flip(log.transaction(sql`SELECT * FROM nothing`))).toBeInstanceOf(StorageUnavailable)
        const nobody = yield* Effect.exit(log.append([event(DeviceId.make("nobody"))]))
        expect(Exit.isFailure(nobody) && nobody.cause._tag).toBe("Die")
      }))

    it.effect("an interrupted transaction is rolled back and its connection goes on", () =>
      Effect.gen(function*() {
        const log = yield* EventLog
        const deviceId = yield* makeDevice
        const begun = yield* Deferred.make<void>()
        const fiber = yield* Effect.fork(log.transaction(
          log.append([event(deviceId)]).pipe(Effect.zipRight(Deferred.succeed(begun, undefined)), Effect.zipRight(Effect.never))
        ))
        yield* Deferred.await(begun)
        yield* Fiber.interrupt(fiber)
        yield* log.append([event(deviceId)])
        expect(yield* typesOf(deviceId)).toEqual(["qr-code"])
      }))
  })
})
