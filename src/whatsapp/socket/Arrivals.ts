import type { BinaryNode } from "@whiskeysockets/baileys"
import { bareJid } from "../../domain/Jid.ts"
import { within } from "./Deadline.ts"

/** What Baileys puts aside unread does not keep for ever what came after it. */
const patience = 10_000

interface Arrival {
  readonly chat: string
  /** it waited for us */
  readonly offline: boolean
  readonly written: PromiseWithResolvers<void>
  ciphertexts: number
}

/**
 * The messages that have arrived and are not written down yet. Baileys looks things up in the database before it reads a
 * message, and of two that come together the later one may have its answer first; a receipt needs no reading at all.
 */
export class Arrivals {
  readonly #open = new Map<BinaryNode, Arrival>()
  readonly #waited: (written: Promise<void>) => void

  /** `waited` is told of each message that waited for us, and when it is written down. */
  constructor(waited: (written: Promise<void>) => void) {
    this.#waited = waited
  }

  /** To be told of every message before it is handled: which may be once what came before it in its chat is written down. */
  arrive(stanza: BinaryNode, ciphertexts: number): Promise<void> | undefined {
    const { from = "", recipient = "" } = stanza.attrs
    const chat = `${bareJid(from)}|${bareJid(recipient)}`
    const offline = stanza.attrs["offline"] !== undefined
    const earlier = offline ? undefined : this.#those((each) => each.chat === chat)
    const written = Promise.withResolvers<void>()
    this.#open.set(stanza, { chat, offline, ciphertexts, written })
    if (offline) this.#waited(written.promise)
    return earlier
  }

  /** One of the message's ciphertexts has been written down, or what keeps it from being read. */
  written(stanza: BinaryNode): void {
    const arrival = this.#open.get(stanza)
    if (arrival === undefined || --arrival.ciphertexts > 0) return
    if (arrival.offline) this.#closeOfflineBefore(stanza)
    this.#close(stanza, arrival)
  }

  /** Until all messages that have arrived are written down; undefined if they are. */
  all(): Promise<void> | undefined {
    return this.#those(() => true)
  }

  /** Baileys takes what waited for us one by one: it is done with those before. */
  #closeOfflineBefore(stanza: BinaryNode): void {
    for (const [each, arrival] of this.#open) {
      if (each === stanza) return
      if (arrival.offline) this.#close(each, arrival)
    }
  }

  #those(wanted: (arrival: Arrival) => boolean): Promise<void> | undefined {
    const open = [...this.#open].filter(([, arrival]) => wanted(arrival))
    return open.length === 0 ? undefined : this.#wait(open)
  }

  async #wait(open: ReadonlyArray<readonly [BinaryNode, Arrival]>): Promise<void> {
    await within(patience, Promise.all(open.map(([, { written }]) => written.promise)))
    for (const [stanza, arrival] of open) this.#close(stanza, arrival)
  }

  #close(stanza: BinaryNode, { written }: Arrival): void {
    this.#open.delete(stanza)
    written.resolve()
  }
}
