import { expect } from "vitest"
import { until } from "../support/process.ts"
import type { Device } from "./Device.ts"
import type { Row } from "./Row.ts"
import { sinceNow } from "./sinceNow.ts"

const silent = { delivered: false }

/** A message from taking it on to its end, and what its recipient sees of it. */
const once = async (shown: () => Promise<ReadonlyArray<{ readonly id: string }>>, id: string) => {
  const copies = await until("the message", async () => {
    const found = (await shown()).filter((message) => message.id === id)
    return found.length > 0 ? found : undefined
  })
  expect(copies.length).toBe(1)
}

/** As soon as WhatsApp has refused: on a busy machine that takes its time. */
const restrictionOf = (device: Device) => until("the restriction", async () => (await device.status()).restriction ?? undefined)

const refused = (code: number, failure: string, ms?: number): Row["run"] => async ({ site }) => {
  const [device, friend] = [await site.device(), await site.friend()]
  await device.works(friend)
  await device.fault({ kind: "ack-error", to: friend.phone, code, ...(ms === undefined ? {} : { ms }) })
  const answer = await device.send(friend, `refused with ${code}`, "?wait=sent&timeout=20")
  expect(answer.status).toBe(422)
  expect(answer.json.error?.code).toBe(failure)
  expect((await friend.shown()).filter(({ text }) => text.startsWith("refused"))).toEqual([])
  await device.works(friend)
  return { seen: `failed once with ${failure}, nothing shown; the next one goes out` }
}

