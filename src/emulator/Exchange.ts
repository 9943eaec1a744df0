import { createHash } from "node:crypto"
import type { Account } from "./Account.ts"
import { Companion, type Stream } from "./Companion.ts"
import type { Directory } from "./Directory.ts"
import type { EmulatedDevice, Incoming } from "./EmulatedDevice.ts"
import { Group } from "./groups/Group.ts"
import type { Groups } from "./groups/Groups.ts"
import type { GroupTraffic } from "./groups/GroupTraffic.ts"
import type { Hub } from "./Hub.ts"
import type { MediaRetry } from "./media/MediaRetry.ts"
import type { Outgoing } from "./Outgoing.ts"
import type { Node } from "./protocol/codec.ts"
import { isGroup, parseJid } from "./protocol/jid.ts"
import { bytesOf, child, children, node } from "./protocol/node.ts"
import type { Presences } from "./Presences.ts"
import { askForRetry, receiptIds, sendReceipt, sendSenderReceipt } from "./Receipts.ts"
import { readRetryBundle } from "./signal/PreKeyBundle.ts"

const REFUSED_EMPTY = 479
const NOT_FOUND = 404

interface Copy {
  readonly device: EmulatedDevice | Companion
  readonly enc: Node
}

/** WhatsApp's hash of the devices a message should have gone to. */
const participantHash = (accounts: ReadonlyArray<Account>): string => {
  const jids = accounts.flatMap(({ devices, phone }) =>
    [...devices.keys()].map((number) => `${phone}.0:${number}@s.whatsapp.net`)
  )
  return `2:${createHash("sha256").update(jids.toSorted().join("")).digest("base64").slice(0, 6)}`
}

/** Takes what linked devices send and brings it to the devices it is for. */
export class Exchange {
  readonly #hub: Hub
  readonly #directory: Directory
  readonly #outgoing: Outgoing
  readonly #groups: Groups
  readonly #inGroups: GroupTraffic
  readonly #mediaRetry: MediaRetry
  readonly presences: Presences

  constructor(
    hub: Hub,
    directory: Directory,
    parts: {
      readonly outgoing: Outgoing
      readonly groups: Groups
      readonly inGroups: GroupTraffic
      readonly mediaRetry: MediaRetry
      readonly presences: Presences
    }
  ) {
    this.#hub = hub
    this.#directory = directory
    this.#outgoing = parts.outgoing
    this.#groups = parts.groups
    this.#inGroups = parts.inGroups
    this.#mediaRetry = parts.mediaRetry
    this.presences = parts.presences
  }

  message(companion: Companion, stanza: Node): void {
    const { stats, faults } = this.#hub
    stats.add("messagesReceived")
    const own = companion.account
    const { stream } = companion
    const to = stanza.attrs.to ?? ""
    const chatJid = stanza.attrs.recipient ?? to
    const chat = isGroup(chatJid) ? this.#groups.find(chatJid) : this.#directory.byJid(chatJid)
    const name = chat instanceof Group ? chat.jid : chat?.phone
    const occasion = { phone: own.phone, device: companion.number, ...(name === undefined ? {} : { to: name }) }
    const refusal = faults.take("ack-error", occasion)
    if (refusal) return this.#refuse(stream, stanza, refusal)
    if (!chat || name === undefined) return this.#ack(stream, stanza, { error: String(NOT_FOUND) })
    const unwanted = chat instanceof Group ? this.#inGroups.refusal(companion, chat) : undefined
    if (unwanted !== undefined) return this.#ack(stream, stanza, { error: String(unwanted) })
    const copies = this.#copies(stanza, to)
    if (copies.length === 0 && (!(chat instanceof Group) || child(stanza, "enc") === undefined)) {
      stats.add("emptyMessages")
      return this.#ack(stream, stanza, { error: String(REFUSED_EMPTY) })
    }
    const cut = faults.take("ack-close", occasion)
    const dropped = cut ? undefined : faults.take("ack-drop", occasion)
    const late = faults.take("ack-delay", occasion)
    const answer = () => {
      const visible = stanza.attrs.category !== "peer" && stream?.open === true
      if (visible) this.#hub.audit.accepted(own.phone, name, stanza.attrs.id ?? "")
      this.#ack(stream, stanza, this.#staleList(companion, chat, stanza, copies, occasion))
    }
    if (cut) stream?.reset()
    else if (dropped) stats.add("acksDropped")
    else if (late) this.#hub.timers.after(late.ms, answer)
    else answer()
    if ((cut ?? dropped)?.deliver === false) return
    if (chat instanceof Group) return this.#inGroups.deliver(companion, chat, stanza)
    for (const copy of copies) {
      if (!copy.device.account.blocks(own)) this.#deliver(companion, stanza, chat, chatJid, copy)
    }
  }

