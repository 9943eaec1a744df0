import type { ContactFact } from "./Contact.ts"
import type { Inbound } from "./Inbound.ts"
import type { Jid } from "./Jid.ts"

export type HistoryStatus = "sent" | "delivered" | "read"

/** A message of before the pairing, as the phone remembers it. Of what others wrote, `read` is what was read on the phone. */
export interface HistoryMessage {
  readonly fact: Extract<Inbound, { readonly _tag: "Message" }>
  readonly status: HistoryStatus
}

/** A handful of it, to be stored together. */
export interface HistoryPart {
  readonly contacts: ReadonlyArray<ContactFact>
  readonly groups: ReadonlyArray<{ readonly jid: Jid; readonly name: string }>
  readonly messages: ReadonlyArray<HistoryMessage>
}

/** One piece of what the phone hands over after a pairing. */
export interface HistoryPiece {
  readonly syncType: string
  /** in percent, of all the pieces */
  readonly progress: number | null
  readonly chats: number
  readonly contacts: number
  readonly messages: number
  /** people and groups first; read one after the other, so that what is stored can be forgotten */
  readonly parts: Iterable<HistoryPart>
}
