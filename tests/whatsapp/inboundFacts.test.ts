import { describe, expect, it } from "@effect/vitest"
import { proto } from "@whiskeysockets/baileys"
import fc from "fast-check"
import { factsOf, personOf } from "../../src/whatsapp/receiving/InboundFacts.ts"
import { kindOf, type JournalRecord } from "../../src/whatsapp/receiving/JournalRecord.ts"

const me = { id: "6281234567890:3@s.whatsapp.net", lid: "100:3@lid" }
const padded = (message: proto.IMessage) => Buffer.concat([proto.Message.encode(message).finish(), Buffer.from([2, 2])])
const record = (attrs: Record<string, string>, message: proto.IMessage = { conversation: "halo" }): JournalRecord => ({
  kind: "message",
  attrs: { id: "M1", t: "1700000000", ...attrs },
  me,
  plaintext: padded(message).toString("base64")
})
const receipt = (attrs: Record<string, string>, ids = ["M1"]): JournalRecord => ({
  kind: "receipt",
  attrs: { id: ids[0]!, t: "1700000000", ...attrs },
  me,
  ids
})
const only = (entry: JournalRecord) => {
  const [fact, ...others] = factsOf(entry)
  expect(others).toEqual([])
  return fact!
}

const budi = { phone: "6281200000001", lid: "200@lid" }

describe("where a message belongs", () => {
  const direct: ReadonlyArray<readonly [string, Record<string, string>, proto.IMessage | undefined, object]> = [
    [
      "from a person by number",
      { from: "6281200000001:5@s.whatsapp.net", sender_lid: "200@lid", notify: "Budi" },
      undefined,
      { chat: "6281200000001@s.whatsapp.net", fromMe: false, peer: { ...budi, pushName: "Budi" } }
    ],
    [
      "from a person by LID",
      { from: "200:5@lid", sender_pn: "6281200000001@s.whatsapp.net" },
      undefined,
      { chat: "200@lid", fromMe: false, peer: budi }
    ],
    [
      "from a hosted business device",
      { from: "6281200000001:99@hosted" },
      undefined,
      { chat: "6281200000001@s.whatsapp.net", fromMe: false, peer: { phone: "6281200000001" } }
    ],
    [
      "from our phone, to a person",
      { from: "6281234567890@s.whatsapp.net", recipient: "6281200000001@s.whatsapp.net", peer_recipient_lid: "200@lid" },
      undefined,
      { chat: "6281200000001@s.whatsapp.net", fromMe: true, peer: budi }
    ],
    [
      "from our phone by LID",
      { from: "100@lid", recipient: "200@lid", peer_recipient_pn: "6281200000001@s.whatsapp.net" },
      undefined,
      { chat: "200@lid", fromMe: true, peer: budi }
    ],
    [
      "from our phone, with the destination inside",
      { from: "6281234567890@s.whatsapp.net" },
      { deviceSentMessage: { destinationJid: "200@lid", message: { conversation: "halo" } } },
      { chat: "200@lid", fromMe: true, peer: { lid: "200@lid" } }
    ],
    [
      "to ourselves",
      { from: "6281234567890@s.whatsapp.net", recipient: "6281234567890@s.whatsapp.net" },
      undefined,
      { chat: "6281234567890@s.whatsapp.net", fromMe: true, peer: { phone: "6281234567890", lid: "100@lid" } }
    ],
    [
      "in a group",
      { from: "123-456@g.us", participant: "200:1@lid", participant_pn: "6281200000001@s.whatsapp.net", notify: "Budi" },
      undefined,
      { chat: "123-456@g.us", fromMe: false, peer: undefined, participant: { ...budi, pushName: "Budi" } }
    ],
    [
      "of our own in a group",
      { from: "123-456@g.us", participant: "100:0@lid", notify: "me" },
      undefined,
      { chat: "123-456@g.us", fromMe: true, participant: { lid: "100@lid" } }
    ]
  ]
  it.each(direct)("%s", (_, attrs, message, origin) => {
    expect(only(record(attrs, message))).toMatchObject({ _tag: "Message", messageId: "M1", content: "halo", origin })
  })

  it("statuses of people are not messages", () => {
    expect(only(record({ from: "status@broadcast", participant: "200@lid" }))).toMatchObject({ _tag: "Internal" })
  })

  it("protocol traffic is internal", () => {
    expect(only(record({ from: "6281234567890@s.whatsapp.net" }, { protocolMessage: { type: 6 } }))).toMatchObject({ _tag: "Internal" })
  })

  it("what the phone gives for a message that came without its text", () => {
    const info = proto.WebMessageInfo.encode({
      key: { remoteJid: "123@g.us", id: "OLD", fromMe: false, participant: "200@lid" },
      message: { conversation: "recovered" },
      messageTimestamp: 1_600_000_000,
      pushName: "Budi"
    }).finish()
    const answer: proto.IMessage = {
      protocolMessage: {
        type: proto.Message.ProtocolMessage.Type.PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE,
        peerDataOperationRequestResponseMessage: {
          peerDataOperationResult: [{ placeholderMessageResendResponse: { webMessageInfoBytes: info } }]
        }
      }
    }
    expect(factsOf(record({ from: "6281234567890@s.whatsapp.net" }, answer))).toMatchObject([
      { _tag: "Message", messageId: "OLD", content: "recovered", origin: { chat: "123@g.us", participant: { lid: "200@lid" } } }
    ])
  })
})