  receipt(companion: Companion, stanza: Node): void {
    const { stats, events } = this.#hub
    const { type = "delivered", to, recipient, participant } = stanza.attrs
    const ids = receiptIds(stanza)
    stats.add("receiptsReceived")
    const attrs = { class: "receipt", id: stanza.attrs.id, from: to, participant, recipient, type: stanza.attrs.type }
    companion.stream?.send(node("ack", { ...attrs, t: this.#hub.seconds() }))
    const retried = type === "retry"
    if (!retried) for (const id of ids) companion.queue.acknowledge("message", id, recipient ? undefined : to)
    events.emit("receipt", { phone: companion.account.phone, device: companion.number, ids, type, to: to ?? "" })
    if (type === "server-error") return this.#mediaRetry.asked(companion, stanza)
    const group = this.#groups.find(to)
    if (group) return this.#inGroups.receipt(companion, group, stanza)
    if (retried) return this.#retry(companion, stanza)
    const author = this.#directory.byJid(participant ?? to)
    if (!author || author === companion.account) return
    const turned = this.#turned(companion, stanza)
    for (const other of author.companions) other.deliver(turned)
    for (const id of ids) author.primary.onReceipt(id, type, companion)
  }

  acknowledged(companion: Companion, stanza: Node): void {
    const { class: kind = "", id = "", to, participant, type, error } = stanza.attrs
    companion.queue.acknowledge(kind, id, to, type, participant)
    if (error !== undefined) this.#hub.stats.add("nacks")
    const of = { phone: companion.account.phone, device: companion.number }
    this.#hub.events.emit("ack", error === undefined ? { ...of, id } : { ...of, id, error })
  }

  #refuse(stream: Stream | undefined, stanza: Node, { code, ms }: { readonly code: number; readonly ms?: number }): void {
    const refuse = () => this.#ack(stream, stanza, { error: String(code) })
    if (ms === undefined) refuse()
    else this.#hub.timers.after(ms, refuse)
  }

  #ack(stream: Stream | undefined, stanza: Node, extra: { readonly error?: string; readonly phash?: string }): void {
    this.#hub.stats.add(extra.error === undefined ? "messagesAccepted" : "messagesRefused")
    this.#hub.stats.add("acksSent")
    const { id, to, participant, recipient } = stanza.attrs
    const attrs = { class: "message", id, from: to, participant, recipient, t: this.#hub.seconds(), ...extra }
    stream?.send(node("ack", attrs))
  }

  #copies(stanza: Node, to: string): ReadonlyArray<Copy> {
    const found: Array<Copy> = []
    const add = (jid: string | undefined, enc: Node | undefined): void => {
      const device = this.#directory.byJid(jid)?.devices.get(parseJid(jid)?.device ?? 0)
      if (device && enc) found.push({ device, enc })
    }
    for (const each of children(child(stanza, "participants"), "to")) add(each.attrs.jid, child(each, "enc"))
    for (const enc of children(stanza, "enc")) add(to, enc)
    return found
  }

  #staleList(
    companion: Companion,
    chat: Account | Group,
    stanza: Node,
    copies: ReadonlyArray<Copy>,
    occasion: { readonly phone: string; readonly device: number; readonly to?: string }
  ): { readonly phash?: string } {
    const accounts = chat instanceof Group ? chat.accounts : [...new Set([companion.account, chat])]
    if (this.#hub.faults.take("ack-phash", occasion)) return { phash: participantHash(accounts) }
    if (chat instanceof Group || !child(stanza, "participants")) return {}
    const missing = accounts.reduce((count, account) => count + account.devices.size, 0) - 1 - copies.length
    return missing > 0 ? { phash: participantHash(accounts) } : {}
  }

  #deliver(from: Companion, stanza: Node, chat: Account, chatJid: string, copy: Copy): void {
    const { device, enc } = copy
    if (device instanceof Companion) {
      return this.#outgoing.relay(from, stanza, { account: chat, jid: chatJid }, { device, enc })
    }
    const incoming: Incoming = {
      id: stanza.attrs.id ?? "",
      from: from.account,
      fromDevice: from.number,
      chat: chat.phone,
      to: chatJid,
      type: enc.attrs.type ?? "",
      ciphertext: bytesOf(enc) ?? Buffer.alloc(0)
    }
    const occasion = { phone: from.account.phone, device: from.number, to: device.account.phone }
    const pretended = device.number === 0 ? this.#hub.faults.take("ask-retry", occasion) : undefined
    if (pretended) {
      const addressed = pretended.lid === true ? { ...incoming, to: device.account.lidJid() } : incoming
      const ask = () => askForRetry(this.#hub, device, from, addressed, device.pretendFailure(incoming))
      return pretended.ms === undefined ? ask() : void this.#hub.timers.after(pretended.ms, ask)
    }
    if (stanza.attrs.category === "peer") return device.receivePeer(incoming)
    const { outcome, retry } = device.receive(incoming)
    if (outcome === "retry") return askForRetry(this.#hub, device, from, incoming, retry ?? 1)
    if (outcome === "old-counter") return
    if (device === chat.primary) this.#hub.audit.shown(from.account.phone, chat.phone, incoming.id)
    const own = device.account === from.account
    const confirm = () => {
      if (own) {
        const tells = device.number === 0 && device.receipts.sender
        return tells ? sendSenderReceipt(this.#hub, device, from, incoming) : undefined
      }
      const options = { ids: [incoming.id], addressedAs: chatJid }
      if (device.receipts.delivered) sendReceipt(this.#hub, device, from.account, { ...options, type: undefined })
      if (device.receipts.read) sendReceipt(this.#hub, device, from.account, { ...options, type: "read" })
    }
    const { receiptDelayMs } = this.#hub.settings
    if (receiptDelayMs > 0) this.#hub.timers.after(receiptDelayMs, confirm)
    else confirm()
  }

  /** A linked device could not read something: whoever wrote it sends it again, to that device only. */
  #retry(companion: Companion, stanza: Node): void {
    const { to, participant } = stanza.attrs
    const author = this.#directory.byJid(participant ?? to)
    const device = author?.devices.get(parseJid(participant ?? to)?.device ?? 0)
    if (device instanceof Companion) return device.deliver(this.#turned(companion, stanza))
    if (!device) return
    const count = Number(child(stanza, "retry")?.attrs.count ?? 1)
    this.#outgoing.again(device, companion, stanza.attrs.id ?? "", count, readRetryBundle(stanza))
  }

  /** The same stanza as it arrives: with a sender in place of the addressee. */
  #turned(companion: Companion, stanza: Node): Node {
    const { to = "", ...rest } = stanza.attrs
    const from = companion.account.jidLike(to, companion.number)
    return { ...stanza, attrs: { ...rest, from, t: this.#hub.seconds() } }
  }
}
