import { Context, Effect, Layer, type Option } from "effect"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { Inbound } from "../domain/Inbound.ts"
import type { Jid } from "../domain/Jid.ts"
import type { Direction, Message, MessageId, MessageNotFound } from "../domain/Message.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"
import { makeMessageHistory } from "./MessageHistory.ts"
import { makeMessageRecorder } from "./MessageRecorder.ts"

export interface HistoryQuery {
  /** a person by phone or LID address, or a group */
  readonly chat: Jid
  /** row id of a message: only older ones */
  readonly before?: number | undefined
  /** row id of a message: only newer ones */
  readonly after?: number | undefined
  readonly direction?: Direction | undefined
  /** at most 200 */
  readonly limit: number
}

/** What was said, both ways. */
export class Messages extends Context.Tag("whatsapp-service/Messages")<Messages, {
  /**
   * Rows, contacts and events for what WhatsApp told a device, in order, in the caller's transaction. A message that is
   * there already changes nothing, except that a text replaces its undecryptable stub. Receipts only move statuses
   * forward; one for an unknown message is dropped. What one message changes in another is seen in that one, and waits for
   * it if it has not come yet.
   */
  readonly record: (deviceId: DeviceId, facts: ReadonlyArray<Inbound>) => Effect.Effect<void, StorageUnavailable>
  /** Newest first, unless `after` is given: then oldest first. */
  readonly history: (deviceId: DeviceId, query: HistoryQuery) => Effect.Effect<ReadonlyArray<Message>, StorageUnavailable>
  readonly get: (deviceId: DeviceId, messageId: MessageId) => Effect.Effect<Message, MessageNotFound | StorageUnavailable>
  /** The protobuf of an outgoing message by its id alone: a retry may ask for it under another address of the same person. */
  readonly payload: (deviceId: DeviceId, messageId: MessageId) => Effect.Effect<Option.Option<Uint8Array>, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Messages,
    Effect.map(
      Effect.all([makeMessageRecorder, makeMessageHistory]),
      ([record, history]) => Messages.of({ record, ...history })
    )
  )
}
