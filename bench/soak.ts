import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { parseArgs } from "node:util"
import { Emulator } from "./Emulator.ts"
import { withDatabase } from "./mysql.ts"
import type { Holdings } from "./probe.ts"
import { Service } from "./Service.ts"
import { Trend } from "./Trend.ts"
import { forEach, range, until } from "./waiting.ts"

const usage = `Usage: npm run soak -- [options]

  --minutes N      of steady traffic (30)
  --devices N      (100)
  --rate N         messages a second, half of them each way (20)
  --reconnects N   of one device, afterwards (400)
  --snapshots DIR  writes heap snapshots when sampling begins and ends, to see what grows in between
  --mysql          on MySQL at TEST_MYSQL_URL instead of SQLite`

const options = (() => {
  try {
    const { values } = parseArgs({
      options: {
        minutes: { type: "string", default: "30" },
        devices: { type: "string", default: "100" },
        rate: { type: "string", default: "20" },
        reconnects: { type: "string", default: "400" },
        snapshots: { type: "string" },
        mysql: { type: "boolean", default: false }
      }
    })
    const { devices, minutes, mysql, rate, reconnects, snapshots } = values
    return { minutes: Number(minutes), devices: Number(devices), rate: Number(rate), reconnects: Number(reconnects), snapshots, mysql }
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}\n`)
    process.exit(2)
  }
})()

const MiB = 2 ** 20
const contacts = range(0, 20).map((n) => `62857000${1000 + n}`)
const contactsEach = 3
const connections = 8
const cutEvery = 2000
const samples = 60

/** What may grow by how much: an hour under traffic, and over the reconnects. */
const quantities: ReadonlyArray<{
  readonly name: string
  readonly unit: string
  readonly of: (holdings: Holdings) => number
  readonly anHour: number
  readonly overReconnects: number | undefined
}> = [
  { name: "heap after GC", unit: "MiB", of: ({ heap }) => heap / MiB, anHour: 8, overReconnects: 2 },
  { name: "RSS", unit: "MiB", of: ({ rss }) => rss / MiB, anHour: 24, overReconnects: undefined },
  { name: "buffers", unit: "MiB", of: ({ external }) => external / MiB, anHour: 4, overReconnects: 1 },
  { name: "handles", unit: "", of: ({ handles }) => Object.values(handles).reduce((sum, count) => sum + count, 0), anHour: 20, overReconnects: 10 },
  { name: "listeners", unit: "", of: ({ listeners }) => listeners, anHour: 50, overReconnects: 20 },
  { name: "event emitters", unit: "", of: ({ emitters }) => emitters, anHour: 100, overReconnects: 40 },
  { name: "event loop delay, p99", unit: "ms", of: ({ delayP99 }) => delayP99, anHour: 10, overReconnects: undefined }
]

const say = (text: string) => process.stdout.write(`${text}\n`)
const started = performance.now()
const tell = (line: string) => process.stderr.write(`${((performance.now() - started) / 1000).toFixed(0).padStart(6)} s  ${line}\n`)
const random = <A>(all: ReadonlyArray<A>): A => all[Math.floor(Math.random() * all.length)]!

interface Device {
  readonly phone: string
  readonly deviceId: string
  readonly contacts: ReadonlyArray<string>
}

/** Something over and over, at a steady pace, whether the last time has ended or not; a failure ends it all. */
const steadily = (pace: number, work: () => Promise<unknown>) => {
  const failed = Promise.withResolvers<never>()
  const timer = setInterval(() => void work().catch(failed.reject), pace)
  return { failed: failed.promise, stop: () => clearInterval(timer) }
}

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows
    .map((row) => row.map((cell, column) => column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join("  ").trimEnd())
    .join("\n")
}
const number = (value: number) => value.toFixed(Math.abs(value) < 10 ? 2 : 0)

/** Steady traffic and drops. Answers whether everything stayed flat. */
const soak = async (service: Service, emulator: Emulator, devices: ReadonlyArray<Device>): Promise<boolean> => {
  let count = 0
  const pace = 2000 / options.rate
  const works = [
    steadily(pace, () => {
      const { contacts, deviceId } = random(devices)
      return service.accept(deviceId, random(contacts), `message ${++count}`)
    }),
    steadily(pace, () => {
      const { contacts, phone } = random(devices)
      return emulator.send(random(contacts), phone, `hello ${++count}`)
    }),
    steadily(cutEvery, () => emulator.cut(random(devices).phone))
  ]
  const snapshot = async (name: string) => {
    if (options.snapshots !== undefined) await service.child.ask("saveSnapshot", { file: join(options.snapshots, `${name}.heapsnapshot`) })
  }
  const taken: Array<readonly [hours: number, holdings: Holdings]> = []
  const sampling = async () => {
    const begun = performance.now()
    // what fills caches up to their bounds and compiles code is no growth
    const warmUp = Math.max(30_000, options.minutes * 60_000 * 0.25)
    tell(`${options.minutes} minutes of traffic, of which the first ${(warmUp / 60_000).toFixed(1)} are not looked at`)
    await sleep(warmUp)
    await snapshot("first")
    await service.child.holdings()
    const every = Math.max(1000, (options.minutes * 60_000 - warmUp) / samples)
    while (performance.now() - begun < options.minutes * 60_000) {
      await sleep(every)
      const holdings = await service.child.holdings()
      taken.push([(performance.now() - begun) / 3_600_000, holdings])
      if (taken.length % 10 === 0) tell(quantities.map(({ name, of, unit }) => `${name} ${number(of(holdings))} ${unit}`.trim()).join(", "))
    }
    await snapshot("last")
  }
  try {
    await Promise.race([sampling(), ...works.map(({ failed }) => failed)])
  } finally {
    for (const { stop } of works) stop()
  }
  const rows = quantities.map(({ anHour, name, of, unit }) => {
    const trend = new Trend(taken.map(([hours, holdings]) => [hours, of(holdings)]))
    const { error, slope } = trend
    // a slope that chance alone may have made is no growth, and no proof of the contrary either
    const verdict = slope - 2 * error > anHour ? "GROWS" : slope + 2 * error <= anHour ? "flat" : "too short to tell"
    return { verdict, cells: [name, `${number(trend.first)} ${unit}`, `${number(trend.last)} ${unit}`, `${number(slope)} ± ${number(2 * error)}`, `≤ ${anHour}`, verdict] }
  })
  say(`\n${devices.length} devices, ${options.rate} messages a second, a connection cut every ${cutEvery / 1000} s, ${taken.length} samples\n`)
  say(table([["", "first", "last", "an hour", "bound", ""], ...rows.map(({ cells }) => cells)]))
  return rows.every(({ verdict }) => verdict !== "GROWS")
}

/** One device that is cut off again and again. Answers whether it left nothing behind. */
const reconnect = async (service: Service, emulator: Emulator, { deviceId, phone }: Device): Promise<boolean> => {
  const isOnline = async () => await emulator.online(new Set([phone])) === 1
  const again = async (times: number) => {
    for (const _ of range(0, times)) {
      await emulator.cut(phone)
      await until(`${phone} to be offline`, async () => !await isOnline(), { every: 5 })
      // asked for too early it is not heard: the service has not begun to wait yet
      await until(`${phone} to be online`, async () => {
        if (await isOnline()) return true
        await service.connect(deviceId)
        return false
      })
    }
    await service.child.quiet()
    return service.child.holdings()
  }
  tell(`${options.reconnects} reconnects of one device`)
  const before = await again(Math.ceil(options.reconnects / 4))
  const after = await again(options.reconnects)
  const rows = quantities.map(({ name, of, overReconnects, unit }) => {
    const [from, to] = [of(before), of(after)]
    const verdict = overReconnects === undefined ? "" : to - from <= overReconnects ? "flat" : "GROWS"
    return { verdict, cells: [name, `${number(from)} ${unit}`, `${number(to)} ${unit}`, number(to - from), overReconnects === undefined ? "" : `≤ ${overReconnects}`, verdict] }
  })
  say(`\n${options.reconnects} reconnects of one device\n`)
  say(table([["", "before", "after", "growth", "bound", ""], ...rows.map(({ cells }) => cells)]))
  return rows.every(({ verdict }) => verdict !== "GROWS")
}

const program = async (environment: Readonly<Record<string, string>>): Promise<boolean> => {
  const emulator = await Emulator.start()
  // few connections, which all are open soon: how many a client keeps is not the service's doing
  const service = await Service.make(emulator, environment, connections)
  try {
    await service.start()
    const phones = range(0, options.devices).map((n) => `62815000${1000 + n}`)
    await emulator.addPhones([...contacts, ...phones])
    tell(`linking ${phones.length} devices`)
    const devices: Array<Device> = []
    await forEach(phones, 4, async (phone) => {
      const deviceId = await service.pair(phone)
      devices.push({ phone, deviceId, contacts: range(0, contactsEach).map((n) => contacts[(devices.length + n) % contacts.length]!) })
    })
    const steady = await soak(service, emulator, devices)
    const lasting = options.reconnects === 0 || await reconnect(service, emulator, devices[0]!)
    await service.stop()
    return steady && lasting
  } finally {
    await service.remove()
    await emulator.stop()
  }
}

// what is left behind goes with the process: children and folders hear its end
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => process.listenerCount(signal) === 1 && process.exit(130))
}

const flat = options.mysql ? await withDatabase((url) => program({ DATABASE_URL: url })) : await program({})
say(flat ? "\nNothing grows." : "\nSomething grows.")
process.exitCode = flat ? 0 : 1
