import { expect } from "vitest"
import { until } from "../support/process.ts"
import type { Site } from "./Site.ts"

const rank: Readonly<Record<string, number>> = { pending: 0, failed: 1, cancelled: 1, sent: 2, delivered: 3, read: 4 }
const isOut = (status: string) => (rank[status] ?? 0) >= 2

/** What must hold of a service after anything at all has happened to it. */
export const assertInvariants = async (site: Site): Promise<void> => {
  const { devices, emulator, friends, store } = site
  const shownTo = new Map<string, ReadonlyArray<{ readonly id: string; readonly from: string }>>()
  for (const friend of friends) shownTo.set(friend.phone, await friend.shown())

  for (const device of devices) {
    const rows = device.off ? await store.messages(device.deviceId) : await settled(site, device.deviceId)
    const outgoing = new Map(rows.filter((row) => row.direction === "outgoing").map((row) => [row.messageId, row]))
    for (const { messageId } of device.accepted) expect(outgoing.has(messageId), `${messageId} is stored`).toBe(true)
    for (const friend of friends) {
      const there = (await friend.shown()).filter(({ from }) => from === device.phone).map(({ id }) => id)
      expect(new Set(there).size, `${friend.phone} sees each message once`).toBe(there.length)
      const sent = device.accepted.filter(({ to }) => to === friend.phone).map(({ messageId }) => messageId)
      expect(there.filter((id) => !sent.includes(id)), `${friend.phone} sees only what was accepted`).toEqual([])
      const missing = sent.filter((id) => isOut(outgoing.get(id)?.status ?? "") && !there.includes(id))
      expect(missing, `what ${device.deviceId} calls sent is at ${friend.phone}`).toEqual([])
    }

    const incoming = rows.filter((row) => row.direction === "incoming").map((row) => row.messageId)
    for (const friend of friends) {
      for (const { id } of friend.written.filter(({ to }) => to === device.deviceId)) {
        const { status } = await emulator.ask("GET", `/phones/${friend.phone}/status/${id}`)
        if (status === "sent") continue
        expect(incoming, `${id}, which WhatsApp was told we have`).toContain(id)
      }
    }
  }

  const events = site.events()
  const ids = events.map(({ id }) => id)
  expect(new Set(ids).size, "each event has one id").toBe(ids.length)
  for (const { deviceId } of devices) {
    const own = events.filter((event) => event.deviceId === deviceId)
    expect(own.map(({ sequence }) => sequence), `sequence of ${deviceId}`).toEqual(own.map((_, index) => index + 1))
    const received = own.filter(({ type }) => type === "message.received")
      .map(({ data }) => JSON.stringify([data["messageId"], data["chat"], data["participant"]]))
    expect(received.filter((one, index) => received.indexOf(one) !== index), "nothing is told twice").toEqual([])
    const reached = new Map<unknown, string>()
    for (const { data, type } of own) {
      if (type !== "message.status") continue
      const [before, status] = [reached.get(data["messageId"]), String(data["status"])]
      if (before !== undefined) expect(rank[status], `${String(data["messageId"])} after ${before}`).toBeGreaterThan(rank[before] ?? 0)
      reached.set(data["messageId"], status)
    }
  }

  const logs = site.logs()
  expect(logs).not.toMatch(/privKey|rootKey|chainKey|Closing session|<Buffer/)
  for (const secret of await store.secrets()) expect(logs.includes(secret), "key material in the log").toBe(false)
  for (const { accepted } of devices) expect(accepted.length).toBeLessThan(10_000)
}

/** A device that is connected has sent what it was given in the end. */
const settled = (site: Site, deviceId: string) =>
  until(`nothing of ${deviceId} to wait`, async () => {
    const rows = await site.store.messages(deviceId)
    return rows.some((row) => row.status === "pending") ? undefined : rows
  }, 90_000)

/** What must hold of everything that has spoken to one emulator. */
export const assertServer = async (emulator: Site["emulator"], devicesOff: ReadonlyArray<string> = []): Promise<void> => {
  const { unreadable } = await emulator.ask("GET", "/audit")
  expect(unreadable, "ciphertexts that nobody could read").toEqual([])
  const stats = await emulator.ask("GET", "/stats")
  expect(stats).toMatchObject({ emptyMessages: 0 })
  const { connections } = await emulator.ask("GET", "/")
  const live = connections.filter((each: { phone?: string }) => each.phone !== undefined)
    .map((each: { phone: string; device: number }) => `${each.phone}:${each.device}`)
  expect(new Set(live).size, "one live socket per device").toBe(live.length)
  expect(live.filter((each: string) => devicesOff.some((phone) => each.startsWith(`${phone}:`))), "no socket of what is off").toEqual([])
}
