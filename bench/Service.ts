import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Child } from "./Child.ts"
import type { Emulator } from "./Emulator.ts"
import { EventCounter } from "./EventCounter.ts"
import { Json } from "./Json.ts"
import { freePort, until } from "./waiting.ts"

const base = "/api/whatsapp-multi-device/devices"
const admin = { email: "bench@example.com", password: "a password for the benchmark" }

interface Job {
  readonly status: string
  readonly progress: { readonly failed: number }
}

interface Device {
  readonly deviceId: string
  readonly status: string
  readonly phoneNumber: string | null
}

/** The built service in its own process; a restart keeps its data. */
export class Service {
  readonly #emulator: Emulator
  readonly #environment: Readonly<Record<string, string>>
  readonly #folder: string
  readonly #origin: string
  readonly #json: Json
  #child: Child | undefined

  private constructor(emulator: Emulator, port: number, environment: Readonly<Record<string, string>>, connections?: number) {
    this.#emulator = emulator
    this.#folder = mkdtempSync(join(tmpdir(), "wa-bench-service-"))
    process.once("exit", this.#forget)
    this.#origin = `http://127.0.0.1:${port}`
    this.#json = new Json(this.#origin, connections)
    this.#environment = {
      PORT: `${port}`,
      HOST: "127.0.0.1",
      DATA_DIR: this.#folder,
      NODE_ENV: "production",
      JWT_SECRET: "a secret of the benchmark, long enough",
      JWT_REFRESH_SECRET: "another secret of the benchmark, long enough",
      ENCRYPTION_KEY: "a key of the benchmark that is long enough",
      ADMIN_EMAIL: admin.email,
      ADMIN_PASSWORD: admin.password,
      RATE_LIMIT: "off",
      PACING: "off",
      LOG_LEVEL: "info",
      WA_SOCKET_URL: emulator.url,
      WA_NOISE_ROOT_KEY: emulator.noiseRootKey,
      ...environment
    }
  }

  static async make(
    emulator: Emulator,
    environment: Readonly<Record<string, string>> = {},
    connections?: number
  ): Promise<Service> {
    return new Service(emulator, await freePort(), environment, connections)
  }

