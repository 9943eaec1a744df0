import { Child } from "./Child.ts"
import { Json } from "./Json.ts"
import { forEach, freePort, until } from "./waiting.ts"

interface Account {
  readonly phone: string
  readonly linked: ReadonlyArray<{ readonly online: boolean; readonly queued: number }>
}
interface State {
  readonly url: string
  readonly noiseRootKey: string
  readonly accounts: ReadonlyArray<Account>
}

/** The emulated WhatsApp in its own process. */
export class Emulator {
  readonly child: Child
  readonly control: string
  readonly #json: Json
  url = ""
  noiseRootKey = ""

  private constructor(port: number, controlPort: number) {
    this.child = new Child("emulator", "dist/main.js", ["emulator", "--port", `${port}`, "--control-port", `${controlPort}`], {})
    this.control = `http://127.0.0.1:${controlPort}`
    this.#json = new Json(this.control)
  }

  static async start(): Promise<Emulator> {
    const emulator = new Emulator(await freePort(), await freePort())
    const answers = async () => {
      const { noiseRootKey, url } = await emulator.#state()
      emulator.url = url
      emulator.noiseRootKey = noiseRootKey
      return true
    }
    await emulator.child.whileAlive(until("the emulator", answers))
    return emulator
  }

  addPhones(phones: ReadonlyArray<string>): Promise<void> {
    return forEach(phones, 8, (phone) => this.#json.ask("POST", "/phones", { phone }))
  }

  scan(phone: string, qr: string): Promise<unknown> {
    return this.#json.ask("POST", `/phones/${phone}/scan`, { qr })
  }

  /** Whether the phone tells the senders of messages that they have arrived. */
  receipts(phone: string, delivered: boolean): Promise<unknown> {
    return this.#json.ask("POST", `/phones/${phone}/receipts`, { delivered, read: false })
  }

  send(from: string, to: string, text: string): Promise<unknown> {
    return this.#json.ask("POST", `/phones/${from}/messages`, { to, text })
  }

  /** Cuts the connection of the phone's linked device, if it has one. */
  async cut(phone: string): Promise<void> {
    await this.#json.ask("POST", "/faults", { kind: "break", phone, how: "reset" }).catch((error: unknown) => {
      if (!String(error).includes("disconnected")) throw error
    })
  }

  /** How many of the phones have their linked device logged in and have given it all that waited for it. */
  async online(phones: ReadonlySet<string>): Promise<number> {
    const { accounts } = await this.#state()
    return accounts.filter(({ linked, phone }) => phones.has(phone) && linked.some((each) => each.online)).length
  }

  async stop(): Promise<void> {
    await this.#json.close()
    await this.child.stop("SIGKILL")
  }

  async #state(): Promise<State> {
    return await this.#json.ask("GET", "/") as State
  }
}
