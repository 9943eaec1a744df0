import { describe, expect, it } from "@effect/vitest"
import { proto } from "@whiskeysockets/baileys"
import { Schema } from "effect"
import fc from "fast-check"
import { MessageMetadata } from "../../src/domain/MessageMetadata.ts"
import { encodeText } from "../../src/whatsapp/sending/OutgoingContent.ts"
import { unwrap } from "../../src/whatsapp/receiving/Envelopes.ts"
import { classify } from "../../src/whatsapp/receiving/MessageContent.ts"

type IMessage = proto.IMessage

const { Type } = proto.Message.ProtocolMessage

/** As it comes from the wire. */
const read = (message: IMessage) => classify(proto.Message.decode(proto.Message.encode(message).finish()))
const kind = (message: IMessage) => {
  const content = read(message)
  if ("internal" in content) return ["internal", content.internal]
  return "change" in content ? ["change", content.change._tag] : [content.messageType, content.content]
}

const examples: ReadonlyArray<readonly [string, IMessage, readonly [string, string | null]]> = [
  ["conversation", { conversation: "halo" }, ["text", "halo"]],
  ["extended text", { extendedTextMessage: { text: "halo" } }, ["text", "halo"]],
  ["image", { imageMessage: { caption: "lihat", mimetype: "image/jpeg" } }, ["image", "lihat"]],
  ["image without caption", { imageMessage: { mimetype: "image/jpeg" } }, ["image", null]],
  ["video", { videoMessage: { caption: "film" } }, ["video", "film"]],
  ["round video", { ptvMessage: { seconds: 3 } }, ["video", null]],
  ["voice", { audioMessage: { ptt: true, seconds: 4 } }, ["audio", null]],
  ["document", { documentMessage: { fileName: "harga.pdf" } }, ["document", "harga.pdf"]],
  ["document with caption", { documentWithCaptionMessage: { message: { documentMessage: { fileName: "a.pdf", caption: "harga" } } } }, ["document", "harga"]],
  ["sticker", { stickerMessage: { mimetype: "image/webp" } }, ["sticker", null]],
  ["location", { locationMessage: { degreesLatitude: 1, degreesLongitude: 2, name: "Kantor" } }, ["location", "Kantor"]],
  ["location without name", { locationMessage: { degreesLatitude: 1, degreesLongitude: 2 } }, ["location", "1,2"]],
  ["contact", { contactMessage: { displayName: "Ani", vcard: "BEGIN:VCARD" } }, ["contact", "Ani"]],
  ["contacts", { contactsArrayMessage: { contacts: [{ displayName: "Ani" }, { displayName: "Budi" }] } }, ["contact", "Ani, Budi"]],
  ["poll", { pollCreationMessageV3: { name: "Jam?", options: [{ optionName: "7" }] } }, ["poll", "Jam?"]],
  ["reaction", { reactionMessage: { text: "👍", key: { id: "X" } } }, ["change", "Reaction"]],
  ["removed reaction", { reactionMessage: { text: "", key: { id: "X" } } }, ["change", "Reaction"]],
  ["edit", { protocolMessage: { type: Type.MESSAGE_EDIT, key: { id: "X" }, editedMessage: { conversation: "y" } } }, ["change", "Edit"]],
  [
    "edit of a caption, as WhatsApp wraps it",
    { editedMessage: { message: { protocolMessage: { type: Type.MESSAGE_EDIT, key: { id: "X" }, editedMessage: { imageMessage: { caption: "y" } } } } } },
    ["change", "Edit"]
  ],
  ["edit of what cannot be edited", { protocolMessage: { type: Type.MESSAGE_EDIT, key: { id: "X" }, editedMessage: {} } }, ["internal", "protocolMessage.MESSAGE_EDIT"]],
  ["revocation", { protocolMessage: { type: Type.REVOKE, key: { id: "X" } } }, ["change", "Delete"]],
  [
    "vote",
    { pollUpdateMessage: { pollCreationMessageKey: { id: "X" }, vote: { encPayload: Uint8Array.of(1), encIv: Uint8Array.of(2) } } },
    ["change", "Vote"]
  ],
  ["list answer", { listResponseMessage: { title: "Dua" } }, ["text", "Dua"]],
  ["text beside a sender key", { conversation: "halo", senderKeyDistributionMessage: { groupId: "1@g.us" } }, ["text", "halo"]],
  ["sender key alone", { senderKeyDistributionMessage: { groupId: "1@g.us" } }, ["internal", "senderKeyDistributionMessage"]],
  ["revocation of nothing", { protocolMessage: { type: Type.REVOKE } }, ["internal", "protocolMessage.REVOKE"]],
  ["nothing", {}, ["internal", "empty"]],
  ["location without numbers", { locationMessage: { degreesLatitude: NaN, degreesLongitude: Infinity } }, ["location", "0,0"]],
  ["buttons of a business", { buttonsMessage: { contentText: "Pilih" } }, ["unknown", "Pilih"]],
  ["a payment", { requestPaymentMessage: { amount1000: 1 } }, ["unknown", null]],
  ["what we send", proto.Message.decode(encodeText("halo")), ["text", "halo"]]
]

