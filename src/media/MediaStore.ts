import { Context, Data, Effect, Layer } from "effect"
import { createHash, type Hash } from "node:crypto"
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import type { Readable } from "node:stream"
import { sniffedBytes } from "../domain/FileType.ts"
import type { MediaId } from "../domain/Media.ts"

/** The file has more bytes than it may have. */
export class FileTooLarge extends Data.TaggedError("FileTooLarge")<{ readonly limit: number }> {}
/** The disk, or whatever keeps the files, did not do it. */
export class StoreFailed extends Data.TaggedError("StoreFailed")<{ readonly cause: unknown }> {
  /** no room is left */
  get isFull() {
    return this.cause instanceof Error && "code" in this.cause && (this.cause.code === "ENOSPC" || this.cause.code === "EDQUOT")
  }
}
/** What the bytes come from broke off. */
export class SourceFailed extends Data.TaggedError("SourceFailed")<{ readonly cause: unknown }> {}
export class FileMissing extends Data.TaggedError("FileMissing")<{ readonly mediaId: MediaId }> {}

export interface WrittenFile {
  readonly size: number
  /** in hex */
  readonly sha256: string
  /** its first bytes */
  readonly head: Buffer
}

export interface ByteRange {
  readonly start: number
  /** the last byte that belongs to it */
  readonly end: number
}

/** Keeps files. Which there are, and whose, is in the database; the names are ours, never a caller's. */
export class MediaStore extends Context.Tag("whatsapp-service/MediaStore")<MediaStore, {
  /** Takes a file in piece by piece. Either it is there whole and durable afterwards, or nothing is. */
  readonly write: (
    mediaId: MediaId,
    bytes: AsyncIterable<Uint8Array>,
    limit: number
  ) => Effect.Effect<WrittenFile, FileTooLarge | StoreFailed | SourceFailed>
  /** Opens it before it answers: a file that is missing is told, and none breaks off because it is removed meanwhile. */
  readonly read: (mediaId: MediaId, range?: ByteRange) => Effect.Effect<Readable, FileMissing | StoreFailed>
  /** It may be gone already. */
  readonly remove: (mediaId: MediaId) => Effect.Effect<void, StoreFailed>
  /** Removes what a process that died left half written, if nobody has touched it since `before` (milliseconds since 1970). */
  readonly sweep: (before: number) => Effect.Effect<number, StoreFailed>
}>() {
  /** A folder; with several nodes one that all of them see. */
  static readonly layerDisk = (folder: string) =>
    Layer.effect(
      MediaStore,
      Effect.gen(function*() {
        const unfinished = join(folder, "unfinished")
        yield* attempt(() => mkdir(unfinished, { recursive: true, mode: 0o700 }))
        const placeOf = (mediaId: MediaId) => join(folder, mediaId.slice(0, 2), mediaId)

        return MediaStore.of({
          write: (mediaId, bytes, limit) =>
            Effect.tryPromise({
              try: (signal) => writeFile(join(unfinished, mediaId), placeOf(mediaId), bytes, limit, signal),
              catch: (error) =>
                error instanceof FileTooLarge || error instanceof SourceFailed ? error : new StoreFailed({ cause: error })
            }),
          read: (mediaId, range) =>
            Effect.tryPromise({
              try: async () => (await open(placeOf(mediaId), "r")).createReadStream(range),
              catch: (cause) => isMissing(cause) ? new FileMissing({ mediaId }) : new StoreFailed({ cause })
            }),
          remove: (mediaId) => attempt(() => rm(placeOf(mediaId), { force: true })),
          sweep: (before) =>
            attempt(async () => {
              const files = (await readdir(unfinished)).map((name) => join(unfinished, name))
              const old = await Promise.all(files.map(async (file) => {
                const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Infinity }))
                if (mtimeMs >= before) return 0
                await rm(file, { force: true })
                return 1
              }))
              return old.filter((removed) => removed === 1).length
            })
        })
      })
    )
}

const attempt = <A>(run: () => Promise<A>) => Effect.tryPromise({ try: run, catch: (cause) => new StoreFailed({ cause }) })
const isMissing = (error: unknown) => error instanceof Error && "code" in error && error.code === "ENOENT"

const writeFile = async (
  temporary: string,
  place: string,
  bytes: AsyncIterable<Uint8Array>,
  limit: number,
  signal: AbortSignal
): Promise<WrittenFile> => {
  const hash = createHash("sha256")
  const file = await open(temporary, "wx", 0o600)
  try {
    const { head, size } = await copy(bytes, limit, signal, hash, async (piece) => void (await file.writeFile(piece)))
    await file.sync()
    await file.close()
    await mkdir(join(place, ".."), { recursive: true, mode: 0o700 })
    signal.throwIfAborted()
    await rename(temporary, place)
    return { size, head, sha256: hash.digest("hex") }
  } catch (error) {
    await file.close().catch(() => {})
    await rm(temporary, { force: true })
    throw error
  }
}

/** What is read breaks off, or what is written fails: these are told apart. */
async function* fromSource(bytes: AsyncIterable<Uint8Array>) {
  try {
    yield* bytes
  } catch (cause) {
    throw new SourceFailed({ cause })
  }
}

const copy = async (
  bytes: AsyncIterable<Uint8Array>,
  limit: number,
  signal: AbortSignal,
  hash: Hash,
  write: (piece: Uint8Array) => Promise<void>
) => {
  let head = Buffer.alloc(0)
  let size = 0
  for await (const piece of fromSource(bytes)) {
    signal.throwIfAborted()
    size += piece.length
    if (size > limit) throw new FileTooLarge({ limit })
    hash.update(piece)
    if (head.length < sniffedBytes) head = Buffer.concat([head, piece.subarray(0, sniffedBytes - head.length)])
    await write(piece)
  }
  return { head, size }
}
