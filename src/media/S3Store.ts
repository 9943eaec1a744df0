import { Effect, Layer } from "effect"
import { createHash } from "node:crypto"
import type { MediaId } from "../domain/Media.ts"
import { copy } from "./copied.ts"
import { FileMissing, FileTooLarge, MediaStore, SourceFailed, StoreFailed, type WrittenFile } from "./MediaStore.ts"
import { type Part, S3Bucket, S3Refused } from "./S3Bucket.ts"
import type { S3Settings } from "./S3Settings.ts"

/** Bytes; what is in memory of a file that comes in. S3 takes parts from 5 MiB on, and ten thousand of them. */
const partSize = 8 * 1024 * 1024

/** The names that {@link keyOf} makes: a bucket may hold what is not ours. */
const ours = /^[0-9a-f]{2}\/[0-9a-f]{32}$/
const keyOf = (mediaId: MediaId) => `${mediaId.slice(0, 2)}/${mediaId}`

/** Files as the objects of a bucket. */
export const s3Store = (settings: S3Settings) => Layer.effect(MediaStore, makeS3Store(settings))

const makeS3Store = (settings: S3Settings) =>
  Effect.gen(function*() {
    const bucket = new S3Bucket(settings)
    yield* Effect.catchAll(attempt(() => bucket.check()), ({ cause }) =>
      Effect.logWarning("The bucket for files cannot be used now", cause).pipe(Effect.annotateLogs({ bucket: settings.bucket })))

    return MediaStore.of({
      write: (mediaId, bytes, limit) =>
        Effect.tryPromise({
          try: (signal) => writeObject(bucket, keyOf(mediaId), bytes, limit, signal),
          catch: (error) =>
            error instanceof FileTooLarge || error instanceof SourceFailed ? error : new StoreFailed({ cause: error })
        }),
      read: (mediaId, range) =>
        Effect.tryPromise({
          try: (signal) => bucket.get(keyOf(mediaId), range, signal),
          catch: (cause) => isMissing(cause) ? new FileMissing({ mediaId }) : new StoreFailed({ cause })
        }),
      remove: (mediaId) =>
        Effect.catchIf(attempt(() => bucket.remove(keyOf(mediaId))), ({ cause }) => isMissing(cause), () => Effect.void),
      sweep: (before) =>
        attempt(async () => {
          const old = (await bucket.unfinished()).filter(({ key, since }) => ours.test(key) && since < before)
          await Promise.all(old.map(({ key, uploadId }) => bucket.abortParts(key, uploadId)))
          return old.length
        }).pipe(
          // not every service lists them; their own rules remove them then
          Effect.catchIf(({ cause }) => cause instanceof S3Refused && cause.status === 501, () => Effect.succeed(0))
        )
    })
  })

const attempt = <A>(run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: (cause) => new StoreFailed({ cause }) })
const isMissing = (error: unknown) => error instanceof S3Refused && error.status === 404 && error.code !== "NoSuchBucket"

/** In one piece if it is small, otherwise in parts, one after the other. */
const writeObject = async (
  bucket: S3Bucket,
  key: string,
  bytes: AsyncIterable<Uint8Array>,
  limit: number,
  signal: AbortSignal
): Promise<WrittenFile> => {
  const hash = createHash("sha256")
  const parts: Array<Part> = []
  let waiting: Array<Uint8Array> = []
  let length = 0
  let uploadId: string | undefined
  const putPart = async () => {
    uploadId ??= await bucket.startParts(key, signal)
    const part = Buffer.concat(waiting)
    waiting = []
    length = 0
    parts.push(await bucket.putPart(key, uploadId, parts.length + 1, part, signal))
  }
  try {
    const { head, size } = await copy(bytes, limit, signal, hash, async (piece) => {
      waiting.push(piece)
      length += piece.length
      if (length >= partSize) await putPart()
    })
    if (uploadId === undefined) await bucket.put(key, Buffer.concat(waiting), signal)
    else {
      if (length > 0) await putPart()
      await bucket.completeParts(key, uploadId, parts, signal)
    }
    return { size, head, sha256: hash.digest("hex") }
  } catch (error) {
    if (uploadId !== undefined) await bucket.abortParts(key, uploadId).catch(() => {})
    throw error
  }
}
