import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeE2eDatabases } from "../support/e2eDatabases.ts"
import { startEmulatorProcess } from "../support/emulatorProcess.ts"
import { freePort, until } from "../support/process.ts"
import { makeService, type Service } from "../support/service.ts"

const base = "/api/whatsapp-multi-device/devices"
const friend = "6281299990001"
const phones = { toko: "6281233330001", kantor: "6281233330002", gudang: "6281233330003" } as const
type Name = keyof typeof phones
const secrets = {
  JWT_SECRET: "a secret of thirty-two characters for tokens",
  JWT_REFRESH_SECRET: "a secret of thirty-two characters for refresh",
  ENCRYPTION_KEY: "a secret of thirty-two characters for keys",
  CLUSTER_LOCK_EXPIRATION: "4s"
}

/** Two processes of the service on one database, and what is checked of both. */
const makePair = async (names: ReadonlyArray<Name>, environment: ReadonlyArray<Readonly<Record<string, string>>>) => {
  const emulator = await startEmulatorProcess()
  for (const phone of [friend, ...names.map((name) => phones[name])]) await emulator.ask("POST", "/phones", { phone })
  const [a, b] = await Promise.all(environment.map((own) => makeService({ ...emulator.environment, ...secrets, ...own }))) as [Service, Service]
  const sent: Array<string> = []
  const received: Array<string> = []

  const pair = async (service: Service, name: Name) => {
    await service.ask("POST", base, { deviceId: name, deviceName: name })
    await service.ask("POST", `${base}/${name}/connect`)
    const { qr } = await until(`the QR code of ${name}`, () => service.ask("GET", `${base}/${name}/qr`))
    await emulator.ask("POST", `/phones/${phones[name]}/scan`, { qr })
    await connected(service, name)
  }
  const connected = (service: Service, name: Name) =>
    until(`${name} to be connected`, async () =>
      (await service.ask("GET", `${base}/${name}/status`)).status === "connected" ? true : undefined, 30_000)
  const send = async (service: Service, name: Name, query = "") => {
    const text = `out ${sent.length}`
    const answer = await service.call("POST", `${base}/${name}/send-message${query}`, { phone: friend, message: text })
    expect([200, 202], JSON.stringify(answer.json)).toContain(answer.status)
    sent.push(answer.json.data.messageId)
    return answer.json.data.status
  }
  const write = async (name: Name) => {
    const text = `in ${received.length}`
    received.push(text)
    await emulator.ask("POST", `/phones/${friend}/messages`, { to: phones[name], text })
    return text
  }
  const history = async (service: Service, name: Name): Promise<ReadonlyArray<{ readonly content: string; readonly direction: string; readonly status: string }>> =>
    (await service.ask("GET", `${base}/${name}/chat-history/${friend}?limit=200`)).items
  /** It sends and receives there, now. */
  const works = async (service: Service, name: Name) => {
    expect(["sent", "delivered"]).toContain(await send(service, name))
    const text = await write(name)
    await until(`${text} at ${name}`, async () => (await history(service, name)).find(({ content }) => content === text))
  }
  /** Everything that was sent and written is there once, at both ends. */
  const complete = async (service: Service) => {
    const rows = await until("the last messages", async () => {
      const all = (await Promise.all(names.map((name) => history(service, name)))).flat()
      const waiting = all.some(({ direction, status }) => direction === "outgoing" && status === "pending")
      return waiting || all.length < sent.length + received.length ? undefined : all
    }, 40_000)
    expect(rows.map(({ content }) => content).filter((text) => text.startsWith("in ")).toSorted()).toEqual(received.toSorted())
    const { messages } = await emulator.ask("GET", `/phones/${friend}/messages`)
    const shown = messages.filter(({ text }: { readonly text: string }) => text.startsWith("out ")).map(({ id }: { readonly id: string }) => id)
    expect(shown.toSorted()).toEqual(sent.toSorted())
    expect(await emulator.ask("GET", "/stats")).toMatchObject({ undecryptable: 0, emptyMessages: 0, unknown: 0, failures: [] })
    for (const { output } of [a, b]) expect(output()).not.toMatch(/loop failed|could not be handled|unhandled/i)
  }
  const replaced = async (): Promise<number> => (await emulator.ask("GET", "/stats")).replaced
  const end = async () => {
    for (const service of [a, b]) {
      service.signal("SIGCONT")
      await service.end("SIGKILL")
      service.remove()
    }
    await emulator.end()
  }
  return { emulator, names, a, b, pair, connected, send, write, works, complete, replaced, end }
}
type Pair = Awaited<ReturnType<typeof makePair>>

