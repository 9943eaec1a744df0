import { expect } from "vitest"
import { until } from "../support/process.ts"
import { base } from "./Device.ts"
import type { Row } from "./Row.ts"
import { sinceNow } from "./sinceNow.ts"

export const stopping: ReadonlyArray<Row> = [
  {
    row: "54",
    fault: "SIGTERM under load, both ways",
    expected: "stops within 20 s; nothing lost, at most what was in flight goes out again under its id",
    short: "MySQL",
    run: ({ alone }) =>
      alone(async (site) => {
        const devices = await Promise.all([site.device(), site.device(), site.device()])
        const friend = await site.friend()
        for (const device of devices) await device.works(friend)
        const sends = devices.flatMap((device) =>
          Array.from({ length: 15 }, (_, n) => device.send(friend, `under way ${n}`)))
        const answers = await Promise.all(sends)
        expect(answers.every(({ status }) => status < 300)).toBe(true)
        await Promise.all(devices.flatMap((device) => [1, 2, 3, 4, 5].map((n) => friend.write(device, `meanwhile ${n}`))))
        const stopped = sinceNow()
        expect(await site.end("SIGTERM")).toBe(0)
        const stop = stopped()
        expect(stop).toBeLessThan(20_000)
        const took = sinceNow()
        await site.start()
        for (const device of devices) await device.connected()
        const sent = answers.map(({ json }) => json.data.messageId)
        await until("all to be shown", async () => {
          const shown = new Set((await friend.shown()).map(({ id }) => id))
          return sent.every((id) => shown.has(id)) ? true : undefined
        }, 60_000)
        return { seen: `stopped after ${(stop / 1000).toFixed(1)} s; 45 of 45 shown once`, recovery: took() }
      })
  },
  {
    row: "54b",
    fault: "SIGTERM at twenty moments, with requests, messages both ways and event streams open",
    expected: "each time it stops in order, and never by force; nothing lost, nothing doubled",
    run: ({ alone, full }) =>
      alone(async (site) => {
        const devices = await Promise.all([site.device(), site.device(), site.device()])
        const friend = await site.friend()
        for (const device of devices) await device.works(friend)
        const stops: Array<number> = []
        const written: Array<Promise<string>> = []
        for (let round = 0; round < (full ? 20 : 5); round++) {
          const streams = [1, 2, 3].map(() => site.service.events())
          const waiting: Array<Promise<unknown>> = []
          const traffic = setInterval(() => {
            const device = devices[waiting.length % devices.length]!
            const how = waiting.length % 2 === 0 ? "?wait=sent&timeout=20" : "?wait=accepted"
            // what the stop cuts off has no answer: what is stored was taken on, and is counted below
            waiting.push(device.send(friend, `${round}.${waiting.length}`, how).catch(() => undefined))
            written.push(friend.write(device, `${round}: ${written.length}`))
          }, 40)
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 2500))
          const took = sinceNow()
          const code = await site.end("SIGTERM")
          stops.push(took())
          clearInterval(traffic)
          await Promise.all([...streams.map((stream) => stream.close()), ...waiting])
          expect(code, `stop ${round}, after ${took().toFixed(0)} ms`).toBe(0)
          await site.start()
        }
        for (const device of devices) {
          await device.connected()
          const taken = (await site.store.messages(device.deviceId)).filter(({ direction }) => direction === "outgoing")
          for (const { messageId } of taken) {
            if (!device.accepted.some((each) => each.messageId === messageId)) device.accepted.push({ messageId, to: friend.phone })
          }
        }
        await Promise.all(written)
        for (const device of devices) await device.stored(friend.written.filter(({ to }) => to === device.deviceId).map(({ id }) => id))
        return { seen: `${stops.length} of ${stops.length} in order, the longest in ${(Math.max(...stops) / 1000).toFixed(1)} s` }
      })
  },
  {
    row: "55",
    fault: "SIGTERM twice; SIGKILL (out of memory)",
    expected: "ends at once, and the next start takes up what was left",
    run: ({ alone }) =>
      alone(async (site) => {
        const [device, friend] = [await site.device(), await site.friend()]
        await device.works(friend)
        for (const end of ["twice", "killed"]) {
          const { json } = await device.send(friend, `before ${end}`)
          const took = sinceNow()
          if (end === "killed") await site.end("SIGKILL")
          else {
            site.service.signal("SIGTERM")
            site.service.signal("SIGTERM")
            await site.over()
          }
          expect(took()).toBeLessThan(10_000)
          await site.start()
          await device.connected()
          await device.until(json.data.messageId, ["sent", "delivered"])
        }
        return { seen: "ended at once; both messages shown once" }
      })
  },
  {
    row: "57a",
    fault: "a device is deleted while it sends",
    expected: "gone with its keys; nothing writes them again; nothing is shown twice",
    run: ({ alone }) =>
      alone(async (site) => {
        const [device, other, friend] = [await site.device(), await site.device(), await site.friend()]
        await device.works(friend)
        await Promise.all(Array.from({ length: 10 }, (_, n) => device.send(friend, `to the last ${n}`)))
        // its rows go with it: what was shown by then is what it had sent
        device.off = true
        const answer = await site.service.call("DELETE", `${base}/${device.deviceId}`)
        expect(answer.status).toBe(200)
        device.accepted.length = 0
        const shown = await friend.shown()
        site.devices.splice(site.devices.indexOf(device), 1)
        expect(new Set(shown.map(({ id }) => id)).size).toBe(shown.length)
        await other.works(friend)
        for (const table of ["auth_state", "inbound_journal", "whatsapp_sessions"]) {
          const rows = await site.store.run((sql) => sql`SELECT device_id FROM ${sql(table)} WHERE device_id = ${device.deviceId}`)
          expect(rows, table).toEqual([])
        }
        expect((await site.service.call("GET", `${base}/${device.deviceId}/status`)).status).toBe(404)
        const { connections } = await site.emulator.ask("GET", "/")
        expect(connections.filter(({ phone }: { readonly phone?: string }) => phone === device.phone)).toEqual([])
        expect((await site.emulator.ask("GET", `/phones/${device.phone}`)).linked).toEqual([])
        return { seen: "no row, no socket, unlinked on the phone" }
      })
  },
  {
    row: "57b",
    fault: "a device is deleted while it is being paired",
    expected: "gone with its keys, and no ghost comes of it",
    run: ({ alone }) =>
      alone(async (site) => {
        const device = await site.device({ pair: false })
        await device.connect()
        const scan = device.scan().catch(() => undefined)
        const answer = await site.service.call("DELETE", `${base}/${device.deviceId}`)
        expect(answer.status).toBe(200)
        await scan
        site.devices.length = 0
        const other = await site.device()
        await other.works(await site.friend())
        for (const table of ["auth_state", "inbound_journal", "whatsapp_sessions"]) {
          const rows = await site.store.run((sql) => sql`SELECT device_id FROM ${sql(table)} WHERE device_id = ${device.deviceId}`)
          expect(rows, table).toEqual([])
        }
        const { connections } = await site.emulator.ask("GET", "/")
        expect(connections.filter(({ phone }: { readonly phone?: string }) => phone === device.phone)).toEqual([])
        const { linked } = await site.emulator.ask("GET", `/phones/${device.phone}`)
        return { seen: `no row, no socket${linked.length > 0 ? "; the phone still lists it, since it linked what was gone" : ""}` }
      })
  }
]
