import type { Duplex } from "node:stream"
import type { WebSocket } from "ws"
import type { Stream } from "../Companion.ts"
import type { Hub } from "../Hub.ts"
import type { Certificates } from "../protocol/certificates.ts"
import { decodeNode, encodeCompressed, encodeNode, type Node } from "../protocol/codec.ts"
import { frame, FrameReader } from "../protocol/frames.ts"
import { node } from "../protocol/node.ts"
import { NoiseResponder, type NoiseTransport } from "../protocol/noise.ts"
import { type Breakage, breakages } from "./Breakage.ts"

/** What a connection becomes once its handshake has ended: a registration or a linked device's session. */
export interface StanzaHandler {
  readonly stanza: (stanza: Node) => void
  readonly closed: () => void
}

export type Accept = (connection: Connection, clientKey: Buffer, payload: Buffer) => StanzaHandler | undefined

/** One WebSocket: frames, the Noise handshake, then binary nodes both ways. */
export class Connection implements Stream {
  readonly id: number
  readonly #hub: Hub
  readonly #socket: WebSocket
  readonly #tcp: Duplex
  readonly #certificates: Certificates
  readonly #accept: Accept
  readonly #reader = new FrameReader()
  #noise: NoiseResponder | undefined
  #greeted = false
  #corked = false
  readonly #batch: Array<Buffer> = []
  #transport: NoiseTransport | undefined
  #handler: StanzaHandler | undefined
  /** Set by a black hole: whatever comes is read and forgotten. */
  deaf = false
  label: { readonly phone: string; readonly device: number } | undefined

  constructor(hub: Hub, id: number, socket: WebSocket, tcp: Duplex, certificates: Certificates, accept: Accept) {
    this.#hub = hub
    this.id = id
    this.#socket = socket
    this.#tcp = tcp
    this.#certificates = certificates
    this.#accept = accept
    socket.on("message", (data: Buffer) => this.#receive(data))
    socket.on("error", () => socket.terminate())
    socket.on("close", () => {
      this.#handler?.closed()
      this.#handler = undefined
    })
  }

  get open(): boolean {
    return this.#transport !== undefined && this.#socket.readyState === this.#socket.OPEN
  }

  send(stanza: Node): void {
    if (!this.open || this.deaf) return
    const { compressed, rewrite } = this.#hub.settings.dialect
    const encode = compressed ? encodeCompressed : encodeNode
    for (const each of rewrite?.(stanza) ?? [stanza]) this.sendPlain(encode(each))
  }

  /** Any plaintext as an encrypted frame. */
  sendPlain(plaintext: Uint8Array): void {
    if (!this.#transport || !this.open) return
    this.#gather()
    const framed = frame(this.#transport.encrypt(plaintext))
    if (this.#hub.settings.dialect.batched) this.#batch.push(framed)
    else this.#socket.send(framed)
  }

  /** Bytes as they are. */
  sendRaw(bytes: Uint8Array): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(bytes)
  }

  /** Ends the stream with an error, as WhatsApp does: the reason, then the end. */
  streamError(attrs: Record<string, string>, reason?: Node): void {
    this.send(node("stream:error", attrs, reason ? [reason] : undefined))
    this.end()
  }

  /** The orderly end of a stream. */
  end(): void {
    this.send(node("xmlstreamend"))
    this.#flush()
    this.#socket.close(1000)
  }

  close(code = 1000): void {
    this.#socket.close(code)
  }

  /** Cuts TCP without a word. */
  reset(): void {
    this.#socket.terminate()
  }

  /** Sends something no client expects. */
  break(how: Breakage): void {
    breakages[how](this)
  }

  /** What leaves in one turn of the loop (an ack and its receipts) costs one system call. */
  #gather(): void {
    if (this.#corked) return
    this.#corked = true
    this.#tcp.cork()
    process.nextTick(() => {
      this.#flush()
      this.#corked = false
      this.#tcp.uncork()
    })
  }

  #flush(): void {
    if (this.#batch.length > 0) this.#socket.send(Buffer.concat(this.#batch.splice(0)))
  }

  #receive(data: Buffer): void {
    if (this.deaf) return
    try {
      this.#reader.push(data)
      const header = this.#reader.header()
      if (!header) return
      this.#noise ??= new NoiseResponder(this.#certificates.noiseKeys, header)
      for (let body = this.#reader.next(); body !== undefined; body = this.#reader.next()) this.#frame(body)
    } catch (error) {
      if (!this.#transport) this.#hub.stats.add("handshakeFailures")
      this.#hub.fail(error)
      this.reset()
    }
  }

  #frame(body: Buffer): void {
    if (this.#transport) {
      this.#handler?.stanza(decodeNode(this.#transport.decrypt(body)))
    } else if (!this.#greeted) this.#greet(body)
    else this.#finish(body)
  }

  #greet(body: Buffer): void {
    const { faults } = this.#hub
    this.#greeted = true
    if (faults.take("handshake-hang")) {
      this.deaf = true
      return
    }
    if (faults.take("handshake-garbage")) return this.sendRaw(frame(Buffer.alloc(64, 0xa5)))
    const kind = faults.take("certificate")?.chain ?? "genuine"
    const chain = this.#hub.settings.dialect.chain ?? this.#certificates.chain(kind)
    const hello = this.#noise?.hello(body, chain)
    if (hello) this.sendRaw(frame(hello))
  }

  #finish(body: Buffer): void {
    const finished = this.#noise?.finish(body)
    if (!finished) return
    this.#transport = finished.transport
    this.#hub.stats.add("handshakes")
    if (this.#hub.faults.take("early-frame")) this.send(node("ib", {}, [node("early")]))
    this.#handler = this.#accept(this, finished.clientKey, finished.payload)
  }
}
