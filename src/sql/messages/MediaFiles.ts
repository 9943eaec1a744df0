import { SqlClient } from "@effect/sql"
import { Clock, Context, Effect, Layer, Schema } from "effect"
import { randomBytes } from "node:crypto"
import type { DeviceId } from "../../domain/DeviceId.ts"
import { MediaId, MediaNotFound, StoredMedia } from "../../domain/Media.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import { atBoundary, retryConflicts } from "../database/Boundary.ts"
import { fit, makeDialect } from "../database/Dialect.ts"

const decodeFiles = Schema.decodeUnknown(Schema.Array(StoredMedia))
const decodeIds = Schema.decodeUnknown(Schema.Array(Schema.Struct({ id: Schema.Int, mediaId: MediaId })))
const decodeSum = Schema.decodeUnknown(Schema.Tuple(Schema.Struct({ bytes: Schema.Union(Schema.Number, Schema.NumberFromString) })))

/** Which files there are in the store, and whose. */
export class MediaFiles extends Context.Tag("whatsapp-service/MediaFiles")<MediaFiles, {
  /** A name for a file of this device that is about to be written: written down first, so that nothing is left unknown. */
  readonly begin: (deviceId: DeviceId) => Effect.Effect<MediaId, StorageUnavailable>
  /** The file is there, whole. */
  readonly finish: (file: StoredMedia) => Effect.Effect<void, StorageUnavailable>
  /** A file of this device; it is kept for some time from now on, so that it can be sent. */
  readonly use: (deviceId: DeviceId, mediaId: MediaId) => Effect.Effect<StoredMedia, MediaNotFound | StorageUnavailable>
  /** Forgets files that no message and no job under way refers to and that were last meant for something before `before`; at most `limit`. */
  readonly forgetUnused: (before: number, limit: number) => Effect.Effect<ReadonlyArray<MediaId>, StorageUnavailable>
  /** The same for one file, whenever that was. False if something refers to it. */
  readonly forget: (mediaId: MediaId) => Effect.Effect<boolean, StorageUnavailable>
  /** in bytes, of all files */
  readonly used: Effect.Effect<number, StorageUnavailable>
}>() {
  static readonly layer = Layer.effect(
    MediaFiles,
    Effect.gen(function*() {
      const sql = yield* SqlClient.SqlClient
      const dialect = yield* makeDialect
      // when a job is over, its recipients' messages refer to the file themselves
      const unreferenced = sql`NOT EXISTS (SELECT 1 FROM message_media r WHERE r.file_id = media_files.id)
        AND NOT EXISTS (
          SELECT 1 FROM job_files f JOIN jobs j ON j.id = f.job_row
          WHERE f.file_id = media_files.id AND j.status NOT IN ('completed', 'cancelled')
        )`

      const forgetRow = (id: number) =>
        Effect.map(dialect.affected(sql`DELETE FROM media_files WHERE id = ${id} AND ${unreferenced}`), (rows) => rows > 0)

      return MediaFiles.of({
        begin: Effect.fn("MediaFiles.begin")(function*(deviceId: DeviceId) {
          const mediaId = MediaId.make(randomBytes(16).toString("hex"))
          const now = yield* Clock.currentTimeMillis
          yield* sql`INSERT INTO media_files ${sql.insert({ mediaId, deviceId, ready: 0, size: 0, usedAt: now, createdAt: now })}`
          return mediaId
        }, atBoundary),

        finish: Effect.fn("MediaFiles.finish")(function*({ fileName, mediaId, mimetype, sha256, size }: StoredMedia) {
          const now = yield* Clock.currentTimeMillis
          const columns = { ready: 1, size, sha256, mimetype, fileName: fit(fileName, 255), usedAt: now }
          yield* sql`UPDATE media_files SET ${sql.update(columns)} WHERE media_id = ${mediaId}`
        }, atBoundary),

        use: Effect.fn("MediaFiles.use")(function*(deviceId: DeviceId, mediaId: MediaId) {
          const now = yield* Clock.currentTimeMillis
          yield* sql`UPDATE media_files SET used_at = ${now} WHERE media_id = ${mediaId} AND device_id = ${deviceId}`
          const [file] = yield* decodeFiles(
            yield* sql`SELECT media_id, mimetype, size, sha256, file_name FROM media_files
              WHERE media_id = ${mediaId} AND device_id = ${deviceId} AND ready = 1`
          )
          return file ?? (yield* new MediaNotFound({ mediaId }))
        }, atBoundary),

        forgetUnused: Effect.fn("MediaFiles.forgetUnused")(function*(before: number, limit: number) {
          const found = yield* decodeIds(
            yield* sql`SELECT id, media_id FROM media_files WHERE used_at < ${before} AND ${unreferenced}
              ORDER BY used_at ${dialect.limit(limit)}`
          )
          const gone = yield* Effect.filter(found, ({ id }) => forgetRow(id))
          return gone.map(({ mediaId }) => mediaId)
        }, retryConflicts, atBoundary),

        forget: Effect.fn("MediaFiles.forget")(function*(mediaId: MediaId) {
          const [row] = yield* decodeIds(yield* sql`SELECT id, media_id FROM media_files WHERE media_id = ${mediaId}`)
          return row !== undefined && (yield* forgetRow(row.id))
        }, retryConflicts, atBoundary),

        used: sql`SELECT COALESCE(SUM(size), 0) AS bytes FROM media_files`.pipe(
          Effect.flatMap(decodeSum),
          Effect.map(([{ bytes }]) => bytes),
          atBoundary
        )
      })
    })
  )
}
