import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect } from "vitest"
import { startTcpProxy } from "../support/tcpProxy.ts"
import { until } from "../support/process.ts"
import { base } from "./Device.ts"
import type { Row } from "./Row.ts"
import { sinceNow } from "./sinceNow.ts"
import { sqliteAt } from "./Store.ts"

const ready = async (url: string) => (await fetch(`${url}/health/ready`)).status

/** Another program holds the database's write lock in the middle of a conversation. */
const locked = (millis: number): Row["run"] => ({ alone }) =>
  alone(async (site) => {
    const [device, friend] = [await site.device(), await site.friend()]
    await device.works(friend)
    const { json } = await device.send(friend, "before the lock")
    const held = site.store.lock(millis)
    const took = sinceNow()
    const theirs = [await friend.write(device, "during the lock"), await friend.write(device, "and another")]
    // may have to wait for the lock, and then say so: what is not taken on is not owed
    const sends = [1, 2, 3].map((n) => device.send(friend, `during the lock ${n}`))
    await held
    const recovered = sinceNow()
    const answers = await Promise.all(sends)
    await device.stored(theirs)
    const ours = [json, ...answers.filter(({ status }) => status < 300).map((answer) => answer.json)]
    for (const { data } of ours) await device.until(data.messageId, ["sent", "delivered"], 120_000)
    const recovery = recovered()
    expect(took()).toBeGreaterThan(millis)
    await device.connected()
    await device.works(friend)
    return { seen: `${ours.length} of ${ours.length} taken on were sent once; both received`, recovery }
  })

