import { Context, type Effect, Schema } from "effect"
import type { DeviceId } from "../domain/DeviceId.ts"
import type { Inbound } from "../domain/Inbound.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"

export interface JournalEntry {
  readonly id: number
  readonly fact: Inbound
}

export class JournalUnreadable extends Schema.TaggedError<JournalUnreadable>()("JournalUnreadable", {
  deviceId: Schema.String,
  cause: Schema.Defect
}) {}

/**
 * What WhatsApp told us and we have acknowledged or are about to. Entries are written in the transaction of the ratchet
 * step that decrypted them; a reader turns them into rows and events and calls `done` in the transaction of those rows.
 */
export class InboundJournal extends Context.Tag("whatsapp-service/InboundJournal")<InboundJournal, {
  /** The oldest entries that are not done, in arrival order. */
  readonly pending: (deviceId: DeviceId, limit: number) => Effect.Effect<ReadonlyArray<JournalEntry>, JournalUnreadable | StorageUnavailable>
  /** Call within the transaction of what the entries became. The ciphertext hashes stay for 14 days, to know a redelivery. */
  readonly done: (deviceId: DeviceId, ids: ReadonlyArray<number>) => Effect.Effect<void, StorageUnavailable>
  /** Removes what is done and older than 14 days, at most `limit` rows. */
  readonly prune: (limit: number) => Effect.Effect<number, StorageUnavailable>
}>() {}
