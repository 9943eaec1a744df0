import { randomBytes } from "node:crypto"
import type { Account } from "../Account.ts"
import { Companion, type CompanionKeys } from "../Companion.ts"
import { EmulatorError } from "../EmulatorError.ts"
import type { Hub } from "../Hub.ts"
import { type Node, proto } from "../protocol/codec.ts"
import { SERVER_JID } from "../protocol/jid.ts"
import { bytesOf, child, node } from "../protocol/node.ts"
import {
  completeIdentity,
  type DeviceIdentity,
  isSignedByDevice,
  sealIdentity,
  signDevice
} from "../signal/deviceIdentity.ts"
import type { Connection, StanzaHandler } from "./Connection.ts"

const SIGN_TIMEOUT_MS = 30_000

interface Ref {
  readonly value: string
  readonly endsAt: number
  used: boolean
}

interface Linking {
  readonly companion: Companion
  readonly identity: DeviceIdentity
  readonly resolve: (companion: Companion) => void
  readonly reject: (error: Error) => void
}

/** The keys that a client which wants to be linked presents in its payload. */
export const keysOfPayload = (noiseKey: Buffer, payload: proto.IClientPayload): CompanionKeys | undefined => {
  const data = payload.devicePairingData
  if (!data?.eIdent || !data.eRegid || !data.eSkeyId || !data.eSkeyVal || !data.eSkeySig) return undefined
  return {
    noiseKey,
    identityKey: Buffer.from(data.eIdent),
    registrationId: Buffer.from(data.eRegid).readUIntBE(0, data.eRegid.length),
    signedPreKey: {
      id: Buffer.from(data.eSkeyId).readUIntBE(0, data.eSkeyId.length),
      publicKey: Buffer.from(data.eSkeyVal),
      signature: Buffer.from(data.eSkeySig)
    }
  }
}

/** A connection that is not linked to an account yet: it shows refs, and is linked by QR or by code. */
export class Registration implements StanzaHandler {
  readonly connection: Connection
  readonly keys: CompanionKeys
  readonly #hub: Hub
  readonly #refs: ReadonlyArray<Ref>
  readonly #cancelExpiry: () => void
  readonly #onCodeStanza: (registration: Registration, iq: Node, link: Node) => void
  readonly #onClosed: (registration: Registration) => void
  #linking: Linking | undefined
  #cancelSigning: () => void = () => {}

  constructor(
    hub: Hub,
    connection: Connection,
    keys: CompanionKeys,
    on: {
      readonly code: (registration: Registration, iq: Node, link: Node) => void
      readonly closed: (registration: Registration) => void
    }
  ) {
    this.#hub = hub
    this.connection = connection
    this.keys = keys
    this.#onCodeStanza = on.code
    this.#onClosed = on.closed
    const { count, firstMs, nextMs } = hub.settings.qr
    const now = Date.now()
    this.#refs = Array.from({ length: count }, (_, index) => ({
      value: `2@${randomBytes(72).toString("base64")}`,
      endsAt: now + firstMs + index * nextMs,
      used: false
    }))
    this.#cancelExpiry = hub.timers.after(firstMs + (count - 1) * nextMs, () => connection.end())
    connection.send(
      node("iq", { from: SERVER_JID, type: "set", id: hub.stanzaId(), xmlns: "md" }, [
        node("pair-device", {}, this.#refs.map((ref) => node("ref", {}, Buffer.from(ref.value))))
      ])
    )
    hub.events.emit("pairing", { connection: connection.id })
  }

  owns(ref: string): boolean {
    return this.#refs.some((each) => each.value === ref)
  }

  /** A ref is good once, and only until its turn ends; to scan one ends the turns of those before it. */
  spend(value: string): void {
    const index = this.#refs.findIndex((each) => each.value === value)
    const ref = this.#refs[index]
    if (!ref) throw new EmulatorError("unknown-ref", "this QR code is of no client that waits")
    if (ref.used || ref.endsAt < Date.now()) throw new EmulatorError("expired-ref", "this QR code is no longer valid")
    for (const each of this.#refs.slice(0, index + 1)) each.used = true
  }

  /** Makes the client a device of the account: pair-success, its signature, and the order to start anew (515). */
  link(account: Account, advSecret: Uint8Array): Promise<Companion> {
    const { number, keyIndex } = account.nextDevice()
    const identity = signDevice(account.primary.signal.identity, {
      identityKey: this.keys.identityKey,
      rawId: account.rawId,
      keyIndex,
      timestamp: Math.floor(Date.now() / 1000)
    })
    const companion = new Companion(this.#hub, account, { number, keyIndex, keys: this.keys, platform: "android" })
    const success = node("pair-success", {}, [
      node("device-identity", {}, sealIdentity(identity, advSecret)),
      node("biz", { name: account.name }),
      node("device", { jid: account.jid(number), lid: account.lidJid(number) }),
      node("platform", { name: companion.platform })
    ])
    return new Promise((resolve, reject) => {
      this.#linking = { companion, identity, resolve, reject }
      const late = () => this.#abort("timeout", "no pair-device-sign came")
      this.#cancelSigning = this.#hub.timers.after(SIGN_TIMEOUT_MS, late)
      const attrs = { from: SERVER_JID, type: "set", id: this.#hub.stanzaId(), xmlns: "md", t: this.#hub.seconds() }
      this.connection.send(node("iq", attrs, [success]))
    })
  }

  stanza(stanza: Node): void {
    if (stanza.tag !== "iq") return
    const signed = child(child(stanza, "pair-device-sign"), "device-identity")
    if (signed) return this.#signed(bytesOf(signed))
    const code = child(stanza, "link_code_companion_reg")
    if (code) return this.#onCodeStanza(this, stanza, code)
    if (stanza.attrs.xmlns === "w:p") {
      this.#hub.stats.add("pings")
      const { id } = stanza.attrs
      this.connection.send(node("iq", { from: SERVER_JID, type: "result", id, t: this.#hub.seconds() }))
    }
  }

  closed(): void {
    this.#cancelExpiry()
    this.#abort("disconnected", "the client has gone")
    this.#onClosed(this)
  }

  #signed(bytes: Buffer | undefined): void {
    const linking = this.#linking
    if (!linking) return
    const signature = bytes && proto.ADVSignedDeviceIdentity.decode(bytes).deviceSignature
    const { companion, identity } = linking
    if (!signature || !isSignedByDevice(identity, companion.identityKey, signature)) {
      this.#abort("bad-signature", "the device signature is not genuine")
      return this.connection.streamError({ code: "500" })
    }
    this.#cancelSigning()
    this.#linking = undefined
    companion.deviceIdentity = completeIdentity(identity, signature)
    const { account, number } = companion
    account.devices.set(number, companion)
    this.#hub.stats.add("pairings")
    if (!this.#hub.settings.dialect.lingers) this.connection.streamError({ code: "515" })
    this.#hub.events.emit("paired", { phone: account.phone, device: number, jid: companion.jid })
    linking.resolve(companion)
  }

  #abort(code: "timeout" | "disconnected" | "bad-signature", message: string): void {
    this.#cancelSigning()
    this.#linking?.reject(new EmulatorError(code, message))
    this.#linking = undefined
  }
}
