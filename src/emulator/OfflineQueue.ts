import type { Node } from "./protocol/codec.ts"
import { bareJid } from "./protocol/jid.ts"

interface Entry {
  readonly key: string
  readonly stanza: Node
  /** It was on the wire before: now it goes again, as WhatsApp does until the device acknowledges it. */
  sent: boolean
}

const keyOf = (
  kind: string,
  id: string,
  from: string | undefined,
  type: string | undefined,
  participant: string | undefined
): string =>
  kind === "message"
    ? `message|${id}|${from ? bareJid(from) : ""}`
    : `${kind}|${id}|${from ?? ""}|${type ?? ""}|${participant ?? ""}`

/** What a linked device has not acknowledged yet, in order. */
export class OfflineQueue {
  readonly #entries = new Map<string, Entry>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.size
  }

  get entries(): ReadonlyArray<Entry> {
    return [...this.#entries.values()]
  }

  /** Gives back how many of the oldest had to go. */
  add(stanza: Node, sent: boolean): number {
    const { id = "", from, participant, type } = stanza.attrs
    const key = keyOf(stanza.tag, id, from, type, participant)
    this.#entries.delete(key)
    this.#entries.set(key, { key, stanza, sent })
    if (this.#entries.size <= this.#limit) return 0
    const oldest = this.#entries.keys().next().value
    if (oldest !== undefined) this.#entries.delete(oldest)
    return 1
  }

  acknowledge(kind: string, id: string, from: string | undefined, type?: string, participant?: string): boolean {
    if (this.#entries.delete(keyOf(kind, id, from, type, participant))) return true
    // A receipt may name the other addressing of the sender, or (for one's own messages) none at all.
    if (kind !== "message") return false
    const prefix = `message|${id}|`
    for (const key of this.#entries.keys()) if (key.startsWith(prefix)) return this.#entries.delete(key)
    return false
  }

  clear(): void {
    this.#entries.clear()
  }
}
