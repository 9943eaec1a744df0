import { availableParallelism, cpus, loadavg } from "node:os"
import { parseArgs } from "node:util"
import { Child } from "./Child.ts"
import { Emulator } from "./Emulator.ts"
import { measured, Spread } from "./Measured.ts"
import { profiled } from "./profile.ts"
import { type Arrivals, Receiver } from "./Receiver.ts"
import { holds, type Row, table } from "./Row.ts"
import { Service } from "./Service.ts"
import { forEach, range, until } from "./waiting.ts"

const parts = ["delay", "rate", "dead", "streams"] as const
const { values: options } = parseArgs({
  options: {
    only: { type: "string", default: parts.join(",") },
    seconds: { type: "string", default: "10" },
    rate: { type: "string", default: "1000" },
    messages: { type: "string", default: "200" },
    clients: { type: "string", default: "2000" },
    profile: { type: "boolean", default: false }
  }
})
const usage = `Usage: npm run bench:webhooks -- [options]

  --only PARTS   some of ${parts.join(",")}
  --seconds N    of each measurement (10)
  --rate N       events a second, and deliveries to many endpoints a second (1000)
  --messages N   messages a second that come through WhatsApp (200)
  --clients N    of the event stream (2000)
  --profile      one more round at the rate under the profiler, and where its time goes`
const asked = new Set(options.only.split(","))
const seconds = Number(options.seconds)
const rate = Number(options.rate)
const messages = Number(options.messages)
const clients = Number(options.clients)
if (![seconds, rate, messages, clients].every((value) => value >= 1) || ![...asked].every((part) => parts.some((known) => known === part))) {
  process.stderr.write(`${usage}\n`)
  process.exit(2)
}

const started = performance.now()
const tell = (line: string) => process.stderr.write(`${((performance.now() - started) / 1000).toFixed(1).padStart(6)} s  ${line}\n`)
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130))

/** Endpoints of the second measurement at the rate, and their users' streams. */
const endpoints = 50
const streamsEach = 100
/** Seconds that the last delivery may come after the last event: the log is looked at once a second for events of other processes. */
const lagBound = { value: 2 }

const emulator = await Emulator.start()
const receiver = await Receiver.start()
const service = await Service.make(emulator, { WEBHOOK_ALLOW_PRIVATE: "true" })
await service.start()
const emitter = new Child("emitter", "bench/emitterProgram.ts", [], { EMITTER_DATABASE: service.database })
await emitter.ready
const emit = async (devices: ReadonlyArray<string>, each: number, count: number) =>
  await emitter.ask("emit", { devices, rate: each, count }) as { readonly seconds: number }

const single = (value: number) => new Spread([value])
const rows: Array<Row> = []

const friends = range(0, 20).map((n) => `62857${1000 + n}`)

/** Messages come in at an even pace, however long the ones before take. */
const converse = async (to: string, each: number): Promise<Arrivals> => {
  const count = each * seconds
  const began = performance.now()
  await Promise.all(range(0, count).map(async (index) => {
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, began + index * 1000 / each - performance.now())))
    await emulator.send(friends[index % friends.length]!, to, `${Date.now()}`)
  }))
  return await receiver.take(count)
}
const quantile = (values: ReadonlyArray<number>, of: number) => values.toSorted((a, b) => a - b)[Math.floor(of * (values.length - 1))]!
const delays = (arrivals: Arrivals) => arrivals.map(({ at, written }) => at - written)
const wholeDelays = (arrivals: Arrivals) => arrivals.map(({ at, said }) => at - said)

if (asked.has("delay") || asked.has("dead")) {
  const phone = "6285811100001"
  await emulator.addPhones([phone, ...friends])
  tell("linking a device and warming up")
  const deviceId = await service.pair(phone)
  const live = await service.addWebhook(receiver.url("/live"), deviceId)
  await converse(phone, Math.min(50, messages))
  if (asked.has("delay")) {
    tell(`${messages} messages a second for ${seconds} s`)
    const arrivals = await converse(phone, messages)
    const what = `at ${messages} messages/s, from the event`
    rows.push(
      { what: `webhook ${what}, p50`, unit: "ms", service: single(quantile(delays(arrivals), 0.5)), bound: { value: 20 } },
      { what: `webhook ${what}, p99`, unit: "ms", service: single(quantile(delays(arrivals), 0.99)), bound: { value: 150 } },
      { what: "  from WhatsApp's sending, p50", unit: "ms", service: single(quantile(wholeDelays(arrivals), 0.5)) },
      { what: "  from WhatsApp's sending, p99", unit: "ms", service: single(quantile(wholeDelays(arrivals), 0.99)) }
    )
  }
  if (asked.has("dead")) {
    const each = Math.max(1, Math.floor(messages / 10))
    tell(`${each} messages a second to a live endpoint, alone and beside one that never answers`)
    const alone = delays(await converse(phone, each))
    const dead = await service.addWebhook(receiver.url("/dead"), deviceId)
    const beside = delays(await converse(phone, each))
    rows.push(...[0.5, 0.99].map((of): Row => ({
      what: `beside a dead endpoint, at ${each}/s, p${of * 100} ('bare': without it)`,
      unit: "ms",
      service: single(quantile(beside, of)),
      bare: single(quantile(alone, of))
    })))
    await service.removeWebhook(dead)
  }
  await service.removeWebhook(live)
}