const now = 1_700_000_000_000
const react = (key: proto.IMessageKey): proto.IMessage => ({ reactionMessage: { text: "👍", key: { id: "T1", ...key } } })

describe("whose message is changed", () => {
  const { MESSAGE_EDIT, REVOKE } = proto.Message.ProtocolMessage.Type
  const fromBudi = { from: "6281200000001:5@s.whatsapp.net", sender_lid: "200@lid" }
  const fromPhone = { from: "6281234567890@s.whatsapp.net", recipient: "6281200000001@s.whatsapp.net" }
  const inGroup = { from: "123-456@g.us", participant: "200:1@lid", participant_pn: "6281200000001@s.whatsapp.net" }
  const revoke = (key: proto.IMessageKey): proto.IMessage => ({ protocolMessage: { type: REVOKE, key: { id: "T1", ...key } } })
  const edit = (key: proto.IMessageKey): proto.IMessage => ({
    protocolMessage: { type: MESSAGE_EDIT, key: { id: "T1", ...key }, editedMessage: { conversation: "x" } }
  })
  const changes: ReadonlyArray<readonly [string, Record<string, string>, proto.IMessage, unknown]> = [
    ["theirs, by themselves", fromBudi, edit({ fromMe: true }), "peer"],
    ["ours, on our phone", fromPhone, revoke({ fromMe: true }), "me"],
    ["theirs gets a reaction of ours", fromPhone, react({ fromMe: false }), "peer"],
    ["ours gets a reaction of theirs", fromBudi, react({ fromMe: false }), "me"],
    ["their own in a group", inGroup, edit({ fromMe: true }), budi],
    ["ours in a group gets a reaction", inGroup, react({ fromMe: false, participant: "100:2@lid" }), "me"],
    ["another member's in a group gets a reaction", inGroup, react({ fromMe: false, participant: "300@lid" }), { lid: "300@lid" }],
    ["an administrator deletes in a group", inGroup, revoke({ fromMe: false, participant: "300@lid" }), { lid: "300@lid" }]
  ]
  it.each(changes)("%s", (_, attrs, message, author) => {
    expect(only(record(attrs, message))).toMatchObject({ _tag: "Changed", messageId: "M1", target: { messageId: "T1", author } })
  })

  const refused: ReadonlyArray<readonly [string, Record<string, string>, proto.IMessage]> = [
    ["an edit of ours by somebody else", fromBudi, edit({ fromMe: false })],
    ["a deletion of ours by somebody else", fromBudi, revoke({ fromMe: false })],
    ["an edit of another member's message", inGroup, edit({ fromMe: false, participant: "300@lid" })],
    ["a reaction to a status", fromBudi, react({ fromMe: false, remoteJid: "status@broadcast" })],
    ["a reaction to nobody knows what", fromBudi, { reactionMessage: { text: "👍", key: { id: "" } } }]
  ]
  it.each(refused)("not: %s", (_, attrs, message) => {
    expect(only(record(attrs, message))).toMatchObject({ _tag: "Internal" })
  })

  it.each([
    ["a little ahead", now + 5000, now + 5000],
    ["behind", now - 5000, now - 5000],
    ["far ahead", now * 2, now],
    ["none", 0, now]
  ])("a clock that is far ahead is not believed: %s", (_, timestampMs, expected) => {
    const fact = only(record(fromBudi, { protocolMessage: { type: REVOKE, key: { id: "T1", fromMe: true }, timestampMs } }))
    expect(fact._tag === "Changed" && fact.at.epochMillis).toBe(expected)
  })

  it("keeps no plaintext of a change once it is projected", () => {
    expect(kindOf(padded(edit({ fromMe: true })))).toBe("message")
  })
})