export const database: ReadonlyArray<Row> = [
  { row: "13a", fault: "the database is locked for 1 s during traffic", expected: "everything is a second late", run: locked(1000) },
  { row: "13b", fault: "the database is locked for 5 s", expected: "everything is late, nothing is on the wire before its commit", short: "SQLite", run: locked(5000) },
  { row: "13c", fault: "the database is locked for 40 s", expected: "beyond 25 s the socket is given up; WhatsApp repeats, nothing is lost", run: locked(40_000) },
  {
    row: "13d",
    fault: "MySQL is gone for 20 s: connections cut, new ones refused",
    expected: "not ready; 503 at the API; all comes back",
    only: "MySQL",
    run: async (world) => {
      const proxy = { current: undefined as Awaited<ReturnType<typeof startTcpProxy>> | undefined }
      try {
        return await world.alone(async (site) => {
          const target = new URL(site.store.environment["DATABASE_URL"] ?? "")
          proxy.current = await startTcpProxy({ host: target.hostname, port: Number(target.port || 3306) })
          target.port = String(proxy.current.port)
          target.hostname = "127.0.0.1"
          await site.end("SIGTERM")
          const through = { DATABASE_URL: target.toString() }
          await site.start(through)
          const [device, friend] = [await site.device(), await site.friend()]
          await device.works(friend)
          proxy.current.refuse(true)
          const theirs = await friend.write(device, "while it is gone")
          await until("it not to be ready", async () => (await ready(site.service.url)) === 503 ? true : undefined)
          const refused = await device.send(friend, "nobody takes this on")
          expect(refused.status).toBe(503)
          await new Promise((resolve) => setTimeout(resolve, 20_000))
          proxy.current.refuse(false)
          const took = sinceNow()
          await until("it to be ready", async () => (await ready(site.service.url)) === 200 ? true : undefined, 60_000)
          await device.until(theirs, ["delivered"], 120_000)
          const recovery = took()
          await device.connected()
          await device.works(friend)
          return { seen: "not ready, 503, and back with everything", recovery }
        })
      } finally {
        proxy.current?.end()
      }
    }
  },
  {
    row: "14",
    fault: "every statement takes 5 ms more, traffic both ways in one chat",
    expected: "no counter is used twice: everything can be read",
    only: "MySQL",
    run: async (world) => {
      const proxy = { current: undefined as Awaited<ReturnType<typeof startTcpProxy>> | undefined }
      try {
        return await world.alone(async (site) => {
          const target = new URL(site.store.environment["DATABASE_URL"] ?? "")
          proxy.current = await startTcpProxy({ host: target.hostname, port: Number(target.port || 3306) })
          target.port = String(proxy.current.port)
          target.hostname = "127.0.0.1"
          await site.end("SIGTERM")
          await site.start({ DATABASE_URL: target.toString() })
          const [device, friend] = [await site.device(), await site.friend()]
          await device.works(friend)
          proxy.current.slow(5)
          const before = (await site.emulator.ask("GET", "/stats")).undecryptable
          const took = sinceNow()
          const both = Array.from({ length: 40 }, async (_, n) => {
            await device.send(friend, `mine ${n}`)
            return friend.write(device, `theirs ${n}`)
          })
          await device.stored(await Promise.all(both))
          for (const { messageId } of device.accepted) await device.until(messageId, ["sent", "delivered"], 120_000)
          expect((await site.emulator.ask("GET", "/stats")).undecryptable).toBe(before)
          return { seen: "40 + 40 messages, 0 unreadable", recovery: took() }
        })
      } finally {
        proxy.current?.end()
      }
    }
  },
  {
    row: "14b",
    fault: "another program takes the write lock for 5 ms again and again, traffic both ways in one chat",
    expected: "the same",
    only: "SQLite",
    run: ({ alone }) =>
      alone(async (site) => {
        const [device, friend] = [await site.device(), await site.friend()]
        await device.works(friend)
        const over = new AbortController()
        const disturbing = (async () => {
          while (!over.signal.aborted) {
            await site.store.lock(5).catch(() => undefined)
            await new Promise((resolve) => setTimeout(resolve, 5))
          }
        })()
        const before = (await site.emulator.ask("GET", "/stats")).undecryptable
        const both = Array.from({ length: 20 }, async (_, n) => {
          await device.send(friend, `mine ${n}`)
          return friend.write(device, `theirs ${n}`)
        })
        await Promise.all(both).then((theirs) => device.stored(theirs)).finally(() => over.abort())
        await disturbing
        for (const { messageId } of device.accepted) await device.until(messageId, ["sent", "delivered"], 120_000)
        expect((await site.emulator.ask("GET", "/stats")).undecryptable).toBe(before)
        return { seen: "20 + 20 messages, 0 unreadable" }
      })
  },
  {
    row: "15",
    fault: "the disk is full",
    expected: "not ready, 503 at the API, nothing acknowledged to WhatsApp that is not stored; recovers with the space",
    only: "SQLite",
    run: async (world) => {
      const disk = mkdtempSync(join(tmpdir(), "wa-disk-"))
      try {
        // needs root; where that is not to be had this row says so and proves nothing
        execFileSync("mount", ["-t", "tmpfs", "-o", "size=24m", "tmpfs", disk], { stdio: "ignore" })
      } catch {
        rmSync(disk, { recursive: true })
        return { seen: "not run: a small disk cannot be mounted here" }
      }
      const filler = join(disk, "filler")
      try {
        return await world.alone(async (site) => {
          const [device, friend] = [await site.device(), await site.friend()]
          await device.works(friend)
          for (let size = 24; size > 0; size--) {
            try {
              writeFileSync(filler, Buffer.alloc(size * 2 ** 20))
              break
            } catch {
              rmSync(filler, { force: true })
            }
          }
          // the rest of the last megabyte
          for (let n = 0, more = true; more && n < 5000; n++) {
            try {
              writeFileSync(filler, Buffer.alloc(4096), { flag: "a" })
            } catch {
              more = false
            }
          }
          const since = device.now()
          await until("it not to be ready", async () => (await ready(site.service.url)) === 503 ? true : undefined, 30_000)
          const refused = await device.send(friend, "there is no room for this")
          expect(refused.status).toBe(503)
          const theirs: Array<string> = []
          for (let n = 0; n < 5; n++) theirs.push(await friend.write(device, `into the full disk ${n}`))
          await new Promise((resolve) => setTimeout(resolve, 8000))
          const acknowledged = await Promise.all(theirs.map((id) => site.emulator.ask("GET", `/phones/${friend.phone}/status/${id}`)))
          expect(acknowledged.map(({ status }) => status)).toEqual(theirs.map(() => "sent"))
          rmSync(filler)
          const took = sinceNow()
          await until("it to be ready", async () => (await ready(site.service.url)) === 200 ? true : undefined, 30_000)
          await device.stored(theirs)
          const recovery = took()
          await device.connected()
          await device.works(friend)
          expect(device.now()).toBeGreaterThan(since)
          return { seen: "503, not ready, 0 of 5 acknowledged; then all 5 stored", recovery }
        }, { database: sqliteAt(join(disk, "whatsapp.db")), environment: { WA_STORAGE_PATIENCE: "3s" } })
      } finally {
        execFileSync("umount", ["-l", disk], { stdio: "ignore" })
        rmSync(disk, { recursive: true, force: true })
      }
    }
  },
  {
    row: "16",
    fault: "the row of a device's credentials is damaged",
    expected: "that device says so and overwrites nothing; the others go on",
    short: true,
    run: async ({ site }) => {
      const [device, other, friend] = [await site.device(), await site.device(), await site.friend()]
      const { deviceId } = device
      await device.works(friend)
      const since = device.now()
      const rows = () => site.store.run((sql) => sql`SELECT type, id, value FROM auth_state WHERE device_id = ${deviceId} ORDER BY type, id`)
      await site.store.run((sql) => sql`UPDATE auth_state SET value = ${Buffer.from("00112233", "hex")} WHERE device_id = ${deviceId} AND type = 'creds'`)
      const before = await rows()
      await device.breakNow("reset")
      device.off = true
      expect(await device.reached("credentials_unreadable", since)).toMatchObject({ status: "disconnected", retryAt: null })
      await device.connect()
      expect(await device.status()).toMatchObject({ status: "disconnected", reason: "credentials_unreadable" })
      expect(await rows()).toEqual(before)
      expect((await device.send(friend, "waits")).json.data.status).toBe("pending")
      await other.works(friend)
      return { seen: "credentials_unreadable; no row changed" }
    }
  },
  {
    row: "60",
    fault: "another encryption key, without the earlier one",
    expected: "devices of the old key say so and keep their rows; a new one works; with the old key all do",
    run: ({ alone }) =>
      alone(async (site) => {
        const [device, friend] = [await site.device(), await site.friend()]
        await device.works(friend)
        const rows = () => site.store.run((sql) => sql`SELECT type, id, value FROM auth_state WHERE device_id = ${device.deviceId} ORDER BY type, id`)
        await site.end("SIGTERM")
        const before = await rows()
        const key = "quite another key of thirty-two characters"
        const since = device.now()
        await site.start({ ENCRYPTION_KEY: key })
        await device.reached("credentials_unreadable", since)
        const newer = await site.device()
        await newer.works(friend)
        expect(await rows()).toEqual(before)
        await site.end("SIGTERM")
        await site.start({ ENCRYPTION_KEY: key, ENCRYPTION_KEY_PREVIOUS: site.encryptionKey })
        await site.service.ask("POST", `${base}/${device.deviceId}/connect`)
        await device.connected()
        await device.works(friend)
        await newer.connected()
        await newer.works(friend)
        return { seen: "credentials_unreadable, nothing overwritten; back with ENCRYPTION_KEY_PREVIOUS" }
      })
  }
]
