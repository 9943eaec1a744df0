import type { Account } from "../Account.ts"
import type { Companion } from "../Companion.ts"
import { EmulatorError } from "../EmulatorError.ts"
import type { Hub } from "../Hub.ts"
import type { proto } from "../protocol/codec.ts"
import { SERVER_JID } from "../protocol/jid.ts"
import { node } from "../protocol/node.ts"
import { CodePairing } from "./CodePairing.ts"
import type { Connection, StanzaHandler } from "./Connection.ts"
import { passkeyRequest } from "./passkey.ts"
import { keysOfPayload, Registration } from "./Registration.ts"

interface Qr {
  readonly ref: string
  readonly noiseKey: Buffer
  readonly identityKey: Buffer
  readonly advSecret: Buffer
}

/** `https://wa.me/settings/linked_devices#ref,noise key,identity key,ADV secret,platform`, or what follows the #. */
const readQr = (text: string): Qr => {
  const [ref, ...rest] = (text.split("#").at(-1) ?? "").split(",")
  const [noiseKey, identityKey, advSecret] = rest.map((part) => Buffer.from(part, "base64"))
  if (!ref || noiseKey?.length !== 32 || identityKey?.length !== 32 || advSecret?.length !== 32) {
    throw new EmulatorError("bad-qr", "this is no QR code of WhatsApp")
  }
  return { ref, noiseKey, identityKey, advSecret }
}

/** Links clients to accounts, and takes them off again. */
export class Pairing {
  readonly #hub: Hub
  readonly #waiting = new Set<Registration>()
  readonly #codes: CodePairing

  constructor(hub: Hub) {
    this.#hub = hub
    this.#codes = new CodePairing(hub)
  }

  /** A client that has no account yet. */
  accept(connection: Connection, clientKey: Buffer, payload: proto.IClientPayload): StanzaHandler | undefined {
    const keys = keysOfPayload(clientKey, payload)
    if (!keys) {
      connection.send(node("failure", { reason: "400", location: "emulator" }))
      connection.end()
      return undefined
    }
    const registration = new Registration(this.#hub, connection, keys, {
      code: (from, iq, link) => this.#codes.stanza(from, iq, link),
      closed: (from) => {
        this.#waiting.delete(from)
        this.#codes.forget(from)
      }
    })
    this.#waiting.add(registration)
    return registration
  }

  async scan(account: Account, text: string): Promise<Companion> {
    const qr = readQr(text)
    const registration = [...this.#waiting].find((each) => each.owns(qr.ref))
    if (!registration) throw new EmulatorError("unknown-ref", "this QR code is of no client that waits")
    registration.spend(qr.ref)
    const { identityKey, noiseKey } = registration.keys
    if (!noiseKey.equals(qr.noiseKey) || !identityKey.equals(qr.identityKey)) {
      throw new EmulatorError("bad-qr", "the keys in the QR code are not those of the client that waits")
    }
    this.#passkeyGate(account, registration)
    return registration.link(account, qr.advSecret)
  }

  async enterCode(account: Account, code: string): Promise<Companion> {
    const { advSecret, registration } = await this.#codes.enter(account, code)
    this.#passkeyGate(account, registration)
    return registration.link(account, advSecret)
  }

  /** `told` is false when the device left by itself and closes its own stream. */
  unlink(companion: Companion, told: boolean): void {
    const { account, number, stream } = companion
    account.devices.delete(number)
    companion.queue.clear()
    if (told && stream) stream.streamError({ code: "401" }, node("conflict", { type: "device_removed" }))
    this.#hub.events.emit("unlinked", { phone: account.phone, device: number })
  }

  /** The account needs a passkey: the client is asked for one, which Baileys cannot give; nothing more comes. */
  #passkeyGate(account: Account, registration: Registration): void {
    if (!this.#hub.faults.take("passkey", { phone: account.phone })) return
    const type = "passkey_prologue_request"
    const attrs = { from: SERVER_JID, type, id: this.#hub.stanzaId(), t: this.#hub.seconds() }
    registration.connection.send(node("notification", attrs, [passkeyRequest()]))
    throw new EmulatorError("passkey-required", "Continue on WhatsApp Web: this account needs a passkey")
  }
}