describe("receipts", () => {
  const rows: ReadonlyArray<readonly [string, Record<string, string>, object]> = [
    ["delivered", { from: "6281200000001@s.whatsapp.net" }, { _tag: "Receipt", status: "delivered" }],
    ["delivered to a device in the background", { from: "200@lid", type: "inactive" }, { _tag: "Receipt", status: "delivered" }],
    ["read", { from: "200@lid", type: "read" }, { _tag: "Receipt", status: "read" }],
    ["played", { from: "200@lid", type: "played" }, { _tag: "Receipt", status: "read" }],
    [
      "our phone has its copy",
      { from: "6281234567890@s.whatsapp.net", type: "sender", recipient: "6281200000001@s.whatsapp.net" },
      { _tag: "Receipt", status: "sent", origin: { chat: "6281200000001@s.whatsapp.net" } }
    ],
    [
      "read in a group",
      { from: "123@g.us", participant: "200:0@lid", type: "read" },
      { _tag: "Receipt", status: "read", origin: { chat: "123@g.us", participant: { lid: "200@lid" } } }
    ],
    ["our phone has read theirs", { from: "6281234567890@s.whatsapp.net", type: "read" }, { _tag: "Internal" }],
    ["a request to send again", { from: "200@lid", type: "retry" }, { _tag: "Internal" }]
  ]
  it.each(rows)("%s", (_, attrs, expected) => {
    expect(only(receipt(attrs))).toMatchObject(expected)
  })

  it("name all their messages", () => {
    expect(only(receipt({ from: "200@lid" }, ["M1", "M2"]))).toMatchObject({ messageIds: ["M1", "M2"] })
  })
})

describe("people", () => {
  it("are the same whichever id comes first, and whichever device writes", () => {
    fc.assert(
      fc.property(fc.boolean(), fc.nat(98), fc.nat(98), (lidFirst, one, two) => {
        const ids = [`6281200000001:${one}@s.whatsapp.net`, `200:${two}@lid`]
        expect(personOf(...((lidFirst ? ids.toReversed() : ids) as [string, string]))).toEqual(budi)
      })
    )
  })
  it("are nobody without an id", () => {
    expect(personOf(undefined, "123@g.us")).toBeUndefined()
  })
})

describe("what stays in the journal", () => {
  it("is only what is needed again", () => {
    expect(kindOf(padded({ conversation: "x" }))).toBe("message")
    expect(kindOf(padded({ conversation: "x", senderKeyDistributionMessage: { groupId: "1@g.us" } }))).toBe("internal")
    expect(kindOf(padded({ protocolMessage: { type: 6 } }))).toBe("internal")
    expect(kindOf(Buffer.from([255, 255, 1]))).toBe("message")
  })
})
