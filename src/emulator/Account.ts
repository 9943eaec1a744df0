import { createHash, randomInt } from "node:crypto"
import { Companion } from "./Companion.ts"
import { EmulatedDevice } from "./EmulatedDevice.ts"
import type { Addressing } from "./EmulatorOptions.ts"
import { Past } from "./history/Past.ts"
import type { BusinessProfile } from "./profile/BusinessProfile.ts"
import { isLid, lidJid, pnJid } from "./protocol/jid.ts"
import { signKeyIndexes } from "./signal/deviceIdentity.ts"

export interface LinkedDevice {
  readonly number: number
  readonly jid: string
  readonly online: boolean
  /** Stanzas that it has not acknowledged. */
  readonly queued: number
}

type Device = EmulatedDevice | Companion

/** The same for a number in every run, so that a client's stored mapping stays true. */
const lidOf = (phone: string): string => {
  const digest = createHash("sha256").update(`lid:${phone}`).digest()
  return `1${(digest.readBigUInt64BE() % 100_000_000_000_000n).toString().padStart(14, "0")}`
}

/** What the server knows of a number: its two addresses, its devices and settings. */
export class Account {
  readonly phone: string
  readonly lid: string
  readonly rawId = randomInt(1, 2 ** 31)
  readonly createdAt = Math.floor(Date.now() / 1000)
  readonly devices = new Map<number, Device>()
  readonly blocked = new Set<string>()
  readonly privacy = new Map<string, string>()
  readonly appState = new Map<string, Array<Buffer>>()
  name: string
  about = "Hey there! I am using WhatsApp."
  addressing: Addressing
  business: BusinessProfile | undefined
  /** until when it may not write to people who have not written to it */
  timelock: Date | undefined
  readonly past = new Past(this)
  #keyIndex = 0
  #lastDevice = 0

  constructor(phone: string, options: { readonly name: string; readonly addressing: Addressing }) {
    this.phone = phone
    this.lid = lidOf(phone)
    this.name = options.name
    this.addressing = options.addressing
  }

  jid(device = 0): string {
    return pnJid(this.phone, device)
  }

  lidJid(device = 0): string {
    return lidJid(this.lid, device)
  }

  /** The address of one of its devices in the addressing of `like`, a jid that was used for this chat. */
  jidLike(like: string, device = 0): string {
    return isLid(like) ? this.lidJid(device) : this.jid(device)
  }

  /** Whether this account wants nothing of the other. */
  blocks(other: Account): boolean {
    return this.blocked.has(other.lidJid()) || this.blocked.has(other.jid())
  }

  get primary(): EmulatedDevice {
    const device = this.devices.get(0)
    if (!(device instanceof EmulatedDevice)) throw new Error(`account ${this.phone} has no phone`)
    return device
  }

  get companions(): ReadonlyArray<Companion> {
    const found: Array<Companion> = []
    for (const device of this.devices.values()) if (device instanceof Companion) found.push(device)
    return found
  }

  get linked(): ReadonlyArray<LinkedDevice> {
    return this.companions.map(({ jid, number, online, queue }) => ({ number, jid, online, queued: queue.size }))
  }

  companion(number: number): Companion | undefined {
    const device = this.devices.get(number)
    return device instanceof Companion ? device : undefined
  }

  /** A number and key index for a device about to be linked; neither is ever used twice. */
  nextDevice(): { readonly number: number; readonly keyIndex: number } {
    return { number: ++this.#lastDevice, keyIndex: ++this.#keyIndex }
  }

  keyIndexList(): Buffer {
    const valid = [0, ...[...this.devices.values()].map((device) => device.keyIndex).filter((index) => index > 0)]
    return signKeyIndexes(this.primary.signal.identity, {
      rawId: this.rawId,
      timestamp: this.createdAt,
      current: this.#keyIndex,
      valid
    })
  }
}
