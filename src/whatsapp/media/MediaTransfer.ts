import { type BinaryNode, decryptMediaRetryData, encryptMediaRetryRequest, proto, type WAMessageKey, type WASocket } from "@whiskeysockets/baileys"
import { Clock, Effect, Predicate, Schema } from "effect"
import { randomBytes } from "node:crypto"
import { Readable } from "node:stream"
import { request } from "undici"
import type { MediaKind, MediaSource } from "../../domain/Media.ts"
import { type Connection, MediaGone, QueryFailed, TransferFailed } from "../Connection.ts"
import type { Egress } from "../socket/Egress.ts"
import { seal, sealedLength, sealOf, unseal } from "./MediaCipher.ts"

type Ask = <A>(query: string, run: () => Promise<A>) => Effect.Effect<A, QueryFailed>

const origin = "https://web.whatsapp.com"
const whatsAppsHost = "mmg.whatsapp.net"
/** between two pieces, and until the answer begins, in milliseconds */
const silence = 30_000
/** A phone that is off does not answer; it may be asked again. */
const phoneAnswersWithin = "20 seconds"
const paths: Readonly<Record<MediaKind, string>> = {
  image: "image", video: "video", audio: "audio", voice: "audio", document: "document", sticker: "image"
}
/** WhatsApp's media servers, of a file that they no longer have, or not under this address */
const gone = new Set([403, 404, 410])

interface MediaHosts {
  readonly hosts: ReadonlyArray<string>
  readonly auth: string
  readonly until: number
}

const Uploaded = Schema.Struct({ url: Schema.optional(Schema.String), direct_path: Schema.String })
const decodeUploaded = Schema.decodeUnknown(Schema.parseJson(Uploaded))

/**
 * Files to and from WhatsApp's media servers. Baileys would write a sealed copy of each upload to the disk, wait for its
 * answer without an end, and for ever remember that it was once not told where to upload; and of a download that is cut off
 * it leaves the error to nobody, which ends the process.
 */
export const makeMediaTransfer = (
  sock: WASocket,
  egress: Egress,
  ask: Ask,
  me: () => string
): Pick<Connection, "upload" | "download" | "reupload"> => {
  let known: MediaHosts | undefined

  const hosts = (anew: boolean) =>
    Effect.gen(function*() {
      const now = yield* Clock.currentTimeMillis
      if (known !== undefined && !anew && now < known.until) return known
      const answer = yield* ask("media_conn", () =>
        sock.query({
          tag: "iq",
          attrs: { type: "set", xmlns: "w:m", to: "@s.whatsapp.net" },
          content: [{ tag: "media_conn", attrs: {} }]
        }))
      const told = childrenOf(answer).find(({ tag }) => tag === "media_conn")
      const names = childrenOf(told).flatMap(({ attrs, tag }) => tag === "host" ? attrs["hostname"] ?? [] : [])
      const auth = told?.attrs["auth"]
      if (auth === undefined || names.length === 0) {
        return yield* new QueryFailed({ query: "media_conn", cause: new Error("WhatsApp named no media server") })
      }
      known = { hosts: names, auth, until: now + Math.max(60, Number(told?.attrs["ttl"] ?? 300) || 300) * 1000 }
      return known
    })

  const upload: Connection["upload"] = Effect.fn("WhatsApp.upload")(function*(kind, { bytes, size }) {
    const mediaKey = randomBytes(32)
    const facts = yield* reading(async () => sealOf(await bytes(), kind, mediaKey))
    if (facts.fileLength !== size) return yield* new TransferFailed({ reason: "file", cause: new Error("the file has changed") })
    const token = Buffer.from(facts.fileEncSha256).toString("base64url")
    const put = (host: string, auth: string) =>
      Effect.tryPromise({
        try: async (signal) => {
          const body = Readable.from(seal(await bytes(), kind, mediaKey), { objectMode: false })
          const url = `https://${host}/mms/${paths[kind]}/${token}?auth=${encodeURIComponent(auth)}&token=${token}`
          const answer = await request(url, {
            method: "POST",
            body,
            signal,
            dispatcher: egress.dispatcher,
            headersTimeout: silence,
            bodyTimeout: silence,
            headers: { "content-type": "application/octet-stream", "content-length": String(sealedLength(size)), origin }
          })
          return { status: answer.statusCode, text: await shortText(answer.body) }
        },
        catch: (cause) => new TransferFailed({ reason: "connection", cause })
      }).pipe(
        Effect.filterOrFail(
          ({ status }) => status >= 200 && status < 300,
          ({ status }) => new TransferFailed({ reason: status === 413 || status === 415 ? "refused" : "status", status, cause: undefined })
        ),
        Effect.flatMap(({ text }) =>
          Effect.mapError(decodeUploaded(text), (cause) => new TransferFailed({ reason: "status", cause }))
        ),
        Effect.timeoutFail({ duration: "15 minutes", onTimeout: () => new TransferFailed({ reason: "connection", cause: new Error("too slow") }) })
      )
    const once = (anew: boolean) =>
      Effect.flatMap(hosts(anew), ({ auth, hosts: [first, ...others] }) =>
        others.slice(0, 2).reduce(
          (tried, host) => Effect.catchIf(tried, ({ reason }) => reason !== "refused", () => put(host, auth)),
          put(first!, auth)
        ))
    const placed = yield* once(false).pipe(
      // what it was told to upload with may have been withdrawn
      Effect.catchIf((error) => error._tag === "TransferFailed" && error.reason === "status", () => once(true)),
      Effect.catchTag("QueryFailed", ({ cause }) => new TransferFailed({ reason: "connection", cause }))
    )
    const mediaKeyTimestamp = Math.floor((yield* Clock.currentTimeMillis) / 1000)
    return { ...facts, mediaKey, mediaKeyTimestamp, directPath: placed.direct_path, url: placed.url ?? null }
  })

  /** Whoever wrote the message wrote the address: only WhatsApp's media servers are asked, whatever it says. */
  const addressOf = ({ directPath, url }: MediaSource) =>
    Effect.gen(function*() {
      const named = yield* Effect.map(hosts(false), (told) => told.hosts).pipe(Effect.orElseSucceed(() => [whatsAppsHost]))
      if (directPath?.startsWith("/") === true) return `https://${named[0]}${directPath}`
      if (url === undefined || !URL.canParse(url)) return undefined
      const { host, hostname, protocol } = new URL(url)
      return protocol === "https:" && (named.includes(host) || hostname.endsWith(".whatsapp.net")) ? url : undefined
    })

  const download: Connection["download"] = Effect.fn("WhatsApp.download")(function*(source, limit) {
    const url = yield* addressOf(source)
    if (url === undefined) {
      return yield* new MediaGone({ cause: new Error("The message does not say where on WhatsApp's servers its file is") })
    }
    const answer = yield* Effect.tryPromise({
      try: (signal) =>
        request(url, { signal, dispatcher: egress.dispatcher, headersTimeout: silence, bodyTimeout: silence, headers: { origin } }),
      catch: (cause) => new TransferFailed({ reason: "connection", cause })
    })
    const { body, headers, statusCode: status } = answer
    // nobody may be reading yet when the connection breaks; whoever reads is told by its iterator
    body.on("error", () => {})
    if (status !== 200) {
      yield* Effect.promise(() => body.dump().catch(() => {}))
      return yield* gone.has(status)
        ? new MediaGone({ cause: new Error(`answered ${status}`) })
        : new TransferFailed({ reason: "status", status, cause: undefined })
    }
    if (Number(headers["content-length"] ?? 0) > sealedLength(limit)) {
      body.destroy()
      return yield* new TransferFailed({ reason: "too_large", cause: undefined })
    }
    return unseal(body, source.kind, source)
  })

  const reupload: Connection["reupload"] = Effect.fn("WhatsApp.reupload")(function*({ chat, fromMe, mediaKey, messageId, participant }) {
    const key: WAMessageKey = { remoteJid: chat, id: messageId, fromMe, ...(participant !== null && { participant }) }
    const answered = Effect.async<string, MediaGone | QueryFailed>((resume) => {
      const listen = (updates: ReadonlyArray<{ readonly key: WAMessageKey; readonly media?: unknown; readonly error?: unknown }>) => {
        const update = updates.find((one) => one.key.id === messageId)
        if (update !== undefined) resume(placeIn(update, mediaKey, messageId))
      }
      sock.ev.on("messages.media-update", listen)
      return Effect.sync(() => sock.ev.off("messages.media-update", listen))
    })
    const asked = Effect.zipRight(
      ask("media-retry", () => sock.sendNode(encryptMediaRetryRequest(key, Buffer.from(mediaKey), me()))),
      Effect.never
    )
    return yield* Effect.raceFirst(answered, asked).pipe(
      Effect.timeoutFail({
        duration: phoneAnswersWithin,
        onTimeout: () => new QueryFailed({ query: "media-retry", cause: new Error("The phone did not answer") })
      })
    )
  })

  return { upload, download, reupload }
}

