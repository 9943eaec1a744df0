import { expect, layer } from "@effect/vitest"
import { SqlClient } from "@effect/sql"
import { DateTime, Effect, TestClock } from "effect"
import { type IncomingMessage, request } from "node:http"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import type { NewEvent } from "../../src/domain/ServiceEvent.ts"
import { Shutdown } from "../../src/http/Shutdown.ts"
import { Devices } from "../../src/sql/devices/Devices.ts"
import { EventLog } from "../../src/sql/events/EventLog.ts"
import { Users } from "../../src/sql/accounts/Users.ts"
import { api, ask, baseUrl, httpLayer, makeDevice, makeUser } from "../support/http.ts"

interface Received {
  readonly id: number | undefined
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly data: any
}

/** An event stream as a browser reads it. `next` waits for one event; `ended` for the end. */
const open = (query: string, options: { readonly token?: string; readonly lastEventId?: number } = {}) =>
  Effect.gen(function*() {
    const base = yield* baseUrl
    const state = { blocks: new Array<string>(), rest: "", isOver: false, wake: () => {} }
    const response = yield* Effect.acquireRelease(
      Effect.async<IncomingMessage>((resume) => {
        const call = request(`${base}/api/events?${query}`, {
          agent: false,
          headers: {
            ...(options.token !== undefined && { authorization: `Bearer ${options.token}` }),
            ...(options.lastEventId !== undefined && { "last-event-id": String(options.lastEventId) })
          }
        }, (incoming) => {
          incoming.setEncoding("utf8").on("data", (chunk: string) => {
            const parts = (state.rest + chunk).split("\n\n")
            state.rest = parts.pop()!
            state.blocks.push(...parts)
            state.wake()
          }).on("close", () => {
            state.isOver = true
            state.wake()
          }).on("error", () => {})
          resume(Effect.succeed(incoming))
        })
        call.on("error", () => {}).end()
      }),
      (incoming) => Effect.sync(() => incoming.destroy())
    )
    const until = (done: () => boolean): Effect.Effect<void> =>
      Effect.async<void>((resume) => {
        state.wake = () => done() && resume(Effect.void)
        state.wake()
      })
    let read = 0
    const next = Effect.gen(function*() {
      for (;;) {
        yield* until(() => state.blocks.length > read || state.isOver)
        const block = state.blocks[read]
        if (block === undefined) return yield* Effect.dieMessage("the stream has ended")
        read += 1
        const data = /^data: (.*)$/m.exec(block)?.[1]
        if (data === undefined) continue
        const id = /^id: (\d+)$/m.exec(block)?.[1]
        return { id: id === undefined ? undefined : Number(id), data: JSON.parse(data) } satisfies Received
      }
    })
    return {
      response,
      next,
      ended: until(() => state.isOver),
      contains: (block: string) => until(() => state.blocks.includes(block)),
      pause: () => response.pause(),
      resume: () => response.resume()
    }
  })

const statusEvent = (deviceId: DeviceId, name: string): Effect.Effect<NewEvent> =>
  Effect.map(DateTime.now, (since) => ({
    type: "device-status",
    deviceId,
    data: { status: "connecting", reason: null, reasonText: null, since, retryAt: null, restriction: null, phoneNumber: null, lid: null, deviceName: name }
  }))

const emit = (deviceId: DeviceId, ...names: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const log = yield* EventLog
    const events = yield* Effect.forEach(names, (name) => statusEvent(deviceId, name))
    yield* log.transaction(log.append(events))
  })

const world = Effect.gen(function*() {
  const owner = yield* makeUser("user")
  const device = yield* makeDevice(owner.user)
  return { ...owner, deviceId: device.deviceId }
})