/** What a stream tells of its devices' states from now on. */
const watch = async (service: Service) => {
  const events = service.events()
  await events.waitFor("connected", (event) => event.type === "connected")
  const states = (name: Name) =>
    events.received.filter((event) => event.type === "device-status" && event.deviceId === name).map((event) => event.data["status"])
  return {
    ...events,
    states,
    allConnected: async (names: ReadonlyArray<Name>) => {
      for (const name of names) await until(`${name} to come back`, () => states(name).at(-1) === "connected" ? true : undefined, 40_000)
    }
  }
}

const figure = async (service: Service, name: string) => {
  const text = await (await fetch(`${service.url}/metrics`)).text()
  return Number(new RegExp(String.raw`^${name} (\S+)$`, "m").exec(text)?.[1])
}

const standsBy = (service: Service) =>
  until("it to stand by", () => /this one stands by|Another process has taken devices over/.test(service.output()) ? true : undefined)

describe.each(makeE2eDatabases())("a second process on one $name database", (database) => {
  let pair: Pair
  beforeAll(async () => {
    const environment = await database.create()
    pair = await makePair(["toko", "kantor"], [environment, environment])
    await pair.a.start()
    for (const name of pair.names) await pair.pair(pair.a, name)
    await pair.b.start()
    await standsBy(pair.b)
  }, 60_000)
  afterAll(async () => {
    await pair?.end()
    await database.drop()
  }, 30_000)

  it("stands by: answers what is stored, takes messages to send, tells the first one's events, and says what it cannot do", async () => {
    const { a, b, emulator, works } = pair
    const events = await watch(b)
    for (const [method, path, body] of [
      ["POST", "connect", undefined],
      ["DELETE", "disconnect", undefined],
      ["POST", "pairing-code", { phone: `+${phones.toko}` }]
    ] as const) {
      const answer = await b.call(method, `${base}/toko/${path}`, body)
      expect([path, answer.status, answer.json.error?.code]).toEqual([path, 503, "DEVICE_ELSEWHERE"])
    }
    const text = await pair.write("toko")
    await events.waitFor(text, (event) => event.type === "message.received" && event.data["content"] === text)
    await pair.send(b, "toko", "?wait=accepted")
    await works(a, "toko")
    expect(events.states("toko")).toEqual([])
    expect([await figure(a, "whatsapp_shards_held"), await figure(b, "whatsapp_shards_held")]).toEqual([300, 0])
    expect(await figure(a, "process_unhandled_rejections_total")).toBe(0)
    expect((await emulator.ask("GET", "/stats")).replaced).toBe(0)
    await events.close()
  }, 40_000)

  // a process that is frozen in the middle of a write keeps SQLite's one lock: nobody can take over from it
  it.skipIf(database.name === "SQLite").each(["a", "b"] as const)(
    "%s is frozen: the other takes over, and it stands by when it wakes",
    async (frozen) => {
      const { names, replaced } = pair
      const [owner, other] = frozen === "a" ? [pair.a, pair.b] : [pair.b, pair.a]
      const before = await replaced()
      const events = await watch(other)
      // the first time in the middle of its work, with transactions open
      if (frozen === "a") await Promise.all(names.flatMap((name) => [1, 2, 3].map(() => pair.send(owner, name, "?wait=accepted"))))
      owner.signal("SIGSTOP")
      for (const name of names) await pair.write(name)
      await events.allConnected(names)
      for (const name of names) await pair.works(other, name)

      const told = owner.output().length
      const states = names.map((name) => events.states(name).length)
      owner.signal("SIGCONT")
      await until("it to notice", () => owner.output().slice(told).includes("Another process has taken devices over") ? true : undefined)
      for (const name of names) await pair.works(other, name)
      expect((await owner.call("POST", `${base}/toko/connect`)).json.error?.code).toBe("DEVICE_ELSEWHERE")
      expect(names.map((name) => events.states(name).length)).toEqual(states)
      expect([await figure(owner, "whatsapp_shards_held"), await figure(other, "whatsapp_shards_held")]).toEqual([0, 300])
      expect(await replaced()).toBeLessThanOrEqual(before + names.length)
      await events.close()
      await pair.complete(other)
    },
    60_000
  )

  it("takes over at once when the first one is stopped", async () => {
    const { a, b, names } = pair
    const events = await watch(b)
    const started = performance.now()
    expect(await a.end("SIGTERM")).toBe(0)
    const ended = performance.now()
    await events.allConnected(names)
    process.stdout.write(`${database.name}: hand-over ${Math.round(performance.now() - started)} ms after SIGTERM, of which the stop took ${Math.round(ended - started)} ms\n`)
    for (const name of names) await pair.works(b, name)
    await events.close()
    await pair.complete(b)
  }, 60_000)

  it.skipIf(database.name === "SQLite")("takes over after the lease when the first one dies", async () => {
    const { a, b, connected, names } = pair
    await a.start()
    await standsBy(a)
    const watching = await watch(a)
    const killed = performance.now()
    expect(await b.end("SIGKILL")).toBeNull()
    await watching.allConnected(names)
    process.stdout.write(`${database.name}: back ${Math.round(performance.now() - killed)} ms after SIGKILL with a lease of 4 s\n`)
    for (const name of names) await connected(a, name)
    for (const name of names) await pair.works(a, name)
    await watching.close()
    await pair.complete(a)
  }, 60_000)
})