/** Events of other devices than those above, and how long after the last one the last delivery is there. */
const atRate = async (what: string, of: ReadonlyArray<string>) => {
  const count = rate * seconds
  tell(`${rate} ${what} for ${seconds} s`)
  let writing = 0
  let arrivals: Arrivals = []
  const { cpu } = await measured(service.child, async () => {
    const [{ seconds: took }, taken] = await Promise.all([emit(of, rate, count), receiver.take(count)])
    writing = took
    arrivals = taken
  })
  const last = Math.max(...arrivals.map(({ at }) => at))
  rows.push(
    { what: `${what}, ${rate}/s: lag at the end`, unit: "s", service: single((last - Math.max(...arrivals.map(({ written }) => written))) / 1000), bound: lagBound },
    { what: "  CPU per delivery", unit: "ms", service: single(cpu / count) },
    { what: "  time for all, and for writing the events ('bare')", unit: "s", service: single((last - Math.min(...arrivals.map(({ written }) => written))) / 1000), bare: single(writing) }
  )
}

if (asked.has("rate")) {
  const one = await service.addDevice("one")
  // a user has as many endpoints at most as are measured below
  const only = await service.addWebhook(receiver.url("/one"), one)
  await emit([one], rate, rate)
  await receiver.take(rate)
  await atRate("events to one endpoint", [one])
  await service.removeWebhook(only)
  const devices = await Promise.all(range(0, endpoints).map((n) => service.addDevice(`busy ${n}`)))
  for (const deviceId of devices) await service.addWebhook(receiver.url("/one-of-many"), deviceId)
  await atRate(`deliveries to ${endpoints} endpoints`, devices)
  if (options.profile) {
    const count = rate * seconds
    tell(await profiled("webhooks", service.child, async () => {
      await emit(devices, rate, count)
      await receiver.take(count)
    }))
  }
}

if (asked.has("streams")) {
  tell(`${clients} clients of the event stream`)
  const users = await Promise.all(range(0, Math.ceil(clients / streamsEach)).map((n) => service.addUser(`listener${n}`)))
  await service.child.quiet()
  const before = await service.child.holdings()
  const counters: Array<Awaited<ReturnType<Service["events"]>>> = []
  await forEach(range(0, clients), 20, async (n) => counters.push(await service.events(users[n % users.length]!.headers)))
  await emit(users.map(({ deviceId }) => deviceId), users.length, users.length * seconds)
  const all = () => counters.every((counter) => counter.count("message.received") === seconds)
  await until("each client to have each event once", async () => all(), { every: 200 })
  const after = await service.child.holdings()
  rows.push(
    { what: `memory per client of the event stream, ${clients} clients`, unit: "KiB", service: single((after.rss - before.rss) / clients / 1024), bound: { value: 60 } },
    { what: "  of it on the heap and beside it", unit: "KiB", service: single((after.heap + after.external - before.heap - before.external) / clients / 1024) }
  )
  for (const counter of counters) counter.close()
}

await emitter.stop("SIGKILL")
await service.remove()
await receiver.stop()
await emulator.stop()

process.stdout.write(`\nNode ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model ?? "CPU"}, load ${loadavg()[0]?.toFixed(1)}, SQLite\n\n${table(rows)}\n`)
const missed = rows.filter((row) => holds(row) === false)
process.stdout.write(missed.length === 0 ? "\nAll bounds hold.\n" : `\n${missed.length} of ${rows.filter(({ bound }) => bound).length} bounds are missed.\n`)
process.exit(missed.length === 0 ? 0 : 1)
