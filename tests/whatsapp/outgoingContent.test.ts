import { describe, expect, it } from "@effect/vitest"
import { decryptPollVote, proto } from "@whiskeysockets/baileys"
import { Arbitrary, FastCheck as fc, Option } from "effect"
import { createHash, randomBytes } from "node:crypto"
import { Jid, phoneJid } from "../../src/domain/Jid.ts"
import { MessageId } from "../../src/domain/Message.ts"
import { OutgoingContent } from "../../src/domain/OutgoingContent.ts"
import { readVote } from "../../src/domain/PollVote.ts"
import { classify } from "../../src/whatsapp/receiving/MessageContent.ts"
import type { UploadedMedia } from "../../src/whatsapp/Connection.ts"
import { encodeContent, encodeMedia } from "../../src/whatsapp/sending/OutgoingContent.ts"
import { stanzaOf } from "../../src/whatsapp/sending/StanzaMarks.ts"
import { encryptVote } from "../support/pollVote.ts"

const to = phoneJid("6281200000001")
const group = Jid.make("120363000000000001@g.us")
const target = { messageId: MessageId.make("M1"), fromMe: true, participant: null }
const key = randomBytes(32)
const uploaded: UploadedMedia = { mediaKey: key, fileSha256: key, fileEncSha256: key, fileLength: 10, mediaKeyTimestamp: 1, directPath: "/v/x", url: null }
const encoded = (content: OutgoingContent, chat = to) =>
  proto.Message.decode(content._tag === "Media" ? encodeMedia(content, { uploaded, preview: null }, chat) : encodeContent(content, chat))
const text = { _tag: "Text", text: "halo", mentions: [], preview: null, quote: null } as const

describe("what is sent", () => {
  it("can be built of anything that is stored, and is what a receiver would call it", () => {
    const kinds = { Text: "text", Location: "location", Contacts: "contact", Poll: "poll" } as const
    const arbitrary = Arbitrary.make(OutgoingContent).filter((content) =>
      (content._tag !== "Forward" || content.source.text !== null) &&
      !("quote" in content && content.quote !== null && content.quote.source.text === null)
    )
    fc.assert(
      fc.property(arbitrary, (content) => {
        const read = classify(encoded(content))
        if (content._tag === "Text" || content._tag === "Location" || content._tag === "Poll") {
          expect(read).toMatchObject({ messageType: kinds[content._tag] })
        } else if (content._tag === "Reaction" || content._tag === "Delete") {
          expect(read).toMatchObject({ change: { _tag: content._tag } })
        }
      }),
      { numRuns: 300 }
    )
  })

  it("names the member of a group whose message it answers or changes", () => {
    const author = Jid.make("200@lid")
    const quote = { messageId: MessageId.make("Q1"), author, source: { text: null, payload: proto.Message.encode({ imageMessage: { caption: "x", contextInfo: { stanzaId: "OLD" } }, messageContextInfo: { messageSecret: randomBytes(32) } }).finish() } }
    const { contextInfo } = encoded({ ...text, quote }, group).extendedTextMessage!
    expect(contextInfo).toMatchObject({ stanzaId: "Q1", participant: author, quotedMessage: { imageMessage: { caption: "x" } } })
    // of what is quoted, only itself
    expect(contextInfo?.quotedMessage?.imageMessage?.contextInfo ?? null).toBeNull()
    expect(contextInfo?.quotedMessage?.messageContextInfo ?? null).toBeNull()
    const reaction = { _tag: "Reaction", emoji: "👍", at: 1, target: { ...target, fromMe: false, participant: author } } as const
    expect(encoded(reaction, group).reactionMessage?.key).toMatchObject({ remoteJid: group, participant: author, fromMe: false, id: "M1" })
  })

  it("a bare text is forwarded as a text, and one more time counts", () => {
    const payload = proto.Message.encode({ conversation: "halo" }).finish()
    const once = encoded({ _tag: "Forward", source: { text: null, payload }, forwarded: true })
    expect(once.extendedTextMessage).toMatchObject({ text: "halo", contextInfo: { isForwarded: true, forwardingScore: 1 } })
    const twice = encoded({ _tag: "Forward", source: { text: null, payload: proto.Message.encode(once).finish() }, forwarded: true })
    expect(twice.extendedTextMessage?.contextInfo?.forwardingScore).toBe(2)
    const own = encoded({ _tag: "Forward", source: { text: "halo", payload: null }, forwarded: false })
    expect(own.extendedTextMessage?.contextInfo ?? null).toBeNull()
  })

  it("carries a secret of its own each time", () => {
    const secrets = [1, 2].map(() => Buffer.from(encoded(text).messageContextInfo!.messageSecret!).toString("hex"))
    expect(new Set(secrets).size).toBe(2)
  })

  it("is marked for the server as Baileys marks it", () => {
    const marks = (content: OutgoingContent, chat = to) => stanzaOf(chat, encoded(content, chat))
    expect(marks(text)).toEqual({ attributes: {}, nodes: [] })
    expect(marks({ _tag: "Edit", target, text: "x", mentions: [], at: 1 }).attributes).toEqual({ edit: "1" })
    expect(marks({ _tag: "Delete", target, at: 1 }, group).attributes).toEqual({ edit: "7" })
    expect(marks({ _tag: "Delete", target: { ...target, fromMe: false, participant: to }, at: 1 }, group).attributes).toEqual({ edit: "8" })
    expect(marks({ _tag: "Poll", name: "x", options: ["a", "b"], selectable: 0, secret: randomBytes(32), quote: null }).nodes).toEqual([
      { tag: "meta", attrs: { polltype: "creation" } }
    ])
  })
})

describe("a vote", () => {
  const me = phoneJid("6281234567890")
  const secret = randomBytes(32)
  const poll = { messageId: "P1", secret, options: ["satu", "dua", "tiga"] }
  const read = (encrypted: { readonly encPayload: Uint8Array; readonly encIv: Uint8Array }) =>
    readVote({ _tag: "Vote", payload: encrypted.encPayload, iv: encrypted.encIv, voters: [to, Jid.make("200@lid")], creators: [me, Jid.make("100@lid")] }, poll)

  it("is read as Baileys reads it, whichever addresses its voter took", () => {
    fc.assert(
      fc.property(fc.subarray(poll.options), fc.constantFrom(me, "100@lid"), fc.constantFrom(to, "200@lid"), (options, creator, voter) => {
        const encrypted = encryptVote({ id: "P1", secret, creator }, voter, options)
        const { selectedOptions } = decryptPollVote(encrypted, { pollCreatorJid: creator, pollMsgId: "P1", pollEncKey: secret, voterJid: voter })
        const hashes = selectedOptions.map((hash) => Buffer.from(hash).toString("hex"))
        expect(hashes).toEqual(options.map((option) => createHash("sha256").update(option).digest("hex")))
        expect(read(encrypted)).toEqual(Option.some(options))
      })
    )
  })

  it("that was made for another poll, or is no vote at all, says nothing", () => {
    expect(read(encryptVote({ id: "P1", secret: randomBytes(32), creator: me }, to, ["satu"]))).toEqual(Option.none())
    fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 20 }), (encPayload, encIv) => {
      expect(read({ encPayload, encIv })).toEqual(Option.none())
    }))
  })
})
