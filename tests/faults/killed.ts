import { setTimeout as sleep } from "node:timers/promises"
import { expect } from "vitest"
import { until } from "../support/process.ts"
import { base } from "./Device.ts"
import type { Row, Seen } from "./Row.ts"
import { sinceNow } from "./sinceNow.ts"
import type { Site } from "./Site.ts"

/** The process dies at a point on the way of a device's first message, or of a later one, and another one takes over. */
const whileSending = (point: string): Row["run"] => ({ alone, full }) =>
  alone(async (site) => {
    const [device, friend] = [await site.device(), await site.friend()]
    if (full) {
      await device.works(friend)
      await site.end("SIGTERM")
      const since = device.now()
      await site.start({ FAILPOINT: `${point}:kill` })
      await device.back(since)
    }
    const text = `dies at ${point}`
    // the process may die before it has answered: what is stored was taken on
    await device.send(friend, text).catch(() => undefined)
    await site.over()
    const row = (await site.store.messages(device.deviceId)).find(({ content }) => content === text)
    if (row === undefined) throw new Error("the message was not stored")
    if (!device.accepted.some(({ messageId }) => messageId === row.messageId)) {
      device.accepted.push({ messageId: row.messageId, to: friend.phone })
    }
    const copies = (await friend.shown()).filter(({ id }) => id === row.messageId).length
    const took = sinceNow()
    await site.start()
    await device.until(row.messageId, ["sent", "delivered", "read"])
    const recovery = took()
    await until("the message", async () => (await friend.shown()).some(({ id }) => id === row.messageId) ? true : undefined)
    expect((await friend.shown()).filter(({ id }) => id === row.messageId).length).toBe(1)
    await device.works(friend)
    return { seen: `${copies === 1 ? "was out already; " : ""}shown once, readable`, recovery }
  }, full ? {} : { firstLife: { FAILPOINT: `${point}:kill` } })

/** Messages come, at first many at once, and the process dies in the middle: what it acknowledged is there. */
const whileReceiving = (point: string, times: ReadonlyArray<number>) => async (site: Site): Promise<Seen> => {
  const [device, friend] = [await site.device(), await site.friend()]
  let [acknowledged, written] = [0, 0]
  for (const time of times) {
    await site.end("SIGTERM")
    await site.startUntil(`${point}:kill@${time}`)
    const ids: Array<string> = []
    for (let n = 0; n < 40 || (!site.isOver() && n < 1000); n++) {
      // what comes together is stored together
      if (n >= 100) await sleep(25)
      ids.push(await friend.write(device, `${time}.${n}`))
    }
    written += ids.length
    await site.over()
    const statuses = await Promise.all(ids.map((id) => site.emulator.ask("GET", `/phones/${friend.phone}/status/${id}`)))
    acknowledged += statuses.filter(({ status }) => status !== "sent").length
    await site.start()
    await device.stored(ids)
  }
  return { seen: `${acknowledged} of ${written} acknowledged before the end; all stored, each told once` }
}

/** The process dies while a phone links it: afterwards it is linked, or can be. */
const whilePairing = (point: string, times: ReadonlyArray<number>) => async (site: Site): Promise<Seen> => {
  const ends: Array<string> = []
  for (const time of times) {
    const device = await site.device({ pair: false })
    await site.end("SIGTERM")
    await site.startUntil(`${point}:kill@${time}`)
    const scan = device.connect().then(() => device.scan()).catch(() => undefined)
    const died = await Promise.race([
      site.over().then(() => true),
      scan.then(() => device.connected(15_000)).then(() => false, () => site.over().then(() => true))
    ])
    if (died) await site.start()
    // it says by itself what has become of it
    const status = await until("it to know", async () => {
      const told = await device.status()
      return told.status === "connected" || told.status === "disconnected" && told.reason !== null ? told : undefined
    }, 60_000)
    const linked = (await site.emulator.ask("GET", `/phones/${device.phone}`)).linked.length
    if (status.status === "connected") expect(linked).toBe(1)
    else await device.pair()
    await device.works(await site.friend())
    device.off = true
    // at the next start it would take the hits of the next one
    await site.service.ask("DELETE", `${base}/${device.deviceId}/disconnect`)
    ends.push(`${died ? "" : "alive, "}${status.status === "connected" ? "linked" : `${status.reason}, paired again`}${linked > 1 ? ", a ghost on the phone" : ""}`)
  }
  return { seen: [...new Set(ends)].join("; ") }
}

