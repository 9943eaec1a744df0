import { setTimeout as sleep } from "node:timers/promises"
import { Bare } from "./Bare.ts"
import type { Child } from "./Child.ts"
import type { Emulator } from "./Emulator.ts"
import { Spread } from "./Measured.ts"
import type { Options } from "./options.ts"
import { profiled } from "./profile.ts"
import type { Row } from "./Row.ts"
import { Service } from "./Service.ts"
import { forEach, range, until } from "./waiting.ts"

const MiB = 2 ** 20
const memoryBound = { value: 3 }
const restartBound = { ratio: 1.5 }
/** of the event loop's delay while all devices come back, in milliseconds */
const delayBound = { value: 200 }

interface Settled {
  readonly rss: number
  readonly heap: number
}

interface Return {
  /** seconds from the signal to the end of the process, and from then until all devices are connected */
  readonly stopping: number
  readonly starting: number
  /** of the event loop since the process began, in milliseconds */
  readonly delayP50: number
  readonly delayP99: number
  readonly delayMax: number
  readonly ownDelayP99: number
}

/** One side: a program whose devices outlive its process. */
interface Resident {
  readonly phones: (count: number) => ReadonlyArray<string>
  readonly link: (phones: ReadonlyArray<string>) => Promise<unknown>
  readonly start: (devices: number) => Promise<unknown>
  readonly stop: () => Promise<unknown>
  readonly child: () => Child
}

/** Memory of idle devices, and how long they take to come back after a restart. */
export const residing = async (options: Options, emulator: Emulator, tell: (line: string) => void): Promise<ReadonlyArray<Row>> => {
  const service = await Service.make(emulator)
  const bare = new Bare(emulator)
  const residents: Record<"service" | "bare", Resident> = {
    service: {
      phones: phonesOf("62813000"),
      link: (phones) => forEach(phones, 8, (phone) => service.pair(phone)),
      start: () => service.start(),
      stop: () => service.stop(),
      child: () => service.child
    },
    bare: {
      phones: phonesOf("62814000"),
      link: async (phones) => {
        await bare.open(phones)
        await bare.child.quiet()
        await bare.save()
      },
      start: async (devices) => {
        await bare.start()
        await bare.open(residents.bare.phones(devices))
      },
      stop: () => bare.stop(),
      child: () => bare.child
    }
  }
  try {
    const ofService = await reside("service", residents.service, options, emulator, tell)
    const ofBare = await reside("bare Baileys", residents.bare, options, emulator, tell)
    const rows: Array<Row> = []
    if (options.only.has("memory")) {
      for (const [index, devices] of options.devices.entries()) {
        const each = (of: typeof ofService, what: keyof Settled) =>
          new Spread([(of.settled[index + 1]![what] - of.settled[0]![what]) / devices / MiB])
        rows.push(
          { what: `memory per idle device, ${devices} devices`, unit: "MiB", service: each(ofService, "rss"), bare: each(ofBare, "rss"), bound: memoryBound },
          { what: "  of it heap", unit: "MiB", service: each(ofService, "heap"), bare: each(ofBare, "heap") }
        )
      }
      const base = (of: typeof ofService) => new Spread([of.settled[0]!.rss / MiB])
      rows.push({ what: "memory without devices", unit: "MiB", service: base(ofService), bare: base(ofBare) })
    }
    if (options.only.has("restart")) {
      const spread = (value: (one: Return) => number) => ({
        service: new Spread(ofService.returns.map(value)),
        bare: new Spread(ofBare.returns.map(value))
      })
      rows.push(
        { what: `restart with ${options.devices[1]} devices`, unit: "s", ...spread((one) => one.stopping + one.starting), bound: restartBound },
        { what: "  of it stopping", unit: "s", ...spread((one) => one.stopping) },
        { what: "  event loop delay, p50", unit: "ms", ...spread((one) => one.delayP50) },
        { what: "  event loop delay, p99", unit: "ms", ...spread((one) => one.delayP99), bound: delayBound },
        { what: "  of it by its own work, p99", unit: "ms", ...spread((one) => one.ownDelayP99) },
        { what: "  event loop delay, longest", unit: "ms", ...spread((one) => one.delayMax) }
      )
    }
    return rows
  } finally {
    await Promise.all([service.remove(), bare.remove()])
  }
}

const reside = async (name: string, resident: Resident, options: Options, emulator: Emulator, tell: (line: string) => void) => {
  const settled: Array<Settled> = []
  const returns: Array<Return> = []
  await resident.start(0)
  settled.push(await settle(resident.child()))
  let linked = 0
  for (const devices of options.devices) {
    tell(`${name}: linking ${devices} devices`)
    const phones = resident.phones(devices)
    const added = phones.slice(linked)
    await emulator.addPhones(added)
    await resident.link(added)
    await resident.child().quiet()
    linked = devices
    // a process that has only brought its devices back, without what linking them left behind
    const times = devices === options.devices[1] && options.only.has("restart") ? options.restarts : 1
    for (const time of range(1, times + 1)) {
      tell(`${name}: restart with ${devices} devices, ${time} of ${times}`)
      const back = await restart(resident, new Set(phones), emulator)
      if (devices === options.devices[1]) returns.push(back)
    }
    settled.push(await settle(resident.child()))
  }
  if (options.profile) {
    await resident.stop()
    const all = new Set(resident.phones(linked))
    const starting = resident.start(linked)
    const back = () => Promise.all([starting, allOnline(all, emulator)])
    const shown = await profiled(`restart-${name.replace(" ", "-")}`, resident.child(), back)
    tell(`profile of a start with ${linked} devices, ${name}:\n${shown}\n`)
  }
  await resident.stop()
  return { settled, returns }
}

const phonesOf = (prefix: string) => (count: number) => range(0, count).map((n) => `${prefix}${1000 + n}`)

const allOnline = (phones: ReadonlySet<string>, emulator: Emulator) =>
  until("all devices to be connected", async () => await emulator.online(phones) === phones.size, { within: 300_000 })

const restart = async (resident: Resident, phones: ReadonlySet<string>, emulator: Emulator): Promise<Return> => {
  const begun = performance.now()
  await resident.stop()
  const stopped = performance.now()
  if (await emulator.online(phones) > 0) await until("all devices to be gone", async () => await emulator.online(phones) === 0)
  const started = performance.now()
  const starting = resident.start(phones.size)
  await allOnline(phones, emulator)
  const back = performance.now()
  await starting
  const { delayMax, delayP50, delayP99, ownDelayP99 } = await resident.child().figures()
  return { stopping: (stopped - begun) / 1000, starting: (back - started) / 1000, delayP50, delayP99, delayMax, ownDelayP99 }
}

/** Memory when everything that could be collected has been. */
const settle = async (child: Child): Promise<Settled> => {
  await child.quiet()
  for (const _ of range(0, 3)) {
    await child.ask("collect")
    await sleep(500)
  }
  const { heap, rss } = await child.figures()
  return { heap, rss }
}
