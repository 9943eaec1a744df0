import { it } from "@effect/vitest"
import { Context, DateTime, Effect, Layer } from "effect"
import { type Channel, type ChannelModel, connect, type ConsumeMessage } from "amqplib"
import { randomUUID } from "node:crypto"
import { describe, expect } from "vitest"
import { Jid } from "../../src/domain/Jid.ts"
import * as AmqpPlugin from "../../src/plugins/amqp/AmqpPlugin.ts"
import { Plugins } from "../../src/plugins/Plugins.ts"
import { explainConfigError } from "../../src/runtime/Environment.ts"
import { repositoriesLayer } from "../sql/world.ts"
import { databases } from "../support/databases.ts"
import { startTcpProxy } from "../support/tcpProxy.ts"
import { emit, owned, said, settings, signedIn, today, until } from "./world.ts"

const url = new URL(process.env["TEST_AMQP_URL"] ?? "amqp://guest:guest@127.0.0.1:5672")
const broker = await connect(url.href, { timeout: 3000 }).catch(() => undefined)
await broker?.close()

/** An exchange of the test's own, a proxy before the broker, and a queue where one is asked for. */
class Broker extends Context.Tag("tests/Broker")<Broker, {
  readonly exchange: string
  readonly proxy: Awaited<ReturnType<typeof startTcpProxy>>
  readonly url: string
  /** what comes with these keys from now on */
  readonly queue: (binding: string) => Effect.Effect<Array<ConsumeMessage>>
}>() {
  static readonly layer = Layer.scoped(
    Broker,
    Effect.gen(function*() {
      const exchange = `test-${randomUUID()}`
      const proxy = yield* Effect.acquireRelease(
        Effect.promise(() => startTcpProxy({ host: url.hostname, port: Number(url.port || 5672) })),
        (one) => Effect.sync(one.end)
      )
      const through = new URL(url)
      through.host = `127.0.0.1:${proxy.port}`
      const connection: ChannelModel = yield* Effect.acquireRelease(
        Effect.promise(() => connect(url.href)),
        (one) => Effect.promise(() => one.close())
      )
      const channel: Channel = yield* Effect.acquireRelease(
        Effect.promise(() => connection.createChannel()),
        (one) => Effect.promise(() => one.deleteExchange(exchange))
      )
      return {
        exchange,
        proxy,
        url: through.href,
        queue: (binding) =>
          Effect.promise(async () => {
            await channel.assertExchange(exchange, "topic", { durable: true })
            const { queue } = await channel.assertQueue("", { exclusive: true })
            await channel.bindQueue(queue, exchange, binding)
            const got: Array<ConsumeMessage> = []
            await channel.consume(queue, (message) => void (message !== null && got.push(message)), { noAck: true })
            return got
          })
      }
    })
  )
}

const world = (more: Readonly<Record<string, string>>) =>
  Layer.unwrapEffect(Effect.map(Broker, ({ exchange, url: through }) =>
    AmqpPlugin.layer.pipe(
      Layer.provideMerge(Plugins.layer),
      Layer.provide(signedIn("here:1")),
      Layer.provideMerge(Layer.fresh(repositoriesLayer)),
      Layer.provideMerge(databases[0]!.layer),
      Layer.provide(Layer.merge(today, settings({ AMQP_URL: through, AMQP_EXCHANGE: exchange, ...more })))
    ))).pipe(Layer.provideMerge(Broker.layer))

const running = Effect.gen(function*() {
  const { status } = yield* Plugins
  yield* until("it to run", () => Effect.map(status, (all) => all.every(({ runsHere }) => runsHere)))
})
const contents = (got: ReadonlyArray<ConsumeMessage>) => got.map(({ content }): string => JSON.parse(content.toString()).data.content)
const firsts = (all: ReadonlyArray<string>) => [...new Set(all)]

