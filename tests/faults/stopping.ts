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
