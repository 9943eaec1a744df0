import { setTimeout as sleep } from "node:timers/promises"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import type { Phone } from "../../src/emulator/Phone.ts"
import type { ChaosDatabase } from "../chaos/ChaosDatabase.ts"
import { until } from "../support/process.ts"
import { makeService, type Service } from "../support/service.ts"

const api = "/api/whatsapp-multi-device"
const account = "6281211110001"
/**
 * Longer than the eight attempts of a message whose ack is lost each time, and than the pauses, of half a minute on average,
 * between 25 connections that each break within a minute.
 */
const overWithin = 1_500_000

export interface JobProgress {
  readonly total: number
  readonly completed: number
  readonly failed: number
  readonly pending: number
  readonly cancelled: number
}

interface JobResult {
  readonly position: number
  readonly to: string
  readonly messageId: string
  readonly status: string
}

/** A recipient of the job, and whether WhatsApp refuses what goes to it. */
export interface Chat {
  readonly phone: Phone
  refused: boolean
}

/** The built service with one paired device, many chats, and a job to them. */
export class JobSite {
  readonly chats: ReadonlyArray<Chat>
  readonly database: ChaosDatabase
  readonly emulator: EmulatorServer
  readonly service: Service
  readonly #output: () => string
  #deviceId = ""
  #jobs = 0

  private constructor(database: ChaosDatabase, emulator: EmulatorServer, service: Service, output: () => string, chats: number) {
    this.database = database
    this.emulator = emulator
    this.service = service
    this.#output = output
    this.chats = Array.from({ length: chats }, (_, index) => ({ phone: emulator.phone(String(628129990000 + index)), refused: false }))
  }

  static async make(database: ChaosDatabase, chats: number, environment: Readonly<Record<string, string>>): Promise<JobSite> {
    const emulator = await startEmulator({ receiptDelayMs: 20 })
    let output = ""
    const service = await makeService({
      WA_SOCKET_URL: emulator.url,
      WA_NOISE_ROOT_KEY: emulator.noiseRootKey,
      ...database.environment,
      ...environment
    }, (chunk) => {
      output = (output + chunk.toString()).slice(-2_000_000)
    })
    const site = new JobSite(database, emulator, service, () => output, chats)
    try {
      await service.start()
      await site.#pair()
      return site
    } catch (error) {
      await site.end()
      throw error
    }
  }

  /** What the service has logged, over all its lives. */
  get output(): string {
    return this.#output()
  }

  async end(): Promise<void> {
    await this.service.end("SIGKILL")
    await this.emulator.stop()
    this.service.remove()
    await this.database.close()
  }

  async restart(): Promise<void> {
    await this.service.end("SIGKILL")
    await this.service.start()
  }

  connect(): Promise<unknown> {
    return this.service.ask("POST", `${api}/devices/${this.#deviceId}/connect`)
  }

  /** Chats in turn, so that each has many messages that must keep their order. */
  async start(messages: number): Promise<Job> {
    const name = `job ${++this.#jobs}`
    const texts = Array.from({ length: messages }, (_, index) => `${name}, message ${index}`)
    const { jobId } = await this.service.ask("POST", `${api}/devices/${this.#deviceId}/jobs/send-text`, {
      name,
      delay: 0,
      messages: texts.map((message, index) => ({ to: this.chats[index % this.chats.length]!.phone.phone, message }))
    })
    return new Job(this, jobId, texts)
  }

  async #pair(): Promise<void> {
    this.#deviceId = (await this.service.ask("POST", `${api}/devices`, { deviceName: "Toko" })).deviceId
    await this.connect()
    const { qr } = await this.service.ask("GET", `${api}/devices/${this.#deviceId}/qr`)
    await this.emulator.phone(account).scan(qr)
    await until("the device to be connected", async () =>
      (await this.service.ask("GET", `${api}/devices/${this.#deviceId}/status`)).status === "connected" ? true : undefined)
  }

  get account(): string {
    return account
  }
}

/** One job on a site; `until…` ask the API, which may be away for a while. */
export class Job {
  readonly #site: JobSite
  readonly #jobId: string
  readonly #texts: ReadonlyArray<string>

  constructor(site: JobSite, jobId: string, texts: ReadonlyArray<string>) {
    this.#site = site
    this.#jobId = jobId
    this.#texts = texts
  }

  async untilDone(messages: number): Promise<void> {
    await until(`${messages} messages of ${this.#jobId}`, async () => {
      const { progress } = await this.#job()
      return progress.completed + progress.failed >= messages ? true : undefined
    }, overWithin, 10)
  }

  /** What is wrong when it is over: counts, ids and order as the API tells them against what the chats show. */
  async audit(): Promise<ReadonlyArray<string>> {
    const { progress } = await until(`${this.#jobId} to be over`, async () => {
      const job = await this.#job()
      return job.status === "completed" ? job : undefined
    }, overWithin, 100)
    // what comes twice comes late
    await sleep(500)
    const { chats } = this.#site
    const wrong: Array<string> = []
    const results = await this.#results()
    const refused = results.filter(({ position }) => this.#chatOf(position).refused).length
    const total = this.#texts.length
    const expected: JobProgress = { total, completed: total - refused, failed: refused, pending: 0, cancelled: 0 }
    for (const [count, value] of Object.entries(expected)) {
      const told = progress[count as keyof JobProgress]
      if (told !== value) wrong.push(`${count} is ${told}, not ${value}`)
    }
    if (new Set(results.map(({ messageId }) => messageId)).size !== total) wrong.push(`${total} messages do not have as many ids`)
    const mine = new Set(this.#texts)
    for (const [index, { phone, refused }] of chats.entries()) {
      const wanted = refused ? [] : results.filter(({ position }) => position % chats.length === index).map((result) =>
        `${result.messageId} ${this.#texts[result.position]}`
      )
      const shown = phone.inbox.filter(({ text }) => mine.has(text ?? "")).map(({ id, text }) => `${id} ${text}`)
      if (shown.join("\n") !== wanted.join("\n")) {
        wrong.push(`${phone.phone} shows\n  ${shown.join("\n  ")}\nand not\n  ${wanted.join("\n  ")}`)
      }
    }
    return wrong
  }

  #chatOf(position: number): Chat {
    return this.#site.chats[position % this.#site.chats.length]!
  }

  #job(): Promise<{ readonly status: string; readonly progress: JobProgress }> {
    return this.#site.service.ask("GET", `${api}/jobs/${this.#jobId}`)
  }

  async #results(): Promise<ReadonlyArray<JobResult>> {
    const all: Array<JobResult> = []
    for (let after = ""; ;) {
      const { items, nextCursor } = await this.#site.service.ask("GET", `${api}/jobs/${this.#jobId}/results?limit=1000${after}`)
      all.push(...items)
      if (nextCursor === null || nextCursor === undefined) return all
      after = `&after=${nextCursor}`
    }
  }
}