const again = "sent under its id, shown once, readable"

export const killed: ReadonlyArray<Row> = [
  { row: "5", fault: "SIGKILL before the claim", expected: again, run: whileSending("outbox.taken") },
  { row: "6", fault: "SIGKILL after the claim", expected: again, run: whileSending("outbox.claimed") },
  { row: "7", fault: "SIGKILL before the ratchet's commit", expected: again, short: true, run: whileSending("ratchet.stepped") },
  { row: "8", fault: "SIGKILL after the commit, before the wire", expected: again, run: whileSending("message.leaves") },
  { row: "9", fault: "SIGKILL after the wire", expected: again, run: whileSending("message.left") },
  { row: "10", fault: "SIGKILL after the ack, before the row", expected: again, short: "MySQL", run: whileSending("outbox.acked") },
  {
    row: "11",
    fault: "SIGKILL in the microsecond after a message was stored, before its event",
    expected: "what WhatsApp was told we have is there, told once",
    short: true,
    run: ({ alone, full }) => alone(whileReceiving("journal.committed", full ? [1, 2, 15, 40] : [9]))
  },
  {
    row: "11b",
    fault: "SIGKILL in the microsecond after a frame left, among them receipts",
    expected: "the same",
    run: ({ alone }) => alone(whileReceiving("frame.left", [20, 33, 61]))
  },
  {
    row: "12a",
    fault: "SIGKILL while a phone links it, before the credentials are stored",
    expected: "paired, or says that it is not and can be",
    run: ({ alone }) => alone(whilePairing("creds.handed", [1, 2, 3]))
  },
  {
    row: "12b",
    fault: "SIGKILL while a phone links it, after the credentials are stored",
    expected: "the same",
    run: ({ alone }) => alone(whilePairing("creds.stored", [1, 2, 3]))
  },
  {
    row: "34",
    fault: "the server has none of our pre-keys left; SIGKILL between storing new ones and the upload",
    expected: "one upload, and no id of a key comes again with another key",
    run: ({ alone }) =>
      alone(async (site) => {
        const [device, friend] = [await site.device(), await site.friend()]
        await device.works(friend)
        const number = await device.number()
        const place = `/phones/${device.phone}/devices/${number}`
        const uploaded = async (): Promise<ReadonlyArray<number>> => (await site.emulator.ask("GET", place)).uploads
        const before = (await uploaded()).length
        await site.emulator.ask("POST", `${place}/pre-keys`, { drop: true })
        await until("an upload", async () => (await uploaded()).length > before ? true : undefined)
        const first = await uploaded()
        for (const time of [1, 2, 3]) {
          await site.end("SIGTERM")
          await site.emulator.ask("POST", `${place}/pre-keys`, { drop: true, times: 0 })
          await site.startUntil(`creds.stored:kill@${time}`)
          await until("its end, or its keys at the server", async () =>
            site.isOver() || (await site.emulator.ask("GET", place)).preKeys > 0 ? true : undefined)
          await site.end("SIGKILL")
          await site.start()
          await device.connected()
        }
        await until("keys at the server", async () => (await site.emulator.ask("GET", place)).preKeys > 0 ? true : undefined)
        const { reusedPreKeyIds } = await site.emulator.ask("GET", place)
        expect(reusedPreKeyIds).toEqual([])
        await device.until(await (await site.friend()).write(device, "with a new key"), ["delivered"])
        return { seen: `${first.at(-1)} keys in one upload; no id twice over three deaths` }
      })
  }
]
