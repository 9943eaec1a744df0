import { expect, it, layer } from "@effect/vitest"
import { Chunk, ConfigProvider, Effect, Exit, Layer, Stream } from "effect"
import { createHash, createHmac, randomBytes } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { MediaId } from "../../src/domain/Media.ts"
import { diskStore } from "../../src/media/DiskStore.ts"
import { FileMissing, FileTooLarge, MediaStore, SourceFailed, StoreFailed } from "../../src/media/MediaStore.ts"
import { type S3Settings, s3Settings } from "../../src/media/S3Settings.ts"
import { s3Store } from "../../src/media/S3Store.ts"
import { startS3Server } from "../support/s3Server.ts"

const newId = () => MediaId.make(randomBytes(16).toString("hex"))
async function* pieces(bytes: Buffer, size = 100_000, error?: Error) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  if (error !== undefined) throw error
}
const readAll = (mediaId: MediaId, range?: { readonly start: number; readonly end: number }) =>
  Effect.flatMap(MediaStore, (store) => store.read(mediaId, range)).pipe(
    Effect.flatMap((source) => Stream.runCollect(Stream.fromAsyncIterable<Uint8Array, unknown>(source, (error) => error))),
    Effect.map((chunks) => Buffer.concat(Chunk.toReadonlyArray(chunks)))
  )
const most = 64 * 1024 * 1024

const disk = Layer.unwrapScoped(Effect.map(
  Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "wa-store-"))),
    (folder) => Effect.promise(() => rm(folder, { recursive: true, force: true }))
  ),
  diskStore
))

const settingsOf = (environment: Readonly<Record<string, string>>) =>
  Effect.withConfigProvider(s3Settings, ConfigProvider.fromMap(new Map(Object.entries(environment))))
const s3Server = Effect.acquireRelease(Effect.promise(startS3Server), (server) => Effect.promise(server.end))
const s3 = Layer.orDie(Layer.unwrapScoped(Effect.map(Effect.flatMap(s3Server, ({ environment }) => settingsOf(environment)), (settings) => s3Store(settings!))))

const stores = [["a folder", disk], ["a bucket", s3]] as const
async function* endless() {
  for (;;) yield await new Promise<Buffer>((resolve) => setImmediate(() => resolve(Buffer.alloc(100_000))))
}

for (const [name, store] of stores) {
  layer(store, { timeout: 60_000 })(`files in ${name}`, (it) => {
    it.effect.each([0, 1, 5000, 8 * 1024 * 1024, 21_000_000])("%i bytes come back, whole and in parts", (size) =>
      Effect.gen(function*() {
        const { write } = yield* MediaStore
        const [mediaId, bytes] = [newId(), randomBytes(size)]
        expect(yield* write(mediaId, pieces(bytes), most)).toMatchObject({ size, sha256: createHash("sha256").update(bytes).digest("hex") })
        expect((yield* readAll(mediaId)).equals(bytes)).toBe(true)
        if (size < 100) return
        const range = { start: size - 40, end: size - 10 }
        expect((yield* readAll(mediaId, range)).equals(bytes.subarray(range.start, range.end + 1))).toBe(true)
      }))

    it.effect("what is too large, or breaks off, is not there", () =>
      Effect.gen(function*() {
        const { write } = yield* MediaStore
        for (const size of [5000, 20_000_000]) {
          const [tooLarge, broken] = [newId(), newId()]
          expect(yield* Effect.flip(write(tooLarge, pieces(randomBytes(size)), size - 1))).toBeInstanceOf(FileTooLarge)
          expect(yield* Effect.flip(write(broken, pieces(randomBytes(size), 100_000, new Error("away")), most))).toBeInstanceOf(SourceFailed)
          for (const mediaId of [tooLarge, broken]) expect(yield* Effect.flip(readAll(mediaId))).toBeInstanceOf(FileMissing)
        }
      }))

    it.effect("a file is removed once, and again", () =>
      Effect.gen(function*() {
        const { remove, write } = yield* MediaStore
        const mediaId = newId()
        yield* write(mediaId, pieces(randomBytes(10)), most)
        yield* remove(mediaId)
        expect(yield* Effect.flip(readAll(mediaId))).toBeInstanceOf(FileMissing)
        yield* remove(mediaId)
      }))

    it.effect("what is written when nobody waits any more is not there", () =>
      Effect.gen(function*() {
        const { write } = yield* MediaStore
        const mediaId = newId()
        const exit = yield* Effect.exit(Effect.raceFirst(write(mediaId, endless(), 2 ** 40), Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 300)))))
        expect(Exit.isSuccess(exit)).toBe(true)
        expect(yield* Effect.flip(readAll(mediaId))).toBeInstanceOf(FileMissing)
      }))
  })
}

it.scoped("what a process left half written in a folder is removed in time", () =>
  Effect.gen(function*() {
    const folder = yield* Effect.promise(() => mkdtemp(join(tmpdir(), "wa-store-")))
    yield* Effect.addFinalizer(() => Effect.promise(() => rm(folder, { recursive: true })))
    yield* Effect.gen(function*() {
      const { sweep } = yield* MediaStore
      yield* Effect.promise(() => writeFile(join(folder, "unfinished", newId()), "half"))
      expect([yield* sweep(0), yield* sweep(Date.now() + 60_000), yield* sweep(Date.now() + 60_000)]).toEqual([0, 1, 0])
    }).pipe(Effect.provide(diskStore(folder)))
  }))