const { ResultType } = proto.MediaRetryNotification

/** Where the phone has put the file once more. */
const placeIn = (
  { error, media }: { readonly media?: unknown; readonly error?: unknown },
  mediaKey: Uint8Array,
  messageId: string
): Effect.Effect<string, MediaGone | QueryFailed> =>
  Effect.suspend((): Effect.Effect<string, MediaGone | QueryFailed> => {
    if (error !== undefined || !isSealed(media)) {
      const code = Predicate.hasProperty(error, "output") && Predicate.hasProperty(error.output, "statusCode") ? error.output.statusCode : 404
      return code === 418
        ? new QueryFailed({ query: "media-retry", cause: error })
        : new MediaGone({ cause: error })
    }
    const { directPath, result } = decryptMediaRetryData(media, mediaKey, messageId)
    if (result === ResultType.SUCCESS && directPath) return Effect.succeed(directPath)
    return result === ResultType.GENERAL_ERROR
      ? new QueryFailed({ query: "media-retry", cause: new Error("The phone could not upload it") })
      : new MediaGone({ cause: new Error("The phone does not have it") })
  }).pipe(Effect.catchAllDefect((cause) => new MediaGone({ cause })))

const isSealed = (media: unknown): media is { readonly ciphertext: Uint8Array; readonly iv: Uint8Array } =>
  Predicate.hasProperty(media, "ciphertext") && Predicate.hasProperty(media, "iv")

const childrenOf = (node: BinaryNode | undefined): ReadonlyArray<BinaryNode> => Array.isArray(node?.content) ? node.content : []

const reading = <A>(run: () => Promise<A>) =>
  Effect.tryPromise({ try: run, catch: (cause) => new TransferFailed({ reason: "file", cause }) })

const mostOfAnswer = 16_384
const shortText = async (body: AsyncIterable<Buffer>): Promise<string> => {
  const pieces: Array<Buffer> = []
  let length = 0
  for await (const piece of body) {
    length += piece.length
    if (length > mostOfAnswer) throw new Error("the answer is too long")
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString()
}
