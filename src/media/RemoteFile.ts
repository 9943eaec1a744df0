import { Context, Effect, Layer } from "effect"
import { type Dispatcher, request } from "undici"
import type { DeviceId } from "../domain/DeviceId.ts"
import { type MediaStorageFull, MediaTooLarge, MediaUnreachable, type StoredMedia } from "../domain/Media.ts"
import { allowPrivate } from "../domain/MediaSettings.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"
import { type FetchFailed, type Lookup, makeGuardedFetch } from "../egress/GuardedFetch.ts"
import { MediaLibrary } from "./MediaLibrary.ts"

const redirectLimit = 3
const wholeWithin = "2 minutes"
/** by the machine's own clock, in milliseconds */
const silence = 15_000
const redirects = new Set([301, 302, 303, 307, 308])

/** Files that lie at an address of the caller's choosing. */
export class RemoteFile extends Context.Tag("whatsapp-service/RemoteFile")<RemoteFile, {
  /** Fetches it into the library. Only from the public internet, over redirects too; `limit` in bytes. */
  readonly keep: (deviceId: DeviceId, url: string, limit: number) => Effect.Effect<
    StoredMedia,
    MediaUnreachable | MediaTooLarge | MediaStorageFull | StorageUnavailable
  >
}>() {
  static readonly layerWith = (lookup?: Lookup) =>
    Layer.scoped(
      RemoteFile,
      Effect.gen(function*() {
        const library = yield* MediaLibrary
        const guarded = yield* makeGuardedFetch({ allowPrivate: yield* Effect.orDie(allowPrivate), lookup })

        const get = (url: URL) =>
          Effect.zipRight(
            Effect.mapError(guarded.check(url), notFetched),
            Effect.tryPromise({
              try: (signal) =>
                request(url, {
                  signal,
                  dispatcher: guarded.dispatcher,
                  headersTimeout: silence,
                  bodyTimeout: silence,
                  headers: { accept: "*/*", "user-agent": "whatsapp-service" }
                }),
              catch: (cause) => broken(cause)
            })
          )

        const follow = (url: URL, left: number): Effect.Effect<Answer, MediaUnreachable> =>
          Effect.flatMap(get(url), (answer) => {
            const { body, headers, statusCode } = answer
            body.on("error", () => {})
            if (statusCode === 200) return Effect.succeed({ ...answer, url })
            body.destroy()
            const location = headers["location"]
            if (!redirects.has(statusCode) || typeof location !== "string" || !URL.canParse(location, url.href)) {
              return new MediaUnreachable({ field: "url", reason: "status", status: statusCode })
            }
            const next = new URL(location, url)
            return left === 0 || !/^https?:$/.test(next.protocol)
              ? new MediaUnreachable({ field: "url", reason: "redirects", status: null })
              : follow(next, left - 1)
          })

        return RemoteFile.of({
          keep: Effect.fn("RemoteFile.keep")((deviceId: DeviceId, url: string, limit: number) =>
            follow(new URL(url), redirectLimit).pipe(
              Effect.flatMap((answer) => {
                if (Number(answer.headers["content-length"] ?? 0) > limit) {
                  answer.body.destroy()
                  return new MediaTooLarge({ field: "url", limitBytes: limit })
                }
                const fileName = decodeName(answer.url.pathname.split("/").at(-1) ?? "")
                return Effect.catchTags(library.keep(deviceId, answer.body, { limit, fileName }), {
                  FileTooLarge: () => new MediaTooLarge({ field: "url", limitBytes: limit }),
                  SourceFailed: ({ cause }) => broken(cause)
                })
              }),
              Effect.timeoutFail({
                duration: wholeWithin,
                onTimeout: () => new MediaUnreachable({ field: "url", reason: "timeout", status: null })
              })
            )
          )
        })
      })
    )
  static readonly layer = RemoteFile.layerWith()
}

type Answer = Dispatcher.ResponseData & { readonly url: URL }

const notFetched = ({ reason }: FetchFailed) => new MediaUnreachable({ field: "url", reason, status: null })
const broken = (cause: unknown) => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  return new MediaUnreachable({
    field: "url",
    reason: /TIMEOUT/.test(code) ? "timeout" : /CERT|TLS|SSL/.test(code) ? "tls" : "connection",
    status: null
  })
}

const decodeName = (encoded: string): string | null => {
  try {
    return decodeURIComponent(encoded)
  } catch {
    return null
  }
}
