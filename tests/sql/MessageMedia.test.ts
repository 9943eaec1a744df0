import { SqlClient } from "@effect/sql"
import { it } from "@effect/vitest"
import { Effect, Layer, Option, TestClock } from "effect"
import { expect } from "vitest"
import type { DeviceId } from "../../src/domain/DeviceId.ts"
import { Inbound } from "../../src/domain/Inbound.ts"
import { phoneJid } from "../../src/domain/Jid.ts"
import { MediaId } from "../../src/domain/Media.ts"
import { MessageId } from "../../src/domain/Message.ts"
import { SendRequest } from "../../src/domain/OutgoingContent.ts"
import { MediaFiles } from "../../src/sql/messages/MediaFiles.ts"
import { MessageMediaRows } from "../../src/sql/messages/MessageMedia.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { describeDatabases } from "../support/databases.ts"
import { ani, direct, eventsOf, makeDevice, repositoriesLayer, time, typesOf } from "./world.ts"

const key = new Uint8Array(32).fill(7)
const picture = (id: string, facts: { readonly viewOnce?: boolean; readonly size?: number; readonly historical?: boolean } = {}) =>
  Inbound.Message({
    origin: direct({ phone: ani }),
    messageId: MessageId.make(id),
    messageType: "image",
    content: "lihat",
    metadata: { media: { mimetype: "image/jpeg", size: facts.size ?? 10 }, ...(facts.viewOnce && { viewOnce: true }) },
    secrets: { media: { mediaKey: key, directPath: "/v/x", fileSha256: key, fileEncSha256: key } },
    payload: new Uint8Array([1]),
    timestamp: time(1000),
    offline: false
  })
const id = MessageId.make

/** A file that is there. */
const makeFile = Effect.fnUntraced(function*(deviceId: DeviceId) {
  const files = yield* MediaFiles
  const mediaId = yield* files.begin(deviceId)
  const file = { mediaId, mimetype: "image/jpeg", size: 10, sha256: "aa", fileName: "a.jpg" }
  yield* files.finish(file)
  return file
})

const mediaOf = (deviceId: DeviceId, messageId: string) =>
  Effect.flatMap(Messages, (messages) => Effect.map(messages.get(deviceId, id(messageId)), ({ media }) => media))

