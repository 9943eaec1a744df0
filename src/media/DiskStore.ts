import { Effect, Layer } from "effect"
import { createHash } from "node:crypto"
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises"
import { join } from "node:path"
import type { MediaId } from "../domain/Media.ts"
import { copy } from "./copied.ts"
import { FileMissing, FileTooLarge, MediaStore, SourceFailed, StoreFailed, type WrittenFile } from "./MediaStore.ts"

/** Files in a folder; with several nodes one that all of them see. */
export const diskStore = (folder: string) =>
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
