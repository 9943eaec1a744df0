import { Data, type DateTime } from "effect"
import type { ContactFact } from "./Contact.ts"
import type { Jid } from "./Jid.ts"
import type { MessageId, MessageType } from "./Message.ts"

/** Where a message or receipt belongs: a person (both ids as far as the stanza told them) or a group and its participant. */
export interface Origin {
  readonly chat: Jid
  /** the other end of a direct chat; undefined in groups */
  readonly peer: ContactFact | undefined
  /** who wrote it, in groups */
  readonly participant: ContactFact | undefined
  readonly fromMe: boolean
}

/** Facts that WhatsApp told a device, in the order in which it told them; durable before WhatsApp hears that we have them. */
export type Inbound = Data.TaggedEnum<{
  Message: {
    readonly origin: Origin
    readonly messageId: MessageId
    readonly messageType: MessageType
    readonly content: string | null
    readonly metadata: Readonly<Record<string, unknown>> | null
    /** WhatsApp's protobuf `Message`, for what later work wants to know of it */
    readonly payload: Uint8Array
    readonly timestamp: DateTime.Utc
    /** kept by WhatsApp while the device was away */
    readonly offline: boolean
  }
  /** the text could not be decrypted; its sender has been asked to send it again */
  Undecryptable: {
    readonly origin: Origin
    readonly messageId: MessageId
    readonly timestamp: DateTime.Utc
    readonly reason: string
  }
  Receipt: {
    readonly origin: Origin
    readonly messageIds: ReadonlyArray<MessageId>
    readonly status: "sent" | "delivered" | "read"
    readonly timestamp: DateTime.Utc
  }
  /** protocol traffic that no user sees: done as soon as it is read */
  Internal: { readonly kind: string }
}>
export const Inbound = Data.taggedEnum<Inbound>()
