import { it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option } from "effect"
import { describe, expect } from "vitest"
import { GroupRefused } from "../../src/domain/Group.ts"
import { GroupFact } from "../../src/domain/GroupFact.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { Groups } from "../../src/sql/groups/Groups.ts"
import { CloseAction } from "../../src/whatsapp/socket/CloseReason.ts"
import { QueryFailed, SocketEvent } from "../../src/whatsapp/WhatsApp.ts"
import { actorsLayer, makeDevice } from "../support/actors.ts"
import { groupJid, refOf, snapshot } from "../support/fakeGroups.ts"
import { FakeWhatsApp, paired } from "../support/FakeWhatsApp.ts"

const groupId = groupJid("101")
const ani = "6281277770001"

describe("groups of a device", () => {
  it.scoped("are asked for after a login, at most once an hour, and whenever WhatsApp says so", () =>
    Effect.gen(function*() {
      const fake = yield* FakeWhatsApp
      const groups = yield* Groups
      const events = yield* EventLog
      const { deviceId, online, settle } = yield* makeDevice()
      let asked = 0
      let all = [snapshot(groupId, "Toko"), snapshot(groupJid("102"), "Lain")]
      fake.groups = { ...fake.groups, all: Effect.sync(() => ((asked += 1), all)) }
      const rounds = (count: number) =>
        Effect.zipRight(settle, Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))).pipe(
          Effect.repeat({ until: () => asked >= count, times: 500 }),
          Effect.zipRight(settle)
        )
      const told = Effect.map(events.after({ after: 0, deviceId, types: ["group.updated"], limit: 100 }), (found) => found.map(({ data }) => data["changes"]))

      const socket = yield* online
      yield* rounds(1)
      const synced = groups.syncedAt(deviceId)
      yield* Effect.repeat(Effect.zipRight(rounds(1), synced), { until: Option.isSome, times: 500 })
      expect((yield* groups.list(deviceId, { onlyJoined: true, limit: 10 })).map(({ name }) => name)).toEqual(["Lain", "Toko"])
      // what the account brings along is no news
      expect(yield* told).toEqual([])

      const again = Effect.gen(function*() {
        yield* socket.close({ action: CloseAction.Restart() })
        const next = yield* fake.next
        yield* next.emit(SocketEvent.Open(paired("6281200000001")))
        yield* next.emit(SocketEvent.Drained())
        yield* rounds(asked + 1)
        return next
      })
      const second = yield* again
      expect(asked).toBe(1)

      all = [snapshot(groupId, "Toko")]
      yield* second.emit(SocketEvent.GroupsStale())
      yield* rounds(2)
      yield* Effect.repeat(Effect.zipRight(rounds(2), told), { until: (changes) => changes.length > 0, times: 500 })
      expect(asked).toBe(2)
      expect(yield* told).toEqual([["left"]])
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("an older answer does not cover a newer notification", () =>
    Effect.gen(function*() {
      const fake = yield* FakeWhatsApp
      const groups = yield* Groups
      const { actor, deviceId, online, settle } = yield* makeDevice()
      const [asked, answer] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      fake.groups = {
        ...fake.groups,
        all: Effect.succeed([snapshot(groupId, "Toko")]),
        get: () => Effect.as(Effect.zipRight(Deferred.succeed(asked, undefined), Deferred.await(answer)), snapshot(groupId, "Toko"))
      }
      const socket = yield* online
      yield* Effect.repeat(Effect.zipRight(settle, groups.syncedAt(deviceId)), { until: Option.isSome, times: 500 })
      const desk = yield* actor.groups
      const refresh = yield* Effect.fork(desk.refresh(groupId))
      yield* Deferred.await(asked)
      // the server answered before Ani came
      const fact = GroupFact.Participants({ groupId, action: "add", participants: [refOf(ani)], includesMe: false, author: null })
      fake.groupJournal.push({ id: 1, facts: [fact] })
      yield* socket.emit(SocketEvent.GroupsTold())
      yield* settle
      yield* Deferred.succeed(answer, undefined)
      yield* Fiber.join(refresh)
      yield* Effect.repeat(Effect.zipRight(settle, Effect.sync(() => fake.groupJournal.length)), { until: (left) => left === 0, times: 500 })
      expect((yield* groups.get(deviceId, groupId)).participants.map(({ phone }) => phone)).toContain(ani)
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("people are named as the group names them, and answered for as they were asked for", () =>
    Effect.gen(function*() {
      const fake = yield* FakeWhatsApp
      const groups = yield* Groups
      const { actor, deviceId, online } = yield* makeDevice()
      yield* online
      yield* groups.record(deviceId, [GroupFact.Whole({ group: snapshot(groupId, "Toko", [ani]), author: null })])
      const named: Array<string> = []
      fake.groups = {
        ...fake.groups,
        participants: (_, __, people) => {
          named.push(...people)
          return Effect.succeed(people.map((jid) => ({ jid, status: "done" as const, code: 200, invite: null })))
        }
      }
      const desk = yield* actor.groups
      const jid = refOf(ani).jid
      expect(yield* desk.participants(groupId, "promote", [jid])).toEqual([{ jid, status: "done", code: 200, invite: null }])
      expect(named).toEqual([refOf(ani).lid])
      expect((yield* groups.get(deviceId, groupId)).participants.at(1)).toMatchObject({ phone: ani, role: "admin" })
    }).pipe(Effect.provide(actorsLayer)))

  it.scoped("a refusal says whether the device is not in the group, or no administrator of it", () =>
    Effect.gen(function*() {
      const fake = yield* FakeWhatsApp
      const groups = yield* Groups
      const { actor, deviceId, online } = yield* makeDevice()
      yield* online
      yield* groups.record(deviceId, [GroupFact.Whole({ group: snapshot(groupId, "Toko"), author: null })])
      const refusing = (code: number) => {
        fake.groups = { ...fake.groups, change: () => new GroupRefused({ code }), get: () => new GroupRefused({ code }) }
      }
      const leave = (id = groupId) =>
        Effect.flatMap(actor.groups, (desk) => Effect.flip(desk.change(id, { _tag: "Leave" }))).pipe(Effect.map(({ _tag }) => _tag))
      refusing(403)
      expect(yield* leave()).toBe("NotGroupAdmin")
      expect(yield* leave(groupJid("999"))).toBe("NotGroupMember")
      refusing(404)
      expect(yield* leave()).toBe("GroupNotFound")
      refusing(409)
      expect(yield* leave()).toBe("GroupRefused")
      // asked for the group itself, a 403 means that one is outside, whatever is stored
      refusing(403)
      expect((yield* Effect.flatMap(actor.groups, (desk) => Effect.flip(desk.refresh(groupId))))._tag).toBe("NotGroupMember")
      expect((yield* groups.get(deviceId, groupId)).group.isMember).toBe(false)
      fake.groups = { ...fake.groups, change: () => new QueryFailed({ query: "group", cause: new Error("silence") }) }
      expect(yield* leave()).toBe("QueryFailed")
    }).pipe(Effect.provide(actorsLayer)))
})
