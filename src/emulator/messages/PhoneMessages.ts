import type { Account } from "../Account.ts"
import type { EmulatedDevice } from "../EmulatedDevice.ts"
import { EmulatorError } from "../EmulatorError.ts"
import { Group } from "../groups/Group.ts"
import type { proto } from "../protocol/codec.ts"
import * as contents from "./contents.ts"
import { innerMessage } from "./innerMessage.ts"

interface Found {
  readonly chat: string
  readonly message: proto.IMessage
  readonly key: proto.IMessageKey
  /** Its writer, and the reader, by their addresses in the chat. */
  readonly writer: string
  readonly own: string
}

interface Parts {
  readonly device: EmulatedDevice
  readonly send: (to: string, message: proto.IMessage) => Promise<string>
  readonly known: (number: string) => Account
  readonly group: (jid: string) => Group | undefined
}

/** What the person with the phone does about messages that are there, in or out: each by the message's id. */
export class PhoneMessages {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  reply(id: string, text: string, options: { readonly mentions?: ReadonlyArray<string> } = {}): Promise<string> {
    const { chat, message, writer } = this.#find(id)
    const mentionedJid = [...options.mentions ?? []]
    const contextInfo = { stanzaId: id, participant: writer, quotedMessage: message, mentionedJid }
    return this.#parts.send(chat, contents.extendedText(text, contextInfo))
  }

  react(id: string, emoji: string): Promise<string> {
    const { chat, key } = this.#find(id)
    return this.#parts.send(chat, contents.reaction(key, emoji))
  }

  edit(id: string, text: string): Promise<string> {
    const { chat, key } = this.#find(id)
    return this.#parts.send(chat, contents.edit(key, text))
  }

  /** For everyone; of someone else's message in a group, as its admin. */
  revoke(id: string): Promise<string> {
    const { chat, key } = this.#find(id)
    return this.#parts.send(chat, contents.revocation(key))
  }

  vote(id: string, ...options: ReadonlyArray<string>): Promise<string> {
    const { chat, key, message, own, writer } = this.#find(id)
    const secret = message.messageContextInfo?.messageSecret
    if (!secret) throw new EmulatorError("unknown-message", `message ${id} is no poll`)
    return this.#parts.send(chat, contents.vote(key, options, { secret, creator: writer, voter: own }))
  }

  /** The text of a message, passed on to someone. */
  forward(id: string, to: string): Promise<string> {
    const inner = innerMessage(this.#find(id).message)
    const text = inner.conversation ?? inner.extendedTextMessage?.text
    const contextInfo = { isForwarded: true, forwardingScore: 1 }
    if (typeof text === "string") return this.#parts.send(to, contents.extendedText(text, contextInfo))
    return this.#parts.send(to, inner)
  }

  #find(id: string): Found {
    const { device, group, known } = this.#parts
    const { account } = device
    const sent = device.sent.get(id)
    if (sent) {
      const { message, to } = sent
      const chat = to instanceof Group ? to.jid : to.jidLike(this.#address())
      const own = to instanceof Group ? to.addressOf(account) : this.#address()
      const key = { remoteJid: chat, fromMe: true, id, ...(to instanceof Group ? { participant: own } : {}) }
      return { chat, message, key, writer: own, own }
    }
    const received = device.inbox.entries.findLast((each) => each.id === id)
    if (!received) throw new EmulatorError("unknown-message", `no message ${id}`)
    const { chat, from, fromMe, message } = received
    const there = group(chat)
    const own = there?.addressOf(account) ?? account.jidLike(chat)
    const writer = fromMe ? own : there?.addressOf(known(from)) ?? known(from).jidLike(chat)
    return { chat, message, key: { remoteJid: chat, fromMe, id, ...(there ? { participant: writer } : {}) }, writer, own }
  }

  #address(): string {
    const { account } = this.#parts.device
    return account.addressing === "lid" ? account.lidJid() : account.jid()
  }
}
