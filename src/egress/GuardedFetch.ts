import { Data, Effect, type Scope } from "effect"
import { lookup as systemLookup, type LookupAddress } from "node:dns"
import { isIP } from "node:net"
import { Agent, buildConnector, type Dispatcher, errors, request } from "undici"
import { isPublicAddress } from "./PublicAddress.ts"

/** Nothing came back, and why. */
export class FetchFailed extends Data.TaggedError("FetchFailed")<{
  readonly reason: "private_address" | "unknown_host" | "timeout" | "tls" | "connection"
  readonly cause: unknown
}> {}

/** All addresses of a name, as `dns.lookup` answers them. */
export type Lookup = (hostname: string) => Promise<ReadonlyArray<LookupAddress>>

export interface GuardedRequest {
  readonly url: string
  readonly method: "GET" | "POST"
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** of the answer's body no more than this is read, in bytes */
  readonly answerLimit: number
}

export interface GuardedAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: Buffer
}

export interface GuardedFetch {
  /** Fails where `send` would fail before it connects. */
  readonly check: (url: URL) => Effect.Effect<void, FetchFailed>
  /** Follows no redirect. */
  readonly send: (request: GuardedRequest) => Effect.Effect<GuardedAnswer, FetchFailed>
  /** For what is too large for `send`; it is this one that keeps away from private addresses. */
  readonly dispatcher: Dispatcher
}

/**
 * Requests to addresses that strangers choose. A name is resolved when the connection is made, every address that it has
 * must be public, and the connection goes to one of these: what DNS says later makes no difference. A literal address, which
 * is never looked up, is checked as well.
 */
export const makeGuardedFetch = ({ allowPrivate, lookup = lookupAll, tls = {} }: {
  readonly allowPrivate: boolean
  readonly lookup?: Lookup | undefined
  /** beside the system's certificate authorities */
  readonly tls?: { readonly ca?: string }
}): Effect.Effect<GuardedFetch, never, Scope.Scope> =>
  Effect.gen(function*() {
    const allowed = allowPrivate ? () => true : isPublicAddress

    const resolve = async (hostname: string) => {
      const addresses = await lookup(hostname)
      const refused = addresses.find(({ address }) => !allowed(address))
      if (refused !== undefined) throw new PrivateAddress(hostname)
      if (addresses.length === 0) throw new UnknownHost(hostname)
      return addresses
    }

    const connector = buildConnector({
      ...tls,
      timeout: connectTimeout,
      lookup: async (hostname, options, callback) => {
        const found = await resolve(hostname).catch((error: Error) => error)
        if (found instanceof Error) callback(found, [])
        else if (options.all === true) callback(null, [...found])
        else callback(null, found[0]!.address, found[0]!.family)
      }
    })
    const connect: buildConnector.connector = (options, callback) =>
      isIP(options.hostname) !== 0 && !allowed(options.hostname)
        ? callback(new PrivateAddress(options.hostname), null)
        : connector(options, callback)

    const dispatcher = yield* Effect.acquireRelease(
      Effect.sync(() =>
        new Agent({ connect, connections: 8, pipelining: 1, headersTimeout: silence, bodyTimeout: silence, keepAliveTimeout: 4000, maxHeaderSize: 16_384 })
      ),
      (agent) => Effect.promise(() => agent.destroy())
    )

    return {
      dispatcher,
      check: (url) =>
        Effect.tryPromise({
          try: async () => {
            const host = url.hostname.replace(/^\[|\]$/g, "")
            if (isIP(host) === 0) await resolve(host)
            else if (!allowed(host)) throw new PrivateAddress(host)
          },
          catch: failed
        }),
      send: ({ answerLimit, url, ...options }) =>
        Effect.tryPromise({
          try: async (signal) => {
            const answer = await request(url, { ...options, dispatcher, signal: AbortSignal.any([signal, AbortSignal.timeout(inAll)]) })
            return { status: answer.statusCode, headers: answer.headers, body: await firstBytes(answer.body, answerLimit) }
          },
          catch: failed
        })
    }
  })

/** Milliseconds by the machine's own clock, as everything about sockets is. */
const connectTimeout = 10_000
const silence = 15_000
const inAll = 30_000

class PrivateAddress extends Error {}
class UnknownHost extends Error {}

const lookupAll: Lookup = (hostname) =>
  new Promise((resolve, reject) => {
    systemLookup(hostname, { all: true, verbatim: true }, (error, addresses) => error === null ? resolve(addresses) : reject(error))
  })

/** What is too long, or breaks off, is cut there, and the connection with it: the answer itself has come. */
const firstBytes = async (body: AsyncIterable<Buffer>, limit: number) => {
  const chunks: Array<Buffer> = []
  let length = 0
  try {
    for await (const chunk of body) {
      chunks.push(chunk)
      length += chunk.length
      if (length >= limit) break
    }
  } catch (error) {
    if (!(error instanceof Error)) throw error
  }
  return Buffer.concat(chunks).subarray(0, limit)
}

const failed = (cause: unknown): FetchFailed => new FetchFailed({ reason: reasonOf(cause), cause })

const reasonOf = (error: unknown): FetchFailed["reason"] => {
  if (error instanceof PrivateAddress) return "private_address"
  if (error instanceof UnknownHost) return "unknown_host"
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0])
  if (!(error instanceof Error)) return "connection"
  const code = "code" in error ? String(error.code) : ""
  if (isTimeout(error, code)) return "timeout"
  if (/^(ENOTFOUND|EAI_|ENODATA)/.test(code)) return "unknown_host"
  return /CERT|SSL|TLS|SIGNATURE|ISSUER|UNABLE_TO_/.test(code) ? "tls" : "connection"
}

const isTimeout = (error: Error, code: string) =>
  error.name === "TimeoutError" || code === "ETIMEDOUT" || error instanceof errors.HeadersTimeoutError ||
  error instanceof errors.BodyTimeoutError || error instanceof errors.ConnectTimeoutError