export const sending: ReadonlyArray<Row> = [
  {
    row: "1",
    fault: "TCP is cut after the server has taken a message, before its ack",
    expected: "settled on the next socket, by a receipt or the same id once more; shown once",
    short: true,
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend(silent)]
      const [since, took] = [device.now(), sinceNow()]
      await device.fault({ kind: "ack-close", to: friend.phone })
      const { json } = await device.send(friend, "acked late", "?wait=sent&timeout=40")
      await device.back(since)
      await device.until(json.data.messageId, ["sent"])
      const recovery = took()
      await once(friend.shown, json.data.messageId)
      // the receipt of our own phone, which has its copy, may be earlier than the second try
      return { seen: "settled, shown once", recovery }
    }
  },
  {
    row: "1b",
    fault: "TCP is cut in place of the ack, and the message is lost with it",
    expected: "the same id once more on the next socket",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend(silent)]
      const [since, took] = [device.now(), sinceNow()]
      await device.fault({ kind: "ack-close", to: friend.phone, deliver: false })
      const { json } = await device.send(friend, "acked late", "?wait=sent&timeout=40")
      await device.back(since)
      await device.until(json.data.messageId, ["sent"])
      const recovery = took()
      await once(friend.shown, json.data.messageId)
      expect((await device.message(json.data.messageId))?.attempts).toBe(2)
      return { seen: "sent again under its id, shown once", recovery }
    }
  },
  {
    row: "2",
    fault: "a message and its ack are lost, the socket lives",
    expected: "after 30 s the same id once more",
    short: "SQLite",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend(silent)]
      await device.fault({ kind: "ack-drop", to: friend.phone, deliver: false })
      const took = sinceNow()
      const { json, status } = await device.send(friend, "lost once", "?wait=sent&timeout=50")
      expect(status).toBe(200)
      const recovery = took()
      expect(recovery).toBeGreaterThan(29_000)
      expect(device.states().filter(({ reason }) => reason === "connection_lost")).toEqual([])
      await once(friend.shown, json.data.messageId)
      return { seen: "sent again under its id on the same socket", recovery }
    }
  },
  {
    row: "2b",
    fault: "an ack is lost, and the recipient's receipt comes",
    expected: "the receipt proves it: settled at once, not sent again",
    short: true,
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      await device.works(friend)
      await device.fault({ kind: "ack-drop", to: friend.phone })
      const took = sinceNow()
      const { json, status } = await device.send(friend, "proved", "?wait=sent&timeout=30")
      expect(status).toBe(200)
      const recovery = took()
      expect(recovery).toBeLessThan(10_000)
      // the next one of the chat does not wait for the lost ack either
      await device.works(friend)
      expect(took()).toBeLessThan(15_000)
      expect((await device.message(json.data.messageId))?.attempts).toBe(1)
      return { seen: "delivered after one attempt; the chat goes on", recovery }
    }
  },
  {
    row: "2c",
    fault: "acks are lost again and again",
    expected: "after two in a row the socket is replaced; sent once the acks come",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend(silent)]
      const since = device.now()
      await device.fault({ kind: "ack-drop", to: friend.phone, deliver: false, times: 2 })
      const took = sinceNow()
      const { json } = await device.send(friend, "never acked")
      await device.reached("connection_lost", since, 90_000)
      await device.until(json.data.messageId, ["sent"], 90_000)
      await once(friend.shown, json.data.messageId)
      return { seen: "socket replaced, then acked; shown once", recovery: took() }
    }
  },
  {
    row: "3a",
    fault: "a message is refused with 463",
    expected: "the account may write to strangers: failed once, with its code; not repeated, since every try counts",
    short: "SQLite",
    run: refused(463, "REACHOUT_TIMELOCK")
  },
  { row: "3b", fault: "refused with 463 after 300 ms", expected: "the same", run: refused(463, "REACHOUT_TIMELOCK", 300) },
  { row: "3c", fault: "refused with 400", expected: "failed once", run: refused(400, "REFUSED_BY_WHATSAPP") },
  {
    row: "3d",
    fault: "refused with 475 after 300 ms",
    expected: "held, with the device's restriction; sent once its recipient has written",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      await device.fault({ kind: "ack-error", to: friend.phone, code: 475, ms: 300 })
      const { json, status } = await device.send(friend, "one too many", "?wait=sent&timeout=3")
      expect([status, json.data.status]).toEqual([202, "pending"])
      expect(await restrictionOf(device)).toMatchObject({ kind: "new_chat_cap", code: 475 })
      const took = sinceNow()
      await friend.write(device, "who is there?")
      await device.until(json.data.messageId, ["sent", "delivered"])
      const recovery = took()
      await once(friend.shown, json.data.messageId)
      return { seen: "held; shown once after the recipient's message", recovery }
    }
  },
  {
    row: "59",
    fault: "463 while the account may not write to strangers, for some seconds",
    expected: "what goes to strangers waits for the end and then goes by itself; replies pass",
    short: true,
    run: async ({ site }) => {
      const [device, refusedOne, stranger, known] = [await site.device(), await site.friend(), await site.friend(), await site.friend()]
      await known.write(device, "hello")
      await until("the message", async () => (await site.store.messages(device.deviceId)).some(({ content }) => content === "hello") ? true : undefined)
      const timelock = new Date(Date.now() + 20_000).toISOString()
      await site.emulator.ask("PATCH", `/phones/${device.phone}`, { timelock })
      await device.fault({ kind: "ack-error", to: refusedOne.phone, code: 463 })
      const first = await device.send(refusedOne, "cold", "?wait=sent&timeout=3")
      expect(await restrictionOf(device)).toMatchObject({ kind: "reachout_timelock", code: 463 })
      const second = await device.send(stranger, "cold, too", "?wait=sent&timeout=1")
      expect([first.status, second.status]).toEqual([202, 202])
      expect((await device.send(known, "a reply", "?wait=sent&timeout=10")).status).toBe(200)
      expect((await device.message(second.json.data.messageId))?.attempts).toBe(0)
      const took = sinceNow()
      for (const { json } of [first, second]) await device.until(json.data.messageId, ["sent", "delivered"])
      const recovery = took()
      await once(refusedOne.shown, first.json.data.messageId)
      await once(stranger.shown, second.json.data.messageId)
      expect((await device.message(first.json.data.messageId))?.attempts).toBe(2)
      expect((await device.status()).restriction).toBeNull()
      return { seen: "held until the end, then shown once; the reply went at once", recovery }
    }
  },
  {
    row: "3e",
    fault: "refused with 479: a stale list of devices",
    expected: "the list is dropped, one more try",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      await device.works(friend)
      await device.fault({ kind: "ack-error", to: friend.phone, code: 479 })
      const took = sinceNow()
      const { json, status } = await device.send(friend, "stale", "?wait=sent&timeout=30")
      expect(status).toBe(200)
      await once(friend.shown, json.data.messageId)
      return { seen: "sent at the second try", recovery: took() }
    }
  },
  {
    row: "3f",
    fault: "refused with 429",
    expected: "that message waits five minutes; it is not lost",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      await device.works(friend)
      await device.fault({ kind: "ack-error", to: friend.phone, code: 429 })
      const { json } = await device.send(friend, "too fast")
      const { messageId } = json.data
      await until("the refusal", async () => (await device.message(messageId))?.attempts === 1 ? true : undefined)
      const due = await until("the pause", async () => {
        const [row] = await site.store.run((sql) => sql<{ readonly sendAt: number }>`SELECT send_at FROM messages WHERE message_id = ${messageId}`)
        return row !== undefined && row.sendAt > Date.now() + 200_000 ? row.sendAt : undefined
      })
      expect(due - Date.now()).toBeLessThan(301_000)
      // five minutes later
      await site.store.run((sql) => sql`UPDATE messages SET send_at = ${Date.now()} WHERE message_id = ${messageId}`)
      await device.until(messageId, ["sent", "delivered"])
      await once(friend.shown, messageId)
      return { seen: "put off by 300 s, then sent" }
    }
  },
  {
    row: "3g",
    fault: "the number is not on WhatsApp",
    expected: "failed, nothing sent",
    short: "SQLite",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      const answer = await device.send({ ...friend, phone: "6289900000001" }, "is anybody there?", "?wait=sent&timeout=60")
      expect([answer.status, answer.json.error?.code]).toEqual([422, "NOT_ON_WHATSAPP"])
      await device.works(friend)
      return { seen: "failed with NOT_ON_WHATSAPP" }
    }
  },
  {
    row: "4",
    fault: "the recipient has linked another device: ack with phash",
    expected: "sent, and the next message reaches the new device too",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      await device.works(friend)
      const { number } = await site.emulator.ask("POST", `/phones/${friend.phone}/devices`)
      const newcomer = async () => (await site.emulator.ask("GET", `/phones/${friend.phone}/devices/${number}/messages`)).messages
      await device.works(friend)
      expect(await newcomer()).toEqual([])
      const { json } = await device.send(friend, "to both", "?wait=sent&timeout=20")
      await until("the new device's copy", async () => (await newcomer()).length > 0 ? true : undefined)
      expect(await newcomer()).toEqual([{ id: json.data.messageId, text: "to both" }])
      return { seen: "sent; the list of devices is asked for anew" }
    }
  },
  {
    row: "30",
    fault: "a body of 17 MB at the API",
    expected: "413, nothing stored",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      const answer = await device.send(friend, "x".repeat(17_000_000))
      expect(answer.status).toBe(413)
      expect(await site.store.messages(device.deviceId)).toEqual([])
      await device.works(friend)
      return { seen: `413 ${answer.json.error?.code}` }
    }
  },
  {
    row: "32",
    fault: "nobody answers which devices the recipient has",
    expected: "asked again, nothing empty on the wire",
    short: "SQLite",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      await device.fault({ kind: "iq-silence", xmlns: "usync" })
      const took = sinceNow()
      const { json, status } = await device.send(friend, "after the silence", "?wait=sent&timeout=50")
      expect(status).toBe(200)
      await once(friend.shown, json.data.messageId)
      return { seen: "sent when the question was answered", recovery: took() }
    }
  },
  {
    row: "33",
    fault: "nobody answers with the recipient's pre-keys",
    expected: "tried again later",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      await device.fault({ kind: "iq-silence", xmlns: "encrypt", tag: "key" })
      const took = sinceNow()
      const { json, status } = await device.send(friend, "without keys", "?wait=sent&timeout=60")
      expect(status, JSON.stringify(json)).toBe(200)
      await once(friend.shown, json.data.messageId)
      return { seen: "sent when the keys came", recovery: took() }
    }
  },
  {
    row: "40",
    fault: "a recipient could not read a message and says so under its LID, after a restart",
    expected: "encrypted for it anew from the outbox, under the same id",
    run: (world) =>
      world.alone(async (site) => {
        const [device, friend] = [await site.device(), await site.friend(silent)]
        await device.works(friend)
        await device.fault({ kind: "ask-retry", to: friend.phone, ms: 1500, lid: true })
        const { json } = await device.send(friend, "again, please", "?wait=sent&timeout=20")
        expect(json.data.status).toBe("sent")
        await site.end("SIGKILL")
        // long enough for the request to wait at the server
        await until("the request to wait", async () => {
          const { waiting } = await site.emulator.ask("GET", `/phones/${device.phone}/devices/${await device.number()}`)
          return waiting > 0 ? true : undefined
        })
        const took = sinceNow()
        await site.start()
        await device.connected()
        await once(friend.shown, json.data.messageId)
        return { seen: "shown after the restart", recovery: took() }
      })
  },
  {
    row: "41",
    fault: "ten devices write to the same new contact with four devices",
    expected: "every device gets every message",
    run: async ({ site }) => {
      const friend = await site.friend()
      const further: Array<number> = []
      for (let n = 0; n < 3; n++) further.push((await site.emulator.ask("POST", `/phones/${friend.phone}/devices`)).number)
      const devices = await Promise.all(Array.from({ length: 10 }, () => site.device()))
      await Promise.all(devices.map((device) => device.send(friend, `from ${device.phone}`, "?wait=sent&timeout=60")))
      await until("all on the phone", async () => (await friend.shown()).length === 10 ? true : undefined, 60_000)
      for (const number of further) {
        const { messages } = await site.emulator.ask("GET", `/phones/${friend.phone}/devices/${number}/messages`)
        expect(messages.length, `device ${number}`).toBe(10)
      }
      return { seen: "40 of 40 copies" }
    }
  },
  {
    row: "41b",
    fault: "a message comes late, on a session that has been replaced",
    expected: "it is read, and the chat goes on both ways",
    short: true,
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      await device.works(friend)
      const letter = await site.emulator.ask("POST", `/phones/${friend.phone}/letters`, { to: device.phone, text: "late" })
      friend.written.push({ id: letter.id, to: device.deviceId })
      await site.emulator.ask("POST", `/phones/${friend.phone}/renew-sessions`, { with: device.phone })
      const after = await friend.write(device, "on the new one")
      await device.until(after, ["delivered"])
      await site.emulator.ask("POST", `/phones/${friend.phone}/letters/${letter.id}/deliver`)
      expect((await device.until(letter.id, ["delivered"])).content).toBe("late")
      await device.works(friend)
      await device.until(await friend.write(device, "and on"), ["delivered"])
      return { seen: "late one read; both directions work" }
    }
  },
  {
    row: "41c",
    fault: "both sides open a session at once",
    expected: "both are read, and the chat goes on",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      await device.fault({ kind: "iq-delay", xmlns: "encrypt", tag: "key", ms: 700 })
      const sending = device.send(friend, "mine", "?wait=sent&timeout=40")
      const theirs = await friend.write(device, "theirs")
      expect((await sending).status).toBe(200)
      expect((await device.until(theirs, ["delivered"])).content).toBe("theirs")
      for (let n = 0; n < 3; n++) {
        await device.works(friend)
        await device.until(await friend.write(device, `theirs ${n}`), ["delivered"])
      }
      return { seen: "both read; both directions work" }
    }
  }
]