layer(httpLayer())("the event stream", (it) => {
  it.scoped("begins with `connected`, then tells of the caller's devices alone", () =>
    Effect.gen(function*() {
      const { deviceId, token } = yield* world
      const other = yield* world
      const stream = yield* open("", { token })
      expect(stream.response.statusCode).toBe(200)
      expect(stream.response.headers["content-type"]).toBe("text/event-stream; charset=utf-8")
      const first = yield* stream.next
      expect(first.data).toMatchObject({ type: "connected" })
      yield* stream.contains("retry: 3000")
      yield* emit(other.deviceId, "not yours")
      yield* emit(deviceId, "yours")
      const event = yield* stream.next
      expect(event.id).toBe(first.id! + 2)
      expect(event.data).toEqual({
        type: "device-status", id: event.id, deviceId, sequence: expect.any(Number), timestamp: expect.stringMatching(/Z$/), version: 1,
        status: "connecting", reason: null, reasonText: null, since: expect.any(String), retryAt: null, restriction: null,
        phoneNumber: null, lid: null, deviceName: "yours", data: expect.objectContaining({ status: "connecting", deviceName: "yours" })
      })
    }))

  it.scoped("takes its token from the query too, and no other endpoint does", () =>
    Effect.gen(function*() {
      const { token } = yield* world
      const stream = yield* open(`token=${token}`)
      expect((yield* stream.next).data.type).toBe("connected")
      expect((yield* ask("GET", `${api}/devices?token=${token}`)).status).toBe(401)
      expect((yield* open("token=a.b.c")).response.statusCode).toBe(401)
    }))

  it.scoped("narrows down to a device and to types; another's device is refused", () =>
    Effect.gen(function*() {
      const { deviceId, token, user } = yield* world
      const second = yield* makeDevice(user)
      const stranger = yield* world
      const log = yield* EventLog
      const byDevice = yield* open(`deviceId=${second.deviceId}`, { token })
      const byType = yield* open("types=qr-code,pairing-code", { token })
      yield* byDevice.next
      yield* byType.next
      yield* emit(deviceId, "first")
      yield* emit(second.deviceId, "second")
      const expiresAt = yield* DateTime.now
      yield* log.transaction(log.append([{ type: "qr-code", deviceId, data: { qr: "2@x", qrCode: "data:", expiresAt } }]))
      expect((yield* byDevice.next).data.deviceName).toBe("second")
      expect((yield* byType.next).data).toMatchObject({ type: "qr-code", qr: "2@x", qrCode: "data:", data: { qr: "2@x" } })
      expect((yield* ask("GET", `/api/events?deviceId=${stranger.deviceId}`, { token })).status).toBe(403)
      expect((yield* ask("GET", "/api/events?deviceId=none", { token })).status).toBe(404)
      expect((yield* ask("GET", "/api/events?types=nonsense", { token })).json.error.details[0].field).toBe("types.0")
    }))

  it.scoped("an administrator sees everybody's", () =>
    Effect.gen(function*() {
      const admin = yield* makeUser("admin")
      const { deviceId } = yield* world
      const stream = yield* open("", { token: admin.token })
      yield* stream.next
      yield* emit(deviceId, "somebody's")
      expect((yield* stream.next).data.deviceName).toBe("somebody's")
    }))

  it.scoped("goes on after the last event without a gap or a double, while events keep coming", () =>
    Effect.gen(function*() {
      const { deviceId, token } = yield* world
      const before = yield* open("", { token })
      const start = (yield* before.next).id!
      yield* emit(deviceId, ...Array.from({ length: 700 }, (_, i) => `old-${i}`))
      const stream = yield* open("lastEventId=1", { token, lastEventId: start })
      yield* Effect.forEach(Array.from({ length: 50 }, (_, i) => i), (i) => emit(deviceId, `new-${i}`), { discard: true })
      expect((yield* stream.next).data).toMatchObject({ type: "connected", lastEventId: start })
      const ids = yield* Effect.replicateEffect(Effect.map(stream.next, ({ id }) => id), 750)
      expect(ids).toEqual(Array.from({ length: 750 }, (_, i) => start + 1 + i))
    }))

  it.scoped("says so when events since the last one are no longer kept", () =>
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const log = yield* EventLog
      const { deviceId, token } = yield* world
      yield* emit(deviceId, "a", "b", "c")
      const latest = yield* log.latest
      yield* sql`DELETE FROM events WHERE id < ${latest - 1}`
      const stream = yield* open("lastEventId=1", { token })
      yield* stream.next
      expect((yield* stream.next).data).toMatchObject({ type: "reset", requested: 1, oldest: latest - 1 })
      expect((yield* stream.next).data.deviceName).toBe("b")
      expect((yield* stream.next).id).toBe(latest)
      const exact = yield* open(`lastEventId=${latest - 2}`, { token })
      yield* exact.next
      expect((yield* exact.next).data.deviceName).toBe("b")
    }))

  it.scoped("refuses an event that has not happened yet as the one to go on from", () =>
    Effect.gen(function*() {
      const { deviceId, token } = yield* world
      yield* emit(deviceId, "a")
      const latest = yield* Effect.flatMap(EventLog, (log) => log.latest)
      for (const refused of [
        yield* ask("GET", `/api/events?lastEventId=${latest + 1}`, { token }),
        yield* ask("GET", "/api/events", { token, headers: { "last-event-id": `${latest + 1}` } }),
        yield* ask("GET", `/api/events/log?after=${latest + 1}`, { token })
      ]) {
        expect([refused.status, refused.json.error.details[0].message]).toEqual([400, `there is no such event yet; the newest is ${latest}`])
      }
      expect((yield* (yield* open(`lastEventId=${latest}`, { token })).next).data).toMatchObject({ type: "connected", lastEventId: latest })
    }))

  it.scoped("begins with the devices as they stand for whoever wants that, and misses no change after it", () =>
    Effect.gen(function*() {
      const devices = yield* Devices
      const { deviceId, token, user } = yield* world
      const second = yield* makeDevice(user)
      yield* world
      const { epoch } = yield* devices.claim(deviceId)
      const become = (status: "connecting" | "connected") =>
        devices.setState(deviceId, epoch, { status, reason: null, reasonText: null, retryAt: null, restriction: null })
      const stream = yield* open("snapshot=true&types=device-status", { token })
      yield* become("connecting")
      yield* become("connected")
      const first = yield* stream.next
      expect(first.data.type).toBe("connected")
      const snapshot = yield* stream.next
      expect(snapshot).toMatchObject({ id: first.id, data: { type: "snapshot", lastEventId: first.id, hasMore: false } })
      expect(snapshot.data.devices.map((device: { readonly deviceId: string }) => device.deviceId)).toEqual([deviceId, second.deviceId])
      // whatever the snapshot has seen of it: applied in order, the events end where the device is
      const told = [yield* stream.next, yield* stream.next]
      expect(told.map(({ data, id }) => [data.status, id! > snapshot.data.lastEventId])).toEqual([["connecting", true], ["connected", true]])
      const later = yield* open(`snapshot=true&deviceId=${deviceId}`, { token })
      yield* later.next
      expect((yield* later.next).data).toMatchObject({ type: "snapshot", devices: [{ deviceId, status: "connected", isConnected: true, reason: null }] })
      // who goes on has it already
      const resumed = yield* open("snapshot=true", { token, lastEventId: snapshot.data.lastEventId })
      yield* resumed.next
      expect((yield* resumed.next).data).toMatchObject({ type: "device-status", status: "connecting" })
      const bound = yield* open(`snapshot=true&ticket=${yield* ticketFor(token, { deviceIds: [second.deviceId] })}`)
      yield* bound.next
      expect((yield* bound.next).data.devices).toMatchObject([{ deviceId: second.deviceId }])
      expect((yield* ask("GET", "/api/events?snapshot=perhaps", { token })).json.error.details[0].field).toBe("snapshot")
    }))

  it.scoped("does not let a reader who takes nothing delay another", () =>
    Effect.gen(function*() {
      const { deviceId, token } = yield* world
      const slow = yield* open("", { token })
      const quick = yield* open("", { token })
      yield* slow.next
      slow.pause()
      let last = (yield* quick.next).id!
      const text = "x".repeat(2000)
      for (let round = 0; round < 40; round += 1) {
        yield* emit(deviceId, ...Array.from({ length: 200 }, () => text))
        const ids = yield* Effect.replicateEffect(Effect.map(quick.next, ({ id }) => id), 200)
        expect(ids.at(-1)).toBe(last + 200)
        last += 200
      }
      slow.resume()
      const closed = yield* Effect.repeat(slow.next, { until: ({ data }) => data.type === "closed" })
      expect(closed.data.reason).toBe("too_slow")
    }), 60_000)

  it.scoped("beats when nothing happens", () =>
    Effect.gen(function*() {
      const { token } = yield* world
      const stream = yield* open("", { token })
      yield* stream.next
      yield* TestClock.adjust("15 seconds").pipe(Effect.zipLeft(Effect.yieldNow()), Effect.repeatN(2))
      yield* stream.contains(":")
    }))

  it.scoped("of a deactivated user ends within a minute", () =>
    Effect.gen(function*() {
      const { token, user } = yield* world
      const users = yield* Users
      const stream = yield* open("", { token })
      yield* stream.next
      yield* users.update(user.id, { isActive: false })
      yield* TestClock.adjust("15 seconds").pipe(Effect.zipRight(Effect.promise(() => new Promise(setImmediate))), Effect.repeatN(3))
      expect((yield* stream.next).data).toMatchObject({ type: "closed", reason: "user_inactive" })
      yield* stream.ended
    }))
})

