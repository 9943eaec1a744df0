import { Context, type DateTime, Effect, Layer, type Option } from "effect"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { HistoryPart } from "../../domain/History.ts"
import type { Inbound } from "../../domain/Inbound.ts"
import type { Jid } from "../../domain/Jid.ts"
import type { Direction, Message, MessageId, MessageNotFound, MessageStatus, MessageType } from "../../domain/Message.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { makeHistoryRecorder } from "./HistoryRecorder.ts"
import { makeMessageHistory } from "./MessageHistory.ts"
import { makeMessageRecorder } from "./MessageRecorder.ts"

export interface HistoryQuery {
  /** a person by phone or LID address, or a group */
  readonly chat: Jid
  /** row id of a message: only what stands before it */
  readonly before?: number | undefined
  /** row id of a message: only what stands after it */
  readonly after?: number | undefined
  readonly direction?: Direction | undefined
  readonly status?: MessageStatus | undefined
  readonly type?: MessageType | undefined
  /** written at this time or later; and before `to`; to the second */
  readonly from?: DateTime.Utc | undefined
  readonly to?: DateTime.Utc | undefined
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
  /**
   * What the phone remembers of before the pairing, in the caller's transaction: no events, no figures, and nothing that is
   * there already changes. If WhatsApp delivers such a message after all, `record` takes it for the news that it is. Answers
   * how many messages are new.
   */
  readonly recordHistory: (deviceId: DeviceId, part: HistoryPart) => Effect.Effect<number, StorageUnavailable>
  /** In the order of their times, newest first, unless `after` is given: then oldest first. */
  readonly history: (deviceId: DeviceId, query: HistoryQuery) => Effect.Effect<ReadonlyArray<Message>, StorageUnavailable>
  readonly get: (deviceId: DeviceId, messageId: MessageId) => Effect.Effect<Message, MessageNotFound | StorageUnavailable>
  /** The protobuf of an outgoing message by its id alone: a retry may ask for it under another address of the same person. */
  readonly payload: (deviceId: DeviceId, messageId: MessageId) => Effect.Effect<Option.Option<Uint8Array>, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    Messages,
    Effect.map(
      Effect.all([makeMessageRecorder, makeHistoryRecorder, makeMessageHistory]),
      ([record, recordHistory, history]) => Messages.of({ record, recordHistory, ...history })
    )
  )
}
