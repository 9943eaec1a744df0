import type { Account } from "./Account.ts"
import type { Companion } from "./Companion.ts"
import type { Group } from "./groups/Group.ts"
import type { Hub } from "./Hub.ts"
import { Log, Recent } from "./Log.ts"
import { proto } from "./protocol/codec.ts"
import { unpad } from "./protocol/padding.ts"
import { type Received, textOfMessage } from "./Received.ts"
import { SignalDevice } from "./signal/SignalDevice.ts"
import { SignalError } from "./signal/SignalError.ts"
import type { Undecryptable } from "./Undecryptable.ts"

const MAX_RETRIES = 5
const REMEMBERED = 50_000
const SENT_REMEMBERED = 2_000

/** A copy of a message for one emulated device, as it comes from a linked device. */
export interface Incoming {
  readonly id: string
  readonly from: Account
  readonly fromDevice: number
  /** The number of the other party of the chat, or the jid of the group. */
  readonly chat: string
  /** The jid the sender wrote to, which decides the addressing of receipts; in a group, the reader's own there. */
  readonly to: string
  readonly group?: string
  readonly type: string
  readonly ciphertext: Buffer
}

export interface OwnReceipts {
  readonly delivered: boolean
  readonly read: boolean
  /** To one's own linked device: that the phone has the copy of what it sent. */
  readonly sender: boolean
}

interface Sent {
  readonly message: proto.IMessage
  readonly to: Account | Group
}

/** WhatsApp shows one message per id, sender and chat. */
const keyOf = (incoming: Incoming): string => `${incoming.from.phone}|${incoming.chat}|${incoming.id}`

const signalError = (error: unknown): SignalError =>
  error instanceof SignalError ? error : new SignalError("malformed", String(error))

type Outcome = "shown" | "duplicate" | "old-counter" | "retry"

/** A device of an account that lives in this server: the phone (number 0), or a further one of the same person. */
export class EmulatedDevice {
  readonly account: Account
  readonly number: number
  readonly keyIndex: number
  readonly signal = new SignalDevice()
  /** For a further device: the phone's signature on its identity, and its own. */
  deviceIdentity: Buffer | undefined = undefined
  readonly inbox: Log<Received>
  readonly duplicates: Log<Received>
  readonly sent = new Recent<Sent>(SENT_REMEMBERED)
  readonly #hub: Hub
  readonly #seen = new Recent<true>(REMEMBERED)
  /** The linked devices that have this one's sender key, by group. */
  readonly #handed = new Map<string, Set<Companion>>()
  readonly #retries = new Recent<{ count: number; readonly record: Undecryptable | undefined }>(REMEMBERED)
  /** Which receipts it gives of its own accord. */
  receipts: OwnReceipts
  /** Whether it uploads media again that its linked devices can no longer fetch, has lost them, or does not answer. */
  reuploads: "yes" | "not-found" | "never" = "yes"
  onShown: (received: Received) => void = () => {}
  /** What a linked device of someone else did with a message written here. */
  onReceipt: (id: string, type: string, by: { readonly account: Account; readonly number: number }) => void = () => {}

  constructor(hub: Hub, account: Account, number = 0, keyIndex = 0) {
    this.#hub = hub
    this.account = account
    this.number = number
    this.keyIndex = keyIndex
    this.receipts = { delivered: true, read: false, sender: hub.settings.senderReceipts }
    this.inbox = new Log(hub.settings.inboxLimit)
    this.duplicates = new Log(hub.settings.logLimit)
  }

  get jid(): string {
    return this.account.jid(this.number)
  }

  /** Reads as an official client does: a failure leaves the session whole, an old counter is not asked for again. */
  receive(incoming: Incoming): { readonly outcome: Outcome; readonly received?: Received; readonly retry?: number } {
    const key = keyOf(incoming)
    let message: proto.IMessage
    try {
      message = this.#open(incoming)
    } catch (error) {
      return this.#failed(incoming, key, signalError(error))
    }
    this.#hub.stats.add("decrypted")
    const retried = this.#retries.get(key)?.record
    if (retried && !retried.recovered) {
      retried.recovered = true
      this.#hub.stats.add("recovered")
    }
    const own = incoming.from === this.account
    const inner = own ? message.deviceSentMessage?.message ?? message : message
    const chat = own
      ? message.deviceSentMessage?.destinationJid ?? incoming.group ?? incoming.to
      : incoming.group ?? incoming.from.jidLike(incoming.to)
    return this.show(
      { id: incoming.id, chat, from: incoming.from, sender: incoming.from.jid(incoming.fromDevice), message: inner },
      key
    )
  }

  /** The sender key that comes before a message in a group. If it cannot be read, the message will tell. */
  receiveKey(incoming: Incoming): void {
    try {
      this.#open(incoming)
    } catch (error) {
      if (!(error instanceof SignalError)) throw error
    }
  }

