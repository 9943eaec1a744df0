import { describe, expect, it } from "@effect/vitest"
import { proto } from "@whiskeysockets/baileys"
import { Effect } from "effect"
import { deflateSync } from "node:zlib"
import { makeEgress } from "../../src/whatsapp/socket/Egress.ts"
import { makeHistoryDownload } from "../../src/whatsapp/receiving/HistoryDownload.ts"
import { factsOf, historyNotification } from "../../src/whatsapp/receiving/InboundFacts.ts"
import { type JournalRecord, kindOf } from "../../src/whatsapp/receiving/JournalRecord.ts"

const me = { id: "6281234567890:3@s.whatsapp.net", lid: "100:3@lid" }
const ani = "6281200000001@s.whatsapp.net"
const group = "120363000000000001@g.us"
const { HistorySyncType } = proto.HistorySync

const info = (key: proto.IMessageKey, text: string, seconds: number, more: Partial<proto.IWebMessageInfo> = {}) => ({
  message: { key, message: { conversation: text }, messageTimestamp: seconds, ...more }
})
const notificationOf = (sync: proto.IHistorySync) => ({
  syncType: sync.syncType as number,
  initialHistBootstrapInlinePayload: deflateSync(proto.HistorySync.encode(sync as proto.HistorySync).finish())
})
const conversations: ReadonlyArray<proto.IConversation> = [
  {
    id: ani, name: "Ani from work", lidJid: "200@lid", unreadCount: 1,
    messages: [
      info({ remoteJid: ani, id: "A3", fromMe: false }, "newest", 30),
      info({ remoteJid: ani, id: "P1", fromMe: true }, "ours", 20, { status: proto.WebMessageInfo.Status.READ }),
      info({ remoteJid: ani, id: "A1", fromMe: false }, "oldest", 10)
    ]
  },
  {
    id: group, name: "Family",
    messages: [
      info({ remoteJid: group, id: "G1", fromMe: false, participant: "300@lid" }, "in the group", 15, { pushName: "Budi" }),
      { message: { key: { remoteJid: group, id: "G2" }, messageStubType: 27, messageTimestamp: 16 } },
      info({ remoteJid: "status@broadcast", id: "S1", participant: ani }, "a status", 17)
    ]
  }
]
const pieceOf = (notification: Uint8Array) =>
  Effect.acquireUseRelease(
    Effect.sync(() => makeEgress({ proxyUrl: undefined, mediaCa: undefined })),
    (egress) => makeHistoryDownload(egress, () => me).history(notification),
    (egress) => Effect.promise(() => egress.close())
  )
const encoded = (sync: proto.IHistorySync) =>
  proto.Message.HistorySyncNotification.encode(notificationOf(sync) as unknown as proto.Message.HistorySyncNotification).finish()

const record = (from: string, message: proto.IMessage): JournalRecord => ({
  kind: "history",
  attrs: { id: "H1", t: "1700000000", from },
  me,
  plaintext: Buffer.concat([proto.Message.encode(message).finish(), Buffer.from([1])]).toString("base64")
})
const told: proto.IMessage = {
  protocolMessage: {
    type: proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION,
    historySyncNotification: notificationOf({ syncType: HistorySyncType.INITIAL_BOOTSTRAP, conversations: [] })
  }
}

describe("the phone's history", () => {
  it.effect("is what people wrote, in the order of its times, with who they are and what was read", () =>
    Effect.gen(function*() {
      const piece = yield* pieceOf(encoded({ syncType: HistorySyncType.RECENT, progress: 40, conversations: [...conversations] }))
      expect(piece).toMatchObject({ syncType: "RECENT", progress: 40, chats: 2, messages: 6 })
      const parts = [...piece.parts]
      expect(parts.flatMap(({ contacts }) => contacts)).toEqual(expect.arrayContaining([
        { phone: "6281200000001", lid: "200@lid" }, expect.objectContaining({ name: "Ani from work" })
      ]))
      expect(parts.flatMap(({ groups }) => groups)).toEqual([{ jid: group, name: "Family" }])
      const messages = parts.flatMap((part) => part.messages)
      expect(messages.map(({ fact, status }) => [fact.messageId, fact.content, fact.origin.fromMe, status])).toEqual([
        ["A1", "oldest", false, "read"], ["G1", "in the group", false, "read"], ["P1", "ours", true, "read"], ["A3", "newest", false, "delivered"]
      ])
      expect(messages[1]!.fact.origin).toMatchObject({ chat: group, participant: { lid: "300@lid", pushName: "Budi" } })
    }))

  it.effect("comes in parts that are forgotten one by one", () =>
    Effect.gen(function*() {
      const messages = Array.from({ length: 250 }, (_, index) => info({ remoteJid: ani, id: `M${index}`, fromMe: false }, "x", index))
      const piece = yield* pieceOf(encoded({ syncType: HistorySyncType.RECENT, conversations: [{ id: ani, messages }] }))
      expect([...piece.parts].map((part) => part.messages.length)).toEqual([0, 100, 100, 50])
    }))

  it.effect("that cannot be read is told as such", () =>
    Effect.gen(function*() {
      const broken = proto.Message.HistorySyncNotification.encode(
        { initialHistBootstrapInlinePayload: Buffer.from("garbage") } as unknown as proto.Message.HistorySyncNotification
      ).finish()
      expect(yield* Effect.flip(pieceOf(broken))).toMatchObject({ _tag: "QueryFailed", query: "history" })
    }))

  it("waits in the journal, and is nobody's message", () => {
    const own = record("6281234567890@s.whatsapp.net", told)
    expect(kindOf(Buffer.from(own.plaintext!, "base64"))).toBe("history")
    expect(factsOf(own)).toMatchObject([{ _tag: "Internal", kind: "history" }])
    expect(historyNotification(own)).toBeInstanceOf(Uint8Array)
  })

  it("is taken from our own phone alone", () => {
    expect(historyNotification(record(ani, told))).toBeUndefined()
    expect(historyNotification(record("200@lid", told))).toBeUndefined()
  })
})
