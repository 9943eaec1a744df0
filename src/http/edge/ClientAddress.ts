import type { HttpServerRequest } from "@effect/platform"
import { Config, ConfigError, Context, Effect, Either, Layer, Option } from "effect"
import { isIPv4, isIPv6 } from "node:net"

/** Where a request comes from, for limits and throttles. IPv6 counts by /64: one customer has a whole one. */
export class ClientAddress extends Context.Tag("whatsapp-service/ClientAddress")<ClientAddress, {
  readonly of: (request: HttpServerRequest.HttpServerRequest) => string
  /** the whole address, for the audit log */
  readonly exact: (request: HttpServerRequest.HttpServerRequest) => string
  /** whether the client spoke TLS, as the proxy in front of us says */
  readonly isSecure: (request: HttpServerRequest.HttpServerRequest) => boolean
}>() {
  static readonly layer = Layer.effect(
    ClientAddress,
    Effect.map(trustProxy(), (hops) => {
      const exact = (request: HttpServerRequest.HttpServerRequest) => {
        const peer = Option.getOrElse(request.remoteAddress, () => "unknown")
        const forwarded = (request.headers["x-forwarded-for"] ?? "").split(",").map((part) => part.trim())
        // each trusted proxy has put its peer at the end; what stands before was written by the client
        const address = hops === 0 ? peer : forwarded.at(-hops) || peer
        return isIPv4(address) || isIPv6(address) ? address : peer
      }
      return ClientAddress.of({
        exact,
        of: (request) => subnet(exact(request)),
        isSecure: (request) => hops > 0 && (request.headers["x-forwarded-proto"] ?? "").split(",").at(-1)?.trim() === "https"
      })
    })
  )
}

/** `TRUST_PROXY`: off, or how many proxies stand in front (on is 1). */
function trustProxy() {
  return Config.string("TRUST_PROXY").pipe(
    Config.mapOrFail((text) => {
      const hops = { off: 0, false: 0, on: 1, true: 1 }[text.trim().toLowerCase()] ?? Number(text)
      return Number.isInteger(hops) && hops >= 0 && hops <= 16
        ? Either.right(hops)
        : Either.left(ConfigError.InvalidData(["TRUST_PROXY"], "'off', 'on' or the number of proxies in front is expected"))
    }),
    Config.withDefault(0)
  )
}

export const subnet = (address: string): string => {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, "").replace(/%.*$/, "")
  if (!isIPv6(plain)) return plain
  const [head = "", tail] = plain.split("::")
  const left = head === "" ? [] : head.split(":")
  const right = tail === undefined || tail === "" ? [] : tail.split(":")
  const groups = [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => "0"), ...right]
  return `${groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16)).join(":")}::/64`
}