layer(httpLayer())("an administrator's event stream", (it) => {
  it.scoped("ends when he is none any more", () =>
    Effect.gen(function*() {
      const { token, user } = yield* makeUser("admin")
      const users = yield* Users
      const stream = yield* open("", { token })
      yield* stream.next
      yield* users.update(user.id, { role: "user" })
      yield* TestClock.adjust("15 seconds").pipe(Effect.zipRight(Effect.promise(() => new Promise(setImmediate))), Effect.repeatN(3))
      expect((yield* stream.next).data).toMatchObject({ type: "closed", reason: "role_changed" })
      yield* stream.ended
    }))
})

layer(httpLayer({ JWT_EXPIRES_IN: "20s" }))("an event stream and its token", (it) => {
  it.scoped("end together, with a last event that says where to go on", () =>
    Effect.gen(function*() {
      const { deviceId, token } = yield* world
      const stream = yield* open("", { token })
      yield* stream.next
      yield* emit(deviceId, "last")
      const last = yield* stream.next
      yield* TestClock.adjust("10 seconds").pipe(Effect.zipRight(Effect.promise(() => new Promise(setImmediate))), Effect.repeatN(2))
      expect((yield* stream.next).data).toEqual({ type: "closed", reason: "token_expired", lastEventId: last.id })
      yield* stream.ended
    }))
})

