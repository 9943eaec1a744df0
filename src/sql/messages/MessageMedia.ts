import { SqlClient } from "@effect/sql"
import { Clock, Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { DeviceId } from "../../domain/DeviceId.ts"
import { Jid } from "../../domain/Jid.ts"
import { type MediaState, MediaState as State, MediaTrouble, mediaTypes, MediaNotStored, MessageHasNoMedia, StoredMedia } from "../../domain/Media.ts"
import { type ChatRef, MessageId, MessageNotFound } from "../../domain/Message.ts"
import { MessageMetadata, MessageSecrets } from "../../domain/MessageMetadata.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { makeDeviceLock } from "../devices/DeviceLock.ts"
import { fit, makeDialect } from "../database/Dialect.ts"
import { EventLog } from "../events/EventLog.ts"
import { chatColumns, chatFields, chatOf, messagesWithContacts } from "./MessageRow.ts"

const json = <A, I>(schema: Schema.Schema<A, I>) => Schema.NullOr(Schema.parseJson(schema))
const text = Schema.NullOr(Schema.String)

const Wanted = Schema.Struct({
  ...chatFields,
  row: Schema.Int,
  deviceId: DeviceId,
  messageId: MessageId,
  messageType: Schema.Literal(...mediaTypes),
  participant: Schema.NullOr(Jid),
  metadata: json(MessageMetadata),
  secrets: json(MessageSecrets),
  directPath: text,
  attempts: Schema.Int
})
const decodeWanted = Schema.decodeUnknown(Schema.Array(Wanted))

/** A file of a message that waits to be fetched. */
export type WantedMedia = typeof Wanted.Type & { readonly chat: ChatRef }

const Held = Schema.Struct({
  row: Schema.Int,
  messageType: Schema.String,
  deletedAt: Schema.NullOr(Schema.Int),
  secrets: json(MessageSecrets),
  metadata: json(MessageMetadata),
  state: Schema.NullOr(State),
  reason: Schema.NullOr(MediaTrouble),
  mediaId: Schema.NullOr(StoredMedia.fields.mediaId),
  mimetype: text,
  size: Schema.NullOr(Schema.Int),
  sha256: text,
  fileName: text
})
const decodeHeld = Schema.decodeUnknown(Schema.Array(Held))
const decodeTimes = Schema.decodeUnknown(Schema.Array(Schema.Struct({ dueAt: Schema.NullOr(Schema.DateTimeUtcFromNumber) })))
const decodeRows = Schema.decodeUnknown(Schema.Array(Schema.Struct({ row: Schema.Int })))
const isMediaType = Schema.is(Schema.Literal(...mediaTypes))

/** What came of a fetch. */
export type FetchOutcome =
  | { readonly state: "stored"; readonly file: StoredMedia }
  | { readonly state: "failed" | "expired"; readonly reason: MediaTrouble }

/** The files of messages: which of them are here, and which are to be fetched. */
export class MessageMediaRows extends Context.Tag("whatsapp-service/MessageMediaRows")<MessageMediaRows, {
  /** Files that may be fetched now, those that have waited longest first. */
  readonly due: (deviceId: DeviceId, limit: number) => Effect.Effect<ReadonlyArray<WantedMedia>, StorageUnavailable>
  readonly nextDueAt: (deviceId: DeviceId) => Effect.Effect<Option.Option<DateTime.Utc>, StorageUnavailable>
  /** The end of a fetch, with its event. False if nobody waits for it any more: what was stored is of no use then. */
  readonly settle: (wanted: WantedMedia, outcome: FetchOutcome) => Effect.Effect<boolean, StorageUnavailable>
  /** One more attempt, later; `directPath` is where the phone has put it once more. */
  readonly postpone: (wanted: WantedMedia, at: DateTime.Utc, directPath?: string) => Effect.Effect<void, StorageUnavailable>
  /** The file of a message. */
  readonly file: (deviceId: DeviceId, messageId: MessageId) => Effect.Effect<
    StoredMedia,
    MediaNotStored | MessageHasNoMedia | MessageNotFound | StorageUnavailable
  >
  /** Asks for a file that is not here to be fetched; its state then. */
  readonly request: (deviceId: DeviceId, messageId: MessageId) => Effect.Effect<
    MediaState,
    MediaNotStored | MessageHasNoMedia | MessageNotFound | StorageUnavailable
  >
  /** Lets go of files of messages that were stored before `before`; at most `limit`. How many. */
  readonly expire: (before: number, limit: number) => Effect.Effect<number, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    MessageMediaRows,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const dialect = yield* makeDialect
      const lock = yield* makeDeviceLock
      const events = yield* EventLog

      // ids are unique within chat and sender only: ours first, then the newest
      const held = Effect.fnUntraced(function*(deviceId: DeviceId, messageId: MessageId) {
        const [found] = yield* decodeHeld(
          yield* sql`SELECT m.id AS ${sql("row")}, m.message_type, m.deleted_at, m.secrets, m.metadata, mm.state, mm.reason,
              f.media_id, f.mimetype, f.size, f.sha256, f.file_name
            FROM messages m LEFT JOIN message_media mm ON mm.message_row = m.id LEFT JOIN media_files f ON f.id = mm.file_id
            WHERE m.device_id = ${deviceId} AND m.message_id = ${messageId}
            ORDER BY CASE m.direction WHEN 'outgoing' THEN 0 ELSE 1 END, m.id DESC LIMIT 1`
        )
        if (found === undefined) return yield* new MessageNotFound({ messageId })
        if (!isMediaType(found.messageType) || found.deletedAt !== null) return yield* new MessageHasNoMedia({ messageId })
        const state: MediaState = found.state ?? "available"
        if (found.state === null && found.secrets?.media?.mediaKey === undefined) return yield* new MessageHasNoMedia({ messageId })
        return { ...found, state }
      })

      return MessageMediaRows.of({
        due: Effect.fn("MessageMedia.due")(function*(deviceId, limit) {
          const now = yield* Clock.currentTimeMillis
          const rows = yield* sql`SELECT m.id AS ${sql("row")}, m.device_id, m.message_id, m.message_type, m.participant, m.metadata,
              m.secrets, mm.direct_path, mm.attempts, ${sql.literal(chatColumns)}
            FROM ${sql.literal(messagesWithContacts)} JOIN message_media mm ON mm.message_row = m.id
            WHERE mm.device_id = ${deviceId} AND mm.due_at <= ${now} ORDER BY mm.due_at ${dialect.limit(limit)}`
          return (yield* decodeWanted(rows)).map((row) => ({ ...row, chat: chatOf(row) }))
        }, atBoundary),

        nextDueAt: Effect.fn("MessageMedia.nextDueAt")(function*(deviceId) {
          const rows = yield* sql`SELECT MIN(due_at) AS due_at FROM message_media WHERE device_id = ${deviceId} AND due_at IS NOT NULL`
          return Option.fromNullable((yield* decodeTimes(rows))[0]?.dueAt)
        }, atBoundary),

        settle: Effect.fn("MessageMedia.settle")((wanted, outcome) =>
          Effect.gen(function*() {
            const { chat, deviceId, direction, messageId, row } = wanted
            if (Option.isNone(yield* lock.byId(deviceId))) return false
            const now = yield* Clock.currentTimeMillis
            const file = outcome.state === "stored" ? outcome.file : null
            const reason = outcome.state === "stored" ? null : outcome.reason
            const fileId = sql`(SELECT id FROM media_files WHERE media_id = ${file?.mediaId ?? ""})`
            const rows = yield* dialect.affected(
              sql`UPDATE message_media SET state = ${outcome.state}, reason = ${reason}, file_id = ${fileId}, due_at = NULL,
                updated_at = ${now} WHERE message_row = ${row} AND state = 'pending'`
            )
            if (rows === 0) return false
            yield* events.append([{
              type: "message.media",
              deviceId,
              data: {
                messageId, chat, direction, state: outcome.state, reason,
                media: file === null ? null : file,
                timestamp: DateTime.unsafeMake(now)
              }
            }])
            return true
          }).pipe(events.transaction, retryConflicts, atBoundary)
        ),

        postpone: Effect.fn("MessageMedia.postpone")(function*({ row }, at, directPath) {
          const now = yield* Clock.currentTimeMillis
          const moved = directPath === undefined ? {} : { directPath: fit(directPath, 1024) }
          const columns = { ...moved, dueAt: at.epochMillis, updatedAt: now }
          yield* sql`UPDATE message_media SET ${sql.update(columns)}, attempts = attempts + 1
            WHERE message_row = ${row} AND state = 'pending'`
        }, retryConflicts, atBoundary),

        file: Effect.fn("MessageMedia.file")(function*(deviceId, messageId) {
          const { mediaId, mimetype, reason, sha256, size, state, ...found } = yield* held(deviceId, messageId)
          if (state !== "stored" || mediaId === null || mimetype === null || size === null || sha256 === null) {
            return yield* new MediaNotStored({ messageId, state: state === "stored" ? "expired" : state, reason })
          }
          return { mediaId, mimetype, size, sha256, fileName: found.metadata?.media?.fileName ?? found.fileName }
        }, atBoundary),

        request: Effect.fn("MessageMedia.request")((deviceId, messageId) =>
          Effect.gen(function*() {
            if (Option.isNone(yield* lock.byId(deviceId))) return yield* new MessageNotFound({ messageId })
            const { reason, row, secrets, state } = yield* held(deviceId, messageId)
            if (state === "stored" || state === "pending") return state
            if (secrets?.media?.mediaKey === undefined) return yield* new MediaNotStored({ messageId, state, reason })
            const now = yield* Clock.currentTimeMillis
            const pending = { state: "pending", reason: null, attempts: 0, dueAt: now, updatedAt: now }
            const known = yield* decodeRows(yield* sql`SELECT message_row AS ${sql("row")} FROM message_media WHERE message_row = ${row}`)
            yield* known.length > 0
              ? sql`UPDATE message_media SET ${sql.update(pending)} WHERE message_row = ${row}`
              : sql`INSERT INTO message_media ${sql.insert({ messageRow: row, deviceId, ...pending })}`
            return "pending" as const
          }).pipe(events.transaction, retryConflicts, atBoundary)
        ),

        expire: Effect.fn("MessageMedia.expire")(function*(before, limit) {
          const rows = yield* decodeRows(
            yield* sql`SELECT mm.message_row AS ${sql("row")} FROM message_media mm JOIN messages m ON m.id = mm.message_row
              WHERE mm.state = 'stored' AND mm.updated_at < ${before} AND m.queue IS NULL
              ORDER BY mm.updated_at ${dialect.limit(limit)}`
          )
          if (rows.length === 0) return 0
          yield* sql`UPDATE message_media SET state = 'expired', reason = 'retention', file_id = NULL
            WHERE ${sql.in("message_row", rows.map(({ row }) => row))}`
          return rows.length
        }, retryConflicts, atBoundary)
      })
    })
  )
}