describe.each(makeE2eDatabases().filter(({ name }) => name !== "SQLite"))("two nodes on one $name database", (database) => {
  let pair: Pair
  const names = ["toko", "kantor", "gudang"] as const
  beforeAll(async () => {
    const environment = await database.create()
    const node = async () => ({ ...environment, CLUSTER_HOST: "127.0.0.1", CLUSTER_PORT: String(await freePort()) })
    pair = await makePair(names, [await node(), await node()])
    await Promise.all([pair.a.start(), pair.b.start()])
  }, 60_000)
  afterAll(async () => {
    await pair?.end()
    await database.drop()
  }, 30_000)

  it("each answers for every device, wherever it lives", async () => {
    const { a, b } = pair
    for (const [index, name] of names.entries()) await pair.pair(index % 2 === 0 ? a : b, name)
    await Promise.all([a, b].map(async (node, index) => {
      const name = names[index]!
      expect((await node.ask("DELETE", `${base}/${name}/disconnect`)).status).toBe("disconnected")
      await node.ask("POST", `${base}/${name}/connect`)
      await pair.connected(node, name)
    }))
    for (const name of names) for (const node of [a, b]) await pair.works(node, name)
  }, 60_000)

  it("a node that dies is followed by the other", async () => {
    const { a, b } = pair
    await a.end("SIGKILL")
    for (const name of names) await pair.send(b, name, "?wait=accepted")
    for (const name of names) {
      await until(`${name} at the other node`, async () => (await pair.send(b, name, "?wait=sent&timeout=2")) === "pending" ? undefined : true, 40_000)
    }
    await pair.complete(b)
    expect(await pair.replaced()).toBe(0)
  }, 60_000)
})
