import { Companion } from "./Companion.ts"
import type { Account } from "./Account.ts"
import type { EmulatedDevice } from "./EmulatedDevice.ts"
import { Group } from "./groups/Group.ts"
import type { Hub } from "./Hub.ts"
import { editAttribute, mediaTypeOf, stanzaType } from "./messages/stanzaType.ts"
import { proto, type Node } from "./protocol/codec.ts"
import { isLid } from "./protocol/jid.ts"
import { child, node } from "./protocol/node.ts"
import { pad } from "./protocol/padding.ts"
import type { PreKeyBundle } from "./signal/PreKeyBundle.ts"
import type { Encrypted } from "./signal/SignalDevice.ts"

export interface Letter {
  readonly id: string
  readonly message: proto.IMessage
  readonly to: Account
  /** For the phone's own devices: keys, history. It is in no chat. */
  readonly peer?: boolean
}

/** Takes what emulated devices write to all it is for: encrypted to linked devices, in the clear to emulated ones. */
export class Outgoing {
  readonly #hub: Hub

  constructor(hub: Hub) {
    this.#hub = hub
  }

  /** To all devices of the recipient, unless they block the writer, and to the other devices of the writer's own account. */
  send(from: EmulatedDevice, letter: Letter): void {
    from.sent.set(letter.id, { message: letter.message, to: letter.to })
    const own = letter.to === from.account ? [] : [...from.account.devices.values()]
    const theirs = letter.to.blocks(from.account) ? [] : [...letter.to.devices.values()]
    for (const device of [...theirs, ...own]) {
      if (device === from) continue
      if (device instanceof Companion) this.#toCompanion(from, letter, device)
      else {
        const chat = device.account === from.account ? letter.to.jid() : from.account.jid()
        device.show({ id: letter.id, chat, from: from.account, sender: from.jid, message: letter.message })
      }
    }
  }

  /** Encrypts now; what comes back puts it on the wire. In between, anything may happen to the session. */
  prepare(from: EmulatedDevice, letter: Letter, device: Companion, retry?: number): () => void {
    const own = device.account === from.account
    const content = own && !letter.peer
      ? {
        deviceSentMessage: { destinationJid: letter.to.jidLike(this.#ownAddress(from)), message: letter.message },
        messageContextInfo: letter.message.messageContextInfo ?? null
      }
      : letter.message
    const peer = `${device.account.phone}.${device.number}`
    if (!from.signal.hasSession(peer)) from.signal.open(peer, device.bundle())
    const encrypted = from.signal.encrypt(peer, pad(proto.Message.encode(content).finish()))
    this.#hub.stats.add("encrypted")
    const stanza = this.#stanza(from, letter, device, encrypted, retry)
    return () => device.deliver(stanza)
  }

  /** Answers a retry receipt with a new session: from the keys in the receipt, or from the server's bundle. */
  again(from: EmulatedDevice, device: Companion, id: string, count: number, bundle: PreKeyBundle | undefined): void {
    const sent = from.sent.get(id)
    if (!sent || sent.to instanceof Group || count > 5) return
    const peer = `${device.account.phone}.${device.number}`
    from.signal.open(peer, bundle ?? device.bundle())
    this.#hub.stats.add("retriesAnswered")
    this.prepare(from, { id, message: sent.message, to: sent.to }, device, count)()
  }

  /** From one real device to another: the server only turns the addresses round. */
  relay(
    from: Companion,
    stanza: Node,
    chat: { readonly account: Account; readonly jid: string },
    copy: { readonly device: Companion; readonly enc: Node }
  ): void {
    const { device, enc } = copy
    const own = device.account === from.account
    const identity = child(stanza, "device-identity")
    const recipient = own && chat.account !== from.account ? chat.account : undefined
    const attrs = {
      ...this.#addresses(from.account, from.number, isLid(chat.jid), recipient),
      id: stanza.attrs.id,
      type: stanza.attrs.type,
      edit: stanza.attrs.edit,
      category: stanza.attrs.category,
      t: this.#hub.seconds(),
      notify: from.account.name
    }
    device.deliver(node("message", attrs, identity ? [enc, identity] : [enc]))
  }

  #toCompanion(from: EmulatedDevice, letter: Letter, device: Companion): void {
    const occasion = { phone: device.account.phone, device: device.number, from: from.account.phone }
    const deliver = this.prepare(from, letter, device)
    deliver()
    if (this.#hub.faults.take("duplicate", occasion)) deliver()
    if (this.#hub.faults.take("re-encrypt", occasion)) this.prepare(from, letter, device)()
  }

  #stanza(from: EmulatedDevice, letter: Letter, device: Companion, encrypted: Encrypted, retry?: number): Node {
    const { account } = from
    const own = device.account === account
    const lid = this.#ownAddress(from) === account.lidJid()
    const occasion = { phone: device.account.phone, device: device.number, from: account.phone }
    const spoiled = retry === undefined && this.#hub.faults.take("corrupt", occasion)
    const ciphertext = Buffer.from(encrypted.ciphertext)
    if (spoiled) ciphertext[ciphertext.length - 1] = (ciphertext.at(-1) ?? 0) ^ 0xff
    const count = retry === undefined ? undefined : String(retry)
    const enc = node("enc", { v: "2", type: encrypted.type, count, mediatype: mediaTypeOf(letter.message) }, ciphertext)
    const addresses = letter.peer
      ? { from: account.jid(from.number), category: "peer" }
      : this.#addresses(account, from.number, lid, own && letter.to !== account ? letter.to : undefined)
    const attrs = {
      ...addresses,
      id: letter.id,
      type: stanzaType(letter.message),
      t: this.#hub.seconds(),
      notify: account.name,
      edit: editAttribute(letter.message)
    }
    const identity = encrypted.type === "pkmsg" && from.deviceIdentity
    return node("message", attrs, identity ? [enc, node("device-identity", {}, identity)] : [enc])
  }

  #ownAddress(from: EmulatedDevice): string {
    return from.account.addressing === "lid" ? from.account.lidJid() : from.account.jid()
  }

  /** A message names the other addressing beside its sender: of the sender, or for one's own of the recipient. */
  #addresses(account: Account, device: number, lid: boolean, recipient: Account | undefined) {
    const from = lid ? account.lidJid(device) : account.jid(device)
    if (recipient && lid) {
      return { from, recipient: recipient.lidJid(), addressing_mode: "lid", peer_recipient_pn: recipient.jid() }
    }
    if (recipient) return { from, recipient: recipient.jid(), peer_recipient_lid: recipient.lidJid() }
    return lid ? { from, addressing_mode: "lid", sender_pn: account.jid() } : { from, sender_lid: account.lidJid() }
  }
}
