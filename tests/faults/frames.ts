import { expect } from "vitest"
import { startTcpProxy } from "../support/tcpProxy.ts"
import { until } from "../support/process.ts"
import type { Row } from "./Row.ts"
import { sinceNow } from "./sinceNow.ts"

/** Frames that nobody can read reach one device. */
const unreadable = (...ways: ReadonlyArray<string>): Row["run"] => async ({ site }) => {
  const [device, other, friend] = [await site.device(), await site.device(), await site.friend()]
  const others = other.now()
  const took = sinceNow()
  for (const how of ways) {
    const since = device.now()
    await device.breakNow(how)
    expect(await device.reached("connection_lost", since), how).toMatchObject({ status: "connecting" })
    await device.back(since)
  }
  const recovery = took() / ways.length
  await device.works(friend)
  await other.works(friend)
  expect(other.states(others)).toEqual([])
  return { seen: "only that device has a new socket", recovery }
}

/** The server stops in the middle of a frame. */
const stalled = (how: string): Row["run"] => async ({ site }) => {
  const [device, friend] = [await site.device(), await site.friend()]
  const since = device.now()
  await device.breakNow(how)
  const took = sinceNow()
  await device.reached("connection_lost", since, 60_000)
  const noticed = took()
  expect(noticed).toBeLessThan(20_500)
  await device.back(since)
  const recovery = took()
  await device.works(friend)
  return { seen: `noticed after ${(noticed / 1000).toFixed(1)} s`, recovery }
}

