import { createHash, randomBytes } from "node:crypto"
import { createReadStream } from "node:fs"
import { mkdtemp, open, rename, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A file of the media server, as it lies there: sealed, or a picture that everyone may see. */
export interface StoredMedium {
  readonly directPath: string
  readonly file: string
  readonly size: number
  readonly sha256: Buffer
  readonly mimetype: string
}

const PATHS = { sealed: "/v/t62.7118-24", picture: "/v/t61.24694-24" } as const

/** Keeps media in a directory of its own, for as long as the server runs. */
export class MediaStore {
  readonly #stored = new Map<string, StoredMedium>()
  /** What is no longer to be had, and the status that says so. */
  readonly #gone = new Map<string, number>()
  #directory: Promise<string> | undefined

  get directory(): Promise<string> {
    return this.#directory ??= mkdtemp(join(tmpdir(), "whatsapp-emulator-"))
  }

  /** Takes a file in, piece by piece. With `expected`, only if its hash is that. */
  async put(
    source: AsyncIterable<Buffer>,
    options: { readonly as?: keyof typeof PATHS; readonly mimetype?: string; readonly expected?: string } = {}
  ): Promise<StoredMedium | undefined> {
    const directory = await this.directory
    const file = join(directory, randomBytes(12).toString("hex"))
    const hash = createHash("sha256")
    let size = 0
    const handle = await open(file, "wx")
    try {
      for await (const piece of source) {
        hash.update(piece)
        size += piece.length
        await handle.write(piece)
      }
    } catch (error) {
      await rm(file, { force: true })
      throw error
    } finally {
      await handle.close()
    }
    const sha256 = hash.digest()
    const name = sha256.toString("base64url")
    if (options.expected !== undefined && options.expected !== name) {
      await rm(file, { force: true })
      return undefined
    }
    const kept = join(directory, name)
    await rename(file, kept)
    const { as = "sealed", mimetype = "application/octet-stream" } = options
    return this.#keep({ directPath: "", file: kept, size, sha256, mimetype }, as)
  }

  find(directPath: string): StoredMedium | undefined {
    return this.#stored.get(directPath)
  }

  goneWith(directPath: string): number | undefined {
    return this.#gone.get(directPath)
  }

  /** The medium can no longer be had at this path. */
  expire(directPath: string, status = 410): void {
    this.#gone.set(directPath, status)
  }

  /** The same file at a path of its own. */
  renew(directPath: string): StoredMedium | undefined {
    const stored = this.#stored.get(directPath)
    return stored && this.#keep(stored, "sealed")
  }

  async write(name: string, text: string): Promise<string> {
    const file = join(await this.directory, name)
    await writeFile(file, text)
    return file
  }

  async close(): Promise<void> {
    if (this.#directory) await rm(await this.#directory, { recursive: true, force: true })
  }

  #keep(medium: StoredMedium, as: keyof typeof PATHS): StoredMedium {
    const signature = randomBytes(8).toString("hex")
    const directPath = `${PATHS[as]}/${medium.sha256.toString("hex")}.enc?ccb=11-4&oh=${signature}`
    const kept = { ...medium, directPath }
    this.#stored.set(directPath, kept)
    return kept
  }
}

/** The bytes of a file, or of a part of it. */
export const bytesOfFile = (file: string, range: { readonly start?: number; readonly end?: number } = {}): AsyncIterable<Buffer> =>
  createReadStream(file, range)
