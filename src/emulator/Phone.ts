import type { Account, LinkedDevice } from "./Account.ts"
import type { Directory } from "./Directory.ts"
import { EmulatedDevice, type OwnReceipts } from "./EmulatedDevice.ts"
import { EmulatorError } from "./EmulatorError.ts"
import type { Addressing } from "./EmulatorOptions.ts"
import { furtherDevice } from "./furtherDevice.ts"
import { Group } from "./groups/Group.ts"
import type { GroupOutgoing } from "./groups/GroupOutgoing.ts"
import type { Groups } from "./groups/Groups.ts"
import { PhoneGroups } from "./groups/PhoneGroups.ts"
import type { Hub } from "./Hub.ts"
import type { PastMessage } from "./history/Past.ts"
import { messageId } from "./messageId.ts"
import type { Attachment } from "./media/Attachment.ts"
import type { Media } from "./media/Media.ts"
import { mediaOf, type MessageMedium } from "./media/mediaOf.ts"
import type { Letter, Outgoing } from "./Outgoing.ts"
import type { proto } from "./protocol/codec.ts"
import { isGroup } from "./protocol/jid.ts"
import { node } from "./protocol/node.ts"
import { PhoneMessages } from "./messages/PhoneMessages.ts"
import { PhoneProfile } from "./profile/PhoneProfile.ts"
import type { Pictures } from "./profile/Pictures.ts"
import type { Presences } from "./Presences.ts"
import { type ReceiptType, sendReceipt } from "./Receipts.ts"
import type { Received } from "./Received.ts"
import type { Pairing } from "./server/Pairing.ts"
import { type MessageStatus, Statuses } from "./Statuses.ts"
import { Waiters } from "./Waiters.ts"

export type Reply = string | proto.IMessage | undefined | void
export type Content = string | proto.IMessage

const messageOf = (content: Content): proto.IMessage =>
  typeof content === "string" ? { conversation: content } : content

/** A phone in someone's hand: what that person can see and do. */
export class Phone {
  readonly account: Account
  readonly #hub: Hub
  readonly #directory: Directory
  readonly #outgoing: Outgoing
  readonly #inGroups: GroupOutgoing
  /** What this person does in groups. */
  readonly groups: PhoneGroups
  readonly #pairing: Pairing
  readonly #media: Media
  readonly #presences: Presences
  /** What this person does about messages: replies, reactions, edits, votes. */
  readonly messages: PhoneMessages
  /** What this person shows of themselves, and to whom. */
  readonly profile: PhoneProfile
  readonly #statuses: Statuses
  readonly #waiting: Waiters<Received>
  #reply: ((received: Received) => Reply | Promise<Reply>) | undefined

