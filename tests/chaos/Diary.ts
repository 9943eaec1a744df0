/** A message that the walk wanted to be sent. */
export interface Send {
  readonly key: string
  readonly device: number
  readonly contact: number
  readonly text: string
  /** what came before it in its chat, answered before this one was asked for */
  readonly after: Send | undefined
  /** the ids that the service answered with: none while it has not answered, and never two */
  readonly ids: Set<string>
}

/** The same into the group. */
export type GroupSend = Omit<Send, "contact" | "after">

/** A message that somebody else wrote. */
export interface Written {
  readonly id: string
  readonly device: number
  readonly contact: number
  /** the contact's device, or "phone" for the account's own phone */
  readonly from: number | "phone"
  readonly text: string
}

/** What a contact wrote in the group, for all devices. */
export type GroupWritten = Pick<Written, "id" | "contact" | "text">

export const ranks = ["sent", "delivered", "read"] as const

/** What a walk has done: what must be found afterwards, and nothing else. */
export class Diary {
  readonly sends: Array<Send> = []
  readonly written: Array<Written> = []
  readonly groupSends: Array<GroupSend> = []
  readonly groupWritten: Array<GroupWritten> = []
  /** What the service should never have answered. */
  readonly surprises: Array<string> = []
  readonly #receipts = new Map<string, number>()
  #texts = 0

  /** A text that is in no other message, and that no log may show. */
  newText(): string {
    return `geheim${(++this.#texts).toString().padStart(4, "0")}`
  }

  /** A contact has told how far a message has come. */
  receipt(contact: number, id: string, type: "delivered" | "read"): void {
    const key = `${contact}|${id}`
    this.#receipts.set(key, Math.max(ranks.indexOf(type), this.#receipts.get(key) ?? 0))
  }

  /** How far a message of which the server knows has come. */
  statusOf(contact: number, id: string): (typeof ranks)[number] {
    return ranks[this.#receipts.get(`${contact}|${id}`) ?? 0] ?? "sent"
  }
}
