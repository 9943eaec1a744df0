import type { Hash } from "node:crypto"
import { sniffedBytes } from "../domain/FileType.ts"
import { FileTooLarge, SourceFailed } from "./MediaStore.ts"

/** What is read breaks off, or what is written fails: these are told apart. */
async function* fromSource(bytes: AsyncIterable<Uint8Array>) {
  try {
    yield* bytes
  } catch (cause) {
    throw new SourceFailed({ cause })
  }
}

/** Hands a file's pieces to `write` one after the other; at most `limit` bytes. */
export const copy = async (
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
