import { randomInt } from "node:crypto"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { Fault } from "../../src/emulator/Faults.ts"
import { node } from "../../src/emulator/protocol/node.ts"
import type { Job, JobSite } from "./JobSite.ts"

export interface Size {
  /** of a job, in turn to so many chats */
  readonly messages: number
  readonly chats: number
  /** ends of the process in all, and in one job */
  readonly kills: number
  readonly killsPerJob: number
}

/** What befalls jobs while they are sent. Each job that comes out is looked at when it is over. */
export interface Storm {
  readonly name: string
  /** takes minutes: only where all of them are asked for */
  readonly long?: true
  readonly environment?: Readonly<Record<string, string>>
  readonly jobs: (site: JobSite, size: Size) => AsyncGenerator<Job>
}

/** One job, and what happens after a fifth of it. */
const during = (what: (site: JobSite, size: Size) => Promise<unknown>): Storm["jobs"] =>
  async function*(site, size) {
    const job = await site.start(size.messages)
    await job.untilDone(Math.floor(size.messages / 5))
    await what(site, size)
    yield job
  }

/** One job, and one of so many messages that meets the fault. */
const withFault = (fault: (to: string) => Fault, every: number): Storm["jobs"] =>
  async function*(site, size) {
    for (const { phone } of site.chats) phone.receipts = { delivered: false }
    for (let met = 0; met < size.messages / every; met++) {
      site.emulator.faults.add({ ...fault(site.chats[randomInt(site.chats.length)]!.phone.phone), times: 1 })
    }
    yield await site.start(size.messages)
  }

export const storms: ReadonlyArray<Storm> = [
  {
    name: "SIGKILL at random moments",
    async *jobs(site, { kills, killsPerJob, messages }) {
      for (let left = kills; left > 0; left -= killsPerJob) {
        const job = await site.start(messages)
        const moments = Array.from({ length: Math.min(left, killsPerJob) }, () => randomInt(messages)).toSorted((a, b) => a - b)
        for (const moment of moments) {
          await job.untilDone(moment)
          await sleep(randomInt(60))
          await site.restart()
        }
        yield job
      }
    }
  },
  {
    name: "the connection is cut at random",
    jobs: during(async (site) => {
      for (let cut = 0; cut < 5; cut++) {
        await sleep(randomInt(1500))
        try {
          site.emulator.connectionOf(site.account).break("reset")
        } catch {
          // it is on its way back
        }
      }
    })
  },
  { name: "acks are lost, and no receipts come", long: true, jobs: withFault((to) => ({ kind: "ack-drop", deliver: true, to }), 20) },
  { name: "acks come 40 s late", long: true, jobs: withFault((to) => ({ kind: "ack-delay", ms: 40_000, to }), 20) },
  {
    name: "the connection is cut in place of an ack",
    jobs: withFault((to) => ({ kind: "ack-close", deliver: true, to }), 20)
  },
  { name: "the database is gone for 20 s", long: true, jobs: during(({ database }) => database.disturb("silence", 20_000)) },
  {
    name: "WhatsApp refuses every tenth",
    async *jobs(site, { messages }) {
      for (const chat of site.chats.filter((_, index) => index % 10 === 3)) {
        chat.refused = true
        site.emulator.faults.add({ kind: "ack-error", code: 403, to: chat.phone.phone })
      }
      yield await site.start(messages)
    }
  },
  {
    name: "the device is replaced and taken back",
    jobs: during(async (site) => {
      site.emulator.connectionOf(site.account).streamError({}, node("conflict", { type: "replaced" }))
      await sleep(2000)
      await site.connect()
    })
  },
  {
    name: "the clock moves by an hour, and back",
    environment: { NODE_OPTIONS: `--import=${join(import.meta.dirname, "movableClock.mjs")}` },
    jobs: during(async (site) => {
      site.service.signal("SIGUSR2")
      await sleep(1000)
      site.service.signal("SIGUSR2")
    })
  }
]
