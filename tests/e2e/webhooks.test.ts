import { randomInt } from "node:crypto"
import type { IncomingHttpHeaders } from "node:http"
import { setTimeout as sleep } from "node:timers/promises"
import { Webhook } from "standardwebhooks"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { EventFollower } from "../chaos/EventFollower.ts"
import { type EmulatorProcess, startEmulatorProcess } from "../support/emulatorProcess.ts"
import { makeE2eDatabases } from "../support/e2eDatabases.ts"
import { until } from "../support/process.ts"
import { type Receiver, startReceiver } from "../support/receiver.ts"
import { makeService, type Service } from "../support/service.ts"

const base = "/api/whatsapp-multi-device/devices"
const phone = "6281211110001"
const friends = ["6281299990001", "6281299990002", "6281299990003"] as const
const kills = Number(process.env["WEBHOOK_KILLS"] ?? 5)
/** For the deaths and the retries after them, in milliseconds. */
const patience = kills * 30_000

interface Delivery {
  readonly status: string
  readonly lastError: string | null
}

interface Heard {
  readonly id: number
  readonly data: { readonly content: string; readonly chat: { readonly jid: string } }
}

/** What the signature should be. A check that is about now would refuse the first requests of a long run. */
const signed = (secret: string, headers: IncomingHttpHeaders, text: string) =>
  new Webhook(secret).sign(String(headers["webhook-id"]), new Date(Number(headers["webhook-timestamp"]) * 1000), text)