describe.skipIf(broker === undefined)(`AMQP (${broker === undefined ? `skipped: no broker at ${url.host}` : `broker at ${url.host}`})`, () => {
  it.layer(world({}))("as it comes", (it) => {
    it.effect("events are published under their keys, as persistent JSON that names its event", () =>
      Effect.gen(function*() {
        const { queue } = yield* Broker
        const { deviceId } = yield* owned
        const got = yield* queue("whatsapp.*.message.#")
        yield* running
        yield* emit(said(deviceId, "6281", "halo"))
        yield* until("the event", () => got.length === 1)
        const [{ content, fields, properties }] = got as [ConsumeMessage]
        expect(fields.routingKey).toBe(`whatsapp.${deviceId}.message.received`)
        const body = JSON.parse(content.toString())
        expect(body).toMatchObject({ type: "message.received", deviceId, data: { content: "halo" } })
        expect(properties).toMatchObject({ messageId: String(body.id), type: "message.received", deliveryMode: 2, contentType: "application/json", headers: { deviceId, sequence: body.sequence } })
      }))

    it.effect("nothing is lost and each chat stays in order when the connection breaks in the middle, again and again", () =>
      Effect.gen(function*() {
        const { proxy, queue } = yield* Broker
        const { status } = yield* Plugins
        const { deviceId } = yield* owned
        const got = yield* queue(`whatsapp.${deviceId}.#`)
        const texts = Array.from({ length: 300 }, (_, index) => String(index))
        yield* emit(...texts.map((text) => said(deviceId, `628${Number(text) % 3}`, text)))
        for (const share of [20, 80, 160]) {
          yield* until("a part of them", () => firsts(contents(got)).length >= share, "1 second")
          proxy.refuse(true)
          yield* until("the loss to be seen", () => Effect.map(status, (all) => all[0]!.trouble !== undefined))
          proxy.refuse(false)
        }
        yield* until("all of them", () => firsts(contents(got)).length === texts.length, "1 second")
        const seen = firsts(contents(got))
        for (const chat of [0, 1, 2]) {
          const own = (all: ReadonlyArray<string>) => all.filter((text) => Number(text) % 3 === chat)
          expect(own(seen)).toEqual(own(texts))
        }
      }), 120_000)

    it.effect("an event that no queue takes waits until there is one", () =>
      Effect.gen(function*() {
        const { queue } = yield* Broker
        const { status } = yield* Plugins
        const { deviceId } = yield* owned
        // of a type that no queue of the tests before takes
        yield* emit({ type: "chat.read", deviceId, data: { chat: { jid: Jid.make("6281@s.whatsapp.net"), lid: null, phone: null }, messageIds: [], timestamp: DateTime.unsafeMake(0) } })
        yield* until("the trouble", () => Effect.map(status, (all) => all[0]!.trouble?.message.includes("No queue is bound") === true), "1 second")
        const got = yield* queue(`whatsapp.${deviceId}.#`)
        yield* until("the event", () => got.length === 1, "1 second")
        expect(got[0]!.fields.routingKey).toBe(`whatsapp.${deviceId}.chat.read`)
      }))
  })

  it.layer(world({ AMQP_UNROUTABLE: "pass", AMQP_ROUTING_KEY: "wa/<type>", AMQP_EVENTS: "message.received" }))("as it is wanted", (it) => {
    it.effect("or is passed over, where that is wanted; keys and types are the operator's choice", () =>
      Effect.gen(function*() {
        const { queue } = yield* Broker
        const { status } = yield* Plugins
        const { deviceId } = yield* owned
        yield* running
        const before = (yield* status)[0]!.passed!
        yield* emit(said(deviceId, "6281", "nobody's"))
        yield* until("it to be passed", () => Effect.map(status, ([amqp]) => (amqp!.passed ?? 0) > before))
        const got = yield* queue("#")
        yield* emit({ ...said(deviceId, "6281", "not wanted"), type: "message.sent" } as ReturnType<typeof said>, said(deviceId, "6281", "taken"))
        yield* until("the event", () => got.length === 1)
        expect([contents(got), got[0]!.fields.routingKey]).toEqual([["taken"], "wa/message.received"])
      }))
  })
})

describe("AMQP's settings", () => {
  it.scoped.each([
    [{ AMQP_URL: "http://broker" }, "AMQP_URL"],
    [{ AMQP_URL: "amqp://x", AMQP_ROUTING_KEY: "wa.<device>" }, "AMQP_ROUTING_KEY"],
    [{ AMQP_URL: "amqp://x", AMQP_EVENTS: "message.recieved" }, "AMQP_EVENTS"],
    [{ AMQP_URL: "amqp://x", AMQP_UNROUTABLE: "drop" }, "AMQP_UNROUTABLE"]
  ] as const)("a wrong one stops the start with a line that names it: %s", ([values, name]) =>
    Effect.gen(function*() {
      const none = Layer.succeed(Plugins, { register: () => Effect.void, status: Effect.succeed([]), needs: Effect.succeed(undefined) })
      const error = yield* Effect.flip(Layer.build(AmqpPlugin.layer.pipe(Layer.provide(none), Layer.provide(settings(values)))))
      expect(explainConfigError(error)).toContain(name)
    }))

  it.scoped("without an address there is no such plugin", () =>
    Effect.gen(function*() {
      const refuses = Layer.succeed(Plugins, { register: () => Effect.dieMessage("registered"), status: Effect.succeed([]), needs: Effect.succeed(undefined) })
      yield* Layer.build(AmqpPlugin.layer.pipe(Layer.provide(refuses), Layer.provide(settings({}))))
    }))
})