  /** Whether the device must be handed this one's sender key: once, until there is a new one. */
  hands(group: string, to: Companion): boolean {
    const handed = this.#handed.get(group) ?? new Set()
    this.#handed.set(group, handed)
    return !handed.has(to) && handed.add(to).size > 0
  }

  /** Someone has left the group: the next message is under a key that they are not handed. */
  renewSenderKey(group: string): void {
    this.#handed.delete(group)
    this.signal.senderKeys.renew(group)
  }

  /** What one's own linked device asks its phone for: it is in no chat. */
  receivePeer(incoming: Incoming): void {
    const peer = `${incoming.from.phone}.${incoming.fromDevice}`
    try {
      const plaintext = unpad(this.signal.decrypt(peer, incoming.type, incoming.ciphertext))
      const decoded = proto.Message.decode(plaintext)
      const message = decoded.deviceSentMessage?.message ?? decoded
      const { from, fromDevice, id } = incoming
      this.#hub.events.emit("peer", { phone: from.phone, device: fromDevice, id, message })
    } catch (error) {
      this.#failed(incoming, keyOf(incoming), signalError(error))
    }
  }

  /** A message in the clear: from a neighbour that lives here too, or already decrypted. */
  show(
    plain: {
      readonly id: string
      readonly chat: string
      readonly from: Account
      readonly sender: string
      readonly message: proto.IMessage
    },
    key = `${plain.from.phone}|${plain.chat}|${plain.id}`
  ): { readonly outcome: Outcome; readonly received: Received } {
    const received: Received = {
      id: plain.id,
      chat: plain.chat,
      from: plain.from.phone,
      sender: plain.sender,
      phone: this.account.phone,
      device: this.number,
      text: textOfMessage(plain.message),
      message: plain.message,
      at: new Date(),
      fromMe: plain.from === this.account
    }
    if (this.#seen.has(key)) return this.#duplicate(received)
    this.#seen.set(key, true)
    this.inbox.push(received)
    this.#hub.events.emit("message", received)
    this.onShown(received)
    return { outcome: "shown", received }
  }

  /** Behaves as if this copy could not be read: counts the retry and says how many there were. */
  pretendFailure(incoming: Incoming): number {
    return this.#countRetry(keyOf(incoming), undefined)
  }

  #open({ ciphertext, from, fromDevice, group, type }: Incoming): proto.IMessage {
    const peer = `${from.phone}.${fromDevice}`
    const { senderKeys } = this.signal
    const grouped = type === "skmsg" && group !== undefined
    const plaintext = grouped ? senderKeys.decrypt(group, peer, ciphertext) : this.signal.decrypt(peer, type, ciphertext)
    const message = proto.Message.decode(unpad(plaintext))
    const { axolotlSenderKeyDistributionMessage: key, groupId } = message.senderKeyDistributionMessage ??
      message.deviceSentMessage?.message?.senderKeyDistributionMessage ?? {}
    if (key && groupId && groupId === group) senderKeys.learn(group, peer, key)
    return message
  }

  #failed(incoming: Incoming, key: string, error: SignalError) {
    if (this.#seen.has(key)) {
      // The same frame again: nothing is lost, the id says so.
      return this.#duplicate({
        id: incoming.id,
        chat: incoming.group ?? incoming.from.jidLike(incoming.to),
        from: incoming.from.phone,
        sender: incoming.from.jid(incoming.fromDevice),
        phone: this.account.phone,
        device: this.number,
        text: undefined,
        message: {},
        at: new Date(),
        fromMe: incoming.from === this.account
      })
    }
    const record: Undecryptable = {
      id: incoming.id,
      phone: this.account.phone,
      device: this.number,
      from: incoming.from.phone,
      fromDevice: incoming.fromDevice,
      failure: error.failure,
      at: new Date(),
      recovered: false
    }
    this.#hub.stats.add("undecryptable")
    this.#hub.undecryptable.push(record)
    this.#hub.events.emit("undecryptable", record)
    if (error.failure === "old-counter") return { outcome: "old-counter" as const }
    const retry = this.#countRetry(key, record)
    return retry > MAX_RETRIES ? { outcome: "old-counter" as const } : { outcome: "retry" as const, retry }
  }

  #countRetry(key: string, record: Undecryptable | undefined): number {
    const entry = this.#retries.get(key) ?? { count: 0, record }
    entry.count++
    this.#retries.set(key, entry)
    return entry.count
  }

  #duplicate(received: Received) {
    const duplicate: Received = { ...received, duplicateOf: received.id }
    this.#hub.stats.add("duplicates")
    this.duplicates.push(duplicate)
    this.#hub.events.emit("duplicate", duplicate)
    return { outcome: "duplicate" as const, received: duplicate }
  }
}
