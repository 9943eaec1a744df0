import { Companion } from "../Companion.ts"
import type { Directory } from "../Directory.ts"
import type { EmulatedDevice, Incoming } from "../EmulatedDevice.ts"
import type { Hub } from "../Hub.ts"
import { Recent } from "../Log.ts"
import type { Node } from "../protocol/codec.ts"
import { parseJid } from "../protocol/jid.ts"
import { bytesOf, child, children, node } from "../protocol/node.ts"
import { askForRetry, receiptIds, sendReceipt } from "../Receipts.ts"
import { readRetryBundle } from "../signal/PreKeyBundle.ts"
import type { Group } from "./Group.ts"
import { type GroupOutgoing, writerAttributes } from "./GroupOutgoing.ts"

const NOT_ALLOWED = 420
const REMEMBERED = 50_000

type Device = EmulatedDevice | Companion

/** What linked devices send in a group, and what they say about what they got there. */
export class GroupTraffic {
  readonly #hub: Hub
  readonly #directory: Directory
  readonly #outgoing: GroupOutgoing
  /** Whose phones have yet to show a message, by writer and id. */
  readonly #awaited = new Recent<Set<string>>(REMEMBERED)

  constructor(hub: Hub, directory: Directory, outgoing: GroupOutgoing) {
    this.#hub = hub
    this.#directory = directory
    this.#outgoing = outgoing
  }

  /** Why a device may not write here, if so. */
  refusal(from: Companion, group: Group): number | undefined {
    const silenced = group.announcement && !group.isAdmin(from.account)
    return !group.has(from.account) || silenced ? NOT_ALLOWED : undefined
  }

  /** To all devices of all members; or, in answer to a retry, to the one that asked. */
  deliver(from: Companion, group: Group, stanza: Node): void {
    const { id = "", participant } = stanza.attrs
    const key = `${from.account.phone}|${group.jid}|${id}`
    if (!this.#awaited.has(key)) {
      this.#awaited.set(key, new Set(group.accounts.map((each) => each.phone)))
      this.#shown(from, group, id, from.account.phone)
    }
    const shared = children(stanza, "enc")
    const own = new Map<Device, ReadonlyArray<Node>>()
    for (const to of children(child(stanza, "participants"), "to")) {
      const device = this.#device(to.attrs.jid)
      if (device) own.set(device, children(to, "enc"))
    }
    const asked = participant === undefined ? undefined : this.#device(participant)
    const devices = asked ? [asked] : group.accounts.flatMap((account) => [...account.devices.values()])
    for (const device of devices) {
      if (device === from || !group.has(device.account)) continue
      const encs = [...(own.get(device) ?? []), ...shared]
      if (device instanceof Companion) this.#relay(from, group, stanza, device, encs)
      else this.#read(from, group, stanza, device, encs)
    }
  }

  receipt(companion: Companion, group: Group, stanza: Node): void {
    const { participant, type = "delivered" } = stanza.attrs
    const author = this.#device(participant)
    if (!author || author.account === companion.account && type !== "retry") return
    if (type === "retry") return this.#retry(companion, group, stanza, author)
    const turned = this.#turned(companion, group, stanza)
    for (const other of author.account.companions) other.deliver(turned)
    for (const id of receiptIds(stanza)) author.account.primary.onReceipt(id, type, companion)
  }

  #retry(companion: Companion, group: Group, stanza: Node, author: Device): void {
    if (author instanceof Companion) return author.deliver(this.#turned(companion, group, stanza))
    const count = Number(child(stanza, "retry")?.attrs.count ?? 1)
    this.#outgoing.again(author, companion, group, stanza.attrs.id ?? "", count, readRetryBundle(stanza))
  }

  #turned(companion: Companion, group: Group, stanza: Node): Node {
    const { to: _, ...rest } = stanza.attrs
    const participant = group.addressOf(companion.account, companion.number)
    return { ...stanza, attrs: { ...rest, from: group.jid, participant, t: this.#hub.seconds() } }
  }

  #relay(from: Companion, group: Group, stanza: Node, device: Companion, encs: ReadonlyArray<Node>): void {
    const identity = child(stanza, "device-identity")
    const attrs = {
      ...writerAttributes(group, from),
      id: stanza.attrs.id,
      type: stanza.attrs.type,
      edit: stanza.attrs.edit,
      t: this.#hub.seconds(),
      notify: from.account.name
    }
    device.deliver(node("message", attrs, identity ? [...encs, identity] : encs))
  }

  #read(from: Companion, group: Group, stanza: Node, device: EmulatedDevice, encs: ReadonlyArray<Node>): void {
    const envelope = {
      id: stanza.attrs.id ?? "",
      from: from.account,
      fromDevice: from.number,
      chat: group.jid,
      to: group.addressOf(device.account),
      group: group.jid
    }
    const letters: ReadonlyArray<Incoming> = encs.map((enc) => ({
      ...envelope,
      type: enc.attrs.type ?? "",
      ciphertext: bytesOf(enc) ?? Buffer.alloc(0)
    }))
    const message = letters.at(-1)
    if (!message) return
    const occasion = { phone: from.account.phone, device: from.number, to: device.account.phone }
    if (device.number === 0 && this.#hub.faults.take("ask-retry", occasion)) {
      return askForRetry(this.#hub, device, from, message, device.pretendFailure(message))
    }
    for (const key of letters.slice(0, -1)) device.receiveKey(key)
    const { outcome, retry } = device.receive(message)
    if (outcome === "retry") return askForRetry(this.#hub, device, from, message, retry ?? 1)
    if (outcome === "old-counter") return
    if (device.number === 0) this.#shown(from, group, message.id, device.account.phone)
    if (device.account === from.account) return
    const confirm = () => {
      const options = { ids: [message.id], addressedAs: envelope.to, group: group.jid }
      if (device.receipts.delivered) sendReceipt(this.#hub, device, from.account, { ...options, type: undefined })
      if (device.receipts.read) sendReceipt(this.#hub, device, from.account, { ...options, type: "read" })
    }
    const { receiptDelayMs } = this.#hub.settings
    if (receiptDelayMs > 0) this.#hub.timers.after(receiptDelayMs, confirm)
    else confirm()
  }

  /** Shown in the sense of the audit is what the phones of all other members show. */
  #shown(from: Companion, group: Group, id: string, phone: string): void {
    const awaited = this.#awaited.get(`${from.account.phone}|${group.jid}|${id}`)
    if (awaited?.delete(phone) && awaited.size === 0) this.#hub.audit.shown(from.account.phone, group.jid, id)
  }

  #device(jid: string | undefined): Device | undefined {
    return this.#directory.byJid(jid)?.devices.get(parseJid(jid)?.device ?? 0)
  }
}
