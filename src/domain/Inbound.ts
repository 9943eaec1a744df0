import { Data, type DateTime } from "effect"
import type { ContactFact } from "./Contact.ts"
import type { Jid } from "./Jid.ts"
import type { MessageId, MessageType } from "./Message.ts"
import type { MessageChange } from "./MessageChange.ts"
import type { MessageMetadata, MessageSecrets } from "./MessageMetadata.ts"

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
    readonly metadata: MessageMetadata | null
    readonly secrets?: MessageSecrets | undefined
    /** WhatsApp's protobuf `Message`, for what later work wants to know of it */
    readonly payload: Uint8Array
    readonly timestamp: DateTime.Utc
    /** kept by WhatsApp while the device was away */
    readonly offline: boolean
  }
  /** one message changes another, which may not have come yet */
  Changed: {
    readonly origin: Origin
    /** of the message that brings the change */
    readonly messageId: MessageId
    readonly target: {
      readonly messageId: MessageId
      /** who wrote it: we, the other end of the direct chat, or this member of the group */
      readonly author: "me" | "peer" | ContactFact
    }
    readonly change: MessageChange
    /** by the clock of who made the change: the newest of his changes of the same kind counts */
    readonly at: DateTime.Utc
    readonly timestamp: DateTime.Utc
    /** our own addresses */
    readonly me: ReadonlyArray<Jid>
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
