import { Context, Data, type Effect } from "effect"
import type { Readable } from "node:stream"
import type { MediaId } from "../domain/Media.ts"

/** The file has more bytes than it may have. */
export class FileTooLarge extends Data.TaggedError("FileTooLarge")<{ readonly limit: number }> {}
/** The disk, or whatever keeps the files, did not do it. */
export class StoreFailed extends Data.TaggedError("StoreFailed")<{ readonly cause: unknown }> {
  /** no room is left */
  get isFull() {
    return this.cause instanceof Error && "code" in this.cause && isNoRoom.has(this.cause.code)
  }
}
const isNoRoom: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "QuotaExceeded", "XMinioStorageFull"])
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
}>() {}
