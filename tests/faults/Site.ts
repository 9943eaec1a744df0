import type { EmulatorProcess } from "../support/emulatorProcess.ts"
import { until } from "../support/process.ts"
import { makeService, type SseEvent } from "../support/service.ts"
import { type Device, type DeviceOptions, makeDevice } from "./Device.ts"
import { type Friend, makeFriend } from "./Friend.ts"
import { encryptionKey, type Store } from "./Store.ts"

/** One service over its lives, the devices on it, and all the events that it has told. */
export const makeSite = async (parts: {
  readonly emulator: EmulatorProcess
  readonly store: Store
  readonly environment?: Readonly<Record<string, string>>
}) => {
  const { emulator, store } = parts
  const service = await makeService({
    ...emulator.environment,
    ...store.environment,
    NODE_ENV: "test",
    ENCRYPTION_KEY: encryptionKey,
    ...parts.environment
  })
  const events: Array<SseEvent> = []
  const devices: Array<Device> = []
  const friends: Array<Friend> = []
  let logs = ""
  let stream: ReturnType<typeof service.events> | undefined
  let copied = 0
  let before = 0

  const gather = () => {
    if (stream === undefined) return events
    for (const event of stream.received.slice(copied)) if (event.sequence !== undefined) events.push(event)
    copied = stream.received.length
    return events
  }
  const keepLog = () => {
    logs = (logs + service.output()).slice(-1_000_000)
  }
  const listen = async () => {
    gather()
    await stream?.close()
    stream = service.events(events.at(-1)?.id ?? 0)
    copied = 0
    const opened = stream
    await until("the event stream", () => opened.received.length > 0 || service.isOver() ? true : undefined)
  }
  const start = async (more: Readonly<Record<string, string>> = {}) => {
    before = gather().length
    await service.start(more)
    await listen()
  }
  /** A life that may end at this point at any time, even before it is ready. */
  const startUntil = async (failpoint: string) => {
    await start({ FAILPOINT: failpoint }).catch((error: unknown) =>
      service.ended(5000).catch(() => {
        throw error
      })
    )
  }
  /** The end of a life, however it came. */
  const over = async () => {
    await service.ended()
    keepLog()
    gather()
    await stream?.close()
    gather()
    stream = undefined
  }
  const end = async (signal: NodeJS.Signals) => {
    const code = await service.end(signal)
    await over()
    return code
  }

  const fault = (body: Readonly<Record<string, unknown>>) => emulator.ask("POST", "/faults", body)

  const friend = async (receipts: { readonly delivered?: boolean; readonly read?: boolean } = {}) => {
    const made = await makeFriend(emulator, receipts)
    friends.push(made)
    return made
  }

  const device = async (options: DeviceOptions = {}) => {
    const made = await makeDevice({ service, emulator, store, fault, events: gather, before: () => before }, options)
    devices.push(made)
    if (options.pair !== false) await made.pair()
    return made
  }

  const site = {
    service,
    store,
    encryptionKey,
    emulator,
    devices,
    friends,
    device,
    friend,
    fault,
    start,
    startUntil,
    isOver: service.isOver,
    end,
    over,
    /** everything told so far, in the order in which it came */
    events: () => gather(),
    logs: () => {
      keepLog()
      return logs
    },
    /** a number of the service's metrics */
    metric: async (name: string) => {
      const text = await (await fetch(`${service.url}/metrics`)).text()
      return Number(new RegExp(`^${name} (.*)$`, "m").exec(text)?.[1] ?? Number.NaN)
    },
    remove: async () => {
      await service.end("SIGKILL")
      await stream?.close()
      service.remove()
      await store.end()
    }
  }
  return site
}
export type Site = Awaited<ReturnType<typeof makeSite>>
