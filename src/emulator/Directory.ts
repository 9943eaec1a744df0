import { Account } from "./Account.ts"
import { EmulatedDevice } from "./EmulatedDevice.ts"
import { EmulatorError } from "./EmulatorError.ts"
import type { Hub } from "./Hub.ts"
import { parseJid, SERVER } from "./protocol/jid.ts"

const digits = (phone: string): string => phone.replaceAll(/\D/g, "")

/** The accounts there are, by number and by LID. */
export class Directory {
  readonly #hub: Hub
  readonly #byPhone = new Map<string, Account>()
  readonly #byLid = new Map<string, Account>()

  constructor(hub: Hub) {
    this.#hub = hub
  }

  get accounts(): ReadonlyArray<Account> {
    return [...this.#byPhone.values()]
  }

  get size(): number {
    return this.#byPhone.size
  }

  /** The account of a number, made if there is none. */
  make(number: string, name?: string): Account {
    const phone = digits(number)
    if (phone.length < 5 || phone.length > 15) throw new EmulatorError("unknown-phone", `${number} is no phone number`)
    const found = this.#byPhone.get(phone)
    if (found) {
      if (name !== undefined) found.name = name
      return found
    }
    if (this.#byPhone.size >= this.#hub.settings.accountLimit) {
      throw new EmulatorError("too-many-accounts", `there are ${this.#byPhone.size} accounts already`)
    }
    const { addressing } = this.#hub.settings
    const account = new Account(phone, { name: name ?? `User ${phone.slice(-4)}`, addressing })
    account.devices.set(0, new EmulatedDevice(this.#hub, account))
    this.#byPhone.set(phone, account)
    this.#byLid.set(account.lid, account)
    return account
  }

  /** Only what is there, whatever the settings say. */
  find(number: string): Account | undefined {
    return this.#byPhone.get(digits(number))
  }

  byPhone(number: string): Account | undefined {
    const phone = digits(number)
    const found = this.#byPhone.get(phone)
    if (found || !this.#hub.settings.acceptUnknown) return found
    return phone.length < 8 || phone.length > 15 ? undefined : this.make(phone)
  }

  byJid(jid: string | undefined): Account | undefined {
    const address = parseJid(jid)
    if (!address) return undefined
    if (address.server === "lid") return this.#byLid.get(address.user)
    return address.server === SERVER ? this.byPhone(address.user) : undefined
  }
}