export const frames: ReadonlyArray<Row> = [
  {
    row: "27",
    fault: "an encrypted frame comes in the moment the handshake ends",
    expected: "contained, reconnects if it has to",
    alone: true,
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      const [since, took] = [device.now(), sinceNow()]
      await site.fault({ kind: "early-frame", times: 1 })
      await device.breakNow("reset")
      await device.back(since)
      const recovery = took()
      await device.works(friend)
      return { seen: "connected; nobody else disturbed", recovery }
    }
  },
  {
    row: "28",
    fault: "frames that are garbage, no node, cut or bad zlib, or empty",
    expected: "only that device reconnects",
    short: "SQLite",
    run: unreadable("garbage-frame", "bad-node", "bad-zlib")
  },
  { row: "28b", fault: "the other bad frames: empty ones, a node cut in half", expected: "the same", run: unreadable("empty-frame", "zero-frame", "truncated-node") },
  {
    row: "28c",
    fault: "well-formed nodes that lack what their kind has",
    expected: "passed over, or that device reconnects",
    short: "SQLite",
    run: async ({ site }) => {
      const [device, other, friend] = [await site.device(), await site.device(), await site.friend()]
      await device.works(friend)
      const others = other.now()
      await device.breakNow("odd-stanzas")
      const took = sinceNow()
      await device.until(await friend.write(device, "after the odd ones"), ["delivered"], 90_000)
      const recovery = took()
      await device.connected()
      await device.works(friend)
      await other.works(friend)
      expect(other.states(others)).toEqual([])
      return { seen: "goes on; nobody else noticed", recovery }
    }
  },
  { row: "29", fault: "the header of a frame of 16 MiB that never comes", expected: "noticed within 20 s", run: stalled("endless-frame") },
  { row: "29b", fault: "a frame that says it is longer than it is", expected: "noticed within 20 s", run: stalled("truncated-frame") },
  {
    row: "31",
    fault: "a text of 10 MB comes in",
    expected: "refused and told as undecryptable; the event loop is held for a moment",
    run: ({ alone }) =>
      alone(async (site) => {
        const [device, friend] = [await site.device(), await site.friend()]
        await friend.write(device, "first")
        // the figure is of the time since it was last read
        await site.metric("nodejs_eventloop_delay_max_seconds")
        const took = sinceNow()
        const { id } = await site.emulator.ask("POST", `/phones/${friend.phone}/long-message`, { to: device.phone, bytes: 10_000_000 })
        const after = await friend.write(device, "after it")
        await device.stored([after])
        const recovery = took()
        const told = await until("it to be told", () => site.events().find(({ data }) => data["messageId"] === id))
        expect([told.type, told.data["reason"]]).toEqual(["message.undecryptable", "the message is larger than 1 MiB"])
        const longest = await site.metric("nodejs_eventloop_delay_max_seconds")
        // a busy machine adds to it: 200 ms on a quiet one
        expect(longest).toBeLessThan(2)
        await device.works(friend)
        // nor does it come again
        const since = device.now()
        await device.breakNow("reset")
        await device.back(since)
        await device.stored([await friend.write(device, "on the next socket")])
        expect(site.events().filter(({ data }) => data["messageId"] === id)).toEqual([told])
        return { seen: `refused; longest delay ${(longest * 1000).toFixed(0)} ms`, recovery }
      })
  },
  {
    row: "42",
    fault: "a listener throws",
    expected: "contained: nothing lost, nothing doubled",
    run: ({ alone }) =>
      alone(async (site) => {
        const [device, friend] = [await site.device(), await site.friend()]
        await device.works(friend)
        for (const time of [1, 2, 3]) {
          await site.end("SIGTERM")
          await site.start({ FAILPOINT: `listener.contacts:throw@${time}` })
          await device.connected()
          const ids: Array<string> = []
          for (let n = 0; n < 5; n++) ids.push(await (n % 2 === 0 ? friend : await site.friend()).write(device, `${time}.${n}`))
          await device.stored(ids)
          // the listener may throw later than the device was seen connected: what is accepted then goes out on the next socket
          const { json } = await device.send(friend, `after ${time}`)
          await device.until(json.data.messageId, ["sent", "delivered"])
        }
        return { seen: "contained; all messages there once" }
      })
  },
  {
    row: "42b",
    fault: "the handling of a message never ends: frames come in and nothing gets anywhere",
    expected: "noticed in a minute, the socket replaced, the messages come again",
    run: ({ alone }) =>
      alone(async (site) => {
        const [device, friend] = [await site.device(), await site.friend()]
        await device.until(await friend.write(device, "before"), ["delivered"])
        await site.end("SIGTERM")
        await site.start({ FAILPOINT: "message.decrypt:stall@1" })
        await device.connected()
        const since = device.now()
        const took = sinceNow()
        const ids = [await friend.write(device, "stalls"), await friend.write(device, "waits behind it")]
        await device.reached("connection_lost", since, 120_000)
        await device.stored(ids)
        return { seen: "a new socket; both messages there", recovery: took() }
      })
  },
  {
    row: "42c",
    fault: "the handling of a message that waited for the device never ends, and no other one comes",
    expected: "the same",
    run: ({ alone }) =>
      alone(async (site) => {
        const [device, friend] = [await site.device(), await site.friend()]
        await device.until(await friend.write(device, "before"), ["delivered"])
        await site.end("SIGTERM")
        const ids = [await friend.write(device, "stalls"), await friend.write(device, "waits behind it")]
        const since = device.now()
        await site.start({ FAILPOINT: "message.decrypt:stall@1" })
        const took = sinceNow()
        await device.reached("connection_lost", since, 120_000)
        await device.stored(ids)
        return { seen: "a new socket; both messages there", recovery: took() }
      })
  },
  {
    row: "43",
    fault: "the download of an app-state blob hangs, while Baileys holds the lock of sending",
    expected: "sends go on when the download is given up",
    run: async ({ site }) => {
      const proxy = await startTcpProxy()
      try {
        const device = await site.device({ proxyUrl: `http://127.0.0.1:${proxy.port}` })
        const friend = await site.friend()
        await device.works(friend)
        proxy.swallow("mmg.whatsapp.net")
        await device.fault({ kind: "app-state-blob" })
        const number = await device.number()
        await site.emulator.ask("POST", `/phones/${device.phone}/devices/${number}/app-state`, { collection: "regular_low" })
        await until("the download to begin", () => proxy.asked.includes("mmg.whatsapp.net") ? true : undefined)
        const took = sinceNow()
        const { json } = await device.send(friend, "behind the download")
        await device.until(json.data.messageId, ["sent", "delivered"], 120_000)
        return { seen: "sent when the download was given up", recovery: took() }
      } finally {
        proxy.end()
      }
    }
  }
]