layer(httpLayer({ EVENT_BUFFER: "16" }))("a slow reader", (it) => {
  it.scoped("is cut, told from where to go on, and misses nothing by that", () =>
    Effect.gen(function*() {
      const { deviceId, token } = yield* world
      const stream = yield* open("", { token })
      const start = (yield* stream.next).id!
      stream.pause()
      const text = "x".repeat(250)
      yield* Effect.forEach(Array.from({ length: 200 }, (_, i) => i), (i) =>
        emit(deviceId, ...Array.from({ length: 200 }, (_, j) => `${i}-${j}-${text}`)), { discard: true })
      stream.resume()
      let expected = start + 1
      for (;;) {
        const { data, id } = yield* stream.next
        if (data.type === "closed") {
          expect(data).toEqual({ type: "closed", reason: "too_slow", lastEventId: expected - 1 })
          break
        }
        expect(id).toBe(expected)
        expected += 1
      }
      yield* stream.ended
      const again = yield* open("", { token, lastEventId: expected - 1 })
      yield* again.next
      expect((yield* again.next).id).toBe(expected)
    }), 60_000)
})

layer(httpLayer())("at shutdown", (it) => {
  it.scoped("event streams end at once, and new ones too", () =>
    Effect.gen(function*() {
      const { token } = yield* world
      const stream = yield* open("", { token })
      const { id } = yield* stream.next
      yield* Effect.flatMap(Shutdown, ({ begin }) => begin)
      expect((yield* stream.next).data).toEqual({ type: "closed", reason: "shutdown", lastEventId: id })
      yield* stream.ended
      const late = yield* open("", { token })
      yield* late.ended
    }))
})

