import { expect } from "vitest"
import { startTcpProxy } from "../support/tcpProxy.ts"
import { until } from "../support/process.ts"
import { base } from "./Device.ts"
import type { Row } from "./Row.ts"
import { sinceNow } from "./sinceNow.ts"

/** A module for the service's process: without it the heap is what the collector has not got round to. */
const collectOnSignal = `data:text/javascript,${encodeURIComponent("process.on('SIGUSR2', () => gc())")}`

const minutes = (time: unknown) => Math.round((Date.parse(String(time)) - Date.now()) / 60_000)

/** A fault at the door that hits whoever comes first: one device comes, another one must not notice. */
const atTheDoor = (fault: Readonly<Record<string, unknown>>, reason: string, within = 60_000): Row["run"] => async ({ site }) => {
  const [device, other, friend] = [await site.device(), await site.device(), await site.friend()]
  const [since, others, took] = [device.now(), other.now(), sinceNow()]
  await site.fault({ ...fault, times: 1 })
  await device.breakNow("reset")
  await until(`${device.deviceId} to tell ${reason} after the fault`, () => {
    const told = device.states(since).filter((state) => state.reason === reason)
    return told.length >= (reason === "connection_lost" ? 2 : 1) ? true : undefined
  }, within)
  await device.back(since, within)
  const recovery = took()
  await device.works(friend)
  expect(other.states(others)).toEqual([])
  await other.works(friend)
  return { seen: `${reason}, then connected; the other device kept its socket`, recovery }
}

