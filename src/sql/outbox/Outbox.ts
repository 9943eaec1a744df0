import { Context, type DateTime, Effect, Layer, type Option } from "effect"
import type { Forbidden } from "../../domain/Access.ts"
import type { DeviceNotFound } from "../../domain/Device.ts"
import type { DeviceId } from "../../domain/DeviceId.ts"
import type { Jid } from "../../domain/Jid.ts"
import type { JobId } from "../../domain/Job.ts"
import type { IdempotencyConflict, Message, MessageId, MessageNotFound, SendFailure } from "../../domain/Message.ts"
import type { MessageNotChangeable } from "../../domain/MessageChange.ts"
import type { Gone, Recent } from "../../domain/Pace.ts"
import type { PhoneNumber } from "../../domain/PhoneNumber.ts"
import type { OwnerChanged, StorageUnavailable } from "../../domain/Storage.ts"
import { type Accepted, makeOutboxIntake } from "./OutboxIntake.ts"
import { type HoldReason, makeOutboxPace } from "./OutboxPace.ts"
import { makeOutboxQueue } from "./OutboxQueue.ts"

export interface OutboxRow {
  readonly id: number
  readonly messageId: MessageId
  /** the lane: within a chat the order is kept */
  readonly chatKey: string
  readonly phone: PhoneNumber | null
  readonly lid: Jid | null
  readonly groupJid: Jid | null
  readonly messageType: Message["messageType"]
  /** for people */
  readonly content: string | null
  /** what to send, see `StoredContent`; null for a text of before there were other kinds */
  readonly outgoing: string | null
  /** the protobuf, once it has been made: a later attempt sends the same bytes */
  readonly payload: Uint8Array | null
  readonly attempts: number
  readonly priority: number
  /** when the person of a direct chat first wrote to us */
  readonly firstWroteAt: DateTime.Utc | null
  /** the first message to somebody who has never written */
  readonly opensChat: boolean
  readonly createdAt: DateTime.Utc
  readonly jobId: JobId | null
  /** milliseconds from one message of its job to the next */
  readonly jobDelay: number | null
}

export interface Claim {
  readonly row: OutboxRow
  readonly payload: Uint8Array
}

/** Of the waiting rows only those that the pace does not hold. */
export interface Allowed {
  /** those alone for which somebody waits */
  readonly urgentOnly: boolean
  /** chats to which nothing else may go now */
  readonly restingChats: ReadonlyArray<string>
}

export interface SentRow {
  readonly row: OutboxRow
  readonly at: DateTime.Utc
}

/** The messages table as the queue of what is to be sent. */
export class Outbox extends Context.Tag("whatsapp-service/Outbox")<Outbox, {
  /**
   * Writes a pending message with its id, its contact and its `message.status` event; `to` and `text` stand for the request
   * of a plain text. The same `idempotencyKey` with the same
   * `requestHash` answers with the message of the first call (`replayed`).
   */
  readonly accept: (input: Accepted) => Effect.Effect<
    { readonly message: Message; readonly replayed: boolean },
    DeviceNotFound | Forbidden | IdempotencyConflict | MessageNotChangeable | MessageNotFound | StorageUnavailable
  >
  /** Rows that may be sent now, in sending order; at most one chat's next row unless earlier ones are settled. */
  readonly due: (deviceId: DeviceId, limit: number, allowed?: Allowed) => Effect.Effect<ReadonlyArray<OutboxRow>, StorageUnavailable>
  /** When the next waiting row becomes due; none when nothing waits. */
  readonly nextDueAt: (deviceId: DeviceId, allowed?: Allowed) => Effect.Effect<Option.Option<DateTime.Utc>, StorageUnavailable>
  /**
   * Counts an attempt and keeps the bytes, before the first of them leaves. Only the owner may. For each claim in its order:
   * false if the row no longer waits to be sent.
   */
  readonly claim: (
    deviceId: DeviceId,
    epoch: number,
    claims: ReadonlyArray<Claim>
  ) => Effect.Effect<ReadonlyArray<boolean>, OwnerChanged | StorageUnavailable>
  /** All of them or none; a row that is further already stays as it is. */
  readonly sent: (deviceId: DeviceId, acks: ReadonlyArray<SentRow>) => Effect.Effect<void, StorageUnavailable>
  readonly failed: (deviceId: DeviceId, row: OutboxRow, failure: SendFailure) => Effect.Effect<void, StorageUnavailable>
  /** Makes due what was accepted at a time that is yet to come, as when the clock was put back since. */
  readonly catchUpWithClock: (deviceId: DeviceId) => Effect.Effect<void, StorageUnavailable>
  /** Puts the row back until `at`; it stays `pending`. */
  readonly postpone: (row: OutboxRow, at: DateTime.Utc) => Effect.Effect<void, StorageUnavailable>
  /** The same for rows that may not go before. Who of their recipients writes first is answered at once. */
  readonly hold: (rows: ReadonlyArray<OutboxRow>, why: HoldReason, until: DateTime.Utc) => Effect.Effect<void, StorageUnavailable>
  /** What was held for this reason may go again. */
  readonly release: (deviceId: DeviceId, why: HoldReason) => Effect.Effect<void, StorageUnavailable>
  /** What has been given to the socket in the last day, by the minute, and in the last ten minutes, one by one; the oldest first. */
  readonly gone: (deviceId: DeviceId) => Effect.Effect<
    { readonly before: ReadonlyArray<Gone>; readonly recent: ReadonlyArray<Recent> },
    StorageUnavailable
  >
}>() {
  static readonly layer = Layer.effect(
    Outbox,
    Effect.map(
      Effect.all([makeOutboxIntake, makeOutboxQueue, makeOutboxPace]),
      ([accept, queue, pace]) => Outbox.of({ accept, ...queue, ...pace })
    )
  )
}