describeDatabases("the files of messages", (database) => {
  const layer = Layer.mergeAll(MediaFiles.layer, MessageMediaRows.layer, repositoriesLayer).pipe(
    Layer.provideMerge(repositoriesLayer),
    Layer.fresh,
    Layer.provideMerge(database.layer)
  )

  it.effect("what comes is waited for, in the transaction of its message, and only once", () =>
    Effect.gen(function*() {
      const deviceId = yield* makeDevice
      const [messages, rows] = [yield* Messages, yield* MessageMediaRows]
      yield* messages.record(deviceId, [picture("A"), picture("B", { viewOnce: true }), picture("C", { size: 1024 ** 4 })])
      yield* messages.record(deviceId, [picture("A")])
      expect(yield* mediaOf(deviceId, "A")).toEqual({ state: "pending", reason: null })
      // to be asked for: seen once, and too large
      expect(yield* mediaOf(deviceId, "B")).toEqual({ state: "available", reason: null })
      expect(yield* mediaOf(deviceId, "C")).toEqual({ state: "available", reason: null })
      const due = yield* rows.due(deviceId, 10)
      expect(due.map(({ messageId, messageType, secrets }) => [messageId, messageType, secrets?.media?.directPath])).toEqual([["A", "image", "/v/x"]])
      const told = (yield* eventsOf(deviceId)).filter(({ type }) => type === "message.received").map(({ data }) => data["media"])
      expect(told).toEqual(["pending", "available", "available"].map((state) => ({ state, reason: null })))
    }).pipe(Effect.provide(layer)))

  it.effect("a fetch ends once, with one event, or is put off", () =>
    Effect.gen(function*() {
      const deviceId = yield* makeDevice
      const [messages, rows] = [yield* Messages, yield* MessageMediaRows]
      yield* messages.record(deviceId, [picture("A"), picture("B")])
      const [a, b] = yield* rows.due(deviceId, 10)
      const file = yield* makeFile(deviceId)
      expect(yield* rows.settle(a!, { state: "stored", file })).toBe(true)
      expect(yield* rows.settle(a!, { state: "failed", reason: "damaged" })).toBe(false)
      expect(yield* rows.file(deviceId, id("A"))).toMatchObject({ mediaId: file.mediaId, mimetype: "image/jpeg", sha256: "aa" })
      yield* rows.postpone(b!, time(60_000), "/v/renewed")
      expect(yield* rows.due(deviceId, 10)).toEqual([])
      expect(Option.getOrThrow(yield* rows.nextDueAt(deviceId)).epochMillis).toBe(60_000)
      yield* TestClock.adjust("1 minute")
      const [again] = yield* rows.due(deviceId, 10)
      expect(again).toMatchObject({ messageId: "B", attempts: 1, directPath: "/v/renewed" })
      yield* rows.settle(again!, { state: "expired", reason: "gone" })
      const refused = yield* Effect.flip(rows.file(deviceId, id("B")))
      expect(refused).toMatchObject({ _tag: "MediaNotStored", state: "expired", reason: "gone" })
      expect(yield* rows.request(deviceId, id("B"))).toBe("pending")
      expect((yield* rows.due(deviceId, 10)).map(({ attempts }) => attempts)).toEqual([0])
      expect((yield* typesOf(deviceId)).filter((type) => type === "message.media")).toHaveLength(2)
    }).pipe(Effect.provide(layer)))

  it.effect("an outgoing message keeps its file, and a file without one is forgotten in time", () =>
    Effect.gen(function*() {
      const deviceId = yield* makeDevice
      const [files, outbox, rows] = [yield* MediaFiles, yield* Outbox, yield* MessageMediaRows]
      const [sent, idle] = [yield* makeFile(deviceId), yield* makeFile(deviceId)]
      const { message } = yield* outbox.accept({
        deviceId,
        request: SendRequest.New({
          to: phoneJid(ani),
          content: { _tag: "Media", kind: "image", ...sent, caption: "halo", seconds: null, mentions: [] },
          quoted: undefined
        })
      })
      expect([message.messageType, message.content, message.media]).toEqual(["image", "halo", { state: "stored", reason: null }])
      expect(yield* mediaOf(deviceId, message.messageId)).toEqual({ state: "stored", reason: null })
      expect(yield* files.used).toBe(20)
      expect(yield* files.forgetUnused(0, 10)).toEqual([])
      expect(yield* files.forgetUnused(1, 10)).toEqual([idle.mediaId])
      expect(yield* files.forget(sent.mediaId)).toBe(false)
      // it waits to be sent: it is not let go of, however old it is
      expect(yield* rows.expire(1000, 10)).toBe(0)
      yield* (yield* SqlClient.SqlClient)`UPDATE messages SET queue = NULL`
      expect(yield* rows.expire(1000, 10)).toBe(1)
      expect(yield* mediaOf(deviceId, message.messageId)).toEqual({ state: "expired", reason: "retention" })
      expect(yield* files.forget(sent.mediaId)).toBe(true)
    }).pipe(Effect.provide(layer)))

  it.effect("a file belongs to its device", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* makeDevice, yield* makeDevice]
      const files = yield* MediaFiles
      const file = yield* makeFile(one)
      expect(yield* files.use(one, file.mediaId)).toEqual(file)
      expect((yield* Effect.flip(files.use(other, file.mediaId)))._tag).toBe("MediaNotFound")
      expect((yield* Effect.flip(files.use(one, MediaId.make("0".repeat(32)))))._tag).toBe("MediaNotFound")
      // begun, and never finished
      const half = yield* files.begin(one)
      expect((yield* Effect.flip(files.use(one, half)))._tag).toBe("MediaNotFound")
    }).pipe(Effect.provide(layer)))
})
