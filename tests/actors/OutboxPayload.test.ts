import { SqlClient } from "@effect/sql"
import { describe, expect, it } from "@effect/vitest"
import { proto } from "@whiskeysockets/baileys"
import { Effect } from "effect"
import { Signals } from "../../src/actors/Signals.ts"
import { phoneJid } from "../../src/domain/Jid.ts"
import { SendRequest } from "../../src/domain/OutgoingContent.ts"
import { Messages } from "../../src/sql/messages/Messages.ts"
import { Outbox } from "../../src/sql/outbox/Outbox.ts"
import { actorsLayer, makeDevice, phone } from "../support/actors.ts"

describe("what waits in the outbox", () => {
  it.scoped("goes out as what it is; a row that cannot be read fails by itself", () =>
    Effect.gen(function*() {
      const { deviceId, online, settle } = yield* makeDevice()
      const sql = yield* SqlClient.SqlClient
      const outbox = yield* Outbox
      const accept = (to: string) =>
        outbox.accept({
          deviceId,
          request: SendRequest.New({
            to: phoneJid(to),
            content: { _tag: "Poll", name: "Jam?", options: ["7", "8"], selectable: 1 },
            quoted: undefined
          })
        })
      const { message: broken } = yield* accept("6281299990009")
      yield* sql`UPDATE messages SET outgoing = '{"version":99}' WHERE message_id = ${broken.messageId}`
      const { message: older } = yield* outbox.accept({ deviceId, to: phone("6281299990008"), text: "from before" })
      yield* sql`UPDATE messages SET outgoing = NULL WHERE message_id = ${older.messageId}`
      const { message } = yield* accept("6281299990001")
      const socket = yield* online
      yield* (yield* Signals).outboxChanged(deviceId)
      yield* settle
      const sent = new Map(socket.sent.map(({ content, messageId }) => [messageId, proto.Message.decode(content)]))
      expect(sent.get(message.messageId)?.pollCreationMessageV3?.name).toBe("Jam?")
      expect(sent.get(older.messageId)?.extendedTextMessage?.text).toBe("from before")
      expect(sent.has(broken.messageId)).toBe(false)
      const { failure, status } = yield* (yield* Messages).get(deviceId, broken.messageId)
      expect([status, failure?.code]).toEqual(["failed", "CONTENT_UNREADABLE"])
    }).pipe(Effect.provide(actorsLayer)))
})