  constructor(
    parts: {
      readonly hub: Hub
      readonly directory: Directory
      readonly outgoing: Outgoing
      readonly inGroups: GroupOutgoing
      readonly groups: Groups
      readonly media: Media
      readonly presences: Presences
      readonly pictures: Pictures
      readonly pairing: Pairing
    },
    account: Account
  ) {
    this.account = account
    this.#hub = parts.hub
    this.#directory = parts.directory
    this.#outgoing = parts.outgoing
    this.#inGroups = parts.inGroups
    this.#pairing = parts.pairing
    this.#media = parts.media
    this.#presences = parts.presences
    this.messages = new PhoneMessages({
      device: account.primary,
      send: (to, message) => this.send(to, message),
      known: (number) => this.#known(number),
      group: (jid) => parts.groups.find(jid)
    })
    this.groups = new PhoneGroups(account, parts.groups, (number) => this.#known(number))
    this.#statuses = new Statuses(parts.hub.timers)
    this.#waiting = new Waiters(parts.hub.timers)
    this.profile = new PhoneProfile(account, {
      hub: parts.hub,
      pictures: parts.pictures,
      known: (number) => this.#known(number),
      entered: (jid) => this.groups.get(jid)
    })
    account.primary.onShown = (received) => this.#shown(received)
    account.primary.onReceipt = (id, type) => this.#statuses.receipt(id, type)
  }

  get phone(): string {
    return this.account.phone
  }

  get jid(): string {
    return this.account.jid()
  }

  get lid(): string {
    return this.account.lidJid()
  }

  get name(): string {
    return this.account.name
  }

  set name(name: string) {
    this.account.name = name
  }

  /** Whether this phone's messages name it by number or by LID. */
  get addressing(): Addressing {
    return this.account.addressing
  }

  set addressing(addressing: Addressing) {
    this.account.addressing = addressing
  }

  get inbox(): ReadonlyArray<Received> {
    return this.account.primary.inbox.entries
  }

  /** Messages not shown because their id, sender and chat were seen before. */
  get duplicates(): ReadonlyArray<Received> {
    return this.account.primary.duplicates.entries
  }

  /** Which receipts go out by themselves, from all emulated devices of the account. */
  get receipts(): OwnReceipts {
    return this.account.primary.receipts
  }

  set receipts(receipts: Partial<OwnReceipts>) {
    this.account.primary.receipts = { ...this.account.primary.receipts, ...receipts }
  }

  /** The linked devices, by number. */
  get linked(): ReadonlyArray<LinkedDevice> {
    return this.account.linked
  }

  /** Scans the QR code a client shows, and waits until it is linked. */
  async scan(qr: string): Promise<{ readonly number: number; readonly jid: string }> {
    const { number, jid } = await this.#pairing.scan(this.account, qr)
    return { number, jid }
  }

  /** Types the code a client shows, and waits until it is linked. */
  async enterPairingCode(code: string): Promise<{ readonly number: number; readonly jid: string }> {
    const { number, jid } = await this.#pairing.enterCode(this.account, code)
    return { number, jid }
  }

  /** Removes a linked device: its stream ends with 401, and so does its next login. */
  unlink(number: number): void {
    const companion = this.account.companion(number)
    if (!companion) throw new EmulatorError("unknown-device", `${this.phone} has no linked device ${number}`)
    this.#pairing.unlink(companion, true)
  }

  /** A further emulated device of the same person, which gets its own copy of everything. */
  addDevice(): EmulatedDevice {
    return furtherDevice(this.#hub, this.account)
  }

  /** Writes to an account or in a group, and to one's own linked devices. Gives the message id. */
  async send(
    to: string,
    content: Content,
    options: { readonly id?: string; readonly device?: number } = {}
  ): Promise<string> {
    const device = this.account.devices.get(options.device ?? 0)
    if (!(device instanceof EmulatedDevice)) throw new EmulatorError("unknown-device", "that device is not emulated")
    const { id = messageId() } = options
    if (isGroup(to)) this.#inGroups.send(device, this.groups.writable(to), { id, message: messageOf(content) })
    else this.#outgoing.send(device, this.#letter(to, content, id))
    this.#statuses.sent(id)
    return id
  }

  /** Uploads an attachment, and writes with it. */
  async sendMedia(to: string, attachment: Attachment, options: { readonly id?: string } = {}): Promise<string> {
    return this.send(to, await this.#media.attach(attachment), options)
  }

  /** Fetches the medium of a message in the inbox to its end, and says what it is; an error if it is not that. */
  async medium(id: string): Promise<MessageMedium> {
    const medium = await this.#media.check(this.#message(id))
    if (!medium) throw new EmulatorError("unknown-message", `message ${id} carries no medium`)
    return medium
  }

  /** The bytes of the medium of a message in the inbox. */
  openMedium(id: string): AsyncIterable<Buffer> {
    const medium = mediaOf(this.#message(id))
    if (!medium) throw new EmulatorError("unknown-message", `message ${id} carries no medium`)
    return this.#media.open(medium)
  }

  /** From now on the medium of a message, in or out, cannot be fetched where the message says. */
  expireMedium(id: string, status: 404 | 410 = 410): void {
    const medium = mediaOf(this.#message(id))
    if (!medium) throw new EmulatorError("unknown-message", `message ${id} carries no medium`)
    this.#media.store.expire(medium.directPath, status)
  }

  /** Whether this phone uploads media again for its linked devices, has lost them, or does not answer. */
  set reuploads(reuploads: "yes" | "not-found" | "never") {
    this.account.primary.reuploads = reuploads
  }

  /** Encrypts now for each linked device of the recipient; `deliver` puts it on the wire later, or more than once. */
  prepare(to: string, content: Content, id?: string): { readonly id: string; readonly deliver: () => void } {
    const letter = this.#letter(to, content, id)
    this.account.primary.sent.set(letter.id, { message: letter.message, to: letter.to })
    const { primary } = this.account
    const deliveries = letter.to.companions.map((each) => this.#outgoing.prepare(primary, letter, each))
    return { id: letter.id, deliver: () => deliveries.forEach((deliver) => deliver()) }
  }

  /** Encrypts a message that was sent before once more, under the same id. */
  resend(id: string): void {
    const sent = this.account.primary.sent.get(id)
    if (!sent) throw new EmulatorError("unknown-message", `${this.phone} has not sent ${id}`)
    const { primary } = this.account
    const { message, to } = sent
    if (to instanceof Group) return this.#inGroups.prepare(primary, to, { id, message }).forEach(({ deliver }) => deliver())
    for (const companion of to.companions) this.#outgoing.prepare(primary, { id, message, to }, companion)()
  }

  /** Opens new sessions with all linked devices of an account, as after a re-installation of theirs. */
  renewSessions(with_: string): void {
    for (const companion of this.#known(with_).companions) {
      this.account.primary.signal.open(`${companion.account.phone}.${companion.number}`, companion.bundle())
    }
  }

  /** What was written before the next device is linked, oldest first; to be set before that. */
  remember(
    chat: string,
    messages: ReadonlyArray<Omit<PastMessage, "from"> & { readonly from?: string }>,
    options: { readonly full?: boolean; readonly inline?: boolean } = {}
  ): void {
    const { past } = this.account
    past.full = options.full ?? past.full
    past.inline = options.inline ?? past.inline
    past.add(
      isGroup(chat) ? this.groups.get(chat) : this.#known(chat),
      messages.map(({ from, ...rest }) => from === undefined ? rest : { ...rest, from: this.#known(from) })
    )
  }

  /** Marks messages as read: those with these ids, or everything in the inbox. */
  read(...ids: ReadonlyArray<string>): void {
    this.#give("read", ids)
  }

  played(...ids: ReadonlyArray<string>): void {
    this.#give("played", ids)
  }

  /** Gives the delivery receipt that `receipts.delivered = false` held back. */
  confirm(...ids: ReadonlyArray<string>): void {
    this.#give(undefined, ids)
  }

  /** Gives a receipt for an id, whatever this phone has seen of it. */
  receipt(to: string, id: string, type: ReceiptType): void {
    sendReceipt(this.#hub, this.account.primary, this.#known(to), { ids: [id], type, addressedAs: this.jid })
  }

  /** Answers every message of someone else. Off with `undefined`. */
  autoReply(reply: ((received: Received) => Reply | Promise<Reply>) | undefined): void {
    this.#reply = reply
  }

  /** Shows "typing…" (or "recording…", or that it ended) to the linked devices of an account or a group. */
  chatstate(to: string, state: "composing" | "recording" | "paused"): void {
    const inner = state === "recording" ? node("composing", { media: "audio" }) : node(state)
    const jid = isGroup(to) ? to : this.#known(to).jid()
    this.#presences.type(this.account, jid, [inner], { like: this.#address() })
  }

  /** Online or not, and since when: for the linked devices that asked about this person. */
  presence(type: "available" | "unavailable", lastSeen?: Date): void {
    this.#presences.show(this.account, { type, ...(lastSeen === undefined ? {} : { lastSeen }) })
  }

  statusOf(id: string): MessageStatus | undefined {
    return this.#statuses.get(id)
  }

  /** A message that is in the inbox, or comes. */
  waitForMessage(
    accepts: (received: Received) => boolean = () => true,
    options: { readonly timeoutMs?: number } = {}
  ): Promise<Received> {
    const there = this.inbox.find(accepts)
    if (there) return Promise.resolve(there)
    return this.#waiting.wait(accepts, `a message for ${this.phone}`, options.timeoutMs)
  }

  /** Until a message of this phone is at least delivered, read or played. */
  waitForStatus(
    id: string,
    status: MessageStatus,
    options: { readonly timeoutMs?: number } = {}
  ): Promise<MessageStatus> {
    return this.#statuses.waitFor(id, status, options.timeoutMs)
  }

  #shown(received: Received): void {
    this.#waiting.tell(received)
    const reply = this.#reply
    if (!reply || received.fromMe) return
    void this.#answer(reply, received).catch((error: unknown) => this.#hub.fail(error))
  }

  async #answer(reply: (received: Received) => Reply | Promise<Reply>, received: Received): Promise<void> {
    const content = await reply(received)
    if (content) await this.send(isGroup(received.chat) ? received.chat : received.from, content)
  }

  #give(type: ReceiptType, ids: ReadonlyArray<string>): void {
    const chosen = this.inbox.filter((each) => !each.fromMe && (ids.length === 0 || ids.includes(each.id)))
    if (ids.length > 0 && chosen.length === 0) {
      throw new EmulatorError("unknown-message", `no message ${ids.join(", ")}`)
    }
    const byWriter = Map.groupBy(chosen, (each) => `${each.chat} ${each.from}`)
    for (const messages of byWriter.values()) {
      const [first] = messages
      if (!first) continue
      const group = isGroup(first.chat) ? first.chat : undefined
      const addressedAs = group === undefined ? first.chat : this.groups.addressIn(group)
      const options = { ids: messages.map((each) => each.id), type, addressedAs, ...(group === undefined ? {} : { group }) }
      sendReceipt(this.#hub, this.account.primary, this.#known(first.from), options)
    }
  }

  #message(id: string): proto.IMessage {
    const { inbox, sent } = this.account.primary
    const message = inbox.entries.findLast((each) => each.id === id)?.message ?? sent.get(id)?.message
    if (!message) throw new EmulatorError("unknown-message", `no message ${id}`)
    return message
  }

  #letter(to: string, content: Content, id = messageId()): Letter {
    return { id, message: messageOf(content), to: this.#known(to) }
  }

  #known(to: string): Account {
    const account = to.includes("@") ? this.#directory.byJid(to) : this.#directory.byPhone(to)
    if (!account) throw new EmulatorError("unknown-phone", `${to} is not on WhatsApp`)
    return account
  }

  #address(): string {
    return this.account.addressing === "lid" ? this.lid : this.jid
  }
}
