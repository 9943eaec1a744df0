import { it } from "@effect/vitest"
import { Clock, DateTime, Effect, TestClock } from "effect"
import { expect } from "vitest"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { Contacts } from "../../src/sql/contacts/Contacts.ts"
import { DevicePacing } from "../../src/sql/outbox/DevicePacing.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { Priority } from "../../src/sql/outbox/Priority.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, budi, direct, lid, makeDevice, phone, text, world } from "./world.ts"

const payload = new Uint8Array([1])
const due = (deviceId: DeviceId) => Effect.flatMap(Outbox, (outbox) => outbox.due(deviceId, 100))
const claimAll = Effect.fnUntraced(function*(deviceId: DeviceId) {
  const outbox = yield* Outbox
  const { epoch } = yield* (yield* Devices).claim(deviceId)
  const rows = yield* due(deviceId)
  yield* outbox.claim(deviceId, epoch, rows.map((row) => ({ row, payload })))
  yield* outbox.sent(deviceId, yield* Effect.forEach(rows, (row) => Effect.map(DateTime.now, (at) => ({ row, at }))))
})

describeDatabases("Pacing", (database) => {
  it.layer(world(database))((it) => {
    it.effect("what has gone is counted by the minute and one by one, with the chats that it began", () =>
      Effect.gen(function*() {
        yield* TestClock.setTime(1_800_000_000_000)
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        const pacing = yield* DevicePacing
        yield* outbox.accept({ deviceId, to: ani, text: "one" })
        yield* outbox.accept({ deviceId, to: budi, text: "two", priority: Priority.bulk })
        yield* claimAll(deviceId)
        yield* TestClock.adjust("2 hours")
        // no chat begins twice
        yield* outbox.accept({ deviceId, to: ani, text: "three" })
        yield* claimAll(deviceId)
        expect(yield* pacing.used(deviceId)).toEqual({ minute: 1, hour: 1, day: 3, newChats: 2 })
        const { before, recent } = yield* outbox.gone(deviceId)
        const now = yield* Clock.currentTimeMillis
        expect(before).toEqual([{ at: 1_800_000_000_000, count: 2, opened: 2 }, { at: now, count: 1, opened: 0 }])
        expect(recent).toMatchObject([{ at: now, urgent: true }])
        yield* TestClock.adjust("23 hours")
        expect(yield* pacing.used(deviceId)).toEqual({ minute: 0, hour: 0, day: 1, newChats: 0 })
      }))

    it.effect("who writes first is a stranger no more, and gets what was held back from him", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        const until = DateTime.add(yield* DateTime.now, { hours: 5 })
        yield* outbox.accept({ deviceId, to: ani, text: "to ani" })
        yield* outbox.accept({ deviceId, to: budi, text: "to budi" })
        const rows = yield* due(deviceId)
        expect(rows.map(({ firstWroteAt, opensChat }) => [firstWroteAt, opensChat])).toEqual([[null, true], [null, true]])
        yield* outbox.hold(rows, "restriction", until)
        expect(yield* due(deviceId)).toEqual([])
        expect(yield* outbox.nextDueAt(deviceId)).toMatchObject({ _tag: "Some", value: until })
        yield* (yield* Messages).record(deviceId, [text(direct({ phone: ani }), "IN1", "halo")])
        const [free, ...others] = yield* due(deviceId)
        expect([free?.content, free?.opensChat, others]).toEqual(["to ani", false, []])
        const people = yield* (yield* Contacts).list(deviceId, { limit: 10 })
        expect(people.map(({ firstWroteAt, phoneNumber }) => [phoneNumber, firstWroteAt !== null]).toSorted()).toEqual([[ani, true], [budi, false]].toSorted())
        // another reason is another matter
        yield* outbox.release(deviceId, "new_chats")
        expect((yield* due(deviceId)).length).toBe(1)
        yield* outbox.release(deviceId, "restriction")
        expect((yield* due(deviceId)).map(({ content }) => content)).toEqual(["to ani", "to budi"])
      }))

    it.effect("nothing is held back from somebody who has written since the queue was asked", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        yield* outbox.accept({ deviceId, to: ani, text: "to ani" })
        yield* outbox.accept({ deviceId, to: budi, text: "to budi" })
        const rows = yield* due(deviceId)
        yield* (yield* Messages).record(deviceId, [text(direct({ phone: ani }), "IN3", "halo")])
        yield* outbox.hold(rows, "restriction", DateTime.add(yield* DateTime.now, { hours: 5 }))
        const again = yield* due(deviceId)
        expect(again.map(({ content }) => content)).toEqual(["to ani"])
        // what WhatsApp refuses although he has written waits
        yield* outbox.hold(again, "restriction", DateTime.add(yield* DateTime.now, { hours: 5 }))
        expect(yield* due(deviceId)).toEqual([])
      }))

    it.effect("two contacts that turn out to be one have written as one of them has", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        const stranger = phone("6281300000001")
        yield* outbox.accept({ deviceId, to: stranger, text: "held" })
        yield* (yield* Messages).record(deviceId, [text(direct({ lid: lid("77") }), "IN2", "halo")])
        yield* outbox.hold(yield* due(deviceId), "new_chats", DateTime.add(yield* DateTime.now, { hours: 5 }))
        yield* (yield* Contacts).upsert(deviceId, [{ phone: stranger, lid: lid("77") }])
        expect((yield* due(deviceId)).map(({ content, opensChat }) => [content, opensChat])).toEqual([["held", false]])
      }))

    it.effect("only what somebody waits for, and what goes to no resting chat", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const outbox = yield* Outbox
        yield* outbox.accept({ deviceId, to: ani, text: "bulk", priority: Priority.bulk })
        yield* outbox.accept({ deviceId, to: budi, text: "urgent" })
        const [, bulk] = yield* due(deviceId)
        const allowed = (urgentOnly: boolean, restingChats: ReadonlyArray<string>) =>
          Effect.map(outbox.due(deviceId, 10, { urgentOnly, restingChats }), (rows) => rows.map(({ content }) => content))
        expect(yield* allowed(true, [])).toEqual(["urgent"])
        expect(yield* allowed(false, [bulk!.chatKey])).toEqual(["urgent"])
        expect(yield* allowed(false, ["c0"])).toEqual(["urgent", "bulk"])
      }))

    it.effect("nothing is held under settings that have been changed meanwhile", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const [outbox, pacing] = [yield* Outbox, yield* DevicePacing]
        yield* outbox.accept({ deviceId, to: ani, text: "x" })
        const rows = yield* due(deviceId)
        const until = DateTime.add(yield* DateTime.now, { hours: 5 })
        yield* pacing.set(deviceId, { newChatsPerDay: 2 })
        expect(yield* pacing.hold(deviceId, null, rows, until)).toBe(false)
        expect(yield* due(deviceId)).toHaveLength(1)
        expect(yield* pacing.hold(deviceId, { newChatsPerDay: 2 }, rows, until)).toBe(true)
        expect(yield* due(deviceId)).toEqual([])
        yield* pacing.set(deviceId, null)
        expect(yield* due(deviceId)).toHaveLength(1)
        expect(yield* pacing.hold("device-none" as DeviceId, null, rows, until)).toBe(false)
      }))

    it.effect("settings are the device's own until they are taken back; the pairing is as old as the account's link", () =>
      Effect.gen(function*() {
        const deviceId = yield* makeDevice
        const [devices, pacing] = [yield* Devices, yield* DevicePacing]
        expect(yield* pacing.get(deviceId)).toEqual({ choice: null, pairedAt: null })
        yield* pacing.set(deviceId, { perDay: 10, typing: true })
        const { epoch } = yield* devices.claim(deviceId)
        const account = { jid: `${ani}@s.whatsapp.net` as never, lid: null, phone: ani, pushName: null }
        yield* devices.setPairing(deviceId, epoch, account)
        const pairedAt = yield* Clock.currentTimeMillis
        yield* TestClock.adjust("1 hour")
        yield* devices.setPairing(deviceId, epoch, account)
        expect(yield* pacing.get(deviceId)).toEqual({ choice: { perDay: 10, typing: true }, pairedAt })
        yield* devices.wipe(deviceId, epoch)
        yield* pacing.set(deviceId, null)
        expect(yield* pacing.get(deviceId)).toEqual({ choice: null, pairedAt: null })
      }))
  })
})
