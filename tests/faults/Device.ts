import { expect } from "vitest"
import type { EmulatorProcess } from "../support/emulatorProcess.ts"
import { until } from "../support/process.ts"
import type { Service, SseEvent } from "../support/service.ts"
import type { Friend } from "./Friend.ts"
import { newNumber } from "./numbers.ts"
import type { Store } from "./Store.ts"

export const base = "/api/whatsapp-multi-device/devices"

export interface DeviceOptions {
  readonly proxyUrl?: string
  /** false: it is made, and not paired */
  readonly pair?: boolean
}

/** One WhatsApp account on a service, with its phone at the emulator. */
export const makeDevice = async (
  at: {
    readonly service: Service
    readonly emulator: EmulatorProcess
    readonly store: Store
    readonly fault: (body: Readonly<Record<string, unknown>>) => Promise<unknown>
    readonly events: () => ReadonlyArray<SseEvent>
    /** how many of them are of earlier lives of the service */
    readonly before: () => number
  },
  options: DeviceOptions
) => {
  const { before, emulator, events, fault, service, store } = at
  const phone = newNumber()
  const deviceId = `d${phone}`
  const accepted: Array<{ readonly messageId: string; readonly to: string }> = []
  await emulator.ask("POST", "/phones", { phone })
  const proxy = options.proxyUrl === undefined ? {} : { proxyUrl: options.proxyUrl }
  await service.ask("POST", base, { deviceId, deviceName: deviceId, ...proxy })

  const status = () => service.ask("GET", `${base}/${deviceId}/status`)
  /** As the events of this life tell it: they come a moment after the API says so. */
  const connected = (within = 60_000) =>
    until(`${deviceId} to be connected`, () => states(before()).at(-1)?.status === "connected" ? true : undefined, within)
  const states = (since = 0) =>
    events().slice(since)
      .filter((event) => event.type === "device-status" && event.deviceId === deviceId)
      .map(({ data }) => ({ status: data["status"], reason: data["reason"], retryAt: data["retryAt"] }))
  const made = {
    deviceId,
    phone,
    accepted,
    /** whether it is meant to be connected when all is over */
    off: false,
    status,
    connected,
    states,
    /** a point in the events */
    now: () => events().length,
    reached: (reason: string, since: number, within?: number) =>
      until(`${deviceId} to be ${reason}`, () => states(since).find((told) => told.reason === reason), within),
    /** connected again after having been something else */
    back: (since: number, within = 60_000) =>
      until(`${deviceId} to be back`, () => {
        const told = states(since)
        return told.length > 1 && told.at(-1)?.status === "connected" ? told : undefined
      }, within),
    connect: () => service.ask("POST", `${base}/${deviceId}/connect`),
    scan: async () => {
      const { qr } = await until(`the QR code of ${deviceId}`, () => service.ask("GET", `${base}/${deviceId}/qr`), 40_000)
      return emulator.ask("POST", `/phones/${phone}/scan`, { qr })
    },
    pair: async () => {
      await made.connect()
      await made.scan()
      await connected()
    },
    /** sends and says what the API answered; what it took on is remembered */
    send: async (to: Friend, message: string, query = "?wait=accepted") => {
      const answer = await service.call("POST", `${base}/${deviceId}/send-message${query}`, { phone: to.phone, message })
      if (answer.status < 300) accepted.push({ messageId: answer.json.data.messageId, to: to.phone })
      return answer
    },
    message: async (messageId: string) => (await store.messages(deviceId)).find((row) => row.messageId === messageId),
    until: (messageId: string, statuses: ReadonlyArray<string>, within = 60_000) =>
      until(`${messageId} to be ${statuses.join(" or ")}`, async () => {
        const row = await made.message(messageId)
        return row !== undefined && statuses.includes(row.status) ? row : undefined
      }, within, 100),
    /** all of them are there: one look for many messages */
    stored: (ids: ReadonlyArray<string>, within = 120_000) =>
      until(`${ids.length} messages to be stored`, async () => {
        const there = new Set((await store.messages(deviceId)).filter(({ content }) => content !== null).map(({ messageId }) => messageId))
        return ids.every((id) => there.has(id)) ? true : undefined
      }, within, 250),
    breakNow: (how: string) => fault({ kind: "break", phone, how }),
    streamError: (body: Readonly<Record<string, unknown>>) => fault({ kind: "stream-error", phone, ...body }),
    fault: (body: Readonly<Record<string, unknown>>) => fault({ phone, times: 1, ...body }),
    /** the linked device's number at the emulator */
    number: async () => (await emulator.ask("GET", `/phones/${phone}`)).linked.at(-1)?.number as number,
    /** sends one more, which arrives once */
    works: async (to: Friend) => {
      const text = `works ${accepted.length}`
      const answer = await made.send(to, text, "?wait=sent&timeout=45")
      expect(answer.status, JSON.stringify(answer.json)).toBe(200)
      await until("it to be shown", async () => (await to.shown()).some((shown) => shown.text === text) ? true : undefined, undefined, 100)
    }
  }
  return made
}

export type Device = Awaited<ReturnType<typeof makeDevice>>