const Stored = Schema.parseJson(Schema.NullOr(MessageMetadata))
const stored = (metadata: MessageMetadata | null) => Schema.decodeSync(Stored)(Schema.encodeSync(Stored)(metadata))

describe("the content of a message", () => {
  it.each(examples)("%s", (_, message, expected) => {
    expect(kind(message)).toEqual(expected)
  })

  it("metadata: file, quotation, mentions", () => {
    expect(read({
      imageMessage: {
        mimetype: "image/png",
        fileLength: 12345,
        width: 10,
        height: 20,
        mediaKey: Uint8Array.of(1, 2),
        directPath: "/v/t62",
        url: "https://mmg.whatsapp.net/x",
        mediaKeyTimestamp: 1_700_000_000,
        contextInfo: { stanzaId: "QUOTED", participant: "1@lid", mentionedJid: ["2@lid"], isForwarded: true }
      }
    })).toEqual({
      messageType: "image",
      content: null,
      metadata: {
        media: { mimetype: "image/png", size: 12345, width: 10, height: 20 },
        quoted: "QUOTED",
        quotedParticipant: "1@lid",
        mentions: ["2@lid"],
        forwarded: true
      },
      secrets: {
        media: { mediaKey: Buffer.from([1, 2]), directPath: "/v/t62", url: "https://mmg.whatsapp.net/x", mediaKeyTimestamp: 1_700_000_000 }
      }
    })
  })

  it("names the field of what it does not know", () => {
    expect(read({ requestPaymentMessage: { amount1000: 1 } })).toMatchObject({ metadata: { field: "requestPaymentMessage" } })
  })

  const wrapping = fc.constantFrom<(message: IMessage) => IMessage>(
    (message) => ({ ephemeralMessage: { message } }),
    (message) => ({ viewOnceMessageV2: { message } }),
    (message) => ({ deviceSentMessage: { message, destinationJid: "1@lid" } }),
    (message) => ({ documentWithCaptionMessage: { message } })
  )

  it("is the same in whatever envelopes", () => {
    fc.assert(
      fc.property(fc.constantFrom(...examples), fc.array(wrapping, { maxLength: 6 }), ([, message, expected], envelopes) => {
        const wrapped = envelopes.reduce((inner, wrap) => wrap(inner), message)
        expect(kind(wrapped)).toEqual(expected)
      }),
      { numRuns: 200 }
    )
  })

  it("says that it may be seen once", () => {
    expect(unwrap({ ephemeralMessage: { message: { viewOnceMessage: { message: { conversation: "x" } } } } })).toEqual({
      message: { conversation: "x" },
      viewOnce: true,
      ephemeral: true
    })
    expect(read({ ephemeralMessage: { message: { viewOnceMessageV2: { message: { imageMessage: {} } } } } })).toMatchObject({
      messageType: "image",
      metadata: { viewOnce: true, ephemeral: true }
    })
  })

  it("never throws on what decodes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        let message: proto.Message
        try {
          message = proto.Message.decode(bytes)
        } catch {
          return
        }
        const content = classify(message)
        if (!("messageType" in content)) return
        // and what is stored of it can be read again
        expect(stored(content.metadata)).toEqual(content.metadata)
      }),
      { numRuns: 500 }
    )
  })
})
