import type { Account } from "../Account.ts"
import type { Group } from "../groups/Group.ts"
import { messageId } from "../messageId.ts"
import { proto } from "../protocol/codec.ts"

const { Status } = proto.WebMessageInfo

/** Something that was written before a device was linked. */
export interface PastMessage {
  readonly content: string | proto.IMessage
  readonly fromMe?: boolean
  /** Who wrote it, in a group. */
  readonly from?: Account
  readonly at?: Date
  readonly id?: string
}

interface PastChat {
  readonly chat: Account | Group
  readonly messages: ReadonlyArray<PastMessage>
}

const secondsOf = (at: Date | undefined): number => Math.floor((at?.getTime() ?? Date.now()) / 1000)

const isGroupChat = (chat: Account | Group): chat is Group => "members" in chat

/** What a phone remembers from earlier, and gives a device that it has just linked. */
export class Past {
  readonly #owner: Account
  readonly #chats = new Map<string, PastChat>()
  /** Whether a device is sent, after the last of it, all of it again, as one that asks for a full history is. */
  full = false
  /** Everything inside of messages, for a client that cannot reach the media server. */
  inline = false

  constructor(owner: Account) {
    this.#owner = owner
  }

  get empty(): boolean {
    return this.#chats.size === 0
  }

  /** Oldest first; what was remembered of the chat stays before it. */
  add(chat: Account | Group, messages: ReadonlyArray<PastMessage>): void {
    const key = isGroupChat(chat) ? chat.jid : chat.phone
    const withIds = messages.map((each) => ({ ...each, id: each.id ?? messageId() }))
    this.#chats.set(key, { chat, messages: [...this.#chats.get(key)?.messages ?? [], ...withIds] })
  }

  /** The chats, each with its newest messages, at most so many. */
  conversations(newest = Infinity): Array<proto.IConversation> {
    return [...this.#chats.values()].map(({ chat, messages }) => {
      const last = messages.at(-1)
      const names = isGroupChat(chat)
        ? { id: chat.jid, name: chat.subject.text }
        : { id: chat.jid(), displayName: chat.name, lidJid: chat.lidJid() }
      return {
        ...names,
        conversationTimestamp: secondsOf(last?.at),
        unreadCount: 0,
        // Newest first, as WhatsApp's.
        messages: messages.slice(-newest).toReversed().map((each, index) => ({
          message: this.#message(chat, each),
          msgOrderId: messages.length - index
        }))
      }
    })
  }

  mappings(): Array<proto.IPhoneNumberToLIDMapping> {
    const accounts = [...this.#chats.values()].flatMap(({ chat }) => isGroupChat(chat) ? chat.accounts : [chat])
    return [...new Set(accounts)].map((each) => ({ pnJid: each.jid(), lidJid: each.lidJid() }))
  }

  names(): Array<proto.IPushname> {
    const accounts = [...this.#chats.values()].flatMap(({ chat }) => isGroupChat(chat) ? chat.accounts : [chat])
    return [...new Set([this.#owner, ...accounts])].map((each) => ({ id: each.jid(), pushname: each.name }))
  }

  #message(chat: Account | Group, { at, content, from, fromMe = false, id = messageId() }: PastMessage): proto.IWebMessageInfo {
    const writer = fromMe ? this.#owner : from
    const grouped = isGroupChat(chat) && writer ? { participant: chat.addressOf(writer) } : {}
    return {
      key: { remoteJid: isGroupChat(chat) ? chat.jid : chat.jid(), fromMe, id, ...grouped },
      message: typeof content === "string" ? { conversation: content } : content,
      messageTimestamp: secondsOf(at),
      ...grouped,
      ...(fromMe ? { status: Status.READ } : {})
    }
  }
}