/** By the definition of AWS Signature Version 4, and nothing of ours. */
const signatureOf = ({ headers, method, url }: IncomingMessage, secret: string) => {
  const [, scope = "", signed = ""] = /Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+)/.exec(headers.authorization ?? "") ?? []
  const { pathname, searchParams } = new URL(url ?? "", "http://x")
  const query = [...searchParams].map((pair) => pair.map(encodeURIComponent).join("=")).toSorted().join("&")
  const canonical = [method, pathname, query, ...signed.split(";").map((name) => `${name}:${String(headers[name])}`), "", signed, headers["x-amz-content-sha256"]]
  const digest = createHash("sha256").update(canonical.join("\n")).digest("hex")
  const key = scope.split("/").reduce<string | Buffer>((so, part) => createHmac("sha256", so).update(part).digest(), `AWS4${secret}`)
  return createHmac("sha256", key).update(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, digest].join("\n")).digest("hex")
}

const uploadXml = (key: string, at: string) => `<Upload><Key>${key}</Key><UploadId>a&amp;b</UploadId><Initiated>${at}</Initiated></Upload>`

it.scoped("a bucket's requests are signed; of uploads that were left only old ones of ours are ended", () =>
  Effect.gen(function*() {
    const asked: Array<string> = []
    const [mine, young] = [newId(), newId()].map((id) => `${id.slice(0, 2)}/${id}`)
    const server = createServer((request, response) => {
      const isSigned = request.headers.authorization?.endsWith(`Signature=${signatureOf(request, "secret")}`) === true
      asked.push(`${request.method} ${request.url} ${isSigned ? "signed" : "unsigned"}`)
      response.end(`<ListMultipartUploadsResult>${uploadXml(mine!, "2020-01-01T00:00:00.000Z")}${uploadXml(young!, "2099-01-01T00:00:00.000Z")}${
        uploadXml("others/film.mp4", "2020-01-01T00:00:00.000Z")}</ListMultipartUploadsResult>`)
    })
    yield* Effect.acquireRelease(
      Effect.promise(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))),
      () => Effect.sync(() => void server.close())
    )
    const settings = yield* settingsOf({
      MEDIA_STORE: "s3", MEDIA_S3_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, MEDIA_S3_BUCKET: "files",
      MEDIA_S3_ACCESS_KEY: "key", MEDIA_S3_SECRET_KEY: "secret", MEDIA_S3_REGION: "eu-central-1"
    })
    const ended = yield* Effect.flatMap(MediaStore, ({ sweep }) => sweep(Date.now())).pipe(Effect.provide(s3Store(settings!)))
    expect(ended).toBe(1)
    expect(asked).toEqual(["HEAD /files signed", "GET /files?uploads= signed", `DELETE /files/${mine}?uploadId=a%26b signed`])
  }))

layer(Layer.empty, { timeout: 60_000 })("a bucket that is not as it is said to be", (it) => {
  it.scoped("a wrong key or none that answers is no missing file", () =>
    Effect.gen(function*() {
      const { environment } = yield* s3Server
      const failing = (changes: Readonly<Record<string, string>>) =>
        Effect.gen(function*() {
          const settings: S3Settings = (yield* settingsOf({ ...environment, ...changes }))!
          return yield* Effect.flip(readAll(newId())).pipe(Effect.provide(s3Store(settings)))
        })
      expect(yield* failing({ MEDIA_S3_ACCESS_KEY: "wrong" })).toBeInstanceOf(StoreFailed)
      expect(yield* failing({ MEDIA_S3_BUCKET: "nowhere" })).toBeInstanceOf(StoreFailed)
      expect(yield* failing({ MEDIA_S3_ENDPOINT: "http://127.0.0.1:1" })).toBeInstanceOf(StoreFailed)
    }))

  it.effect("its settings are named where they are wrong or missing", () =>
    Effect.gen(function*() {
      expect(yield* settingsOf({})).toBeUndefined()
      const whole = { MEDIA_STORE: "s3", MEDIA_S3_ENDPOINT: "https://s3.example.com", MEDIA_S3_BUCKET: "files", MEDIA_S3_ACCESS_KEY: "a", MEDIA_S3_SECRET_KEY: "b" }
      expect(yield* settingsOf(whole)).toMatchObject({ bucket: "files", region: "us-east-1", pathStyle: true })
      for (const [name, value] of [["MEDIA_STORE", "tape"], ["MEDIA_S3_ENDPOINT", "https://s3.example.com/files"], ["MEDIA_S3_BUCKET", "A B"], ["MEDIA_S3_ACCESS_KEY", ""], ["MEDIA_S3_PATH_STYLE", "yes"]] as const) {
        expect(String(yield* Effect.flip(settingsOf({ ...whole, [name]: value })))).toContain(name)
      }
      const { MEDIA_S3_SECRET_KEY: _, ...rest } = whole
      expect(String(yield* Effect.flip(settingsOf(rest)))).toContain("MEDIA_S3_SECRET_KEY")
    }))
})
