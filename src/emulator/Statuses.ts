import { Recent } from "./Log.ts"
import type { Timers } from "./Timers.ts"
import { Waiters } from "./Waiters.ts"

const REMEMBERED = 10_000
const ranks = ["sent", "delivered", "read", "played"] as const

export type MessageStatus = typeof ranks[number]

const ofReceipt: Record<string, MessageStatus> = {
  delivered: "delivered",
  // Delivered to a client that does not show itself online.
  inactive: "delivered",
  read: "read",
  "read-self": "read",
  played: "played"
}

const reaches = (now: MessageStatus | undefined, wanted: MessageStatus): boolean =>
  now !== undefined && ranks.indexOf(now) >= ranks.indexOf(wanted)

/** How far the messages of a phone have come; they never go back. */
export class Statuses {
  readonly #statuses = new Recent<MessageStatus>(REMEMBERED)
  readonly #waiters: Waiters<{ readonly id: string; readonly status: MessageStatus }>

  constructor(timers: Timers) {
    this.#waiters = new Waiters(timers)
  }

  get(id: string): MessageStatus | undefined {
    return this.#statuses.get(id)
  }

  sent(id: string): void {
    if (!this.#statuses.has(id)) this.#statuses.set(id, "sent")
  }

  receipt(id: string, type: string): void {
    const status = ofReceipt[type]
    if (!status || reaches(this.#statuses.get(id), status)) return
    this.#statuses.set(id, status)
    this.#waiters.tell({ id, status })
  }

  async waitFor(id: string, wanted: MessageStatus, timeoutMs?: number): Promise<MessageStatus> {
    const now = this.#statuses.get(id)
    if (now && reaches(now, wanted)) return now
    const accepts = (event: { readonly id: string; readonly status: MessageStatus }) =>
      event.id === id && reaches(event.status, wanted)
    return (await this.#waiters.wait(accepts, `${id} ${wanted}`, timeoutMs)).status
  }
}
