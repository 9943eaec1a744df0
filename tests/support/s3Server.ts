import { mkdtemp, rm } from "node:fs/promises"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { join } from "node:path"

interface Options {
  readonly address: string
  readonly port: number
  readonly silent: boolean
  readonly directory: string
  readonly configureBuckets: ReadonlyArray<{ readonly name: string; readonly configs: ReadonlyArray<string> }>
}
const S3rver: new(options: Options) => {
  readonly run: () => Promise<{ readonly port: number }>
  readonly close: () => Promise<void>
} = createRequire(import.meta.url)("s3rver")

/** An S3 service with one bucket on a port and in a folder of its own; it checks signatures. */
export const startS3Server = async () => {
  const directory = await mkdtemp(join(tmpdir(), "wa-s3-"))
  const server = new S3rver({
    address: "127.0.0.1", port: 0, silent: true, directory, configureBuckets: [{ name: "files", configs: [] }]
  })
  const { port } = await server.run()
  return {
    directory: join(directory, "files"),
    environment: {
      MEDIA_STORE: "s3", MEDIA_S3_ENDPOINT: `http://127.0.0.1:${port}`, MEDIA_S3_BUCKET: "files", MEDIA_S3_ACCESS_KEY: "S3RVER",
      MEDIA_S3_SECRET_KEY: "S3RVER"
    },
    end: async () => {
      await server.close()
      await rm(directory, { recursive: true, force: true })
    }
  }
}