const ticketFor = (token: string, body?: unknown) =>
  Effect.map(ask("POST", "/api/events/ticket", { token, body }), ({ json }) => json.data.ticket as string)
const refusal = (ticket: string) =>
  Effect.map(ask("GET", `/api/events?ticket=${ticket}&lastEventId=x`), ({ json, status }) => [status, json.error.details?.reason])

layer(httpLayer())("a ticket", (it) => {
  it.scoped("opens one stream, once, and shows what its owner may see", () =>
    Effect.gen(function*() {
      const { deviceId, token } = yield* world
      const other = yield* world
      const ticket = yield* ticketFor(token)
      const stream = yield* open(`ticket=${ticket}`)
      expect((yield* stream.next).data.type).toBe("connected")
      expect(yield* refusal(ticket)).toEqual([401, "ticket"])
      yield* emit(other.deviceId, "not yours")
      yield* emit(deviceId, "yours")
      expect((yield* stream.next).data.data.deviceName).toBe("yours")
    }))

  it.scoped("of many who show one at the same moment one gets in", () =>
    Effect.gen(function*() {
      const ticket = yield* ticketFor((yield* world).token)
      const streams = yield* Effect.all(Array.from({ length: 5 }, () => open(`ticket=${ticket}`)), { concurrency: 5 })
      expect(streams.map(({ response }) => response.statusCode).toSorted()).toEqual([200, 401, 401, 401, 401])
    }))

  it.scoped("can be for some devices, which have to be the caller's", () =>
    Effect.gen(function*() {
      const { deviceId, token, user } = yield* world
      const second = yield* makeDevice(user)
      const foreign = yield* world
      const refused = yield* ask("POST", "/api/events/ticket", { token, body: { deviceIds: [foreign.deviceId] } })
      expect(refused.status).toBe(403)
      const stream = yield* open(`ticket=${yield* ticketFor(token, { deviceIds: [second.deviceId] })}`)
      yield* stream.next
      yield* emit(deviceId, "the other")
      yield* emit(second.deviceId, "this one")
      expect((yield* stream.next).data.data.deviceName).toBe("this one")
    }))

  it.effect("is good for a minute, at one address, and for nobody who has been shut out since", () =>
    Effect.gen(function*() {
      const users = yield* Users
      const { token, user } = yield* world
      const late = yield* ticketFor(token)
      yield* TestClock.adjust("60 seconds")
      expect(yield* refusal(late)).toEqual([401, "ticket"])
      expect(yield* refusal("made-up")).toEqual([401, "ticket"])
      const elsewhere = yield* ask("GET", `${api}/devices?ticket=${yield* ticketFor(token)}`)
      expect([elsewhere.status, elsewhere.json.error.details.reason]).toEqual([401, "missing"])
      const ticket = yield* ticketFor(token)
      yield* users.update(user.id, { isActive: false })
      yield* TestClock.adjust("6 seconds")
      expect(yield* refusal(ticket)).toEqual([401, "inactive"])
    }))

  it.scoped("of an API key ends with the key, at the latest at the next look", () =>
    Effect.gen(function*() {
      const { token } = yield* world
      const { json } = yield* ask("POST", "/api/api-keys", { token, body: { name: "screen", scopes: ["read"] } })
      const stream = yield* open(`ticket=${yield* ticketFor(json.data.key)}`)
      expect((yield* stream.next).data.type).toBe("connected")
      yield* ask("DELETE", `/api/api-keys/${json.data.apiKey.id}`, { token })
      yield* TestClock.adjust("31 seconds")
      yield* TestClock.adjust("15 seconds")
      expect((yield* stream.next).data).toMatchObject({ type: "closed", reason: "logged_out" })
    }))
})
