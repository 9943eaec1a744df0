import { Companion } from "../Companion.ts"
import type { EmulatedDevice } from "../EmulatedDevice.ts"
import type { Hub } from "../Hub.ts"
import { editAttribute, mediaTypeOf, stanzaType } from "../messages/stanzaType.ts"
import { type Node, proto } from "../protocol/codec.ts"
import { node } from "../protocol/node.ts"
import { pad } from "../protocol/padding.ts"
import type { PreKeyBundle } from "../signal/PreKeyBundle.ts"
import type { Group } from "./Group.ts"

interface GroupLetter {
  readonly id: string
  readonly message: proto.IMessage
}

/** How a message in a group names its writer. */
export const writerAttributes = (group: Group, writer: EmulatedDevice | Companion) => {
  const { account, number } = writer
  const other = group.addressing === "lid" ? { participant_pn: account.jid() } : { participant_lid: account.lidJid() }
  return { from: group.jid, participant: group.addressOf(account, number), ...other, addressing_mode: group.addressing }
}

/** Takes what emulated devices write in a group to the devices of all its members. */
export class GroupOutgoing {
  readonly #hub: Hub

  constructor(hub: Hub) {
    this.#hub = hub
  }

  send(from: EmulatedDevice, group: Group, letter: GroupLetter): void {
    from.sent.set(letter.id, { message: letter.message, to: group })
    const deliveries = this.prepare(from, group, letter)
    for (const account of group.accounts) {
      for (const device of account.devices.values()) {
        if (device === from || device instanceof Companion) continue
        device.show({ ...letter, chat: group.jid, from: from.account, sender: group.addressOf(from.account, from.number) })
      }
    }
    for (const { deliver, device, fresh } of deliveries) {
      const occasion = { phone: device.account.phone, device: device.number, from: from.account.phone }
      deliver()
      if (this.#hub.faults.take("duplicate", occasion)) deliver()
      if (this.#hub.faults.take("re-encrypt", occasion)) fresh()
    }
  }

  /** Encrypts once for the group, with the key for each linked device that does not have it. */
  prepare(from: EmulatedDevice, group: Group, letter: GroupLetter) {
    const { senderKeys } = from.signal
    const distribution = senderKeys.distribution(group.jid)
    const ciphertext = senderKeys.encrypt(group.jid, pad(proto.Message.encode(letter.message).finish()))
    const shared = { v: "2", type: "skmsg", mediatype: mediaTypeOf(letter.message) }
    const companions = group.accounts.flatMap((account) => account.companions)
    return companions.map((device) => {
      this.#hub.stats.add("encrypted")
      const key = from.hands(group.jid, device)
        ? [this.#pairwise(from, device, this.#keyMessage(group, distribution))]
        : []
      const encs = [...key, node("enc", shared, this.#maybeSpoiled(from, device, ciphertext))]
      const stanza = this.#stanza(from, group, letter, encs)
      const fresh = () => this.again(from, device, group, letter.id, 0, undefined)
      return { device, deliver: () => device.deliver(stanza), fresh }
    })
  }

  /** To one device that could not read it: the message and the key, in its own session. */
  again(
    from: EmulatedDevice,
    device: Companion,
    group: Group,
    id: string,
    count: number,
    bundle: PreKeyBundle | undefined
  ): void {
    const sent = from.sent.get(id)
    if (!sent || count > 5 || !group.has(device.account)) return
    if (count > 0) {
      from.signal.open(`${device.account.phone}.${device.number}`, bundle ?? device.bundle())
      this.#hub.stats.add("retriesAnswered")
    }
    const key = this.#keyMessage(group, from.signal.senderKeys.distribution(group.jid))
    const enc = this.#pairwise(from, device, { ...sent.message, ...key }, count)
    device.deliver(this.#stanza(from, group, { id, message: sent.message }, [enc]))
  }

  #keyMessage(group: Group, distribution: Buffer): proto.IMessage {
    return {
      senderKeyDistributionMessage: { groupId: group.jid, axolotlSenderKeyDistributionMessage: distribution }
    }
  }

  #pairwise(from: EmulatedDevice, device: Companion, message: proto.IMessage, count = 0): Node {
    const peer = `${device.account.phone}.${device.number}`
    if (!from.signal.hasSession(peer)) from.signal.open(peer, device.bundle())
    const { ciphertext, type } = from.signal.encrypt(peer, pad(proto.Message.encode(message).finish()))
    return node("enc", { v: "2", type, count: count === 0 ? undefined : String(count) }, ciphertext)
  }

  #maybeSpoiled(from: EmulatedDevice, device: Companion, ciphertext: Buffer): Buffer {
    const occasion = { phone: device.account.phone, device: device.number, from: from.account.phone }
    if (!this.#hub.faults.take("corrupt", occasion)) return ciphertext
    const spoiled = Buffer.from(ciphertext)
    spoiled[spoiled.length - 1] = (spoiled.at(-1) ?? 0) ^ 0xff
    return spoiled
  }

  #stanza(from: EmulatedDevice, group: Group, letter: GroupLetter, encs: ReadonlyArray<Node>): Node {
    const attrs = {
      ...writerAttributes(group, from),
      id: letter.id,
      type: stanzaType(letter.message),
      edit: editAttribute(letter.message),
      t: this.#hub.seconds(),
      notify: from.account.name
    }
    const opens = encs.some((enc) => enc.attrs.type === "pkmsg")
    const identity = opens && from.deviceIdentity ? [node("device-identity", {}, from.deviceIdentity)] : []
    return node("message", attrs, [...encs, ...identity])
  }
}
