import { it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type Server } from "node:https"
import { describe, expect } from "vitest"
import { makeGuardedFetch } from "../../src/egress/GuardedFetch.ts"
import * as certificate from "../emulator/certificate.ts"
import { startReceiver } from "../support/receiver.ts"

const receiver = Effect.acquireRelease(Effect.promise(startReceiver), (one) => Effect.promise(one.close))
const post = (url: string) => ({ url, method: "POST", headers: { "content-type": "application/json" }, body: "{}", answerLimit: 100 }) as const
const portOf = (url: string) => new URL(url).port

describe("a guarded request", () => {
  it.scoped.each([
    "127.0.0.1", "127.1", "0x7f000001", "2130706433", "0177.0.0.1", "１２７.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "0.0.0.0"
  ])("does not reach http://%s", (host) =>
    Effect.gen(function*() {
      const there = yield* receiver
      const guarded = yield* makeGuardedFetch({ allowPrivate: false })
      const url = `http://${host}:${portOf(there.url("/"))}/`
      expect((yield* Effect.flip(guarded.send(post(url)))).reason).toBe("private_address")
      expect((yield* Effect.flip(guarded.check(new URL(url)))).reason).toBe("private_address")
      expect(there.received).toEqual([])
    }))

  it.scoped("does not reach a name of which one address is private, nor one that changes after the check", () =>
    Effect.gen(function*() {
      const there = yield* receiver
      const answers = [["93.184.216.34"], ["127.0.0.1"]]
      const rebinding = yield* makeGuardedFetch({
        allowPrivate: false,
        lookup: async () => answers.shift()!.map((address) => ({ address, family: 4 }))
      })
      const url = `http://rebinds.example:${portOf(there.url("/"))}/`
      yield* rebinding.check(new URL(url))
      expect((yield* Effect.flip(rebinding.send(post(url)))).reason).toBe("private_address")
      const mixed = yield* makeGuardedFetch({
        allowPrivate: false,
        lookup: async () => [{ address: "93.184.216.34", family: 4 }, { address: "127.0.0.1", family: 4 }]
      })
      expect((yield* Effect.flip(mixed.send(post(url)))).reason).toBe("private_address")
      expect(there.received).toEqual([])
    }))

  it.scoped("a name that does not resolve is refused, not let through", () =>
    Effect.gen(function*() {
      const unknown = yield* makeGuardedFetch({
        allowPrivate: true,
        lookup: () => Promise.reject(Object.assign(new Error("no"), { code: "ENOTFOUND" }))
      })
      expect((yield* Effect.flip(unknown.check(new URL("https://nowhere.example/")))).reason).toBe("unknown_host")
      expect((yield* Effect.flip(unknown.send(post("https://nowhere.example/")))).reason).toBe("unknown_host")
      const empty = yield* makeGuardedFetch({ allowPrivate: true, lookup: async () => [] })
      expect((yield* Effect.flip(empty.send(post("https://nowhere.example/")))).reason).toBe("unknown_host")
    }))

  it.scoped("goes to the address that was checked, and follows no redirect to another", () =>
    Effect.gen(function*() {
      const there = yield* receiver
      const names: Array<string> = []
      const guarded = yield* makeGuardedFetch({
        allowPrivate: true,
        lookup: async (name) => {
          names.push(name)
          return [{ address: "127.0.0.1", family: 4 }]
        }
      })
      there.status("/redirect", 307, { location: "http://169.254.169.254/latest" })
      const answer = yield* guarded.send(post(`http://crm.example:${portOf(there.url("/"))}/redirect`))
      expect([answer.status, names]).toEqual([307, ["crm.example"]])
      expect(there.received[0]!.headers.host).toBe(`crm.example:${portOf(there.url("/"))}`)
    }))

  it.scoped("a certificate that nobody vouches for is refused", () =>
    Effect.gen(function*() {
      const server = yield* Effect.acquireRelease(
        Effect.async<Server>((resume) => {
          const made = createServer({ ...certificate }, (_, response) => void response.end("ok"))
          made.listen(0, "127.0.0.1", () => resume(Effect.succeed(made)))
        }),
        (made) => Effect.sync(() => made.close())
      )
      const address = server.address()
      const url = `https://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/`
      const guarded = yield* makeGuardedFetch({ allowPrivate: true })
      expect((yield* Effect.flip(guarded.send(post(url)))).reason).toBe("tls")
      const trusting = yield* makeGuardedFetch({ allowPrivate: true, tls: { ca: certificate.cert } })
      expect((yield* trusting.send(post(url))).status).toBe(200)
    }))
})
