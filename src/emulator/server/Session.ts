import type { Companion } from "../Companion.ts"
import type { Exchange } from "../Exchange.ts"
import type { Hub } from "../Hub.ts"
import type { Node } from "../protocol/codec.ts"
import { SERVER_JID } from "../protocol/jid.ts"
import { children, node } from "../protocol/node.ts"
import type { Queries } from "../queries/Queries.ts"
import type { Connection, StanzaHandler } from "./Connection.ts"

/** The logged-in stream of a linked device. */
export class Session implements StanzaHandler {
  readonly #hub: Hub
  readonly #connection: Connection
  readonly #companion: Companion
  readonly #exchange: Exchange
  readonly #queries: Queries

  constructor(hub: Hub, connection: Connection, companion: Companion, exchange: Exchange, queries: Queries) {
    this.#hub = hub
    this.#connection = connection
    this.#companion = companion
    this.#exchange = exchange
    this.#queries = queries
  }

  get #of() {
    return { phone: this.#companion.account.phone, device: this.#companion.number }
  }

  stanza(stanza: Node): void {
    // A replaced stream may still talk; nobody listens to it any more.
    if (this.#companion.stream !== this.#connection) return
    if (this.#hub.faults.take("black-hole", this.#of)) {
      this.#connection.deaf = true
      return
    }
    switch (stanza.tag) {
      case "iq":
        return this.#iq(stanza)
      case "message":
        this.#hub.events.emit("stanza", { ...this.#of, stanza })
        return this.#exchange.message(this.#companion, stanza)
      case "receipt":
        return this.#exchange.receipt(this.#companion, stanza)
      case "ack":
        return this.#exchange.acknowledged(this.#companion, stanza)
      case "presence":
        return this.#presence(stanza)
      case "chatstate":
        return this.#chatstate(stanza)
      case "call":
        return this.#call(stanza)
      case "ib":
        return
      default:
        return this.#unknown(stanza)
    }
  }

  closed(): void {
    if (this.#companion.stream !== this.#connection) return
    this.#companion.stream = undefined
    this.#companion.online = false
    this.#hub.events.emit("disconnected", this.#of)
  }

  #iq(iq: Node): void {
    this.#hub.stats.add("iqs")
    const { xmlns } = iq.attrs
    const tag = children(iq)[0]?.tag
    const occasion = { ...this.#of, ...(xmlns === undefined ? {} : { xmlns }), ...(tag === undefined ? {} : { tag }) }
    if (this.#hub.faults.take("iq-silence", occasion)) return
    const refusal = this.#hub.faults.take("iq-error", occasion)
    const late = this.#hub.faults.take("iq-delay", occasion)
    const answer = () => {
      if (!refusal) return this.#queries.answer(this.#connection, this.#companion, iq)
      const error = node("error", { code: String(refusal.code), text: refusal.text ?? "emulated" })
      this.#connection.send(node("iq", { from: SERVER_JID, type: "error", id: iq.attrs.id }, [error]))
    }
    if (late) this.#hub.timers.after(late.ms, answer)
    else answer()
  }

  #presence(stanza: Node): void {
    const { type = "available", name, to } = stanza.attrs
    if (name) this.#companion.account.name = name
    const { presences } = this.#exchange
    if (type === "subscribe" && to) presences.watch(this.#companion, to)
    if (type === "available" || type === "unavailable") presences.show(this.#companion.account, { type })
    this.#hub.events.emit("presence", { ...this.#of, type })
  }

  #chatstate(stanza: Node): void {
    const { to = "" } = stanza.attrs
    const content = children(stanza)
    this.#exchange.presences.type(this.#companion.account, to, content, { like: to })
    this.#hub.events.emit("chatstate", { ...this.#of, to, state: content[0]?.tag ?? "" })
  }

  #call(stanza: Node): void {
    const type = children(stanza)[0]?.tag
    const link = node("link_create", { token: `emulated${this.#hub.stanzaId()}` })
    const { id, to } = stanza.attrs
    const content = type === "link_create" ? [link] : undefined
    this.#connection.send(node("ack", { class: "call", id, from: to, type }, content))
  }

  #unknown(stanza: Node): void {
    this.#hub.stats.add("unknown")
    this.#hub.unknown.push(stanza)
    this.#hub.events.emit("unknown", { ...this.#of, stanza })
  }
}