/** Files of messages that are written in the caller's transaction. */
export const makeMediaIntake = Effect.gen(function*() {
  const sql = yield* SqlClient.SqlClient
  return {
    /** Files to be fetched, of messages that have just come. */
    expect: Effect.fnUntraced(function*(deviceId: DeviceId, messageIds: ReadonlyArray<MessageId>) {
      if (messageIds.length === 0) return
      const now = yield* Clock.currentTimeMillis
      yield* sql`INSERT INTO message_media (message_row, device_id, state, attempts, due_at, updated_at)
        SELECT m.id, m.device_id, 'pending', 0, ${now}, ${now} FROM messages m
        LEFT JOIN message_media mm ON mm.message_row = m.id
        WHERE m.device_id = ${deviceId} AND ${sql.in("m.message_id", messageIds)} AND m.secrets IS NOT NULL
          AND m.deleted_at IS NULL AND ${sql.in("m.message_type", mediaTypes)} AND mm.message_row IS NULL`
    }),
    /** The file of a message that is to be sent. False if it is not there. */
    attach: Effect.fnUntraced(function*(deviceId: DeviceId, row: number, mediaId: string) {
      const now = yield* Clock.currentTimeMillis
      yield* sql`INSERT INTO message_media (message_row, device_id, state, file_id, attempts, updated_at)
        SELECT ${row}, device_id, 'stored', id, 0, ${now} FROM media_files
        WHERE media_id = ${mediaId} AND device_id = ${deviceId} AND ready = 1`
      const rows = yield* decodeRows(yield* sql`SELECT message_row AS ${sql("row")} FROM message_media WHERE message_row = ${row}`)
      return rows.length > 0
    }),
    /** What was taken back for everyone is not kept here either. */
    forget: (row: number) => sql`DELETE FROM message_media WHERE message_row = ${row}`
  }
})