describe.each(makeE2eDatabases())("webhooks of the built service on $name", (database) => {
  let emulator: EmulatorProcess
  let receiver: Receiver
  let service: Service

  beforeAll(async () => {
    emulator = await startEmulatorProcess()
    receiver = await startReceiver()
    for (const each of [phone, ...friends]) await emulator.ask("POST", "/phones", { phone: each })
    service = await makeService({ ...emulator.environment, ...(await database.create()), WEBHOOK_ALLOW_PRIVATE: "true" })
    await service.start()
  }, 90_000)

  afterAll(async () => {
    await service?.end("SIGKILL")
    await emulator?.end()
    await receiver?.close()
    service?.remove()
    await database.drop()
  }, 30_000)

  it(`lose nothing and keep each chat in order over ${kills} deaths, while a receiver is slow and refuses and one does not answer`, async () => {
    const follower = new EventFollower(service.url, service.authorization)
    await follower.start()
    const { deviceId } = await service.ask("POST", base, { deviceName: "Toko" })
    await service.ask("POST", `${base}/${deviceId}/connect`)
    const { qr } = await service.ask("GET", `${base}/${deviceId}/qr`)
    await emulator.ask("POST", `/phones/${phone}/scan`, { qr })
    const connected = () =>
      until("the device", async () => (await service.ask("GET", `${base}/${deviceId}/status`)).status === "connected" ? true : undefined, 60_000)
    await connected()
    const bad = await service.ask("POST", "/api/webhooks", { url: receiver.url("/bad"), events: ["message.received"] })
    const good = await service.ask("POST", "/api/webhooks", { url: receiver.url("/good"), events: ["message.received"] })
    const mute = await service.ask("POST", "/api/webhooks", { url: receiver.url("/mute"), events: ["message.received"] })
    receiver.answer("/mute", () => {})
    // each event once at most: the pause after the third failure is longer than anybody wants to wait here; and of many events
    // a smaller part, since each holds up its chat for five seconds
    const refused = new Set<number>()
    const refusedEvery = Math.max(4, Math.round(kills / 5))
    receiver.answer("/bad", (response, { json }, count) => {
      if (count % refusedEvery === 1 && !refused.has(json.id)) {
        refused.add(json.id)
        response.writeHead(500).end()
      } else setTimeout(() => response.end(), count % 4 * 100)
    })

    let written = 0
    const requests = () => receiver.at("/bad").length + receiver.at("/good").length
    for (let death = 0; death < kills; death += 1) {
      for (let round = 0; round < 4; round += 1) {
        for (const friend of friends) {
          await emulator.ask("POST", `/phones/${friend}/messages`, { to: phone, text: `${written}` })
          written += 1
        }
      }
      if (death === Math.floor(kills / 2)) {
        const timedOut = (deliveries: ReadonlyArray<Delivery>) => deliveries.some(({ lastError }) => lastError === "timeout")
        await until("a time-out", async () => timedOut(await deliveriesOf(mute.webhook.id)) ? true : undefined, 60_000)
        receiver.works("/mute")
      }
      const seen = requests()
      await until("a request", () => requests() > seen ? true : undefined, 40_000)
      await sleep(randomInt(500))
      await service.end("SIGKILL")
      await service.start()
      await connected()
    }

    // each life is short: much may still wait at WhatsApp
    await until("the last message", async () => (await log()).length >= written ? true : undefined, 60_000 + patience / 4).catch(async (error: unknown) => {
      const there = new Set((await log()).map(({ data }) => data.content))
      const missing = Array.from({ length: written }, (_, index) => `${index}`).filter((text) => !there.has(text))
      throw new Error(`missing: ${missing.join(", ")}\n${service.output().slice(-20_000)}`, { cause: error })
    })
    const events = await log()
    expect(events.map(({ data }) => data.content).toSorted()).toEqual(Array.from({ length: written }, (_, index) => `${index}`).toSorted())
    const followed = () => follower.received.filter(({ type }) => type === "message.received")
    await until("the last event in the stream", () => followed().some(({ id }) => id === events.at(-1)!.id) ? true : undefined, 30_000)
    expect(followed().map(({ id }) => id)).toEqual(events.map(({ id }) => id))
    expect(follower.resets).toBe(0)

    for (const [path, { secret, webhook }] of [["/bad", bad], ["/good", good], ["/mute", mute]] as const) {
      const done = (deliveries: ReadonlyArray<Delivery>) => deliveries.filter(({ status }) => status === "delivered").length
      await until(`all at ${path}`, async () => done(await deliveriesOf(webhook.id)) === written ? true : undefined, 120_000 + patience)
      const got = receiver.at(path)
      const ids = Map.groupBy(got, ({ json }) => json.id as number)
      expect([...ids.keys()].toSorted((a, b) => a - b)).toEqual(events.map(({ id }) => id))
      for (const attempts of ids.values()) {
        expect(new Set(attempts.map(({ headers }) => headers["webhook-id"])).size).toBe(1)
        for (const { headers, text } of attempts) expect(headers["webhook-signature"]).toBe(signed(secret, headers, text))
      }
      expect(new Set(got.map(({ headers }) => headers["webhook-id"])).size).toBe(written)
      for (const chat of new Set(events.map(({ data }) => data.chat.jid))) {
        const first = [...new Set(got.filter(({ json }) => json.data.chat.jid === chat).map(({ json }) => json.id as number))]
        expect([path, chat, first]).toEqual([path, chat, events.filter(({ data }) => data.chat.jid === chat).map(({ id }) => id)])
      }
    }
    const made = ["/bad", "/good", "/mute"].map((path) => `${receiver.at(path).length} to ${path}`).join(", ")
    process.stdout.write(`${database.name}: ${written} events, ${kills} deaths, requests: ${made}\n`)
    await follower.close()
    const metrics = await (await fetch(`${service.url}/metrics`)).text()
    expect(metrics).toMatch(/^whatsapp_webhook_oldest_seconds 0$/m)
    expect(metrics).toMatch(/^whatsapp_webhooks_disabled_total 0$/m)
    expect(metrics).toMatch(/^whatsapp_plugin_in_trouble\{plugin="webhooks"\} 0$/m)
    expect((await service.ask("GET", "/api/admin/plugins")).items).toMatchObject([{ name: "webhooks", runsHere: true, trouble: null }])
    expect(service.output()).not.toMatch(/whsec_/)
    expect(await service.end("SIGTERM")).toBe(0)
  }, 300_000 + patience)

  /** The messages in the log, in its order. */
  const log = async (): Promise<ReadonlyArray<Heard>> => {
    const events: Array<Heard> = []
    for (let after = 0; ;) {
      const page = await service.ask("GET", `/api/events/log?types=message.received&limit=1000&after=${after}`)
      events.push(...page.items)
      if (!page.hasMore) return events
      after = page.nextCursor
    }
  }

  /** All of an endpoint, newest first. */
  const deliveriesOf = async (webhookId: number): Promise<ReadonlyArray<Delivery>> => {
    const deliveries: Array<Delivery> = []
    for (let before = ""; ;) {
      const page = await service.ask("GET", `/api/webhooks/${webhookId}/deliveries?limit=200${before}`)
      deliveries.push(...page.items)
      if (page.nextCursor === null) return deliveries
      before = `&before=${page.nextCursor}`
    }
  }
})
