import type { EmulatedDevice } from "../../src/emulator/EmulatedDevice.ts"
import { type EmulatorServer, startEmulator } from "../../src/emulator/EmulatorServer.ts"
import type { Phone } from "../../src/emulator/Phone.ts"
import { setTimeout as sleep } from "node:timers/promises"
import { until } from "../support/process.ts"
import { makeService, type Service } from "../support/service.ts"
import { contactCount, deviceCount } from "./Action.ts"
import type { ChaosDatabase } from "./ChaosDatabase.ts"
import { EventFollower } from "./EventFollower.ts"

const base = "/api/whatsapp-multi-device/devices"

const pairedWithin = 180_000
const forceAfter = 17_500

export interface Contact {
  readonly phone: Phone
  /** the phone and perhaps a further device */
  readonly devices: ReadonlyArray<Pick<EmulatedDevice, "number" | "inbox">>
  /** gives its delivery receipts by itself; otherwise only when told to */
  readonly confirms: boolean
}

export interface DeviceStatus {
  readonly status: string
  readonly reason: string | null
  readonly retryAt: string | null
}

/** The service is up. */
const settled = Promise.resolve()
const numbered = <A>(count: number, make: (index: number) => A) => Array.from({ length: count }, (_, index) => make(index))

/** The built service with paired devices, an emulated WhatsApp with contacts, and a database that can be disturbed. */
export class World {
  readonly database: ChaosDatabase
  readonly emulator: EmulatorServer
  readonly service: Service
  readonly events: EventFollower
  readonly devices: ReadonlyArray<{ readonly deviceId: string; readonly phone: Phone }>
  readonly contacts: ReadonlyArray<Contact>
  /** the address of the one in which all contacts and devices are */
  group = ""
  readonly #output: Array<string>
  #lives = 0
  #stopping: Promise<unknown> = Promise.resolve()
  #up: Promise<void> = settled
  /** What went wrong when the service stopped or started. */
  readonly troubles: Array<string> = []

  private constructor(
    database: ChaosDatabase,
    emulator: EmulatorServer,
    service: Service,
    output: Array<string>,
    receiptsGiven: ReadonlyArray<boolean>
  ) {
    this.database = database
    this.emulator = emulator
    this.service = service
    this.#output = output
    this.events = new EventFollower(service.url, service.authorization)
    this.devices = numbered(deviceCount, (n) => ({ deviceId: `walk-${n}`, phone: emulator.phone(`62812333300${n}0`) }))
    this.contacts = numbered(contactCount, (n) => {
      const phone = emulator.phone(`62812999900${n}0`, `Contact ${n}`)
      const confirms = receiptsGiven[n] ?? true
      phone.receipts = { delivered: confirms }
      if (n === 0) phone.addressing = "lid"
      return { phone, confirms, devices: [phone.account.primary, ...(n === 1 ? [phone.addDevice()] : [])] }
    })
  }

  static async make(database: ChaosDatabase, receiptDelayMs: number): Promise<World> {
    const emulator = await startEmulator({ receiptDelayMs })
    const output: Array<string> = []
    const service = await makeService({
      WA_SOCKET_URL: emulator.url,
      WA_NOISE_ROOT_KEY: emulator.noiseRootKey,
      LOG_LEVEL: "debug",
      // shorter than the longest disturbance of a walk, so that both sides of them are met
      WA_STORAGE_PATIENCE: "3s",
      DB_STATEMENT_TIMEOUT: "3s",
      ...database.environment
    }, (chunk) => output.push(chunk.toString()))
    const world = new World(database, emulator, service, output, [true, true, false])
    try {
      await service.start()
      await world.events.start()
      await Promise.all(world.devices.map((_, device) => world.#pair(device)))
      await world.#gather()
    } catch (error) {
      await world.end()
      throw error
    }
    return world
  }

  /** Everything the service has logged, over all its lives. */
  get output(): string {
    return this.#output.join("")
  }

  path(device: number, rest: string): string {
    return `${base}/${this.devices[device]!.deviceId}/${rest}`
  }

  status(device: number): Promise<DeviceStatus> {
    return this.service.ask("GET", this.path(device, "status"))
  }

  /** Ends the service and starts it again after a pause, in the background: it may be hit while it starts. */
  restart(signal: "SIGKILL" | "SIGTERM", downMs: number): void {
    const life = ++this.#lives
    this.#stopping = this.#stop(this.#stopping, this.#up === settled, signal)
    this.#up = this.#start(this.#stopping, life, downMs)
  }

  /** Until the service that was started last is ready. */
  async up(): Promise<void> {
    let waitedFor: Promise<void> | undefined
    while (waitedFor !== this.#up) {
      waitedFor = this.#up
      await waitedFor
    }
  }

  async end(): Promise<void> {
    this.#lives++
    await this.events.close()
    await this.#stopping
    await this.service.end("SIGKILL")
    await this.emulator.stop()
    this.service.remove()
  }

  async #stop(before: Promise<unknown>, listens: boolean, signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    await before
    const begun = performance.now()
    const code = await this.service.end(signal)
    // one that is starting may not listen to signals yet; one that takes too long ends itself by force, and says so
    const inOrder = code === 0 || (code === 1 && performance.now() - begun > forceAfter)
    if (signal === "SIGTERM" && listens && !inOrder) this.troubles.push(`SIGTERM ended the service with ${code}`)
  }

  async #start(stopped: Promise<unknown>, life: number, downMs: number): Promise<void> {
    await stopped
    await sleep(downMs)
    if (life !== this.#lives) return
    try {
      await this.service.start()
      if (life === this.#lives) this.#up = settled
    } catch (error) {
      if (life === this.#lives) this.troubles.push(`${error instanceof Error ? error.message : error}`)
    }
  }

  async #gather(): Promise<void> {
    const [first, ...others] = this.contacts.map(({ phone }) => phone)
    const members = [...others, ...this.devices.map(({ phone }) => phone)].map(({ phone }) => phone)
    this.group = first!.groups.create("The walk", members).jid
    const isKnown = (device: number) => async () => await this.service.ask("GET", this.path(device, `groups/${this.group}/info`)) as unknown
    await Promise.all(this.devices.map(({ deviceId }, device) => until(`${deviceId} to know the group`, isKnown(device))))
  }

  async #pair(device: number): Promise<void> {
    const { deviceId, phone } = this.devices[device]!
    await this.service.ask("POST", base, { deviceId, deviceName: deviceId })
    let scanned = ""
    // on a busy machine a code may run out, and somebody has to begin anew
    await until(`${deviceId} to be connected`, async () => {
      const { status } = await this.status(device)
      if (status === "connected") return true
      if (status === "disconnected") await this.service.ask("POST", this.path(device, "connect"))
      if (status !== "qr_required") return undefined
      const { qr } = await this.service.ask("GET", this.path(device, "qr"))
      if (qr === scanned) return undefined
      scanned = qr
      await phone.scan(qr)
      return undefined
    }, pairedWithin)
  }
}
