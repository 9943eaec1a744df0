import type { ChainKind } from "./protocol/certificates.ts"

/** The linked device whose connection is meant; without it, any. */
interface OfDevice {
  readonly phone?: string
  readonly device?: number
}

/** A message from that linked device, to that phone number or group jid; without them, any. */
interface OfMessage extends OfDevice {
  readonly to?: string
}

/** A message to that linked device, written by that phone number; without them, any. */
interface ToDevice extends OfDevice {
  readonly from?: string
}

/** Another status (500 without one); no answer; TCP cut; an answer after `ms`. */
type MediaFault = "status" | "hang" | "reset" | "slow"

interface OfQuery extends OfDevice {
  readonly xmlns: string
  /** The tag of the query's first child, as "key" of `encrypt`. */
  readonly tag?: string
}

/** Everything the server can be told to do wrong. `times` limits how often; without it the fault stays. */
export type Fault =
  & { readonly times?: number }
  & (
    /** The HTTP upgrade is refused. */
    | { readonly kind: "upgrade-status"; readonly status: number; readonly retryAfter?: number | string }
    /** The HTTP upgrade is never answered. */
    | { readonly kind: "upgrade-hang" }
    /** The client's hello is never answered; answered with bytes that are no handshake; with another chain. */
    | { readonly kind: "handshake-hang" }
    | { readonly kind: "handshake-garbage" }
    | { readonly kind: "certificate"; readonly chain: ChainKind }
    /** A first encrypted frame leaves in the very moment the handshake ends. */
    | { readonly kind: "early-frame" }
    /** The login gets no answer; `<failure reason=…>`. */
    | OfDevice & { readonly kind: "login-hang" }
    | OfDevice & {
      readonly kind: "login-failure"
      readonly reason: number
      readonly location?: string
      readonly code?: number
      readonly expire?: number
    }
    /** After the login everything is read and nothing answered. */
    | OfDevice & { readonly kind: "black-hole" }
    /** Queries of a namespace get no answer, an error, or a late answer. */
    | OfQuery & { readonly kind: "iq-silence" }
    | OfQuery & { readonly kind: "iq-error"; readonly code: number; readonly text?: string }
    | OfQuery & { readonly kind: "iq-delay"; readonly ms: number }
    /** A message is delivered (unless `deliver` is false), its ack is not sent. */
    | OfMessage & { readonly kind: "ack-drop"; readonly deliver?: boolean }
    | OfMessage & { readonly kind: "ack-delay"; readonly ms: number }
    /** A message is refused with this error in its ack (at once, or after `ms`), and not delivered. */
    | OfMessage & { readonly kind: "ack-error"; readonly code: number; readonly ms?: number }
    /** The ack says that the device list was stale. */
    | OfMessage & { readonly kind: "ack-phash" }
    /** TCP is cut in place of the ack; the message is delivered unless `deliver` is false. */
    | OfMessage & { readonly kind: "ack-close"; readonly deliver?: boolean }
    /** The peer's phone claims that it could not read the message and asks for it again: after `ms`, or under its LID. */
    | OfMessage & { readonly kind: "ask-retry"; readonly ms?: number; readonly lid?: boolean }
    /** The ciphertext for a linked device is spoiled; its retry receipt is then answered with a good one. */
    | ToDevice & { readonly kind: "corrupt" }
    /** The stanza for a linked device goes out twice; or its message a second time, encrypted anew. */
    | ToDevice & { readonly kind: "duplicate" }
    | ToDevice & { readonly kind: "re-encrypt" }
    /** The next look at app state is answered with a blob that lies on the media server. */
    | OfDevice & { readonly kind: "app-state-blob" }
    /** A medium cannot be put on the media server, or not at once. */
    | { readonly kind: "upload"; readonly how: MediaFault; readonly status?: number; readonly ms?: number }
    /** A medium cannot be fetched, comes late, with a byte that is another, cut off, or only half of it as if whole. */
    | {
      readonly kind: "download"
      readonly how: MediaFault | "corrupt" | "cut" | "short"
      readonly status?: number
      readonly ms?: number
    }
    /** Linking ends at the passkey gate: the phone asks to go on in WhatsApp Web, the companion gets a request. */
    | { readonly kind: "passkey"; readonly phone?: string }
  )

export type FaultKind = Fault["kind"]

type FaultOf<Kind extends FaultKind> = Extract<Fault, { readonly kind: Kind }>

/** What is being done, for comparison with the fields a fault names. */
export interface Occasion {
  readonly phone?: string
  readonly device?: number
  readonly to?: string
  readonly from?: string
  readonly xmlns?: string
  readonly tag?: string
}

export interface ActiveFault {
  readonly id: number
  readonly fault: Fault
  readonly hits: number
  readonly remaining: number
  readonly remove: () => void
}

const SELECTORS = ["phone", "device", "to", "from", "xmlns", "tag"] as const

const applies = (fault: Fault, occasion: Occasion): boolean => {
  const wanted = fault as Occasion
  return SELECTORS.every((name) => wanted[name] === undefined || wanted[name] === occasion[name])
}

export class Faults {
  readonly #active: Array<{ id: number; fault: Fault; hits: number; remaining: number; remove: () => void }> = []
  #nextId = 1

  get active(): ReadonlyArray<ActiveFault> {
    return this.#active
  }

  add(fault: Fault): ActiveFault {
    const id = this.#nextId++
    const entry = { id, fault, hits: 0, remaining: fault.times ?? Infinity, remove: () => this.remove(id) }
    this.#active.push(entry)
    return entry
  }

  remove(id: number): void {
    const index = this.#active.findIndex((entry) => entry.id === id)
    if (index >= 0) this.#active.splice(index, 1)
  }

  clear(): void {
    this.#active.length = 0
  }

  /** The first fault of this kind for the occasion; one use of it is spent. */
  take<Kind extends FaultKind>(kind: Kind, occasion: Occasion = {}): FaultOf<Kind> | undefined {
    // Load goes through here for every stanza; most of the time there is nothing.
    if (this.#active.length === 0) return undefined
    const entry = this.#active.find((each) => each.fault.kind === kind && applies(each.fault, occasion))
    if (!entry) return undefined
    entry.hits++
    if (--entry.remaining <= 0) this.remove(entry.id)
    return entry.fault as FaultOf<Kind>
  }
}
