import { EventEmitter } from "node:events"
import { writeFileSync } from "node:fs"
import { createHistogram, monitorEventLoopDelay } from "node:perf_hooks"
import { queryObjects, writeHeapSnapshot } from "node:v8"

/** What a process has used; times in milliseconds, sizes in bytes. The event loop's delay is that since the last reading. */
export interface Figures {
  readonly cpu: number
  readonly rss: number
  readonly heap: number
  readonly external: number
  readonly delayP50: number
  readonly delayP99: number
  readonly delayMax: number
  /** the part of the delay in which the process was at work itself: the rest it waited for a disk, or for a core that others used */
  readonly ownDelayP99: number
}

/** What a process holds once everything that could be collected has been; the delay is that since the last reading. */
export interface Holdings extends Figures {
  readonly handles: Readonly<Record<string, number>>
  /** on the process and on its open handles */
  readonly listeners: number
  /** objects alive that others can listen to: sockets, streams, and what Baileys makes for each of its own */
  readonly emitters: number
}

/** What a process answers when its parent asks over the channel between them. */
export type Answer = (argument: never) => unknown

const resolution = 10
const delay = monitorEventLoopDelay({ resolution })
delay.enable()

const ownDelay = createHistogram()
let lastTick = process.threadCpuUsage()
setInterval(() => {
  const { system, user } = process.threadCpuUsage(lastTick)
  lastTick = process.threadCpuUsage()
  ownDelay.record(Math.max(1, Math.round((user + system) * 1000)))
}, resolution).unref()

// the histograms hold the time from one tick of a timer to the next: a loop without delay shows the resolution
const beyondTick = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolution)

const figures = (): Figures => {
  const { system, user } = process.cpuUsage()
  const { external, heapUsed, rss } = process.memoryUsage()
  const read = {
    cpu: (user + system) / 1000,
    rss,
    heap: heapUsed,
    external,
    delayP50: beyondTick(delay.percentile(50)),
    delayP99: beyondTick(delay.percentile(99)),
    delayMax: beyondTick(delay.max),
    ownDelayP99: beyondTick(ownDelay.percentile(99))
  }
  delay.reset()
  ownDelay.reset()
  return read
}

const collect = () => globalThis.gc?.({ type: "major", execution: "sync", flavor: "last-resort" })

const listenersOf = (emitter: EventEmitter): number =>
  emitter.eventNames().reduce((sum, name) => sum + emitter.listenerCount(name), 0)

// not in Node's types, and without a successor: `getActiveResourcesInfo` gives names alone
const openHandles = (): ReadonlyArray<unknown> => Reflect.get(process, "_getActiveHandles").call(process)

const holdings = (): Holdings => {
  const { cpu, delayMax, delayP50, delayP99, ownDelayP99 } = figures()
  collect()
  const emitters = queryObjects(EventEmitter, { format: "count" })
  const handles: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) handles[name] = (handles[name] ?? 0) + 1
  const open = openHandles().filter((handle) => handle instanceof EventEmitter)
  const listeners = [process, ...open].reduce((sum, emitter) => sum + listenersOf(emitter), 0)
  const { external, heap, rss } = figures()
  return { cpu, delayP50, delayP99, delayMax, ownDelayP99, rss, heap, external, handles, listeners, emitters }
}

let stopProfile: (() => Promise<unknown>) | undefined

const startProfile = async () => {
  const { Session } = await import("node:inspector/promises")
  const session = new Session()
  session.connect()
  await session.post("Profiler.enable")
  await session.post("Profiler.setSamplingInterval", { interval: 250 })
  await session.post("Profiler.start")
  stopProfile = async () => {
    const { profile } = await session.post("Profiler.stop")
    session.disconnect()
    return profile
  }
}

const saveProfile = async ({ file }: { readonly file: string }) => {
  writeFileSync(file, JSON.stringify(await stopProfile?.()))
}

export const answers: Record<string, Answer> = {
  figures,
  holdings,
  collect,
  saveSnapshot: ({ file }: { readonly file: string }) => writeHeapSnapshot(file),
  startProfile,
  saveProfile
}

interface Question {
  readonly id: number
  readonly name: string
  readonly argument: never
}

const answer = async ({ argument, id, name }: Question) => {
  try {
    const answered = answers[name]
    if (answered === undefined) throw new Error(`nobody answers ${name}`)
    process.send?.({ id, answer: await answered(argument) })
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? error.stack : String(error) })
  }
}

process.on("message", (question: Question) => void answer(question))
// neither keeps the process alive, nor lets it outlive its parent
process.channel?.unref()
process.once("disconnect", () => process.exit(1))
