import { Effect } from "effect"
import type { ChatState } from "../domain/ChatState.ts"
import type { DeviceNotConnected } from "../domain/Device.ts"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { Jid } from "../domain/Jid.ts"
import { ChatReading } from "../sql/messages/ChatReading.ts"
import type { Connection } from "../whatsapp/WhatsApp.ts"
import { orUnanswered } from "./Unanswered.ts"

/** What a chat is told without a message: now, over the connection that is there, or not at all. */
export const makeChatSignals = Effect.map(ChatReading, (reading) => ({
  on: (deviceId: DeviceId, connection: Effect.Effect<Connection, DeviceNotConnected>) => ({
    showState: (chat: Jid, state: ChatState) =>
      Effect.flatMap(connection, (open) => open.showState(chat, state)).pipe(orUnanswered(deviceId)),
    markRead: Effect.fnUntraced(function*(chat: Jid) {
      const open = yield* connection
      const unread = yield* reading.unread(deviceId, chat)
      // a receipt names one writer
      for (const [participant, messages] of Map.groupBy(unread, (message) => message.participant)) {
        yield* open.markRead(chat, participant, messages.map(({ messageId }) => messageId)).pipe(orUnanswered(deviceId))
        yield* reading.read(deviceId, messages)
      }
      return unread.length
    })
  })
}))