  get child(): Child {
    if (this.#child === undefined) throw new Error("the service has not been started")
    return this.#child
  }

  async start(): Promise<void> {
    const child = new Child("service", "dist/main.js", ["serve"], this.#environment)
    this.#child = child
    // the first administrator is made when the service is up already
    const logIn = async () => {
      const answer = await this.#json.ask("POST", "/api/auth/login", admin) as { readonly data: { readonly token: string } }
      this.#json.headers = { authorization: `Bearer ${answer.data.token}` }
      return true
    }
    await child.whileAlive(until("the service", () => this.#json.ask("GET", "/health/ready").then(logIn)))
  }

  /** A device that is never connected. */
  async addDevice(deviceName: string): Promise<string> {
    return (await this.#data("POST", base, { deviceName }) as Device).deviceId
  }

  /** For the messages that the device receives; answers its id. */
  async addWebhook(url: string, deviceId: string): Promise<number> {
    const { webhook } = await this.#data("POST", "/api/webhooks", { url, deviceId, events: ["message.received"] }) as {
      readonly webhook: { readonly id: number }
    }
    return webhook.id
  }

  removeWebhook(id: number): Promise<unknown> {
    return this.#json.ask("DELETE", `/api/webhooks/${id}`)
  }

  /** A user with a device of his own, and what his requests say of who he is. */
  async addUser(name: string): Promise<{ readonly deviceId: string; readonly headers: Record<string, string> }> {
    const email = `${name}@example.com`
    const { user } = await this.#data("POST", "/api/admin/users", { username: name, email, password: admin.password }) as {
      readonly user: { readonly id: number }
    }
    const json = new Json(this.#origin, 1)
    const { data } = await json.ask("POST", "/api/auth/login", { email, password: admin.password }) as { readonly data: { readonly token: string } }
    await json.close()
    const { deviceId } = await this.#data("POST", base, { deviceName: name, userId: user.id }) as Device
    return { deviceId, headers: { authorization: `Bearer ${data.token}` } }
  }

  async stop(): Promise<void> {
    const code = await this.child.stop()
    if (code !== 0) throw new Error(`the service ended with ${code}:\n${this.child.output}`)
  }

  /** Links a new device to the phone; answers its id when it is connected. */
  async pair(phone: string): Promise<string> {
    const { deviceId } = await this.#data("POST", base, { deviceName: phone }) as Device
    await this.#json.ask("POST", `${base}/${deviceId}/connect`)
    // a machine that is busy may have no code yet when it is asked for one
    await until(`the QR code of ${phone}`, async () => {
      const { qr } = await this.#data("GET", `${base}/${deviceId}/qr`) as { readonly qr: string }
      await this.#emulator.scan(phone, qr)
      return true
    })
    const isConnected = async () => (await this.#data("GET", `${base}/${deviceId}/status`) as Device).status === "connected"
    await until(`${phone} to be connected`, isConnected, { every: 200 })
    return deviceId
  }

  /** Opens the next connection without waiting for its time. */
  connect(deviceId: string): Promise<unknown> {
    return this.#json.ask("POST", `${base}/${deviceId}/connect`)
  }

  /** Answers when the message is stored. */
  accept(deviceId: string, to: string, message: string): Promise<unknown> {
    return this.#json.ask("POST", `${base}/${deviceId}/send-message?wait=accepted`, { phone: to, message })
  }

  /** Answers when WhatsApp has acknowledged the message. */
  async send(deviceId: string, to: string, message: string): Promise<void> {
    const answer = await this.#data("POST", `${base}/${deviceId}/send-message?timeout=60`, { phone: to, message }) as Device
    if (answer.status === "pending") throw new Error(`a message to ${to} was not sent within a minute`)
  }

  /** Answers when the whole job is stored. */
  async acceptJob(deviceId: string, messages: ReadonlyArray<{ readonly to: string; readonly message: string }>): Promise<{ readonly jobId: string }> {
    const path = `${base}/${deviceId}/jobs/send-text`
    return await this.#data("POST", path, { messages, delay: 0 }) as { readonly jobId: string }
  }

  /** Answers when each of the messages has been acknowledged. */
  async job(deviceId: string, messages: ReadonlyArray<{ readonly to: string; readonly message: string }>): Promise<void> {
    const { jobId } = await this.acceptJob(deviceId, messages)
    await until(`job ${jobId}`, async () => {
      const { progress, status } = await this.#data("GET", `/api/whatsapp-multi-device/jobs/${jobId}`) as Job
      if (progress.failed > 0) throw new Error(`${progress.failed} messages of ${jobId} failed`)
      return status === "completed"
    }, { every: 250, within: 600_000 })
  }

  /** The number of incoming messages among the newest with a person. */
  async incoming(deviceId: string, phone: string, limit: number): Promise<number> {
    const path = `${base}/${deviceId}/chat-history/${phone}?direction=incoming&limit=${Math.min(limit, 200)}`
    const { items } = await this.#data("GET", path) as { readonly items: ReadonlyArray<unknown> }
    return items.length
  }

  events(headers = this.#json.headers): Promise<EventCounter> {
    return EventCounter.open(`${this.#origin}/api/events`, headers)
  }

  /** Where SQLite is. */
  get database(): string {
    return join(this.#folder, "whatsapp.db")
  }

  async remove(): Promise<void> {
    await this.#child?.stop("SIGKILL")
    await this.#json.close()
    process.removeListener("exit", this.#forget)
    this.#forget()
  }

  readonly #forget = () => rmSync(this.#folder, { recursive: true, force: true })

  async #data(method: "GET" | "POST", path: string, body?: unknown): Promise<unknown> {
    return (await this.#json.ask(method, path, body) as { readonly data: unknown }).data
  }
}
