import { Bare } from "./Bare.ts"
import type { Emulator } from "./Emulator.ts"
import { Service } from "./Service.ts"
import { forEach, range } from "./waiting.ts"

/** Requests under way at the same time. */
const clients = 16
const contacts = range(0, 20).map((n) => `62856000${1000 + n}`)

export interface Party {
  readonly send: (count: number) => Promise<unknown>
  /** Lets the contacts write; ends when all of it has arrived. */
  readonly receive: (count: number) => Promise<unknown>
}

/** One device of the service and one of bare Baileys, which both write with the same people. */
export class Conversation {
  readonly emulator: Emulator
  readonly service: Service
  readonly bare: Bare
  readonly ofService: Party
  readonly ofBare: Party
  readonly #deviceId: string
  readonly #received = new Map<string, number>()

  private constructor(emulator: Emulator, service: Service, bare: Bare, device: {
    readonly deviceId: string
    readonly servicePhone: string
    readonly barePhone: string
  }) {
    const { barePhone, deviceId, servicePhone } = device
    this.emulator = emulator
    this.service = service
    this.bare = bare
    this.#deviceId = deviceId
    this.ofService = {
      send: (count) =>
        forEach(range(0, count), clients, (index) => service.send(deviceId, contacts[index % contacts.length]!, `message ${index}`)),
      receive: async (count) => {
        const events = await service.events()
        await this.#write(servicePhone, count)
        await events.reached("message.received", count)
        events.close()
        for (const index of range(0, count)) {
          const from = contacts[index % contacts.length]!
          this.#received.set(from, (this.#received.get(from) ?? 0) + 1)
        }
      }
    }
    this.ofBare = {
      send: (count) => bare.send(barePhone, contacts, count, clients),
      receive: async (count) => {
        const before = await bare.received()
        await Promise.all([bare.receivedAll(before + count), this.#write(barePhone, count)])
      }
    }
  }

  static async begin(emulator: Emulator, numbers: string, environment: Readonly<Record<string, string>>): Promise<Conversation> {
    const [servicePhone, barePhone] = [`62811${numbers}01`, `62811${numbers}02`]
    await emulator.addPhones([...contacts, servicePhone, barePhone])
    const service = await Service.make(emulator, environment)
    await service.start()
    const deviceId = await service.pair(servicePhone)
    const bare = new Bare(emulator)
    await bare.start()
    await bare.open([barePhone])
    return new Conversation(emulator, service, bare, { deviceId, servicePhone, barePhone })
  }

  /** Sessions both ways, and code that has run often enough to be compiled. */
  async warmUp(messages: number): Promise<void> {
    for (const party of [this.ofService, this.ofBare]) {
      await party.receive(Math.max(messages, contacts.length))
      await party.send(Math.max(messages, contacts.length))
    }
  }

  async receipts(delivered: boolean): Promise<void> {
    await forEach(contacts, 4, (contact) => this.emulator.receipts(contact, delivered))
  }

  /** What was told as an event must be there as a row. */
  async verify(): Promise<void> {
    for (const [contact, count] of this.#received) {
      const rows = await this.service.incoming(this.#deviceId, contact, 200)
      if (rows !== Math.min(count, 200)) throw new Error(`${contact} wrote ${count} messages and the history has ${rows}`)
    }
  }

  async end(): Promise<void> {
    await Promise.all([this.service.remove(), this.bare.remove()])
  }

  async #write(to: string, count: number): Promise<void> {
    await forEach(range(0, count), clients, (index) =>
      this.emulator.send(contacts[index % contacts.length]!, to, `hello ${index}`))
  }
}