export const connection: ReadonlyArray<Row> = [
  {
    row: "17",
    fault: "440: another process uses the credentials",
    expected: "gives way and stays off, no ping-pong; a person connects it",
    short: "SQLite",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      const since = device.now()
      await device.streamError({ conflict: "replaced", code: 440 })
      expect(await device.reached("replaced", since)).toMatchObject({ status: "disconnected", retryAt: null })
      const { logins } = await site.emulator.ask("GET", `/phones/${device.phone}/devices/${await device.number()}`)
      await new Promise((resolve) => setTimeout(resolve, 5000))
      expect((await site.emulator.ask("GET", `/phones/${device.phone}/devices/${await device.number()}`)).logins).toBe(logins)
      expect(device.states(since).length).toBe(1)
      await device.connect()
      await device.connected()
      await device.works(friend)
      return { seen: "replaced, no try by itself" }
    }
  },
  {
    row: "19",
    fault: "515 at random",
    expected: "a new socket at once",
    short: "SQLite",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      const [since, took] = [device.now(), sinceNow()]
      await device.streamError({ code: 515 })
      const told = await device.back(since)
      expect(told).toEqual([
        { status: "connecting", reason: null, retryAt: null },
        { status: "connected", reason: null, retryAt: null }
      ])
      const recovery = took()
      await device.works(friend)
      return { seen: "new socket without a pause", recovery }
    }
  },
  {
    row: "20a",
    fault: "503 in the stream, and TCP cut",
    expected: "a new socket after a pause that it tells",
    short: "SQLite",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      const took = sinceNow()
      for (const [cut, reason] of [
        [() => device.streamError({ code: 503 }), "server_unavailable"],
        [() => device.breakNow("reset"), "connection_lost"]
      ] as const) {
        const since = device.now()
        await cut()
        expect(await device.reached(reason, since)).toMatchObject({ status: "connecting", retryAt: expect.any(String) })
        await device.back(since)
      }
      const recovery = took()
      await device.works(friend)
      return { seen: "server_unavailable and connection_lost, then connected", recovery: recovery / 2 }
    }
  },
  {
    row: "20b",
    fault: "the server answers 503 to everybody for half a minute",
    expected: "back-off with jitter, no thundering herd, all come back",
    alone: true,
    // five minutes in the matrix: what is to be seen is the growth of the pauses, and they have doubled thrice by then
    run: ({ alone }) =>
      alone(async (site) => {
        const devices = await Promise.all(Array.from({ length: 20 }, () => site.device()))
        const since = devices[0]!.now()
        const { id } = await site.fault({ kind: "upgrade-status", status: 503 }) as { readonly id: number }
        const { upgrades } = await site.emulator.ask("GET", "/stats")
        await Promise.all(devices.map((device) => device.breakNow("reset")))
        await new Promise((resolve) => setTimeout(resolve, 30_000))
        const tries = (await site.emulator.ask("GET", "/stats")).upgrades - upgrades
        const pauses = devices.flatMap((device) => device.states(since).map(({ retryAt }) => retryAt)).filter((at) => typeof at === "string")
        await site.emulator.ask("DELETE", "/faults")
        const took = sinceNow()
        await Promise.all(devices.map((device) => device.connected(120_000)))
        expect(id).toBeGreaterThan(0)
        expect(tries / devices.length).toBeLessThan(8)
        expect(new Set(pauses).size).toBeGreaterThan(devices.length)
        return { seen: `${(tries / devices.length).toFixed(1)} tries a device in 30 s, no two at the same moment`, recovery: took() }
      })
  },
  {
    row: "21",
    fault: "405: client outdated",
    expected: "tries again in a quarter of an hour, or when told to",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      const since = device.now()
      await device.fault({ kind: "login-failure", reason: 405 })
      await device.breakNow("reset")
      const { retryAt } = await device.reached("client_outdated", since)
      expect(minutes(retryAt)).toBeGreaterThan(13)
      await device.connect()
      await device.connected()
      await device.works(friend)
      return { seen: `next try in ${minutes(retryAt)} min` }
    }
  },
  {
    row: "22",
    fault: "402: banned for an hour",
    expected: "paused until its end, which it tells; a person may try before",
    short: "SQLite",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      const since = device.now()
      await device.fault({ kind: "login-failure", reason: 402, code: 101, expire: 3600 })
      await device.breakNow("reset")
      expect((await device.reached("banned", since)).status).toBe("disconnected")
      const { restriction, retryAt } = await device.status()
      expect(restriction).toMatchObject({ kind: "temporary_ban", code: 101 })
      expect([minutes(restriction.until), minutes(retryAt)]).toEqual([60, 70])
      const waits = await device.send(friend, "waits for the end of the ban")
      expect(waits.json.data).toMatchObject({ status: "pending" })
      await device.connect()
      await device.connected()
      expect((await device.status()).restriction).toBeNull()
      await device.works(friend)
      return { seen: "off until the end of the ban, messages wait" }
    }
  },
  {
    row: "23a",
    fault: "401 device_removed: unlinked on the phone",
    expected: "over; history stays, messages wait and go out after a new pairing",
    short: "SQLite",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      await device.works(friend)
      const since = device.now()
      await site.emulator.ask("DELETE", `/phones/${device.phone}/devices/${await device.number()}`)
      await device.reached("logged_out", since)
      expect(device.states(since)).toEqual([{ status: "disconnected", reason: "logged_out", retryAt: null }])
      const held = await device.send(friend, "held")
      expect(held.status).toBe(202)
      expect(held.json.data).toMatchObject({ status: "pending", reason: "logged_out" })
      const { items } = await site.service.ask("GET", `${base}/${device.deviceId}/chat-history/${friend.phone}`)
      expect(items.map(({ content }: { readonly content: string }) => content)).toEqual(["held", "works 0"])
      const took = sinceNow()
      await device.pair()
      await device.until(held.json.data.messageId, ["sent", "delivered"])
      return { seen: "logged_out; the held message went out after pairing", recovery: took() }
    }
  },
  { row: "23b", fault: "401 in answer to the WebSocket upgrade", expected: "a proxy's word, no log-out: tried again", alone: true, run: atTheDoor({ kind: "upgrade-status", status: 401 }, "connection_refused") },
  {
    row: "24",
    fault: "the upgrade is answered with 429 and Retry-After: 2",
    expected: "tried again after that time",
    short: "SQLite",
    alone: true,
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      const since = device.now()
      await site.fault({ kind: "upgrade-status", status: 429, retryAfter: 2, times: 1 })
      await device.breakNow("reset")
      const told = await device.reached("server_unavailable", since)
      const took = sinceNow()
      expect(told.retryAt).toEqual(expect.any(String))
      await device.back(since)
      const recovery = took()
      expect(recovery).toBeGreaterThan(1300)
      await device.works(friend)
      return { seen: "server_unavailable until Retry-After", recovery }
    }
  },
  {
    row: "25",
    fault: "a black hole: TCP stays open and carries nothing",
    expected: "noticed within 20 s; what was sent meanwhile arrives once; nobody else notices",
    short: "SQLite",
    run: async ({ full, site }) => {
      const proxy = await startTcpProxy()
      try {
        const device = await site.device({ proxyUrl: `http://127.0.0.1:${proxy.port}` })
        const [other, friend] = [await site.device(), await site.friend()]
        await device.works(friend)
        const [since, others] = [device.now(), other.now()]
        proxy.blackHole(true)
        const took = sinceNow()
        const answers = await Promise.all([1, 2, 3].map((n) => device.send(friend, `into the hole ${n}`)))
        await device.reached("connection_lost", since, 60_000)
        const noticed = took()
        // a busy machine adds to it; the full run is for a quiet one
        expect(noticed).toBeLessThan(full ? 20_500 : 40_000)
        proxy.blackHole(false)
        await device.back(since, 90_000)
        for (const { json } of answers) await device.until(json.data.messageId, ["sent", "delivered"])
        const recovery = took()
        await other.works(friend)
        expect(other.states(others)).toEqual([])
        return { seen: `noticed after ${(noticed / 1000).toFixed(1)} s; 3 of 3 arrived once`, recovery }
      } finally {
        proxy.end()
      }
    }
  },
  { row: "26a", fault: "the handshake is never answered", expected: "given up and tried again", alone: true, run: atTheDoor({ kind: "handshake-hang" }, "connection_lost", 120_000) },
  { row: "26b", fault: "the handshake is answered with garbage", expected: "the same", alone: true, run: atTheDoor({ kind: "handshake-garbage" }, "connection_lost", 90_000) },
  { row: "26c", fault: "a certificate of a foreign root", expected: "refused before anything is told to it; tried again", alone: true, run: atTheDoor({ kind: "certificate", chain: "foreign-root" }, "connection_refused", 150_000) },
  { row: "26d", fault: "a leaf certificate with a bad signature", expected: "the same", alone: true, run: atTheDoor({ kind: "certificate", chain: "bad-leaf" }, "connection_refused", 150_000) },
  { row: "26e", fault: "the upgrade is never answered", expected: "given up and tried again", alone: true, run: atTheDoor({ kind: "upgrade-hang" }, "connection_lost", 120_000) },
  {
    row: "53",
    fault: "a restart with many devices",
    expected: "at most ten log in at once, the event loop's delay p99 stays below 200 ms, all come back",
    short: "SQLite",
    alone: true,
    run: ({ alone, full }) =>
      alone(async (site) => {
        const count = full ? Number(process.env["FAULTS_DEVICES"] ?? 500) : 20
        for (let made = 0; made < count; made += 10) {
          await Promise.all(Array.from({ length: Math.min(10, count - made) }, () => site.device()))
        }
        await site.end("SIGTERM")
        const since = site.events().length
        const took = sinceNow()
        await site.start()
        const ready = took()
        // the figure is of the time since it was last read
        await site.metric("nodejs_eventloop_delay_p99_seconds")
        const delays: Array<number> = []
        const isBack = new Set<string>()
        await until("all devices", async () => {
          delays.push(await site.metric("nodejs_eventloop_delay_p99_seconds"))
          for (const { data, deviceId, type } of site.events().slice(since)) {
            if (type === "device-status" && data["status"] === "connected") isBack.add(deviceId)
          }
          return isBack.size === count ? true : undefined
        }, 300_000, 2000)
        const recovery = took()
        const worst = Math.max(...delays) * 1000
        // a busy machine adds to it; the full run is for a quiet one
        if (full) expect(worst).toBeLessThan(200)
        return { seen: `${count} devices; ready after ${(ready / 1000).toFixed(1)} s; p99 at most ${worst.toFixed(0)} ms in any 2 s`, recovery }
      })
  },
  {
    row: "58",
    fault: "hundreds of reconnects in one process",
    expected: "the heap stays flat",
    run: ({ alone, full }) =>
      alone(async (site) => {
        const rounds = full ? 20 : 4
        const devices = await Promise.all(Array.from({ length: 20 }, () => site.device()))
        const heap = async () => {
          // of a few readings the least: what lies above it is under way
          const readings: Array<number> = []
          for (let n = 0; n < 5; n++) {
            site.service.signal("SIGUSR2")
            await new Promise((resolve) => setTimeout(resolve, 1000))
            readings.push(await site.metric("nodejs_heap_size_used_bytes"))
          }
          return Math.min(...readings) / 2 ** 20
        }
        const round = async () => {
          const since = devices[0]!.now()
          await Promise.all(devices.map(async (device) => {
            await device.breakNow("reset")
            // the pauses between the tries grow when a connection does not last: nobody is to wait for them here
            await until(`${device.deviceId} to be back`, async () => {
              const told = device.states(since)
              if (told.length > 1 && told.at(-1)?.status === "connected") return true
              if (told.at(-1)?.reason === "connection_lost") await device.connect()
              return undefined
            }, 120_000, 250)
          }))
        }
        for (let n = 0; n < 4; n++) await round()
        const before = await heap()
        for (let n = 0; n < rounds; n++) await round()
        const after = await heap()
        // a leaked socket holds 0.15 MiB and more
        expect(after - before).toBeLessThan(rounds * devices.length * 0.05 + 10)
        return { seen: `${rounds * devices.length} reconnects: ${before.toFixed(1)} → ${after.toFixed(1)} MiB` }
      }, { environment: { NODE_OPTIONS: `--expose-gc --import ${collectOnSignal}` } })
  }
]
