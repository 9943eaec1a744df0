import { expect } from "vitest"
import { until } from "../support/process.ts"
import type { Row } from "./Row.ts"
import { sinceNow } from "./sinceNow.ts"

const refuse = "it cannot be taken"

export const receiving: ReadonlyArray<Row> = [
  {
    row: "36",
    fault: "a message comes twice: the same frame, encrypted anew, and once more over a restart of the connection",
    expected: "one row, one event",
    short: true,
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      await friend.write(device, "first")
      await device.fault({ kind: "duplicate", from: friend.phone })
      const frames = await friend.write(device, "the same frame")
      await device.until(frames, ["delivered"])
      await device.fault({ kind: "re-encrypt", from: friend.phone })
      const anew = await friend.write(device, "encrypted anew")
      await device.until(anew, ["delivered"])
      const since = device.now()
      await device.breakNow("reset")
      await site.emulator.ask("POST", `/phones/${friend.phone}/resend`, { id: anew })
      await site.emulator.ask("POST", `/phones/${friend.phone}/resend`, { id: frames })
      await device.back(since)
      await device.until(await friend.write(device, "last"), ["delivered"])
      const rows = (await site.store.messages(device.deviceId)).filter(({ direction }) => direction === "incoming")
      expect(rows.map(({ content }) => content)).toEqual(["first", "the same frame", "encrypted anew", "last"])
      const told = await until("the last event", () => {
        const own = site.events().filter(({ deviceId, type }) => deviceId === device.deviceId && type.startsWith("message."))
        return own.some(({ data }) => data["content"] === "last") ? own : undefined
      })
      expect(told.filter(({ type }) => type === "message.received").length).toBe(4)
      expect(told.filter(({ type }) => type === "message.undecryptable")).toEqual([])
      return { seen: "4 rows, 4 events for 8 arrivals" }
    }
  },
  {
    row: "37",
    fault: "the same id from two participants of a group",
    expected: "two rows: who wrote it is part of the key",
    run: async ({ site }) => {
      const [device, one, other] = [await site.device(), await site.friend(), await site.friend()]
      const { jid } = await site.emulator.ask("POST", `/phones/${one.phone}/groups`, {
        subject: "Two who choose the same id",
        members: [other.phone, device.phone]
      })
      const id = "3EB0000000000000000001"
      for (const { phone } of [one, other]) {
        await site.emulator.ask("POST", `/phones/${phone}/messages`, { to: jid, text: `by ${phone}`, id })
      }
      const rows = await until("both", async () => {
        const found = (await site.store.messages(device.deviceId)).filter(({ messageId }) => messageId === id)
        return found.length === 2 ? found : undefined
      })
      expect(rows.map(({ content }) => content).toSorted()).toEqual([`by ${one.phone}`, `by ${other.phone}`].toSorted())
      return { seen: "two rows, two events" }
    }
  },
  {
    row: "38",
    fault: "receipts out of order: read, then delivered, then the one of our own phone",
    expected: "the status only goes forward",
    short: true,
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend({ delivered: false })]
      const { json } = await device.send(friend, "read first", "?wait=sent&timeout=30")
      const { messageId } = json.data
      for (const type of ["read", "delivered", "sender"]) {
        await site.emulator.ask("POST", `/phones/${friend.phone}/receipt`, { to: device.phone, id: messageId, type })
      }
      await device.until(messageId, ["read"])
      await device.until(await friend.write(device, "after the receipts"), ["delivered"])
      expect((await device.message(messageId))?.status).toBe("read")
      return { seen: "read, and stays so" }
    }
  },
  {
    row: "39",
    fault: "receipts for ids that nobody has sent",
    expected: "taken without harm",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      for (const type of ["read", "delivered", "played", "sender"]) {
        await site.emulator.ask("POST", `/phones/${friend.phone}/receipt`, { to: device.phone, id: `unknown-${type}`, type })
      }
      await device.works(friend)
      await until("all of them taken", async () => {
        const [row] = await site.store.run((sql) =>
          sql<{ readonly n: number }>`SELECT COUNT(*) AS n FROM inbound_journal WHERE device_id = ${device.deviceId} AND done_at IS NULL`)
        return row?.n === 0 ? true : undefined
      })
      // kept it would be a row about nothing: receipts name messages of ours, and of this one there is none to speak of
      expect((await site.store.messages(device.deviceId)).filter(({ messageId }) => messageId.startsWith("unknown"))).toEqual([])
      return { seen: "acknowledged and dropped" }
    }
  },
  {
    row: "35",
    fault: "the server asks for pre-keys several times at once",
    expected: "uploads in flight are shared; no id of a key comes twice",
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      await device.works(friend)
      const place = `/phones/${device.phone}/devices/${await device.number()}`
      const before = (await site.emulator.ask("GET", place)).uploads.length
      await site.emulator.ask("POST", `${place}/pre-keys`, { drop: true, times: 4 })
      await until("an upload", async () => (await site.emulator.ask("GET", place)).uploads.length > before ? true : undefined)
      await device.works(friend)
      const { reusedPreKeyIds, uploads } = await site.emulator.ask("GET", place)
      // one would do: Baileys goes by the count it was told, which is from before its last upload; that costs five keys
      expect(uploads.length - before).toBeLessThanOrEqual(4)
      expect(reusedPreKeyIds).toEqual([])
      return { seen: "a few uploads of 5 keys for 4 requests; no id twice" }
    }
  },
  {
    row: "16b",
    fault: "a ciphertext is spoiled on the way",
    expected: "told as undecryptable, then recovered in the same row",
    short: true,
    run: async ({ site }) => {
      const [device, friend] = [await site.device(), await site.friend()]
      await friend.write(device, "first")
      await device.fault({ kind: "corrupt", from: friend.phone })
      const took = sinceNow()
      const id = await friend.write(device, "spoiled")
      await device.until(id, ["delivered"])
      await until("the text", async () => (await device.message(id))?.content === "spoiled" ? true : undefined)
      const own = () => site.events().filter((event) => event.deviceId === device.deviceId && event.data["messageId"] === id)
      const told = await until("its event", () => own().find(({ type }) => type === "message.received"))
      expect(told.data["recovered"]).toBe(true)
      expect(own().map(({ type }) => type)).toEqual(["message.undecryptable", "message.received"])
      return { seen: "undecryptable, then recovered", recovery: took() }
    }
  },
  {
    row: "11c",
    fault: "a message came that the database refuses to take",
    expected: "put aside and told; what came before and after it is written",
    short: "MySQL",
    run: ({ alone }) =>
      alone(async (site) => {
        const [device, friend] = [await site.device(), await site.friend()]
        await site.store.run((sql) =>
          sql.unsafe(sql.onDialectOrElse({
            mysql: () =>
              `CREATE TRIGGER no_poison BEFORE INSERT ON messages FOR EACH ROW
                BEGIN IF NEW.content = 'poison' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '${refuse}'; END IF; END`,
            orElse: () =>
              `CREATE TRIGGER no_poison BEFORE INSERT ON messages WHEN NEW.content = 'poison' BEGIN SELECT RAISE(ABORT, '${refuse}'); END`
          }))
        )
        const before = await friend.write(device, "before")
        const { id } = await site.emulator.ask("POST", `/phones/${friend.phone}/messages`, { to: device.phone, text: "poison" })
        const took = sinceNow()
        const after = await friend.write(device, "after")
        await Promise.all([before, after].map((each) => device.until(each, ["delivered"])))
        const recovery = took()
        const told = await until("the event", () => site.events().find(({ type }) => type === "message.quarantined"))
        expect(told.data).toMatchObject({ messageIds: [id], reason: refuse })
        const [kept] = await site.store.run((sql) =>
          sql<{ readonly kind: string; readonly size: number }>`SELECT kind, LENGTH(value) AS size FROM inbound_journal WHERE id = ${Number(told.data["journalId"])}`)
        expect(kept?.kind).toBe("quarantined")
        expect(kept?.size).toBeGreaterThan(100)
        expect(await site.metric("whatsapp_journal_quarantined_total")).toBe(1)
        await device.works(friend)
        return { seen: "quarantined with an event; the others are written", recovery }
      })
  }
]
